"""GOV-7: every write leaves an event in the same transaction, without secrets."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from base import tenancy
from base.origin import Origin
from governance import queries, services
from governance.core.subjects import Subject
from governance.enums import AuditAction, SubjectKind
from governance.models import AuditEvent, AuditPending
from tests.governance.scene import NOW, make_scene

pytestmark = pytest.mark.django_db
ACCOUNT = Subject(SubjectKind.ACCOUNT, "A1")


@pytest.fixture
def scene():
    return make_scene()


def test_gov_7_an_event_says_who_what_when_why_from_where(scene):
    journey, approval = uuid4(), uuid4()
    with tenancy.firm(scene.firm):
        event_id = services.audit(
            action=AuditAction.CHANGED,
            subject=ACCOUNT,
            actor=scene.risk,
            now=NOW,
            before={"limit": Decimal("1.50"), "name": "x"},
            after={"limit": Decimal("2"), "name": "x"},
            reason="asked by the client",
            rule="RSK-1",
            journey_id=journey,
            origin=Origin("192.0.2.1", "key-1"),
            approval_id=approval,
        )
        (fact,) = queries.trail_of_journey(journey)
        assert [fact] == queries.trail_of_subject(ACCOUNT)
        row = AuditEvent.objects.get()
    assert (fact.id, fact.actor_id, fact.actor_role, fact.recorded_at) == (event_id, int(scene.risk.user_id), "RISK", NOW)
    assert (fact.before, fact.after, fact.reason, fact.rule) == ({"limit": "1.5"}, {"limit": "2"}, "asked by the client", "RSK-1")
    assert (row.source_ip, row.api_key, row.approval_id) == ("192.0.2.1", "key-1", approval)


def test_gov_7_no_secret_reaches_a_row(scene):
    with tenancy.firm(scene.firm):
        services.audit(
            action=AuditAction.CREDENTIAL_ROTATED,
            subject=ACCOUNT,
            actor=scene.risk,
            now=NOW,
            before={"api_secret": "hunter2hunter2", "settings": {"password": "hunter2hunter2"}},
            after={"api_secret": "hunter3hunter3", "settings": {"password": "hunter3hunter3"}},
            reason="was called with Bearer hunter2hunter2",
        )
        with connection.cursor() as cursor:
            cursor.execute("SELECT governance_auditevent::text FROM governance_auditevent")
            ((stored,),) = cursor.fetchall()
    assert "hunter" not in stored and "[redacted, changed]" in stored


def test_gov_7_an_event_lives_and_dies_with_its_transaction(scene):
    @transaction.atomic
    def fail():
        services.audit(action=AuditAction.CHANGED, subject=ACCOUNT, actor=None, now=NOW)
        raise ZeroDivisionError

    with tenancy.firm(scene.firm):
        with pytest.raises(ZeroDivisionError):
            fail()
        assert not AuditEvent.objects.exists() and not AuditPending.objects.exists()


def test_gov_7_many_things_in_one_statement_are_queued_for_sealing(scene):
    with tenancy.firm(scene.firm):
        for size in (3, 700):
            names = [f"A{size}-{i}" for i in range(size)]
            before = AuditPending.objects.count()
            with CaptureQueriesContext(connection) as captured:
                services.audit_each(
                    action=AuditAction.CHANGED, kind=SubjectKind.ACCOUNT, subject_ids=names, actor=None, now=NOW, after={"gate": "SIGNER"}
                )
            assert len(captured) <= 4
            assert AuditPending.objects.count() - before == size
            assert {row.subject_id for row in AuditEvent.objects.filter(subject_id__startswith=f"A{size}-")} == set(names)


def test_gov_7_a_stranger_reads_nothing(scene):
    other = make_scene()
    with tenancy.firm(scene.firm):
        services.audit(action=AuditAction.CHANGED, subject=ACCOUNT, actor=None, now=NOW)
    with tenancy.firm(other.firm):
        assert queries.trail_of_subject(ACCOUNT) == []


@pytest.mark.parametrize("value", [1.5, NOW.replace(tzinfo=None), object()])
def test_gov_7_what_has_no_exact_form_is_refused(scene, value):
    with tenancy.firm(scene.firm), pytest.raises(TypeError):
        services.audit(action=AuditAction.CHANGED, subject=ACCOUNT, actor=None, now=NOW, after={"value": value})
