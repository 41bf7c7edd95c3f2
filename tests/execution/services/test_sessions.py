"""Leases, claims, restarts: one sender at a time, each order once ever (I1, R5, R8)."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from base import tenancy
from execution.enums import OrderState, ParentState, TimeInForce
from execution.gateways import crash
from execution.gateways.enums import OutcomeKind
from execution.models import ChildOrder, Execution, GatewayLease, ParentOrder
from execution.queries import gateway_states
from execution.services import LeaseHeld, LeaseLost, cancel_killed, cancel_order, cancel_parent
from execution.services.claim import candidates, claim
from execution.services.lease import hold_lease, mark_reconciled, renew_lease, take_lease
from governance.core.subjects import Actor
from governance.enums import KillScope, Role
from governance.services import trip_kill_switch
from tests.execution.services.order_world import FAR, OrderWorld
from tests.factories import make_connection, make_firm, make_user

S = OrderState
pytestmark = pytest.mark.django_db


class Died(BaseException):
    """What `os._exit` is to a test of one process."""


@pytest.fixture
def die_at(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the n-th passage of a crash point end the session as `kill -9` would: nothing after it runs, nothing is closed."""

    def stop(status: int) -> None:
        raise Died(status)

    def arm(name: str, passage: int = 1) -> None:
        monkeypatch.setattr(crash, "_name", name)
        monkeypatch.setattr(crash, "_passages_left", passage)

    monkeypatch.setattr(crash.os, "_exit", stop)
    return arm


def expire(world: OrderWorld) -> None:
    GatewayLease.objects.filter(connection=world.connection).update(expires_at=FAR)


def actor(role: Role = Role.TRADER) -> Actor:
    return Actor(str(make_user(role).id), role)


def test_i1_a_lease_that_runs_is_not_taken(world: OrderWorld) -> None:
    with pytest.raises(LeaseHeld):
        take_lease(connection_id=world.connection.id, holder="another")
    expire(world)
    assert take_lease(connection_id=world.connection.id, holder="another") == 2


def test_i1_the_old_holder_can_do_nothing_more(world: OrderWorld) -> None:
    world.single(100)
    expire(world)
    take_lease(connection_id=world.connection.id, holder="another")
    with pytest.raises(LeaseLost):
        world.session.step()
    with pytest.raises(LeaseLost):
        renew_lease(connection_id=world.connection.id, epoch=1)
    with pytest.raises(LeaseLost):
        hold_lease(connection_id=world.connection.id, epoch=1)
    assert ChildOrder.objects.get().state == S.PENDING


def test_r8_nothing_is_claimed_before_the_broker_was_asked(world: OrderWorld) -> None:
    order = world.single(100)
    given = {"connection_id": world.connection.id, "epoch": 1, "order_ids": [order.id], "now": world.now}
    mark_reconciled(connection_id=world.connection.id, epoch=1, is_reconciled=False)
    assert claim(**given) == set()
    mark_reconciled(connection_id=world.connection.id, epoch=1, is_reconciled=True)
    assert claim(**{**given, "epoch": 2}) == set()
    assert claim(**given) == {order.id}
    assert claim(**given) == set()


def test_claims_go_by_sequence(world: OrderWorld) -> None:
    parent = world.parent({"A": 30, "B": 20, "C": 10})
    orders = [world.order(parent, code, n, sequence=n) for code, n in (("A", 30), ("B", 20), ("C", 10))]
    found = candidates(connection_id=world.connection.id, hold_unknown=False)
    assert [row.id for row in found] == [row.id for row in reversed(orders)]


def test_a_zombie_sends_only_its_own_claim_and_its_successor_never_again(world: OrderWorld) -> None:
    order = world.single(100)
    zombie = world.session
    with zombie.line.transaction():
        (candidate,) = candidates(connection_id=world.connection.id, hold_unknown=False)
        claim(connection_id=world.connection.id, epoch=zombie.line.epoch, order_ids=[order.id], now=world.now)
    world.restart()
    world.session.start()
    assert world.state(order) is S.UNKNOWN
    (outcome,) = world.gateway.submit_many([candidate.request()])
    assert outcome.kind is OutcomeKind.CONFIRMED
    with pytest.raises(LeaseLost):
        zombie.step()
    world.live(minutes=3)
    assert world.state(order) is S.FILLED
    world.assert_venue_has_each_order_once()
    world.assert_books_equal_custody()


