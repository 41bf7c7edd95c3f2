"""Amounts of money: cash, fees and other movements, margin; and settled cash explained by settle-date timing (REC-3, REC-4).

Entry points: `match_amounts`, `explain_by_timing`.
Invariants: 1. only equal (account, kind, currency, day) are compared; 2. an amount of zero equals no amount; 3. timing part + rest =
difference.
"""

from __future__ import annotations

import numpy as np

from ..enums import BreakType, ItemKind, MarginKind, MovementKind
from .breaks import TYPE_CODE, Differences, Policy, differences
from .expectation import TimingTable
from .joins import align, pack, pick, sum_by_key
from .snapshot import AmountTable, take

_DAYS = 2**17
_MOVEMENT_TYPE = {
    MovementKind.COMMISSION: BreakType.COMMISSION,
    MovementKind.INTEREST: BreakType.CASH,
    MovementKind.DIVIDEND: BreakType.DIVIDEND_TAX,
    MovementKind.TAX: BreakType.DIVIDEND_TAX,
    MovementKind.CORPORATE_ACTION: BreakType.CORPORATE_ACTION,
    MovementKind.TRANSFER: BreakType.TRANSFER,
}
_MOVEMENT_CODES = np.array([TYPE_CODE[_MOVEMENT_TYPE.get(kind, BreakType.FEE)] for kind in MovementKind])
_FEES = np.isin(_MOVEMENT_CODES, [TYPE_CODE[BreakType.FEE], TYPE_CODE[BreakType.COMMISSION]])


def match_amounts(item: ItemKind, ours: AmountTable, theirs: AmountTable, n_currencies: int) -> Differences:
    """Compare amounts per (account, kind, currency, day); several rows of one key are one amount."""
    sizes = [2**31, max(len(MovementKind), len(MarginKind)), n_currencies, _DAYS]
    (key_ours, sum_ours, _), (key_theirs, sum_theirs, _) = (
        sum_by_key(pack([side.account, side.kind, side.currency, side.day], _narrow(sizes, side)), side.amount) for side in (ours, theirs)
    )
    left, right = align(key_ours, key_theirs)
    mine, other = left >= 0, right >= 0
    amount_ours, amount_theirs = pick(sum_ours, left, mine), pick(sum_theirs, right, other)
    rows = np.flatnonzero(amount_ours != amount_theirs)
    key = np.where(mine, pick(key_ours, left, mine), pick(key_theirs, right, other))[rows]
    day, currency, kind = key % _DAYS, key // _DAYS % n_currencies, key // _DAYS // n_currencies % sizes[1]
    fee = item is ItemKind.FEE
    plain = TYPE_CODE[BreakType.MARGIN if item is ItemKind.MARGIN else BreakType.CASH]
    return differences(
        item,
        _MOVEMENT_CODES[kind] if fee else np.full(len(rows), plain),
        np.where(_FEES[kind], Policy.FEE, Policy.MATERIAL) if fee else Policy.MATERIAL,
        key // _DAYS // n_currencies // sizes[1],
        currency=currency,
        kind=-1 if item in (ItemKind.CASH_TD, ItemKind.CASH_SD) else kind,
        day=day if fee else -1,
        ours=amount_ours[rows],
        theirs=amount_theirs[rows],
        has_ours=mine[rows],
        has_theirs=other[rows],
        delta=amount_theirs[rows] - amount_ours[rows],
    )


def explain_by_timing(found: Differences, timing: TimingTable, day: int) -> list[Differences]:
    """Split settled-cash differences into what open settle-date differences explain and the rest (REC-4).

    A difference is split only where that makes the rest smaller: a custodian that agrees is never given a break.
    """
    ours_in, theirs_in = timing.our_settle_day <= day, timing.their_settle_day <= day
    active = take(timing, ours_in != theirs_in)
    if len(active) == 0 or len(found) == 0:
        return [found]
    effect: dict[tuple[int, int], int] = {}
    until: dict[tuple[int, int], int] = {}
    for row in range(len(active)):
        key = (int(active.account[row]), int(active.currency[row]))
        early = int(active.their_amount[row]) if active.their_settle_day[row] <= day else -int(active.our_amount[row])
        effect[key] = effect.get(key, 0) + early
        until[key] = max(until.get(key, 0), int(active.our_settle_day[row]), int(active.their_settle_day[row]))
    keys = list(zip(found.account.tolist(), found.currency.tolist(), strict=True))
    part = np.array([effect.get(key, 0) for key in keys], np.int64)
    last = np.array([until.get(key, -1) for key in keys], np.int64)
    explained = (part != 0) & (np.abs(found.delta - part) < np.abs(found.delta))
    rest = np.where(explained, found.delta - part, found.delta)
    timed = take(found, explained)
    waiting = differences(
        ItemKind.CASH_SD,
        BreakType.SETTLE_DATE_TIMING,
        Policy.TIMING,
        timed.account,
        currency=timed.currency,
        ours=timed.ours,
        theirs=timed.ours + part[explained],
        has_ours=timed.has_ours,
        has_theirs=timed.has_theirs,
        delta=part[explained],
        self_day=last[explained],
    )
    left = take(found, rest != 0)
    shifted = np.where(explained, part, 0)[rest != 0]
    remainder = differences(
        ItemKind.CASH_SD,
        BreakType.CASH,
        Policy.MATERIAL,
        left.account,
        currency=left.currency,
        ours=left.ours + shifted,
        theirs=left.theirs,
        has_ours=left.has_ours,
        has_theirs=left.has_theirs,
        delta=rest[rest != 0],
    )
    return [waiting, remainder]


def _narrow(sizes: list[int], side: AmountTable) -> list[int]:
    return [int(side.account.max()) + 1 if len(side) else 1, *sizes[1:]]
