"""What lots cost in the account's base currency, lot by lot.

The books keep a lot's basis in the currency it was traded in. In base currency a lot costs what its own booking was worth on its own day;
what a sale takes of it is the same share of both.

Entry point: `lot_bases`. Errors: `UnableToState` LOTS_DIFFER (lots and ledger tell different stories).
Invariants:
1. The parts of a booking (closures, and the lot it opens) sum exactly to the booking's worth in base currency.
2. What leaves a lot and what stays sum exactly to what it cost: nothing is rounded twice (shares are differences of running totals).
3. A lot that moves between the account's own sleeves keeps its cost.
4. Bookings that were reversed, and their reversals, leave no trace.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from base.core.money import round_money
from reporting.core.books import ZERO, Booking, ClosureRow, LotRow
from reporting.core.statement_proofs import UnableToState

Rate = Callable[[str, date], Decimal]
Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Gain:
    """A closure in base currency."""

    closure: ClosureRow
    lot: LotRow
    proceeds: Decimal
    basis: Decimal


@dataclass(frozen=True, slots=True)
class LotBases:
    """opening, closing: signed basis by instrument. gains: closures of the period. moved_in_kind: signed basis by (transaction, sleeve).

    unpriced: instruments with lots that were booked without a price (margined: only their profit ever moves money).
    """

    opening: Mapping[int, Decimal]
    closing: Mapping[int, Decimal]
    gains: tuple[Gain, ...]
    moved_in_kind: Mapping[tuple[UUID, UUID | None], Decimal]
    unpriced: frozenset[int]


@dataclass(slots=True)
class _Pool:
    """The cost of one lot, or of all lots of a position where the method is average: in its currency and in base."""

    local: Decimal = ZERO
    base: Decimal = ZERO
    sign: int = 1
    instrument_id: int = 0
    priced: bool = True

    def take(self, local: Decimal, currency: str) -> Decimal:
        part = self.base if local == self.local else ZERO
        if local != self.local and self.local:
            part = round_money(Fraction(self.base) * Fraction(local) / Fraction(self.local), currency)
        self.local -= local
        self.base -= part
        return part


@dataclass(slots=True)
class _Walk:
    base: str
    start: date
    average: bool
    pools: dict[Key, _Pool] = field(default_factory=dict)
    gains: list[Gain] = field(default_factory=list)
    moved: dict[tuple[UUID, UUID | None], Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))
    carried: dict[UUID, Decimal] = field(default_factory=dict)

    def pool(self, lot: LotRow) -> _Pool:
        key: Key = (lot.sleeve_id, lot.leg_id, lot.instrument_id, lot.is_long) if self.average else (lot.id,)
        return self.pools.setdefault(key, _Pool(sign=1 if lot.is_long else -1, instrument_id=lot.instrument_id))

    def bases(self) -> dict[int, Decimal]:
        totals: dict[int, Decimal] = defaultdict(lambda: ZERO)
        for pool in self.pools.values():
            totals[pool.instrument_id] += pool.sign * pool.base
        return dict(totals)

    def unpriced(self) -> frozenset[int]:
        return frozenset(pool.instrument_id for pool in self.pools.values() if not pool.priced)


def lot_bases(
    bookings: Iterable[Booking],
    lots: Sequence[LotRow],
    closures: Sequence[ClosureRow],
    *,
    base_currency: str,
    start: date,
    average: bool,
    rate: Rate,
) -> LotBases:
    """Return what the account's lots cost in base currency at both ends of the period, and its realised gains.

    bookings: everything that opened, closed or moved these lots, up to the end of the period. rate: base currency for one unit, on a day.
    Raises UnableToState LOTS_DIFFER.
    """
    by_id = {lot.id: lot for lot in lots}
    opened: dict[tuple[UUID, UUID | None], list[LotRow]] = defaultdict(list)
    taken: dict[tuple[UUID, UUID | None], list[ClosureRow]] = defaultdict(list)
    for lot in lots:
        opened[lot.transaction_id, lot.sleeve_id].append(lot)
    for closure in closures:
        taken[closure.transaction_id, by_id[closure.lot_id].sleeve_id].append(closure)
    standing = sorted(
        (b for b in bookings if b.stands and b.quantity),
        key=lambda b: (b.trade_date, b.transaction_id.bytes, bool(opened[b.transaction_id, b.sleeve_id])),
    )
    left = _withdrawn(standing, lots, closures, opened, taken, average)
    walk = _Walk(base_currency, start, average)
    opening: dict[int, Decimal] | None = None
    for booking in standing:
        if opening is None and booking.trade_date >= start:
            opening = walk.bases()
        key = (booking.transaction_id, booking.sleeve_id)
        _apply(walk, booking, opened[key], [(c, by_id[c.lot_id]) for c in taken[key]], left, rate)
    if opening is None:
        opening = walk.bases()
    return LotBases(opening, walk.bases(), tuple(walk.gains), dict(walk.moved), walk.unpriced())


def _net(booking: Booking) -> tuple[str, Decimal]:
    """Return the currency of an exchange and what it cost (negative: brought), fees included."""
    currencies = set(booking.trading) | set(booking.fees)
    if len(currencies) > 1:
        raise UnableToState("LOTS_DIFFER", booking=booking.transaction_id, currencies=sorted(currencies))
    currency = next(iter(currencies), "")
    return currency, booking.trading.get(currency, ZERO) + booking.fees.get(currency, ZERO)


def _closing_worth(closure: ClosureRow, lot: LotRow) -> Decimal:
    """Return what the closing booking itself brought (a sale) or cost (a cover)."""
    return closure.proceeds if lot.is_long else closure.basis


def _apply(
    walk: _Walk,
    booking: Booking,
    opened: list[LotRow],
    taken: list[tuple[ClosureRow, LotRow]],
    left: dict[UUID, list[tuple[LotRow, Decimal]]],
    rate: Rate,
) -> None:
    currency, cost = _net(booking)
    if withdrawn := left.get(booking.transaction_id):
        key = (booking.transaction_id, booking.sleeve_id)
        for lot, local in withdrawn:
            pool = walk.pool(lot)
            gone = pool.take(local, walk.base)
            walk.moved[key] -= pool.sign * gone
            walk.carried[booking.transaction_id] = walk.carried.get(booking.transaction_id, ZERO) + gone
        return
    worth = abs(round_money(cost * rate(currency, booking.trade_date), walk.base)) if cost else ZERO
    if not booking.cash:
        walk.moved[booking.transaction_id, booking.sleeve_id] += worth if cost > 0 else -worth
    parts = _Shares(worth, abs(cost), walk.base)
    for closure, lot in taken:
        came, pool = parts.next(_closing_worth(closure, lot)), walk.pool(lot)
        gone = pool.take(closure.basis if lot.is_long else closure.proceeds, walk.base)
        if closure.closed_on >= walk.start:
            proceeds, basis = (came, gone) if lot.is_long else (gone, came)
            walk.gains.append(Gain(closure, lot, proceeds, basis))
    if not opened:
        if taken and parts.left():
            raise UnableToState("LOTS_DIFFER", booking=booking.transaction_id, unexplained=parts.left())
        return
    local, base = parts.left(), walk.carried.pop(booking.transaction_id, None) or parts.rest()
    pool = walk.pool(opened[0])
    pool.local, pool.base = pool.local + local, pool.base + base
    pool.priced = pool.priced and (bool(booking.trading) or booking.entry_type != "TRADE")


@dataclass(slots=True)
class _Shares:
    """Splits a booking's worth over its parts by running totals (invariant 1)."""

    worth: Decimal
    cost: Decimal
    currency: str
    done: Decimal = ZERO
    given: Decimal = ZERO

    def next(self, local: Decimal) -> Decimal:
        self.done += local
        upto = self.worth if self.done == self.cost else ZERO
        if self.done != self.cost and self.cost:
            upto = round_money(Fraction(self.worth) * Fraction(self.done) / Fraction(self.cost), self.currency)
        part, self.given = upto - self.given, upto
        return part

    def left(self) -> Decimal:
        return self.cost - self.done

    def rest(self) -> Decimal:
        return self.worth - self.given


