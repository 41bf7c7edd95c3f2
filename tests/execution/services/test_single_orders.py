"""One account's order: from the PENDING row to position, cash and lots."""

from __future__ import annotations

from decimal import Decimal

import pytest

from accounts.models import Reservation
from execution.enums import OrderState, OrderType, ParentState, RouteKind, SliceState, TimeInForce
from execution.models import Execution, ParentOrder, Slice
from execution.services import cancel_parent
from market.enums import Side
from tests.execution.services.order_world import CASH, OrderWorld

D = Decimal
S = OrderState
pytestmark = pytest.mark.django_db


def test_a_market_order_is_sent_filled_and_booked(world: OrderWorld) -> None:
    order = world.single(100)
    assert world.step().claimed == 1
    assert world.state(order) is S.ACKED
    world.live(minutes=2)
    order.refresh_from_db()
    assert (order.state, order.filled_qty, order.filled_notional) == (S.FILLED, D(100), D("5001"))
    assert world.position("A") == 100
    assert world.cash("A") == CASH - D("5001") - D(1)
    parent = ParentOrder.objects.get()
    assert (parent.state, parent.filled_qty, parent.done_at is not None) == (ParentState.DONE, D(100), True)
    world.assert_books_equal_custody()
    world.assert_nothing_reserved()


def test_partial_fills_over_bars_consume_the_reservation(world: OrderWorld) -> None:
    order = world.single(2_500)
    world.live(minutes=2)
    assert world.state(order) is S.PARTIALLY_FILLED
    assert Reservation.objects.get().quantity == 1_500
    world.live(minutes=3)
    assert world.state(order) is S.FILLED
    assert Execution.objects.count() == 3
    world.assert_books_equal_custody()
    world.assert_nothing_reserved()


def test_the_remainder_of_an_immediate_order_ends_with_it(world: OrderWorld) -> None:
    order = world.single(1_500, order_type=OrderType.LIMIT, limit_price=D("50.05"), time_in_force=TimeInForce.IOC)
    world.live(minutes=3)
    order.refresh_from_db()
    assert (order.state, order.filled_qty) == (S.CANCELED, D(1_000))
    assert ParentOrder.objects.get().state == ParentState.DONE
    world.assert_books_equal_custody()
    world.assert_nothing_reserved()


def test_a_sale_closes_what_is_held(open_world) -> None:
    world = open_world(holdings={"A": 300})
    world.single(300, side=Side.SELL)
    world.live(minutes=2)
    assert world.position("A") == 0
    assert world.cash("A") == CASH + 300 * D("49.99") - D("1.5")
    world.assert_books_equal_custody()


def test_a_rejected_order_releases_what_it_reserved(world: OrderWorld) -> None:
    world.steer(op="halt", symbol="FLAT")
    world.steer(op="resume", symbol="FLAT")
    order = world.single(100, order_type=OrderType.LIMIT, limit_price=D("50.001"))
    world.step()
    order.refresh_from_db()
    assert order.state == S.REJECTED and order.reason
    assert ParentOrder.objects.get().state == ParentState.DONE
    world.assert_nothing_reserved()
    world.assert_books_equal_custody()


def test_slices_use_up_what_their_parent_reserved(world: OrderWorld) -> None:
    parent = world.parent({"A": 900}, route=RouteKind.TWAP)
    first, second = (
        Slice.objects.create(parent=parent, number=n, due_at=world.now, quantity=450, cumulative=450 * (n + 1), state=state)
        for n, state in enumerate([SliceState.RELEASED, SliceState.PENDING])
    )
    one = world.order(parent, "A", 450, slice=first)
    Reservation.objects.filter(order_id=one.id).delete()
    world.reserve(parent.id, parent, {"A": D(900)})
    world.live(minutes=2)
    assert world.state(one) is S.FILLED
    assert Reservation.objects.get(order_id=parent.id).quantity == 450
    assert ParentOrder.objects.get().state == ParentState.WORKING
    Slice.objects.filter(pk=second.pk).update(state=SliceState.RELEASED)
    two = world.order(parent, "A", 450, slice=second, client_order_id="SECOND", time_in_force=TimeInForce.IOC)
    Reservation.objects.filter(order_id=two.id).delete()
    world.live(minutes=3)
    assert ParentOrder.objects.get().state == ParentState.DONE
    assert world.position("A") == 900
    world.assert_nothing_reserved()
    world.assert_books_equal_custody()


def test_canceling_a_sliced_parent_cancels_its_slices(world: OrderWorld) -> None:
    parent = world.parent({"A": 900}, route=RouteKind.TWAP)
    Slice.objects.create(parent=parent, number=0, due_at=world.now, quantity=900, cumulative=900)
    world.reserve(parent.id, parent, {"A": D(900)})
    cancel_parent(parent_id=parent.id, actor=None, now=world.now, reason="changed my mind")
    world.step()
    assert Slice.objects.get().state == SliceState.CANCELED
    assert ParentOrder.objects.get().state == ParentState.CANCELED
    world.assert_nothing_reserved()


def test_a_fill_without_a_reservation_is_booked_all_the_same(world: OrderWorld) -> None:
    order = world.single(100)
    Reservation.objects.filter(order_id=order.id).delete()
    world.live(minutes=2)
    assert world.state(order) is S.FILLED and world.position("A") == 100
    world.assert_books_equal_custody()
