"""Tax lots follow the ledger (TAX-1…3): in bulk where a trade only opens, by the core where it closes, by replay where it undoes.

Entry points: `OpeningRows`, `LotState`, `load_state`, `open_in_bulk`, `apply_events`, `advance`, `replay_positions`.
Invariants: 1. what is stored is what replaying the ledger gives, whichever way was taken; 2. Σ open lots = position; 3. the accounts are
locked, and the state was read before the batch was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from numpy.typing import NDArray

from accounts.enums import LotMethod
from base import bulk

from ..core.lot_events import LotEvent, apply_event, replay
from ..core.lot_selection import Lot
from ..core.lots import Closure, LotChange
from ..models import TaxLot
from ..queries.columns import Ids, Ints, fetch_rows, raw_ids, uuid_literal
from .lot_rows import Changes, LotKey, PastEvent, StoredLot, ledger_events, load_closures, load_lots, new_row_ids, write_changes

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class LotState:
    """What stood before a batch: open lots, each position's last trade date, each account's method."""

    lots: Mapping[LotKey, Mapping[str, StoredLot]]
    last_traded: Mapping[LotKey, date]
    methods: Mapping[UUID, LotMethod]


def load_state(keys: Iterable[LotKey]) -> LotState:
    """Read what `apply_events` needs to know of these positions; three statements."""
    wanted = frozenset(keys)
    if not wanted:
        return LotState({}, {}, {})
    accounts = uuid_literal(raw_ids(sorted({key.account_id for key in wanted})))
    rows = fetch_rows(
        "SELECT account_id, sleeve_id, leg_id, instrument_id, last_traded_on FROM accounts_position "
        "WHERE account_id = ANY(%(accounts)s::uuid[]) AND instrument_id = ANY(%(instruments)s)",
        {"accounts": accounts, "instruments": sorted({key.instrument_id for key in wanted})},
    )
    return LotState(load_lots(wanted, only_open=True), {LotKey(*row[:4]): row[4] for row in rows}, _methods(accounts))


def _methods(accounts: str) -> dict[UUID, LotMethod]:
    sql = "SELECT id, lot_method FROM accounts_account WHERE id = ANY(%(accounts)s::uuid[])"
    return {row[0]: LotMethod(row[1]) for row in fetch_rows(sql, {"accounts": accounts})}


@dataclass(frozen=True, slots=True, eq=False)
class OpeningRows:
    """m lots that trades with nothing to close open: columns of TaxLot. account, sleeve, transaction: V16[m]; quantity, basis: 10⁻⁸."""

    account: Ids
    sleeve: Ids
    transaction: Ids
    instrument: Ints
    acquired: Ints
    quantity: Ints
    basis: Ints
    currency: Ints
    legend: Sequence[str]

    def take(self, rows: NDArray[Any]) -> OpeningRows:
        """Return these rows."""
        names = [name for name in self.__dataclass_fields__ if name != "legend"]
        return OpeningRows(**{name: getattr(self, name)[rows] for name in names}, legend=self.legend)


def open_in_bulk(rows: OpeningRows) -> None:
    """Insert lots of positions that were empty or on the same side."""
    columns = {
        "account_id": bulk.Uuids(rows.account),
        "sleeve_id": bulk.Uuids(rows.sleeve),
        "transaction_id": bulk.Uuids(rows.transaction),
        "instrument_id": bulk.Integers(rows.instrument),
        "leg_id": None,
        "acquired_on": bulk.Dates(rows.acquired),
        "original_quantity": bulk.Decimals(rows.quantity),
        "quantity": bulk.Decimals(rows.quantity),
        "currency": bulk.Codes(rows.currency, rows.legend),
        "basis": bulk.Decimals(rows.basis),
    }
    bulk.insert(TaxLot, len(rows.quantity), columns)


def apply_events(events: Sequence[tuple[LotKey, LotEvent]], state: LotState, transaction_ids: Mapping[str, UUID]) -> None:
    """Bring stored lots up to date with events whose transactions have just been written, in ledger order. Raises ValueError as the core."""
    changes, anew = advance(events, state, transaction_ids)
    write_changes(changes)
    if anew:
        replay_positions(anew, state.methods)


def advance(events: Sequence[tuple[LotKey, LotEvent]], state: LotState, transaction_ids: Mapping[str, UUID]) -> tuple[Changes, set[LotKey]]:
    """Return what events in ledger order change in the stored lots, and the positions to be replayed instead once the ledger has them.

    A reversal, or a trade dated before one already taken, has its whole position replayed. Raises ValueError as the core.
    """
    by_key: dict[LotKey, list[LotEvent]] = {}
    for key, event in events:
        by_key.setdefault(key, []).append(event)
    anew = {key for key, found in by_key.items() if _out_of_order(found, state.last_traded.get(key))}
    changes = Changes()
    for key, found in by_key.items():
        if key not in anew:
            _advance(key, found, state, transaction_ids, changes)
    return changes, anew


def _out_of_order(events: Sequence[LotEvent], last: date | None) -> bool:
    rank = (date.min, False) if last is None else (last, True)
    for event in events:
        if event.reverses is not None or event.rank < rank:
            return True
        rank = event.rank
    return False


def _advance(key: LotKey, events: Sequence[LotEvent], state: LotState, transaction_ids: Mapping[str, UUID], changes: Changes) -> None:
    stored = state.lots.get(key, {})
    change = LotChange((), (), tuple(row.lot for row in stored.values()))
    for event in events:
        step = apply_event(change.remaining, event, state.methods[key.account_id])
        change = LotChange(change.opened + step.opened, change.closed + step.closed, step.remaining)
    _collect(key, change, stored, transaction_ids, changes)


def _collect(
    key: LotKey, change: LotChange, stored: Mapping[str, StoredLot], transaction_ids: Mapping[str, UUID], changes: Changes
) -> dict[str, UUID]:
    """Note what differs between the stored lots and what they should be; return the row of every lot."""
    remaining = {str(lot.lot_id): lot for lot in change.remaining}
    rows = {name: row.row_id for name, row in stored.items()}
    originals = {str(lot.lot_id): lot.quantity for lot in change.opened}
    for name, row in stored.items():
        lot = remaining.get(name) or replace(row.lot, quantity=ZERO, basis=ZERO)
        original = originals.get(name, row.original_quantity)
        if (lot.quantity, lot.basis, original) != (row.lot.quantity, row.lot.basis, row.original_quantity):
            changes.changed.append((row.row_id, lot.quantity, lot.basis, original))
    fresh = [lot for lot in change.opened if str(lot.lot_id) not in stored]
    for row_id, lot in zip(new_row_ids(len(fresh)), fresh, strict=True):
        name = str(lot.lot_id)
        rows[name] = row_id
        now = remaining.get(name) or replace(lot, quantity=ZERO, basis=ZERO)
        changes.opened.append((key, row_id, transaction_ids[name], now, lot.quantity))
    for closure in change.closed:
        changes.closed.append((rows[str(closure.lot_id)], transaction_ids[str(closure.trade_id)], key.account_id, closure))
    return rows


@dataclass(frozen=True, slots=True)
class LotDifference:
    """Lots of a position that the ledger does not support, as text for people."""

    key: LotKey
    expected: str
    stored: str


def replay_positions(
    keys: Iterable[LotKey] | None, methods: Mapping[UUID, LotMethod] | None = None, *, write: bool = True
) -> list[LotDifference]:
    """Work out lots and closures of these positions (None: all of the firm) from the ledger, and store what differs.

    write: False only compares. Returns the differences found.
    """
    wanted = None if keys is None else frozenset(keys)
    known = methods if methods is not None else {row[0]: LotMethod(row[1]) for row in fetch_rows(_ALL_METHODS, {})}
    stored, closures = load_lots(wanted, only_open=False), load_closures(wanted)
    changes, found = Changes(), []
    for key, past in ledger_events(wanted):
        found += _replay_one(key, past, known[key.account_id], stored.pop(key, {}), closures.pop(key, []), changes)
    for key, rows in stored.items():
        found.append(LotDifference(key, "no lots", _told(row.lot for row in rows.values())))
        changes.emptied += [row.row_id for row in rows.values()]
        changes.removed += [row.row_id for row in rows.values()]
    if write:
        write_changes(changes)
    return found


_ALL_METHODS = "SELECT id, lot_method FROM accounts_account"


def _replay_one(
    key: LotKey,
    past: Sequence[PastEvent],
    method: LotMethod,
    stored: Mapping[str, StoredLot],
    closures: Sequence[tuple[Any, ...]],
    changes: Changes,
) -> list[LotDifference]:
    expected = replay([one.event for one in past], method)
    ids = {one.event.source_key: one.transaction_id for one in past}
    opened = {str(lot.lot_id): lot for lot in expected.opened}
    # A lot's date and currency never change in place: where they are wrong, the row goes and comes anew.
    wrong = [name for name, row in stored.items() if name not in opened or _fixed(row.lot) != _fixed(opened[name])]
    kept = {name: row for name, row in stored.items() if name not in wrong}
    own = Changes()
    rows = _collect(key, expected, kept, ids, own)
    wanted = sorted(_figures(rows[str(c.lot_id)], c) for c in expected.closed)
    same_closures = wanted == sorted((str(lot_row), *rest) for lot_row, *rest in closures)
    if same_closures:
        own.closed.clear()
    else:
        own.emptied += list({lot_row for lot_row, *_ in closures})
    own.removed += [stored[name].row_id for name in wrong]
    if not (own.opened or own.changed or own.removed or own.emptied or own.closed):
        return []
    for name in ("opened", "changed", "removed", "emptied", "closed"):
        getattr(changes, name).extend(getattr(own, name))
    mine = _told(expected.remaining) + _closures_told(len(wanted), sum((c.proceeds - c.basis for c in expected.closed), ZERO))
    theirs = _told(row.lot for row in stored.values()) + _closures_told(len(closures), sum((c[5] - c[6] for c in closures), ZERO))
    return [LotDifference(key, mine, theirs)]


def _fixed(lot: Lot) -> tuple[date, str]:
    return lot.acquired_date, lot.currency


def _figures(row_id: UUID, closure: Closure) -> tuple[Any, ...]:
    c = closure
    return (str(row_id), str(c.trade_id), c.closed_date, c.recognised_date, c.quantity, c.proceeds, c.basis, c.long_term)


def _told(lots: Iterable[Lot]) -> str:
    told = [f"{lot.quantity.normalize():f} of {lot.acquired_date} at {lot.basis:.2f}" for lot in lots if lot.quantity]
    return "lots " + (", ".join(told) or "none")


def _closures_told(count: int, gain: Decimal) -> str:
    return f", {count} closures with a gain of {gain:.2f}"
