"""A trial firm's past is the product's own work: every book stands on it, and so does tomorrow's trading."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.conf import settings
from django.db import connections

from accounts import services as accounts
from base import tenancy
from governance.queries import awake_firm_ids, verify_chain
from mamweb.history import NORTHLIGHT, let_people_trade
from mamweb.history.past import decides_at
from mamweb.history.statements import state_past
from mamweb.history.story import What, story_of
from mamweb.history.walk import days_done, sessions_of
from mamweb.tour.facts import rows
from tests.chaos.stage import addresses
from tests.mamweb.history.conftest import OPENED, SESSIONS, UNTIL, Past, our_books
from tests.mamweb.servers import wait_for

pytestmark = pytest.mark.xdist_group("history")
FIGURES = """
SELECT a.code, e.as_of, e.equity, e.cash, e.market_value, e.external_flow FROM accounts_equitysnapshot e
JOIN accounts_account a ON a.id = e.account_id ORDER BY 1, 2"""
EXECUTIONS = "SELECT side, last_qty, last_px, fee, executed_at FROM execution_execution ORDER BY executed_at, last_qty, last_px, fee"
ENDED = ("FILLED", "CANCELED", "DENIED", "REJECTED", "EXPIRED")


def count(firm_id: int, table: str) -> int:
    found: int = rows(firm_id, f"SELECT count(*) AS n FROM {table}")[0]["n"]
    return found


def planted(firm_id: int) -> dict[tuple[str, str], Decimal]:
    number = rows(firm_id, "SELECT custodian_account AS n FROM accounts_account WHERE code = 'GE-07'")[0]["n"]
    return {(number, "ALDER"): Decimal(60)}


def check(past: Past, firm_id: int) -> None:
    """Every invariant of the books: proved by the ledger, equal to the custodians' but for what was planted, the trail unbroken."""
    with tenancy.firm(firm_id):
        assert accounts.check_books() == []
    ours, theirs = our_books(firm_id), past.custody(firm_id)
    differing = {key: ours.get(key, Decimal(0)) - theirs.get(key, Decimal(0)) for key in {*ours, *theirs}}
    assert {key: amount for key, amount in differing.items() if amount} == planted(firm_id)
    assert rows(firm_id, "SELECT currency, instrument_id FROM accounts_ledgerentry GROUP BY 1, 2 HAVING sum(amount) <> 0") == []
    assert {row["state"] for row in rows(firm_id, "SELECT state FROM execution_childorder")} <= set(ENDED)
    assert rows(firm_id, "SELECT 1 AS n FROM execution_parentorder WHERE done_at IS NULL") == []
    with tenancy.firm(firm_id):
        assert verify_chain().findings == ()


def test_a_history_is_sized_ordered_filled_booked_valued_and_reconciled(past: Past, lived: int) -> None:
    check(past, lived)
    sessions = sessions_of(OPENED, UNTIL)
    assert len(sessions) == SESSIONS
    decisions = [one for day in story_of(sessions, 1).decisions.values() for one in day]
    assert count(lived, "allocation_signal") == len(decisions) >= 12
    assert count(lived, "execution_execution") > 40
    assert count(lived, "accounts_equitysnapshot") == SESSIONS * len(NORTHLIGHT.accounts)
    states = [row["state"] for row in rows(lived, "SELECT state FROM reconciliation_reconciliationrun")]
    assert states == ["COMPLETE"] * SESSIONS * len(NORTHLIGHT.lanes)
    said = json.loads((past.folder / f"{lived}.json").read_text())
    assert said == {"firm": lived, "done": SESSIONS, "of": SESSIONS, "day": UNTIL.isoformat(), "state": "running", "message": ""}


def test_a_history_leaves_one_break_open_and_one_resolved_an_account_closed_and_one_without_authority(past: Past, lived: int) -> None:
    sql = "SELECT a.code, b.item_kind, b.state FROM reconciliation_break b JOIN accounts_account a ON a.id = b.account_id ORDER BY 1, 2, 3"
    found = {(row["code"], row["item_kind"], row["state"]) for row in rows(lived, sql)}
    assert found == {("GE-07", "POSITION", "OPEN"), ("GE-08", "CASH_TD", "RESOLVED"), ("GE-08", "CASH_SD", "RESOLVED")}
    closed = "SELECT a.code FROM accounts_tradingblock b JOIN accounts_account a ON a.id = b.account_id WHERE b.ends_at IS NULL"
    assert [row["code"] for row in rows(lived, closed)] == ["GE-07"]
    assert [row["code"] for row in rows(lived, "SELECT code FROM governance_authority WHERE revoked_at IS NOT NULL")] == ["IMA-GE-06"]
    assert count(lived, "governance_restriction") == 1


