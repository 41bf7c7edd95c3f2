"""P1, P1b: from a signal to orders that a gateway may claim; floor = bare COPY of every row the run left, in all its tables.

The floor's tables are made LIKE … INCLUDING INDEXES, without foreign keys and triggers; its rows are the run's own rows, binary.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from statistics import median
from typing import Any
from uuid import UUID

import psycopg
from django.apps import apps
from django.conf import settings
from django.db import connection

from accounts import services as accounts
from allocation.core.signal_body import SignalBody
from allocation.enums import SizingMethod
from base import tenancy
from execution.services.release import ReleaseFacts, run_signal
from mamweb.tour.firm import TourFirm, build_firm, generated_people
from mamweb.tour.world import generated_market
from market import services as market_services
from market.core.generated import generated_minute_bars
from market.core.generated_catalogue import GENERATED, XYZ_ANCHOR_AT
from market.services import QuoteRow

release = importlib.import_module("execution.services.release")  # the package gives the name to the function
RUNS = 7
SIZES = {"P1.1": 1, "P1.1k": 1_000, "P1.10k": 10_000}
SYMBOL = "BULK"
SEED = 7


def rows() -> list[dict[str, Any]]:
    """Return the rows of P1 and P1b, medians of seven runs after one to warm up."""
    _market()
    found = []
    for row_id, size in SIZES.items():
        found += _measure(row_id, size, "CORE", _firm(size))
    return found


def _firm(size: int) -> TourFirm:
    """A firm of so many accounts that has closed an evening before."""
    now = XYZ_ANCHOR_AT
    before = now - timedelta(days=3)
    firm = build_firm(name=f"Bench {size}", people=generated_people(size, SEED), now=before)
    with tenancy.firm(firm.firm_id):
        accounts.snapshot_equity(as_of=before.date(), now=now - timedelta(minutes=1))
    _vacuum("")  # what the server does by itself within a minute of such a load
    return firm


def _market() -> None:
    """The built-in market with one instrument so liquid that every signal goes as a marketable limit."""
    generated_market(SEED)
    entry = GENERATED["XYZ"]
    spec = replace(entry.spec, symbol=SYMBOL, issuer=SYMBOL, identity_group=SYMBOL)
    day = XYZ_ANCHOR_AT.date()
    bars = generated_minute_bars(entry, [day - timedelta(days=3), day], SEED)  # the session before gives the average daily volume
    pk = market_services.load_instruments([spec], is_simulated=True)[SYMBOL]
    market_services.load_bars(replace(bars, symbol=SYMBOL, volume=bars.volume * 100_000))
    price = Decimal("47.30")
    market_services.record_quotes([QuoteRow(pk, "SIMULATED", XYZ_ANCHOR_AT, price - Decimal("0.01"), price + Decimal("0.01"), price)])


def _measure(row_id: str, size: int, strategy: str, firm: TourFirm) -> list[dict[str, Any]]:
    ours, first, floors, first_floors, singles = [], [], [], [], []
    for number in range(RUNS + 1):
        body = SignalBody(
            strategy=strategy, symbol=SYMBOL, method=SizingMethod.TARGET_WEIGHT, figure=Decimal("0.005") + Decimal(number) / 10_000
        )
        before = _newest_ids(firm.firm_id)
        seconds, to_first, facts = _run(firm, f"{row_id}-{number}", body, XYZ_ANCHOR_AT + timedelta(milliseconds=number))
        if facts.blocked or not facts.parents:
            raise RuntimeError(f"{row_id}: the signal was not released: {facts}")
        floor, statement_floor = _floors(firm.firm_id, before)
        _reset(firm.firm_id)
        if number:
            ours.append(seconds)
            first.append(to_first)
            floors.append(floor)
            first_floors.append(statement_floor)
            singles.append(_single_commit())
    floor_ms = 1000 * median(singles if size == 1 else floors)
    against = "a single-row commit" if size == 1 else "COPY of every row it left"
    what = f"signal → last of {size:,} accounts' orders claimable; floor = {against}"
    found = [_row(row_id, what, 1000 * median(ours), floor_ms)]
    if row_id == "P1.10k":
        what = "signal → first order claimable, statement included, 10,000 accounts; floor = COPY of the statement's rows"
        found.append(_row("P1b.10k", what, 1000 * median(first), 1000 * median(first_floors)))
    return found


def _row(row_id: str, what: str, ours: float, floor: float) -> dict[str, Any]:
    return {"id": row_id, "what": what, "ours_ms": ours, "floor_ms": floor, "ratio": ours / floor, "better": "lower", "n": RUNS}


def _run(firm: TourFirm, key: str, body: SignalBody, now: Any) -> tuple[float, float, ReleaseFacts]:
    """Return seconds to the last order, seconds to the first chunk's commit, and the release."""
    marks: list[float] = []
    write: Callable[..., int] = release.write_children

    def noting(**arguments: Any) -> int:
        marks.append(time.perf_counter())
        return write(**arguments)

    release.write_children = noting
    try:
        start = time.perf_counter()
        facts = run_signal(firm_id=firm.firm_id, source="bench", idempotency_key=key, body=body, actor=firm.actors["TRADER"], now=now)
        end = time.perf_counter()
    finally:
        release.write_children = write
    to_first = (marks[1] if len(marks) > 1 else end) - start
    return end - start, to_first, facts


