"""Yesterday's open breaks against today's, in the database (REC-4, REC-6).

Entry points: `plan`, `Plan`, `save`.
Invariants: 1. a break keeps its row and its first day while its key comes back; 2. a run closes only what it covered: an account or
section that was not delivered proves nothing gone; 3. a trade or charge of an earlier date is not in today's file: it closes when what
it left behind is gone: no position break of its instrument, and for money, cash that agrees to the last unit; 4. a break that a later
day's run has seen is that run's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from ..core.aging import IsBusinessDay, OpenBreak, Waiver, carry_over, state
from ..core.breaks import Break as Found
from ..enums import BreakState, BreakType, ItemKind
from ..models import Break
from ..models import Waiver as WaiverRow
from ..queries.codebook import Codebook
from ..queries.columns import execute
from .rows import FIGURES, figures, key_of, to_row, to_value

_DAILY = frozenset({ItemKind.TRADE, ItemKind.FEE})
_OF_QUANTITY = frozenset(
    {
        BreakType.MISSING_FILL,
        BreakType.EXTRA_FILL,
        BreakType.QUANTITY,
        BreakType.DUPLICATE,
        BreakType.SYMBOL_MAP,
        BreakType.CORPORATE_ACTION,
    }
)
Settled = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a run covered: accounts by the custodian's number, sections; and (account, currency) whose cash differs, however little."""

    accounts: frozenset[str]
    sections: frozenset[ItemKind]
    cash_differs: Settled


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run changes: new rows, rows still there with today's value and state, rows to close and how."""

    fresh: tuple[tuple[str, Found, BreakState], ...]
    still: tuple[tuple[Break, Found, BreakState], ...]
    gone: tuple[tuple[Break, BreakState], ...]

    def content(self) -> list[list[str]]:
        """Return what the run says of its breaks, for the hash that tells a repetition from news."""
        rows = [(key, found, held) for key, found, held in self.fresh] + [(row.key, found, held) for row, found, held in self.still]
        return sorted([found.account, key, held, *map(str, figures(found).values())] for key, found, held in rows)


def plan(
    book: Codebook, found: tuple[Found, ...], covered: Coverage, *, as_of: date, now: datetime, is_business_day: IsBusinessDay
) -> Plan:
    """Compare the found breaks with the open rows of the custodian."""
    refs = dict(zip(book.account_ids, book.directory.accounts, strict=True))
    rows = Break.objects.filter(account__custodian_id=book.custodian_id, closed_at=None).select_related("run").order_by("opened_on", "id")
    listed = list(rows)
    later = {(refs[row.account_id], row.key) for row in listed if row.run.as_of > as_of}
    listed = [row for row in listed if row.run.as_of <= as_of]
    values = {row.id: to_value(row, refs[row.account_id]) for row in listed}
    provable = [row for row in listed if values[row.id].account in covered.accounts and row.item_kind in covered.sections]
    earlier = [row for row in provable if row.item_kind in _DAILY and row.booked_on is not None and row.booked_on < as_of]
    outlived = {row.id for row in earlier}
    handed = [row for row in provable if row.id not in outlived]
    waivers = _waivers([row.id for row in listed])
    previous = {row.id: OpenBreak(values[row.id], row.opened_on) for row in handed}
    carried = carry_over(previous.values(), found, as_of)
    by_item = {id(item): row for row, item in ((row, previous[row.id]) for row in handed)}
    gone = [(by_item[id(item)], outcome) for item, outcome in carried.gone]
    lost = {row.id for row, _ in gone}
    waiting: defaultdict[tuple[str, ...], list[Break]] = defaultdict(list)
    for row in handed:
        if row.id not in lost:
            waiting[values[row.id].key].append(row)
    fresh: list[tuple[str, Found, BreakState]] = []
    still: list[tuple[Break, Found, BreakState]] = []
    used = {(values[row.id].account, row.key) for row in listed} | later
    for item in carried.open:
        rows_of_key = waiting[item.found.key]
        known = rows_of_key.pop(0) if rows_of_key else None
        held = state(item, as_of, waivers.get(known.id) if known else None, now, is_business_day)
        if known is not None:
            still.append((known, item.found, held))
        elif (item.found.account, key_of(item.found)) not in later:
            fresh.append((_unused(item.found, used), item.found, held))
    gone += [(row, outcome) for row in earlier if (outcome := _outlived(values[row.id], found, covered, as_of)) is not None]
    return Plan(tuple(fresh), tuple(still), tuple(gone))


