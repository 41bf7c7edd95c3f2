"""A month's statements: one by one, resumable, failures listed; who may download them (GOV-7, GOV-11)."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from accounts.models import Account
from base import tenancy
from base.errors import NotFound
from governance.enums import Role
from governance.models import Alert, AuditEvent
from reporting.models import StatementDocument
from reporting.queries.documents import visible_statements
from reporting.services import download_statement, monthly, state_month
from reporting.tasks import make_statements
from tests.factories import make_firm, make_instrument, make_user
from tests.reporting.grants import grant_view
from tests.reporting.small_account import market, save, small_account

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 2, 6, 30, tzinfo=UTC)


@pytest.fixture
def month():
    """Two accounts that can be stated and one, between them, that cannot."""
    instruments = market()
    firm = make_firm()
    with tenancy.firm(firm.id):
        good = save(small_account(instruments, code="A1"))
        save(small_account((make_instrument(name="Unpriced"), *instruments[1:]), code="B2"))
        save(small_account(instruments, code="C3"))
    return firm, good


def run(firm, **more):
    return list(state_month(firm=firm.id, month="2026-10", clock=lambda: NOW, **more))


def test_gov_11_one_failure_stops_no_other_and_is_listed_with_an_alert(month):
    firm, _ = month
    steps = run(firm)
    assert [(s.number, s.count, s.account, s.made) for s in steps] == [(1, 3, "A1", True), (2, 3, "B2", False), (3, 3, "C3", True)]
    assert steps[1].document_id is None and "PRICE_MISSING" in steps[1].problem
    with tenancy.firm(firm.id):
        alert = Alert.objects.get()
        assert (alert.rule, alert.subject_kind, alert.audience, alert.tier) == ("GOV-11", "ACCOUNT", ["OPERATIONS"], "WARNING")
        assert "PRICE_MISSING" in alert.message and alert.message.startswith("No statement for 2026-10")


def test_gov_11_a_repeat_makes_nothing_and_goes_on_where_it_stopped(month):
    firm, _ = month
    first = next(iter(state_month(firm=firm.id, month="2026-10", clock=lambda: NOW)))
    assert first.made
    again = run(firm)
    assert [(s.account, s.made) for s in again] == [("A1", False), ("B2", False), ("C3", True)]
    assert again[0].document_id == first.document_id
    with tenancy.firm(firm.id):
        assert StatementDocument.objects.count() == 2
        assert AuditEvent.objects.filter(action="CREATED", subject_kind="STATEMENT").count() == 2
    run(firm)
    with tenancy.firm(firm.id):
        assert Alert.objects.get().occurrences == 2


def test_gov_11_a_fault_in_one_account_leaves_the_others_their_statements(month, monkeypatch):
    firm, _ = month
    make = monthly.make_statement

    def make_or_break(*, account_id, **asked):
        if account_id == broken:
            raise OverflowError("too large")
        return make(account_id=account_id, **asked)

    with tenancy.firm(firm.id):
        broken = Account.objects.get(code="A1").id
    monkeypatch.setattr(monthly, "make_statement", make_or_break)
    assert [(s.account, s.document_id is not None) for s in run(firm)] == [("A1", False), ("B2", False), ("C3", True)]
    with tenancy.firm(firm.id):
        assert "OverflowError" in Alert.objects.get(subject_id=str(broken)).message
    monkeypatch.undo()
    run(firm)
    with tenancy.firm(firm.id):
        assert Alert.objects.get(subject_id=str(broken)).ended_at == NOW, "it stands now"


def test_gov_11_the_task_lists_what_failed(month):
    firm, _ = month
    assert make_statements(firm=firm.id, month="2026-10") == ["B2"]


def test_gov_11_the_command_prints_progress_and_exits_1_on_failure(month, capsys):
    firm, _ = month
    with pytest.raises(SystemExit) as ended:
        call_command("statements", firm=firm.id, month="2026-10")
    out = capsys.readouterr()
    assert ended.value.code == 1
    assert out.out.splitlines() == ["1/3 A1 made", "2/3 B2 FAILED", "3/3 C3 made", "2 of 3 statements stand"]
    assert out.err.startswith("B2: ") and "PRICE_MISSING" in out.err
    call_command("statements", firm=firm.id, month="2026-10", account="A1")
    assert capsys.readouterr().out.splitlines() == ["1/1 A1 unchanged", "1 of 1 statements stand"]


@pytest.mark.parametrize(("given", "said"), [({"month": "2026-13"}, "YYYY-MM"), ({"month": "2026-10", "account": "NONE"}, "NONE")])
def test_the_command_refuses_what_it_cannot_do(month, given, said):
    firm, _ = month
    with pytest.raises(CommandError, match=said):
        call_command("statements", firm=firm.id, **given)


def test_gov_11_an_account_opened_later_or_closed_before_is_not_due(month):
    firm, _ = month
    assert list(state_month(firm=firm.id, month="2026-08", clock=lambda: NOW)) == []


def test_the_owner_downloads_a_colleague_without_grant_and_a_stranger_do_not(month):
    firm, good = month
    made = run(firm, account="A1")[0].document_id
    with tenancy.firm(firm.id):
        owner, colleague, risk = make_user(Role.INVESTOR), make_user(Role.TRADER), make_user(Role.RISK)
        grant_view(owner, good.account)
        assert list(visible_statements(owner).values_list("id", flat=True)) == [made]
        assert visible_statements(risk).count() == 1
        file = download_statement(document_id=made, user=owner, now=NOW)
        pdf = b"".join(file.pieces())
        assert file.name == "statement-A1-2026-10-v1.pdf" and pdf.startswith(b"%PDF") and sha256(pdf).hexdigest() == file.sha256
        event = AuditEvent.objects.get(action="EXPORTED")
        assert (event.actor_id, event.subject_id, event.after["sha256"]) == (owner.id, str(made), file.sha256)
        assert not visible_statements(colleague).exists()
        with pytest.raises(NotFound):
            download_statement(document_id=made, user=colleague, now=NOW)
        assert AuditEvent.objects.filter(action="EXPORTED").count() == 1
    elsewhere = make_firm()
    with tenancy.firm(elsewhere.id):
        stranger = make_user(Role.COMPLIANCE)
        assert not visible_statements(stranger).exists()
        with pytest.raises(NotFound):
            download_statement(document_id=made, user=stranger, now=NOW)


def test_i10_a_statement_once_made_is_never_changed(month):
    firm, _ = month
    run(firm, account="A1")
    with tenancy.firm(firm.id), pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        StatementDocument.objects.update(version=9)
