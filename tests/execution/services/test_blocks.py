"""Blocks: from the clearing account to the accounts behind them, to the share and the cent (ALC-3, ALC-4, I3, I4)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import LedgerTransaction, TaxLot
from execution.core.lifecycle import Report
from execution.enums import ExecType, ExecutionKind, NoticeState, OrderState, OrderType, ParentState, SharePolicy, TimeInForce
from execution.gateways.enums import ReportedStatus
from execution.gateways.reports import ExecutionReport, OrderRef
from execution.models import AllocationNotice, Booking, ChildOrder, ParentOrder, Share
from execution.queries import provisional_shares
from execution.services import finish_parents
from execution.services.claim import claim
from execution.services.evidence import Evidence, of_execution
from execution.services.reports import process
from market.enums import Side
from tests.execution.services.order_world import CASH, OrderWorld

D = Decimal
S = OrderState
pytestmark = pytest.mark.django_db
FIVE = {"A": 3333, "B": 2667, "C": 1999, "D": 1251, "E": 750}
DAY, NEXT = date(2026, 1, 5), date(2026, 1, 6)


def fill(world: OrderWorld, order: ChildOrder, exec_id: str, quantity: int, price: str, fee: str = "0", **changes: Any) -> Evidence:
    values: dict[str, Any] = {
        "broker_exec_id": exec_id,
        "revision": 0,
        "kind": ExecutionKind.NEW,
        "ref": OrderRef(order.client_order_id, "B1", 1),
        "account": "BLOCK",
        "symbol": "FLAT",
        "side": Side(order.side),
        "last_qty": D(quantity),
        "last_px": D(price),
        "commission": D(fee),
        "currency": "USD",
        "trade_date": DAY,
        "settle_date": NEXT,
        "at": world.now,
        "order_status": ReportedStatus.PARTIALLY_FILLED,
        "filled_qty": D(0),
        "leaves_qty": D(0),
    }
    return of_execution(ExecutionReport(**{**values, **changes}))


def ended(order: ChildOrder, kind: ExecType = ExecType.CANCELED) -> Evidence:
    return Evidence(OrderRef(order.client_order_id, "B1", 1), Report(kind))


def hear(world: OrderWorld, *evidence: Evidence) -> None:
    process(connection_id=world.connection.id, evidence=evidence, now=world.now)


def filled_block(world: OrderWorld, **terms: Any) -> ChildOrder:
    """Return a block of 10,000 of which ALC-3's 8,000 have been filled for a fee of 40.00, and which has ended."""
    order = world.block(FIVE, **terms)
    assert claim(connection_id=world.connection.id, epoch=world.session.line.epoch, order_ids=[order.id], now=world.now) == {order.id}
    hear(
        world,
        fill(world, order, "1", 3000, "50.01", "15"),
        fill(world, order, "2", 3500, "50.03", "17.50"),
        fill(world, order, "3", 1500, "50.06", "7.50"),
        ended(order),
    )
    return order


def shares(world: OrderWorld) -> dict[str, tuple[D, D, D]]:
    newest = Booking.objects.order_by("-revision").first()
    rows = Share.objects.filter(booking=newest).values_list("account__code", "quantity", "notional", "fee")
    return {code: (quantity, notional, fee) for code, quantity, notional, fee in rows}


def test_alc_3_booking_figures_through_the_database(world: OrderWorld) -> None:
    filled_block(world)
    assert finish_parents(now=world.now).booked
    assert shares(world) == {
        "A": (D(2666), D("133374.98"), D("13.33")),
        "B": (D(2134), D("106760.02"), D("10.67")),
        "C": (D(1599), D("79994.97"), D("8.00")),
        "D": (D(1001), D("50078.15"), D("5.00")),
        "E": (D(600), D("30016.88"), D("3.00")),
    }
    booking = Booking.objects.get()
    assert (booking.quantity, booking.notional, booking.fee, booking.revision) == (D(8000), D("400225"), D(40), 0)
    assert world.position("A") == 2666 and world.cash("A") == CASH - D("133374.98") - D("13.33")
    assert world.position("BLOCK") == 0 and world.cash("BLOCK") == 0
    world.assert_clearing_is_zero()
    world.assert_shares_equal_executions()
    world.assert_nothing_reserved()
    assert ParentOrder.objects.get().state == ParentState.DONE


