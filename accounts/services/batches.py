"""Ledger transactions as columns, and their way into the database with everything that is kept about them (I6).

Entry points: `Head`, `Batch`, `lock_accounts`, `write`. What core transactions bring goes by rows (`book_rows`).
Invariants: 1. all entries of a batch go in with one INSERT, so that the database sees each transaction whole; 2. positions and cash move
in the same database transaction, by sums; 3. whoever writes has locked the accounts first, in the order of their ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import numpy as np

from accounts.enums import Book, EntryType
from base import bulk
from base.core.ids import new_ids
from base.errors import NotFound
from base.live import Topic, announce

from ..core.ledger import Justification
from ..core.posting_arrays import BOOK_CODE, BOOKS, PostingArrays, sum_by
from ..models import CashBalance, LedgerEntry, LedgerTransaction, Position
from ..queries.columns import NO_ID, Ids, Ints, fetch_row, uuid_literal

_FIRST_DAY = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Head:
    """What all entries of one transaction share. id: 16 bytes."""

    id: bytes
    entry_type: EntryType
    trade_date: date
    settle_date: date
    acquired_on: date
    source_key: str
    journey_id: UUID | None = None
    reverses: UUID | None = None
    justification: Justification | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Transactions and their n entries.

    head: int64[n], place in `heads`. postings: codes into accounts, sleeves, legs (V16, −1 = none) and units.
    instruments: int64[units], 0 for a currency. currencies: one a unit, "" for an instrument.
    """

    heads: Sequence[Head]
    head: Ints
    postings: PostingArrays
    accounts: Ids
    sleeves: Ids
    legs: Ids
    instruments: Ints
    currencies: Sequence[str]


def new_heads_ids(n: int) -> list[bytes]:
    """Return ids for n heads, ascending: the order of ids is the order of the ledger. Make them once the accounts are locked."""
    return [bytes(one) for one in new_ids(n).tolist()]


def lock_accounts(ids: Ids) -> None:
    """Lock account rows in the order of their ids, so that books of one account are written one after another. Raises NotFound.

    Reads and references are not held up.
    """
    distinct = np.unique(ids)
    sql = "SELECT count(*) FROM (SELECT 1 FROM accounts_account WHERE id = ANY(%(ids)s::uuid[]) ORDER BY id FOR NO KEY UPDATE) locked"
    if fetch_row(sql, {"ids": uuid_literal(distinct)})[0] != len(distinct):
        raise NotFound("account")


def write(batch: Batch, *, now: datetime) -> None:
    """Insert heads and entries, add them to positions and cash, and tell of the accounts."""
    _write_heads(batch.heads, now)
    _write_entries(batch)
    _add_to_positions(batch)
    _add_to_cash(batch)
    announce(Topic.POSITIONS, batch.accounts, accounts=batch.accounts)


def _write_heads(heads: Sequence[Head], now: datetime) -> None:
    rows = []
    for head in heads:
        why = head.justification
        rows.append(
            LedgerTransaction(
                id=UUID(bytes=head.id),
                entry_type=head.entry_type,
                trade_date=head.trade_date,
                settle_date=head.settle_date,
                acquired_on=head.acquired_on,
                journey_id=head.journey_id,
                source_key=head.source_key,
                reverses_id=head.reverses,
                adjustment_kind=why.kind if why else "",
                reason=why.reason if why else "",
                evidence=why.evidence if why else "",
                approved_by=str(why.approved_by) if why else "",
                recorded_at=now,
            )
        )
    LedgerTransaction.objects.bulk_create(rows)


def _write_entries(batch: Batch) -> None:
    rows = batch.postings
    ids = np.frombuffer(b"".join(head.id for head in batch.heads), "V16")
    legend = list(dict.fromkeys(batch.currencies))
    names = np.array([legend.index(name) for name in batch.currencies], np.int64)
    columns = {
        "transaction_id": bulk.Uuids(ids[batch.head]),
        "account_id": bulk.Uuids(batch.accounts[rows.account]),
        "sleeve_id": bulk.OptionalUuids(with_none(batch.sleeves)[rows.sleeve]),
        "leg_id": bulk.OptionalUuids(with_none(batch.legs)[rows.leg]) if len(batch.legs) else None,
        "book": bulk.Codes(rows.book, BOOKS),
        "currency": bulk.Codes(names[rows.unit], legend),
        "instrument_id": bulk.Integers(batch.instruments[rows.unit], "NULLIF({}, 0)"),
        "amount": bulk.Decimals(rows.amount),
        "settle_date": bulk.Dates(rows.settle_date.astype(np.int64)),
    }
    bulk.insert(LedgerEntry, len(rows), columns)