def _withdrawn(
    standing: Sequence[Booking],
    lots: Sequence[LotRow],
    closures: Sequence[ClosureRow],
    opened: Mapping[tuple[UUID, UUID | None], Sequence[LotRow]],
    taken: Mapping[tuple[UUID, UUID | None], Sequence[ClosureRow]],
    average: bool,
) -> dict[UUID, list[tuple[LotRow, Decimal]]]:
    """Return, for each booking that moved lots out in kind, the lots it took and how much of their basis.

    The ledger states the basis that left, not the lot; what a lot lacks besides its closures and what remains of it is what left it.
    Where the method is average any lot of the position will do: they share one pool.
    """
    leaving = [b for b in standing if b.entry_type == "TRANSFER" and not opened[b.transaction_id, b.sleeve_id]]
    if not leaving:
        return {}
    missing = _unexplained(standing, lots, closures, opened, taken)
    found: dict[UUID, list[tuple[LotRow, Decimal]]] = {}
    for booking in leaving:
        basis = abs(_net(booking)[1])
        fits = [
            lot
            for lot in lots
            if (lot.sleeve_id, lot.instrument_id) == (booking.sleeve_id, booking.instrument_id)
            and (average or missing.get(lot.id, ZERO) >= basis)
        ]
        lot = next((lot for lot in fits if missing.get(lot.id) == basis), fits[0] if fits else None)
        if lot is None:
            raise UnableToState("LOTS_DIFFER", booking=booking.transaction_id, left_in_kind=basis)
        missing[lot.id] = missing.get(lot.id, ZERO) - basis
        found.setdefault(booking.transaction_id, []).append((lot, basis))
    return found


def _unexplained(
    standing: Sequence[Booking],
    lots: Sequence[LotRow],
    closures: Sequence[ClosureRow],
    opened: Mapping[tuple[UUID, UUID | None], Sequence[LotRow]],
    taken: Mapping[tuple[UUID, UUID | None], Sequence[ClosureRow]],
) -> dict[UUID, Decimal]:
    by_id = {lot.id: lot for lot in lots}
    missing: dict[UUID, Decimal] = {}
    for booking in standing:
        key = (booking.transaction_id, booking.sleeve_id)
        for lot in opened[key]:
            closing = sum((_closing_worth(c, by_id[c.lot_id]) for c in taken[key]), ZERO)
            missing[lot.id] = abs(_net(booking)[1]) - closing - lot.basis
    for closure in closures:
        lot = by_id[closure.lot_id]
        if lot.id in missing:
            missing[lot.id] -= closure.basis if lot.is_long else closure.proceeds
    return missing
