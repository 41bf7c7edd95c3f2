"""Whether an account is described well enough to be traded (ACC-1, ACC-2).

Entry points: `AccountRecord`, `record_gaps`, `position_cap_rate`.
Invariant: an account with any gap is not routed (ACC-2 [H]); nothing missing is ever assumed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal

from accounts.enums import (
    DEFAULT_POSITION_CAPS,
    REGISTRATIONS,
    AccountClass,
    LeverageRegime,
    LotMethod,
    Registration,
    SettlementMode,
    TaxClassification,
)

from .ledger import Id


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """What must be known of an account (ACC-2). contract_cap_rate: for PROP, the cap its contract states."""

    custodian: str | None
    account_number: str | None
    account_class: AccountClass | None
    registration: Registration | None
    tax_classification: TaxClassification | None
    leverage_regime: LeverageRegime | None
    base_currency: str | None
    settlement_mode: SettlementMode | None
    lot_method: LotMethod | None
    mandate_id: Id | None
    owner_ids: frozenset[Id]
    contract_cap_rate: Decimal | None = None


_BORROWING = frozenset({LeverageRegime.REG_T, LeverageRegime.PORTFOLIO_MARGIN, LeverageRegime.LEVERAGED})


def record_gaps(record: AccountRecord) -> tuple[tuple[str, str], ...]:
    """Return why the account must not be routed to, each reason with its field; empty when nothing is missing. Source: ACC-1, ACC-2."""
    gaps = [(f.name, f"{f.name} is missing") for f in fields(record) if f.name != "contract_cap_rate" and not getattr(record, f.name)]
    if record.account_class and record.registration and record.registration not in REGISTRATIONS[record.account_class]:
        gaps.append(("registration", f"an account of class {record.account_class} cannot be registered as {record.registration}"))
    if record.registration in REGISTRATIONS[AccountClass.SHELTERED] and record.leverage_regime in _BORROWING:
        gaps.append(("leverage_regime", f"an account registered as {record.registration} cannot borrow under {record.leverage_regime}"))
    if record.account_class is AccountClass.PROP and record.contract_cap_rate is None:
        gaps.append(("contract_cap_rate", "the contract states no position cap"))
    return tuple(gaps)


def position_cap_rate(account_class: AccountClass, contract_cap_rate: Decimal | None = None) -> Decimal:
    """Return the position cap as a rate of equity (ACC-1 [D]); a PROP account's is its contract's.

    Raises ValueError for a PROP account without one (CON-5: a missing limit blocks).
    """
    cap = DEFAULT_POSITION_CAPS[account_class]
    if cap is None:
        cap = contract_cap_rate
    if cap is None:
        raise ValueError("a PROP account has no position cap without its contract's")
    return cap
