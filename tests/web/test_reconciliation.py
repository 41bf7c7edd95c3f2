"""The reconciliation desk: what is shown to whom, two people for every entry and waiver, files checked before they are read."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.enums import BlockMode
from accounts.models import LedgerTransaction, Position
from accounts.services import block_trading
from base import tenancy
from governance.enums import Role
from governance.models import Approval, User
from market.core import calendars
from reconciliation.enums import BreakState
from reconciliation.models import Adjustment, Break, CustodianSnapshot, Evidence, Proposal, Waiver
from reconciliation.services import reconcile_file
from tests.api.scene import grant, make_scene
from tests.factories import make_firm, make_user
from tests.reconciliation import books
from tests.reconciliation.books import EVENING, CustodianFile
from tests.web.papers import events
from tests.web.people import signed_in

QUERIES = 60
LATER = EVENING + timedelta(minutes=5)
PDF = b"%PDF-1.7 a confirmation"
pytestmark = pytest.mark.django_db


@dataclass
class World:
    """A custodian's day with one extra fill in the first account; a manager sees that account, a trader none."""

    firm_id: int
    scene: Any
    office: User
    second: User
    manager: User
    trader: User
    investor: User
    extra: UUID

    def row(self, pk: UUID | None = None) -> Break:
        with tenancy.firm(self.firm_id):
            return Break.objects.get(pk=pk or self.extra)

    def proposal(self) -> Proposal:
        with tenancy.firm(self.firm_id):
            return Proposal.objects.latest("proposed_at")

    def adjust(self, user: User, **fields: Any) -> Any:
        given = {"kind": "BOOK_FILL", "reason": "sold by phone", "evidence": "PA-770214", **fields}
        return signed_in(user).post(f"/reconciliation/breaks/{self.extra}/adjustment", given)

    def answer(self, user: User, verdict: str = "approve") -> Any:
        return signed_in(user).post(f"/approvals/{self.proposal().approval_id}/answer", {"answer": verdict, "reason": "compared"})


def stop_at(settings: Any, instant: datetime) -> None:
    settings.REHEARSAL_CLOCK = f"{instant.isoformat()}@{instant.isoformat()}*0"


def file_of(scene: Any) -> CustodianFile:
    file = CustodianFile(scene).position("100").cash("244999", "250000").cash("250000", "250000", account=1)
    return file.trade(100, "50", "X1").fee("-1")


@pytest.fixture
def world(settings: Any, tmp_path: Path) -> World:
    settings.DOCUMENTS_DIR = tmp_path
    stop_at(settings, LATER)
    calendars.is_session(
        "XNYS", books.DAY
    )  # made once, here: two threads that make it at once undo each other's filter of the library's warnings
    firm = make_firm()
    with tenancy.firm(firm.id):
        scene = books.make_scene()
        office, second = make_user(Role.OPERATIONS), make_user(Role.RISK)
        manager, trader, investor = make_user(Role.MANAGER), make_user(Role.TRADER), make_user(Role.INVESTOR)
        grant(manager, scene.accounts[0], "view", "trade")
        reconcile_file(custodian_id=scene.custodian.id, data=file_of(scene).data(), now=EVENING)
        extra = Break.objects.get(break_type="EXTRA_FILL").pk
    return World(firm.id, scene, office, second, manager, trader, investor, extra)


def text_of(user: User, path: str = "/reconciliation/") -> str:
    return signed_in(user).get(path).content.decode()


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


def test_rec_7_an_entry_is_asked_for_approved_by_another_and_booked(world: World) -> None:
    assert world.adjust(world.office, document=SimpleUploadedFile("PA.pdf", PDF)).status_code == 302
    text = text_of(world.office, f"/reconciliation/?break={world.extra}")
    assert "Waits for a second person" in text and "a second person decides (GOV-4)" in text
    assert world.answer(world.office).status_code == 403 and world.row().closed_at is None
    assert world.answer(world.second).status_code == 302
    row = world.row()
    assert row.state == BreakState.RESOLVED
    with tenancy.firm(world.firm_id):
        made = Adjustment.objects.get()
        kept = Evidence.objects.get()
        assert made.evidence == f"PA-770214; PA.pdf sha256 {kept.sha256}" and made.reason == "sold by phone"
        assert Position.objects.get(account=world.scene.accounts[0]).quantity == 100
    assert world.answer(world.second).status_code == 422
    text = text_of(world.office, f"/reconciliation/?break={world.extra}&state=resolved")
    assert "Ledger adjusted" in text and "PA.pdf" in text


