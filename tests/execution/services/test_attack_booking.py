"""A report that cannot be written holds up no other; batches cut in any way leave the same books (I3, I6)."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from django.db import transaction

from accounts.enums import LotMethod
from accounts.models import Account, CashBalance, LotClosure, Position, Reservation, TaxLot
from accounts.services import check_books
from execution.enums import ExecutionKind
from execution.models import ChildOrder, Execution, ParentOrder
from execution.services.evidence import Evidence
from governance.models import Alert
from market.enums import Side
from tests.execution.services.order_world import OrderWorld
from tests.execution.services.test_blocks import ended, fill, hear
from tests.execution.services.test_fill_statements import sent

pytestmark = pytest.mark.django_db


def test_a_reason_that_is_no_text_holds_up_no_other_report(world: OrderWorld) -> None:
    order, other = world.single(100), world.single(100, code="B")
    sent(world, order, other)
    hear(world, replace(ended(order), reason="cut \udc80"), fill(world, other, "2", 5, "50"))
    assert world.position("B") == 5 and check_books() == []
    assert Alert.objects.filter(rule="I3", ended_at=None).exists()


def books() -> list[Any]:
    """Return everything that follows from executions, but for row ids."""
    lots = TaxLot.objects.values_list("account__code", "transaction__source_key", "quantity", "basis", "original_quantity")
    gone = LotClosure.objects.values_list(
        "account__code", "lot__transaction__source_key", "transaction__source_key", "quantity", "proceeds", "basis"
    )
    return [
        sorted(Position.objects.values_list("account__code", "quantity", "last_traded_on")),
        sorted(CashBalance.objects.values_list("account__code", "settle_date", "amount", "outflow")),
        sorted(lots),
        sorted(gone),
        sorted(
            Reservation.objects.values_list("account__code", "original_quantity", "side", "quantity", "cash", "filled_qty", "released_at")
        ),
        sorted(ParentOrder.objects.values_list("id", "filled_qty")),
        sorted(ChildOrder.objects.values_list("id", "state", "filled_qty", "filled_notional")),
        sorted(Execution.objects.values_list("broker_exec_id", "revision", "last_qty")),
    ]


def told_at_random(world: OrderWorld, orders: list[ChildOrder], draw: Random) -> list[Evidence]:
    """Return fills of several orders both ways, some of them busted, corrected or told twice later on."""
    told: list[Evidence] = []
    left = {order.id: 100 for order in orders}
    for number in range(14):
        order = draw.choice(orders)
        quantity = min(draw.randint(1, 40), left[order.id])
        if not quantity:
            continue
        left[order.id] -= quantity
        one = fill(world, order, f"{number}", quantity, f"{draw.randint(4900, 5100) / 100}", draw.choice(("0", "1.005", "2")))
        told.append(one)
        what = draw.choice(("bust", "correct", "again", "", "", ""))
        assert one.execution is not None
        if what == "bust":
            told.append(fill(world, order, f"{number}", quantity, "50", "0", revision=1, kind=ExecutionKind.BUST))
        elif what == "correct":
            told.append(fill(world, order, f"{number}", max(1, quantity - 1), "50.5", "1", revision=1, kind=ExecutionKind.CORRECT))
        elif what == "again":
            told.append(one)
    return told


@pytest.mark.parametrize("method", [LotMethod.FIFO, LotMethod.HIFO, LotMethod.AVERAGE], ids=str)
@pytest.mark.parametrize("seed", range(5))
def test_i6_however_the_same_reports_are_cut_into_batches_the_books_are_the_same(open_world: Any, seed: int, method: LotMethod) -> None:
    draw = Random(seed)
    world = open_world(holdings={"A": 30, "B": -20})
    world.step()
    Account.objects.filter(is_clearing=False).update(lot_method=method)
    orders = [world.single(100, code=code, side=side) for code in "ABC" for side in (Side.BUY, Side.SELL)]
    sent(world, *orders)
    told = told_at_random(world, orders, draw)
    found = []
    for most in (1, 4, len(told)):
        with transaction.atomic():
            at = 0
            while at < len(told):
                n = draw.randint(1, most) if most < len(told) else most
                hear(world, *told[at : at + n])
                at += n
            assert check_books() == []
            found.append(books())
            transaction.set_rollback(True)
    assert found[0] == found[1] == found[2]
