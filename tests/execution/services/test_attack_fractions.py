"""Quantities and prices of eight decimals, currencies without cents: to the last unit in every book (CON-1, I4, I6)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from accounts.models import TaxLot
from accounts.services import check_books
from execution.enums import ExecutionKind
from execution.gateways.enums import ReportedStatus
from execution.gateways.reports import OrderRef
from execution.services import finish_parents
from market.enums import Side
from tests.execution.services.order_world import CASH, OrderWorld
from tests.execution.services.test_attack_reports import sent, settled
from tests.execution.services.test_blocks import ended, fill, hear

D = Decimal
pytestmark = pytest.mark.django_db
ODD = [("0.12345679", "43123.45678901", "0.53"), ("0.00000001", "43123.99999999", "0.01"), ("1.00000003", "0.00000007", "0")]


@pytest.mark.parametrize(("quantity", "price", "fee"), ODD)
def test_i6_a_fill_of_eight_decimals_is_booked_and_taken_back_exactly(world: OrderWorld, quantity: str, price: str, fee: str) -> None:
    order = sent(world, world.single(D("2"), symbol="COIN"))
    hear(world, fill(world, order, "1", D(quantity), price, fee, symbol="COIN"))
    assert world.position("A", "COIN") == D(quantity)
    assert world.cash("A") == CASH - round(D(quantity) * D(price), 2) - D(fee)
    assert check_books() == []
    bust = fill(world, order, "1", D(quantity), price, "0", symbol="COIN", revision=1, kind=ExecutionKind.BUST)
    hear(world, bust)
    assert (world.position("A", "COIN"), world.cash("A")) == (0, CASH)
    settled(world)


def test_i4_a_block_of_eight_decimals_is_shared_to_the_last_unit_and_cent(world: OrderWorld) -> None:
    lines = {"A": D("0.33333333"), "B": D("0.33333333"), "C": D("0.33333334")}
    order = sent(world, world.block(lines, symbol="COIN"))
    for number, (quantity, price, fee) in enumerate(ODD[:2]):
        hear(world, fill(world, order, str(number), D(quantity), price, fee, symbol="COIN"))
    hear(world, ended(order))
    settled(world)
    assert sum(world.position(code, "COIN") for code in "ABC") == D("0.12345680")
    money = sum(D(q) * D(p) for q, p, _ in ODD[:2])
    assert 3 * CASH - sum(world.cash(code) for code in "ABC") == round(money, 2) + D("0.54")
    gone = fill(world, order, "0", 1, "1", "0", symbol="COIN", revision=1, kind=ExecutionKind.BUST, order_status=ReportedStatus.CANCELED)
    hear(world, gone)
    settled(world)
    assert sum(world.position(code, "COIN") for code in "ABC") == D("0.00000001")


def test_tax_2_selling_more_than_is_held_opens_a_short_and_its_cover_closes_it_in_eight_decimals(world: OrderWorld) -> None:
    buy = sent(world, world.single(D(1), symbol="COIN"))
    hear(world, fill(world, buy, "1", D("0.10000001"), "100", symbol="COIN"))
    out = sent(world, world.single(D(1), symbol="COIN", side=Side.SELL))
    hear(world, fill(world, out, "2", D("0.30000003"), "110", symbol="COIN", ref=OrderRef(out.client_order_id, "B2", 1)))
    assert world.position("A", "COIN") == D("-0.20000002")
    cover = sent(world, world.single(D(1), symbol="COIN"))
    hear(world, fill(world, cover, "3", D("0.20000002"), "90", symbol="COIN", ref=OrderRef(cover.client_order_id, "B3", 1)))
    assert world.position("A", "COIN") == 0
    finish_parents(now=world.now)
    assert check_books() == []
    assert not TaxLot.objects.filter(account=world.accounts["A"]).exclude(quantity=0).exists()


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_i4_a_block_whose_money_lies_a_hair_below_half_a_cent_is_shared_out(world: OrderWorld, side: Side) -> None:
    order = sent(world, world.block({"A": 3, "B": 2}, symbol="COIN", side=side))
    hear(world, fill(world, order, "1", D("0.99999999"), "0.015", symbol="COIN"), ended(order))
    settled(world)
    assert sum(world.position(code, "COIN") for code in "AB") == side.sign * D("0.99999999")
