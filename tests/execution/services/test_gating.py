"""Gate 2 immediately before the claim: one lot, or the whole block, or nothing (RSK-1, RSK-2)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Reservation
from execution.enums import OrderState, ParentState
from execution.models import ChildOrder, ParentOrder
from execution.queries import denied_accounts, executions_of_parent, journey, open_child_orders
from execution.services import finish_parents
from execution.services.claim import claim
from execution.services.gating import MOST_NAMED
from execution.services.reports import process
from governance.models import Alert, GateRecord
from risk.models import GateDecision
from tests.execution.services.order_world import OrderWorld
from tests.execution.services.test_blocks import fill

D = Decimal
S = OrderState
pytestmark = pytest.mark.django_db


def lose_gate(world: OrderWorld, code: str) -> None:
    """Let an account have nothing on file any more (ACC-1)."""
    GateRecord.objects.filter(subject_id=world.accounts[code].id).delete()


def test_rsk_1_a_refused_lot_is_denied_alarmed_and_lets_go_of_its_reservation(world: OrderWorld) -> None:
    lose_gate(world, "A")
    refused, fine = world.single(100), world.single(100, code="B")
    activity = world.step()
    assert (activity.claimed, activity.denied) == (1, 1)
    refused.refresh_from_db()
    assert refused.state == S.DENIED and refused.reason
    assert world.state(fine) is S.ACKED
    assert "RSK-1" in world.alerts()
    assert not Reservation.objects.filter(order_id=refused.id, released_at=None).exists()
    assert set(GateDecision.objects.filter(gate=2).values_list("outcome", flat=True)) == {"PASSED", "BLOCKED"}
    assert ParentOrder.objects.get(pk=refused.parent_id).state == ParentState.DENIED


def test_rsk_1_one_refused_account_returns_the_whole_block(world: OrderWorld) -> None:
    lose_gate(world, "C")
    block = world.block({"A": 300, "B": 200, "C": 100})
    world.step()
    assert world.state(block) is S.DENIED
    (denied,) = denied_accounts(parent_id=block.parent_id)
    assert (denied.order_id, denied.account_id) == (block.id, world.accounts["C"].id)
    assert not [event for event in world.service.host.venue.events if event["kind"] == "NEW"]
    world.assert_nothing_reserved()


def test_rsk_2_without_a_fresh_quote_nothing_is_sent(world: OrderWorld) -> None:
    world.steer(op="freeze_quotes", symbol="FLAT")
    world.advance(minutes=5)
    order = world.single(100)
    world.step()
    assert world.state(order) is S.DENIED


def test_rte_2_a_halted_instrument_is_not_traded(world: OrderWorld) -> None:
    world.steer(op="halt", symbol="FLAT")
    order = world.single(100)
    world.step()
    assert world.state(order) is S.DENIED


def test_a_burst_of_executions_costs_the_same_statements_whatever_its_size(world: OrderWorld) -> None:
    def statements(count: int) -> int:
        parent = world.parent(dict.fromkeys("ABCDE", 1))
        orders = [world.order(parent, "ABCDE"[n % 5], 100 + n, client_order_id=f"{count}-{n}") for n in range(count)]
        claim(connection_id=world.connection.id, epoch=1, order_ids=[order.id for order in orders], now=world.now)
        news = [fill(world, order, f"{count}-{n}", 100, "50.00", "1") for n, order in enumerate(orders)]
        with CaptureQueriesContext(connection) as captured:
            process(connection_id=world.connection.id, evidence=news, now=world.now)
        return len(captured)

    statements(61)
    few, many = statements(60), statements(150)
    assert many <= few
    assert many < 40


def test_the_journey_tells_the_whole_story_in_order(world: OrderWorld) -> None:
    block = world.block({"A": 300, "B": 200})
    world.live(minutes=3)
    steps = journey(block.journey_id)
    kinds = list(dict.fromkeys(step.kind for step in steps))
    assert kinds == ["SIGNAL", "STATEMENT", "PARENT", "ORDER", "GATE", "SENT", "ANSWERED", "EXECUTION", "BOOKING", "DONE", "ALLOCATED"]
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    assert next(step for step in steps if step.kind == "EXECUTION").facts["price"] == "50.01"
    assert [row.last_qty for row in executions_of_parent(parent_id=block.parent_id)] == [D(500)]


def test_open_orders_are_listed_without_a_query_each(world: OrderWorld) -> None:
    for n in range(3):
        world.single(10 + n)
    with CaptureQueriesContext(connection) as one:
        assert len(open_child_orders()) == 3
    for n in range(5):
        world.single(20 + n)
    with CaptureQueriesContext(connection) as two:
        assert len(open_child_orders()) == 8
    assert len(one) == len(two) == 1


def test_finishing_looks_at_nothing_that_is_done(world: OrderWorld) -> None:
    world.single(100)
    world.live(minutes=2)
    assert finish_parents(now=world.now + timedelta(hours=1)).done == ()
    assert ChildOrder.objects.get().state == S.FILLED


def test_rsk_10_many_refusals_of_one_parent_are_one_alert(world: OrderWorld) -> None:
    for code in "ABC":
        lose_gate(world, code)
    parent = world.parent(dict.fromkeys("ABC", 100))
    for number in range(MOST_NAMED + 1):
        world.order(parent, "ABC"[number % 3], 10, client_order_id=f"MANY{number}")
    assert world.step().denied == MOST_NAMED + 1
    (alert,) = Alert.objects.filter(rule="RSK-1", ended_at=None)
    assert alert.subject_id == str(parent.id) and f"{MOST_NAMED + 1} orders not sent" in alert.message
