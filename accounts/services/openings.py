"""Bring in what accounts start with: cash and lots, many accounts at once.

Entry points: `record_openings` with `Opening`s, `record_opening_columns` with `OpeningCash` and `OpeningLots`.
Invariant: everything comes in as capital, lots at their basis and with the date they were acquired on; nothing is realised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
from django.db import transaction as database
from numpy.typing import NDArray

from accounts.enums import Book, EntryType
from base.core.ids import digest
from base.errors import NotFound
from market import queries as market

from ..core.posting_arrays import BOOK_CODE, NONE, PostingArrays
from ..core.scaled import to_scaled
from ..queries.columns import Ids, Ints, fetch_row, raw_ids
from .batches import Batch, Head, lock_accounts, new_heads_ids, write
from .bulk_lots import TradeRows, carry_out, plan_lots

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


@dataclass(frozen=True, slots=True)
class Opening:
    """What one account starts with. cash: amount by currency. positions: (quantity, basis) by instrument id; basis ≥ 0, of the whole lot."""

    account_id: UUID
    sleeve_id: UUID
    cash: Mapping[str, Decimal]
    positions: Mapping[int, tuple[Decimal, Decimal]]


@database.atomic
def record_openings(*, openings: Sequence[Opening], as_of: date, now: datetime, source_key: str = "") -> int:
    """Book what accounts start with, one lot a position, acquired on `as_of`; return how many sleeves' worth were new.

    source_key: names this take-over; by default the date and the accounts in it, so that the same one again is not booked twice.
    Raises as `record_opening_columns`; NotFound for an unknown instrument.
    """
    facts = market.instruments({one for opening in openings for one in opening.positions})
    if any(one not in facts for opening in openings for one in opening.positions):
        raise NotFound("instrument")
    booked = 0
    for sleeve_id in sorted({opening.sleeve_id for opening in openings}):
        group = sorted((o for o in openings if o.sleeve_id == sleeve_id), key=lambda o: o.account_id)
        name = source_key or f"opening|{as_of}|{digest([o.account_id for o in group])[:32]}"
        legend = sorted({c for o in group for c in o.cash} | {facts[i].currency for o in group for i in o.positions})
        cash = [(o.account_id, amount, legend.index(c)) for o in group for c, amount in sorted(o.cash.items()) if amount]
        lots = [
            (o.account_id, i, q, basis, legend.index(facts[i].currency)) for o in group for i, (q, basis) in sorted(o.positions.items())
        ]
        if cash or lots:
            booked += record_opening_columns(
                source_key=f"{name}|{sleeve_id.hex}",
                opened_on=as_of,
                sleeve_id=sleeve_id,
                now=now,
                cash=_cash_columns(cash, legend) if cash else None,
                lots=_lot_columns(lots, legend, as_of) if lots else None,
            )
    return booked


def _cash_columns(rows: Sequence[tuple[UUID, Decimal, int]], legend: Sequence[str]) -> OpeningCash:
    amounts = np.array([to_scaled(row[1]) for row in rows], np.int64)
    return OpeningCash(raw_ids(row[0] for row in rows), amounts, np.array([row[2] for row in rows], np.int64), legend)


def _lot_columns(rows: Sequence[tuple[UUID, int, Decimal, Decimal, int]], legend: Sequence[str], as_of: date) -> OpeningLots:
    return OpeningLots(
        account_ids=raw_ids(row[0] for row in rows),
        instrument_ids=np.array([row[1] for row in rows], np.int64),
        quantity=np.array([to_scaled(row[2]) for row in rows], np.int64),
        basis=np.array([to_scaled(row[3]) for row in rows], np.int64),
        acquired_on=np.full(len(rows), np.datetime64(as_of, "D")),
        currency=np.array([row[4] for row in rows], np.int64),
        currencies=legend,
    )


@database.atomic
def record_opening_columns(
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
    plan = plan_lots(rows, heads)
    write(_lot_batch(lots, rows, heads, sleeve, opened_on), now=now)
    carry_out(plan, heads)


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
