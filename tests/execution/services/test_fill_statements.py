"""What a fill asks of the database: the literal number of statements, one fill or a burst (DESIGN §4.10)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Reservation
from accounts.services import book_rows, check_books
from base.prepared import Part, names_of
from execution.enums import ExecutionKind, OrderState
from execution.models import ChildOrder, Execution, ParentOrder
from execution.services import finish_parents
from execution.services.claim import claim
from execution.services.fills import EXECUTIONS
from governance.models import Alert
from market.enums import Side
from tests.execution.services.order_world import CASH, OrderWorld
from tests.execution.services.test_blocks import fill, hear

D = Decimal
pytestmark = pytest.mark.django_db
# The savepoint's two; orders locked; what is known; orders and executions written, accounts locked; what stands; the books written.
ONE = 7


def sent(world: OrderWorld, *orders: ChildOrder) -> ChildOrder:
    ids = [order.id for order in orders]
    assert claim(connection_id=world.connection.id, epoch=world.session.line.epoch, order_ids=ids, now=world.now) == set(ids)
    return orders[0]


def asked(world: OrderWorld, *evidence: Any) -> int:
    with CaptureQueriesContext(connection) as found:
        hear(world, *evidence)
    return len(found)


def test_a_fill_asks_seven_statements_with_what_it_gives_back(world: OrderWorld) -> None:
    order = sent(world, world.single(100))
    assert asked(world, fill(world, order, "1", 40, "50.01", "1")) == ONE
    assert Reservation.objects.get().quantity == 60
    assert (world.position("A"), world.cash("A")) == (40, CASH - D("2000.40") - 1)
    assert check_books() == []


def test_the_fill_that_completes_an_order_asks_one_more_to_release_it(world: OrderWorld) -> None:
    order = sent(world, world.single(100))
    assert asked(world, fill(world, order, "1", 100, "50.01", "1")) == ONE + 1
    assert world.state(order) is OrderState.FILLED
    world.assert_nothing_reserved()
    assert check_books() == []


def test_a_burst_of_two_hundred_fills_of_many_orders_asks_as_many_as_one(world: OrderWorld) -> None:
    orders = [world.single(1_000, code=code) for code in "ABCDE"]
    sent(world, *orders)
    burst = [fill(world, order, f"{i}|{order.id}", 2, "50.01", "1") for i in range(40) for order in orders]
    assert asked(world, *burst) == ONE
    assert Execution.objects.count() == 200 and {world.position(code) for code in "ABCDE"} == {80}
    assert set(ParentOrder.objects.values_list("filled_qty", flat=True)) == {80}
    assert check_books() == []


def test_a_repetition_reads_and_writes_only_the_order(world: OrderWorld) -> None:
    order = sent(world, world.single(100))
    told = fill(world, order, "1", 40, "50.01", "1")
    hear(world, told)
    assert asked(world, told) <= 5
    assert Execution.objects.count() == 1 and world.position("A") == 40 and check_books() == []


def test_a_block_fills_into_its_clearing_account(world: OrderWorld) -> None:
    order = sent(world, world.block({"A": 300, "B": 200}))
    assert asked(world, fill(world, order, "1", 300, "50.01", "3")) == ONE
    assert (world.position("A"), world.position("BLOCK")) == (0, 0)  # what clearing holds is no position
    assert ParentOrder.objects.get().needs_booking
    hear(world, fill(world, order, "2", 200, "50.03", "2"))
    finish_parents(now=world.now)
    world.assert_clearing_is_zero()
    world.assert_shares_equal_executions()
    assert check_books() == []


def test_a_bust_and_a_correction_of_one_execution_leave_what_stands(world: OrderWorld) -> None:
    order = sent(world, world.single(100))
    hear(world, fill(world, order, "1", 60, "50.01", "1"), fill(world, order, "2", 40, "50.02", "1"))
    # A replay of the position reads its lots, closures and events, and writes what differs.
    assert asked(world, fill(world, order, "1", 60, "50.01", "0", revision=1, kind=ExecutionKind.BUST)) <= ONE + 12
    assert (world.position("A"), world.cash("A")) == (40, CASH - D("2000.80") - 1)
    hear(world, fill(world, order, "2", 30, "50.02", "1", revision=1, kind=ExecutionKind.CORRECT))
    assert (world.position("A"), world.cash("A")) == (30, CASH - D("1500.60") - 1)
    assert check_books() == []


@pytest.mark.parametrize("held", [0, 30, 100])
def test_a_sale_goes_through_zero_into_a_short_and_a_buy_comes_back(open_world: Any, held: int) -> None:
    world = open_world(holdings={"A": held} if held else {})
    world.step()
    sale, cover = world.single(100, side=Side.SELL), world.single(100)
    sent(world, sale, cover)
    assert asked(world, fill(world, sale, "1", 60, "50.01", "1")) == ONE
    hear(world, fill(world, sale, "2", 40, "50.03", "1"))
    assert world.position("A") == held - 100 and check_books() == []
    hear(world, fill(world, cover, "3", 50, "50.02", "1"), fill(world, cover, "4", 50, "50.04", "1"))
    assert world.position("A") == held and check_books() == []
    assert not Alert.objects.filter(ended_at=None).exists()


INSERTED = [EXECUTIONS, *(getattr(book_rows, name) for name in ("HEADS", "ENTRIES", "POSITIONS", "CASH", "LOTS", "CLOSURES"))]


@pytest.mark.parametrize("part", INSERTED, ids=lambda part: part.name)
def test_what_is_inserted_names_every_column_of_its_table(part: Part) -> None:
    sql = "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND column_name <> 'firm_id'"
    with connection.cursor() as cursor:
        cursor.execute(sql, [part.sql.split()[2]])
        assert {name for (name,) in cursor.fetchall()} == set(names_of(part.columns).split(", "))
