"""GOV-10 at the claim: the accounts behind a block count, and what flattens passes a switch that was cleared for it."""

from __future__ import annotations

from decimal import Decimal as D
from uuid import UUID

import pytest
from django.db import transaction

from execution.enums import OrderState, TimeInForce
from execution.models import ChildOrder, GatewayLease
from execution.queries import denied_accounts
from execution.services.claim import candidates, claim
from governance.core.subjects import Actor
from governance.enums import KillScope, Role
from governance.services import confirm_flattening, trip_kill_switch
from market.enums import Side
from tests.execution.services.order_world import OrderWorld
from tests.factories import make_user

S = OrderState
pytestmark = pytest.mark.django_db


def trip(world: OrderWorld, scope: KillScope = KillScope.FIRM, subject: object = "") -> None:
    actor = Actor(str(make_user(Role.TRADER).id), Role.TRADER)
    trip_kill_switch(scope=scope, subject_id=str(subject), actor=actor, now=world.now, reason="test")


def clear(world: OrderWorld) -> None:
    actor = Actor(str(make_user(Role.RISK).id), Role.RISK)
    assert confirm_flattening(scope=KillScope.FIRM, subject_id="", actor=actor, now=world.now, reason="close it out") >= 1


def claimable(world: OrderWorld, order: ChildOrder) -> bool:
    """Tell whether the claim's own statement would take the order now; takes nothing."""
    epoch = GatewayLease.objects.get(connection=world.connection).epoch
    with transaction.atomic():
        taken: set[UUID] = claim(connection_id=world.connection.id, epoch=epoch, order_ids=[order.id], now=world.now)
        transaction.set_rollback(True)
    return taken == {order.id}


def test_gov_10_the_claim_sees_the_accounts_behind_a_block(world: OrderWorld) -> None:
    world.step()
    block = world.block({"A": 300, "B": 200, "C": 100})
    assert claimable(world, block)
    trip(world, KillScope.ACCOUNT, world.accounts["E"].id)
    assert claimable(world, block), "an account that is not in the block stops nothing"
    trip(world, KillScope.ACCOUNT, world.accounts["C"].id)
    assert not claimable(world, block)


def test_gov_10_an_account_on_the_other_side_of_the_statement_stops_nothing(world: OrderWorld) -> None:
    world.step()
    block = world.block({"A": 300, "B": 200, "C": -100}, side=Side.BUY)
    trip(world, KillScope.ACCOUNT, world.accounts["C"].id)
    assert claimable(world, block)


def test_gov_10_a_block_with_a_stopped_account_goes_back_and_names_it(world: OrderWorld) -> None:
    world.step()
    block = world.block({"A": 300, "B": 200, "C": 100})
    trip(world, KillScope.ACCOUNT, world.accounts["C"].id)
    world.step()
    block.refresh_from_db()
    assert block.state == S.DENIED and "GOV-10" in block.reason
    (denied,) = denied_accounts(parent_id=block.parent_id)
    assert denied.account_id == world.accounts["C"].id
    assert not [event for event in world.service.host.venue.events if event["kind"] == "NEW"]
    world.assert_nothing_reserved()


def test_gov_10_a_working_block_is_canceled_for_an_account_behind_it(world: OrderWorld) -> None:
    block = world.block({"A": 3_000, "B": 2_000}, time_in_force=TimeInForce.GTC)
    world.live(minutes=2)
    assert world.state(block) is S.PARTIALLY_FILLED
    trip(world, KillScope.ACCOUNT, world.accounts["B"].id)
    world.live(minutes=1)
    assert world.state(block) is S.CANCELED
    assert world.position("A") > world.position("B") > 0
    world.assert_shares_equal_executions()
    world.assert_clearing_is_zero()
    world.assert_nothing_reserved()


def test_gov_10_flattening_needs_its_own_confirmation(open_world) -> None:
    world: OrderWorld = open_world(holdings={"A": 500})
    world.step()
    trip(world)
    parent = world.parent({"A": 500}, side=Side.SELL, flattens=True)
    early = world.order(parent, "A", 500)
    assert not claimable(world, early)
    world.step()
    assert world.state(early) is S.CANCELED
    clear(world)
    plain = world.single(100, side=Side.SELL)
    order = world.order(world.parent({"A": 500}, side=Side.SELL, flattens=True), "A", 500)
    assert claimable(world, order)
    assert [row.id for row in candidates(connection_id=world.connection.id, hold_unknown=False)] == [order.id]
    world.live(minutes=2)
    assert (world.state(order), world.state(plain), world.position("A")) == (S.FILLED, S.CANCELED, D(0))
    world.assert_books_equal_custody()


def test_gov_10_a_later_trip_stops_what_an_earlier_one_lets_flatten(open_world) -> None:
    world: OrderWorld = open_world(holdings={"A": 500})
    world.step()
    trip(world)
    clear(world)
    order = world.order(world.parent({"A": 500}, side=Side.SELL, flattens=True), "A", 500)
    assert claimable(world, order)
    trip(world, KillScope.ACCOUNT, world.accounts["A"].id)
    assert not claimable(world, order)


def test_gov_10_what_would_open_does_not_flatten_whatever_it_is_called(open_world) -> None:
    world: OrderWorld = open_world(holdings={"A": 500})
    world.step()
    trip(world)
    clear(world)
    order = world.order(world.parent({"A": 501}, side=Side.SELL, flattens=True), "A", 501)
    world.step()
    order.refresh_from_db()
    assert order.state == S.DENIED and "GOV-10" in order.reason
