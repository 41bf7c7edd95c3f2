"""RSK-1 gate 2 through the database: every account's lot at a fresh price, fail closed, one decision a refusal."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import TradingBlock
from base import tenancy
from governance.enums import AccountGate, KillScope, KillState, MandateRuleKind, RestrictionState
from governance.models import Alert, GateRecord, KillSwitch, Mandate, MandateRule, Restriction
from risk.enums import GateCode, GateOutcome
from risk.queries import gate_decisions
from risk.services import gate_two
from tests.factories import make_account, make_firm
from tests.risk.scene import (
    FAR,
    NOW,
    UNIT,
    Scene,
    fresh,
    fund,
    hold,
    make_accounts,
    make_scene,
    make_share,
    order_for,
    rate,
    reserve,
    rows_of,
)

pytestmark = pytest.mark.django_db
D, G = Decimal, GateCode


@pytest.fixture
def scene() -> Scene:
    with tenancy.firm(make_firm().id):
        yield make_scene()


def check(scene, quantity=50, *, price="40", account=None, order=None, **facts):
    order = order or order_for(scene.share)
    batch = rows_of([(order, [(account or scene.account, quantity)])])
    return gate_two(rows=batch, quotes=fresh(scene.share, price, **facts), now=NOW)


def codes(answer, row=0):
    return [finding.code for at, finding in answer.findings if at == row]


def capped(scene, rate="0.02"):
    scene.account.position_cap_rate = D(rate)
    scene.account.save()
    return scene


def test_rsk_1_worked_fifty_shares_at_forty_pass_and_at_fifty_are_refused(scene):
    capped(scene)
    assert check(scene).passed.tolist() == [True]
    order = order_for(scene.share)
    answer = check(scene, price="50", order=order)
    assert codes(answer) == [G.PRICE_MOVED, G.POSITION_CAP]
    assert answer.resize_to.tolist() == [40 * UNIT] and answer.order_passed.tolist() == [False]
    (decision,) = gate_decisions(journey_id=order.journey_id)
    assert decision.outcome is GateOutcome.BLOCKED and decision.subject_id == order.order_id and decision.account_ids == (scene.account.id,)
    assert decision.message == "RSK-2 price moved: 25% over 1%; RSK-1 position cap: 2.5% over 2%"
    assert (decision.rule, decision.number, decision.limit) == ("RSK-2", D("0.25"), D("0.01"))
    alert = Alert.objects.get(journey_id=order.journey_id)
    assert alert.tier == "CRITICAL" and scene.share.symbol in alert.message


def test_rsk_1_a_batch_leaves_one_pass_a_journey_and_one_refusal_a_lot(scene):
    accounts = make_accounts(3)
    block, single = order_for(scene.share), order_for(scene.share)
    refused = make_account()
    batch = rows_of([(block, [(account, 10) for account in accounts]), (single, [(scene.account, 10), (refused, 10)])])
    answer = gate_two(rows=batch, quotes=fresh(scene.share, "40"), now=NOW)
    assert answer.passed.tolist() == [True] * 4 + [False]
    assert answer.order_passed.tolist() == [True, False]
    (passed,) = gate_decisions(journey_id=block.journey_id)
    assert (passed.outcome, passed.orders, passed.subject_id) == (GateOutcome.PASSED, 3, block.order_id)
    both = gate_decisions(journey_id=single.journey_id)
    assert sorted((d.outcome, d.orders) for d in both) == [(GateOutcome.BLOCKED, 1), (GateOutcome.PASSED, 1)]


def test_rsk_1_positions_in_all_sleeves_and_other_working_orders_count(scene):
    capped(scene)
    hold(scene.account, scene.sleeve, scene.share, 10)
    assert check(scene).resize_to.tolist() == [40 * UNIT]
    reserve(scene.account, scene.sleeve, scene.share, 15)
    assert check(scene).resize_to.tolist() == [25 * UNIT]
    reserve(scene.account, scene.sleeve, scene.share, 25, side="SELL")
    assert check(scene).resize_to.tolist() == [25 * UNIT]


def test_rsk_1_its_own_reservation_does_not_stand_in_a_lots_way(scene):
    capped(scene)
    order = order_for(scene.share)
    reserve(scene.account, scene.sleeve, scene.share, 50, order_id=order.order_id, cash="99999")
    assert codes(check(scene)) == [G.BUYING_POWER, G.POSITION_CAP]
    assert codes(check(scene, order=order)) == []


def test_rte_3_a_slice_takes_its_part_of_its_parents_reservation(scene):
    parent_id = uuid4()
    reserve(scene.account, scene.sleeve, scene.share, 100, order_id=parent_id, cash="99000")
    sliced = order_for(scene.share, reservation_id=parent_id)
    answer = check(scene, 50, order=sliced)
    assert codes(answer) == []
    capped(scene, "0.04")
    assert codes(check(scene, 50, order=sliced)) == []
    capped(scene, "0.0399")
    assert codes(check(scene, 50, order=sliced)) == [G.POSITION_CAP]


def test_cst_7_what_reduces_passes_without_price_or_money(scene):
    hold(scene.account, scene.sleeve, scene.share, 50)
    order = order_for(scene.share)
    batch = rows_of([(order, [(scene.account, -50)])])
    assert gate_two(rows=batch, quotes={}, now=NOW).passed.tolist() == [True]
    reserve(scene.account, scene.sleeve, scene.share, 20, side="SELL")
    assert codes(gate_two(rows=batch, quotes={}, now=NOW)) == [G.MISSING_DATA]


@pytest.mark.parametrize(
    ("price", "facts", "expected"),
    [
        ("40", {"age": 2.1}, [G.STALE_PRICE]),
        ("40.5", {}, [G.PRICE_MOVED]),
        ("40", {"bid": "40.01"}, [G.MISSING_DATA]),
        (None, {}, [G.MISSING_DATA]),
    ],
)
def test_rsk_2_only_a_fresh_uncrossed_quote_near_the_sized_price_serves(scene, price, facts, expected):
    assert codes(check(scene, price=price, **facts)) == expected


def test_rsk_2_fx_ages_faster(scene):
    pair = make_share("40", kind="FX", base_currency="EUR")
    batch = rows_of([(order_for(pair), [(scene.account, 1)])])
    assert codes(gate_two(rows=batch, quotes=fresh(pair, "40", age=1.1), now=NOW)) == [G.STALE_PRICE]


def test_acc_11_prices_are_converted_and_a_missing_rate_blocks(scene):
    share = make_share("40", currency="XEV")
    batch = rows_of([(order_for(share), [(scene.account, 250)])])
    assert G.MISSING_DATA in codes(gate_two(rows=batch, quotes=fresh(share, "40"), now=NOW))
    rate("XEV", "USD", "1.0001")
    assert codes(gate_two(rows=batch, quotes=fresh(share, "40"), now=NOW)) == [G.POSITION_CAP]
    rate("XEV", "USD", "1")
    assert codes(gate_two(rows=batch, quotes=fresh(share, "40"), now=NOW)) == []


def test_cst_4_buying_power_is_what_is_available(scene):
    poor = fund(make_account(position_cap_rate=D(1)), "2000")
    assert codes(check(scene, 51, account=poor)) == [G.BUYING_POWER, G.POSITION_CAP]


def test_con_5_an_account_without_a_cap_cannot_open(scene):
    prop = fund(make_account(account_class="PROP"))
    assert set(codes(check(scene, account=prop))) <= {G.MISSING_DATA, G.POSITION_CAP} and codes(check(scene, account=prop))


def test_gov_2_missing_gates_and_unknown_accounts_have_no_authority(scene):
    GateRecord.objects.filter(subject_id=scene.account.id, gate=AccountGate.CLASSIFIED).delete()
    ungated = make_account()
    assert G.AUTHORITY in codes(check(scene, account=ungated))
    managed = fund(make_account(account_class="MANAGED"))
    order = order_for(scene.share)
    answer = check(scene, 10, account=managed, order=order)
    assert codes(answer)[0] is G.AUTHORITY
    (decision,) = gate_decisions(journey_id=order.journey_id)
    assert decision.message.startswith("GOV-2 authority: ") and len(decision.message) > 25


@pytest.mark.parametrize(
    ("state", "buy", "sell"), [(RestrictionState.CLOSE_ONLY, [G.CLOSE_ONLY], []), (RestrictionState.FROZEN, [G.FROZEN], [G.FROZEN])]
)
def test_cst_5_the_restricted_list_binds(scene, state, buy, sell):
    Restriction.objects.create(instrument_id=scene.share.id, state=state, reason="list", valid_from=FAR)
    hold(scene.account, scene.sleeve, scene.share, 50)
    assert codes(check(scene)) == buy
    assert codes(check(scene, -50)) == sell


@pytest.mark.parametrize("about", ["account", "instrument", "pair"])
def test_rec_6_trading_blocks_on_account_instrument_or_both(scene, about):
    names = {"account": scene.account} if about != "instrument" else {}
    names |= {"instrument_id": scene.share.id} if about != "account" else {}
    block = TradingBlock.objects.create(**names, mode="CLOSE_ONLY", rule="REC-6", reason="break", starts_at=FAR)
    hold(scene.account, scene.sleeve, scene.share, 50)
    (other,) = make_accounts(1)
    assert codes(check(scene)) == [G.ACCOUNT_CLOSE_ONLY] and codes(check(scene, -50)) == []
    assert (codes(check(scene, account=other)) == []) is (about != "instrument")
    TradingBlock.objects.filter(pk=block.pk).update(mode="CLOSED")
    assert codes(check(scene, -50)) == [G.ACCOUNT_CLOSED]
    TradingBlock.objects.filter(pk=block.pk).update(ends_at=NOW)
    assert codes(check(scene)) == []


@pytest.mark.parametrize("scope", list(KillScope))
def test_gov_10_a_tripped_switch_stops_what_it_covers(scene, scope):
    order = order_for(scene.share)
    subjects = {
        KillScope.FIRM: "",
        KillScope.ACCOUNT: str(scene.account.id),
        KillScope.STRATEGY: str(order.strategy_id),
        KillScope.INSTRUMENT: str(scene.share.id),
        KillScope.BROKER: str(order.connection_id),
    }
    KillSwitch.objects.create(
        scope=scope,
        subject_id=subjects[scope],
        state=KillState.TRIPPED,
        reason="test",
        tripped_by_id=int(scene.actor.user_id),
        tripped_at=NOW,
    )
    hold(scene.account, scene.sleeve, scene.share, 50)
    assert codes(check(scene, -50, order=order)) == [G.KILL_SWITCH]
    (other,) = make_accounts(1)
    elsewhere = gate_two(rows=rows_of([(order_for(make_share()), [(other, 1)])]), quotes={}, now=NOW)
    assert (G.KILL_SWITCH in codes(elsewhere)) is (scope is KillScope.FIRM)


def test_rsk_10_many_refusals_of_one_cause_are_one_alert(scene):
    accounts = make_accounts(5, position_cap_rate=D("0.001"))
    order = order_for(scene.share)
    gate_two(rows=rows_of([(order, [(account, 50) for account in accounts])]), quotes=fresh(scene.share, "40"), now=NOW)
    alert = Alert.objects.get(journey_id=order.journey_id)
    assert "5 accounts' lots" in alert.message and alert.subject_kind == "INSTRUMENT"


def test_rsk_1_two_orders_of_one_account_are_judged_together(scene):
    other = make_share("10")
    orders = [
        (order_for(scene.share), [(scene.account, 10)]),
        (order_for(other), [(scene.account, 10)]),
        (order_for(scene.share), [(scene.account, -5)]),
    ]
    hold(scene.account, scene.sleeve, scene.share, 5)
    batch = rows_of(orders)
    batch.sized_price[1] = 10 * UNIT
    answer = gate_two(rows=batch, quotes={**fresh(scene.share, "40"), **fresh(other, "10")}, now=NOW)
    assert answer.passed.tolist() == [True, True, True]


def test_a_batch_must_be_one_table(scene):
    batch = rows_of([(order_for(scene.share), [(scene.account, 1)])])
    with pytest.raises(ValueError, match="one batch"):
        type(batch)(batch.orders, batch.order, batch.account, batch.side, np.zeros(2, np.int64), batch.sized_price)
    empty = type(batch)(
        batch.orders, *(column[:0] for column in (batch.order, batch.account, batch.side, batch.quantity, batch.sized_price))
    )
    assert gate_two(rows=empty, quotes={}, now=NOW).passed.tolist() == []


@pytest.mark.parametrize("n", [1, 12])
def test_the_number_of_statements_does_not_depend_on_rows(scene, n):
    accounts = make_accounts(n)
    batch = rows_of([(order_for(scene.share), [(account, 1) for account in accounts])])
    with CaptureQueriesContext(connection) as queries:
        answer = gate_two(rows=batch, quotes=fresh(scene.share, "40"), now=NOW)
    assert answer.passed.all()
    assert len(queries) <= 22, [query["sql"][:80] for query in queries]


def test_i9_another_firms_account_has_no_authority_and_no_equity():
    firms = [make_firm(), make_firm()]
    with tenancy.firm(firms[0].id):
        theirs = make_scene()
    with tenancy.firm(firms[1].id):
        assert codes(check(theirs)) == [G.AUTHORITY, *[G.MISSING_DATA] * 4]


def test_gov_10_flattening_passes_a_switch_whose_flattening_was_confirmed(scene):
    hold(scene.account, scene.sleeve, scene.share, 50)
    switch = KillSwitch.objects.create(
        scope=KillScope.FIRM, subject_id="", state=KillState.TRIPPED, reason="test", tripped_by_id=int(scene.actor.user_id), tripped_at=NOW
    )
    flattening = order_for(scene.share, flattens=True)
    assert codes(check(scene, -50, order=flattening)) == [G.KILL_SWITCH]
    KillSwitch.objects.filter(pk=switch.pk).update(flatten_confirmed_by_id=int(scene.actor.user_id), flatten_confirmed_at=NOW)
    assert codes(check(scene, -50, order=flattening)) == []


def mandated(kind, **facts):
    mandate = Mandate.objects.create(code="M", name="Mandate", valid_from=FAR)
    MandateRule.objects.create(mandate=mandate, kind=kind, clause="§4 what is held", **facts)
    return fund(make_account(mandate=mandate))


def test_cst_2_the_mandates_cap_binds_where_it_is_tighter(scene):
    account = mandated(MandateRuleKind.POSITION_CAP, rate=D("0.01"))
    assert codes(check(scene, 25, account=account)) == []
    answer = check(scene, 26, account=account)
    assert codes(answer) == [G.POSITION_CAP] and answer.resize_to.tolist() == [25 * UNIT]


def test_cst_3_a_long_only_mandate_forbids_a_short(scene):
    account = mandated(MandateRuleKind.LONG_ONLY)
    hold(account, scene.sleeve, scene.share, 10)
    assert codes(check(scene, -10, account=account)) == []
    answer = check(scene, -11, account=account)
    assert [finding.describe() for _, finding in answer.findings] == ["CST-3 mandate: the mandate is long only"]


def test_cst_3_a_forbidden_kind_is_refused_with_its_clause(scene):
    answer = check(scene, 1, account=mandated(MandateRuleKind.ALLOWED_KINDS, words=["FX"]))
    assert [finding.describe() for _, finding in answer.findings] == ["CST-3 mandate: §4 what is held"]
