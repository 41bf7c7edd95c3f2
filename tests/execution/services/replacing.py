"""What the tests of a replace share: a resting parent, a press of the button, and what must hold after it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from execution.enums import OrderState
from execution.models import ChildOrder, ParentOrder
from execution.services import (
    Replaced,
    replace_parent,
)
from governance.core.subjects import Actor
from governance.enums import Role
from market.enums import Side
from market.models import Quote
from tests.api.scene import grant
from tests.execution.services.order_world import OrderWorld, instrument
from tests.factories import as_loader, make_user

D = Decimal


S = OrderState


# FLAT quotes 49.99 to 50.01, so the collar ends at 50.06; 1,000 of our shares fill a minute at 50.01 and above.
PASSIVE, TAKING, EDGE = D("49.90"), D("50.05"), D("50.06")


def trader(world: OrderWorld, codes: str = "ABCDE") -> Actor:
    user = make_user(Role.TRADER)
    for code in codes:
        grant(user, world.accounts[code], "view", "trade")
    return Actor(str(user.id), Role.TRADER)


def quote(world: OrderWorld) -> None:
    """Store the quote of this instant, as the market's feed does."""
    row = {"instrument": instrument("FLAT"), "source": "SIMULATED", "as_of": world.now, "bid": D("49.99"), "ask": D("50.01"), "last": D(50)}
    as_loader(lambda: Quote.objects.using("loader").bulk_create([Quote(**row)], ignore_conflicts=True))


def resting(world: OrderWorld, quantity: int = 100, limit: Decimal = PASSIVE, side: Side = Side.BUY, lines: Any = None) -> ChildOrder:
    """Write a parent at a stated limit for the day, with one account's order, or the block of several."""
    terms: dict[str, Any] = {"limit_price": limit, "is_limit_stated": True}
    parent = world.parent(lines or {"A": quantity}, "FLAT", side, **terms)
    return world.order(parent, None if lines else "A", parent.quantity, order_type="LIMIT", limit_price=limit)


def move(world: OrderWorld, order: ChildOrder, limit: Decimal | None, by: Actor | None = None, **more: Any) -> Replaced:
    quote(world)
    who = by or trader(world)
    return replace_parent(parent_id=order.parent_id, limit=limit, actor=who, now=world.now, reason="chase it", **more)


def chain(world: OrderWorld, order: ChildOrder) -> list[ChildOrder]:
    """Return the orders of the parent, oldest first."""
    return list(ChildOrder.objects.filter(parent_id=order.parent_id).order_by("created_at", "id"))


def assert_sound(world: OrderWorld) -> None:
    world.assert_venue_has_each_order_once()
    world.assert_shares_equal_executions()
    for parent in ParentOrder.objects.all():
        assert parent.filled_qty <= parent.quantity
    if not ParentOrder.objects.filter(done_at=None).exists():
        world.assert_books_equal_custody()
        world.assert_clearing_is_zero()
        world.assert_nothing_reserved()