def save(made: Plan, book: Codebook, *, run_id: UUID, as_of: date, now: datetime) -> None:
    """Write a plan: new rows in one statement, changed rows in one, closed rows in one."""
    account_ids = dict(zip(book.directory.accounts, book.account_ids, strict=True))
    instrument_ids = dict(zip(book.directory.symbols, book.instrument_ids.tolist(), strict=True))
    _insert(
        to_row(
            found,
            key=key,
            account_id=account_ids[found.account],
            instrument_id=instrument_ids.get(found.symbol),
            run_id=run_id,
            state=held,
            opened_on=as_of,
        )
        for key, found, held in made.fresh
    )
    for row, found, held in made.still:
        row.run_id, row.state = run_id, held
        for name, value in figures(found).items():
            setattr(row, name, value)
    if made.still:
        Break.objects.bulk_update([row for row, _, _ in made.still], ["run", "state", *FIGURES], batch_size=500)
    for outcome in (BreakState.SELF_MATCHED, BreakState.RESOLVED):
        ids = [row.id for row, closed in made.gone if closed is outcome]
        if ids:
            Break.objects.filter(id__in=ids).update(state=outcome, closed_at=now)


def _insert(rows: Iterable[Break]) -> None:
    """Insert breaks in one statement: as JSON they cost a tenth of so many parameters."""
    fields = [field for field in Break._meta.local_concrete_fields if field.attname != "firm_id"]
    content = [{field.column: _plain(getattr(row, field.attname)) for field in fields} for row in rows]
    if not content:
        return
    table, names = Break._meta.db_table, ", ".join(str(field.column) for field in fields)
    sql = f"INSERT INTO {table} ({names}) SELECT {names} FROM jsonb_populate_recordset(NULL::{table}, %(rows)s::jsonb)"
    execute(sql, {"rows": orjson.dumps(content).decode()})


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value


def _outlived(value: Found, found: Iterable[Found], covered: Coverage, as_of: date) -> BreakState | None:
    """Return how a trade's or charge's break of an earlier date has ended, None while it has not."""
    if value.type is BreakType.SETTLE_DATE_TIMING:
        until = value.self_matches_on
        differs = any(b.item is ItemKind.CASH_SD and (b.account, b.currency) == (value.account, value.currency) for b in found)
        settled = ItemKind.CASH_SD in covered.sections and until is not None and as_of >= until and not differs
        return BreakState.SELF_MATCHED if settled else None
    if value.item is ItemKind.TRADE and value.type in _OF_QUANTITY:
        names = {value.symbol, value.their_symbol} - {""}
        differs = any(b.item is ItemKind.POSITION and b.account == value.account and {b.symbol, b.their_symbol} & names for b in found)
        return BreakState.RESOLVED if ItemKind.POSITION in covered.sections and not differs else None
    agrees = ItemKind.CASH_TD in covered.sections and (value.account, value.currency) not in covered.cash_differs
    return BreakState.RESOLVED if agrees else None


def waivers_of(rows: Iterable[WaiverRow]) -> dict[UUID, Waiver]:
    """Return the newest waiver of each break as a value."""
    return {
        row.of_break_id: Waiver(row.content_hash, "requester", "approver", row.reason, row.approved_at, row.expires_at)
        for row in sorted(rows, key=lambda row: row.approved_at)
    }


def _waivers(break_ids: list[UUID]) -> dict[UUID, Waiver]:
    return waivers_of(WaiverRow.objects.filter(of_break_id__in=break_ids)) if break_ids else {}


def _unused(found: Found, used: set[tuple[str, str]]) -> str:
    """Return the key's text, numbered where the same thing is broken more than once (equal fills without an execution id)."""
    base = key_of(found)
    key, number = base, 1
    while (found.account, key) in used:
        number += 1
        key = f"{base}#{number}"
    used.add((found.account, key))
    return key