def test_i8_the_same_seed_lives_the_same_days(past: Past, lived: int) -> None:
    again = past.firm("again")
    past.live(again, stop_after=3)
    assert past.live(again).sessions[0] == OPENED  # in two runs, as after a pause
    assert rows(again, FIGURES) == rows(lived, FIGURES)
    assert rows(again, EXECUTIONS) == rows(lived, EXECUTIONS)


def test_i8_a_story_depends_on_its_seed_alone() -> None:
    sessions = sessions_of(date(2025, 11, 20), date(2026, 11, 19))
    assert story_of(sessions, 1) == story_of(sessions, 1)
    assert story_of(sessions, 1) != story_of(sessions, 2)
    events = [one.what for day in story_of(sessions, 1).events.values() for one in day]
    assert {*events} == {*What} and events.count(What.FEES) == 4


def test_a_history_killed_twice_goes_on_and_does_nothing_twice(past: Past, lived: int) -> None:
    firm_id = past.firm("killed")
    command = [sys.executable, "manage.py", "demo_history", "--firm", str(firm_id), "--until", UNTIL.isoformat()]
    environment = os.environ | addresses() | {"MAMWEB_VAR": str(past.folder), "SECRET_KEY": settings.SECRET_KEY}
    for point in ("after_intent_commit:5", "after_socket_write.submit:4"):
        killed = environment | {"MAMWEB_CRASH_AT": point}
        done = subprocess.run(command, cwd=settings.BASE_DIR, env=killed, capture_output=True, text=True, check=False)
        assert done.returncode == 137, done.stderr
        assert (days_done(firm_id) or OPENED) < UNTIL
    past.live(firm_id)
    assert past.live(firm_id) is None
    check(past, firm_id)
    assert count(firm_id, "allocation_signal") == count(lived, "allocation_signal")
    assert count(firm_id, "accounts_equitysnapshot") == SESSIONS * len(NORTHLIGHT.accounts)
    flows = "accounts_ledgertransaction WHERE entry_type IN ('FLOW', 'FEE')"
    assert count(firm_id, flows) == count(lived, flows) > 0


def test_people_of_a_living_firm_see_and_do_not_trade_until_they_are_let(past: Past, lived: int) -> None:
    sql = """
        SELECT count(*) AS n FROM accounts_accountgroupuserobjectpermission g JOIN auth_permission p ON p.id = g.permission_id
        JOIN governance_user u ON u.id = g.user_id WHERE p.codename = 'trade_accountgroup' AND u.email NOT LIKE %s"""
    assert rows(lived, sql, "desk@%")[0]["n"] == 0
    let_people_trade(firm_id=lived, now=datetime(2026, 3, 7, tzinfo=UTC))
    let_people_trade(firm_id=lived, now=datetime(2026, 3, 7, tzinfo=UTC))
    assert rows(lived, sql, "desk@%")[0]["n"] == 3


def test_scheduled_work_leaves_a_firm_alone_while_it_rests(past: Past, lived: int) -> None:
    from governance import services as governance

    assert lived in awake_firm_ids()
    with governance.resting(lived), governance.resting(lived):
        assert lived not in awake_firm_ids()
    assert lived in awake_firm_ids()
    with governance.resting(lived):
        connections["default"].close()  # whoever said so is gone, however it went
        wait_for(lambda: lived in awake_firm_ids(), "the server to notice")


def test_every_month_of_a_history_has_its_statements(past: Past, lived: int) -> None:
    told: list[str] = []
    failed = state_past(firm_id=lived, plan=NORTHLIGHT, until=UNTIL, tell=lambda done, of, problem: told.append(problem))
    assert failed == 0 and not any(told)
    stated = rows(lived, "SELECT period_start, created_at FROM reporting_statementdocument")
    assert [row["period_start"] for row in stated] == [date(2026, 2, 1)] * len(NORTHLIGHT.accounts)
    assert {row["created_at"] for row in stated} == {datetime(2026, 3, 1, 7, tzinfo=UTC)}


def test_decisions_are_made_while_new_york_and_frankfurt_trade() -> None:
    for day in (date(2026, 1, 15), date(2026, 3, 16), date(2026, 7, 15), date(2026, 11, 3)):
        assert (
            timedelta(hours=14) <= decides_at(day) - datetime(day.year, day.month, day.day, tzinfo=UTC) <= timedelta(hours=15, minutes=20)
        )
