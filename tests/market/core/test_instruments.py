"""Specifications, symbols and tick rounding."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.core.instruments import (
    InstrumentSpec,
    InvalidInstrument,
    floor_to_lot,
    is_on_tick,
    normalise_symbol,
    round_ticks,
    round_to_tick,
)
from market.enums import InstrumentKind, Side, TickRounding

XYZ = InstrumentSpec(symbol="XYZ", kind=InstrumentKind.EQUITY, currency="USD", market="XNYS", tick_size=Decimal("0.01"))
EURUSD = InstrumentSpec(
    symbol="EURUSD",
    kind=InstrumentKind.FX,
    currency="USD",
    base_currency="EUR",
    market="FX",
    tick_size=Decimal("0.00001"),
    lot_step=Decimal("0.01"),
    multiplier=Decimal(100_000),
    pip_size=Decimal("0.0001"),
)


def test_what_is_not_given_follows_from_what_is():
    assert (XYZ.min_quantity, XYZ.identity_group, XYZ.settlement_market) == (Decimal(1), "XYZ", "XNYS")
    assert EURUSD.min_quantity == Decimal("0.01")


@pytest.mark.parametrize(
    ("spec", "changes", "field"),
    [
        (XYZ, {"symbol": "xyz"}, "symbol"),
        (XYZ, {"symbol": "X Y"}, "symbol"),
        (XYZ, {"kind": "EQUITY2"}, "kind"),
        (XYZ, {"currency": "usd"}, "currency"),
        (XYZ, {"market": ""}, "market"),
        (XYZ, {"tick_size": Decimal("NaN")}, "tick_size"),
        (XYZ, {"tick_size": Decimal("Infinity")}, "tick_size"),
        (XYZ, {"tick_size": Decimal(0)}, "tick_size"),
        (XYZ, {"tick_size": 0.01}, "tick_size"),
        (XYZ, {"tick_size": Decimal("0.000000001")}, "tick_size"),
        (XYZ, {"lot_step": Decimal(-1)}, "lot_step"),
        (XYZ, {"min_quantity": Decimal("1.5")}, "min_quantity"),
        (XYZ, {"min_notional": Decimal(-1)}, "min_notional"),
        (XYZ, {"multiplier": Decimal("sNaN")}, "multiplier"),
        (XYZ, {"base_currency": "EUR"}, "base_currency"),
        (XYZ, {"sector": " Tech"}, "sector"),
        (XYZ, {"issuer": "line\nbreak"}, "issuer"),
        (XYZ, {"kind": InstrumentKind.OPTION}, "underlying"),
        (EURUSD, {"base_currency": None}, "base_currency"),
        (EURUSD, {"base_currency": "USD"}, "base_currency"),
        (EURUSD, {"base_currency": "GBP"}, "symbol"),
        (EURUSD, {"pip_size": None}, "pip_size"),
        (EURUSD, {"pip_size": Decimal("0.000015")}, "pip_size"),
        (EURUSD, {"market": "XNYS"}, "market"),
    ],
)
def test_a_wrong_field_is_named_with_its_rule(spec, changes, field):
    with pytest.raises(InvalidInstrument) as caught:
        replace(spec, **changes)
    assert caught.value.field == field
    assert caught.value.rule and field in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "kind", "wanted"),
    [
        ("eur.usd", InstrumentKind.FX, "EURUSD"),
        ("EUR/USD", InstrumentKind.FX, "EURUSD"),
        ("btc-usd", InstrumentKind.CRYPTO_SPOT, "BTCUSD"),
        ("BRK/B", InstrumentKind.EQUITY, "BRK.B"),
        (" spy ", InstrumentKind.ETF, "SPY"),
    ],
)
def test_symbols_have_one_spelling(raw, kind, wanted):
    assert normalise_symbol(raw, kind) == wanted
    assert normalise_symbol(wanted, kind) == wanted


@pytest.mark.parametrize("raw", ["", " ", "ÄBC", "A..B", "A.", "=cmd", "X" * 40, "İ"])
def test_what_is_no_symbol_is_refused(raw):
    with pytest.raises(InvalidInstrument):
        normalise_symbol(raw, InstrumentKind.EQUITY)


def test_rte_2_marketable_limit_rounds_toward_passive():
    collar = Decimal("0.001")
    assert XYZ.round_price(Decimal("50.03") * (1 + collar), Side.BUY, TickRounding.PASSIVE) == Decimal("50.08")
    assert XYZ.round_price(Decimal("50.01") * (1 - collar), Side.SELL, TickRounding.PASSIVE) == Decimal("49.96")


def test_rte_2_aggressive_is_the_other_way():
    assert XYZ.round_price(Decimal("50.081"), Side.BUY, TickRounding.AGGRESSIVE) == Decimal("50.09")
    assert XYZ.round_price(Decimal("49.969"), Side.SELL, TickRounding.AGGRESSIVE) == Decimal("49.96")


@pytest.mark.parametrize("price", [Decimal("NaN"), Decimal("Infinity"), Decimal(0), Decimal(-1)])
def test_no_tick_for_a_price_that_is_none(price):
    with pytest.raises(InvalidInstrument):
        XYZ.round_price(price, Side.BUY, TickRounding.PASSIVE)


@settings(max_examples=100, deadline=None)
@given(
    st.fractions(min_value=Fraction(1, 1000), max_value=10**6),
    st.sampled_from(["0.01", "0.005", "0.00001", "0.25", "5"]),
    st.sampled_from(Side),
    st.sampled_from(TickRounding),
)
def test_a_rounded_price_is_on_the_tick_less_than_one_away_and_stays(price, tick_text, side, toward):
    tick = Decimal(tick_text)
    rounded = round_to_tick(price, tick, side, toward)
    assert is_on_tick(rounded, tick) and abs(Fraction(rounded) - price) < Fraction(tick)
    assert (Fraction(rounded) <= price) if (side is Side.BUY) == (toward is TickRounding.PASSIVE) else (Fraction(rounded) >= price)
    assert rounded == 0 or round_to_tick(rounded, tick, side, toward) == rounded


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=20), st.sampled_from([1_000_000, 500_000, 1000]))
def test_arrays_round_as_single_prices_do(prices, tick):
    scaled = np.array(prices, np.int64)
    for down, side in ((True, Side.BUY), (False, Side.SELL)):
        rounded = round_ticks(scaled, np.full(len(prices), tick), np.full(len(prices), down))
        single = [round_to_tick(Decimal(price), Decimal(tick), side, TickRounding.PASSIVE) for price in prices]
        assert rounded.tolist() == [int(price) for price in single]


def test_siz_5_quantities_are_cut_toward_zero():
    assert floor_to_lot(Decimal("0.27027"), Decimal("0.01")) == Decimal("0.27")
    assert floor_to_lot(Decimal("-0.379"), Decimal("0.01")) == Decimal("-0.37")
    assert EURUSD.floor_quantity(Fraction(10_000 * 150, 100 * 25 * 1000)) == Decimal("0.60")
