"""What runs by itself: new snapshots, the sweep for late files, and the firms one after another (REC-1)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import TradingBlock
from base import tenancy
from reconciliation.enums import RunState
from reconciliation.models import ReconciliationRun
from reconciliation.services import reconcile_due, take_snapshot_from_file
from reconciliation.tasks import SCHEDULE, block_unresolved, close_only
from reconciliation.tasks import reconcile_due as reconcile_due_task
from tests.factories import make_custodian, make_firm

from .books import BEFORE_OPEN, DAY, EVENING, CustodianFile, make_scene

pytestmark = pytest.mark.django_db
DEADLINE = EVENING + timedelta(minutes=30)


@pytest.fixture
def scene():
    with tenancy.firm(make_firm().id):
        yield make_scene()


def states():
    return list(ReconciliationRun.objects.order_by("started_at").values_list("as_of", "state"))


def test_rec_1_within_the_hour_a_missing_file_is_no_run_yet(scene):
    assert reconcile_due(now=DEADLINE) == 0 and states() == []


def test_rec_1_after_the_hour_it_is_incomplete_once(scene):
    assert reconcile_due(now=DEADLINE + timedelta(seconds=1)) == 1
    assert reconcile_due(now=DEADLINE + timedelta(minutes=5)) == 0
    assert states() == [(DAY, RunState.INCOMPLETE)]


def test_rec_1_a_file_is_reconciled_when_it_comes_early_or_late(scene):
    reconcile_due(now=DEADLINE + timedelta(minutes=1))
    file = CustodianFile(scene).cash("250000", "250000").cash("250000", "250000", account=1)
    take_snapshot_from_file(custodian_id=scene.custodian.id, data=file.data(), now=DEADLINE + timedelta(hours=1))
    assert reconcile_due(now=DEADLINE + timedelta(hours=1)) == 1
    assert reconcile_due(now=DEADLINE + timedelta(hours=2)) == 0
    assert states() == [(DAY, RunState.INCOMPLETE), (DAY, RunState.COMPLETE)]


def test_a_custodian_without_accounts_is_never_due(scene):
    make_custodian()
    reconcile_due(now=DEADLINE + timedelta(minutes=1))
    assert ReconciliationRun.objects.count() == 1


def test_rec_6_the_scheduled_step_blocks_once(scene):
    reconcile_due(now=DEADLINE + timedelta(minutes=1))
    assert block_unresolved(now=BEFORE_OPEN) == 2
    assert block_unresolved(now=BEFORE_OPEN + timedelta(minutes=1)) == 0
    assert TradingBlock.objects.filter(ends_at=None).count() == 2


def test_every_scheduled_task_exists():
    assert {entry["task"] for entry in SCHEDULE.values()} == {close_only.name, reconcile_due_task.name}
