"""Lost answers: ask, never send again; absence needs proof and can be taken back (RTE-7, I1, I2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from accounts.models import TradingBlock
from execution.enums import OrderState, TimeInForce
from execution.models import ChildOrder, Execution, ParentOrder
from execution.services import UnableToResolve, alarm_unanswered, resolve_as_absent, resolve_as_found
from governance.core.subjects import Actor
from governance.enums import AlertTier, Role
from governance.models import Alert, AuditEvent
from tests.execution.services.order_world import CONFIG, OrderWorld
from tests.factories import make_user

S = OrderState
pytestmark = pytest.mark.django_db


def critical() -> set[str]:
    return set(Alert.objects.filter(tier=AlertTier.CRITICAL, ended_at=None).values_list("rule", flat=True))


def test_i2_a_lost_answer_is_unknown_and_alarmed_then_found(world: OrderWorld) -> None:
    order = world.single(100)
    world.service.faults.force("lose_ack", 1)
    world.step()
    assert "RTE-7" in critical()
    assert world.state(order) is S.ACKED
    world.live(minutes=2)
    assert world.state(order) is S.FILLED
    world.assert_venue_has_each_order_once()
    world.assert_books_equal_custody()


def test_rte_7_an_order_the_venue_never_got_is_absent_after_a_quiet_period_and_two_answers(world: OrderWorld) -> None:
    order = world.single(100)
    world.service.faults.force("disconnect_before", 1)
    world.step()
    states = []
    for _ in range(10):
        world.advance(seconds=5)
        world.step()
        states.append(world.state(order))
    assert states[:5] == [S.UNKNOWN] * 5 and states[-1] is S.CANCELED
    order.refresh_from_db()
    assert order.declared_absent and order.absent_answers == 2
    assert ParentOrder.objects.get().done_at is not None
    world.assert_nothing_reserved()
    world.assert_books_equal_custody()


def test_rte_7_an_incomplete_answer_proves_nothing(world: OrderWorld) -> None:
    order = world.single(100)
    world.service.faults.force("disconnect_before", 1)
    world.step()
    world.service.faults.force("fail_query", 10_000)
    for _ in range(20):
        world.advance(seconds=10)
        world.step()
    assert world.state(order) is S.UNKNOWN
    assert "R8" in critical()


def test_i7_a_late_acknowledgement_revives_an_order_that_was_declared_absent(world: OrderWorld) -> None:
    order = world.single(100)
    world.service.faults.force("hold_request", 1)
    world.step()
    for _ in range(9):
        world.advance(seconds=10)
        world.step()
    order.refresh_from_db()
    assert order.state == S.CANCELED and order.declared_absent
    world.live(minutes=4)
    order.refresh_from_db()
    assert order.state == S.FILLED and not order.declared_absent
    assert world.position("A") == 100
    world.assert_books_equal_custody()
    world.assert_venue_has_each_order_once()


def test_what_was_surely_not_written_ends_at_once(world: OrderWorld) -> None:
    order = world.single(100)
    world.gateway.submit_many = lambda orders, **_: world.transport.close() or type(world.gateway).submit_many(world.gateway, orders)  # type: ignore[method-assign]
    world.step()
    order.refresh_from_db()
    assert (order.state, order.declared_absent) == (S.CANCELED, True)
    assert "not transmitted" in order.reason
    assert critical() == set()
    world.assert_nothing_reserved()


def test_r5_a_session_whose_lease_has_run_out_does_not_write(world: OrderWorld) -> None:
    order = world.single(100)
    world.session.line.held_until = 0.0
    world.session.line.renewed_at = float("inf")
    world.step()
    assert world.state(order) is S.CANCELED
    assert not [event for event in world.service.host.venue.events if event["kind"] == "NEW"]


def test_i2_whatever_is_unanswered_for_a_minute_is_alarmed_without_a_gateway(world: OrderWorld) -> None:
    order = world.single(100)
    ChildOrder.objects.filter(pk=order.pk).update(state="SENDING", claimed_at=world.now, claimed_epoch=1)
    assert alarm_unanswered(now=world.now + timedelta(seconds=59)) == 0
    assert alarm_unanswered(now=world.now + timedelta(seconds=60)) == 1
    assert "RTE-7" in critical()


@pytest.mark.parametrize("state", [S.ACKED, S.PARTIALLY_FILLED, S.PENDING_CANCEL])
def test_i2_what_works_on_a_minute_after_its_cancel_was_asked_is_alarmed(world: OrderWorld, state: OrderState) -> None:
    """A kill switch was tripped, and the broker says nothing; whoever tripped it believes that trading has stopped."""
    order = world.single(100)
    rows = ChildOrder.objects.filter(pk=order.pk)
    for step in (S.SENDING, S.ACKED, state):
        rows.update(state=step)
    asked = world.now
    rows.update(cancel_requested_at=asked, cancel_sent_at=asked + timedelta(seconds=50), cancels_sent=3)
    assert alarm_unanswered(now=asked + timedelta(seconds=59)) == 0
    assert alarm_unanswered(now=asked + timedelta(seconds=60)) == 1
    assert "I2" in critical()
    rows.update(cancels_sent=1)
    assert alarm_unanswered(now=asked + timedelta(seconds=60)) == 0, "sent once, ten seconds ago"
    rows.update(state=S.CANCELED)
    assert alarm_unanswered(now=asked + timedelta(days=1)) == 0


def test_rte_7_a_person_ends_an_unknown_order_that_has_filled_in_part(world: OrderWorld) -> None:
    """The broker's books were restored without it: it answers about this order never again."""
    order = world.single(3_000, time_in_force=TimeInForce.GTC)
    world.live(minutes=2)
    order.refresh_from_db()
    assert order.state is not S.FILLED and order.filled_qty > 0, (order.state, order.filled_qty)
    filled = order.filled_qty
    rows = ChildOrder.objects.filter(pk=order.pk)
    for step in (S.PENDING_CANCEL, S.UNKNOWN):
        rows.update(state=step, unknown_since=world.now)
    actor = Actor(str(make_user(Role.OPERATIONS).id), Role.OPERATIONS)
    resolve_as_absent(order_id=order.id, actor=actor, now=world.now, reason="the desk has lost it")
    order.refresh_from_db()
    assert (order.state, order.filled_qty, world.position("A")) == (S.CANCELED, filled, filled)
    world.assert_nothing_reserved()


