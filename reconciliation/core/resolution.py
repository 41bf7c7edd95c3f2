"""Typed adjustments that resolve breaks (REC-7).

Entry points: `ALLOWED`, `adjust`, `Adjustment`, `Posting`, `UnableToAdjust`.
Invariants: 1. nothing is overwritten: an adjustment is new entries beside the old ones; 2. its postings sum to zero per unit (I6), against
the reconciliation suspense account; 3. each type of break admits only its own kinds; 4. reason, evidence and a second person are mandatory.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ..enums import AdjustmentKind as Kind
from ..enums import BreakType as Type
from ..enums import ItemKind
from .breaks import Break

SUSPENSE = "RECONCILIATION_SUSPENSE"

# Corrections of reference data, and claims: they explain a break and post nothing.
WITHOUT_POSTINGS = frozenset({Kind.SYMBOL_REMAP, Kind.PRICE_SOURCE, Kind.SETTLE_DATE, Kind.MARGIN_MODEL, Kind.CUSTODIAN_CORRECTION})
_FILLS = frozenset({Kind.BOOK_FILL, Kind.BUST_FILL, Kind.CORRECT_FILL})

_OWN: dict[Type, frozenset[Kind]] = {
    Type.MISSING_FILL: frozenset({Kind.BUST_FILL}),
    Type.EXTRA_FILL: frozenset({Kind.BOOK_FILL}),
    Type.QUANTITY: frozenset({Kind.CORRECT_FILL, Kind.BOOK_FILL, Kind.BUST_FILL, Kind.CORPORATE_ACTION, Kind.TRANSFER}),
    Type.PRICE: frozenset({Kind.CORRECT_FILL, Kind.PRICE_SOURCE}),
    Type.CASH: frozenset(
        {Kind.CASH, Kind.FEE, Kind.COMMISSION, Kind.DIVIDEND, Kind.TAX, Kind.TRANSFER, Kind.FX_DIFFERENCE, Kind.CORPORATE_ACTION}
    ),
    Type.FEE: frozenset({Kind.FEE}),
    Type.COMMISSION: frozenset({Kind.COMMISSION}),
    Type.DIVIDEND_TAX: frozenset({Kind.DIVIDEND, Kind.TAX}),
    Type.CORPORATE_ACTION: frozenset({Kind.CORPORATE_ACTION}),
    Type.FX_RATE: frozenset({Kind.FX_DIFFERENCE}),
    Type.SYMBOL_MAP: frozenset({Kind.SYMBOL_REMAP}),
    Type.SETTLE_DATE_TIMING: frozenset({Kind.SETTLE_DATE}),
    Type.TRANSFER: frozenset({Kind.TRANSFER}),
    Type.TAX_BASIS: frozenset({Kind.TAX_BASIS}),
    Type.MARGIN: frozenset({Kind.MARGIN_MODEL}),
    Type.DUPLICATE: frozenset({Kind.BUST_FILL}),
}
ALLOWED: dict[Type, frozenset[Kind]] = {kind: own | {Kind.CUSTODIAN_CORRECTION} for kind, own in _OWN.items()}


class UnableToAdjust(Exception):
    """An adjustment that is refused. code: KIND_NOT_ALLOWED, NO_REASON, NO_EVIDENCE, SAME_PERSON, NO_DIFFERENCE, NO_FILL."""

    def __init__(self, code: str, context: str = "") -> None:
        self.code, self.context = code, context
        super().__init__(f"{code} {context}".rstrip())


@dataclass(frozen=True, slots=True)
class Posting:
    """One ledger leg: account (or SUSPENSE), unit (a symbol or a currency), amount to add."""

    account: str
    unit: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What resolves a break: its kind, its postings (none for corrections and claims), and why."""

    kind: Kind
    break_key: tuple[str, ...]
    account: str
    postings: tuple[Posting, ...]
    reason: str
    evidence: tuple[str, ...]
    requested_by: str
    approved_by: str


def adjust(found: Break, kind: Kind, *, reason: str, evidence: tuple[str, ...], requested_by: str, approved_by: str) -> Adjustment:
    """Return the adjustment that makes our books agree with the custodian on this break.

    evidence: references to documents or files, at least one. A fill posts its quantity and its cash effect; money posts the difference.
    A tax-basis adjustment posts nothing here: the lots are corrected by TAX rules with this record as their reason.

    Raises UnableToAdjust.
    """
    if kind not in ALLOWED[found.type]:
        raise UnableToAdjust("KIND_NOT_ALLOWED", f"{kind} for {found.type}")
    if not reason.strip():
        raise UnableToAdjust("NO_REASON")
    if not evidence or not all(item.strip() for item in evidence):
        raise UnableToAdjust("NO_EVIDENCE")
    if not requested_by or not approved_by or requested_by == approved_by:
        raise UnableToAdjust("SAME_PERSON")
    postings = () if kind in WITHOUT_POSTINGS or kind is Kind.TAX_BASIS else _postings(found, kind)
    return Adjustment(kind, found.key, found.account, postings, reason.strip(), evidence, requested_by, approved_by)


def _postings(found: Break, kind: Kind) -> tuple[Posting, ...]:
    if found.item is ItemKind.TRADE:
        quantity = () if found.type in (Type.PRICE, Type.CASH) else _pair(found.account, found.symbol, _difference(found))
        return quantity + (_pair(found.account, found.currency, found.cash_difference) if found.cash_difference else ())
    if found.item is ItemKind.POSITION:
        if kind in _FILLS:
            raise UnableToAdjust("NO_FILL", "a holding is corrected through the fill that caused it")
        return _pair(found.account, found.symbol, _difference(found))
    return _pair(found.account, found.currency, _difference(found))


def _difference(found: Break) -> Decimal:
    if not found.difference:
        raise UnableToAdjust("NO_DIFFERENCE")
    return found.difference


def _pair(account: str, unit: str, amount: Decimal) -> tuple[Posting, ...]:
    return Posting(account, unit, amount), Posting(SUSPENSE, unit, -amount)
