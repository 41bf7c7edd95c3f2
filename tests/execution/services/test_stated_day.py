"""A stated limit through the whole house: released, resting at the paper venue, filled or expired, shared out and booked once (ALC-3)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from accounts.models import Reservation
from allocation.enums import SignalOrderType
from base import tenancy
from execution.enums import OrderState, ParentState
from execution.models import Booking, ChildOrder, Share
from execution.services.booking import finish_parents
from execution.services.cancel import cancel_parent
from execution.services.release import ReleaseFacts
from governance.enums import KillScope
from governance.services import trip_kill_switch
from tests.desk import MINUTE
from tests.trading_day import TradingDay, make_trading_day

D = Decimal
pytestmark = pytest.mark.django_db
# A1 and A3 are pooled at HARBOR, A2 is one of ALPINE's; 350 shares go at once where a minute trades 12,000.
WISH = {"A1": 200, "A3": 100, "A2": 50}
LIMIT = {"order_type": SignalOrderType.LIMIT, "limit_price": D("46.98")}


@pytest.fixture
def day(db: None) -> TradingDay:
    return make_trading_day()


def states(day: TradingDay, released: ReleaseFacts) -> set[str]:
    return {str(order.state) for order in day.desk.orders(released)}


def reserved(day: TradingDay) -> bool:
    with tenancy.firm(day.desk.firm_id):
        return Reservation.objects.filter(released_at=None, quantity__gt=0).exists()


def test_a_day_limit_rests_until_the_market_comes_and_is_shared_and_booked_once(day: TradingDay) -> None:
    released = day.desk.trade(WISH, **LIMIT)
    day.live(day.desk.now + 20 * MINUTE)
    assert states(day, released) == {OrderState.ACKED} and day.desk.states(released) == {"BUY": ParentState.WORKING}
    assert day.positions() == {} and reserved(day)
    day.live(day.desk.now + 40 * MINUTE)
    assert states(day, released) == {OrderState.FILLED} and day.desk.states(released) == {"BUY": ParentState.DONE}
    assert day.positions() == WISH
    with tenancy.firm(day.desk.firm_id):
        (booking,) = Booking.objects.filter(parent_id__in=released.parents)
        assert (booking.revision, booking.quantity) == (0, 300) and booking.notional <= 300 * LIMIT["limit_price"]
        assert sum(share.quantity for share in Share.objects.filter(booking=booking)) == 300
    assert not reserved(day)


def test_alc_3_what_expires_partly_filled_is_booked_with_what_was_filled(day: TradingDay) -> None:
    """One venue trades and the other halts until the close: the parent ends with its session, and its shares are booked then."""
    released = day.desk.trade(WISH, **LIMIT)
    day.work()
    day.steer("ALPINE", op="halt", symbol="XYZ")
    day.live(day.desk.market.close - MINUTE, step=15 * MINUTE)
    assert states(day, released) == {OrderState.FILLED, OrderState.ACKED}
    assert "A1" not in day.positions(), "the parent still works: shares are provisional"
    day.live(day.desk.market.close + MINUTE, step=MINUTE)
    assert states(day, released) == {OrderState.FILLED, OrderState.EXPIRED}
    parent = day.desk.parents(released)["BUY"]
    assert (parent.state, parent.filled_qty, parent.done_at is not None) == (ParentState.DONE, 300, True)
    assert day.positions() == {"A1": 200, "A3": 100} and not reserved(day)
    with tenancy.firm(day.desk.firm_id):
        assert finish_parents(now=day.clock.now(), session_ended=True).booked == ()
        assert Booking.objects.count() == 1


def test_a_resting_limit_is_canceled_at_the_venue_on_request(day: TradingDay) -> None:
    released = day.desk.trade(WISH, **LIMIT)
    day.live(day.desk.now + 2 * MINUTE, step=MINUTE)
    with tenancy.firm(day.desk.firm_id):
        asked = cancel_parent(parent_id=released.parents[0], actor=day.desk.trader, now=day.clock.now(), reason="changed my mind")
    assert (asked.canceled, asked.requested) == (0, 2)
    day.live(day.desk.now + 2 * MINUTE, step=MINUTE)
    assert states(day, released) == {OrderState.CANCELED} and day.desk.states(released) == {"BUY": ParentState.CANCELED}
    day.live(day.desk.now + 60 * MINUTE)
    assert day.positions() == {} and not reserved(day)


def test_gov_10_a_kill_switch_takes_resting_limits_off_the_venue(day: TradingDay) -> None:
    released = day.desk.trade(WISH, **LIMIT)
    day.live(day.desk.now + 2 * MINUTE, step=MINUTE)
    with tenancy.firm(day.desk.firm_id):
        trip_kill_switch(scope=KillScope.FIRM, subject_id="", actor=day.desk.trader, reason="stop", now=day.clock.now())
    day.live(day.desk.now + 2 * MINUTE, step=MINUTE)
    assert states(day, released) == {OrderState.CANCELED}
    day.live(day.desk.now + 60 * MINUTE)
    assert day.positions() == {} and not reserved(day)


def test_rsk_2_a_limit_far_from_the_market_passes_gate_2(day: TradingDay) -> None:
    """The lot was sized at the market, and the market is where it was: that the limit is 10% away moves nothing."""
    released = day.desk.trade({"A2": 50}, order_type=SignalOrderType.LIMIT, limit_price=D("42.00"))
    day.live(day.desk.now + MINUTE, step=MINUTE)
    assert states(day, released) == {OrderState.ACKED}


def test_rte_7_a_session_that_starts_anew_finds_its_resting_orders(day: TradingDay) -> None:
    released = day.desk.trade(WISH, **LIMIT)
    day.live(day.desk.now + 2 * MINUTE, step=MINUTE)
    for session in day.sessions.values():
        session.stop()
        session.start(day.clock.now())
    day.live(day.desk.now + 60 * MINUTE)
    assert states(day, released) == {OrderState.FILLED} and day.positions() == WISH
    with tenancy.firm(day.desk.firm_id):
        assert ChildOrder.objects.filter(parent_id__in=released.parents).count() == 2
    assert sum(len(broker.accepted_orders()) for broker in day.brokers.values()) == 2