def test_a_second_press_asks_nobody_twice(world: World) -> None:
    assert world.adjust(world.office).status_code == 302
    again = world.adjust(world.office)
    assert again.status_code == 409 and b"waits for a second person already" in again.content
    with tenancy.firm(world.firm_id):
        assert Approval.objects.count() == Proposal.objects.count() == 1


def test_a_refused_proposal_books_nothing_and_another_may_be_made(world: World) -> None:
    world.adjust(world.office)
    assert world.answer(world.second, "refuse").status_code == 302
    with tenancy.firm(world.firm_id):
        assert not Adjustment.objects.exists() and not LedgerTransaction.objects.filter(entry_type="ADJUSTMENT").exists()
    assert world.adjust(world.office).status_code == 302


def test_gov_4_a_proposal_nobody_answered_lapses(world: World, settings: Any) -> None:
    world.adjust(world.office)
    stop_at(settings, LATER + timedelta(minutes=16))
    assert world.answer(world.second).status_code == 409
    assert "Waits for a second person" not in text_of(world.office, f"/reconciliation/?break={world.extra}")


def test_a_manager_may_ask_and_may_not_approve(world: World) -> None:
    assert world.adjust(world.manager).status_code == 302
    with tenancy.firm(world.firm_id):
        other = make_user(Role.MANAGER)
        grant(other, world.scene.accounts[0], "view")
    assert world.answer(other).status_code == 403 and world.answer(world.trader).status_code == 404
    assert world.row().closed_at is None and world.answer(world.office).status_code == 302 and world.row().closed_at is not None


def test_rec_7_books_that_moved_meanwhile_leave_the_request_open(world: World) -> None:
    world.adjust(world.office)
    with tenancy.firm(world.firm_id):
        books.fill(world.scene, 10, "50", "LATE")
    answer = world.answer(world.second)
    assert answer.status_code == 422 and b"reconcile it again first" in answer.content
    with tenancy.firm(world.firm_id):
        assert Approval.objects.get().state == "REQUESTED" and not Adjustment.objects.exists()


def test_rec_6_a_waiver_has_an_end_and_two_people(world: World) -> None:
    client = signed_in(world.office)
    path = f"/reconciliation/breaks/{world.extra}/waiver"
    for days in ("", "0", "8", "-1", "x", "1.5"):
        assert client.post(path, {"days": days, "reason": "their file is wrong"}).status_code == 422
    assert client.post(path, {"days": "2", "reason": ""}).status_code == 422
    assert client.post(path, {"days": "2", "reason": "their file is wrong"}).status_code == 302
    assert world.answer(world.second).status_code == 302
    with tenancy.firm(world.firm_id):
        assert Waiver.objects.get().expires_at == LATER + timedelta(days=2)
    assert world.row().state == BreakState.WAIVED and "Waived until" in text_of(world.office, f"/reconciliation/?break={world.extra}")


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "CASH"},
        {"kind": "x"},
        {"kind": ""},
        {"reason": " "},
        {"reason": "x" * 401},
        {"reason": "a\0b"},
        {"evidence": ""},
        {"sleeve": "x"},
    ],
)
def test_an_entry_that_is_none_is_refused(world: World, fields: dict[str, str]) -> None:
    assert world.adjust(world.office, **fields).status_code == 422
    with tenancy.firm(world.firm_id):
        assert not Proposal.objects.exists()


def test_a_sleeve_of_somebody_else_is_404(world: World) -> None:
    assert world.adjust(world.office, sleeve="00000000-0000-7000-8000-000000000000").status_code == 404


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.exe", b"MZ"),
        ("a.pdf", b"MZ no pdf"),
        ("a.png", PDF),
        ("a.txt", b"a\0b"),
        ("a.csv", b"\xff\xfe"),
        ("pdf", PDF),
        ("a.html", b"<script>"),
        ("a.pdf.svg", PDF),
        ("a.pdf", b""),
        ("a.pdf", PDF + b"x" * (10 * 1024 * 1024)),
    ],
)
def test_a_document_of_the_wrong_type_or_size_is_refused(world: World, name: str, data: bytes, tmp_path: Path) -> None:
    assert world.adjust(world.office, document=SimpleUploadedFile(name, data)).status_code == 422
    with tenancy.firm(world.firm_id):
        assert not Evidence.objects.exists() and not Proposal.objects.exists()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_document_is_handed_out_whole_to_who_sees_the_break(world: World, tmp_path: Path) -> None:
    world.adjust(world.office, evidence="", document=SimpleUploadedFile("../../etc/pass<b>wd.pdf", PDF))
    with tenancy.firm(world.firm_id):
        kept = Evidence.objects.get()
    path = f"/reconciliation/documents/{kept.pk}"
    answer = signed_in(world.manager).get(path)
    assert (
        answer.content == PDF and answer["Content-Disposition"].startswith("attachment") and answer["X-Content-Type-Options"] == "nosniff"
    )
    assert signed_in(world.trader).get(path).status_code == 404 and signed_in(make_scene().risk.user).get(path).status_code == 404
    assert "<b>wd" not in text_of(world.office, f"/reconciliation/?break={world.extra}")
    [stored] = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert stored.name == kept.sha256 and str(world.firm_id) in stored.parts
    stored.write_bytes(PDF + b"!")
    assert signed_in(world.manager).get(path).status_code == 404


