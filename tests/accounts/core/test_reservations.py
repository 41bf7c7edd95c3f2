"""ACC-4, CST-3, I5: what live orders hold back."""

from dataclasses import replace
from decimal import Decimal as D

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.core.ledger import Holder
from accounts.core.reservations import Reservation, consume, release, reserve, reserved_cash_arrays, totals
from accounts.core.scaled import from_scaled, to_scaled
from accounts.enums import OrderSide

A = Holder("A", "core")
BUY = Reservation("o1", A, "XYZ", OrderSide.BUY, D(100), D("47.30"), "USD", fee=D("1.00"))


def test_acc_4_a_buy_holds_limit_times_quantity_plus_fees():
    assert reserve(BUY).cash == D("4731.00")
    assert totals([BUY]).open_buys == {(A, "XYZ"): D(100)} and totals([BUY]).selling == {}


def test_cst_3_a_sell_holds_quantity_and_no_cash():
    sell = reserve(replace(BUY, side=OrderSide.SELL))
    held = totals([sell, replace(sell, order_id="o2", quantity=D(20))])
    assert held.selling == held.open_sells == {(A, "XYZ"): D(120)} and held.cash == {}


def test_acc_7_a_short_sale_holds_margin_and_a_cover_holds_cash_and_the_short():
    short = reserve(replace(BUY, side=OrderSide.SELL_SHORT, cash_rate=D("0.50")))
    assert short.cash == D("2366.00") and totals([short]).selling == {} and totals([short]).open_sells == {(A, "XYZ"): D(100)}
    cover = reserve(replace(BUY, side=OrderSide.BUY_TO_COVER))
    assert cover.cash == D("4731.00") and totals([cover]).covering == {(A, "XYZ"): D(100)}


def test_i5_fills_consume_release_frees_and_a_late_or_over_fill_holds_nothing():
    part = consume(BUY, D(40))
    assert (part.leaves_qty, part.cash) == (D(60), D("2838.60"))
    ended = release(part)
    assert (ended.leaves_qty, ended.cash, totals([ended]).cash) == (0, 0, {})
    late = consume(ended, D(10))
    assert (late.filled, late.cash) == (D(50), 0)
    over = consume(part, D(65))
    assert (over.overfilled, over.leaves_qty, over.cash) == (D(5), 0, 0)


def test_i3_a_bust_gives_the_quantity_back():
    assert consume(consume(BUY, D(40)), D(-40)) == BUY
    with pytest.raises(ValueError, match="cannot give back"):
        consume(BUY, D(-1))


def test_con_1_cash_held_is_rounded_up():
    assert replace(BUY, quantity=D(3), limit_price=D("0.3333"), fee=D(0)).cash == D("1.00")


@pytest.mark.parametrize(
    "change", [{"quantity": D(0)}, {"limit_price": D(0)}, {"fee": D(-1)}, {"cash_rate": D(-1)}, {"quantity": D("NaN")}]
)
def test_acc_4_terms_that_cannot_be_are_refused(change):
    with pytest.raises(ValueError, match="order o1"):
        reserve(replace(BUY, **change))


ORDERS = st.lists(
    st.tuples(
        st.sampled_from(OrderSide), st.integers(1, 500), st.integers(1, 9999), st.integers(0, 99), st.integers(0, 500), st.booleans()
    ),
    max_size=12,
)


@settings(max_examples=60)
@given(ORDERS)
def test_acc_4_totals_are_the_sums_and_never_negative(orders):
    live = []
    for i, (side, quantity, cents, fee, filled, ended) in enumerate(orders):
        order = consume(replace(BUY, order_id=i, side=side, quantity=D(quantity), limit_price=D(cents) / 100, fee=D(fee) / 100), D(filled))
        live.append(release(order) if ended else order)
    held = totals(live)
    assert held.cash.get(("A", "USD"), D(0)) == sum(o.cash for o in live)
    assert sum(held.open_buys.values()) + sum(held.open_sells.values()) == sum(o.leaves_qty for o in live)
    assert all(v > 0 for sums in (held.cash, held.selling, held.covering, held.open_buys, held.open_sells) for v in sums.values())


@settings(max_examples=60)
@given(st.lists(st.integers(1, 100), min_size=1, max_size=8))
def test_i5_consuming_fill_by_fill_or_at_once_is_the_same(fills):
    order, step = replace(BUY, quantity=D(sum(fills) + 7)), replace(BUY, quantity=D(sum(fills) + 7))
    for fill in fills:
        after = consume(step, D(fill))
        assert after.cash <= step.cash
        step = after
    assert step == consume(order, D(sum(fills)))


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 10**13), st.integers(0, 10**9)), min_size=1, max_size=10), st.decimals("0.0001", "9999", places=4))
def test_acc_4_arrays_hold_what_single_reservations_hold(rows, price):
    quantity, fee = np.array([q for q, _ in rows], np.int64), np.array([fee for _, fee in rows], np.int64)
    held = reserved_cash_arrays(quantity, price, fee, "USD")
    for (q, charged), cash in zip(rows, held, strict=True):
        one = replace(BUY, quantity=from_scaled(q), limit_price=price, fee=from_scaled(charged))
        assert to_scaled(one.cash) == cash
