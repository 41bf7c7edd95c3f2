"""Another limit for a parent that works: cancel, hear the end, send again what is left, once (RTE-2, RTE-7, I1, I5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.models import Reservation
from execution.enums import ParentState, TimeInForce
from execution.models import ChildOrder, ParentOrder
from execution.services import (
    UnableToReplace,
    cancel_killed,
    cancel_order,
    cancel_parent,
    finish_parents,
)
from execution.services.desk import cancel_order_seen
from governance.core.subjects import Viewer
from governance.enums import AuditAction, KillScope
from governance.models import AuditEvent
from governance.services import trip_kill_switch
from market.enums import Side
from tests.execution.services.order_world import OrderWorld
from tests.execution.services.replacing import EDGE, PASSIVE, TAKING, D, S, assert_sound, chain, move, resting, trader

pytestmark = pytest.mark.django_db


def test_a_resting_order_is_canceled_and_followed_by_one_at_the_new_limit(world: OrderWorld) -> None:
    order = resting(world)
    world.live(minutes=1)
    assert world.state(order) is S.ACKED
    done = move(world, order, TAKING)
    assert (done.exchanged, done.requested, done.is_new) == (0, 1, True)
    assert len(chain(world, order)) == 1, "nothing is written before the broker has ended the old one"
    world.step(3)
    old, new = chain(world, order)
    assert (old.state, old.to_resend, old.reason) == (S.CANCELED, False, "replaced by a new limit")
    assert (new.limit_price, new.quantity, new.time_in_force, new.chain_id) == (TAKING, D(100), TimeInForce.DAY, old.pk)
    world.live(minutes=2)
    assert [one.state for one in chain(world, order)] == [S.CANCELED, S.FILLED]
    parent = ParentOrder.objects.get()
    assert (parent.state, parent.filled_qty, parent.released_limit_price) == (ParentState.DONE, D(100), PASSIVE)
    assert world.position("A") == 100
    assert_sound(world)


def test_i5_what_was_filled_is_not_ordered_again(world: OrderWorld) -> None:
    order = resting(world, 2_500, TAKING)
    world.live(minutes=2)
    order.refresh_from_db()
    filled = order.filled_qty
    assert 0 < filled < 2_500
    move(world, order, PASSIVE)
    world.step(3)
    old, new = chain(world, order)
    assert (new.quantity, new.limit_price) == (2_500 - old.filled_qty, PASSIVE)
    world.live(minutes=3)
    assert world.position("A") == old.filled_qty and world.state(new) is S.ACKED
    move(world, order, TAKING)
    world.live(minutes=5)
    assert ParentOrder.objects.get().state == ParentState.DONE and world.position("A") == 2_500
    assert_sound(world)


def test_acc_4_what_is_to_be_sent_again_is_held_for_all_along(world: OrderWorld) -> None:
    order = resting(world)
    world.live(minutes=1)
    move(world, order, TAKING)
    for _ in range(6):
        held = Reservation.objects.filter(released_at=None)
        assert sum(row.quantity for row in held) == 100, [str(one.state) for one in chain(world, order)]
        world.step()
    assert len(chain(world, order)) == 2


def test_twice_is_once(world: OrderWorld) -> None:
    order, who = resting(world), trader(world)
    world.live(minutes=1)
    answers = [move(world, order, TAKING, who) for _ in range(2)]
    assert [one.is_new for one in answers] == [True, False]
    world.step(3)
    assert not move(world, order, TAKING, who).is_new
    world.live(minutes=2)
    assert len(chain(world, order)) == 2
    (event,) = AuditEvent.objects.filter(action=AuditAction.ORDER_UPDATED)
    assert (event.before["limit_price"], event.after["limit_price"]) == ("49.90", "50.05")
    assert (event.reason, str(event.actor_id), event.journey_id) == ("chase it", who.user_id, order.journey_id)
    assert_sound(world)


def test_two_people_do_not_overwrite_each_other(world: OrderWorld) -> None:
    order = resting(world)
    world.live(minutes=1)
    move(world, order, TAKING, shown=(PASSIVE,))
    with pytest.raises(UnableToReplace, match="another by now") as refused:
        move(world, order, D("49.95"), shown=(PASSIVE,))
    assert refused.value.status == 409


def test_what_was_not_sent_is_exchanged_at_once(world: OrderWorld) -> None:
    order = resting(world)
    done = move(world, order, TAKING)
    assert (done.exchanged, done.requested) == (1, 0)
    old, new = chain(world, order)
    assert (old.state, new.state, new.limit_price) == (S.CANCELED, S.PENDING, TAKING)
    held = Reservation.objects.get(released_at=None)
    assert (held.order_id, held.quantity, held.limit_price) == (new.pk, D(100), TAKING)
    world.live(minutes=2)
    assert world.state(old) is S.CANCELED and world.state(new) is S.FILLED
    assert_sound(world)


def test_a_second_change_before_the_first_has_ended_sends_the_newest_limit_once(world: OrderWorld) -> None:
    order = resting(world)
    world.live(minutes=1)
    move(world, order, D("49.95"))
    assert move(world, order, TAKING).requested == 0
    world.step(3)
    assert [one.limit_price for one in chain(world, order)] == [PASSIVE, TAKING]


def test_a_limit_may_become_the_best_price_which_does_not_rest(world: OrderWorld) -> None:
    order = resting(world, 1_500)
    world.live(minutes=1)
    assert not (done := move(world, order, None)).is_limit_stated and done.limit_price == EDGE
    world.live(minutes=3)
    new = chain(world, order)[1]
    assert (new.limit_price, new.time_in_force, new.state, new.filled_qty) == (EDGE, TimeInForce.IOC, S.CANCELED, D(1_000))
    assert ParentOrder.objects.get().state == ParentState.DONE
    assert_sound(world)


def test_a_sale_is_replaced_likewise(open_world: Callable[..., OrderWorld]) -> None:
    world = open_world(holdings={"A": 300})
    order = resting(world, 300, D("50.20"), Side.SELL)
    world.live(minutes=1)
    move(world, order, D("49.97"))
    world.live(minutes=2)
    assert ParentOrder.objects.get().state == ParentState.DONE and world.position("A") == 0
    assert_sound(world)


def test_alc_3_a_block_is_shared_out_once_over_all_its_orders(world: OrderWorld) -> None:
    order = resting(world, limit=TAKING, lines={"A": 1_000, "B": 700, "C": 300})
    world.live(minutes=2)
    order.refresh_from_db()
    assert 0 < order.filled_qty < 2_000
    move(world, order, PASSIVE)
    world.step(3)
    new = chain(world, order)[1]
    held = {pk: sum(row.quantity for row in Reservation.objects.filter(released_at=None, order_id=pk)) for pk in (order.pk, new.pk)}
    assert held == {order.pk: order.filled_qty, new.pk: new.quantity}, "each holds for its own part, and no share twice"
    move(world, order, TAKING)
    world.live(minutes=4)
    assert ParentOrder.objects.get().state == ParentState.DONE
    assert {code: world.position(code) for code in "ABC"} == {"A": 1_000, "B": 700, "C": 300}
    assert_sound(world)


def test_a_cancel_after_a_replace_is_final(world: OrderWorld) -> None:
    order, who = resting(world), trader(world)
    world.live(minutes=1)
    move(world, order, TAKING, who)
    assert cancel_parent(parent_id=order.parent_id, actor=who, now=world.now, reason="enough").requested == 1
    world.live(minutes=1)
    assert [one.state for one in chain(world, order)] == [S.CANCELED]
    assert ParentOrder.objects.get().state == ParentState.CANCELED
    with pytest.raises(UnableToReplace, match="ended"):
        move(world, order, D("49.95"), who)
    assert_sound(world)


def test_one_order_of_a_parent_that_is_replaced_can_be_canceled_for_good(world: OrderWorld) -> None:
    parent = world.parent({"A": 100, "B": 100}, limit_price=PASSIVE, is_limit_stated=True)
    one, two = (world.order(parent, code, 100, order_type="LIMIT", limit_price=PASSIVE) for code in "AB")
    world.live(minutes=1)
    who = trader(world)
    move(world, one, TAKING, who)
    viewer = Viewer(int(who.user_id), False, world.now.date())
    assert cancel_order_seen(order_id=one.pk, viewer=viewer, actor=who, now=world.now, reason="not A").is_new
    world.live(minutes=2)
    assert (world.position("A"), world.position("B")) == (0, 100)
    assert len(chain(world, two)) == 3  # A's order, B's, and the one that follows B's
    assert_sound(world)


def test_a_cancel_between_the_end_and_the_successor_releases_what_was_held(world: OrderWorld) -> None:
    order = resting(world)
    world.live(minutes=1)
    move(world, order, TAKING)
    for state in (S.PENDING_CANCEL, S.CANCELED):
        ChildOrder.objects.filter(pk=order.pk).update(state=state)
    assert Reservation.objects.filter(released_at=None).exists()
    assert cancel_order(order_id=order.pk, actor=None, now=world.now, reason="enough").canceled == 1
    world.assert_nothing_reserved()
    finish_parents(now=world.now)
    assert ParentOrder.objects.get().done_at is not None and len(chain(world, order)) == 1


def test_gov_10_what_a_kill_switch_stops_is_not_sent_again(world: OrderWorld) -> None:
    order, who = resting(world), trader(world)
    world.live(minutes=1)
    move(world, order, TAKING, who)
    trip_kill_switch(scope=KillScope.FIRM, subject_id="", actor=who, now=world.now, reason="stop")
    with pytest.raises(UnableToReplace, match="kill switch"):
        move(world, order, D("49.95"), who)
    world.step(3)
    cancel_killed(now=world.now)
    world.live(minutes=1)
    assert [one.state for one in chain(world, order)] == [S.CANCELED]
    assert ParentOrder.objects.get().done_at is not None
    assert_sound(world)
