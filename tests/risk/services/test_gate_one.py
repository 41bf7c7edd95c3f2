"""RSK-1 gate 1 through the database: the firm's books, limits, volumes, decisions and alerts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from base import tenancy
from governance.models import Alert
from risk.core.gate_one import UNLIMITED
from risk.enums import AlertTier, FirmLimitKind, GateCode, GateOutcome
from risk.queries import gate_decisions, limit_alerts, preview_gate_one
from risk.services import gate_one, gate_one_many, set_firm_limit
from tests.factories import make_firm
from tests.risk.scene import (
    GENEROUS,
    NOW,
    Scene,
    daily_bars,
    hold,
    make_accounts,
    make_scene,
    make_share,
    quote,
    rate,
    reserve,
    set_limits,
    snapshot,
)

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture
def firm():
    made = make_firm()
    with tenancy.firm(made.id):
        yield made


@pytest.fixture
def scene(firm) -> Scene:
    return make_scene()


def judge(scene, quantity=100, *, now=NOW, **facts):
    return gate_one_many(parents=[scene.parent(quantity, **facts)], now=now)[0]


def codes(findings):
    return [finding.code for finding in findings]


def test_rsk_1_an_order_within_every_limit_passes_and_is_written_down(scene):
    set_limits(scene.actor, order_notional="4000", gross="4000", net="4000", single_name="4000")
    parent = scene.parent(100)
    assert gate_one_many(parents=[parent], now=NOW) == [[]]
    (decision,) = gate_decisions(journey_id=parent.journey_id)
    assert (decision.gate, decision.outcome, decision.subject_id, decision.message) == (1, GateOutcome.PASSED, parent.parent_id, "")


def test_rsk_1_release_hands_in_plain_facts(scene):
    set_limits(scene.actor, order_notional="3999.99")
    parent = scene.parent(100)
    facts = {"journey_id": parent.journey_id, "parent_id": parent.parent_id, "instrument": parent.instrument}
    findings = gate_one(**facts, side="BUY", quantity=D(100), price=D(40), reduces=False, now=NOW)
    assert [finding.describe() for finding in findings] == ["RSK-1 order value: 4000 over 3999.99"]
    assert gate_one(**facts, side="SELL_SHORT", quantity=D(99), price=D(40), now=NOW) == []


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ({"gross": "43999.99"}, "RSK-1 gross: 44000 over 43999.99"),
        ({"net": "43999.99"}, "RSK-1 net: 44000 over 43999.99"),
        ({"single_name": "43999.99"}, "RSK-1 single name: 44000 over 43999.99"),
        ({"adv_rate": "0.00009"}, "CST-2 share of daily volume: 0.01% over 0.009%"),
    ],
)
def test_rsk_1_positions_of_all_accounts_and_working_orders_count(scene, limit, message):
    first, second = make_accounts(2)
    hold(first, scene.sleeve, scene.share, 600)
    hold(second, scene.sleeve, scene.share, 300)
    reserve(second, scene.sleeve, scene.share, 100)
    set_limits(scene.actor, **limit)
    parent = scene.parent(100)
    assert [f.describe() for f in gate_one_many(parents=[parent], now=NOW)[0]] == [message]
    (decision,) = gate_decisions(journey_id=parent.journey_id)
    assert decision.outcome is GateOutcome.BLOCKED and decision.message == message and decision.limit == D(next(iter(limit.values())))


def test_rsk_3_gross_nets_within_an_instrument_and_adds_across(scene):
    other = make_share("10")
    first, second = make_accounts(2)
    hold(first, scene.sleeve, scene.share, 600)
    hold(second, scene.sleeve, scene.share, -100)
    hold(second, scene.sleeve, other, -300)
    (view,) = preview_gate_one(parents=[scene.parent(1)], now=NOW)
    numbers = {use.kind: use.number for use in view.uses}
    assert numbers[FirmLimitKind.GROSS] == 20_000 + 3_000 + 40
    assert numbers[FirmLimitKind.NET] == 20_000 - 3_000 + 40
    assert numbers[FirmLimitKind.SINGLE_NAME] == 20_040


def test_rsk_1_working_orders_of_the_other_side_make_no_room(scene):
    hold(scene.account, scene.sleeve, scene.share, 100)
    reserve(scene.account, scene.sleeve, scene.share, 80, side="SELL")
    (view,) = preview_gate_one(parents=[scene.parent(10)], now=NOW)
    assert {use.kind: use.number for use in view.uses}[FirmLimitKind.SINGLE_NAME] == 110 * 40


def test_acc_11_values_are_in_the_reporting_currency(scene):
    rate("XEU", "USD", "1.25")
    share = make_share("40", currency="XEU")
    set_limits(scene.actor, order_notional="4999.99")
    (finding,) = judge(scene, 100, instrument=share)
    assert finding.describe() == "RSK-1 order value: 5000 over 4999.99"


@pytest.mark.parametrize("kind", list(FirmLimitKind))
def test_con_5_a_limit_nobody_set_blocks_and_says_which(scene, kind):
    set_limits(scene.actor, **{kind.value.lower(): None})
    (finding,) = judge(scene)
    assert finding.describe() == f"CON-5 missing data: limit {kind.value.lower()}"
    alert = Alert.objects.get(rule="CON-5")
    assert alert.tier == "CRITICAL" and kind.value.lower() in alert.message


def test_con_5_no_limit_must_be_said(scene):
    set_limits(scene.actor, **{kind.value.lower(): UNLIMITED for kind in FirmLimitKind})
    assert judge(scene, 10**6) == []


def test_con_5_what_is_missing_is_named(scene):
    set_limits(scene.actor)
    unpriced, unknown_currency = make_share(volume=0), make_share(currency="XTS")
    quote_old = make_share()
    hold(scene.account, scene.sleeve, unknown_currency, 5)
    assert {f.detail for f in judge(scene, instrument=unpriced)} >= {"average daily volume"}
    details = [f.detail for f in judge(scene)]
    assert details and all(unknown_currency.symbol in detail for detail in details[:2])
    assert codes(judge(scene, price=None)) == [GateCode.MISSING_DATA] * len(judge(scene, price=None))
    assert judge(scene, -5, reduces=True, price=None, instrument=quote_old) == []


def test_con_5_a_mark_older_than_96_hours_is_none(scene):
    stale = make_share(volume=0)
    quote(stale, "40", at=NOW - timedelta(hours=97))
    set_limits(scene.actor)
    hold(scene.account, scene.sleeve, stale, 5)
    assert judge(scene) == []  # the fresh quote that `make_share` recorded serves
    late = NOW + timedelta(hours=97)
    quote(scene.share, "40", at=late)
    assert any(stale.symbol in f.detail for f in judge(scene, now=late))


def test_cst_7_what_reduces_every_account_passes_all_but_the_typing_guard(scene):
    hold(scene.account, scene.sleeve, scene.share, 100)
    set_limits(scene.actor, gross="1", net="1", single_name="1", adv_rate=None, order_notional="4000")
    assert judge(scene, -100, reduces=True) == []
    assert judge(scene, -100) == []
    assert codes(judge(scene, -101, reduces=True)) == [GateCode.ORDER_NOTIONAL]
    assert GateCode.GROSS in codes(judge(scene, -50, reduces=False))


def test_rsk_1_parents_of_one_release_are_judged_one_after_the_other(scene):
    set_limits(scene.actor, gross="6000")
    first, second, third = gate_one_many(parents=[scene.parent(100), scene.parent(100), scene.parent(50)], now=NOW)
    assert (first, codes(second), third) == ([], [GateCode.GROSS], [])


def test_rsk_1_units_that_wait_for_their_orders_count(scene):
    set_limits(scene.actor, gross="6000")
    parent = scene.parent(100)
    pending = {scene.share.id: (D(51), D(0))}
    assert codes(gate_one_many(parents=[parent], now=NOW, pending=lambda: pending)[0]) == [GateCode.GROSS]
    assert gate_one_many(parents=[parent], now=NOW, pending=lambda: {scene.share.id: (D(50), D(0))}) == [[]]


def test_rsk_9_the_days_loss_blocks_openings_once_it_reaches_its_limit(scene):
    snapshot(scene.account, "104000")
    set_limits(scene.actor, daily_loss="4000")
    assert [f.describe() for f in judge(scene)] == ["RSK-9 daily loss: 4000 over 4000"]
    set_firm_limit(kind=FirmLimitKind.DAILY_LOSS, limit=D("4000.01"), actor=scene.actor, now=NOW)
    assert judge(scene) == []


def test_cst_2_volume_comes_from_the_days_before(scene):
    share = make_share(volume=0)
    daily_bars(share, 1000)
    set_limits(scene.actor, adv_rate="0.10")
    assert judge(scene, 100, instrument=share) == []
    assert [f.describe() for f in judge(scene, 101, instrument=share)] == ["CST-2 share of daily volume: 10.1% over 10%"]


def test_rsk_10_tiers_are_told_once_and_again_after_they_are_rearmed(scene):
    set_limits(scene.actor, gross="10000")

    def use(units):
        judge(scene, units)
        found = [row for row in limit_alerts() if row.kind is FirmLimitKind.GROSS]
        return found[0].tier if found else AlertTier.NONE

    def raised():
        return list(Alert.objects.filter(dedupe_key__startswith="gate1|GROSS").order_by("id").values_list("tier", flat=True))

    assert use(149) is AlertTier.NONE and raised() == []
    assert use(150) is AlertTier.INFO and raised() == ["INFO"]
    assert use(199) is AlertTier.INFO and raised() == ["INFO"]
    assert use(200) is AlertTier.WARNING and raised() == ["WARNING"]
    assert use(188) is AlertTier.WARNING and use(187) is AlertTier.INFO
    assert raised() == ["WARNING"] and not Alert.objects.filter(dedupe_key="gate1|GROSS|", ended_at=None).exists()
    assert use(200) is AlertTier.WARNING and raised() == ["WARNING", "WARNING"]
    assert use(251) is AlertTier.CRITICAL and raised() == ["WARNING", "CRITICAL"]
    assert use(137) is AlertTier.NONE


def test_i9_another_firms_books_and_limits_do_not_count():
    firms = [make_firm(), make_firm()]
    with tenancy.firm(firms[0].id):
        theirs = make_scene()
        set_limits(theirs.actor)
        hold(theirs.account, theirs.sleeve, theirs.share, 100)
    with tenancy.firm(firms[1].id):
        (view,) = preview_gate_one(parents=[theirs.parent(1)], now=NOW)
        assert view.uses[2].number == 40
        assert codes(view.findings) == [GateCode.MISSING_DATA] * len(FirmLimitKind)


@pytest.mark.parametrize("more", [0, 8])
def test_the_number_of_statements_does_not_depend_on_accounts_or_instruments(scene, more):
    set_limits(scene.actor, gross=GENEROUS)
    for account in make_accounts(1 + more):
        hold(account, scene.sleeve, make_share(volume=0), 1)
    parent = replace(scene.parent(1), journey_id=uuid4())
    snapshot(scene.account, "100000", date(2026, 1, 5))
    with CaptureQueriesContext(connection) as queries:
        preview_gate_one(parents=[parent], now=NOW)
    assert len(queries) == 9
