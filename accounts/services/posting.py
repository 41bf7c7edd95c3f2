"""Book transactions: ledger, positions, cash and lots in one database transaction, each source key once (I3, I6).

Entry points: `post`, `post_within`, `accounts_of`, `stored_transactions`, `UnableToPost`.
Invariants: 1. a key that stands with the same content is skipped, with other content it is refused; 2. nothing is reversed twice; 3. what is
read is read after the accounts are locked, and everything is written by one statement (`book_rows`), whatever the number of transactions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction as database

from accounts.enums import AdjustmentKind, Book, EntryType, LotMethod, UnitKind
from base import prepared
from base.errors import Conflict
from base.prepared import Rows

from ..core.ledger import Id, Justification, Posting, Transaction, Unit
from ..core.lot_events import lot_events
from ..queries.columns import fetch_rows
from .batches import Head, new_heads_ids
from .book_rows import lock_books, read_before, write_books
from .lot_rows import LotKey
from .lots import advance, replay_positions


class UnableToPost(Conflict):
    """A transaction that contradicts what is booked already."""


def post(*, transactions: Sequence[Transaction], now: datetime) -> int:
    """Book transactions, in the order given, and bring positions, cash and lots up to date. Returns how many were new.

    Ids may be UUIDs or their text, instruments their number. Transactions whose source key is booked already are skipped.
    Raises UnableToPost for a key booked with other content, a reversal of what is not booked or is reversed already; NotFound for an account
    the firm does not have; ValueError where lots cannot be derived. Source: I3, I6, REC-7.
    """
    if not transactions:
        return 0
    with database.atomic():
        return post_within(transactions=transactions, now=now)


def post_within(
    *, transactions: Sequence[Transaction], now: datetime, locked: Mapping[UUID, LotMethod] | None = None, beside: Sequence[Rows] = ()
) -> int:
    """Book as `post` does, for a caller whose own savepoint is undone when this raises.

    locked: what `lock_books` gave for these accounts. beside: what the caller writes in the same statement as the books.
    """
    wanted = _distinct([_normal(transaction) for transaction in transactions])
    if not wanted:
        prepared.run_together(beside)
        return 0
    methods = locked if locked is not None else lock_books(accounts_of(wanted.values()))
    events = {key: [(_lot_key(place), event) for place, event in lot_events(t)] for key, t in wanted.items()}
    before = read_before(wanted, [event for found in events.values() for event in found], methods)
    if before.booked:
        _check_content(wanted, before.booked)
    fresh = [transaction for key, transaction in wanted.items() if key not in before.booked]
    if not fresh:
        prepared.run_together(beside)
        return 0
    heads = _heads(fresh)
    ids = {head.source_key: UUID(bytes=head.id) for head in heads}
    changes, anew = advance([event for t in fresh for event in events[t.source_key]], before.state, ids)
    write_books(fresh, heads, changes, now=now, beside=beside)
    if anew:
        replay_positions(anew, methods)
    return len(fresh)


def accounts_of(transactions: Iterable[Transaction]) -> set[UUID]:
    """Return the accounts whose books transactions move, to be locked."""
    return {p.account_id if isinstance(p.account_id, UUID) else UUID(str(p.account_id)) for t in transactions for p in t.postings}


def _check_content(wanted: Mapping[str, Transaction], booked: Iterable[str]) -> None:
    for key, stored in stored_transactions(booked).items():
        if _content(stored) != _content(wanted[key]):
            raise UnableToPost("I3", f"{key!r} is booked already, with other content", field="source_key", value=key)


def _lot_key(key: tuple[Any, Id]) -> LotKey:
    holder, instrument_id = key
    return LotKey(holder.account_id, holder.sleeve_id, holder.leg_id, int(str(instrument_id)))


def _uuid(value: Any) -> UUID | None:
    return value if value is None or isinstance(value, UUID) else UUID(str(value))


def _normal(transaction: Transaction) -> Transaction:
    """Return the transaction with UUIDs and instrument numbers for ids; itself where it has them."""
    if all(_is_normal(p) for p in transaction.postings) and isinstance(transaction.journey_id, UUID | None):
        return transaction
    postings = []
    for p in transaction.postings:
        unit = Unit(p.unit.kind, int(p.unit.code)) if p.unit.kind is UnitKind.INSTRUMENT else p.unit  # type: ignore[arg-type]
        postings.append(
            replace(p, account_id=_uuid(p.account_id) or p.account_id, sleeve_id=_uuid(p.sleeve_id), leg_id=_uuid(p.leg_id), unit=unit)
        )
    return replace(transaction, journey_id=_uuid(transaction.journey_id), postings=tuple(postings))


def _is_normal(p: Posting) -> bool:
    ids = isinstance(p.account_id, UUID) and isinstance(p.sleeve_id, UUID | None) and isinstance(p.leg_id, UUID | None)
    return ids and (p.unit.kind is UnitKind.CURRENCY or isinstance(p.unit.code, int))


def _distinct(transactions: Iterable[Transaction]) -> dict[str, Transaction]:
    found: dict[str, Transaction] = {}
    for transaction in transactions:
        first = found.setdefault(transaction.source_key, transaction)
        if first is not transaction and _content(first) != _content(transaction):
            raise UnableToPost("I3", f"{transaction.source_key!r} stands for two transactions", field="source_key", value=first.source_key)
    return found


def _content(transaction: Transaction) -> tuple[Any, ...]:
    t = transaction
    return (t.entry_type, t.trade_date, t.settle_date, t.acquired_date or t.trade_date, t.journey_id, t.reverses, Counter(t.postings))


def _heads(transactions: Sequence[Transaction]) -> list[Head]:
    ids = new_heads_ids(len(transactions))
    own = {t.source_key: UUID(bytes=one) for t, one in zip(transactions, ids, strict=True)}
    undone = [t.reverses for t in transactions if t.reverses is not None]
    stored = _reversible({key for key in undone if key not in own})
    if len(set(undone)) < len(undone):
        raise UnableToPost("REC-7", "a transaction is reversed twice", field="reverses", value=undone)
    heads = []
    for t, one in zip(transactions, ids, strict=True):
        original = None if t.reverses is None else own.get(t.reverses) or stored.get(t.reverses)
        if t.reverses is not None and original is None:
            raise UnableToPost(
                "REC-7", f"{t.source_key!r} reverses {t.reverses!r}, which is not booked", field="reverses", value=t.reverses
            )
        acquired = t.acquired_date or t.trade_date
        journey: Any = t.journey_id
        heads.append(Head(one, t.entry_type, t.trade_date, t.settle_date, acquired, t.source_key, journey, original, t.justification))
    return heads


def _reversible(keys: set[str]) -> dict[str, UUID]:
    if not keys:
        return {}
    sql = (
        "SELECT t.source_key, t.id, r.source_key FROM accounts_ledgertransaction t "
        "LEFT JOIN accounts_ledgertransaction r ON r.reverses_id = t.id WHERE t.source_key = ANY(%(keys)s)"
    )
    found = {}
    for key, one, undone_by in fetch_rows(sql, {"keys": sorted(keys)}):
        if undone_by is not None:
            raise UnableToPost("REC-7", f"{key!r} is reversed already, by {undone_by!r}", field="reverses", value=key)
        found[key] = one
    return found


_HEADS = """
SELECT t.source_key, t.id, t.entry_type, t.trade_date, t.settle_date, t.acquired_on, t.journey_id, r.source_key, t.adjustment_kind, t.reason,
    t.evidence, t.approved_by
