"""Tier A: seeded misfortune on the way to the venue, and in the end both sides agree (R1, I1–I7)."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from execution.core.lifecycle import TERMINAL
from execution.enums import OrderType, ParentState, TimeInForce
from execution.gateways import crash
from execution.models import ChildOrder, ParentOrder
from execution.venue.faults import FaultPlan
from governance.enums import AlertTier
from governance.models import Alert
from market.enums import Side
from tests.execution.services.order_world import OrderWorld
from tests.execution.services.test_sessions import Died

pytestmark = pytest.mark.django_db
PLAN = FaultPlan(
    lose_ack=1_500,
    hold_request=500,
    disconnect_before=800,
    disconnect_after=800,
    drop_report=1_500,
    lose_report=700,
    duplicate_report=2_000,
    reorder_report=2_000,
    delay_report=1_000,
    truncate_list=700,
    fail_query=300,
)
CODES = "ABCDEFGH"
POINTS = ["after_claim", "before_socket_write", "after_socket_write", "after_reply", "after_ack", "between_execution_and_booking"]


def place_orders(world: OrderWorld, draw: random.Random) -> None:
    """Write a few parents: singles of all kinds, and a block."""
    for code in draw.sample(CODES, 4):
        side = draw.choice([Side.BUY, Side.SELL])
        kind = draw.choice([TimeInForce.DAY, TimeInForce.IOC])
        terms = {"order_type": OrderType.LIMIT, "limit_price": "50.10" if side is Side.BUY else "49.90"} if draw.random() < 0.5 else {}
        world.single(draw.randrange(1, 1_500), code=code, side=side, time_in_force=kind, **terms)
    lines = {code: draw.randrange(1, 400) for code in draw.sample(CODES, 5)}
    world.block(lines, tie_seed=str(draw.random()))


def steer_venue(world: OrderWorld, draw: random.Random) -> None:
    """Bust or correct an execution now and then; a booking the custodian has been told is left alone."""
    events = [event for event in world.service.host.venue.execution_events if event["kind"] == "TRADE" and event["account"] != "BLOCK"]
    if events and draw.random() < 0.1:
        event = draw.choice(events)
        execution = world.service.host.venue.desk.find(str(event["exec_id"]))
        if execution is not None:
            change: dict[str, Any] = {"op": "bust"} if draw.random() < 0.5 else {"op": "correct", "price": "50.03"}
            world.steer(exec_id=execution.exec_id, **change)


def assert_both_sides_agree(world: OrderWorld) -> None:
    world.assert_venue_has_each_order_once()
    world.assert_shares_equal_executions()
    world.assert_clearing_is_zero()
    world.assert_books_equal_custody()
    world.assert_nothing_reserved()
    assert set(ChildOrder.objects.values_list("state", flat=True)) <= {state.value for state in TERMINAL}
    assert not ParentOrder.objects.exclude(state__in=[ParentState.DONE, ParentState.CANCELED, ParentState.DENIED]).exists()
    ours = ChildOrder.objects.filter(claimed_at__isnull=False)
    assert len(ours) >= 15 and ours.filter(filled_qty__gt=0).count() >= 8
    for order in ours:
        views = world.service.host.venue.order_views(order.client_order_id, "", 0)
        assert order.filled_qty == sum((Decimal(str(view["filled_qty"])) for view in views), Decimal(0))


@pytest.mark.parametrize("seed", range(10))
def test_r1_whatever_goes_wrong_on_the_way_both_sides_agree_in_the_end(open_world, seed: int) -> None:
    world = open_world(codes=CODES, faults=PLAN, seed=seed, holdings=dict.fromkeys(CODES, 10_000))
    draw = random.Random(seed)
    for round_ in range(12):
        if round_ < 4:
            place_orders(world, draw)
        for _ in range(4):
            world.advance(seconds=draw.randrange(1, 40))
            world.session.step()
        steer_venue(world, draw)
    world.service.faults.plan = FaultPlan()
    world.live(minutes=8)
    world.advance(hours=7)
    world.live(minutes=3)
    assert_both_sides_agree(world)


@pytest.mark.parametrize("seed", range(5))
def test_r2_a_gateway_that_dies_again_and_again_loses_and_doubles_nothing(open_world, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(status: int) -> None:
        raise Died(status)

    monkeypatch.setattr(crash.os, "_exit", stop)
    world = open_world(
        codes=CODES, faults=FaultPlan(lose_ack=500, duplicate_report=1_000), seed=seed, holdings=dict.fromkeys(CODES, 10_000)
    )
    draw = random.Random(seed)
    deaths, points = 0, set()
    for round_ in range(24):
        if round_ % 4 == 0:
            place_orders(world, draw)
        point = draw.choice(POINTS)
        monkeypatch.setattr(crash, "_name", point)
        monkeypatch.setattr(crash, "_passages_left", draw.randrange(1, 6) if "socket" in point or "reply" in point else 1)
        world.advance(seconds=draw.randrange(1, 40))
        try:
            world.session.step()
        except Died:
            deaths += 1
            points.add(point)
            world.restart()
    monkeypatch.setattr(crash, "_name", "")
    world.service.faults.plan = FaultPlan()
    world.live(minutes=8)
    world.advance(hours=7)
    world.live(minutes=3)
    assert deaths >= 5
    assert_both_sides_agree(world)
    assert Alert.objects.filter(tier=AlertTier.CRITICAL).exists() or "after_claim" not in points, points
