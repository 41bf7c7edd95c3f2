"""Trades of a day: ours against theirs (REC-3, REC-4).

Entry points: `match_trades`.
Invariants: 1. matched by execution id first, then one to one by (account, instrument, signed quantity, price, trade date), preferring equal
settle date and amount; 2. every row of either side ends in exactly one pair or in one break; 3. the order of rows changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..enums import BreakType, ItemKind
from .breaks import TYPE_CODE, Differences, Policy, differences, join_differences
from .expectation import TimingTable
from .fixed import SCALE, Bools, Ints
from .joins import group_codes, hash_words, id_words, pair_equal, pair_ids
from .snapshot import TradeTable, take

_NATURAL = ("account", "instrument", "quantity", "price", "trade_day")


def match_trades(ours: TradeTable, theirs: TradeTable) -> tuple[Differences, TimingTable]:
    """Return candidate differences, and the pairs whose cash settles on different days.

    Both sides: the trades of the business date only. A missing fill is one we booked alone, an extra fill one they show alone.
    """
    left, right = pair_ids(ours.account, ours.exec_id, theirs.account, theirs.exec_id)
    rest_ours, rest_theirs = _canonical(ours, _others(len(ours), left)), _canonical(theirs, _others(len(theirs), right))
    for names in ((*_NATURAL, "settle_day", "amount"), _NATURAL):
        more_left, more_right = _pair_by(ours, theirs, rest_ours, rest_theirs, names)
        left, right = np.concatenate([left, more_left]), np.concatenate([right, more_right])
        rest_ours, rest_theirs = _without(rest_ours, more_left), _without(rest_theirs, more_right)
    pairs, timing = _compare(take(ours, left), take(theirs, right))
    parts = [*pairs, _unpaired(ours, rest_ours, left, mine=True), _unpaired(theirs, rest_theirs, right, mine=False)]
    return join_differences(parts), timing


def _others(length: int, taken: Ints) -> Ints:
    free = np.ones(length, np.bool_)
    free[taken] = False
    return np.flatnonzero(free)


def _without(rows: Ints, taken: Ints) -> Ints:
    return rows[~np.isin(rows, taken)]


def _canonical(table: TradeTable, rows: Ints) -> Ints:
    """Order rows by their content, so that which of several equal rows is left over does not depend on the file's order."""
    if len(rows) < 2:
        return rows
    columns = [table.exec_id, table.currency, table.amount, table.settle_day, *(getattr(table, name) for name in reversed(_NATURAL))]
    return rows[np.lexsort([column[rows] for column in columns])]


def _pair_by(ours: TradeTable, theirs: TradeTable, rows_ours: Ints, rows_theirs: Ints, names: Sequence[str]) -> tuple[Ints, Ints]:
    if len(rows_ours) == 0 or len(rows_theirs) == 0:
        return rows_ours[:0], rows_theirs[:0]
    codes = group_codes([getattr(ours, name)[rows_ours] for name in names], [getattr(theirs, name)[rows_theirs] for name in names])
    left, right = pair_equal(*codes)
    return rows_ours[left], rows_theirs[right]


def _compare(ours: TradeTable, theirs: TradeTable) -> tuple[list[Differences], TimingTable]:
    remapped = (ours.instrument != theirs.instrument) | (ours.currency != theirs.currency)
    quantity = ~remapped & (ours.quantity != theirs.quantity)
    price = ~remapped & (ours.price != theirs.price)
    amount = ~remapped & ~quantity & ~price & (ours.amount != theirs.amount)
    timing = (ours.settle_day != theirs.settle_day) | (ours.trade_day != theirs.trade_day)
    parts = []
    for where, kind, policy, name in (
        (remapped, BreakType.SYMBOL_MAP, Policy.ALWAYS, "quantity"),
        (quantity, BreakType.QUANTITY, Policy.ALWAYS, "quantity"),
        (price, BreakType.PRICE, Policy.MATERIAL, "price"),
        (amount, BreakType.CASH, Policy.MATERIAL, "amount"),
    ):
        if bool(where.any()):
            parts.append(_pair_difference(take(ours, where), take(theirs, where), kind, policy, name))
    late = timing & (ours.settle_day != theirs.settle_day)
    if bool(timing.any()):
        parts.append(_timing_difference(take(ours, timing), take(theirs, timing)))
    cash = TimingTable(
        ours.account[late], ours.currency[late], ours.amount[late], theirs.amount[late], ours.settle_day[late], theirs.settle_day[late]
    )
    return parts, cash