FROM accounts_ledgertransaction t LEFT JOIN accounts_ledgertransaction r ON r.id = t.reverses_id WHERE t.source_key = ANY(%(keys)s)
"""
_ENTRIES = """
SELECT transaction_id, account_id, sleeve_id, leg_id, book, currency, instrument_id, amount, settle_date FROM accounts_ledgerentry
WHERE transaction_id = ANY(%(ids)s) ORDER BY id
"""


def stored_transactions(keys: Iterable[str]) -> Mapping[str, Transaction]:
    """Return what is booked under these source keys, as the core's transactions; two statements."""
    heads = fetch_rows(_HEADS, {"keys": list(keys)})
    if not heads:
        return {}
    postings: dict[UUID, list[Posting]] = {}
    for row in fetch_rows(_ENTRIES, {"ids": [head[1] for head in heads]}):
        owner, account, sleeve, leg, book, currency, instrument, amount, settles = row
        unit = Unit(UnitKind.CURRENCY, currency) if currency else Unit(UnitKind.INSTRUMENT, instrument)
        postings.setdefault(owner, []).append(Posting(account, sleeve, leg, Book(book), unit, amount, settles))
    found = {}
    for key, one, kind, traded, settled, acquired, journey, reverses, adjusts, reason, evidence, approver in heads:
        why = Justification(AdjustmentKind(adjusts), reason, evidence, approver) if adjusts else None
        date_of_lots = None if acquired == traded else acquired
        entries = tuple(postings.get(one, ()))
        found[key] = Transaction(EntryType(kind), traded, settled, journey, key, entries, date_of_lots, reverses, why)
    return found
