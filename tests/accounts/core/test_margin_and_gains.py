"""Margin (ACC-7, ACC-10) and gains of lots: the worked figures, and arrays against the values one by one."""

from __future__ import annotations

from decimal import Decimal as D
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.core.gains import open_gain, realised_gain
from accounts.core.margin import FX, OTHER, REG_T, SHARE, MarginPositions, MarginTerms, fx_leverage, fx_margin, margin_used, reg_t
from accounts.enums import LeverageRule


def positions(*rows: tuple[int, int, int, int]) -> MarginPositions:
    account, kind, value, floor = (np.array(column) for column in zip(*rows, strict=True))
    return MarginPositions(account.astype(np.int64), kind.astype(np.int8), value.astype(np.int64), floor.astype(np.int64))


def test_acc_7_worked_reg_t_account():
    found = reg_t(equity=D(60_000), long_value=D(80_000), debit=D(20_000))
    assert (found.initial_excess, found.buying_power, found.maintenance_excess) == (20_000, 40_000, 40_000)
    assert round(found.call_at, 2) == Fraction("26666.67")


def test_acc_7_no_debit_no_call_and_no_negative_buying_power():
    assert reg_t(equity=D(100), long_value=D(100), debit=D(0)).call_at is None
    assert reg_t(equity=D(10), long_value=D(100), debit=D(90)).buying_power == 0


@pytest.mark.parametrize(("price", "each"), [(D(20), D(6)), (D(16), D(5)), (D("16.67"), D("5.001"))])
def test_acc_7_a_short_keeps_the_larger_of_30_percent_and_5_dollars_a_share(price, each):
    used, unknown = margin_used(positions((0, SHARE, -int(price * 100 * 100), 100 * 500)), [REG_T])
    assert used.tolist() == [int(each * 100 * 100)] and not unknown.any()


def test_acc_7_says_nothing_of_shorts_below_5_dollars():
    assert margin_used(positions((0, SHARE, -49_900, 50_000)), [REG_T])[1].tolist() == [True]


@pytest.mark.parametrize(("rule", "margin"), [(LeverageRule.EU_UK_RETAIL, "3616.67"), (LeverageRule.US_RETAIL, "2170.00")])
def test_acc_10_worked_lot_of_eurusd(rule, margin):
    leverage = fx_leverage(rule, is_major=True)
    assert round(fx_margin(D(100_000) * D("1.0850"), leverage), 2) == Fraction(margin)
    used, _ = margin_used(positions((0, FX, 10_850_000, 0)), [MarginTerms(leverage=leverage)])
    assert used.tolist() == [int(D(margin) * 100)]


def test_acc_10_other_pairs_are_20_to_1_under_both_rules():
    assert {fx_leverage(rule, is_major=False) for rule in LeverageRule} == {D(20)}
    with pytest.raises(ValueError, match="not positive"):
        fx_margin(D(1), D(0))


def test_con_5_no_margin_where_nothing_is_said_and_none_where_none_is_asked():
    used, unknown = margin_used(positions((0, OTHER, 100, 0), (1, FX, 100, 0), (2, SHARE, 100, 0)), [REG_T, REG_T, None])
    assert unknown.tolist() == [True, True, False] and used.tolist()[2] == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 10**12)), min_size=1, max_size=20))
def test_acc_7_long_margin_is_a_quarter_rounded_once_an_account(rows):
    used, _ = margin_used(positions(*[(account, SHARE, value, 0) for account, value in rows]), [REG_T] * 4)
    for account in range(4):
        total = sum(value for at, value in rows if at == account)
        assert used[account] == (2 * total + 4) // 8


def test_open_gains_of_long_and_short_lots():
    # TAX-5's lot: 100 bought at 62, price 50.
    assert open_gain(quantity=D(100), basis=D(6200), price=D(50)) == -1200
    assert open_gain(quantity=D(-100), basis=D(6200), price=D(50)) == 1200
    assert open_gain(quantity=D(2), basis=D(100), price=D("1.5"), multiplier=D(100)) == 200
    assert open_gain(quantity=D(1), basis=D(1), price=None) is None
    with pytest.raises(ValueError, match="negative"):
        open_gain(quantity=D(1), basis=D(-1), price=D(1))


def test_tax_4_worked_sale_realises_minus_500_and_plus_500():
    # Price 50: L2 100 at 55, then 50 of L1 at 40.
    assert realised_gain(proceeds=D(5000), basis=D(5500)) == -500
    assert realised_gain(proceeds=D(2500), basis=D(2000)) == 500
