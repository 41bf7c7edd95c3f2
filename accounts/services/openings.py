"""Bring in what accounts start with: cash and lots, many accounts at once.

Entry points: `record_openings`, `OpeningCash`, `OpeningLots`.
Invariant: everything comes in as capital, lots at their basis and with the date they were acquired on; nothing is realised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import numpy as np
from django.db import transaction as database
from numpy.typing import NDArray

from accounts.enums import Book, EntryType

from ..core.posting_arrays import BOOK_CODE, NONE, PostingArrays
from ..queries.columns import Ids, Ints, fetch_row, raw_ids
from .batches import Batch, Head, lock_accounts, new_heads_ids, write
from .bulk_lots import TradeRows, split_rows
from .lots import apply_events, load_state, open_in_bulk

_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True, eq=False)
class OpeningCash:
    """m amounts. account_ids: V16[m]; amount: int64[m], 10⁻⁸; currency: int[m], places in `currencies`."""

    account_ids: NDArray[Any]
    amount: NDArray[np.int64]
    currency: NDArray[np.int64]
    currencies: Sequence[str]


@dataclass(frozen=True, slots=True, eq=False)
class OpeningLots:
    """m lots. account_ids: V16[m]; quantity: int64[m], < 0 for short lots; basis: int64[m] ≥ 0, what the whole lot cost (a short one brought).

    Both in 10⁻⁸, the basis in whole minor units. acquired_on: datetime64[D][m]. currency: int[m], places in `currencies`.
    """

    account_ids: NDArray[Any]
    instrument_ids: NDArray[np.int64]
    quantity: NDArray[np.int64]
    basis: NDArray[np.int64]
    acquired_on: NDArray[np.datetime64]
    currency: NDArray[np.int64]
    currencies: Sequence[str]


@database.atomic
def record_openings(
    *, source_key: str, opened_on: date, sleeve_id: UUID, now: datetime, cash: OpeningCash | None = None, lots: OpeningLots | None = None
) -> bool:
    """Book cash and lots as openings; False when this key was booked before.

    source_key: names the whole take-over; each transaction adds its own part to it. Lots go into one sleeve, cash belongs to the account.
    Raises NotFound for an unknown account; ValueError for empty openings, zero amounts, or a basis finer than the minor unit.
    """
    if cash is None and lots is None:
        raise ValueError("nothing to open")
    parts = [part.account_ids for part in (cash, lots) if part is not None]
    lock_accounts(np.concatenate(parts))
    booked = "SELECT EXISTS (SELECT 1 FROM accounts_ledgertransaction WHERE source_key = ANY(%(keys)s))"
    if fetch_row(booked, {"keys": [f"{source_key}/cash", f"{source_key}/0"]})[0]:
        return False
    if cash is not None:
        write(_cash_batch(cash, source_key, opened_on), now=now)
    if lots is not None:
        _take_lots(lots, source_key, opened_on, sleeve_id, now)
    return True


def _cash_batch(cash: OpeningCash, source_key: str, opened_on: date) -> Batch:
    if not np.all(cash.amount):
        raise ValueError("an opening amount of cash is zero")
    (one,) = new_heads_ids(1)
    head = Head(one, EntryType.OPENING, opened_on, opened_on, opened_on, f"{source_key}/cash")
    accounts, place = np.unique(cash.account_ids, return_inverse=True)
    lines = [(Book.CASH, cash.currency, cash.amount), (Book.CAPITAL, cash.currency, -cash.amount)]
    return Batch(
        heads=[head],
        head=np.zeros(2 * len(cash.amount), np.int64),
        postings=_postings(place, NONE, lines, opened_on),
        accounts=accounts,
        sleeves=raw_ids([]),
        legs=raw_ids([]),
        instruments=np.zeros(len(cash.currencies), np.int64),
        currencies=list(cash.currencies),
    )


def _take_lots(lots: OpeningLots, source_key: str, opened_on: date, sleeve_id: UUID, now: datetime) -> None:
    if not np.all(lots.quantity) or np.any(lots.basis < 0):
        raise ValueError("an opening lot has no quantity, or a negative basis")
    group, dates = _groups(lots)
    ids = new_heads_ids(len(dates))
    heads = [
        Head(one, EntryType.OPENING, opened_on, opened_on, acquired, f"{source_key}/{k}")
        for k, (one, acquired) in enumerate(zip(ids, dates, strict=True))
    ]
    cost = np.where(lots.quantity > 0, lots.basis, -lots.basis)
    sleeve = raw_ids([sleeve_id])
    rows = TradeRows(
        account=lots.account_ids,
        sleeve=np.repeat(sleeve, len(cost)),
        instrument=lots.instrument_ids,
        head=group,
        quantity=lots.quantity,
        cost=cost,
        fee=np.zeros(len(cost), np.int64),
        currency=lots.currency,
        legend=list(lots.currencies),
    )
    opening, events = split_rows(rows, heads)
    state = load_state(key for key, _ in events)
    write(_lot_batch(lots, rows, heads, sleeve, opened_on), now=now)
    open_in_bulk(opening)
    apply_events(events, state, {head.source_key: UUID(bytes=head.id) for head in heads})


def _groups(lots: OpeningLots) -> tuple[Ints, list[date]]:
    """Return each lot's transaction and the date of each: one instrument and date a transaction, and no account in it twice."""
    days = lots.acquired_on.astype("datetime64[D]").astype(np.int64)
    _, account = np.unique(lots.account_ids, return_inverse=True)
    order = np.lexsort((account, lots.instrument_ids, days))
    ranked = np.stack([days, lots.instrument_ids, account])[:, order]
    starts = np.flatnonzero(np.concatenate([[True], (ranked[:, 1:] != ranked[:, :-1]).any(axis=0)]))
    run = np.zeros(len(order), np.int64)
    run[order] = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    table = np.stack([days, lots.instrument_ids, run], axis=1)
    distinct, group = np.unique(table, axis=0, return_inverse=True)
    return group.astype(np.int64).ravel(), [date.fromordinal(int(day) + _EPOCH) for day in distinct[:, 0]]


