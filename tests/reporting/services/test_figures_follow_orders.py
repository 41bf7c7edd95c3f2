"""What the order path books and ends is marked by it: the changed alone yield what a whole yields (DESIGN §4.10)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from allocation.models import AllocationLine
from base import tenancy
from base.core.ids import new_id
from execution.enums import ExecutionKind, OrderState
from execution.models import ParentOrder
from execution.services import cancel_parent, finish_parents
from governance.core.subjects import Actor, Viewer
from governance.enums import Role
from market.enums import Side
from reporting.models import AccountFigures, FigureMark, FigureSources, FigureTotals
from reporting.queries.account_sheet import fills_of
from reporting.services import refresh_changed, refresh_figures
from tests.execution.services.order_world import OrderWorld, make_world
from tests.execution.services.test_blocks import ended, fill, hear
from tests.execution.services.test_fill_statements import sent
from tests.execution.venue.world import close_journals
from tests.factories import make_firm, make_user

from .test_figure_changes import stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(tmp_path: Path) -> Iterator[OrderWorld]:
    with tenancy.firm(make_firm().id):
        made = make_world(tmp_path / "venue.journal", holdings={"A": 30})
        made.session.start()
        refresh_figures(now=made.now)
        yield made
    close_journals()


def brought_along(world: OrderWorld) -> int:
    """Work out what changed, see that a whole says the same, and return of how many accounts that was."""
    world.advance(seconds=1)
    FigureSources.objects.update(whole_at=world.now)
    found = refresh_changed(now=world.now).accounts
    alone = stored()
    with transaction.atomic():
        refresh_figures(now=world.now)
        assert alone == stored()
        transaction.set_rollback(True)
    assert not FigureMark.objects.exists()
    return found


def figures(code: str) -> tuple[Any, ...]:
    return AccountFigures.objects.values_list("orders", "fills", "working", "positions", "realised").get(code=code)


def test_a_fill_a_bust_and_the_end_of_an_order_are_seen(world: OrderWorld) -> None:
    order = sent(world, world.single(100))
    assert brought_along(world) == 1 and figures("A")[:4] == (1, 0, 1, 1)
    hear(world, fill(world, order, "1", 60, "50.01", "1"))
    assert brought_along(world) == 1 and figures("A")[:4] == (1, 1, 1, 1)
    hear(world, fill(world, order, "1", 60, "50.01", "0", revision=1, kind=ExecutionKind.BUST))
    assert brought_along(world) == 1 and figures("A")[1] == 0
    hear(world, ended(order))
    assert brought_along(world) == 1 and figures("A")[2] == 0


def test_a_sale_through_zero_realises_and_is_seen(world: OrderWorld) -> None:
    order = sent(world, world.single(100, side=Side.SELL))
    hear(world, fill(world, order, "1", 100, "50.01", "1"))
    assert brought_along(world) == 1
    assert figures("A") == (1, 1, 0, 1, D(300))


def test_a_block_is_seen_when_it_is_shared_out_and_no_clearing_account_has_figures(world: OrderWorld) -> None:
    order = sent(world, world.block({"A": 300, "B": 200}))
    brought_along(world)
    hear(world, fill(world, order, "1", 500, "50.01", "3"))
    brought_along(world)
    assert finish_parents(now=world.now).booked
    assert brought_along(world) == 2
    assert figures("B")[1] == 1 and not AccountFigures.objects.filter(code="BLOCK").exists()
    hear(world, fill(world, order, "1", 500, "50.02", "3", revision=1, kind=ExecutionKind.CORRECT))
    assert finish_parents(now=world.now).booked
    brought_along(world)
    assert figures("B")[1] == 1
    seen = Viewer(make_user(Role.RISK).id, oversight=True, on=world.now.date())
    assert [row.quantity for row in fills_of(account_id=world.accounts["B"].pk, viewer=seen)] == [D(200)]


def test_a_block_that_works_is_an_order_of_each_account_behind_it_until_it_ends(world: OrderWorld) -> None:
    order = sent(world, world.block({"A": 300, "B": 200}))
    AllocationLine.objects.create(
        statement=order.parent.statement, account=world.accounts["C"], raw=0, after_rules=[], binding_rule="", reason="", quantity=0
    )
    assert brought_along(world) >= 2
    assert [figures(code)[:3] for code in "ABC"] == [(1, 0, 1), (1, 0, 1), (0, 0, 0)]
    assert FigureTotals.objects.values_list("orders", "working").get(kind="FIRM") == (2, 2)
    hear(world, fill(world, order, "1", 100, "50.01", "3"))
    brought_along(world)
    hear(world, ended(order))
    assert brought_along(world) == 2
    assert [figures(code)[:3] for code in "AB"] == [(1, 0, 0), (1, 0, 0)]
    assert finish_parents(now=world.now).booked
    brought_along(world)
    assert [figures(code)[:3] for code in "AB"] == [(1, 1, 0), (1, 1, 0)]


def test_further_blocks_of_a_parent_are_the_same_order_and_mark_who_has_a_part(world: OrderWorld) -> None:
    order = sent(world, world.block({"A": 300, "B": 200}))
    hear(world, ended(order))
    brought_along(world)
    assert figures("A")[:3] == (1, 0, 0)
    order.pk, order.client_order_id, order.state = new_id(), "another", OrderState.PENDING
    order.save(force_insert=True)
    assert brought_along(world) == 2
    assert figures("A")[:3] == (1, 0, 1)


def test_a_parent_that_is_canceled_gives_back_what_it_held(world: OrderWorld) -> None:
    world.single(100)
    brought_along(world)
    cancel_parent(
        parent_id=ParentOrder.objects.get().id, actor=Actor(str(make_user(Role.TRADER).id), Role.TRADER), now=world.now, reason="x"
    )
    finish_parents(now=world.now)
    assert brought_along(world) == 1 and figures("A")[2] == 0
    world.assert_nothing_reserved()


def test_what_a_clock_that_goes_ahead_has_written_is_counted_though_its_mark_is_gone(world: OrderWorld) -> None:
    before = world.now
    order = sent(world, world.single(100))
    world.advance(seconds=1)
    hear(world, fill(world, order, "1", 60, "50.01", "1"))
    FigureSources.objects.update(whole_at=before)
    assert refresh_changed(now=before + timedelta(milliseconds=1)).accounts == 1
    assert figures("A")[:3] == (1, 1, 1)
    assert world.state(order) is OrderState.PARTIALLY_FILLED
