"""A replace and everything that can come between: fills, lost answers, crashes, faults of the venue (RTE-7, I1, I5)."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from execution.enums import ParentState
from execution.gateways import crash
from execution.gateways.reports import OrderRef, ReportList
from execution.models import ChildOrder, ParentOrder
from execution.services.resending import send_again
from execution.venue.faults import FaultPlan
from governance.models import Alert
from tests.execution.services.order_world import OrderWorld
from tests.execution.services.replacing import PASSIVE, TAKING, D, S, assert_sound, chain, move, resting, trader

pytestmark = pytest.mark.django_db


def test_i5_a_fill_that_races_the_cancel_wins(world: OrderWorld) -> None:
    """The venue fills while our cancel is on its way: what it filled is counted before anything follows."""
    order = resting(world, 2_500, TAKING)
    world.live(minutes=1)
    move(world, order, PASSIVE)
    world.advance(minutes=1)  # a bar trades before the session sends the cancel
    world.live(minutes=1)
    old, new = chain(world, order)
    assert old.filled_qty > 0 and old.filled_qty + new.quantity == 2_500
    assert_sound(world)


def test_i5_an_order_that_fills_whole_before_its_cancel_is_followed_by_nothing(world: OrderWorld) -> None:
    order = resting(world, 500, TAKING)
    world.step(2)
    move(world, order, PASSIVE)
    world.advance(minutes=2)
    world.live(minutes=1)
    assert [one.state for one in chain(world, order)] == [S.FILLED]
    assert ParentOrder.objects.get().state == ParentState.DONE and world.position("A") == 500
    assert_sound(world)


def test_i5_a_fill_we_have_not_heard_of_is_fetched_before_anything_follows(world: OrderWorld) -> None:
    """The stream loses the fill's report: the answer to our question shows it, and the list of executions has it."""
    order = resting(world, 2_500, TAKING)
    world.live(minutes=1)
    world.steer(op="inject", fault="lose_report", count=50)
    world.advance(minutes=1)
    move(world, order, PASSIVE)
    world.live(minutes=3)
    first, *others = chain(world, order)
    assert first.filled_qty > 0 and len(others) == 1 and first.filled_qty + others[0].quantity == 2_500
    assert_sound(world)


def overtaken(world: OrderWorld) -> ChildOrder:
    """Return an order whose cancel has overtaken a fill: the venue filled 1,000 and ended it, our books know of the end alone."""
    order = resting(world, 2_500, TAKING)
    world.live(minutes=1)
    move(world, order, PASSIVE)
    world.advance(minutes=1)
    world.gateway.cancel(OrderRef(order.client_order_id), "CANCEL-1")
    for state in (S.PENDING_CANCEL, S.CANCELED):
        ChildOrder.objects.filter(pk=order.pk).update(state=state)
    return order


def test_i5_a_cancel_that_overtook_a_fill_is_followed_by_what_the_fill_left(world: OrderWorld) -> None:
    order = overtaken(world)
    assert send_again(world.session.line, now=world.now) == 1
    old, new = chain(world, order)
    assert (old.filled_qty, new.quantity) == (D(1_000), D(1_500))
    world.live(minutes=1)
    assert_sound(world)


