"""An upgrade of a database in use goes through whatever was asked for in it, and says in the trail what it did (GOV-4, GOV-7)."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from django.core.management import call_command
from django.db import connections

from base import tenancy
from base.core.clock import SystemClock
from base.core.ids import new_id
from governance.core.subjects import Viewer
from governance.enums import ApprovalAction, ApprovalState, AuditAction, Role
from governance.models import Approval, AuditEvent
from governance.queries.approval_desk import approval_history
from tests.api.scene import make_person
from tests.database import cloned_database
from tests.factories import make_firm

ASK = """
INSERT INTO governance_approval (id, firm_id, action, subject_kind, subject_id, content_hash, rules, reason, state, requested_by_id, requested_at,
    expires_at, decision_reason)
VALUES (%s, %s, %s, 'FIRM', %s, %s, '{}', 'client waits', %s, %s, %s, %s, '')
"""


def test_gov_4_requests_nobody_acts_on_any_more_are_withdrawn_by_the_upgrade(django_db_blocker: Any, django_db_setup: None) -> None:
    with django_db_blocker.unblock(), cloned_database(f"test_upgrade_{os.getpid()}"):
        migrate("0005")
        firm, now = make_firm(), SystemClock().now()
        with tenancy.firm(firm.id):
            asked_by, officer = (make_person(firm, role).user for role in (Role.MANAGER, Role.COMPLIANCE))
        rows = [
            ask(firm.id, asked_by.pk, action, state, asked_at)
            for action, state, asked_at in (
                ("OVERRIDE_RULE", "REQUESTED", now),
                ("OVERRIDE_RULE", "REQUESTED", now - timedelta(days=1)),
                ("OVERRIDE_RULE", "USED", now - timedelta(days=2)),
                ("TRANSFER_ASSETS", "APPROVED", now - timedelta(minutes=1)),
                ("WAIVE_BREAK", "REQUESTED", now),
            )
        ]
        migrate("0007")
        with tenancy.firm(firm.id):
            found = [Approval.objects.get(pk=pk) for pk in rows]
            assert [row.state for row in found] == ["REFUSED", "REQUESTED", "USED", "REFUSED", "REQUESTED"]
            assert [row.action for row in found] == ["RETIRED"] * 4 + ["WAIVE_BREAK"]
            assert "Withdrawn with an upgrade" in found[0].decision_reason and found[0].reason == "client waits"
            told = {event.approval_id: event for event in AuditEvent.objects.filter(approval_id__in=rows)}
            assert [told[pk].action for pk in rows[:4]] == [
                AuditAction.APPROVAL_REFUSED,
                AuditAction.CHANGED,
                AuditAction.CHANGED,
                AuditAction.APPROVAL_REFUSED,
            ]
            assert told[rows[3]].before == {"action": "TRANSFER_ASSETS", "state": "APPROVED"} and rows[4] not in told
            shown, _ = approval_history(viewer=Viewer(officer.pk, True, now.date()), roles={Role.COMPLIANCE}, now=SystemClock().now())
            states = {row.facts.id: row.facts.state for row in shown}
            refused, expired, used = ApprovalState.REFUSED, ApprovalState.EXPIRED, ApprovalState.USED
            assert [states[pk] for pk in rows[:4]] == [refused, expired, used, refused] and len(states) == 4
            assert {row.facts.action for row in shown} == {ApprovalAction.RETIRED}
        migrate("0005")  # and back, with what is retired in it


def migrate(name: str) -> None:
    call_command("migrate", "governance", name, database="owner", verbosity=0)


def ask(firm_id: int, user_id: int, action: str, state: str, at: Any) -> Any:
    pk = new_id()
    with tenancy.firm(firm_id), connections["default"].cursor() as cursor:
        cursor.execute(ASK, [pk, firm_id, action, str(firm_id), "a" * 64, state, user_id, at, at + timedelta(minutes=15)])
    return pk
