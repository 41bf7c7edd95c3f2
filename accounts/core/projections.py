"""Positions, cash and lots rebuilt from the ledger: the reference that stored projections are compared with (I6, R9).

Entry points: `Projections`, `project`, `advance`, `compare`; for millions of postings `position_totals`, `cash_totals`, `compare_arrays`.

Invariants:
1. `project(a + b)` equals advancing `project(a)` by b one at a time, when b follows in ledger order.
2. A transaction and its reversal leave no trace; keys whose sum is zero are left out.
3. Σ lot quantities = position, for every holder and instrument.
4. Lots are rebuilt from postings alone: POSITION gives the quantity, the TRADING money its cost, FEES its fee (`entries`, invariant 2).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TypeVar

import numpy as np

from accounts.enums import Book, LotMethod

from .ledger import Holder, Id, Posting, Transaction
from .lot_events import LotEvent, extend, lot_events, replay
from .lot_selection import Lot
from .lots import Closure, LotChange
from .posting_arrays import BOOK_CODE, Column, Ints, PostingArrays, sum_by

ZERO = Decimal(0)
PositionKey = tuple[Holder, Id]
CashKey = tuple[Id, str, date]
_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Projections:
    """The state a ledger leads to. positions: by (holder, instrument). cash: by (account, currency, settle date). Zeros are left out.

    lots and closures: by (holder, instrument). events: what the lots were made of, kept so that a correction of the past can replay them.
    """

    positions: Mapping[PositionKey, Decimal] = field(default_factory=dict)
    cash: Mapping[CashKey, Decimal] = field(default_factory=dict)
    lots: Mapping[PositionKey, tuple[Lot, ...]] = field(default_factory=dict)
    closures: Mapping[PositionKey, tuple[Closure, ...]] = field(default_factory=dict)
    events: Mapping[PositionKey, tuple[LotEvent, ...]] = field(default_factory=dict)


def project(transactions: Iterable[Transaction], methods: Mapping[Id, LotMethod] | None = None) -> Projections:
    """Rebuild everything from a ledger in the order it was written.

    methods: lot method by account; FIFO where none is given (TAX-1).

    Raises ValueError if a lot cannot be derived from a transaction's postings, or a reversal has no original before it.
    """
    ledger = list(transactions)
    positions: dict[PositionKey, Decimal] = {}
    cash: dict[CashKey, Decimal] = {}
    events: dict[PositionKey, list[LotEvent]] = {}
    for transaction in ledger:
        _add_postings(positions, cash, transaction.postings)
        for key, event in lot_events(transaction):
            events.setdefault(key, []).append(event)
    replayed = {key: replay(found, _method(methods, key)) for key, found in events.items()}
    return Projections(
        positions=_without_zeros(positions),
        cash=_without_zeros(cash),
        lots={key: change.remaining for key, change in replayed.items() if change.remaining},
        closures={key: change.closed for key, change in replayed.items() if change.closed},
        events={key: tuple(found) for key, found in events.items()},
    )


def advance(before: Projections, transaction: Transaction, methods: Mapping[Id, LotMethod] | None = None) -> Projections:
    """Return the state after one more transaction; only the holders and instruments it touches are worked out again.

    Raises ValueError as `project`.
    """
    positions, cash = dict(before.positions), dict(before.cash)
    lots, closures, events = dict(before.lots), dict(before.closures), dict(before.events)
    _add_postings(positions, cash, transaction.postings)
    for key, event in lot_events(transaction):
        earlier = events.get(key, ())
        so_far = LotChange((), closures.get(key, ()), lots.get(key, ()))
        change = extend(so_far, earlier, event, _method(methods, key))
        lots[key], closures[key], events[key] = change.remaining, change.closed, (*earlier, event)
    return Projections(
        positions=_without_zeros(positions),
        cash=_without_zeros(cash),
        lots={key: found for key, found in lots.items() if found},
        closures={key: found for key, found in closures.items() if found},
        events=events,
    )


def _method(methods: Mapping[Id, LotMethod] | None, key: PositionKey) -> LotMethod:
    return (methods or {}).get(key[0].account_id, LotMethod.FIFO)


def _without_zeros(sums: Mapping[_Key, Decimal]) -> dict[_Key, Decimal]:
    return {key: amount for key, amount in sums.items() if amount}


def _add_postings(positions: dict[PositionKey, Decimal], cash: dict[CashKey, Decimal], postings: Iterable[Posting]) -> None:
    for posting in postings:
        if posting.book is Book.POSITION:
            key = (posting.holder, posting.unit.code)
            positions[key] = positions.get(key, ZERO) + posting.amount
        elif posting.book is Book.CASH:
            rung = (posting.account_id, str(posting.unit.code), posting.settle_date)
            cash[rung] = cash.get(rung, ZERO) + posting.amount


@dataclass(frozen=True, slots=True)
class Difference:
    """A stored figure that the ledger does not support. kind: positions, cash or lots; absent on one side is None."""

    kind: str
    key: Hashable
    expected: object
    stored: object


def compare(expected: Projections, stored: Projections) -> list[Difference]:
    """Return every figure in which the stored projections differ from those rebuilt from the ledger; empty when they agree.

    Amounts compare by value (5 = 5.00); lots by all their fields, in order.
    """
    found: list[Difference] = []
    for kind in ("positions", "cash", "lots"):
        ours, theirs = getattr(expected, kind), getattr(stored, kind)
        for key in [*ours, *(key for key in theirs if key not in ours)]:
            if ours.get(key) != theirs.get(key):
                found.append(Difference(kind, key, ours.get(key), theirs.get(key)))
    return found


def position_totals(postings: PostingArrays) -> tuple[list[Column], Ints]:
    """Return ([account, sleeve, leg, instrument], quantity) of every position that is not zero, sorted by key; all int64, 10⁻⁸."""
    rows = postings.take(postings.book == BOOK_CODE[Book.POSITION])
    return _nonzero(*sum_by([rows.account, rows.sleeve, rows.leg, rows.unit], rows.amount))


def cash_totals(postings: PostingArrays) -> tuple[list[Column], Ints]:
    """Return ([account, currency, settle date], amount) of every cash rung that is not zero, sorted by key; amounts int64, 10⁻⁸."""
    rows = postings.take(postings.book == BOOK_CODE[Book.CASH])
    return _nonzero(*sum_by([rows.account, rows.unit, rows.settle_date], rows.amount))


def _nonzero(keys: list[Column], amounts: Ints) -> tuple[list[Column], Ints]:
    kept = amounts != 0
    return [key[kept] for key in keys], amounts[kept]


def compare_arrays(expected: tuple[Sequence[Column], Ints], stored: tuple[Sequence[Column], Ints]) -> tuple[list[Column], Ints, Ints]:
    """Return (keys, expected, stored) of the rows that differ, 0 where a side has no row. Keys may come in any order, each once a side.

    Raises ValueError if a side names a key twice.
    """
    keys = [np.concatenate([ours, theirs]) for ours, theirs in zip(expected[0], stored[0], strict=True)]
    n, m = len(expected[1]), len(stored[1])
    ours = np.concatenate([expected[1], np.zeros(m, np.int64)])
    theirs = np.concatenate([np.zeros(n, np.int64), stored[1]])
    sides = np.concatenate([np.ones(n, np.int64), np.full(m, 2**32, np.int64)])
    distinct, seen = sum_by(keys, sides)
    if np.any((seen & 0xFFFFFFFF > 1) | (seen >> 32 > 1)):
        raise ValueError("a key occurs twice on one side")
    left, right = sum_by(keys, ours)[1], sum_by(keys, theirs)[1]
    off = left != right
    return [key[off] for key in distinct], left[off], right[off]