def test_i5_while_a_fill_cannot_be_fetched_nothing_follows(world: OrderWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker's list of executions lags behind its word on the order."""
    order = overtaken(world)
    none_yet: ReportList[Any] = ReportList(items=(), as_of=world.now, complete=True)
    monkeypatch.setattr(world.gateway, "executions_since", lambda cursor, **more: none_yet)
    assert send_again(world.session.line, now=world.now) == 0 and len(chain(world, order)) == 1
    monkeypatch.undo()
    assert send_again(world.session.line, now=world.now) == 1
    assert chain(world, order)[1].quantity == 1_500


def test_i5_a_fill_that_comes_after_the_successor_is_left_out_of_the_next(world: OrderWorld) -> None:
    """1,000 of the first order turn up when 2,500 were sent again already: the next one is for what the chain has left."""
    order = resting(world, 2_500)
    world.live(minutes=1)
    move(world, order, D("49.95"))
    world.step(4)
    ChildOrder.objects.filter(pk=order.pk).update(filled_qty=1_000)
    ParentOrder.objects.update(filled_qty=1_000)
    move(world, order, D("49.93"))
    world.step(4)
    assert [one.quantity for one in chain(world, order)] == [2_500, 2_500, 1_500]


def test_rte_7_what_is_unknown_is_not_followed_until_the_broker_has_spoken(world: OrderWorld) -> None:
    order = resting(world)
    world.service.faults.plan = FaultPlan(hold_us=20_000_000)
    world.steer(op="inject", fault="hold_request", count=1)
    world.step()
    assert world.state(order) is S.UNKNOWN
    move(world, order, TAKING)
    assert len(chain(world, order)) == 1
    world.live(minutes=2)
    assert [one.state for one in chain(world, order)] == [S.CANCELED, S.FILLED]
    assert_sound(world)


def test_rte_7_what_was_declared_absent_is_given_up_and_alarmed_and_a_late_one_is_canceled(world: OrderWorld) -> None:
    """Two minutes late at the venue: the broker does not know it twice, so it counts as gone; then it lives after all."""
    order = resting(world, 2_500, TAKING)
    world.steer(op="inject", fault="hold_request", count=1)
    world.step()
    move(world, order, D("50.04"))
    world.live(minutes=1, every=10)
    order.refresh_from_db()
    assert (order.state, order.declared_absent, order.to_resend) == (S.CANCELED, True, False)
    assert Alert.objects.filter(subject_id=str(order.pk), message__contains="not sent again").exists()
    world.live(minutes=4)
    order.refresh_from_db()
    assert order.state is not S.ACKED and len(chain(world, order)) == 1 and ParentOrder.objects.get().done_at is not None
    assert_sound(world)


class Died(BaseException):
    """What `os._exit` is to a test of one process."""


@pytest.mark.parametrize("point", ["after_claim", "after_resend", "after_ack", "between_execution_and_booking"])
def test_a_session_that_dies_on_the_way_leaves_one_successor(world: OrderWorld, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    order = resting(world, 2_500, TAKING)
    world.live(minutes=1)
    move(world, order, D("50.04"))

    def stop(status: int) -> None:
        raise Died(status)

    monkeypatch.setattr(crash.os, "_exit", stop)
    monkeypatch.setattr(crash, "_name", point)
    monkeypatch.setattr(crash, "_passages_left", 1)
    with pytest.raises(Died):
        world.live(minutes=3)
    world.restart()
    world.live(minutes=6)
    assert len(chain(world, order)) == 2 and ParentOrder.objects.get().done_at is not None
    # What was claimed and never written is never sent by anybody else (RTE-7): it ends without a fill, as any order does there.
    assert world.position("A") == (0 if point == "after_claim" else 2_500)
    assert_sound(world)


@pytest.mark.parametrize("steps", range(6))
def test_a_new_session_goes_on_where_the_old_one_was(world: OrderWorld, steps: int) -> None:
    order = resting(world, 2_500, TAKING)
    world.live(minutes=1)
    move(world, order, D("50.04"))
    for _ in range(steps):
        world.advance(seconds=7)
        world.step()
    world.restart()
    world.live(minutes=6)
    assert len(chain(world, order)) == 2 and world.position("A") == 2_500
    assert_sound(world)


FAULTS = FaultPlan(
    lose_ack=500, disconnect_after=200, drop_report=1_000, lose_report=300, duplicate_report=800, reorder_report=500, delay_report=500
)


@pytest.mark.parametrize("seed", range(6))
def test_r1_replaces_amid_faults_never_overfill_and_both_sides_agree(open_world: Callable[..., OrderWorld], seed: int) -> None:
    draw, world = random.Random(seed), open_world(faults=FAULTS, seed=seed)
    orders = [resting(world, 3_000, TAKING), resting(world, 100), resting(world, limit=TAKING, lines={"B": 900, "C": 600})]
    who = trader(world)
    for _ in range(12):
        world.live(minutes=1, every=draw.choice([15, 20, 30]))
        order = draw.choice(orders)
        if ParentOrder.objects.filter(pk=order.parent_id, done_at=None).exists():
            move(world, order, D(draw.choice(["49.90", "49.95", "50.02", "50.05"])), who)
        if draw.random() < 0.2:
            world.restart()
        for parent in ParentOrder.objects.all():
            live = ChildOrder.objects.filter(parent=parent).exclude(state__in=["FILLED", "CANCELED", "EXPIRED", "REJECTED", "DENIED"])
            assert parent.filled_qty + sum((o.quantity - o.filled_qty for o in live), D(0)) <= parent.quantity
    world.service.faults.plan = FaultPlan()
    for order in orders:
        if ParentOrder.objects.filter(pk=order.parent_id, done_at=None).exists():
            move(world, order, D("50.03"), who)
    world.live(minutes=12)
    assert_sound(world)
