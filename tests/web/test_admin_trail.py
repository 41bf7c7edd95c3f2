"""The audit trail in the admin: searched, compared, verified and in names; statements and the ledger beside it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

import mamweb.urls  # noqa: F401  # fills the site
from accounts.enums import BlockMode
from accounts.models import Account, LedgerTransaction
from accounts.services import block_trading
from governance import services
from governance.core.subjects import Actor, Subject
from governance.enums import (
    AuditAction,
    Role,
    SubjectKind,
)
from governance.models import AuditEvent, Mandate, User
from tests.api.scene import NOW, make_person
from tests.factories import make_account

from .overseen import Firm, do, firm, where

__all__ = ["firm"]
pytestmark = pytest.mark.django_db


def test_the_trail_is_searched_compared_and_verified(firm: Firm) -> None:
    do(firm, Account, "change", {"name": "After", "reason": "r"}, firm.scene.account.pk)
    event = firm.event(AuditAction.CHANGED)
    client = firm.client()
    text = client.get(where(AuditEvent, "change", event.pk)).content.decode()
    assert firm.scene.account.name in text and "After" in text and firm.officer.email in text
    narrowed = client.get(where(AuditEvent), {"action": "CHANGED", "person": firm.officer.id, "since": "day", "kind": "ACCOUNT"})
    assert narrowed.status_code == 200 and b"CHANGED" in narrowed.content
    for wrong in ({"person": "x"}, {"since": "never"}, {"action": "'"}, {"q": "\x00"}):
        assert client.get(where(AuditEvent), wrong).status_code < 500
    found = client.get(where(AuditEvent), {"q": firm.scene.account.code}).content.decode()
    assert str(event.pk) in found
    with firm.inside():
        services.seal_audit(now=NOW)
    answer = do(firm, AuditEvent, "verify", {})
    assert b"The chain is sound." in answer.content
    assert b"The chain is sound." in do(firm, AuditEvent, "verify", {}, user=firm.operations).content


def test_the_trail_speaks_of_names_and_keeps_the_ids_small(firm: Firm) -> None:
    account, client = firm.scene.account, firm.client()
    do(firm, Account, "change", {"name": "After", "reason": "r"}, account.pk)
    with firm.inside():
        User.objects.filter(pk=firm.officer.pk).update(name="Ruth Ohm")
        block_trading(
            account_id=account.id,
            instrument_id=firm.scene.instrument.id,
            mode=BlockMode.CLOSE_ONLY,
            rule="X",
            reason="r",
            now=NOW,
            actor=firm.actor,
        )
    text = client.get(where(AuditEvent), {"kind": "ACCOUNT"}).content.decode()
    assert f"{account.code} After" in text and "Ruth Ohm" in text and f"ACCOUNT {account.pk}" not in text
    assert f'<span class="raw-id" title="{account.pk}">{str(account.pk)[-8:]}</span>' in text
    page = client.get(where(AuditEvent, "change", firm.event(AuditAction.CREATED).pk)).content.decode()
    assert f"<td>{firm.scene.instrument.symbol}</td>" in page and f"<td>{account.code} After</td>" in page


def test_what_the_trail_has_no_name_for_keeps_its_id(firm: Firm) -> None:
    gone = "00000000-0000-7000-8000-000000000000"
    with firm.inside():
        services.audit(
            action=AuditAction.CHANGED,
            subject=Subject(SubjectKind.ACCOUNT, gone),
            actor=firm.actor,
            now=NOW + timedelta(seconds=5),
            after={
                "account": gone,
                "instrument": True,
                "user": "nobody",
                "owner": 999_999_999,
                "accounts": [gone, 3],
                "subject": {"kind": "X", "id": gone},
            },
        )
    event = firm.event(AuditAction.CHANGED)
    assert f'Account <span class="raw-id">{gone}</span>' in firm.client().get(where(AuditEvent)).content.decode()
    page = firm.client().get(where(AuditEvent, "change", event.pk)).content.decode()
    assert "nobody" in page and "999999999" in page and page.count(gone) >= 3


def test_a_page_of_the_trail_asks_one_statement_a_kind(firm: Firm) -> None:
    """Names of more people, accounts and requests cost no statement more."""

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(where(AuditEvent)).status_code == 200
        return len(queries)

    def happen(times: int) -> None:
        with firm.inside():
            for _ in range(times):
                person, account = make_person(firm.scene.firm, Role.COMPLIANCE).user, make_account()
                actor = Actor(str(person.id), Role.COMPLIANCE)
                facts = {
                    "account": str(account.id),
                    "instrument": firm.scene.instrument.id,
                    "user": person.id,
                    "mandate_id": str(firm.row(Mandate).id),
                }
                services.audit(
                    action=AuditAction.CHANGED, subject=Subject(SubjectKind.ACCOUNT, str(account.id)), actor=actor, now=NOW, after=facts
                )

    client = firm.client()
    happen(1)
    count()
    one = count()
    happen(6)
    assert count() == one


def test_a_statement_is_taken_along_against_a_line_in_the_trail(firm: Firm) -> None:
    from reporting.models import StatementDocument

    row = firm.row(StatementDocument)
    answer = firm.client().get(where(StatementDocument, "pdf", row.pk))
    assert answer.status_code == 200 and answer["Content-Type"] == "application/pdf"
    assert firm.event(AuditAction.EXPORTED).subject_id == str(row.pk)
    stranger = Firm(firm.documents)
    assert stranger.client().get(where(StatementDocument, "pdf", row.pk)).status_code == 404


def test_the_ledger_is_read_with_its_entries(firm: Firm) -> None:
    row = firm.row(LedgerTransaction)
    text = firm.client().get(where(LedgerTransaction, "change", row.pk)).content.decode()
    assert row.source_key in text and 'type="submit" name="_save"' not in text


def test_a_search_by_symbol_finds_nothing_of_others_that_happen_to_have_its_number(firm: Firm) -> None:
    instrument = firm.scene.instrument
    with firm.inside():
        for kind in (SubjectKind.INSTRUMENT, SubjectKind.FIRM):
            services.audit(
                action=AuditAction.CHANGED, subject=Subject(kind, str(instrument.pk)), actor=firm.actor, now=NOW, reason=f"of {kind}"
            )
    page = firm.client().get(where(AuditEvent), {"q": instrument.symbol}).content.decode()
    assert f"of {SubjectKind.INSTRUMENT}" in page and f"of {SubjectKind.FIRM}" not in page