@pytest.mark.parametrize(
    ("point", "passage"),
    [
        ("after_claim", 1),
        ("before_socket_write", 2),
        ("after_socket_write", 2),
        ("after_reply", 2),
        ("after_ack", 1),
        ("between_execution_and_booking", 1),
        ("between_booking_and_commit", 1),
    ],
)
def test_restart_at_every_crash_point(open_world, die_at, point: str, passage: int) -> None:
    world = open_world(holdings={"C": 500})
    world.session.start()
    block = world.block({"A": 600, "B": 400}, tie_seed="BLK-7")
    single = world.single(300, code="C")
    died = False
    die_at(point, passage)
    for _ in range(30):
        try:
            world.advance(seconds=20)
            world.session.step()
        except Died:
            died = True
            world.restart()
            world.session.start()
    assert died
    assert {world.state(block), world.state(single)} <= {S.FILLED, S.CANCELED}
    world.assert_venue_has_each_order_once()
    world.assert_shares_equal_executions()
    world.assert_clearing_is_zero()
    world.assert_books_equal_custody()
    world.assert_nothing_reserved()
    assert set(ParentOrder.objects.values_list("state", flat=True)) <= {ParentState.DONE}


def test_a_restarted_venue_that_repeats_its_order_ids_confuses_nobody(world: OrderWorld) -> None:
    first = world.single(100)
    world.step()
    world.steer(op="restart", rollback=1)
    second = world.single(200, code="B")
    world.live(minutes=3)
    assert (world.state(first), world.state(second)) == (S.FILLED, S.FILLED)
    assert (world.position("A"), world.position("B")) == (100, 200)
    world.assert_books_equal_custody()


