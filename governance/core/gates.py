"""What must be on file before an account may trade at all, by class (ACC-1).

Entry points: `gate_findings` for one account, `blocked_accounts` for some, `first_open_gate` for very many.

Invariants
1. An account without a class, or of a class unknown here, is blocked (ACC-2).
2. Facts that are not recorded count as missing: the gate fails closed (CON-5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from governance.enums import AccountGate

_NUMBER = {gate: number for number, gate in enumerate(AccountGate)}

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
MISSING: Mapping[AccountGate, str] = MappingProxyType(
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
        return [GateFinding(account.account_id, AccountGate.CLASSIFIED, MISSING[AccountGate.CLASSIFIED], "ACC-2")]
    if account.account_class == "PROP" and account.hedges:
        gates = (*gates, AccountGate.CONTRACT_HEDGING)
    return [GateFinding(account.account_id, gate, MISSING[gate]) for gate in gates if gate not in account.satisfied]


def blocked_accounts(accounts: Iterable[AccountOnFile]) -> dict[str, list[GateFinding]]:
    """Return the findings of the accounts that may not trade, by account id."""
    found = ((account.account_id, gate_findings(account)) for account in accounts)
    return {account_id: findings for account_id, findings in found if findings}


def first_open_gate(
    classes: npt.NDArray[np.int64], legend: Sequence[str], satisfied: Mapping[AccountGate, npt.NDArray[np.bool_]]
) -> npt.NDArray[np.int64]:
    """Return for each account 0, or 1 + the number (in AccountGate) of the first gate it fails, in the order of the rule.

    classes: int64[n], positions in `legend`, the class names. satisfied: bool[n] by gate; a gate that is not given is satisfied by nobody.
    Hedging is not looked at. Source: ACC-1, ACC-2; agrees with `gate_findings`.
    """
    result = np.zeros(len(classes), dtype=np.int64)
    for number, name in enumerate(legend):
        members = classes == number
        for gate in reversed(GATES.get(name, (AccountGate.CLASSIFIED,))):
            missing = members if gate not in satisfied or name not in GATES else members & ~satisfied[gate]
            result[missing] = 1 + _NUMBER[gate]
    return result
