"""Stored tax lots and closures, and the ledger's account of them: reading, and writing what has changed.

Entry points: `LotKey`, `StoredLot`, `Books`, `ledger_events`, `load_lots`, `load_closures`, `write_changes`.
A lot is named by the source key of the transaction that opened it (unique for its account, sleeve, leg and instrument).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np

from accounts.enums import EntryType, LotEventKind
from base import bulk
from base.core.ids import new_ids

from ..core.lot_events import LotEvent
from ..core.lot_selection import Lot
from ..core.lots import Closure, Trade
from ..core.scaled import to_scaled
from ..models import LotClosure, TaxLot
from ..queries.columns import Ids, execute, fetch_rows, raw_ids, uuid_literal

ZERO = Decimal(0)


class LotKey(NamedTuple):
    """Whose lots, and of what."""

    account_id: UUID
    sleeve_id: UUID
    leg_id: UUID | None
    instrument_id: int


@dataclass(frozen=True, slots=True)
class StoredLot:
    """A row of TaxLot: its id, the lot as the core sees it (quantity 0 when closed), what it was opened with."""

    row_id: UUID
    lot: Lot
    original_quantity: Decimal


@dataclass(slots=True)
class Changes:
    """What is to be written: lots by (key, lot id)."""

    opened: list[tuple[LotKey, UUID, UUID, Lot, Decimal]] = field(
        default_factory=list
    )  # row id, transaction, lot as it is, original quantity
    changed: list[tuple[UUID, Decimal, Decimal, Decimal]] = field(default_factory=list)  # row id, quantity, basis, original quantity
    removed: list[UUID] = field(default_factory=list)
    emptied: list[UUID] = field(default_factory=list)  # lots whose closures are written anew
    closed: list[tuple[UUID, UUID, UUID, Closure]] = field(default_factory=list)  # lot row, transaction, account


_EVENTS = """
SELECT e.account_id, e.sleeve_id, e.leg_id, max(e.instrument_id) FILTER (WHERE e.book = 'POSITION'), t.id, t.entry_type, t.trade_date,
    t.settle_date, t.acquired_on, t.source_key, r.source_key,
    sum(e.amount) FILTER (WHERE e.book = 'POSITION'),
    coalesce(sum(e.amount) FILTER (WHERE e.book = 'TRADING' AND e.currency <> ''), 0),
    coalesce(sum(e.amount) FILTER (WHERE e.book = 'FEES'), 0), max(e.currency)
FROM accounts_ledgerentry e JOIN accounts_ledgertransaction t ON t.id = e.transaction_id
    LEFT JOIN accounts_ledgertransaction r ON r.id = t.reverses_id
WHERE {which}
GROUP BY e.account_id, e.sleeve_id, e.leg_id, t.id, r.source_key
HAVING bool_or(e.book = 'POSITION')
ORDER BY 1, 2, 3 NULLS FIRST, 4, t.id
"""


@dataclass(frozen=True, slots=True)
class PastEvent:
    """A lot event of the ledger and the id of its transaction."""

    event: LotEvent
    transaction_id: UUID


def ledger_events(keys: Iterable[LotKey] | None) -> Iterator[tuple[LotKey, list[PastEvent]]]:
    """Yield each position's lot events in ledger order; all positions of the firm when `keys` is None.

    The same events as `core.lot_events` gives for the transactions themselves.
    """
    wanted = None if keys is None else frozenset(keys)
    which = "true" if wanted is None else "e.account_id = ANY(%(accounts)s::uuid[])"
    accounts = uuid_literal(raw_ids(sorted({key.account_id for key in wanted}))) if wanted else "{}"
    rows = fetch_rows(_EVENTS.format(which=which), {"accounts": accounts})
    for found, group in groupby(rows, key=lambda row: row[:4]):
        key = LotKey(*found)
        if wanted is None or key in wanted:
            yield key, [PastEvent(_event(row), row[4]) for row in group]


def _event(row: Sequence[Any]) -> LotEvent:
    _, entry_type, trade_date, settle_date, acquired_on, source_key, reverses, quantity, cost, fee, currency = row[4:]
    kind = LotEventKind.TRANSFER if entry_type == EntryType.TRANSFER else LotEventKind.TRADE
    if entry_type == EntryType.CORPORATE_ACTION and not currency:
        kind = LotEventKind.SPLIT
    amount = cost if quantity > 0 else -cost
    trade = Trade(source_key, trade_date, settle_date, quantity, amount, currency, fee=fee, acquired_date=acquired_on)
    return LotEvent(source_key, trade, kind, reverses)


_LOTS = """
SELECT l.account_id, l.sleeve_id, l.leg_id, l.instrument_id, l.id, t.source_key, l.acquired_on, l.quantity, l.basis, l.currency,
    l.original_quantity
FROM accounts_taxlot l JOIN accounts_ledgertransaction t ON t.id = l.transaction_id
WHERE {which}
ORDER BY 1, 2, 3 NULLS FIRST, 4, l.acquired_on, t.trade_date, l.transaction_id
"""


def load_lots(keys: Iterable[LotKey] | None, *, only_open: bool) -> dict[LotKey, dict[str, StoredLot]]:
    """Return stored lots by position and lot id, in order of acquisition; all positions of the firm when `keys` is None."""
    wanted = None if keys is None else frozenset(keys)
    if wanted is not None and not wanted:
        return {}
    which = ["l.quantity <> 0"] if only_open else ["true"]
    parameters: dict[str, Any] = {}
    if wanted is not None:
        which.append("l.account_id = ANY(%(accounts)s::uuid[]) AND l.instrument_id = ANY(%(instruments)s)")
        parameters = {
            "accounts": uuid_literal(raw_ids(sorted({key.account_id for key in wanted}))),
            "instruments": sorted({key.instrument_id for key in wanted}),
        }
    found: dict[LotKey, dict[str, StoredLot]] = {}
    for row in fetch_rows(_LOTS.format(which=" AND ".join(which)), parameters):
        key = LotKey(*row[:4])
        if wanted is None or key in wanted:
            row_id, name, acquired, quantity, basis, currency, original = row[4:]
            found.setdefault(key, {})[name] = StoredLot(row_id, Lot(name, acquired, acquired, quantity, basis, currency), original)
    return found


_CLOSURES = """
SELECT l.account_id, l.sleeve_id, l.leg_id, l.instrument_id, c.lot_id, t.source_key, c.closed_on, c.recognised_on, c.quantity, c.proceeds,
    c.basis, c.is_long_term
