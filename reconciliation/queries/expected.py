"""Our whole side of a run: the books of accounts as an `Expectation` (REC-1).

Entry points: `expectation_of`, `comparable`, `recognised`.
Invariants: 1. what our books cannot tell apart is not compared apart: kinds of fees are folded on both sides; 2. margin is compared of the
accounts it can be worked out for, and of no other; 3. trades and charges of clearing accounts are not compared, their holdings and cash are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np

from ..core.expectation import Expectation, TimingTable
from ..core.fixed import Bools, Ints, to_day
from ..core.joins import group_codes, pair_equal, pair_ids
from ..core.materiality import Rates
from ..core.snapshot import Snapshot, TradeTable, take
from ..enums import ItemKind, MovementKind
from .adjusted import adjusted_on
from .codebook import Codebook
from .daybook import KIND_CODE, day_of_books
from .ledger import state_at
from .margins import our_margins
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
    """What we expect of a custodian, the rates it is valued by, and bool[n_accounts] whose margin is compared."""

    expectation: Expectation
    rates: Rates
    margined: Bools


def expectation_of(book: Codebook, as_of: date, instant: datetime, open_timing: TimingTable, *, charges_only: bool) -> OurSide:
    """Return our side at the end of `as_of`. instant: the close, for marks. charges_only: a broker's report, which has of movements only
    fees and commissions, and no margin. Raises UnreadableRates."""
    day = to_day(as_of)
    marks, rates = marks_at(book, instant), rates_at(book, instant)
    state = state_at(book, as_of, marks)
    booked = day_of_books(book, as_of)
    table, movements = adjusted_on(book, as_of, booked.trades, booked.movements)
    if charges_only:
        movements = take(movements, _CHARGES[movements.kind])
    margins = our_margins(book, as_of, state.positions, rates)
    with_margin = margins.any_rates and not charges_only
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
        margins=margins.table,
        required=frozenset(ItemKind) if with_margin else REQUIRED,
        open_timing=open_timing,
    )
    return OurSide(expectation, rates, margins.known)


def comparable(book: Codebook, ours: OurSide, snapshot: Snapshot) -> Snapshot:
    """Return a custodian's snapshot in the terms of our books (see the invariants)."""
    fees = replace(snapshot.fees, kind=_FOLD[snapshot.fees.kind] if len(snapshot.fees) else snapshot.fees.kind)
    trades = snapshot.trades
    if bool(book.clearing.any()):
        fees, trades = take(fees, ~book.clearing[fees.account]), take(trades, ~book.clearing[trades.account])
    margins = take(snapshot.margins, ours.margined[snapshot.margins.account])
    sections = snapshot.sections if ItemKind.MARGIN in ours.expectation.required else snapshot.sections - {ItemKind.MARGIN}
    return replace(snapshot, fees=fees, trades=trades, sections=sections, margins=margins)


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