def test_alc_3_shares_of_a_working_block_are_provisional(world: OrderWorld) -> None:
    order = world.block(FIVE)
    claim(connection_id=world.connection.id, epoch=world.session.line.epoch, order_ids=[order.id], now=world.now)
    hear(world, fill(world, order, "1", 8000, "50.00"))
    assert not finish_parents(now=world.now).booked
    rows = provisional_shares(parent_id=order.parent_id)
    assert [int(row.quantity) for row in rows] == [2666, 2134, 1599, 1001, 600]
    assert not any(row.is_final for row in rows)
    assert world.position("A") == 0
    hear(world, ended(order))
    finish_parents(now=world.now)
    assert all(row.is_final for row in provisional_shares(parent_id=order.parent_id))


def test_alc_3_what_a_working_block_filled_is_booked_at_the_end_of_the_session(world: OrderWorld) -> None:
    order = world.block(FIVE)
    claim(connection_id=world.connection.id, epoch=world.session.line.epoch, order_ids=[order.id], now=world.now)
    hear(world, fill(world, order, "1", 8000, "50.00"))
    finished = finish_parents(now=world.now, session_ended=True)
    assert finished.booked and not finished.done
    assert world.position("A") == 2666
    assert finish_parents(now=world.now, session_ended=True).booked == ()
    hear(world, fill(world, order, "2", 2000, "50.00", trade_date=NEXT), ended(order))
    finish_parents(now=world.now)
    assert world.position("A") == 3333 and Booking.objects.count() == 2
    world.assert_clearing_is_zero()
    world.assert_shares_equal_executions()


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (SharePolicy.PRO_RATA, [2666, 2134, 1599, 1001, 600]),
        (SharePolicy.EQUAL_CAPPED, [2000, 2000, 1999, 1251, 750]),
    ],
)
def test_alc_4_the_frozen_policy_shares(world: OrderWorld, policy: SharePolicy, expected: list[int]) -> None:
    filled_block(world, share_policy=policy)
    finish_parents(now=world.now)
    assert [int(shares(world)[code][0]) for code in "ABCDE"] == expected
    world.assert_clearing_is_zero()


def test_i3_finishing_twice_books_once(world: OrderWorld) -> None:
    filled_block(world)
    finish_parents(now=world.now)
    before = LedgerTransaction.objects.count()
    ParentOrder.objects.update(needs_booking=True)
    assert finish_parents(now=world.now).booked == ()
    assert (Booking.objects.count(), LedgerTransaction.objects.count()) == (1, before)


def test_a_bust_before_the_booking_changes_what_is_booked(world: OrderWorld) -> None:
    order = filled_block(world)
    hear(world, fill(world, order, "3", 1500, "50.06", "0", revision=1, kind=ExecutionKind.BUST))
    finish_parents(now=world.now)
    booking = Booking.objects.get()
    assert (booking.quantity, booking.notional, booking.fee) == (D(6500), D("325135"), D("32.50"))
    world.assert_clearing_is_zero()
    world.assert_shares_equal_executions()


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_a_bust_after_the_booking_reverses_it_and_books_anew(open_world, side: Side) -> None:
    world = open_world(holdings=dict.fromkeys("ABCDE", 5_000))
    world.session.start()
    order = filled_block(world, side=side)
    finish_parents(now=world.now)
    hear(world, fill(world, order, "3", 1500, "50.06", "0", revision=1, kind=ExecutionKind.BUST))
    assert finish_parents(now=world.now).booked
    assert [row.revision for row in Booking.objects.order_by("revision")] == [0, 1]
    assert sum(row[0] for row in shares(world).values()) == 6500
    assert world.position("A") == 5_000 + side.sign * 2166
    world.assert_clearing_is_zero()
    world.assert_shares_equal_executions()
    lots = TaxLot.objects.filter(account=world.accounts["A"]).exclude(quantity=0).values_list("quantity", flat=True)
    assert sum(lots) == world.position("A")
    assert "ALC-3" in world.alerts()