def with_none(table: Ids) -> Ids:
    """Return the table with zero bytes as its last row, which the code −1 finds."""
    return np.concatenate([table, np.frombuffer(NO_ID, "V16")])


def _add_to_positions(batch: Batch) -> None:
    mask = batch.postings.book == BOOK_CODE[Book.POSITION]
    rows = batch.postings.take(mask)
    if not len(rows):
        return
    days = np.array([head.trade_date.toordinal() - _FIRST_DAY for head in batch.heads], np.int64)[batch.head[mask]]
    (account, sleeve, leg, unit), quantity = sum_by([rows.account, rows.sleeve, rows.leg, rows.unit], rows.amount)
    order = np.lexsort((rows.unit, rows.leg, rows.sleeve, rows.account))
    ranked = rows.take(order)
    starts = np.concatenate([[True], np.diff(ranked.account) | np.diff(ranked.sleeve) | np.diff(ranked.leg) | np.diff(ranked.unit)]) != 0
    latest = np.maximum.reduceat(days[order], np.flatnonzero(starts))
    columns = {
        "account_id": bulk.Uuids(batch.accounts[account]),
        "sleeve_id": bulk.Uuids(with_none(batch.sleeves)[sleeve]),
        "leg_id": bulk.OptionalUuids(with_none(batch.legs)[leg]),
        "instrument_id": bulk.Integers(batch.instruments[unit]),
        "quantity": bulk.Decimals(quantity),
        "last_traded_on": bulk.Dates(latest),
    }
    bulk.insert(
        Position,
        len(quantity),
        columns,
        on_conflict="ON CONFLICT (firm_id, account_id, sleeve_id, instrument_id, leg_id) DO UPDATE SET "
        "quantity = accounts_position.quantity + excluded.quantity, "
        "last_traded_on = greatest(accounts_position.last_traded_on, excluded.last_traded_on)",
    )


def _add_to_cash(batch: Batch) -> None:
    """Add CASH and RECEIVABLE to their settle dates; a reversal takes back what its original sent out."""
    books = batch.postings.book
    mask = (books == BOOK_CODE[Book.CASH]) | (books == BOOK_CODE[Book.RECEIVABLE])
    rows = batch.postings.take(mask)
    if not len(rows):
        return
    undoes = np.array([head.reverses is not None for head in batch.heads])[batch.head[mask]]
    cash = np.where(rows.book == BOOK_CODE[Book.CASH], rows.amount, 0)
    outflow = np.where(undoes, -np.maximum(cash, 0), np.maximum(-cash, 0))
    keys = [rows.account, rows.unit, rows.settle_date]
    (account, unit, day), amount = sum_by(keys, cash)
    legend = list(dict.fromkeys(batch.currencies))
    names = np.array([legend.index(name) for name in batch.currencies], np.int64)
    columns = {
        "account_id": bulk.Uuids(batch.accounts[account]),
        "currency": bulk.Codes(names[unit], legend),
        "settle_date": bulk.Dates(day.astype(np.int64)),
        "amount": bulk.Decimals(amount),
        "outflow": bulk.Decimals(sum_by(keys, outflow)[1]),
        "receivable": bulk.Decimals(sum_by(keys, rows.amount - cash)[1]),
    }
    sums = ", ".join(f"{name} = accounts_cashbalance.{name} + excluded.{name}" for name in ("amount", "outflow", "receivable"))
    bulk.insert(
        CashBalance, len(amount), columns, on_conflict=f"ON CONFLICT (firm_id, account_id, currency, settle_date) DO UPDATE SET {sums}"
    )
