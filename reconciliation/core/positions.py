"""Holdings: ours against theirs (REC-2, REC-3).

Entry points: `match_positions`.
Invariants: 1. quantities are compared exactly, and a holding of zero equals no holding; 2. a difference is named after a cause (split,
symbol) only where the figures fit that cause exactly and one way only; 3. the order of rows changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..enums import BreakType, ItemKind
from .breaks import TYPE_CODE, Differences, Policy, differences
from .fixed import NO_PRICE, SCALE, Ints
from .joins import align, group_codes, pack, pick
from .snapshot import PositionTable, take


def match_positions(
    ours: PositionTable, theirs: PositionTable, n_instruments: int, action_ratio: tuple[tuple[int, int, int], ...] = ()
) -> list[Differences]:
    """Compare holdings: quantity exactly and always logged, price by value, a holding that moved whole to another symbol as one symbol
    break.

    Raises ValueError if a side holds an (account, instrument) twice.
    """
    sizes = [2**31, max(n_instruments, 1)]
    left, right = align(pack([ours.account, ours.instrument], sizes), pack([theirs.account, theirs.instrument], sizes))
    mine, other = left >= 0, right >= 0
    quantity_ours = pick(ours.quantity, left, mine)
    quantity_theirs = pick(theirs.quantity, right, other)
    both = mine & other
    price_ours, price_theirs = pick(ours.price, left, mine, NO_PRICE), pick(theirs.price, right, other, NO_PRICE)
    moved = quantity_ours != quantity_theirs
    foreign = (
        both & (pick(ours.currency, left, mine) != pick(theirs.currency, right, other)) & ((quantity_ours != 0) | (quantity_theirs != 0))
    )
    repriced = (
        both & (price_ours != price_theirs) & (price_ours != NO_PRICE) & (price_theirs != NO_PRICE) & (quantity_theirs != 0) & ~foreign
    )
    frame = _Frame(ours, theirs, left, right)
    alone_ours, alone_theirs = np.flatnonzero(moved & ~other), np.flatnonzero(moved & ~mine)
    renamed_ours, renamed_theirs = _renamed(ours, theirs, left[alone_ours], right[alone_theirs])
    settled = np.zeros(len(left), np.bool_)
    settled[alone_ours[renamed_ours]] = True
    settled[alone_theirs[renamed_theirs]] = True
    parts = [
        frame.quantities(np.flatnonzero(moved & ~settled & ~foreign), quantity_ours, quantity_theirs, action_ratio),
        frame.prices(np.flatnonzero(repriced)),
        frame.symbols(left[alone_ours[renamed_ours]], right[alone_theirs[renamed_theirs]]),
        frame.symbols(left[foreign], right[foreign]),
    ]
    return [part for part in parts if len(part)]


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """The joined holdings: row numbers of both sides per key."""

    ours: PositionTable
    theirs: PositionTable
    left: Ints
    right: Ints

    def quantities(self, rows: Ints, mine: Ints, other: Ints, action_ratio: tuple[tuple[int, int, int], ...]) -> Differences:
        left, right = self.left[rows], self.right[rows]
        has, theirs_has = left >= 0, right >= 0
        instrument = np.where(has, pick(self.ours.instrument, left, has), pick(self.theirs.instrument, right, theirs_has))
        price = pick(self.ours.price, left, has, NO_PRICE)
        price = np.where(price == NO_PRICE, pick(self.theirs.price, right, theirs_has, NO_PRICE), price)
        kind = np.full(len(rows), TYPE_CODE[BreakType.QUANTITY])
        for code, numerator, denominator in action_ratio:
            for row in np.flatnonzero(instrument == code):
                if _is_split(int(mine[rows[row]]), int(other[rows[row]]), numerator, denominator):
                    kind[row] = TYPE_CODE[BreakType.CORPORATE_ACTION]
        return differences(
            ItemKind.POSITION,
            kind,
            Policy.ALWAYS,
            np.where(has, pick(self.ours.account, left, has), pick(self.theirs.account, right, theirs_has)),
            instrument=instrument,
            currency=np.where(has, pick(self.ours.currency, left, has), pick(self.theirs.currency, right, theirs_has)),
            ours=mine[rows],
            theirs=other[rows],
            has_ours=has,
            has_theirs=theirs_has,
            delta=other[rows] - mine[rows],
            factor=price,
        )

    def prices(self, rows: Ints) -> Differences:
        ours, theirs = take(self.ours, self.left[rows]), take(self.theirs, self.right[rows])
        return differences(
            ItemKind.POSITION,
            BreakType.PRICE,
            Policy.MATERIAL,
            ours.account,
            instrument=ours.instrument,
            currency=ours.currency,
            ours=ours.price,
            theirs=theirs.price,
            delta=theirs.price - ours.price,
            factor=theirs.quantity,
        )

    def symbols(self, left: Ints, right: Ints) -> Differences:
        ours, theirs = take(self.ours, left), take(self.theirs, right)
        return differences(
            ItemKind.POSITION,
            BreakType.SYMBOL_MAP,
            Policy.ALWAYS,
            ours.account,
            instrument=ours.instrument,
            their_instrument=theirs.instrument,
            currency=theirs.currency,
            ours=ours.quantity,
            theirs=theirs.quantity,
            delta=theirs.quantity,
            factor=theirs.price,
        )


def _renamed(ours: PositionTable, theirs: PositionTable, left: Ints, right: Ints) -> tuple[Ints, Ints]:
    """Find holdings that are ours under one symbol and theirs under another: same account, currency, quantity and price, and only one
    such each.
    """
    if len(left) == 0 or len(right) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    mine, other = take(ours, left), take(theirs, right)
    names = ("account", "currency", "quantity", "price")
    a, b = group_codes([getattr(mine, name) for name in names], [getattr(other, name) for name in names])
    size = int(max(a.max(), b.max())) + 1
    single = (np.bincount(a, minlength=size) == 1) & (np.bincount(b, minlength=size) == 1)
    rows_a = np.flatnonzero(single[a] & (mine.price != NO_PRICE))
    rows_b = np.flatnonzero(single[b] & (other.price != NO_PRICE))
    return rows_a[np.argsort(a[rows_a])], rows_b[np.argsort(b[rows_b])]


def _is_split(ours: int, theirs: int, numerator: int, denominator: int) -> bool:
    """Tell whether one side has applied a split and the other has not; fractions of a share may have gone to cash in lieu."""
    if ours * theirs <= 0:
        return False
    ours, theirs = abs(ours), abs(theirs)
    return any(numerator * before // denominator // SCALE == after // SCALE for before, after in ((ours, theirs), (theirs, ours)))