FROM accounts_lotclosure c JOIN accounts_taxlot l ON l.id = c.lot_id JOIN accounts_ledgertransaction t ON t.id = c.transaction_id
WHERE {which}
"""
ClosureFigures = tuple[Any, ...]


def load_closures(keys: Iterable[LotKey] | None) -> dict[LotKey, list[ClosureFigures]]:
    """Return stored closures by position, each as (lot row, closing source key, dates, quantity, proceeds, basis, long-term)."""
    wanted = None if keys is None else frozenset(keys)
    which = "true" if wanted is None else "c.account_id = ANY(%(accounts)s::uuid[])"
    accounts = uuid_literal(raw_ids(sorted({key.account_id for key in wanted}))) if wanted else "{}"
    found: dict[LotKey, list[ClosureFigures]] = {}
    for row in fetch_rows(_CLOSURES.format(which=which), {"accounts": accounts}):
        key = LotKey(*row[:4])
        if wanted is None or key in wanted:
            found.setdefault(key, []).append(row[4:])
    return found


def write_changes(changes: Changes) -> None:
    """Write lots and closures, each kind of change in one statement."""
    if changes.emptied:
        execute("DELETE FROM accounts_lotclosure WHERE lot_id = ANY(%(ids)s)", {"ids": changes.emptied})
    if changes.removed:
        execute("DELETE FROM accounts_taxlot WHERE id = ANY(%(ids)s)", {"ids": changes.removed})
    if changes.changed:
        ids, quantity, basis, original = (list(column) for column in zip(*changes.changed, strict=True))
        execute(
            "UPDATE accounts_taxlot t SET quantity = v.quantity, basis = v.basis, original_quantity = v.original FROM unnest("
            "%(ids)s::uuid[], %(quantity)s::numeric[], %(basis)s::numeric[], %(original)s::numeric[]) "
            "v (id, quantity, basis, original) WHERE t.id = v.id",
            {"ids": ids, "quantity": quantity, "basis": basis, "original": original},
        )
    _insert_lots(changes)
    _insert_closures(changes)


def _insert_lots(changes: Changes) -> None:
    rows = changes.opened
    if not rows:
        return
    keys, lots = [row[0] for row in rows], [row[3] for row in rows]
    legend = sorted({lot.currency for lot in lots})
    columns = {
        "id": bulk.Uuids(raw_ids(row[1] for row in rows)),
        "transaction_id": bulk.Uuids(raw_ids(row[2] for row in rows)),
        "account_id": bulk.Uuids(raw_ids(key.account_id for key in keys)),
        "sleeve_id": bulk.Uuids(raw_ids(key.sleeve_id for key in keys)),
        "leg_id": bulk.OptionalUuids(raw_ids(key.leg_id for key in keys)),
        "instrument_id": bulk.Integers(np.array([key.instrument_id for key in keys], np.int64)),
        "acquired_on": bulk.Dates(_days(lot.acquired_date for lot in lots)),
        "original_quantity": bulk.Decimals(_scaled(row[4] for row in rows)),
        "quantity": bulk.Decimals(_scaled(lot.quantity for lot in lots)),
        "currency": bulk.Codes(np.array([legend.index(lot.currency) for lot in lots]), legend),
        "basis": bulk.Decimals(_scaled(lot.basis for lot in lots)),
    }
    bulk.insert(TaxLot, len(rows), columns)


def _insert_closures(changes: Changes) -> None:
    rows = changes.closed
    if not rows:
        return
    closures = [row[3] for row in rows]
    columns = {
        "lot_id": bulk.Uuids(raw_ids(row[0] for row in rows)),
        "transaction_id": bulk.Uuids(raw_ids(row[1] for row in rows)),
        "account_id": bulk.Uuids(raw_ids(row[2] for row in rows)),
        "closed_on": bulk.Dates(_days(c.closed_date for c in closures)),
        "recognised_on": bulk.Dates(_days(c.recognised_date for c in closures)),
        "quantity": bulk.Decimals(_scaled(c.quantity for c in closures)),
        "proceeds": bulk.Decimals(_scaled(c.proceeds for c in closures)),
        "basis": bulk.Decimals(_scaled(c.basis for c in closures)),
        "is_long_term": bulk.Booleans(np.array([c.long_term for c in closures])),
    }
    bulk.insert(LotClosure, len(rows), columns)


def _days(days: Iterable[Any]) -> Any:
    return np.array([day.toordinal() for day in days], np.int64) - 719_163


def _scaled(amounts: Iterable[Decimal]) -> Any:
    return np.array([to_scaled(amount) for amount in amounts], np.int64)


def new_row_ids(n: int) -> list[UUID]:
    """Return ids for n new lots."""
    fresh: Ids = new_ids(n)
    return [UUID(bytes=bytes(one)) for one in fresh.tolist()]