def test_rec_6_somebody_of_the_staff_works_on_it(world: World) -> None:
    client = signed_in(world.office)
    path = f"/reconciliation/breaks/{world.extra}/owner"
    assert client.post(path, {"owner": str(world.second.pk)}).status_code == 302 and world.row().owner_id == world.second.pk
    for wrong in (str(world.investor.pk), "99999999", "x", str(make_scene().risk.user.pk)):
        assert client.post(path, {"owner": wrong}).status_code == 422
    assert client.post(path, {"owner": ""}).status_code == 302 and world.row().owner_id is None


def load(world: World, user: User, data: bytes, name: str = "day.csv", **fields: Any) -> Any:
    given = {"custodian": str(world.scene.custodian.pk), "file": SimpleUploadedFile(name, data, content_type="text/csv"), **fields}
    return signed_in(user).post("/reconciliation/files", given, follow=True)


def test_rec_1_a_file_loaded_by_hand_is_reconciled_and_its_breaks_close(world: World) -> None:
    with tenancy.firm(world.firm_id):
        books.fill(world.scene, 100, "50", "X1")
    answer = load(world, world.office, file_of(world.scene).data() + b"\n")
    if b"File refused" in answer.content:
        answer = load(world, world.office, file_of(world.scene).data())
    assert answer.status_code == 200 and b"0 open breaks" in answer.content and world.row().closed_at is not None


def test_a_broken_file_is_told_by_line_and_field_and_nothing_is_kept(world: World) -> None:
    data = file_of(world.scene).data().replace(b",244999,", b",24x999,")
    answer = load(world, world.office, data)
    assert answer.status_code == 422
    for words in (b"Nothing of it was kept", b"amount", b"24x999", b"CSV-"):
        assert words in answer.content, words
    with tenancy.firm(world.firm_id):
        assert CustodianSnapshot.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "data"), [("day.pdf", PDF), ("day.csv.exe", b"MZ"), ("day.csv", PDF), ("day.csv", b""), ("day.csv", b"\0" * 99)]
)
def test_what_is_no_file_of_a_custodian_is_refused(world: World, name: str, data: bytes) -> None:
    assert load(world, world.office, data, name).status_code == 422


def test_loading_and_running_are_for_who_oversees(world: World) -> None:
    data = file_of(world.scene).data()
    for user in (world.manager, world.trader, world.investor):
        assert load(world, user, data).status_code == 403
        assert signed_in(user).post("/reconciliation/run", {"custodian": str(world.scene.custodian.pk)}).status_code == 403
    stranger = make_scene().risk.user
    assert load(world, stranger, data).status_code == 404
    assert signed_in(stranger).post("/reconciliation/run", {"custodian": str(world.scene.custodian.pk)}).status_code == 404
    assert load(world, world.office, data, custodian="x").status_code == 422
    assert signed_in(world.office).post("/reconciliation/files", {"custodian": str(world.scene.custodian.pk)}).status_code == 422


def test_a_day_runs_again_and_finds_the_same(world: World) -> None:
    answer = signed_in(world.office).post("/reconciliation/run", {"custodian": str(world.scene.custodian.pk)}, follow=True)
    assert b"nothing new" in answer.content


def test_a_body_larger_than_a_file_may_be_is_refused_before_it_is_read(world: World) -> None:
    client = signed_in(world.office)
    for path, size in (("/reconciliation/files", 66), (f"/reconciliation/breaks/{world.extra}/adjustment", 12), ("/reconciliation/run", 2)):
        answer = client.post(path, b"", content_type="multipart/form-data; boundary=x", headers={"Content-Length": str(size * 1024 * 1024)})
        assert answer.status_code == 413, path


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
