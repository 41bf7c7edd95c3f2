"""Beat's timetable: every name is a task, and a task that comes twice does its work once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from celery.schedules import crontab
from django.apps import apps

from allocation.models import Strategy
from base import tenancy
from base.clock import process_clock
from base.models import TenantModel
from execution.enums import Level, LevelWish
from execution.models import ProtectiveLevel
from governance import services as governance
from governance.core.subjects import Subject
from governance.enums import AlertTier, KillScope, SubjectKind
from mamweb.celery import app
from mamweb.tour.firm import FIXED, TourFirm, build_firm
from mamweb.tour.world import generated_market
from market.core.generated_catalogue import XYZ_ANCHOR_AT
from market.models import Instrument
from tests.mamweb.play import playing, release_two_twaps, rows, set_clock

pytestmark = pytest.mark.xdist_group("embedded")
app.loader.import_default_modules()
app.finalize()
TIMETABLE: dict[str, dict[str, Any]] = dict(app.conf.beat_schedule)
# When each has something to do: as slices fall due, or in the evening once every custodian is late.
MIDDAY = XYZ_ANCHOR_AT + timedelta(minutes=10)
EVENING = XYZ_ANCHOR_AT + timedelta(hours=8)
BEFORE_OPEN = XYZ_ANCHOR_AT + timedelta(hours=22, minutes=55)
NEXT_MONTH = XYZ_ANCHOR_AT + timedelta(days=31)
# A repeated alert counts how often it came; that is its work, and harms nobody.
COUNTERS = {"governance_alert": ["occurrences", "last_at"]}


def test_every_scheduled_name_is_a_task_and_nothing_else_is_missing() -> None:
    scheduled = {entry["task"] for entry in TIMETABLE.values()}
    assert scheduled <= set(app.tasks)
    ours = {name for name in app.tasks if not name.startswith("celery.")}
    assert ours - scheduled == {"reporting.make_statements"}, "every other task is found again by beat if its message is lost"


@pytest.mark.parametrize("name", sorted(TIMETABLE))
def test_a_message_expires_before_it_can_pile_up(name: str) -> None:
    entry = TIMETABLE[name]
    every = entry["schedule"]
    if isinstance(every, crontab):
        assert entry.get("options", {}).get("expires", 24 * 3600) <= 24 * 3600
    else:
        assert every < entry["options"]["expires"] <= 10 * every


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Iterator[TourFirm]:
    """A firm with something for every task: orders in slices, custodians that are late, an authority that ends, an unread alert."""
    with django_db_blocker.unblock(), playing(tmp_path_factory.mktemp("schedule"), XYZ_ANCHOR_AT, 0):
        now = generated_market(1).start
        ending = tuple(replace(person, valid_days=5) if person.code == "A5" else person for person in FIXED)
        made = build_firm(name="Scheduled", people=ending, now=now - timedelta(minutes=1))
        release_two_twaps(made)
        with tenancy.firm(made.firm_id):
            subject = Subject(SubjectKind.ACCOUNT, str(made.accounts["A1"]))
            governance.raise_alert(tier=AlertTier.CRITICAL, audience=None, rule="RSK-1", subject=subject, message="x", now=now)
        yield made


def books(firm: TourFirm) -> dict[str, str]:
    """Return a digest of every table the firm has rows in."""
    found = {}
    for model in apps.get_models():
        if issubclass(model, TenantModel):
            table = model._meta.db_table
            row = f"(to_jsonb(t) - ARRAY{COUNTERS.get(table, [])}::text[])::text"
            found[table] = rows(firm.firm_id, f'SELECT md5(string_agg({row}, chr(10) ORDER BY {row})) FROM "{table}" t')[0][0]
    return found


def prepare(firm: TourFirm, name: str) -> None:
    """Set the clock, and do what the task finds done."""
    set_clock(EVENING)
    if name == "execution.release_orders":
        set_clock(MIDDAY)
    elif name == "execution.watch_levels":
        set_clock(MIDDAY)
        with tenancy.firm(firm.firm_id):
            cover_nothing(firm)
    elif name == "execution.watch_orders":
        set_clock(MIDDAY)
        app.tasks["execution.release_orders"]()
        with tenancy.firm(firm.firm_id):
            trader = firm.actors["TRADER"]
            governance.trip_kill_switch(scope=KillScope.FIRM, subject_id="", actor=trader, now=process_clock().now(), reason="x")
    elif name == "reconciliation.close_only":
        app.tasks["reconciliation.reconcile_due"]()
        set_clock(BEFORE_OPEN)
    elif name == "reconciliation.reconcile_due":
        set_clock(EVENING + timedelta(days=1))
    elif name == "reporting.state_last_month":
        set_clock(NEXT_MONTH)


def cover_nothing(firm: TourFirm) -> None:
    """Leave a stop whose position is gone; it ends at the next round."""
    strategy = Strategy.objects.get(code="CORE")
    ProtectiveLevel.objects.create(
        account_id=firm.accounts["A7"],
        sleeve_id=strategy.sleeve_id,
        strategy=strategy,
        instrument=Instrument.objects.get(symbol="XYZ"),
        level=Level.STOP,
        is_long=True,
        price=1,
        wish=LevelWish.PRICE,
        figure=1,
        set_at=process_clock().now(),
    )


@pytest.mark.parametrize("name", sorted(TIMETABLE))
def test_what_comes_twice_does_its_work_once(firm: TourFirm, name: str) -> None:
    prepare(firm, name)
    task = app.tasks[TIMETABLE[name]["task"]]
    before = books(firm)
    task()
    once = books(firm)
    task()
    twice = books(firm)
    assert {table for table in before if once[table] != before[table]}, "there was something to do"
    assert {table for table in before if twice[table] != once[table]} == set()


def test_gov_11_the_round_of_last_month_makes_statements(firm: TourFirm) -> None:
    prepare(firm, "reporting.state_last_month")
    app.tasks["reporting.state_last_month"]()
    made = "SELECT count(*), count(DISTINCT account_id), min(period_start) FROM reporting_statementdocument"
    documents, accounts, month = rows(firm.firm_id, made)[0]
    assert documents == accounts > 0 and month.isoformat() == "2026-03-01"
