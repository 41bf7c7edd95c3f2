"""RSK-10 over rows: one open alert a key, a name for every Critical one, up after five minutes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from base import tenancy
from base.errors import NotFound
from governance import queries, services
from governance.core.subjects import Subject
from governance.enums import AlertTier, AuditAction, Role, SubjectKind
from governance.models import Alert, AuditEvent
from tests.governance.scene import MINUTE, NOW, committed, make_scene

pytestmark = pytest.mark.django_db
ACCOUNT = Subject(SubjectKind.ACCOUNT, "A1")


@pytest.fixture
def scene():
    scene = make_scene()
    with tenancy.firm(scene.firm):
        yield scene


def raised(tier=AlertTier.WARNING, now=NOW, **changes):
    facts = {"audience": None, "rule": "RSK-1", "subject": ACCOUNT, "message": "order notional at 85%"}
    return services.raise_alert(tier=tier, now=now, **{**facts, **changes})


def test_rsk_10_a_repetition_is_counted_and_only_a_louder_tier_is_news(scene):
    first = raised()
    assert raised(now=NOW + MINUTE) == raised(AlertTier.INFO, now=NOW + 2 * MINUTE) == first
    (alert,) = queries.open_alerts()
    assert (alert.tier, alert.occurrences, alert.raised_at, alert.last_seen_at) == (AlertTier.WARNING, 3, NOW, NOW + 2 * MINUTE)
    assert raised(AlertTier.CRITICAL, now=NOW + 3 * MINUTE, message="over") == first
    (alert,) = queries.open_alerts()
    assert (alert.tier, alert.message, alert.raised_at) == (AlertTier.CRITICAL, "over", NOW + 3 * MINUTE)
    assert AuditEvent.objects.filter(action=AuditAction.ALERT_RAISED).count() == 2


def test_rsk_10_keys_keep_alerts_apart_however_long(scene):
    ids = {raised(), raised(subject=Subject(SubjectKind.ACCOUNT, "A2")), raised(rule="RSK-2"), raised(dedupe_key="x" * 500)}
    assert len(ids) == 4 and raised(dedupe_key="x" * 500) in ids


def test_rsk_10_roles_hear_what_is_for_them(scene):
    raised(AlertTier.INFO)
    raised(AlertTier.CRITICAL, rule="REC-3", audience=Role.COMPLIANCE)
    raised(AlertTier.WARNING, rule="GOV-2", audience={Role.COMPLIANCE})
    heard = {role: {alert.rule for alert in queries.open_alerts(roles=[role])} for role in Role}
    assert heard[Role.TRADER] == {"RSK-1", "REC-3"} and heard[Role.OPERATIONS] == {"REC-3"}
    assert heard[Role.COMPLIANCE] == {"REC-3", "GOV-2"} and heard[Role.INVESTOR] == set()


def test_rsk_10_an_acknowledgement_needs_a_person_it_was_meant_for_and_stays(scene):
    alert_id = raised(AlertTier.CRITICAL)
    with pytest.raises(NotFound):
        services.acknowledge_alert(alert_id=alert_id, actor=scene.investor, now=NOW)
    services.acknowledge_alert(alert_id=alert_id, actor=scene.trader, now=NOW)
    services.acknowledge_alert(alert_id=alert_id, actor=scene.risk, now=NOW + MINUTE)
    (alert,) = queries.open_alerts()
    assert (alert.acknowledged_by, alert.acknowledged_at) == (int(scene.trader.user_id), NOW)


def test_rsk_10_a_critical_alert_goes_up_once_after_five_minutes(scene):
    raised(AlertTier.CRITICAL)
    raised(AlertTier.WARNING, rule="RSK-2")
    answered = raised(AlertTier.CRITICAL, rule="RSK-3")
    services.acknowledge_alert(alert_id=answered, actor=scene.trader, now=NOW)
    assert services.escalate_alerts(now=NOW + 5 * MINUTE - MINUTE / 60) == 0
    assert services.escalate_alerts(now=NOW + 5 * MINUTE) == 1
    assert services.escalate_alerts(now=NOW + 6 * MINUTE) == 0
    (alert,) = queries.open_alerts(roles=[Role.COMPLIANCE])
    assert (alert.rule, alert.escalated_at) == ("RSK-1", NOW + 5 * MINUTE)
    assert AuditEvent.objects.get(action=AuditAction.ALERT_ESCALATED).subject_id == str(alert.id)


def test_rsk_10_louder_again_is_to_be_acknowledged_anew(scene):
    alert_id = raised(AlertTier.WARNING)
    services.acknowledge_alert(alert_id=alert_id, actor=scene.trader, now=NOW)
    raised(AlertTier.CRITICAL, now=NOW + MINUTE)
    assert queries.open_alerts()[0].acknowledged_at is None
    assert services.escalate_alerts(now=NOW + 6 * MINUTE) == 1


def test_rsk_10_an_ended_alert_is_gone_but_a_critical_one_stays_until_somebody_signs(scene):
    quiet, loud = raised(AlertTier.WARNING), raised(AlertTier.CRITICAL, rule="RSK-2", dedupe_key="k")
    assert services.end_alert(alert_id=quiet, now=NOW) and services.end_alert(dedupe_key="k", now=NOW)
    assert not services.end_alert(dedupe_key="k", now=NOW)
    assert [alert.id for alert in queries.open_alerts()] == [loud]
    assert services.escalate_alerts(now=NOW + 5 * MINUTE) == 1
    services.acknowledge_alert(alert_id=loud, actor=scene.risk, now=NOW)
    assert queries.open_alerts() == []
    assert raised(AlertTier.WARNING) not in (quiet, loud)


def test_rsk_10_many_processes_raising_the_same_make_one(scene):
    ours = committed(make_scene)
    together = threading.Barrier(4)

    def one():
        together.wait(10)
        try:
            for _ in range(10):
                with tenancy.firm(ours.firm):
                    raised()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        for future in [threads.submit(one) for _ in range(4)]:
            future.result()

    def standing():
        with tenancy.firm(ours.firm):
            return [(alert.occurrences, alert.message) for alert in queries.open_alerts()]

    assert committed(standing) == [(40, "order notional at 85%")]


def test_rsk_10_escalating_takes_the_same_queries_for_one_and_for_forty(scene):
    counts = []
    for size in (1, 40):
        for i in range(size):
            raised(AlertTier.CRITICAL, subject=Subject(SubjectKind.ACCOUNT, f"{size}-{i}"))
        with CaptureQueriesContext(connection) as captured:
            assert services.escalate_alerts(now=NOW + 5 * MINUTE) == size
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_rsk_10_messages_hide_secrets_and_fit(scene):
    raised(message="failed with Bearer abcdefgh12345678 " + "x" * 500)
    (alert,) = Alert.objects.all()
    assert "abcdefgh" not in alert.message and len(alert.message) == 400
