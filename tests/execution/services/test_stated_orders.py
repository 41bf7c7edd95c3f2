"""What a signal states about its orders, released: limit, time in force, pace (RTE-1, RTE-2, RTE-5, ALC-3)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Reservation
from allocation.enums import SignalOrderType, SignalRoute, SignalTimeInForce, SizingMethod
from allocation.services.stopping import UnableToSize
from base import tenancy
from base.core.validation import InvalidInputs
from execution.enums import OrderState, RouteKind, TimeInForce
from execution.models import ChildOrder, ParentOrder, Slice
from execution.services.claim import retire
from execution.services.drafting import UnableToRelease
from execution.services.release import ReleaseFacts
from execution.services.slices import release_due_slices
from market.core.calendars import session_close
from tests.desk import SECOND, Desk, make_desk

D = Decimal
DAY, IOC = SignalTimeInForce.DAY, SignalTimeInForce.IOC
pytestmark = pytest.mark.django_db
SMALL = {"A1": 100, "A2": 50}
# 800 shares where a minute trades 12,000: 600 and more go over time, five minutes at least.
LARGE = {"A1": 300, "A3": 300, "A6": 200}


@pytest.fixture
def desk(db: None) -> Desk:
    return make_desk()


def limit(price: Any, time_in_force: SignalTimeInForce | None = None, **more: Any) -> dict[str, Any]:
    return {"order_type": SignalOrderType.LIMIT, "limit_price": D(str(price)), "time_in_force": time_in_force, **more}


def house_limit(desk: Desk, side: int = 1) -> D:
    """Return the edge of the collar now: what the house itself would pay."""
    probe = desk.receive(quantities={"A5": side})
    with tenancy.firm(desk.firm_id):
        parent = desk.parents(desk.release(probe))["BUY" if side > 0 else "SELL"]
        ParentOrder.objects.filter(pk=parent.pk).update(state="DONE", done_at=desk.now)
    assert parent.limit_price is not None and not parent.is_limit_stated
    return parent.limit_price


def only(desk: Desk, released: ReleaseFacts) -> ParentOrder:
    (parent,) = desk.parents(released).values()
    return parent


def test_a_passive_limit_is_released_as_stated_for_the_day(desk: Desk) -> None:
    released = desk.trade(SMALL, **limit("46.50"))
    parent = only(desk, released)
    assert (parent.limit_price, parent.time_in_force, parent.is_limit_stated) == (D("46.50"), TimeInForce.DAY, True)
    assert parent.expires_at == session_close("XNYS", desk.now.date())
    orders = desk.orders(released)
    assert {(o.limit_price, o.time_in_force) for o in orders} == {(D("46.50"), TimeInForce.DAY)}
    assert sum(o.quantity for o in orders) == 150


def test_acc_4_a_buy_reserves_at_its_limit_with_fees(desk: Desk) -> None:
    desk.trade({"A1": 100}, **limit("46.50"))
    with tenancy.firm(desk.firm_id):
        (row,) = Reservation.objects.filter(account__code="A1", released_at=None)
    assert (row.quantity, row.limit_price, row.cash) == (100, D("46.50"), D("4652.33"))


def test_a_limit_order_may_be_immediate(desk: Desk) -> None:
    parent = only(desk, desk.trade(SMALL, **limit("46.50", IOC)))
    assert (parent.time_in_force, parent.expires_at, parent.is_limit_stated) == (TimeInForce.IOC, None, True)


def test_without_terms_the_house_prices_as_before(desk: Desk) -> None:
    parent = only(desk, desk.trade(SMALL))
    assert (parent.time_in_force, parent.expires_at, parent.is_limit_stated) == (TimeInForce.IOC, None, False)


def test_rte_2_a_limit_is_taken_to_the_collar_and_refused_past_it(desk: Desk) -> None:
    edge = house_limit(desk)
    assert only(desk, desk.trade({"A1": 10}, **limit(edge))).limit_price == edge
    with pytest.raises(UnableToRelease, match="past the collar") as refused:
        desk.trade({"A2": 10}, **limit(edge + D("0.01")))
    assert (refused.value.code, refused.value.context["field"]) == ("RTE-2", "limit_price")
    assert f"at most {edge:.2f}" in refused.value.message


def test_rte_2_a_sale_is_refused_past_the_collar_below_the_bid(desk: Desk) -> None:
    desk.hold({"A1": 100, "A5": 100})
    edge = house_limit(desk, side=-1)
    with pytest.raises(UnableToRelease, match=f"at least {edge:.2f}"):
        desk.trade({"A1": -10}, **limit(edge - D("0.01")))
    assert only(desk, desk.trade({"A1": -10}, **limit(edge + 3))).limit_price == edge + 3


def test_con_5_a_passive_limit_needs_a_usable_quote_all_the_same(desk: Desk) -> None:
    signal = desk.receive(quantities={"A1": 10}, **limit("46.50"))
    late = desk.market.close + timedelta(hours=2)
    shown = desk.preview(signal, now=late)
    with pytest.raises(UnableToRelease, match="no usable quote: the last one is too old"):
        desk.release(signal, shown, now=late)


def test_one_limit_is_not_for_both_sides(desk: Desk) -> None:
    desk.hold({"A3": 100})
    with pytest.raises(UnableToRelease, match="one limit cannot be both sides'"):
        desk.trade({"A1": 10, "A3": -10}, **limit("47.30"))


def test_a_price_off_the_tick_is_refused_not_rounded(desk: Desk) -> None:
    with pytest.raises(InvalidInputs) as refused:
        desk.receive(**limit("46.505"))
    assert [(p.field, p.rule) for p in refused.value.problems] == [("limit_price", "tick: 0.01 is the smallest step")]
    with pytest.raises(InvalidInputs) as refused:
        desk.receive(protect=True, stop_price=D("44.001"), take_profit_price=D("60.001"))
    assert [p.field for p in refused.value.problems] == ["stop_price", "take_profit_price"]
    assert desk.receive(method=SizingMethod.RISK, figure="0.01", stop_price=D("44.001")).id, "a stop that sizes a risk is no order"


@pytest.mark.parametrize(("quantity", "goes"), [(299, True), (300, False)])
def test_rte_1_at_once_never_gets_round_the_liquidity_test(desk: Desk, quantity: int, goes: bool) -> None:
    """V1 12,000: 599 → limit; 600 → TWAP, which AT_ONCE does not change: it is refused."""
    wish = {"A1": quantity, "A3": 300}
    if goes:
        assert only(desk, desk.trade(wish, route=SignalRoute.AT_ONCE)).route == RouteKind.MARKETABLE_LIMIT
        return
    with pytest.raises(UnableToRelease, match="5% of the one-minute volume is 600") as refused:
        desk.trade(wish, route=SignalRoute.AT_ONCE)
    assert (refused.value.code, refused.value.context["field"]) == ("RTE-1", "route")


def test_rte_1_at_once_counts_what_the_control_group_works_already(desk: Desk) -> None:
    """Two halves of one order are one order: a resting limit counts until it has ended."""
    desk.control("A1 A3", "M")
    desk.trade({"A1": 300}, **limit("46.50"))
    with pytest.raises(UnableToRelease, match="600 XYZ cannot go at once"):
        desk.trade({"A3": 300}, route=SignalRoute.AT_ONCE)


def test_rte_3_over_time_slices_what_is_small_enough_to_go_at_once(desk: Desk) -> None:
    parent = only(desk, desk.trade({"A1": 100}, route=SignalRoute.OVER_TIME))
    assert parent.route == RouteKind.TWAP
    with tenancy.firm(desk.firm_id):
        assert [int(s.quantity) for s in Slice.objects.filter(parent=parent).order_by("number")] == [20] * 5


def test_rte_3_slices_carry_the_stated_limit_as_a_cap(desk: Desk) -> None:
    """A slice is priced off its own quote (RTE-2) and never worse than stated; it rests for the day like any order of that signal."""
    edge = house_limit(desk)
    for stated, expected in (("46.50", D("46.50")), (edge, None)):
        released = desk.trade({"A1": 100}, **limit(stated, route=SignalRoute.OVER_TIME))
        with tenancy.firm(desk.firm_id):
            due = Slice.objects.filter(parent_id__in=released.parents).order_by("number")[0].due_at
        assert release_due_slices(firm_id=desk.firm_id, now=due) > 0
        first = desk.orders(released)[0]
        assert first.time_in_force == TimeInForce.DAY and first.limit_price is not None
        assert first.limit_price == expected or (expected is None and first.limit_price <= edge)
        desk.end(released)
        with tenancy.firm(desk.firm_id):
            Slice.objects.filter(parent_id__in=released.parents, state="PENDING").update(state="CANCELED")


def test_rte_1_a_large_limit_goes_over_time_by_itself_and_what_rests_is_not_ordered_again(desk: Desk) -> None:
    released = desk.trade(LARGE, **limit("46.50"))
    assert only(desk, released).route == RouteKind.TWAP
    with tenancy.firm(desk.firm_id):
        parts = list(Slice.objects.filter(parent_id__in=released.parents).order_by("number"))
    for part in parts:
        release_due_slices(firm_id=desk.firm_id, now=part.due_at)
    orders = desk.orders(released)
    assert sum(o.quantity for o in orders) == 800 and {o.limit_price for o in orders} == {D("46.50")}


def test_rte_5_a_resting_limit_holds_up_only_what_could_reach_it(desk: Desk) -> None:
    desk.control("A1 A3", "M")
    for code in ("A1", "A3"):
        desk.own(code, f"OWNER {code}")
    desk.hold({"A3": 100})
    desk.trade({"A1": 10}, **limit("46.50"))
    sold = desk.trade({"A3": -10})
    assert desk.states(sold) == {"SELL": "WORKING"}, "sold within the collar of a bid far above 46.50"
    desk.end(sold)
    desk.trade({"A1": 10}, **limit("47.29", key="near"))
    with pytest.raises(UnableToRelease, match="one control group") as refused:
        desk.trade({"A3": -10})
    assert refused.value.code == "RTE-5"
    with pytest.raises(UnableToRelease, match="one control group"):
        desk.trade({"A3": -10}, **limit("47.29"))
    assert desk.states(desk.trade({"A3": -10}, **limit("47.30"))) == {"SELL": "WORKING"}
    with pytest.raises(UnableToRelease, match="one control group"):
        desk.trade({"A3": -10}, route=SignalRoute.OVER_TIME)  # its slices are priced later: at any price


def test_alc_3_a_day_order_that_waited_past_its_session_is_never_sent(desk: Desk) -> None:
    released = desk.trade(SMALL, **limit("46.50"))
    end = session_close("XNYS", desk.now.date())
    with tenancy.firm(desk.firm_id):
        for lane in {o.connection_id for o in desk.orders(released)}:
            assert retire(connection_id=lane, now=end - SECOND) == ([], [])
            assert len(retire(connection_id=lane, now=end)[1]) == 1
        assert set(ChildOrder.objects.filter(parent_id__in=released.parents).values_list("state", flat=True)) == {OrderState.EXPIRED}
        assert not Reservation.objects.filter(released_at=None, quantity__gt=0).exists()


def test_siz_3_a_limit_is_the_entry_a_risk_is_measured_from(desk: Desk) -> None:
    """1% of equity lost from 46.50 to 44.50, not from the market at 47.30."""
    risk: dict[str, Any] = {"method": SizingMethod.RISK, "figure": "0.01", "stop_price": D("44.50")}
    market_lots, limit_lots = (
        int(desk.preview(desk.receive(**risk, codes="A1", **terms)).sized.result.raw[0, 0]) for terms in ({}, limit("46.50"))
    )
    assert abs(limit_lots / market_lots - (47.30 - 44.50) / (46.50 - 44.50)) < 1e-6


@pytest.mark.parametrize(
    ("levels", "field"),
    [
        ({"stop_price": "47.30"}, "stop_price"),
        ({"stop_price": "48"}, "stop_price"),
        ({"take_profit_price": "47.30"}, "take_profit_price"),
        ({"stop_price": "44", "take_profit_price": "47"}, "take_profit_price"),
    ],
)
def test_levels_the_market_has_passed_already_are_refused(desk: Desk, levels: dict[str, str], field: str) -> None:
    prices = {name: D(price) for name, price in levels.items()}
    with pytest.raises(UnableToSize) as refused:
        desk.preview(desk.receive(protect=True, **prices))
    assert refused.value.context["field"] == field
    assert desk.preview(desk.receive(protect=True, stop_price=D("44"), take_profit_price=D("50"))).hash
