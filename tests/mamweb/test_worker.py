"""A real worker killed in mid-task: what it had committed stays, the rest is done once by whoever comes next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from base import tenancy
from base.clock import process_clock
from mamweb.celery import app
from mamweb.config import broker_url
from mamweb.tour.firm import FIXED, build_firm
from mamweb.tour.world import generated_market
from market.core.generated_catalogue import XYZ_ANCHOR_AT
from tests.chaos.stage import Stage, wait_for
from tests.factories import make_firm
from tests.mamweb.play import playing, release_two_twaps, rows
from tests.reporting.small_account import market, save, small_account

pytestmark = pytest.mark.xdist_group("embedded")
# Virtual seconds a second: a TWAP of minutes takes moments.
SPEED = 40.0


def send(here: Stage, task: str) -> None:
    with app.connection_for_write(broker_url(here.environment["REDIS_URL"])) as connection:
        app.send_task(task, connection=connection)


@contextmanager
def holding(here: Stage, firm_id: int, sql: str, *parameters: object) -> Iterator[None]:
    """Hold a lock of another session until the worker waits for it, and while the block lasts."""
    with psycopg.connect(here.environment["DATABASE_URL"]) as holder:
        holder.execute("SELECT set_config('app.firm', %s, true)", [str(firm_id)])
        holder.execute(sql, parameters)
        yield


def is_waiting(here: Stage) -> bool:
    with psycopg.connect(here.environment["DATABASE_OWNER_URL"].replace("mamweb_owner", "mamweb_app")) as watcher:
        sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return watcher.execute(sql).fetchall()[0][0] > 0


ORDERED = """SELECT p.id, count(o.id), count(DISTINCT (o.account_id, o.slice_id)), coalesce(sum(o.quantity), 0), p.quantity
             FROM execution_parentorder p LEFT JOIN execution_childorder o ON o.parent_id = p.id GROUP BY p.id ORDER BY p.id"""


def test_i1_slices_a_killed_worker_left_are_ordered_once(tmp_path: Path, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock(), playing(tmp_path, XYZ_ANCHOR_AT, SPEED) as here:
        market_now = generated_market(1).start
        firm = build_firm(name="Killed worker", people=FIXED, now=market_now - timedelta(minutes=1))
        release_two_twaps(firm)
        due = "SELECT count(DISTINCT parent_id) FROM execution_slice WHERE due_at <= %s"
        wait_for(lambda: rows(firm.firm_id, due, process_clock().now())[0][0] == 2, "a slice of each to fall due")
        first, second = (row[0] for row in rows(firm.firm_id, ORDERED))
        with holding(here, firm.firm_id, "SELECT 1 FROM execution_parentorder WHERE id = %s FOR UPDATE", second):
            here.start_worker()
            send(here, "execution.release_orders")
            wait_for(lambda: is_waiting(here), "the worker to reach the second parent")
            here.kill("worker")
            half = {row[0]: row[1] for row in rows(firm.firm_id, ORDERED)}
            assert half[first] > 0 and half[second] == 0, "it died between the two"

        here.start_worker()
        here.start_beat()
        waiting = "SELECT count(*) FROM execution_slice WHERE state = 'PENDING'"
        wait_for(lambda: rows(firm.firm_id, waiting)[0][0] == 0, "every slice to be ordered")
        done = rows(firm.firm_id, ORDERED)
        for parent, orders, distinct, ordered, quantity in done:
            assert (orders, ordered) == (distinct, quantity), f"parent {parent} is ordered once, and whole"
        rounds = b"execution.release_orders["
        seen = (here.folder / "worker.log").read_bytes().count(rounds)
        wait_for(lambda: (here.folder / "worker.log").read_bytes().count(rounds) >= seen + 4, "two more rounds")
        assert rows(firm.firm_id, ORDERED) == done


def test_gov_11_statements_a_killed_worker_left_are_made_once(tmp_path: Path, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock(), playing(tmp_path, datetime(2026, 11, 2, 6, 40, tzinfo=UTC), 1.0) as here:
        instruments, firm = market(), make_firm()
        with tenancy.firm(firm.id):
            accounts = [save(small_account(instruments, code=code)).account for code in ("A1", "B2", "C3")]
        made = "SELECT account_id, count(*) FROM reporting_statementdocument GROUP BY 1"
        key = f"statement|{accounts[1].id}|2026-10-01"
        with holding(here, firm.id, "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", key):
            here.start_worker()
            send(here, "reporting.state_last_month")
            wait_for(lambda: is_waiting(here), "the worker to reach the second account")
            here.kill("worker")
            assert rows(firm.id, made) == [(accounts[0].id, 1)]
        here.start_worker()
        for _ in range(2):  # the next hour's round, and one that comes twice
            send(here, "reporting.state_last_month")
        ended = b"succeeded in"
        wait_for(lambda: (here.folder / "worker.log").read_bytes().count(ended) == 2, "both rounds to end")
        assert sorted(rows(firm.id, made)) == sorted((account.id, 1) for account in accounts)
