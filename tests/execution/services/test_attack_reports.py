"""Hostile executions: twice, of two orders, taken back, kept fees, strange fees; the books stay exact (I3–I6)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from accounts.services import check_books
from base.core.money import round_money
from execution.enums import ExecutionKind, OrderState
from execution.gateways.enums import ReportedStatus
from execution.gateways.reports import OrderRef
from execution.models import ChildOrder, Execution
from execution.services import finish_parents
from execution.services.claim import claim
from execution.services.reports import process
from governance.models import Alert
from market.enums import Side
from tests.execution.services.order_world import CASH, OrderWorld
from tests.execution.services.test_blocks import ended, fill, hear

D = Decimal
S = OrderState
pytestmark = pytest.mark.django_db
BUST, CORRECT = ExecutionKind.BUST, ExecutionKind.CORRECT


def sent(world: OrderWorld, order: ChildOrder) -> ChildOrder:
    assert claim(connection_id=world.connection.id, epoch=world.session.line.epoch, order_ids=[order.id], now=world.now)
    return order


def settled(world: OrderWorld) -> None:
    finish_parents(now=world.now)
    assert check_books() == []
    world.assert_shares_equal_executions()
    world.assert_clearing_is_zero()


def stranger(world: OrderWorld, order: ChildOrder, exec_id: str, quantity: int, price: str, **changes: Any) -> Any:
    return fill(world, order, exec_id, quantity, price, ref=OrderRef("", "NOBODY", 7), account="A", **changes)


def test_a_bust_takes_back_exactly_what_was_booked(world: OrderWorld) -> None:
    order = sent(world, world.single(100))
    hear(world, fill(world, order, "1", 100, "50.01", "1.25"))
    assert world.position("A") == 100
    bust = fill(world, order, "1", 100, "50.01", "0", revision=1, kind=BUST)
    hear(world, bust)
    hear(world, bust)
    assert (world.position("A"), world.cash("A")) == (0, CASH)
    settled(world)


def test_a_busted_execution_stays_busted_when_an_older_correction_arrives_late(world: OrderWorld) -> None:
    order = sent(world, world.single(100))
    hear(world, fill(world, order, "1", 100, "50.01", "1"))
    hear(world, fill(world, order, "1", 100, "50.01", "0", revision=2, kind=BUST))
    hear(world, fill(world, order, "1", 90, "50.02", "1", revision=1, kind=CORRECT))
    assert (world.position("A"), world.cash("A")) == (0, CASH)
    settled(world)


def test_a_bust_whose_fee_stays_charged_keeps_the_fee(world: OrderWorld) -> None:
    order = sent(world, world.single(100))
    hear(world, fill(world, order, "1", 100, "50.01", "1.25"))
    hear(world, fill(world, order, "1", 100, "50.01", "0.40", revision=1, kind=BUST))
    assert (world.position("A"), world.cash("A")) == (0, CASH - D("0.40"))
    hear(world, fill(world, order, "1", 100, "50.02", "1.25", revision=2, kind=CORRECT))
    assert (world.position("A"), world.cash("A")) == (100, CASH - 5_002 - D("1.25"))
    settled(world)


@pytest.mark.parametrize("late", [False, True])
def test_a_bust_in_a_block_whose_fee_stays_charged_is_shared_out(world: OrderWorld, late: bool) -> None:
    order = sent(world, world.block({"A": 300, "B": 200}))
    hear(world, fill(world, order, "1", 300, "50.00", "3"), fill(world, order, "2", 200, "50.00", "2"), ended(order))
    if late:
        finish_parents(now=world.now)
    hear(world, fill(world, order, "2", 200, "50.00", "0.50", revision=1, kind=BUST, order_status=ReportedStatus.CANCELED))
    settled(world)
    assert world.position("A") + world.position("B") == 300
    assert 2 * CASH - world.cash("A") - world.cash("B") == 15_000 + D("3.50")


def test_an_execution_first_heard_as_a_strangers_is_booked_when_its_order_is_named(world: OrderWorld) -> None:
    order = sent(world, world.single(100))
    hear(world, stranger(world, order, "1", 100, "50.01"))
    assert world.position("A") == 0 and "I3" in world.alerts()
    hear(world, fill(world, order, "1", 100, "50.01", "1"))
    assert (world.position("A"), world.cash("A"), world.state(order)) == (100, CASH - 5_001 - 1, S.FILLED)
    assert "I3" not in world.alerts()
    settled(world)


def test_a_strangers_execution_corrected_under_our_name_is_booked_and_nothing_is_undone(world: OrderWorld) -> None:
    order = sent(world, world.single(100))
    hear(world, stranger(world, order, "1", 100, "50.01"))
    hear(world, fill(world, order, "1", 100, "50.02", "1", revision=1, kind=CORRECT))
    assert (world.position("A"), world.cash("A"), world.state(order)) == (100, CASH - 5_002 - 1, S.FILLED)
    settled(world)


def test_an_execution_id_that_a_broker_uses_for_two_orders_is_alarmed(world: OrderWorld) -> None:
    one, two = sent(world, world.single(100)), sent(world, world.single(100, code="B"))
    hear(world, fill(world, one, "1", 100, "50.01", "1"))
    hear(world, fill(world, two, "1", 100, "50.01", "1", ref=OrderRef(two.client_order_id, "B2", 1)))
    assert world.position("A") == 100
    assert Alert.objects.filter(rule="I3", ended_at=None).exists()
    settled(world)


def test_a_correction_that_names_another_order_does_not_take_from_it_what_it_never_had(world: OrderWorld) -> None:
    one, two = sent(world, world.single(100)), sent(world, world.single(100, code="B"))
    hear(world, fill(world, one, "1", 100, "50.01", "1"))
    hear(world, fill(world, two, "1", 60, "50.01", "1", ref=OrderRef(two.client_order_id, "B2", 1), revision=1, kind=CORRECT))
    assert (world.position("A"), world.position("B")) == (100, 0)
    assert Alert.objects.filter(rule="I3", ended_at=None).exists()
    settled(world)


@pytest.mark.parametrize("fee", ["0.3575", "-0.21", "-0.0042"])
def test_a_blocks_fee_finer_than_a_cent_or_a_rebate_is_shared_out(world: OrderWorld, fee: str) -> None:
    order = sent(world, world.block({"A": 300, "B": 200}))
    hear(world, fill(world, order, "1", 300, "50.00", fee), fill(world, order, "2", 200, "50.00", fee), ended(order))
    settled(world)
    assert {code: world.position(code) for code in "AB"} == {"A": 300, "B": 200}
    gone = fill(world, order, "2", 200, "50.00", "0", revision=1, kind=BUST, order_status=ReportedStatus.CANCELED)
    hear(world, gone)
    settled(world)
    assert world.position("A") + world.position("B") == 300


@pytest.mark.parametrize("fee", ["0.3575", "-0.21"])
def test_a_single_orders_odd_fee_is_booked_as_it_is(world: OrderWorld, fee: str) -> None:
    order = sent(world, world.single(100))
    hear(world, fill(world, order, "1", 100, "50.01", fee))
    assert world.cash("A") == CASH - 5_001 - round_money(D(fee), "USD")
    settled(world)


def test_the_same_revision_with_another_fee_is_a_conflict(world: OrderWorld) -> None:
    order = sent(world, world.single(100))
    hear(world, fill(world, order, "1", 100, "50.01", "1"))
    hear(world, fill(world, order, "1", 100, "50.01", "9"))
    assert world.cash("A") == CASH - 5_001 - 1
    assert "I3" in world.alerts()


def test_a_fill_of_the_other_side_is_alarmed(world: OrderWorld) -> None:
    order = sent(world, world.single(100))
    hear(world, fill(world, order, "1", 100, "50.01", "1", side=Side.SELL))
    assert Alert.objects.filter(rule="I3", ended_at=None).exists()


def test_a_fill_charged_in_another_currency_is_alarmed(world: OrderWorld) -> None:
    order = sent(world, world.single(100))
    hear(world, fill(world, order, "1", 100, "50.01", "1", currency="EUR"))
    assert Alert.objects.filter(rule="I3", ended_at=None).exists()


def test_i5_a_single_overfill_is_booked_and_alarmed(world: OrderWorld) -> None:
    order = sent(world, world.single(100))
    hear(world, fill(world, order, "1", 100, "50.00"), fill(world, order, "2", 50, "50.00"))
    assert world.position("A") == 150 and "I5" in world.alerts()
    settled(world)
    hear(world, fill(world, order, "2", 50, "50.00", revision=1, kind=BUST))
    assert (world.position("A"), world.state(order)) == (100, S.FILLED)
    settled(world)
    world.assert_nothing_reserved()


def test_a_fill_wins_after_the_cancel(world: OrderWorld) -> None:
    order = sent(world, world.single(100))
    hear(world, ended(order))
    finish_parents(now=world.now)
    hear(world, fill(world, order, "1", 40, "50.00"))
    assert (world.position("A"), world.state(order)) == (40, S.CANCELED)
    hear(world, fill(world, order, "2", 60, "50.00"))
    assert (world.position("A"), world.state(order)) == (100, S.FILLED)
    settled(world)


def test_shorts_and_covers_and_busts_of_them_keep_lots_equal_to_positions(open_world: Any) -> None:
    world = open_world(holdings={"A": 50})
    world.session.start()
    out = sent(world, world.single(120, side=Side.SELL))
    hear(world, fill(world, out, "1", 120, "50.00", "1"))
    assert world.position("A") == -70
    back = sent(world, world.single(200, side=Side.BUY))
    hear(world, fill(world, back, "2", 200, "49.00", "1", ref=OrderRef(back.client_order_id, "B9", 1)))
    assert world.position("A") == 130
    hear(world, fill(world, out, "1", 120, "50.00", "0", revision=1, kind=BUST))
    assert world.position("A") == 250
    hear(world, fill(world, back, "2", 200, "49.00", "0", revision=1, kind=BUST, ref=OrderRef(back.client_order_id, "B9", 1)))
    assert (world.position("A"), world.cash("A")) == (50, CASH)
    settled(world)


def test_the_same_execution_id_on_another_connection_is_another_execution(world: OrderWorld) -> None:
    order = sent(world, world.single(100))
    hear(world, fill(world, order, "1", 100, "50.00"))
    from tests.factories import make_connection

    other = make_connection(pools_blocks=False)
    process(connection_id=other.id, evidence=[stranger(world, order, "1", 100, "50.00")], now=world.now)
    assert Execution.objects.filter(broker_exec_id="1").count() == 2
    assert world.position("A") == 100 and "I3" in world.alerts()
    settled(world)


def test_the_fee_of_a_block_taken_back_altogether_stays_with_the_clearing_account_and_is_alarmed(world: OrderWorld) -> None:
    order = sent(world, world.block({"A": 300, "B": 200}))
    hear(world, fill(world, order, "1", 500, "50.00", "3"), ended(order))
    finish_parents(now=world.now)
    hear(world, fill(world, order, "1", 500, "50.00", "0.70", revision=1, kind=BUST, order_status=ReportedStatus.CANCELED))
    finish_parents(now=world.now)
    assert (world.position("A"), world.cash("A"), world.cash("B")) == (0, CASH, CASH)
    assert Alert.objects.filter(rule="ALC-3", message__contains="0.70 USD of fees").exists()
    assert check_books() == []


def test_a_contradicting_execution_is_kept_as_external_and_repeating_it_is_harmless(world: OrderWorld) -> None:
    order = sent(world, world.single(100))
    wrong = fill(world, order, "1", 100, "50.01", "1", side=Side.SELL)
    hear(world, wrong)
    hear(world, wrong)
    row = Execution.objects.get()
    assert (row.order_id, row.side, row.reported_symbol, world.position("A")) == (None, "SELL", "FLAT", 0)
    assert world.state(order) is S.SENDING
    settled(world)


def test_a_report_that_cannot_be_booked_holds_up_no_other(world: OrderWorld) -> None:
    one, two = sent(world, world.single(100)), sent(world, world.single(100, code="B"))
    poison = fill(world, one, "1", 10**9, "99999999", "1")
    fine = fill(world, two, "2", 100, "50.01", "1", ref=OrderRef(two.client_order_id, "B2", 1))
    hear(world, poison, fine)
    hear(world, poison, fine)
    assert (world.position("A"), world.position("B")) == (0, 100)
    assert Execution.objects.get(broker_exec_id="1").order_id is None
    assert Alert.objects.filter(message__contains="cannot be processed", ended_at=None).exists()
    settled(world)
