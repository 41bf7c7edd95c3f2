"""Which lots a sale closes (TAX-1, TAX-3) and which it should not yet (TAX-4).

Entry points: `Lot`, `choose`, `without_short_term_gains`.

Invariants:
1. The order never depends on the order in which lots are given, except between lots of the same day: there the earlier stays earlier.
2. Ties go to long-term lots first, then to the earliest (TAX-3).
3. Specific choices come first; what they leave is FIFO (TAX-1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from accounts.enums import LotMethod

from .holding_period import is_long_term, last_long_term_purchase, long_term_from
from .ledger import Id

Choice = tuple[Id, Decimal]


@dataclass(frozen=True, slots=True)
class Lot:
    """Shares acquired together. quantity: < 0 for a short lot.

    basis: cost with fees, of a short lot its proceeds less fees; whole lot, minor units. basis_adjustment: what wash sales add (WASH-9; for
    a short lot negative, WASH-14). holding_start: deemed purchase date, earlier than `acquired_date` where a holding period was tacked on.
    funded_until: settle date of the unsettled proceeds that paid for it (ACC-6), None when settled cash did.
    """

    lot_id: Id
    acquired_date: date
    holding_start: date
    quantity: Decimal
    basis: Decimal
    currency: str
    basis_adjustment: Decimal = Decimal(0)
    funded_until: date | None = None

    @property
    def is_long(self) -> bool:
        return self.quantity > 0

    @property
    def adjusted_basis(self) -> Decimal:
        return self.basis + self.basis_adjustment

    @property
    def unit_basis(self) -> Fraction:
        """Adjusted basis a share, exact."""
        return Fraction(self.adjusted_basis) / Fraction(abs(self.quantity))


def choose(lots: Sequence[Lot], quantity: Decimal, method: LotMethod, on: date, selection: Sequence[Choice] = ()) -> tuple[Choice, ...]:
    """Return (lot id, quantity > 0) in closing order, summing to `quantity`.

    on: the sale's trade date, which decides what is long-term. selection: lots named by the owner; used by SPECIFIC only.

    Raises ValueError if the lots hold less than `quantity`, or the selection names what is not there or too much of it.
    """
    named = _named(lots, quantity, selection) if method is LotMethod.SPECIFIC else {}
    rest = quantity - sum(named.values(), Decimal(0))
    chosen = list(named.items())
    for lot in sorted(lots, key=_order(method, on)) if rest else ():
        if not rest:
            break
        available = abs(lot.quantity) - named.get(lot.lot_id, Decimal(0))
        taken = min(available, rest)
        if taken > 0:
            chosen.append((lot.lot_id, taken))
            rest -= taken
    if rest:
        raise ValueError(f"lots hold {quantity - rest} of the {quantity} to close")
    return _merged(chosen)


def _merged(chosen: Sequence[Choice]) -> tuple[Choice, ...]:
    merged: dict[Id, Decimal] = {}
    for lot_id, quantity in chosen:
        merged[lot_id] = merged.get(lot_id, Decimal(0)) + quantity
    return tuple(merged.items())


def _named(lots: Sequence[Lot], quantity: Decimal, selection: Sequence[Choice]) -> dict[Id, Decimal]:
    held = {lot.lot_id: abs(lot.quantity) for lot in lots}
    named = dict(_merged(selection))
    for lot_id, wanted in named.items():
        if not 0 < wanted <= held.get(lot_id, Decimal(0)):
            raise ValueError(f"lot {lot_id} holds {held.get(lot_id, 0)}, cannot close {wanted} of it")
    if sum(named.values(), Decimal(0)) > quantity:
        raise ValueError(f"selection names more than the {quantity} to close")
    return named


def _order(method: LotMethod, on: date) -> Callable[[Lot], tuple[Any, ...]]:
    long_term_until = last_long_term_purchase(on)

    def key(lot: Lot) -> tuple[Any, ...]:
        short_term = lot.holding_start > long_term_until
        if method is LotMethod.LIFO:
            return (-lot.acquired_date.toordinal(), short_term)
        if method is LotMethod.HIFO:
            return (-lot.unit_basis if lot.is_long else lot.unit_basis, short_term, lot.acquired_date)
        return (lot.acquired_date, short_term)

    return key


@dataclass(frozen=True, slots=True)
class TaxAwareChoice:
    """A discretionary sale under "no short-term gains": what to close now, and how much waits (TAX-4).

    next_long_term_date: when the first deferred lot becomes long-term; None if nothing waits.
    """

    chosen: tuple[Choice, ...]
    deferred: Decimal
    next_long_term_date: date | None


def without_short_term_gains(
    lots: Sequence[Lot], quantity: Decimal, price: Decimal, on: date, multiplier: Decimal = Decimal(1)
) -> TaxAwareChoice:
    """Choose loss lots (largest loss a share first), then long-term lots (highest basis first); defer what only short-term gains fill.

    lots: long lots of a taxable account. Stops, margin calls, risk exits and client instructions must not come here. Source: TAX-4.
    """
    value = Fraction(price) * Fraction(multiplier)
    ranked = sorted(lots, key=lambda lot: (lot.unit_basis <= value, -lot.unit_basis, lot.acquired_date))
    chosen, rest, waiting = [], quantity, []
    for lot in ranked:
        if lot.unit_basis < value and not is_long_term(lot.holding_start, on):
            waiting.append(long_term_from(lot.holding_start))
        elif rest > 0:
            chosen.append((lot.lot_id, min(rest, lot.quantity)))
            rest -= min(rest, lot.quantity)
    return TaxAwareChoice(tuple(chosen), rest, min(waiting) if waiting and rest else None)