def _pair_difference(ours: TradeTable, theirs: TradeTable, kind: BreakType, policy: Policy, name: str) -> Differences:
    mine, other = getattr(ours, name), getattr(theirs, name)
    whole = kind is BreakType.SYMBOL_MAP
    factor = {"quantity": theirs.price, "price": np.abs(theirs.quantity), "amount": np.full(len(ours), SCALE)}[name]
    return differences(
        ItemKind.TRADE,
        kind,
        policy,
        ours.account,
        instrument=ours.instrument,
        their_instrument=theirs.instrument if whole else -1,
        currency=theirs.currency,
        day=ours.trade_day,
        ours=mine,
        theirs=other,
        delta=other if whole else other - mine,
        factor=factor,
        price=theirs.price,
        cash=theirs.amount - ours.amount,
        settle_day=theirs.settle_day,
        exec_id=_known_id(ours, theirs),
    )


def _timing_difference(ours: TradeTable, theirs: TradeTable) -> Differences:
    settles = ours.settle_day != theirs.settle_day
    return differences(
        ItemKind.TRADE,
        BreakType.SETTLE_DATE_TIMING,
        Policy.TIMING,
        ours.account,
        instrument=ours.instrument,
        currency=ours.currency,
        day=ours.trade_day,
        ours=np.where(settles, ours.settle_day, ours.trade_day),
        theirs=np.where(settles, theirs.settle_day, theirs.trade_day),
        price=ours.price,
        self_day=np.where(settles, np.maximum(ours.settle_day, theirs.settle_day), np.maximum(ours.trade_day, theirs.trade_day)),
        exec_id=_known_id(ours, theirs),
    )


def _known_id(ours: TradeTable, theirs: TradeTable) -> NDArray[np.bytes_]:
    return np.where(ours.exec_id == b"", theirs.exec_id, ours.exec_id)


def _unpaired(table: TradeTable, rows: Ints, paired: Ints, *, mine: bool) -> Differences:
    alone = take(table, rows)
    repeated = _repeats(table, rows, paired)
    sign = -1 if mine else 1
    kind = np.where(repeated, TYPE_CODE[BreakType.DUPLICATE], TYPE_CODE[BreakType.MISSING_FILL if mine else BreakType.EXTRA_FILL])
    return differences(
        ItemKind.TRADE,
        kind,
        Policy.ALWAYS,
        alone.account,
        instrument=alone.instrument,
        currency=alone.currency,
        day=alone.trade_day,
        ours=alone.quantity if mine else 0,
        theirs=0 if mine else alone.quantity,
        has_ours=mine,
        has_theirs=not mine,
        delta=sign * alone.quantity,
        factor=alone.price,
        price=alone.price,
        cash=sign * alone.amount,
        settle_day=alone.settle_day,
        exec_id=alone.exec_id,
    )


def _repeats(table: TradeTable, rows: Ints, paired: Ints) -> Bools:
    """Tell which left-over rows repeat another row of their own side: same account and execution id, or, without one, equal in every
    column.

    Fills that differ only in their execution id are different fills: child orders of equal size at one price are common.
    """
    if len(rows) == 0:
        return np.zeros(0, np.bool_)
    words = id_words(table.exec_id, max(8, table.exec_id.dtype.itemsize))
    hashes = hash_words(table.account, words)
    wanted = np.sort(hashes[rows])
    at = np.minimum(np.searchsorted(wanted, hashes[paired]), len(wanted) - 1)
    known = {_identity(table, int(row)) for row in paired[wanted[at] == hashes[paired]]}
    result = np.zeros(len(rows), np.bool_)
    for i, row in enumerate(rows):
        identity = _identity(table, int(row))
        result[i] = identity in known
        if table.exec_id[row]:
            known.add(identity)
    return result


def _identity(table: TradeTable, row: int) -> tuple[object, ...]:
    if table.exec_id[row]:
        return int(table.account[row]), bytes(table.exec_id[row])
    return tuple(int(getattr(table, name)[row]) for name in (*_NATURAL, "currency", "settle_day", "amount"))
