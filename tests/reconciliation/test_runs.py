"""Runs against the real database: what agrees, what breaks, and what a repetition does (REC-1 to REC-4)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from base import tenancy
from governance.models import Alert, AuditEvent
from reconciliation.enums import BreakState, RunState
from reconciliation.models import Break, CustodianSnapshot, ReconciliationRun
from reconciliation.services import RunFacts, UnableToTakeSnapshot, reconcile_custodian, take_snapshot_from_file
from tests.factories import make_firm

from .books import DAY, EVENING, NEXT, NEXT_EVENING, CustodianFile, Scene, fill, make_scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    with tenancy.firm(make_firm().id):
        yield make_scene()


def agreed(scene: Scene) -> CustodianFile:
    """The custodian's side of one bought fill of 100 at 50 in the first account."""
    file = CustodianFile(scene).position("100").cash("244999", "250000").cash("250000", "250000", account=1)
    return file.trade(100, "50", "X1").fee("-1")


def run(scene: Scene, file: CustodianFile, now: datetime = EVENING) -> RunFacts:
    taken = take_snapshot_from_file(custodian_id=scene.custodian.id, data=file.data(), now=now)
    return reconcile_custodian(custodian_id=scene.custodian.id, as_of=file.as_of, now=now, taken=taken)


def breaks() -> list[tuple[str, str, str]]:
    return sorted(Break.objects.filter(closed_at=None).values_list("item_kind", "break_type", "state"))


def test_rec_1_a_custodian_that_agrees_gives_a_complete_run_without_breaks(scene):
    fill(scene, 100, "50", "X1")
    facts = run(scene, agreed(scene))
    assert (facts.state, facts.open, facts.reasons, facts.late) == (RunState.COMPLETE, 0, (), False)
    assert facts.items == 7 and facts.due_at == datetime.fromisoformat("2026-01-05T22:00Z")
    assert Alert.objects.count() == 0
    assert AuditEvent.objects.filter(action="RECONCILED").count() == 1