def test_two_sessions_never_claim_the_same_row() -> None:
    """On connections of their own, committed: SKIP LOCKED and the state decide, not luck."""
    claimed: list[set[Any]] = []
    ready = threading.Barrier(2)

    def prepare() -> tuple[int, Any, list[Any]]:
        from execution.models import ChildOrder
        from tests.execution.services.test_sessions import plain_orders

        firm = make_firm()
        with tenancy.firm(firm.id):
            connection, ids = plain_orders(40)
            take_lease(connection_id=connection.id, holder="x", seconds=600)
            mark_reconciled(connection_id=connection.id, epoch=1, is_reconciled=True)
            assert ChildOrder.objects.count() == 40
        return firm.id, connection.id, ids

    def work(firm_id: int, connection_id: Any, ids: list[Any]) -> None:
        try:
            ready.wait(10)
            for start in range(0, 40, 4):
                with tenancy.firm(firm_id):
                    claimed.append(claim(connection_id=connection_id, epoch=1, order_ids=ids[start : start + 4], now=FAR))
        finally:
            connections.close_all()

    made: list[Any] = []

    def set_up() -> None:
        try:
            made.extend(prepare())
        finally:
            connections.close_all()

    for target, arguments, count in ((set_up, (), 1), (work, None, 2)):
        threads = [threading.Thread(target=target, args=made if arguments is None else arguments) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert sum(map(len, claimed)) == 40
    assert set().union(*claimed) == set(made[2])


def plain_orders(count: int) -> tuple[Any, list[Any]]:
    """Write PENDING orders with nothing around them but what they refer to."""
    from tests.execution.services.order_world import bare_parent

    connection = make_connection()
    parent, account = bare_parent(connection)
    rows = [
        ChildOrder(
            journey_id=parent.journey_id,
            parent=parent,
            connection=connection,
            account=account,
            instrument=parent.instrument,
            side="BUY",
            quantity=1,
            order_type="MARKET",
            time_in_force="GTC",
            client_order_id=f"N{n}",
            sequence=n,
            created_at=FAR,
        )
        for n in range(count)
    ]
    ChildOrder.objects.bulk_create(rows)
    return connection, [row.id for row in rows]


class TestKillSwitch:
    @pytest.mark.parametrize("scope", [KillScope.FIRM, KillScope.BROKER, KillScope.ACCOUNT, KillScope.INSTRUMENT, KillScope.STRATEGY])
    def test_gov_10_it_is_read_inside_the_claim(self, world: OrderWorld, scope: KillScope) -> None:
        order = world.single(100)
        subject = {
            KillScope.FIRM: "",
            KillScope.BROKER: world.connection.id,
            KillScope.ACCOUNT: order.account_id,
            KillScope.INSTRUMENT: order.instrument_id,
            KillScope.STRATEGY: world.strategy.id,
        }[scope]
        trip_kill_switch(scope=scope, subject_id=str(subject), actor=actor(), now=world.now, reason="test")
        given = {"connection_id": world.connection.id, "epoch": 1, "order_ids": [order.id], "now": world.now}
        assert claim(**given) == set()
        assert candidates(connection_id=world.connection.id, hold_unknown=False) == []

    def test_gov_10_block_new_then_cancel_open(self, world: OrderWorld) -> None:
        working = world.single(5_000, time_in_force=TimeInForce.GTC)
        world.live(minutes=2)
        waiting = world.single(100, code="B")
        trip_kill_switch(scope=KillScope.FIRM, subject_id="", actor=actor(), now=world.now, reason="test")
        world.step()
        assert world.state(waiting) is S.CANCELED
        assert world.state(working) is S.CANCELED
        world.advance(minutes=5)
        world.step()
        assert 0 < world.position("A") < 5_000
        world.assert_books_equal_custody()
        world.assert_nothing_reserved()

    def test_an_armed_switch_cancels_nothing(self, world: OrderWorld) -> None:
        order = world.single(100)
        done = cancel_killed(now=world.now)
        assert (done.canceled, done.requested, world.state(order)) == (0, 0, S.PENDING)


class TestCancel:
    def test_what_was_not_sent_ends_at_once(self, world: OrderWorld) -> None:
        order = world.single(100)
        done = cancel_order(order_id=order.id, actor=actor(), now=world.now, reason="changed my mind")
        assert (done.canceled, world.state(order)) == (1, S.CANCELED)
        world.assert_nothing_reserved()

    def test_what_works_ends_when_the_broker_says_so(self, world: OrderWorld) -> None:
        order = world.single(5_000)
        world.live(minutes=2)
        done = cancel_parent(parent_id=order.parent_id, actor=actor(), now=world.now, reason="enough")
        assert (done.requested, world.state(order)) == (1, S.PARTIALLY_FILLED)
        world.step()
        order.refresh_from_db()
        assert order.state == S.CANCELED and order.filled_qty > 0
        assert ParentOrder.objects.get().state == ParentState.DONE
        world.assert_books_equal_custody()

    def test_a_fill_wins_over_a_cancel_that_comes_too_late(self, world: OrderWorld) -> None:
        order = world.single(100)
        world.step()
        cancel_order(order_id=order.id, actor=actor(), now=world.now, reason="late")
        world.advance(minutes=2)
        world.step()
        assert world.state(order) is S.FILLED
        world.assert_books_equal_custody()

    def test_a_cancel_nobody_answered_is_asked_again(self, world: OrderWorld) -> None:
        order = world.single(5_000)
        world.step()
        cancel_order(order_id=order.id, actor=actor(), now=world.now, reason="again")
        world.service.faults.force("disconnect_before", 1)
        for _ in range(4):
            world.advance(seconds=6)
            world.step()
        order.refresh_from_db()
        assert order.state == S.CANCELED and order.cancels_sent == 2
        world.assert_nothing_reserved()


def test_time_in_force_ends_what_waits_in_vain(world: OrderWorld) -> None:
    old = world.single(100, time_in_force=TimeInForce.IOC, created_at=world.now - timedelta(minutes=6))
    parent = world.parent({"B": 100}, expires_at=world.now)
    due = world.order(parent, "B", 100)
    fresh = world.single(100, code="C", time_in_force=TimeInForce.IOC)
    world.step()
    assert (world.state(old), world.state(due), world.state(fresh)) == (S.EXPIRED, S.EXPIRED, S.ACKED)


def test_gateways_show_whether_they_live_and_may_trade(world: OrderWorld) -> None:
    (state,) = gateway_states()
    assert state.is_alive and state.is_ready
    expire(world)
    (state,) = gateway_states()
    assert not state.is_alive and not state.is_ready and state.silent_seconds > 0


def test_an_execution_of_nobodys_order_is_kept_and_alarmed(world: OrderWorld) -> None:
    from execution.gateways.reports import OrderRequest

    world.gateway.submit_many([OrderRequest("MANUAL", "A", "FLAT", world.single(1).parent.side, 10)])  # type: ignore[arg-type]
    ChildOrder.objects.update(state="CANCELED")
    world.live(minutes=2)
    execution = Execution.objects.get()
    assert execution.order_id is None and execution.account_id == world.accounts["A"].id
    assert "I3" in world.alerts()
    assert world.position("A") == 0


def test_a_step_with_nothing_to_do_is_one_look_at_the_database(world: OrderWorld) -> None:
    world.step()
    with CaptureQueriesContext(connections["default"]) as asked:
        activity = world.session.step()
    assert not activity.any
    reads = [query["sql"] for query in asked if "execution_" in query["sql"]]
    assert len(reads) == 2, reads  # the lease is held, and what waits is looked up
