"""The reconciliation desk: what is shown to whom, in which order, and what it says of hours, tolerances and blocks."""

from __future__ import annotations

import csv
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest

from accounts.enums import BlockMode
from accounts.services import block_trading
from base import tenancy
from governance.enums import Role
from reconciliation.models import Break
from tests.api.scene import make_scene
from tests.factories import make_firm, make_user
from tests.reconciliation.books import EVENING
from tests.web.papers import events
from tests.web.people import signed_in
from tests.web.reconciled import LATER, World, stop_at, text_of, world

__all__ = ["world"]
pytestmark = pytest.mark.django_db


QUERIES = 60


def test_the_desk_shows_custodian_hour_breaks_and_choices(world: World) -> None:
    text = text_of(world.office, f"/reconciliation/?break={world.extra}")
    for words in (world.scene.custodian.code, "in time", "Extra fill", "X1", "Book fill: +100", "Run again", "Load a file"):
        assert words in text, words


def test_each_sees_the_breaks_of_accounts_in_sight(world: World) -> None:
    assert "Extra fill" in text_of(world.manager) and "Run again" not in text_of(world.manager)
    stranger = make_scene().risk.user
    for user in (world.trader, stranger):
        assert f">{world.scene.accounts[0].code}<" not in text_of(user) and str(world.extra) not in text_of(user)
        for path in (f"/reconciliation/?break={world.extra}", f"/reconciliation/breaks/{world.extra}/sides"):
            assert signed_in(user).get(path).status_code == 404
        assert world.adjust(user).status_code == 404
        assert signed_in(user).post(f"/reconciliation/breaks/{world.extra}/waiver", {"days": "1", "reason": "x"}).status_code == 404
        assert signed_in(user).post(f"/reconciliation/breaks/{world.extra}/owner", {"owner": ""}).status_code == 404
    assert "No open breaks" in text_of(world.trader)
    assert signed_in(world.investor).get("/reconciliation/").status_code == 403


def test_both_sides_stand_beside_each_other(world: World) -> None:
    text = text_of(world.manager, f"/reconciliation/breaks/{world.extra}/sides")
    assert "Positions" in text and "244,999" in text and "250,000" in text and "missing" in text


def test_rec_6_somebody_of_the_staff_works_on_it(world: World) -> None:
    client = signed_in(world.office)
    path = f"/reconciliation/breaks/{world.extra}/owner"
    assert client.post(path, {"owner": str(world.second.pk)}).status_code == 302 and world.row().owner_id == world.second.pk
    for wrong in (str(world.investor.pk), "99999999", "x", str(make_scene().risk.user.pk)):
        assert client.post(path, {"owner": wrong}).status_code == 422
    assert client.post(path, {"owner": ""}).status_code == 302 and world.row().owner_id is None


def test_what_a_break_blocks_is_said(world: World) -> None:
    with tenancy.firm(world.firm_id):
        for account in world.scene.accounts:
            block_trading(
                account_id=account.pk,
                instrument_id=None,
                mode=BlockMode.CLOSE_ONLY,
                rule="REC-6",
                reason="EXTRA_FILL",
                source_id=world.extra,
                now=LATER,
            )
    text = text_of(world.manager)
    assert "Only reduce" in text and "Close-only" in text and "1 block in force" in text and f">{world.scene.accounts[1].code}<" not in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("type=EXTRA_FILL", True),
        ("type=FEE", False),
        ("age=0", True),
        ("age=1", False),
        ("age=2", False),
        ("state=OPEN", True),
        ("state=WAIVED", False),
        ("material=yes", True),
        ("custodian=nobody", True),
        ("account=zzzz", False),
        ("type=x&age=%00&account=%00&state='&material=maybe&break=x&custodian=%F0", True),
    ],
)
def test_filters_and_garbage(world: World, query: str, found: bool) -> None:
    part = signed_in(world.office).get(f"/reconciliation/?{query}", headers={"HX-Request": "true", "HX-Target": "break-list"})
    assert part.status_code == 200 and (f'break={world.extra}"' in part.content.decode()) == found


def test_rec_6_age_is_counted_as_the_service_counts_it(world: World, settings: Any) -> None:
    for days, age in ((0, 0), (1, 1), (2, 2), (7, 2)):
        stop_at(settings, LATER + timedelta(days=days))
        for asked in (0, 1, 2):
            part = signed_in(world.office).get(f"/reconciliation/?age={asked}", headers={"HX-Request": "true", "HX-Target": "break-list"})
            assert (f"break={world.extra}" in part.content.decode()) == (asked == age), (days, asked)
        text = signed_in(world.office).get("/reconciliation/").content.decode()
        assert f"type=EXTRA_FILL&amp;age={age}" in text and text.count("type=EXTRA_FILL&amp;age=") == 1


def test_rec_1_the_clock_says_waiting_then_late(world: World, settings: Any) -> None:
    stop_at(settings, EVENING + timedelta(days=1))
    assert "30:00" in text_of(world.office)
    stop_at(settings, EVENING + timedelta(days=1, minutes=31))
    assert "nothing came, was due 22:00" in text_of(world.office)


def test_the_csv_is_audited(world: World) -> None:
    answer = signed_in(world.manager).get("/reconciliation/?format=csv")
    assert b"EXTRA_FILL" in answer.content and answer.content.startswith(b"custodian,account,")
    with tenancy.firm(world.firm_id):
        assert events("EXPORTED") == 1


def test_three_rows_ask_as_many_questions_as_one(world: World, django_assert_max_num_queries: Any) -> None:
    client = signed_in(world.office, world.firm_id)
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/reconciliation/").status_code == 200
        return len(captured)

    asked()
    before = asked()
    with tenancy.firm(world.firm_id):
        row = Break.objects.get(pk=world.extra)
        for n in range(2):
            row.pk, row.key = UUID(int=n + 1), f"another {n}"
            row._state.adding = True
            row.save(force_insert=True)
    assert asked() == before < QUERIES


def test_an_empty_firm_has_an_empty_desk(settings: Any) -> None:
    firm = make_firm()
    with tenancy.firm(firm.id):
        user = make_user(Role.OPERATIONS)
    assert "None keeps an account you see" in text_of(user) and "No open breaks" in text_of(user)


def test_rec_2_a_break_says_by_which_tolerance_it_was_measured(world: World) -> None:
    with tenancy.firm(world.firm_id):
        Break.objects.filter(pk=world.extra).update(rule="REC-2")
    page = text_of(world.office)
    assert '<th scope="col">Tolerance</th>' in page and ">0.05% of equity</span>" in page and "(REC-2)" in page
    lines = list(csv.DictReader(StringIO(text_of(world.office, "/reconciliation/?format=csv"))))
    assert "0.05% of equity" in {line["tolerance"] for line in lines}
