"""Custodian margin against ours through the database (REC-1, REC-2, REC-3, ACC-7)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.enums import LeverageRegime
from accounts.models import Account, BrokerConnection
from base import tenancy
from governance.enums import Role
from governance.models import Alert
from reconciliation.enums import RunState
from reconciliation.models import Break, ReconciliationRun
from reconciliation.services import reconcile_due, side_by_side, take_snapshot_from_file
from tests.factories import make_firm, make_user
from tests.reconciliation.core.test_margin import ROW

from .books import DAY, EVENING, CustodianFile, Scene, fill, make_scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    """Account A on Reg T with 100 at 50: E 249,999, tolerance 125.00 (0.05%, rounded for display); B holds cash and is on cash terms."""
    with tenancy.firm(make_firm().id):
        scene = make_scene()
        Account.objects.filter(pk=scene.accounts[0].pk).update(leverage_regime=LeverageRegime.REG_T)
        fill(scene, 100, "50", "X1")
        yield scene


def rate(scene: Scene, **change: str) -> None:
    BrokerConnection.objects.filter(pk=scene.accounts[0].connection_id).update(settings={"margin_rates": [{**ROW, **change}]})


def run(scene: Scene, margins: dict[str, str], *, account: int = 0, without: tuple[str, ...] = ()) -> ReconciliationRun:
    file = CustodianFile(scene).position("100").cash("244999", "250000").cash("250000", "250000", account=1)
    file.trade(100, "50", "X1").fee("-1")
    for kind, amount in margins.items():
        file.margin(kind, amount, account=account)
    take_snapshot_from_file(custodian_id=scene.custodian.id, data=file.data(without=without), now=EVENING)
    reconcile_due(now=EVENING)
    return ReconciliationRun.objects.latest("started_at")


def breaks() -> list[tuple[str, str, Decimal, Decimal]]:
    return list(Break.objects.filter(break_type="MARGIN").order_by("kind").values_list("kind", "rule", "ours", "theirs"))


def test_rec_1_margin_that_agrees_is_no_break(scene):
    rate(scene)
    assert run(scene, {"INITIAL": "2500", "MAINTENANCE": "1250"}).state == RunState.COMPLETE and breaks() == []


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [("2624.99", []), ("2625.01", [("INITIAL", "REC-2", Decimal(2500), Decimal("2625.01"))])],  # 0.05% of 249,999 = 124.9995
)
def test_rec_2_margin_breaks_above_five_basis_points_of_equity(scene, theirs, expected):
    rate(scene)
    run(scene, {"INITIAL": theirs, "MAINTENANCE": "1250"})
    assert breaks() == expected


def test_rec_3_margin_the_custodian_does_not_ask_for_is_a_break(scene):
    rate(scene)
    run(scene, {"INITIAL": "2500"})
    assert breaks() == [("MAINTENANCE", "REC-2", Decimal(1250), None)]


def test_rec_1_with_rates_a_file_without_margin_is_incomplete(scene):
    rate(scene)
    run_row = run(scene, {}, without=("MARGIN",))
    assert run_row.state == RunState.INCOMPLETE and run_row.reasons == ["section MARGIN was not delivered"]


@pytest.mark.parametrize("regime", [LeverageRegime.CASH, LeverageRegime.PORTFOLIO_MARGIN])
def test_acc_8_margin_of_other_regimes_is_the_brokers_own_figure(scene, regime):
    rate(scene)
    Account.objects.filter(pk=scene.accounts[0].pk).update(leverage_regime=regime)
    assert run(scene, {"INITIAL": "99999"}).state == RunState.COMPLETE and breaks() == []


def test_without_rates_margin_is_not_compared(scene):
    assert run(scene, {"INITIAL": "99999"}).state == RunState.COMPLETE and breaks() == []
    assert run(scene, {}, without=("MARGIN",)).state == RunState.COMPLETE


def test_con_5_rates_that_cannot_be_read_compare_nothing_and_alarm(scene):
    rate(scene, long_initial="half")
    with pytest.raises(ReconciliationRun.DoesNotExist):
        run(scene, {"INITIAL": "2500"})
    told = Alert.objects.get(ended_at=None)
    assert "long_initial 'half' is not a number" in told.message and told.tier == "CRITICAL"
    rate(scene)
    assert reconcile_due(now=EVENING + timedelta(minutes=1)) == 1 and not Alert.objects.filter(ended_at=None, rule="REC-1", tier="CRITICAL")


def test_margin_stands_side_by_side(scene):
    rate(scene)
    run(scene, {"INITIAL": "2510", "MAINTENANCE": "1250"})
    operations = make_user(Role.OPERATIONS)
    lines = side_by_side(user=operations, account_id=scene.accounts[0].id, as_of=DAY)
    assert [(line.what, line.ours, line.theirs) for line in lines if line.item == "MARGIN"] == [
        ("INITIAL USD", Decimal("2500.00"), Decimal("2510.00")),
        ("MAINTENANCE USD", Decimal("1250.00"), Decimal("1250.00")),
    ]