def test_a_correction_after_the_booking_changes_money_alone(world: OrderWorld) -> None:
    order = filled_block(world)
    finish_parents(now=world.now)
    corrected = fill(world, order, "3", 1500, "50.07", "7.50", revision=1, kind=ExecutionKind.CORRECT)
    hear(world, corrected, corrected)
    finish_parents(now=world.now)
    assert {code: int(row[0]) for code, row in shares(world).items()} == {"A": 2666, "B": 2134, "C": 1599, "D": 1001, "E": 600}
    assert Booking.objects.get(revision=1).notional == D("400240")
    assert sum(CASH - world.cash(code) for code in FIVE) == D("400240") + 40
    world.assert_clearing_is_zero()
    world.assert_shares_equal_executions()


def test_a_block_busted_altogether_leaves_nothing(world: OrderWorld) -> None:
    order = filled_block(world)
    finish_parents(now=world.now)
    hear(world, *(fill(world, order, n, 1, "50", "0", revision=1, kind=ExecutionKind.BUST) for n in "123"))
    finish_parents(now=world.now)
    assert all(world.position(code) == 0 and world.cash(code) == CASH for code in FIVE)
    world.assert_clearing_is_zero()
    world.assert_shares_equal_executions()


def test_i5_an_overfill_is_booked_and_alarmed_and_never_given_to_clients(world: OrderWorld) -> None:
    order = world.block(FIVE)
    claim(connection_id=world.connection.id, epoch=world.session.line.epoch, order_ids=[order.id], now=world.now)
    hear(world, fill(world, order, "1", 10_000, "50.00"), fill(world, order, "2", 7, "50.00"))
    finish_parents(now=world.now)
    assert {code: world.position(code) for code in FIVE} == FIVE
    assert world.position("BLOCK") == 7 and world.cash("BLOCK") == -350
    assert {"I5", "ALC-3"} <= world.alerts()
    world.assert_shares_equal_executions()


def test_a_late_fill_of_a_block_that_was_booked_is_booked_too(world: OrderWorld) -> None:
    order = filled_block(world)
    finish_parents(now=world.now)
    hear(world, fill(world, order, "4", 500, "50.00"))
    finish_parents(now=world.now)
    assert Booking.objects.get(revision=1).quantity == 8500
    assert world.state(order) is S.CANCELED and "I5" in world.alerts()
    world.assert_clearing_is_zero()
    world.assert_shares_equal_executions()


def test_i7_a_block_is_shared_out_at_the_custodian_as_in_our_books(world: OrderWorld) -> None:
    lines = {"A": 3333, "B": 2667, "C": 1999}
    order = world.block(lines, order_type=OrderType.LIMIT, limit_price=D("50.20"), time_in_force=TimeInForce.DAY)
    world.live(minutes=10)
    order.refresh_from_db()
    assert (order.state, order.filled_qty) == (S.FILLED, D(7999))
    world.step()
    assert AllocationNotice.objects.get().state == NoticeState.CONFIRMED
    assert {code: world.position(code) for code in lines} == lines
    world.assert_books_equal_custody()
    world.assert_clearing_is_zero()
    world.assert_shares_equal_executions()
    world.assert_nothing_reserved()


def test_a_notice_that_is_not_answered_is_sent_again_and_carried_out_once(world: OrderWorld) -> None:
    world.block({"A": 300, "B": 200})
    world.live(minutes=1)
    world.service.faults.force("lose_ack", 2)
    world.live(minutes=2)
    notice = AllocationNotice.objects.get()
    assert (notice.state, notice.attempts) == (NoticeState.CONFIRMED, 3)
    world.assert_books_equal_custody()
