"""ACC-1, ACC-2: what must be on file before an account trades."""

import pytest

from governance.core.gates import GATES, AccountOnFile, blocked_accounts, gate_findings
from governance.enums import AccountGate


@pytest.mark.parametrize("account_class", list(GATES))
def test_acc_1_each_class_needs_all_its_evidence(account_class):
    gates = GATES[account_class]
    assert gate_findings(AccountOnFile("A", account_class, frozenset(gates))) == []
    for gate in gates:
        findings = gate_findings(AccountOnFile("A", account_class, frozenset(gates) - {gate}))
        assert [(finding.gate, finding.rule) for finding in findings] == [(gate, "ACC-1")]


def test_acc_1_managed_accounts_need_authority_mandate_fees_and_address():
    findings = gate_findings(AccountOnFile("A", "MANAGED", frozenset()))
    assert [finding.gate for finding in findings] == [
        AccountGate.AUTHORITY,
        AccountGate.MANDATE,
        AccountGate.FEE_SCHEDULE,
        AccountGate.STATEMENT_ADDRESS,
    ]


def test_acc_1_a_desk_that_hedges_needs_a_contract_that_permits_it():
    permits_copying = frozenset({AccountGate.CONTRACT_COPYING})
    assert gate_findings(AccountOnFile("P", "PROP", permits_copying)) == []
    assert [finding.gate for finding in gate_findings(AccountOnFile("P", "PROP", permits_copying, hedges=True))] == [
        AccountGate.CONTRACT_HEDGING
    ]


def test_acc_2_an_unclassified_account_is_blocked():
    everything = frozenset(AccountGate)
    blocked = blocked_accounts(
        [AccountOnFile("A", "", everything), AccountOnFile("B", "NEW", everything), AccountOnFile("C", "PERSONAL", everything)]
    )
    assert {account_id: findings[0].rule for account_id, findings in blocked.items()} == {"A": "ACC-2", "B": "ACC-2"}
