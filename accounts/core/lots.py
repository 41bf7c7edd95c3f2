"""Tax lots as values: what a trade opens and closes (TAX-1..3).

Entry points: `Trade`, `Lot`, `Closure`, `LotChange`, `apply_trade`, `rebuild`, `apply_split`, `withdraw`. The order in which lots are
closed is in `lot_selection`, holding periods in `holding_period`.

Invariants:
1. Σ lot quantities = the position; lots of one position all have the same sign.
2. Money is conserved to the minor unit: basis that leaves lots is in closures, a trade's proceeds and fees are in its lots and closures.
3. Fees join the basis of what is bought and reduce the proceeds of what is sold (TAX-3).
4. Late, corrected and busted trades are handled by `rebuild` from the trades that stand: the same trades always give the same lots.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from accounts.enums import LotMethod
from base.core.money import round_money
from base.core.splitting import largest_remainder, split_money

from .holding_period import is_long_term
from .ledger import Id
from .lot_selection import Choice, Lot, choose
from .scaled import from_scaled, to_scaled

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Trade:
    """A fill as lots see it. quantity: + buy, − sell. amount: |quantity| × price × multiplier in whole minor units. fee: < 0 is a rebate.

    acquired_date: given for lots that arrive with their own date (opening, transfer in kind). selection: lots named for SPECIFIC.
    funded_until: ACC-6, kept by the lot it opens.
    """

    trade_id: Id
    trade_date: date
    settle_date: date
    quantity: Decimal
    amount: Decimal
    currency: str
    fee: Decimal = ZERO
    acquired_date: date | None = None
    selection: tuple[tuple[Id, Decimal], ...] = ()
    funded_until: date | None = None


@dataclass(frozen=True, slots=True)
class Closure:
    """One lot, or a part of it, closed by one trade.

    quantity: signed like the lot. proceeds, basis: of this part, fees and basis adjustments included; for a short lot the proceeds came
    first and the basis is what covering cost. recognised_date: TAX-2 (short sales: gain on the cover's trade date, loss on its delivery).
    """

    lot_id: Id
    trade_id: Id
    quantity: Decimal
    acquired_date: date
    holding_start: date
    closed_date: date
    recognised_date: date
    proceeds: Decimal
    basis: Decimal
    long_term: bool

    @property
    def gain(self) -> Decimal:
        """Proceeds − basis; negative is a loss."""
        return self.proceeds - self.basis


@dataclass(frozen=True, slots=True)
class LotChange:
    """What a trade did. remaining: every lot open afterwards, those just opened included, in order of acquisition."""

    opened: tuple[Lot, ...]
    closed: tuple[Closure, ...]
    remaining: tuple[Lot, ...]


def apply_trade(lots: Sequence[Lot], trade: Trade, method: LotMethod = LotMethod.FIFO) -> LotChange:
    """Close lots of the opposite sign, then open what is left over: a trade through zero does both.

    lots: of one account (crypto: one wallet), sleeve, leg and instrument, in order of acquisition. Fees and
    amount are split over the parts by largest remainder.

    Raises ValueError for a zero quantity, lots of mixed signs or ids used twice, amounts finer than the minor unit, or a selection
    that does not exist.
    Source: TAX-1, TAX-2, TAX-3.
    """
    _check_trade(lots, trade)
    against = bool(lots) and lots[0].is_long != (trade.quantity > 0)
    held = abs(sum((lot.quantity for lot in lots), ZERO)) if against else ZERO
    closing = min(held, abs(trade.quantity))
    opening = abs(trade.quantity) - closing
    chosen = choose(lots, closing, method, trade.trade_date, trade.selection) if closing else ()
    amounts = _net_amounts(trade, [quantity for _, quantity in chosen] + ([opening] if opening else []))
    closed, remaining = _close_chosen(lots, chosen, amounts, trade, method) if chosen else ((), tuple(lots))
    if not opening:
        return LotChange((), closed, remaining)
    opened = _open(trade, opening, amounts[-1])
    place = bisect_right(remaining, opened.acquired_date, key=lambda lot: lot.acquired_date)
    return LotChange((opened,), closed, (*remaining[:place], opened, *remaining[place:]))


def _check_trade(lots: Sequence[Lot], trade: Trade) -> None:
    if not trade.quantity:
        raise ValueError(f"trade {trade.trade_id} has no quantity")
    if len({lot.is_long for lot in lots}) > 1:
        raise ValueError("lots are both long and short")
    if len({lot.lot_id for lot in lots} | {trade.trade_id}) <= len(lots):
        raise ValueError(f"a lot id occurs twice, or trade {trade.trade_id} has opened a lot before")


def _close_chosen(
    lots: Sequence[Lot], chosen: Sequence[Choice], amounts: Sequence[Decimal], trade: Trade, method: LotMethod
) -> tuple[tuple[Closure, ...], tuple[Lot, ...]]:
    """Return the closures, in closing order, and the lots left over, in the order they were given."""
    pool = _averaged(lots, trade.currency) if method is LotMethod.AVERAGE else lots
    by_id = {lot.lot_id: lot for lot in pool}
    closures = []
    for (lot_id, quantity), amount in zip(chosen, amounts, strict=False):
        closure, by_id[lot_id] = _close(by_id[lot_id], quantity, amount, trade)
        closures.append(closure)
    return tuple(closures), tuple(lot for lot in by_id.values() if lot.quantity)


def rebuild(trades: Iterable[Trade], method: LotMethod = LotMethod.FIFO) -> LotChange:
    """Return the lots and all closures that `trades` give from nothing, taken by trade date, then in the order given.

    Leave busted trades out and give corrected ones their new figures: this is how the past is put right (invariant 4). `opened` is empty.
    """
    lots: tuple[Lot, ...] = ()
    closed: list[Closure] = []
    for trade in sorted(trades, key=lambda trade: trade.trade_date):
        change = apply_trade(lots, trade, method)
        lots = change.remaining
        closed += change.closed
    return LotChange((), tuple(closed), lots)


def apply_split(lots: Sequence[Lot], new_quantity: Decimal) -> tuple[Lot, ...]:
    """Scale lots to a position of `new_quantity` (10⁻⁸), total basis and dates untouched. Source: REC-5.

    Raises ValueError if the position changes sign or disappears.
    """
    old = sum((lot.quantity for lot in lots), ZERO)
    if not old or (old > 0) != (new_quantity > 0) or not new_quantity:
        raise ValueError(f"a split cannot turn {old} into {new_quantity}")
    weights = [Fraction(abs(lot.quantity)) for lot in lots]
    parts = largest_remainder(to_scaled(new_quantity), weights, [str(lot.lot_id) for lot in lots])
    return tuple(replace(lot, quantity=from_scaled(part)) for lot, part in zip(lots, parts, strict=True))


def withdraw(lots: Sequence[Lot], *, acquired_date: date, quantity: Decimal, basis: Decimal) -> tuple[Lot, ...]:
    """Take a lot, or a part of one, out in kind: nothing is realised.

    quantity, basis: signed as the lot's quantity and both of the part that leaves; a whole lot leaves with its whole basis.

    Raises ValueError if no lot of that date holds so much quantity and basis.
    """
    for i, lot in enumerate(lots):
        rest = replace(lot, quantity=lot.quantity - quantity, basis=lot.basis - abs(basis))
        fits = lot.acquired_date == acquired_date and lot.is_long == (quantity > 0) and abs(quantity) <= abs(lot.quantity)
        if fits and rest.basis >= 0 and (rest.quantity or not rest.basis):
            return (*lots[:i], *([rest] if rest.quantity else []), *lots[i + 1 :])
    raise ValueError(f"no lot of {acquired_date} holds {quantity} at a basis of {basis}")


def _net_amounts(trade: Trade, quantities: Sequence[Decimal]) -> list[Decimal]:
    """Return what each part cost (buy) or brought (sell), fees included."""
    net = trade.amount + trade.fee if trade.quantity > 0 else trade.amount - trade.fee
    if len(quantities) == 1 and round_money(net, trade.currency) == net:
        return [net]
    keys = [f"{i:06d}" for i in range(len(quantities))]
    return split_money(net, [to_scaled(quantity) for quantity in quantities], keys, trade.currency)


def _open(trade: Trade, quantity: Decimal, amount: Decimal) -> Lot:
    acquired = trade.acquired_date or trade.trade_date
    signed = quantity if trade.quantity > 0 else -quantity
    return Lot(trade.trade_id, acquired, acquired, signed, amount, trade.currency, funded_until=trade.funded_until)


def _close(lot: Lot, quantity: Decimal, amount: Decimal, trade: Trade) -> tuple[Closure, Lot]:
    """Close `quantity` (> 0) of the lot for `amount`; basis leaves in proportion, rounded once, the rest keeps the rest."""
    part = Fraction(to_scaled(quantity), to_scaled(abs(lot.quantity)))
    basis = lot.basis if part == 1 else round_money(Fraction(lot.basis) * part, lot.currency)
    adjustment = lot.basis_adjustment if part == 1 else round_money(Fraction(lot.basis_adjustment) * part, lot.currency)
    signed = quantity if lot.is_long else -quantity
    carried = basis + adjustment
    proceeds, cost = (amount, carried) if lot.is_long else (carried, amount)
    recognised = trade.trade_date if lot.is_long or proceeds >= cost else trade.settle_date
    closure = Closure(
        lot_id=lot.lot_id,
        trade_id=trade.trade_id,
        quantity=signed,
        acquired_date=lot.acquired_date,
        holding_start=lot.holding_start,
        closed_date=trade.trade_date,
        recognised_date=recognised,
        proceeds=proceeds,
        basis=cost,
        long_term=lot.is_long and is_long_term(lot.holding_start, trade.trade_date),
    )
    rest = replace(lot, quantity=lot.quantity - signed, basis=lot.basis - basis, basis_adjustment=lot.basis_adjustment - adjustment)
    return closure, rest


def _averaged(lots: Sequence[Lot], currency: str) -> tuple[Lot, ...]:
    """Return the lots with their total basis spread evenly over the shares (TAX-1 average)."""
    if not lots:
        return ()
    keys = [str(lot.lot_id) for lot in lots]
    weights = [to_scaled(abs(lot.quantity)) for lot in lots]
    basis = split_money(sum((lot.basis for lot in lots), ZERO), weights, keys, currency)
    adjustment = split_money(sum((lot.basis_adjustment for lot in lots), ZERO), weights, keys, currency)
    return tuple(replace(lot, basis=b, basis_adjustment=a) for lot, b, a in zip(lots, basis, adjustment, strict=True))
