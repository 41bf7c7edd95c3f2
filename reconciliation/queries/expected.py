"""Our whole side of a run: the books of accounts as an `Expectation` (REC-1).

Entry points: `expectation_of`, `comparable`, `recognised`.
Invariants: 1. what our books cannot tell apart is not compared apart: kinds of fees are folded on both sides; 2. margin is not compared,
our books hold none; 3. trades and charges of clearing accounts are not compared, their holdings and cash are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np

from ..core.expectation import Expectation, TimingTable
from ..core.fixed import Ints, to_day
from ..core.joins import group_codes, pair_equal, pair_ids
from ..core.materiality import Rates
from ..core.snapshot import AmountTable, Snapshot, TradeTable, make_table, take
from ..enums import ItemKind, MovementKind
from .adjusted import adjusted_on
from .codebook import Codebook
from .daybook import KIND_CODE, day_of_books
from .ledger import state_at
from .marks import equity_at, marks_at, rates_at

REQUIRED = frozenset(ItemKind) - {ItemKind.MARGIN}
_FOLDED = {
    MovementKind.EXCHANGE_FEE: MovementKind.COMMISSION,
    MovementKind.BORROW_FEE: MovementKind.OTHER_FEE,
    MovementKind.CUSTODY_FEE: MovementKind.OTHER_FEE,
    MovementKind.MANAGEMENT_FEE: MovementKind.OTHER_FEE,
}
_FOLD = np.array([KIND_CODE[_FOLDED.get(kind, kind)] for kind in MovementKind])
_CHARGES = np.isin(np.arange(len(MovementKind)), [KIND_CODE[MovementKind.COMMISSION], KIND_CODE[MovementKind.OTHER_FEE]])


@dataclass(frozen=True, slots=True, eq=False)
class OurSide:
    """What we expect of a custodian, and the rates it is valued by."""

    expectation: Expectation
    rates: Rates


def expectation_of(book: Codebook, as_of: date, instant: datetime, open_timing: TimingTable, *, charges_only: bool) -> OurSide:
    """Return our side at the end of `as_of`. instant: the close, for marks. charges_only: of movements only fees and commissions."""
    day = to_day(as_of)
    marks, rates = marks_at(book, instant), rates_at(book, instant)
    state = state_at(book, as_of, marks)
    booked = day_of_books(book, as_of)
    table, movements = adjusted_on(book, as_of, booked.trades, booked.movements)
    if charges_only:
        movements = take(movements, _CHARGES[movements.kind])
    expectation = Expectation(
        as_of=as_of,
        expected=book.open_on(day),
        equity=equity_at(book, as_of, state, marks, rates),
        base_currency=book.base_currency,
        positions=state.positions,
        cash_td=state.cash_td,
        cash_sd=state.cash_sd,
        trades=table,
        fees=movements,
        margins=make_table(AmountTable, []),
        required=REQUIRED,
        open_timing=open_timing,
    )
    return OurSide(expectation, rates)


def comparable(book: Codebook, snapshot: Snapshot) -> Snapshot:
    """Return a custodian's snapshot in the terms of our books (see the invariants)."""
    fees = replace(snapshot.fees, kind=_FOLD[snapshot.fees.kind] if len(snapshot.fees) else snapshot.fees.kind)
    trades = snapshot.trades
    if bool(book.clearing.any()):
        fees, trades = take(fees, ~book.clearing[fees.account]), take(trades, ~book.clearing[trades.account])
    sections = snapshot.sections - {ItemKind.MARGIN}
    return replace(snapshot, fees=fees, trades=trades, sections=sections, margins=make_table(AmountTable, []))


def recognised(ours: TradeTable, theirs: TradeTable) -> TradeTable:
    """Return our trades with the custodian's price where account, instrument, quantity, money and date agree without an execution id.

    Our price is worked out from rounded money; where the money agrees there is nothing to compare.
    """
    left, right = pair_ids(ours.account, ours.exec_id, theirs.account, theirs.exec_id)
    if len(left) in (len(ours), len(theirs)):
        return ours
    mine, other = _others(len(ours), left), _others(len(theirs), right)
    names = ("account", "instrument", "quantity", "amount", "trade_day")
    codes = group_codes([getattr(ours, name)[mine] for name in names], [getattr(theirs, name)[other] for name in names])
    left, right = pair_equal(*codes)
    price: Ints = ours.price.copy()
    price[mine[left]] = theirs.price[other[right]]
    return replace(ours, price=price)


def _others(count: int, taken: Ints) -> Ints:
    free = np.ones(count, np.bool_)
    free[taken] = False
    return np.flatnonzero(free)
