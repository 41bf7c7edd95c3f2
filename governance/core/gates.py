"""What must be on file before an account may trade at all, by class (ACC-1).

Entry points: `gate_findings` for one account, `blocked_accounts` for many.

Invariants
1. An account without a class, or of a class unknown here, is blocked (ACC-2).
2. Facts that are not recorded count as missing: the gate fails closed (CON-5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from governance.enums import AccountGate

# Keyed by the stored names of account classes; the accounts app owns the enum and stands above this one.
GATES: Mapping[str, tuple[AccountGate, ...]] = MappingProxyType(
    {
        "PERSONAL": (AccountGate.OWNER_CONFIRMED,),
        "SHELTERED": (AccountGate.OWNER_CONFIRMED, AccountGate.NO_BORROWING),
        "ENTITY": (AccountGate.RESOLUTION, AccountGate.SIGNER),
        "MANAGED": (AccountGate.AUTHORITY, AccountGate.MANDATE, AccountGate.FEE_SCHEDULE, AccountGate.STATEMENT_ADDRESS),
        "PROP": (AccountGate.CONTRACT_COPYING,),
    }
)
NEEDS_AUTHORITY = frozenset({"MANAGED"})
_MISSING: Mapping[AccountGate, str] = MappingProxyType(
    {
        AccountGate.CLASSIFIED: "the account has no known class",
        AccountGate.OWNER_CONFIRMED: "the owner has not confirmed the account",
        AccountGate.NO_BORROWING: "a sheltered account may not borrow, pledge or sell short uncovered",
        AccountGate.RESOLUTION: "no resolution of the entity is on file",
        AccountGate.SIGNER: "no authorised signer is on file",
        AccountGate.AUTHORITY: "no authority (LPA, POA or IMA) is recorded",
        AccountGate.MANDATE: "no mandate is in force",
        AccountGate.FEE_SCHEDULE: "no fee schedule is recorded",
        AccountGate.STATEMENT_ADDRESS: "no address for statements is recorded",
        AccountGate.CONTRACT_COPYING: "the trading firm's contract does not permit copying",
        AccountGate.CONTRACT_HEDGING: "the trading firm's contract does not permit hedging",
    }
)


@dataclass(frozen=True, slots=True)
class AccountOnFile:
    """What is recorded about an account.

    satisfied: the gates whose evidence is on file; hedges: the account holds opposite legs or is meant to.
    """

    account_id: str
    account_class: str
    satisfied: frozenset[AccountGate]
    hedges: bool = False


@dataclass(frozen=True, slots=True)
class GateFinding:
    """A gate that stands open for lack of evidence."""

    account_id: str
    gate: AccountGate
    reason: str
    rule: str = "ACC-1"


def gate_findings(account: AccountOnFile) -> list[GateFinding]:
    """Return every gate the account fails, in the order of the rule; empty = may trade (ACC-1, ACC-2).

    >>> [finding.gate.value for finding in gate_findings(AccountOnFile("E1", "ENTITY", frozenset({AccountGate.SIGNER})))]
    ['RESOLUTION']
    """
    gates = GATES.get(account.account_class)
    if gates is None:
        return [GateFinding(account.account_id, AccountGate.CLASSIFIED, _MISSING[AccountGate.CLASSIFIED], "ACC-2")]
    if account.account_class == "PROP" and account.hedges:
        gates = (*gates, AccountGate.CONTRACT_HEDGING)
    return [GateFinding(account.account_id, gate, _MISSING[gate]) for gate in gates if gate not in account.satisfied]


def blocked_accounts(accounts: Iterable[AccountOnFile]) -> dict[str, list[GateFinding]]:
    """Return the findings of the accounts that may not trade, by account id."""
    found = ((account.account_id, gate_findings(account)) for account in accounts)
    return {account_id: findings for account_id, findings in found if findings}