def _lot_batch(lots: OpeningLots, rows: TradeRows, heads: Sequence[Head], sleeve: Ids, opened_on: date) -> Batch:
    accounts, place = np.unique(lots.account_ids, return_inverse=True)
    instruments, unit = np.unique(lots.instrument_ids, return_inverse=True)
    money = lots.currency + len(instruments)
    lines = [
        (Book.POSITION, unit, rows.quantity),
        (Book.TRADING, unit, -rows.quantity),
        (Book.TRADING, money, rows.cost),
        (Book.CAPITAL, money, -rows.cost),
    ]
    postings = _postings(place, 0, lines, opened_on)
    kept = postings.amount != 0
    return Batch(
        heads=heads,
        head=np.tile(rows.head, len(lines))[kept],
        postings=postings.take(kept),
        accounts=accounts,
        sleeves=sleeve,
        legs=raw_ids([]),
        instruments=np.concatenate([instruments, np.zeros(len(lots.currencies), np.int64)]),
        currencies=[""] * len(instruments) + list(lots.currencies),
    )


def _postings(account: Ints, sleeve: int, lines: Sequence[tuple[Book, Ints, Ints]], day: date) -> PostingArrays:
    n = len(account)
    size = n * len(lines)
    return PostingArrays(
        account=np.tile(account, len(lines)).astype(np.int64),
        sleeve=np.full(size, sleeve, np.int64),
        leg=np.full(size, NONE, np.int64),
        book=np.repeat(np.array([BOOK_CODE[book] for book, _, _ in lines], np.int64), n),
        unit=np.concatenate([units for _, units, _ in lines]).astype(np.int64),
        amount=np.concatenate([amounts for _, _, amounts in lines]).astype(np.int64),
        settle_date=np.full(size, np.datetime64(day, "D")),
    )
