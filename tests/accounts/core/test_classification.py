"""ACC-1, ACC-2: classes, caps, and accounts that must not be routed to."""

from dataclasses import replace
from decimal import Decimal as D

import pytest

from accounts.core.classification import AccountRecord, position_cap_rate, record_gaps
from accounts.enums import AccountClass, LeverageRegime, LotMethod, Registration, SettlementMode, TaxClassification

RECORD = AccountRecord(
    custodian="IB",
    account_number="U1",
    account_class=AccountClass.PERSONAL,
    registration=Registration.JOINT,
    tax_classification=TaxClassification.TAXABLE,
    leverage_regime=LeverageRegime.REG_T,
    base_currency="USD",
    settlement_mode=SettlementMode.SETTLED_ONLY,
    lot_method=LotMethod.FIFO,
    mandate_id="m1",
    owner_ids=frozenset({"M"}),
)


@pytest.mark.parametrize(
    ("kind", "cap"),
    [(AccountClass.PERSONAL, "0.10"), (AccountClass.SHELTERED, "0.02"), (AccountClass.ENTITY, "0.05"), (AccountClass.MANAGED, "0.01")],
)
def test_acc_1_position_caps(kind, cap):
    assert position_cap_rate(kind) == D(cap)


def test_acc_1_a_prop_accounts_cap_is_its_contracts():
    assert position_cap_rate(AccountClass.PROP, D("0.03")) == D("0.03")
    with pytest.raises(ValueError, match="contract"):
        position_cap_rate(AccountClass.PROP)
    prop = replace(RECORD, account_class=AccountClass.PROP, registration=Registration.PROP_EVALUATION)
    assert record_gaps(prop) == (("contract_cap_rate", "the contract states no position cap"),)
    assert record_gaps(replace(prop, contract_cap_rate=D("0.03"))) == ()


@pytest.mark.parametrize("name", [n for n in AccountRecord.__dataclass_fields__ if n not in ("contract_cap_rate", "owner_ids")])
def test_acc_2_an_unclassified_account_is_not_routed(name):
    assert record_gaps(RECORD) == ()
    assert (name, f"{name} is missing") in record_gaps(replace(RECORD, **{name: None}))


def test_acc_2_an_account_without_an_owner_is_not_routed():
    assert record_gaps(replace(RECORD, owner_ids=frozenset())) == (("owner_ids", "owner_ids is missing"),)


def test_acc_1_an_ira_never_borrows_whoever_manages_it():
    ira = replace(RECORD, account_class=AccountClass.MANAGED, registration=Registration.ROTH_IRA)
    assert record_gaps(ira) == (("leverage_regime", "an account registered as ROTH_IRA cannot borrow under REG_T"),)
    assert record_gaps(replace(ira, leverage_regime=LeverageRegime.LIMITED_MARGIN)) == ()
    assert record_gaps(replace(ira, account_class=AccountClass.ENTITY, leverage_regime=LeverageRegime.CASH)) == (
        ("registration", "an account of class ENTITY cannot be registered as ROTH_IRA"),
    )
