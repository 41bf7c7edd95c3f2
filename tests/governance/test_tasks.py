"""The doors of scheduled work: every firm gets its turn, and one that fails stops no other."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from base import tenancy
from governance import queries, services, tasks
from governance.core.subjects import Subject
from governance.enums import AlertTier, AuditAction, KillScope, Role, SubjectKind
from mamweb.celery import app
from tests.governance.scene import DAY, MINUTE, make_authority, make_scene, new_accounts

pytestmark = pytest.mark.django_db
SUBJECT = Subject(SubjectKind.ACCOUNT, "A1")


@pytest.fixture
def scenes():
    return [make_scene(), make_scene()]


def test_every_scheduled_task_exists_under_its_name():
    app.loader.import_default_modules()
    assert {entry["task"] for entry in tasks.SCHEDULE.values()} <= set(app.tasks)


def test_gov_7_sealing_goes_over_all_firms(scenes):
    for scene in scenes:
        with tenancy.firm(scene.firm):
            services.audit(action=AuditAction.VIEWED, subject=SUBJECT, actor=None, now=datetime.now(UTC))
    assert tasks.seal_audit() >= 2
    for scene in scenes:
        with tenancy.firm(scene.firm):
            assert queries.verify_chain().unsealed == 0


def test_rsk_10_escalation_and_announcement_go_over_all_firms(scenes):
    now = datetime.now(UTC)
    one, two = scenes
    with tenancy.firm(one.firm):
        services.raise_alert(tier=AlertTier.CRITICAL, audience=None, rule="RSK-1", subject=SUBJECT, message="x", now=now - 6 * MINUTE)
    with tenancy.firm(two.firm):
        services.trip_kill_switch(scope=KillScope.FIRM, subject_id="", actor=two.trader, now=now, reason="x")
    assert tasks.escalate_alerts() >= 2
    with tenancy.firm(one.firm):
        assert [alert.rule for alert in queries.open_alerts(roles=[Role.COMPLIANCE])] == ["RSK-1"]
    with tenancy.firm(two.firm):
        assert [alert.rule for alert in queries.open_alerts()] == ["GOV-10"]


def test_gov_2_the_daily_sweep_warns(scenes):
    with tenancy.firm(scenes[1].firm):
        make_authority(new_accounts(1), expires_at=datetime.now(UTC) + 5 * DAY)
    assert tasks.warn_of_expiring_authorities() >= 1
    with tenancy.firm(scenes[1].firm):
        assert [alert.tier for alert in queries.open_alerts()] == [AlertTier.WARNING]


def test_a_firm_that_fails_stops_no_other(scenes):
    seen = []

    def work(*, now):
        if tenancy.current_firm() == scenes[0].firm:
            raise ZeroDivisionError
        seen.append(tenancy.current_firm())
        return 1

    assert tasks.for_every_firm(work) == len(seen) and scenes[1].firm in seen and scenes[0].firm not in seen
