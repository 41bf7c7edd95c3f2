"""What changes after the freeze is seen before the claim; what an order may still do stays reserved (RSK-1, CST-5, REC-6, ACC-4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from accounts.enums import BlockMode
from accounts.models import CashBalance, Reservation
from accounts.services import block_trading, check_books
from execution.enums import ExecutionKind, OrderState, RouteKind, SliceState, TimeInForce
from execution.models import ChildOrder, GatewayLease, Slice
from execution.services import cancel_order, cancel_parent, finish_parents, resolve_as_found
from execution.services.claim import claim
from governance.core.subjects import Actor
from governance.enums import RestrictionState, Role
from governance.services import restrict
from market.enums import Side
from tests.execution.services.order_world import CASH, CONFIG, OrderWorld, instrument
from tests.execution.services.test_attack_reports import sent, settled
from tests.execution.services.test_blocks import fill, hear
from tests.factories import make_user

D = Decimal
S = OrderState
pytestmark = pytest.mark.django_db


def risk_officer() -> Actor:
    return Actor(str(make_user(Role.RISK).id), Role.RISK)


def close_account(world: OrderWorld, mode: BlockMode = BlockMode.CLOSE_ONLY) -> None:
    block_trading(account_id=world.accounts["A"].id, instrument_id=None, mode=mode, rule="REC-6", reason="test", now=world.now)


def put_on_list(world: OrderWorld, state: RestrictionState) -> None:
    restrict(state=state, reason="test", actor=risk_officer(), now=world.now, instrument_id=instrument("FLAT").id)


@pytest.mark.parametrize("barrier", ["account close-only", "account closed", "listed close-only", "listed frozen", "no cash"])
def test_rsk_1_what_is_barred_after_the_freeze_is_denied_at_the_claim(world: OrderWorld, barrier: str) -> None:
    order = world.single(100)
    if barrier.startswith("account"):
        close_account(world, BlockMode.CLOSE_ONLY if "only" in barrier else BlockMode.CLOSED)
    elif barrier.startswith("listed"):
        put_on_list(world, RestrictionState.CLOSE_ONLY if "only" in barrier else RestrictionState.FROZEN)
    else:
        CashBalance.objects.filter(account=world.accounts["A"]).update(amount=D(-10))
    world.step()
    assert world.state(order) is S.DENIED
    assert not [event for event in world.service.host.venue.events if event["kind"] == "NEW"]
    world.assert_nothing_reserved()


def test_rsk_1_a_later_slice_is_judged_again(world: OrderWorld) -> None:
    parent = world.parent({"A": 900}, route=RouteKind.TWAP)
    first, second = (
        Slice.objects.create(parent=parent, number=n, due_at=world.now, quantity=450, cumulative=450 * (n + 1), state=SliceState.RELEASED)
        for n in range(2)
    )
    one = world.order(parent, "A", 450, slice=first)
    Reservation.objects.filter(order_id=one.id).delete()
    world.reserve(parent.id, parent, {"A": D(900)})
    world.live(minutes=2)
    assert world.state(one) is S.FILLED
    close_account(world)
    two = world.order(parent, "A", 450, slice=second, client_order_id="SECOND", time_in_force=TimeInForce.IOC)
    Reservation.objects.filter(order_id=two.id).delete()
    world.step()
    assert world.state(two) is S.DENIED and world.position("A") == 450
    world.step()
    world.assert_nothing_reserved()
    world.assert_books_equal_custody()


def test_cst_7_shares_that_another_sale_has_spoken_for_are_not_sold_again(open_world) -> None:
    world = open_world(holdings={"A": 100})
    world.session.start()
    close_account(world)
    first, second = world.single(100, side=Side.SELL), world.single(100, side=Side.SELL)
    world.step()
    assert S.DENIED in (world.state(first), world.state(second))
    world.live(minutes=2)
    assert world.position("A") >= 0


def test_a_second_cancel_and_a_cancel_of_what_has_ended_change_nothing(world: OrderWorld) -> None:
    order = world.single(100)
    assert cancel_order(order_id=order.id, actor=None, now=world.now, reason="one").canceled == 1
    again = cancel_order(order_id=order.id, actor=None, now=world.now, reason="two")
    whole = cancel_parent(parent_id=order.parent_id, actor=None, now=world.now, reason="three")
    assert (again.canceled, again.requested, whole.canceled, whole.requested) == (0, 0, 0, 0)
    world.step()
    assert world.state(order) is S.CANCELED
    world.assert_nothing_reserved()


def test_acc_4_an_order_that_a_bust_brings_back_to_life_holds_again_what_it_may_still_take(world: OrderWorld) -> None:
    order = sent(world, world.single(100))
    hear(world, fill(world, order, "1", 100, "50.00"))
    finish_parents(now=world.now)
    world.assert_nothing_reserved()
    hear(world, fill(world, order, "1", 100, "50.00", revision=1, kind=ExecutionKind.BUST))
    assert world.state(order) is S.ACKED
    held = Reservation.objects.get(order_id=order.id)
    assert (held.released_at, held.quantity, held.cash) == (None, 100, 5_100)
    hear(world, fill(world, order, "2", 100, "50.00"))
    settled(world)
    world.assert_nothing_reserved()


def test_acc_4_an_order_that_was_declared_absent_and_lives_holds_again(world: OrderWorld) -> None:
    order = world.single(100)
    world.service.faults.force("hold_request", 1)
    world.step()
    for _ in range(9):
        world.advance(seconds=10)
        world.step()
    assert world.state(order) is S.CANCELED
    world.assert_nothing_reserved()
    while world.state(order) is S.CANCELED:
        world.advance(seconds=5)
        world.step()
    if world.state(order) is not S.FILLED:
        assert Reservation.objects.get(order_id=order.id).released_at is None
    world.live(minutes=4)
    assert world.state(order) is S.FILLED
    world.assert_nothing_reserved()
    world.assert_books_equal_custody()


def test_acc_4_a_block_brought_back_to_life_holds_again_until_it_is_shared_out(world: OrderWorld) -> None:
    order = sent(world, world.block({"A": 300, "B": 200}))
    hear(world, fill(world, order, "1", 300, "50.00"), fill(world, order, "2", 200, "50.00"))
    finish_parents(now=world.now)
    hear(world, fill(world, order, "2", 200, "50.00", revision=1, kind=ExecutionKind.BUST))
    assert world.state(order) is S.PARTIALLY_FILLED
    assert Reservation.objects.filter(order_id=order.id, released_at=None).count() == 2
    hear(world, fill(world, order, "3", 200, "50.00"))
    settled(world)
    assert {code: world.position(code) for code in "AB"} == {"A": 300, "B": 200}
    world.assert_nothing_reserved()


def test_i3_what_a_venue_that_cannot_be_asked_filled_is_booked_once_a_person_has_named_the_order(open_world) -> None:
    world = open_world(config=replace(CONFIG, venue_class="C"))
    world.session.start()
    order = world.single(100)
    world.service.faults.force("lose_ack", 1)
    world.step()
    view = world.service.host.venue.open_order_views()[0]
    world.live(minutes=3)
    assert world.state(order) is S.UNKNOWN and world.position("A") == 0 and "I3" in world.alerts()
    names = {"broker_order_id": str(view["broker_order_id"]), "session_epoch": int(str(view["epoch"]))}
    actor = Actor(str(make_user(Role.OPERATIONS).id), Role.OPERATIONS)
    resolve_as_found(order_id=order.id, actor=actor, now=world.now, reason="the desk read it out", **names)
    world.live(minutes=3)
    assert (world.state(order), world.position("A")) == (S.FILLED, 100)
    assert world.cash("A") < CASH and check_books() == []
    world.assert_books_equal_custody()
    world.assert_nothing_reserved()


def claimed(world: OrderWorld, order: ChildOrder) -> bool:
    return claim(connection_id=world.connection.id, epoch=1, order_ids=[order.id], now=world.now) == {order.id}


def test_r5_nothing_is_claimed_under_a_lease_that_has_run_out(world: OrderWorld) -> None:
    order = world.single(100)
    lease = GatewayLease.objects.filter(connection=world.connection)
    until = lease.get().expires_at
    lease.update(expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert not claimed(world, order)
    lease.update(expires_at=until)
    assert claimed(world, order)


def test_gov_10_what_is_to_be_canceled_is_not_claimed_though_it_still_waits(world: OrderWorld) -> None:
    order = world.single(100)
    ChildOrder.objects.filter(pk=order.pk).update(cancel_requested_at=world.now)
    assert not claimed(world, order)
    ChildOrder.objects.filter(pk=order.pk).update(cancel_requested_at=None)
    assert claimed(world, order)
