"""An account's orders: its own, and its part in the blocks of its own connection."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from accounts.models import Account
from allocation.models import AllocationLine
from base import tenancy
from execution.enums import OrderState
from execution.models import ChildOrder, ParentOrder
from execution.queries.parts import orders_with
from execution.services import finish_parents
from governance.core.subjects import Viewer
from governance.enums import Role
from market.enums import Side
from tests.api.scene import grant
from tests.execution.services.order_world import OrderWorld, make_world
from tests.execution.services.test_blocks import filled_block, shares
from tests.execution.venue.world import close_journals
from tests.factories import make_account, make_connection, make_firm, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(tmp_path: Path) -> Iterator[OrderWorld]:
    with tenancy.firm(make_firm().id):
        made = make_world(tmp_path / "venue.journal", holdings={"A": 30})
        made.session.start()
        yield made
    close_journals()


def seen(account: Account, viewer: Viewer | None = None) -> list[Any]:
    viewer = viewer or Viewer(make_user(Role.RISK).id, oversight=True, on=date(2026, 1, 5))
    rows = orders_with(viewer, account_id=account.pk, connection_id=account.connection_id).order_by("-id")
    return [(row.pk, row.is_part, row.part, row.got, row.blocks) for row in rows]


def line(parent: ParentOrder, account: Account, quantity: int) -> None:
    AllocationLine.objects.create(
        statement=parent.statement, account=account, raw=D(quantity), after_rules=[], binding_rule="", reason="", quantity=D(quantity)
    )


def another(order: ChildOrder, **fields: Any) -> ChildOrder:
    """Write one more order of the same parent."""
    values = {f.attname: getattr(order, f.attname) for f in ChildOrder._meta.fields if f.attname not in ("id", "firm_id")}
    return ChildOrder.objects.create(**{**values, "client_order_id": f"N{ChildOrder.objects.count()}", **fields})


def test_alc_1_an_account_has_no_part_in_blocks_of_another_connection(world: OrderWorld) -> None:
    order = world.block({"A": 300, "B": 200})
    elsewhere = make_account(connection=make_connection())
    line(order.parent, elsewhere, 70)
    own = another(order, account_id=elsewhere.pk, connection_id=elsewhere.connection_id, is_block=False, quantity=D(70))
    assert seen(elsewhere) == [(own.pk, False, D(70), D(0), 0)]
    assert seen(world.accounts["A"]) == [(order.pk, True, D(300), D(0), 1)]


@pytest.mark.parametrize("quantity", [0, -40])
def test_alc_1_a_line_without_a_quantity_of_the_blocks_side_is_no_part(world: OrderWorld, quantity: int) -> None:
    order = world.block({"A": 300})
    line(order.parent, world.accounts["B"], quantity)
    assert seen(world.accounts["B"]) == []


def test_a_part_of_a_sale_is_told_without_a_sign(world: OrderWorld) -> None:
    order = world.block({"A": 20, "B": 10}, side=Side.SELL)
    assert seen(world.accounts["B"]) == [(order.pk, True, D(10), D(0), 1)]


def test_alc_3_the_share_is_told_once_it_is_booked(world: OrderWorld) -> None:
    order = filled_block(world)
    assert seen(world.accounts["A"]) == [(order.pk, True, D(3333), None, 1)]
    assert finish_parents(now=world.now).booked
    assert shares(world)["A"][0] == D(2666)
    assert seen(world.accounts["A"]) == [(order.pk, True, D(3333), D(2666), 1)]


def test_blocks_of_one_parent_are_one_order_and_the_one_that_works_is_shown(world: OrderWorld) -> None:
    order = world.block({"A": 300, "B": 200})
    newer = another(order, state=OrderState.CANCELED)
    assert seen(world.accounts["A"]) == [(order.pk, True, D(300), D(0), 2)]
    ChildOrder.objects.filter(pk=order.pk).update(state=OrderState.CANCELED)
    assert seen(world.accounts["A"]) == [(newer.pk, True, D(300), D(0), 2)]


def test_the_clearing_account_has_the_block_whole(world: OrderWorld) -> None:
    order = world.block({"A": 300, "B": 200})
    assert seen(world.clearing) == [(order.pk, False, D(500), D(0), 0)]


def test_who_sees_one_account_sees_its_part_and_nothing_of_the_block(world: OrderWorld) -> None:
    order = world.block({"A": 300, "B": 200})
    trader = make_user(Role.TRADER)
    grant(trader, world.accounts["A"], "view")
    viewer = Viewer(trader.id, oversight=False, on=date(2026, 1, 5))
    assert seen(world.accounts["A"], viewer) == [(order.pk, True, D(300), D(0), 1)]
    assert seen(world.accounts["B"], viewer) == []
    of = {"account_id": world.accounts["A"].pk, "connection_id": world.accounts["A"].connection_id}
    assert [row.is_whole for row in orders_with(viewer, **of)] == [False]
    grant(trader, world.accounts["B"], "view")
    assert [row.is_whole for row in orders_with(viewer, **of)] == [True]
