"""What may not be replaced, by whom, and to which limit (RTE-2, ACC-4, RTE-5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.db import connection as database

from accounts.models import CashBalance, Reservation
from base.errors import Forbidden, NotFound, Refused
from execution.enums import RouteKind, TimeInForce
from execution.models import ChildOrder, ParentOrder
from execution.services import (
    UnableToReplace,
    replace_parent,
)
from execution.services.orders import lock_orders
from governance.enums import AuditAction
from governance.models import AuditEvent
from market import queries as market
from market.enums import Side
from tests.execution.services.order_world import OrderWorld
from tests.execution.services.replacing import PASSIVE, TAKING, D, S, move, resting, trader

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("limit", "code", "status"),
    [("50.07", "RTE-2", 409), ("49.905", "tick", 422), ("0", "positive", 422), ("-1", "positive", 422)],
)
def test_what_the_ticket_refuses_is_refused_and_nothing_is_written(world: OrderWorld, limit: str, code: str, status: int) -> None:
    order = resting(world)
    world.live(minutes=1)
    with pytest.raises(Refused) as refused:
        move(world, order, D(limit))
    assert (refused.value.code, refused.value.status, refused.value.context["field"]) == (code, status, "limit_price")
    assert ParentOrder.objects.get().limit_price == PASSIVE
    assert not ChildOrder.objects.filter(cancel_requested_at__isnull=False).exists()
    assert not AuditEvent.objects.filter(action=AuditAction.ORDER_UPDATED).exists()


def test_siz_5_what_is_left_must_be_worth_the_smallest_order(world: OrderWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    order = resting(world, 100)
    world.live(minutes=1)
    facts = replace(market.instrument(order.parent.instrument_id), min_notional=D(4500))
    monkeypatch.setattr(market, "instrument", lambda instrument_id: facts)
    with pytest.raises(UnableToReplace, match="would be worth 4,400 USD, less than its smallest order, 4,500") as refused:
        move(world, order, D("44.00"))
    assert refused.value.code == "SIZ-5" and ParentOrder.objects.get().limit_price == PASSIVE
    assert not ChildOrder.objects.filter(cancel_requested_at__isnull=False).exists()
    assert move(world, order, D("45.00")).is_new


def test_siz_5_what_is_left_must_be_no_less_than_the_smallest_quantity(world: OrderWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    order = resting(world, 2_500, TAKING)
    world.live(minutes=2)
    order.refresh_from_db()
    left = order.quantity - order.filled_qty
    assert 0 < left < 2_500
    facts = replace(market.instrument(order.parent.instrument_id), min_quantity=left + 1)
    monkeypatch.setattr(market, "instrument", lambda instrument_id: facts)
    with pytest.raises(UnableToReplace, match="less than its smallest order") as refused:
        move(world, order, PASSIVE)
    assert refused.value.code == "SIZ-5" and ParentOrder.objects.get().limit_price == TAKING
    assert not ChildOrder.objects.filter(cancel_requested_at__isnull=False).exists()


def test_siz_5_asks_nothing_of_an_order_that_is_not_sent_again(world: OrderWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = world.parent({"A": 100, "B": 10}, "FLAT", Side.BUY, limit_price=PASSIVE, is_limit_stated=True)
    order, small = (world.order(parent, code, n, order_type="LIMIT", limit_price=PASSIVE) for code, n in (("A", 100), ("B", 10)))
    world.live(minutes=1)
    ChildOrder.objects.filter(pk=small.pk).update(cancel_requested_at=world.now)
    facts = replace(market.instrument(parent.instrument_id), min_notional=D(4500))
    monkeypatch.setattr(market, "instrument", lambda instrument_id: facts)
    assert move(world, order, D("45.00")).requested == 1


def test_con_5_without_a_usable_quote_no_limit_is_changed(world: OrderWorld) -> None:
    order = resting(world)
    with pytest.raises(UnableToReplace, match="no usable quote"):
        late = world.now.replace(hour=23)
        replace_parent(parent_id=order.parent_id, limit=TAKING, actor=trader(world), now=late, reason="late")


def test_an_immediate_order_is_not_replaced(world: OrderWorld) -> None:
    order = resting(world)
    ParentOrder.objects.update(time_in_force=TimeInForce.IOC)
    with pytest.raises(UnableToReplace, match="nothing rests"):
        move(world, order, TAKING)


def test_alc_3_nothing_is_replaced_once_the_session_has_ended(world: OrderWorld) -> None:
    order = resting(world)
    ParentOrder.objects.update(expires_at=world.now)
    with pytest.raises(UnableToReplace, match="session has ended"):
        move(world, order, TAKING)


def test_who_may_not_trade_every_account_behind_it_may_not_replace(world: OrderWorld) -> None:
    order = resting(world, lines={"A": 10, "B": 10})
    with pytest.raises(Forbidden):
        move(world, order, TAKING, trader(world, "A"))
    assert move(world, order, TAKING, trader(world, "AB")).is_new


def test_another_firms_parent_is_not_there(world: OrderWorld) -> None:
    """Row-level security hides it: what one may not see and what does not exist are the same answer."""
    order, who = resting(world), trader(world)
    with database.cursor() as cursor:
        cursor.execute("SELECT set_config('app.firm', %s, true)", [str(world.firm_id + 1)])
    with pytest.raises(NotFound):
        replace_parent(parent_id=order.parent_id, limit=TAKING, actor=who, now=world.now, reason="mine?")


def test_acc_4_a_higher_limit_needs_the_cash_for_it(world: OrderWorld) -> None:
    order = resting(world, 100)
    world.live(minutes=1)
    Reservation.objects.update(original_cash=D("4992.50"), cash=D("4992.50"))
    CashBalance.objects.filter(account=world.accounts["A"]).update(amount=D("5000"))
    with pytest.raises(UnableToReplace, match="A has no cash") as refused:
        move(world, order, TAKING)
    assert refused.value.code == "ACC-4"
    assert move(world, order, D("49.85")).is_new, "a lower limit takes less"


def test_rte_5_a_limit_that_could_meet_an_opposite_order_is_refused(open_world: Callable[..., OrderWorld]) -> None:
    world = open_world(holdings={"A": 300})
    sale = resting(world, 100, D("50.03"), Side.SELL)
    buy = resting(world, 100, PASSIVE)
    with pytest.raises(UnableToReplace) as refused:
        move(world, buy, D("50.03"))
    assert refused.value.code == "RTE-5"
    assert move(world, buy, D("50.02")).is_new
    assert world.state(sale) is S.PENDING


def test_rte_5_what_still_works_at_the_old_limit_counts_until_it_has_ended(open_world: Callable[..., OrderWorld]) -> None:
    world = open_world(holdings={"A": 300})
    buy = resting(world, 100, D("50.00"))
    world.step(3)
    assert world.state(buy) is S.ACKED
    move(world, buy, PASSIVE)
    sale = resting(world, 100, D("50.10"), Side.SELL)
    with pytest.raises(UnableToReplace) as refused:
        move(world, sale, D("49.98"))
    assert refused.value.code == "RTE-5", "the old order at 50.00 is still at the venue"
    world.step(4)
    assert move(world, sale, D("49.98")).is_new


def test_locked_rows_are_those_the_reports_lock(world: OrderWorld) -> None:
    """The rest an order leaves is read under the lock that a report takes before it changes the figure."""
    order = resting(world)
    (locked,) = lock_orders(connection_id=world.connection.id, ids=[order.pk])
    assert not locked.to_resend
    ChildOrder.objects.filter(pk=order.pk).update(to_resend=True)
    assert lock_orders(connection_id=world.connection.id, ids=[order.pk])[0].to_resend


def test_a_parent_over_time_is_no_route_of_the_order_world(world: OrderWorld) -> None:
    order = resting(world)
    ParentOrder.objects.update(route=RouteKind.TWAP, time_in_force=TimeInForce.IOC)
    with pytest.raises(UnableToReplace) as refused:
        move(world, order, TAKING)
    assert refused.value.code == "ACC-4", "its slices reserved at 49.90"