def _tables() -> list[str]:
    return [m._meta.db_table for m in apps.get_models() if getattr(m, "is_tenant", False)]


def _newest_ids(firm_id: int) -> dict[str, UUID | None]:
    """Return the firm's newest id of each tenant table; ids ascend, so what comes later is new."""
    with _owner() as owner:
        owner.execute("SELECT set_config('app.firm', %s, false)", [str(firm_id)])
        return {table: owner.execute(f"SELECT max(id::text)::uuid FROM {table}").fetchone()[0] for table in _tables()}  # type: ignore[index]


def _floors(firm_id: int, before: dict[str, UUID | None]) -> tuple[float, float]:
    """Return seconds to COPY all new rows, and those of the statement alone."""
    total = statement = 0.0
    with _owner() as owner:
        owner.execute("SELECT set_config('app.firm', %s, false)", [str(firm_id)])
        payloads = {table: _rows_after(owner, table, newest) for table, newest in before.items()}
        payloads = {table: rows for table, rows in payloads.items() if len(rows) > 21}
        for table in payloads:
            owner.execute(f"DROP TABLE IF EXISTS floor_{table}")
            owner.execute(f"CREATE TABLE floor_{table} (LIKE {table} INCLUDING INDEXES)")
        owner.commit()
        for table, payload in payloads.items():
            start = time.perf_counter()
            with owner.cursor().copy(f"COPY floor_{table} FROM STDIN (FORMAT BINARY)") as copy:
                copy.write(payload)
            owner.commit()
            seconds = time.perf_counter() - start
            total += seconds
            if table.startswith("allocation_allocation"):
                statement += seconds
            owner.execute(f"DROP TABLE floor_{table}")
            owner.commit()
    return total, statement


def _rows_after(owner: psycopg.Connection, table: str, newest: UUID | None) -> bytes:
    where = f"WHERE id > '{newest}'" if newest else ""
    with owner.cursor().copy(f"COPY (SELECT * FROM {table} {where}) TO STDOUT (FORMAT BINARY)") as copy:
        return b"".join(bytes(part) for part in copy)


def _single_commit() -> float:
    with _owner() as owner:
        owner.execute(
            "CREATE TABLE IF NOT EXISTS floor_single (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), at timestamptz DEFAULT now())"
        )
        owner.commit()
        found = []
        for _ in range(20):
            start = time.perf_counter()
            owner.execute("INSERT INTO floor_single DEFAULT VALUES")
            owner.commit()
            found.append(time.perf_counter() - start)
    return median(found)


def _reset(firm_id: int) -> None:
    """End what the run left working, so that the next run meets the same books."""
    with tenancy.firm(firm_id), connection.cursor() as cursor:
        cursor.execute("UPDATE execution_childorder SET state = 'CANCELED' WHERE state = 'PENDING'")
        cursor.execute("UPDATE execution_parentorder SET state = 'CANCELED', done_at = created_at WHERE done_at IS NULL")
        cursor.execute("UPDATE accounts_reservation SET released_at = created_at WHERE released_at IS NULL")
    for table in ("execution_childorder", "accounts_reservation", "execution_parentorder"):
        _vacuum(table)


def _vacuum(table: str) -> None:
    with _owner() as owner:
        owner.autocommit = True
        owner.execute(f"VACUUM ANALYZE {table}")


def _owner() -> psycopg.Connection:
    given = settings.DATABASES["owner"]
    return psycopg.connect(
        host=given["HOST"] or None, port=given["PORT"] or None, user=given["USER"], password=given["PASSWORD"] or None, dbname=given["NAME"]
    )
