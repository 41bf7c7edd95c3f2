"""Entries, waivers and their documents: two people for each, files checked before they are read (REC-6, REC-7)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import LedgerTransaction, Position
from base import tenancy
from governance.enums import Role
from governance.models import Approval, AuditEvent
from reconciliation.enums import BreakState
from reconciliation.models import Adjustment, Evidence, Proposal, Waiver
from tests.api.scene import grant, make_scene
from tests.factories import make_user
from tests.reconciliation import books
from tests.web.people import signed_in
from tests.web.reconciled import LATER, PDF, World, stop_at, text_of, world

__all__ = ["world"]
pytestmark = pytest.mark.django_db


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
    client = signed_in(world.office)
    for ask, taken in ((client.head, 0), (client.get, 1)):
        answer = ask(f"/reconciliation/documents/{kept.pk}")
        assert (answer.status_code, answer["Content-Length"]) == (200, str(len(PDF)))
        with tenancy.firm(world.firm_id):
            assert AuditEvent.objects.filter(action="VIEWED").count() == taken


def test_gov_4_the_second_person_sees_what_is_booked_before_the_yes(world: World) -> None:
    world.adjust(world.office)
    told = (f"<dt>Books</dt><dd>+100 {world.row().symbol}, −5,000.00 USD</dd>", "Book fill", "PA-770214", "sold by phone")
    for path in ("/approvals/", f"/reconciliation/?break={world.extra}"):
        text = text_of(world.second, path)
        assert not [words for words in told if words not in text], path + text[text.find("<dt>Books") :][:80]
    assert "none against 100" in text_of(world.second, "/approvals/")
    assert "PA-770214" not in text_of(world.trader, "/approvals/")
    world.answer(world.second)
    assert told[0] in text_of(world.second, "/approvals/?show=history")


def test_gov_4_the_second_person_sees_what_is_set_aside_and_until_when(world: World) -> None:
    path = f"/reconciliation/breaks/{world.extra}/waiver"
    signed_in(world.office).post(path, {"days": "2", "reason": "their file is wrong"})
    text, until = text_of(world.second, "/approvals/"), LATER + timedelta(days=2)
    assert f"<dt>Set aside until</dt><dd>{until.day} {until:%b %Y %H:%M} UTC</dd>" in text and "none against 100" in text
    world.answer(world.second, "refuse")
    assert "none against 100" not in text_of(world.second, "/approvals/?show=history")


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
        answer.getvalue() == PDF
        and answer["Content-Disposition"].startswith("attachment")
        and answer["X-Content-Type-Options"] == "nosniff"
    )
    assert signed_in(world.trader).get(path).status_code == 404 and signed_in(make_scene().risk.user).get(path).status_code == 404
    assert "<b>wd" not in text_of(world.office, f"/reconciliation/?break={world.extra}")
    [stored] = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert stored.name == kept.sha256 and str(world.firm_id) in stored.parts
    stored.write_bytes(PDF + b"!")
    assert signed_in(world.manager).get(path).status_code == 404
