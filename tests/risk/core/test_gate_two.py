"""RSK-1 gate 2, RSK-2, CST-5, CST-9, CON-5, GOV-2, GOV-3, GOV-10: every account's lot at a fresh price."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.core.exact import exceeds
from risk.core.findings import describe
from risk.core.gate_two import MAX_AGE, check_lots
from risk.core.lots import LotCheck, batch_of
from risk.enums import GateCode, LiquidityClass, Restriction

D, G = Decimal, GateCode
SECOND = timedelta(seconds=1)
LOT = LotCheck(
    quantity=D(50), position=D(0), price=D(40), sized_price=D(40), price_age=SECOND, max_age=2 * SECOND, fx=D(1), equity=D(100_000),
    available=D(50_000), cap_rate=D("0.02"),
)  # fmt: skip
CLOSING = replace(LOT, quantity=D(-50), position=D(80))


def codes(lot):
    result = check_lots(batch_of([lot]))
    assert result.passed[0] == (not result.findings)
    return [finding.code for _, finding in result.findings]


def resized(lot):
    return int(check_lots(batch_of([lot])).resize_to[0])


def test_rsk_1_worked_fifty_shares_at_forty_then_fifty():
    assert codes(LOT) == []
    fresh = check_lots(batch_of([replace(LOT, price=D(50))]))
    assert not fresh.passed[0] and fresh.resize_to[0] == 40
    assert [describe(finding) for _, finding in fresh.findings] == [
        "RSK-2 price moved: 25% over 1%",
        "RSK-1 position cap: 2.5% over 2%",
    ]


def test_rsk_1_the_cap_is_exact_at_the_boundary():
    assert codes(replace(LOT, price=D("40.0001"), sized_price=D(40))) == [G.POSITION_CAP]
    third = replace(
        LOT, quantity=D("0.3"), price=D("0.1"), sized_price=D("0.1"), equity=D("0.03"), available=D(1), cap_rate=D(1), lot=D("0.1")
    )
    assert 0.3 * 0.1 <= 0.03 and codes(third) == []
    assert codes(replace(third, quantity=D("0.30000001"))) == [G.POSITION_CAP]
    huge = replace(LOT, quantity=D(10**9), price=D("1.23456789"), sized_price=D("1.23456789"), cap_rate=D(1), available=D(10**10))
    assert codes(replace(huge, equity=D("1234567890.00"))) == []
    assert codes(replace(huge, equity=D("1234567889.99"))) == [G.POSITION_CAP]


def test_rsk_1_the_position_counts_and_the_resize_leaves_room_only():
    assert codes(replace(LOT, position=D(1))) == [G.POSITION_CAP]
    assert resized(replace(LOT, position=D(10))) == 40
    assert resized(replace(LOT, position=D(60))) == 0
    assert resized(replace(LOT, position=D(10), lot=D(25))) == 25
    assert resized(replace(LOT, quantity=D(-50), position=D(-10))) == -40


def test_rsk_1_an_order_that_flips_is_not_reducing():
    assert codes(replace(LOT, quantity=D(-131), position=D(80))) == [G.POSITION_CAP]
    assert resized(replace(LOT, quantity=D(-200), position=D(80))) == -130
    assert codes(replace(LOT, quantity=D(-130), position=D(80))) == []


def test_cst_4_buying_power_counts_what_is_opened_at_its_margin():
    assert codes(replace(LOT, available=D(2000))) == []
    short = check_lots(batch_of([replace(LOT, available=D("1999.99"))]))
    assert [describe(x) for _, x in short.findings] == ["CST-4 buying power: 2000 over 1999.99"] and short.resize_to[0] == 49
    assert codes(replace(LOT, available=D(1000), margin_rate=D("0.5"))) == []
    assert codes(replace(LOT, quantity=D(-130), position=D(80), available=D(2000))) == []
    assert resized(replace(LOT, available=D(-1))) == 0


def test_acc_11_prices_are_converted_into_the_account_currency():
    assert codes(replace(LOT, fx=D("1.0850"))) == [G.POSITION_CAP]
    assert resized(replace(LOT, fx=D("1.0850"))) == 46
    assert codes(replace(LOT, price=D("0.4"), sized_price=D("0.4"), multiplier=D(100))) == []


def test_rsk_2_stale_and_moved_prices():
    assert codes(replace(LOT, price_age=2 * SECOND)) == []
    late = check_lots(batch_of([replace(LOT, price_age=2 * SECOND + timedelta(microseconds=1))]))
    assert [describe(x) for _, x in late.findings] == ["RSK-2 stale price: 2.000001 s over 2 s"] and late.resize_to[0] == 0
    assert codes(replace(LOT, price_age=-3 * SECOND)) == [G.STALE_PRICE]
    small = replace(LOT, quantity=D(1))
    assert codes(replace(small, price=D("40.40"))) == codes(replace(small, price=D("39.60"))) == []
    assert codes(replace(small, price=D("40.4001"))) == codes(replace(small, price=D("39.5999"))) == [G.PRICE_MOVED]
    assert [MAX_AGE[x].total_seconds() for x in LiquidityClass] == [2, 1, 60]


@pytest.mark.parametrize("name", ["price", "sized_price", "price_age", "fx", "equity", "available", "cap_rate"])
def test_con_5_missing_data_blocks_what_increases_risk_and_nothing_else(name):
    assert codes(replace(LOT, **{name: None})) == [G.MISSING_DATA]
    assert resized(replace(LOT, **{name: None})) == 0
    assert codes(replace(CLOSING, **{name: None})) == []


@pytest.mark.parametrize("name", ["price", "sized_price", "fx"])
def test_con_5_a_price_of_nothing_is_a_missing_price(name):
    assert codes(replace(LOT, **{name: D(0)})) == [G.MISSING_DATA]
    assert codes(replace(LOT, **{name: D(-1)})) == [G.MISSING_DATA]


def test_cst_7_risk_reducing_orders_pass_caps_cash_and_stale_prices():
    poor = replace(CLOSING, price=D(90), price_age=timedelta(hours=1), available=D(-5), cap_rate=D(0), equity=D(-1))
    assert codes(poor) == []


def test_cst_5_close_only_lets_reductions_through_and_frozen_nothing():
    assert codes(replace(LOT, restriction=Restriction.CLOSE_ONLY)) == [G.CLOSE_ONLY]
    assert codes(replace(CLOSING, restriction=Restriction.CLOSE_ONLY)) == []
    assert codes(replace(CLOSING, restriction=Restriction.FROZEN)) == [G.FROZEN]
    assert codes(replace(LOT, block=Restriction.CLOSE_ONLY)) == [G.ACCOUNT_CLOSE_ONLY]
    assert codes(replace(CLOSING, block=Restriction.CLOSE_ONLY)) == []
    assert codes(replace(CLOSING, block=Restriction.FROZEN)) == [G.ACCOUNT_CLOSED]


def test_gov_3_without_authority_even_closing_needs_an_instruction():
    assert codes(replace(LOT, authorised=False, instructed=True)) == [G.AUTHORITY]
    assert codes(replace(CLOSING, authorised=False)) == [G.AUTHORITY]
    assert codes(replace(CLOSING, authorised=False, instructed=True)) == []


def test_gov_10_the_kill_switch_stops_everything_but_a_confirmed_flatten():
    assert codes(replace(LOT, killed=True)) == codes(replace(CLOSING, killed=True)) == [G.KILL_SWITCH]
    assert codes(replace(CLOSING, killed=True, flattening=True)) == []


def test_cst_9_reasons_stand_in_order():
    everything = replace(
        LOT, quantity=D(5000), price=D(50), killed=True, authorised=False, restriction=Restriction.FROZEN, block=Restriction.CLOSE_ONLY,
        price_age=timedelta(minutes=1),
    )  # fmt: skip
    expected = [G.KILL_SWITCH, G.AUTHORITY, G.FROZEN, G.ACCOUNT_CLOSE_ONLY, G.STALE_PRICE, G.PRICE_MOVED, G.BUYING_POWER, G.POSITION_CAP]
    assert codes(everything) == expected and resized(everything) == 0


def test_gate_2_one_row_does_not_disturb_another():
    result = check_lots(batch_of([LOT, replace(LOT, killed=True), CLOSING, replace(LOT, quantity=D(51))]))
    assert result.passed.tolist() == [True, False, True, False]
    assert result.resize_to.tolist() == [50, 0, -50, 50]
    assert [row for row, _ in result.findings] == [1, 3]
    assert check_lots(batch_of([])).passed.tolist() == []


@pytest.mark.parametrize(
    "change", [{"price": D("NaN")}, {"equity": D("Infinity")}, {"quantity": D(10) ** 19}, {"cap_rate": D("0.000000001")}, {"lot": D(0)}]
)
def test_con_1_what_the_batch_cannot_hold_exactly_is_refused(change):
    with pytest.raises(ValueError):
        batch_of([replace(LOT, **change)])


PRICE = st.integers(1, 10**6).map(lambda n: D(n).scaleb(-3))
LOTS = st.builds(
    LotCheck,
    quantity=st.integers(-500, 500).map(D),
    position=st.integers(-500, 500).map(D),
    price=PRICE,
    sized_price=PRICE,
    price_age=st.just(SECOND),
    max_age=st.just(SECOND),
    fx=st.sampled_from([D(1), D("1.0850"), D("0.0066667")]),
    equity=st.integers(-1000, 10**6).map(D),
    available=st.integers(-1000, 10**6).map(D),
    cap_rate=st.integers(0, 3000).map(lambda n: D(n).scaleb(-3)),
    margin_rate=st.sampled_from([D(1), D("0.5"), D("0.033333")]),
    lot=st.sampled_from([D(1), D(10)]),
)


@settings(max_examples=60)
@given(lots=st.lists(LOTS, min_size=1, max_size=4))
def test_rsk_1_gate_2_agrees_with_rationals_and_its_resize_passes(lots):
    result = check_lots(batch_of(lots))
    for i, lot in enumerate(lots):
        found = {finding.code for row, finding in result.findings if row == i}
        post = abs(Fraction(lot.position + lot.quantity))
        reducing = lot.quantity * lot.position < 0 and abs(lot.quantity) <= abs(lot.position)
        opened = 0 if reducing or not lot.quantity else post if lot.quantity * lot.position < 0 else abs(Fraction(lot.quantity))
        unit = Fraction(lot.price) * Fraction(lot.fx)
        opening = bool(opened) or (lot.quantity != 0 and not reducing)
        assert (G.POSITION_CAP in found) == (opening and post * unit > Fraction(lot.cap_rate) * Fraction(lot.equity))
        assert (G.BUYING_POWER in found) == (opening and opened * unit * Fraction(lot.margin_rate) > Fraction(lot.available))
        assert (G.PRICE_MOVED in found) == (opening and abs(Fraction(lot.price) / Fraction(lot.sized_price) - 1) > Fraction(1, 100))
        size = int(result.resize_to[i])
        assert abs(size) <= abs(lot.quantity) and size * lot.quantity >= 0
        again = check_lots(batch_of([replace(lot, quantity=D(size), sized_price=lot.price)]))
        assert again.passed[0]


WIDE = st.integers(1, 2**31 - 1)


@given(a=WIDE, b=WIDE, c=WIDE, d=WIDE, shift=st.integers(-1, 1))
def test_con_1_near_ties_are_settled_in_whole_numbers(a, b, c, d, shift):
    left, right = [np.array([a * b + shift]), np.array([c * d])], [np.array([a * c]), np.array([b * d])]
    assert exceeds(left, right, 1).tolist() == [shift > 0]
    assert exceeds(right, left, 1).tolist() == [shift < 0]


def test_cst_3_what_the_mandate_forbids_may_only_be_closed():
    assert codes(replace(LOT, forbidden=True)) == [G.MANDATE]
    assert codes(replace(CLOSING, forbidden=True)) == []
    assert resized(replace(LOT, forbidden=True)) == 0
    assert resized(replace(LOT, forbidden=True, price=D("40.1"))) == 0