class TestVenueThatCannotBeAsked:
    """Class C: neither our reference nor a way to find the order by it."""

    @pytest.fixture
    def world(self, open_world) -> OrderWorld:
        world = open_world(config=replace(CONFIG, venue_class="C"))
        world.session.start()
        return world

    def test_an_order_with_an_answer_trades_as_anywhere(self, world: OrderWorld) -> None:
        world.single(100)
        world.live(minutes=2)
        assert world.position("A") == 100
        world.assert_books_equal_custody()

    def test_rte_7_unknown_closes_account_and_instrument_until_a_person_resolves_it(self, world: OrderWorld) -> None:
        order = world.single(100)
        world.service.faults.force("disconnect_before", 1)
        world.step()
        world.live(minutes=3)
        assert world.state(order) is S.UNKNOWN
        block = TradingBlock.objects.get(ends_at=None)
        assert (block.account_id, block.instrument_id, block.source_id) == (order.account_id, order.instrument_id, order.id)
        second, other = world.single(50), world.single(50, code="B")
        world.step()
        assert world.state(second) is S.PENDING and world.state(other) is S.ACKED
        actor = Actor(str(make_user(Role.OPERATIONS).id), Role.OPERATIONS)
        resolve_as_absent(order_id=order.id, actor=actor, now=world.now, reason="the desk says it never came")
        assert world.state(order) is S.CANCELED
        assert not TradingBlock.objects.filter(ends_at=None).exists()
        assert AuditEvent.objects.filter(subject_id=str(order.id), rule="RTE-7").exists()
        world.step()
        assert world.state(second) is S.ACKED
        with pytest.raises(UnableToResolve):
            resolve_as_absent(order_id=order.id, actor=actor, now=world.now, reason="again")

    def test_rte_7_a_person_can_name_the_brokers_order(self, world: OrderWorld) -> None:
        order = world.single(100)
        world.service.faults.force("lose_ack", 1)
        world.step()
        world.advance(seconds=10)
        world.step()
        assert world.state(order) is S.UNKNOWN
        view = world.service.host.venue.open_order_views()[0]
        actor = Actor(str(make_user(Role.OPERATIONS).id), Role.OPERATIONS)
        resolve_as_found(
            order_id=order.id,
            broker_order_id=str(view["broker_order_id"]),
            session_epoch=int(str(view["epoch"])),
            actor=actor,
            now=world.now,
            reason="the desk read it out",
        )
        world.advance(seconds=10)
        world.step()
        assert world.state(order) is S.ACKED
        world.live(minutes=2)
        assert world.state(order) is S.FILLED and Execution.objects.filter(order=order).count() == 1
        world.assert_books_equal_custody()
