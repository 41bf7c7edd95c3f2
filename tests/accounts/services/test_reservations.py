"""ACC-4, CST-3: what live orders hold back, both sides."""

from __future__ import annotations

from decimal import Decimal as D

import numpy as np
import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import services
from accounts.core import reservations as core
from accounts.core.ledger import Holder
from accounts.enums import OrderSide
from accounts.models import Reservation
from accounts.queries.columns import raw_ids
from base import tenancy
from base.core.ids import new_id, new_ids
from tests.accounts.books import NOW, World, make_accounts, make_world
from tests.factories import make_account, make_firm

pytestmark = pytest.mark.django_db
UNIT = 10**8


@pytest.fixture
def world():
    with tenancy.firm(make_firm().id):
        yield make_world()


def reserve(world: World, orders, accounts, quantity, cash, *, side=OrderSide.BUY, currency="USD") -> int:
    return services.reserve(
        order_ids=orders,
        account_ids=accounts,
        sleeve_id=world.sleeve.id,
        instrument_id=world.instrument.id,
        side=side.value,
        quantity=np.asarray(quantity, np.int64),
        cash_currency=currency,
        cash=np.asarray(cash, np.int64),
        limit_price=D(50),
        now=NOW,
    )


@given(fills=st.lists(st.integers(-40, 70).filter(bool), max_size=6), price=st.integers(1, 99_999))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_acc_4_a_stored_hold_is_the_cores_however_the_fills_come(world: World, fills, price):
    order, limit = new_id(), D(price).scaleb(-4)
    held = core.reserve(core.Reservation(order, Holder(world.account.id), 1, OrderSide.BUY, D(100), limit, "USD"))
    reserve(world, raw_ids([order]), raw_ids([world.account.id]), [100 * UNIT], [int(held.cash * UNIT)])
    for fill in fills:
        if held.filled + fill >= 0:
            held = core.consume(held, D(fill))
            assert services.consume_reservations(order_ids=[order], account_ids=[world.account.id], filled=[D(fill)]) == 1
    row = Reservation.objects.get(order_id=order)
    assert (row.quantity, row.filled_qty) == (held.leaves_qty, held.filled)
    # The rate of a cent that rounding up put on the whole order stays on what is left: never less, a cent more at most.
    assert held.cash <= row.cash <= held.cash + D("0.01")
    if not held.filled:
        assert row.cash == held.cash


def test_a_slice_consumes_its_parents_hold_and_several_fills_add_up(world: World):
    parent, accounts = new_id(), [world.account.id, make_account().id]
    reserve(world, raw_ids([parent, parent]), raw_ids(accounts), [100 * UNIT, 10 * UNIT], [5000 * UNIT, 500 * UNIT])
    touched = services.consume_reservations(
        order_ids=[parent, parent, parent, new_id()],
        account_ids=[*accounts[:1] * 2, accounts[1], accounts[0]],
        filled=[D(30), D(20), D(12), D(1)],
    )
    assert touched == 2  # an order that never reserved is passed over
    rows = [Reservation.objects.get(account_id=a) for a in accounts]
    assert [(x.quantity, x.cash, x.filled_qty) for x in rows] == [(D(50), D(2500), D(50)), (D(0), D(0), D(12))]


def test_a_released_hold_keeps_its_instant_and_records_late_fills(world: World):
    order = new_id()
    reserve(world, raw_ids([order]), raw_ids([world.account.id]), [100 * UNIT], [0], side=OrderSide.SELL)
    assert services.release_reservations(order_ids=[order], now=NOW) == 1
    assert services.release_reservations(order_ids=raw_ids([order]), now=NOW) == 0
    services.consume_reservations(order_ids=[order], account_ids=[world.account.id], filled=[D(100)])
    row = Reservation.objects.get()
    assert (row.released_at, row.filled_qty, row.original_quantity) == (NOW, D(100), D(100))


def test_con_1_what_is_left_is_rounded_up_to_the_currencys_own_minor_unit(world: World):
    orders = [new_id(), new_id(), new_id()]
    for order, name, cash in zip(orders, ("USD", "JPY", "BTC"), (1000, 1000, 1000), strict=True):
        reserve(world, raw_ids([order]), raw_ids([world.account.id]), [3 * UNIT], [cash * UNIT], currency=name)
    services.consume_reservations(order_ids=orders, account_ids=[world.account.id] * 3, filled=[D(2)] * 3)
    found = dict(Reservation.objects.values_list("cash_currency", "cash"))
    assert found == {"USD": D("333.34"), "JPY": D(334), "BTC": D("333.33333334")}


def test_many_holds_are_one_insert_and_the_same_pair_is_refused_twice(world: World):
    ids = make_accounts(make_account(), 120)
    orders = new_ids(120)
    assert reserve(world, orders, ids, [UNIT] * 120, [UNIT] * 120) == 120
    with pytest.raises(IntegrityError, match="reservation_once"), transaction.atomic():
        reserve(world, orders[:1], ids[:1], [UNIT], [UNIT])
    with pytest.raises(ValueError, match="positive quantity"):
        reserve(world, new_ids(1), ids[:1], [0], [0])
    assert services.release_reservations(order_ids=orders, now=NOW) == 120
