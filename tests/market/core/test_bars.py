"""Bars: what is refused, what is known at an instant, one-minute volume, quotes made from bars."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.core.bars import Bars, InvalidSeries, bar_findings, last_completed, minute_volume, scale_price, staleness, unscale
from market.core.instants import from_us, to_us
from market.core.instruments import InvalidInstrument, is_on_tick
from market.core.quotes import Quotes, SpreadModel, quote_at, synthetic_quote
from market.enums import BarInterval, QuoteSource

MINUTE = 60_000_000
OPEN = to_us(datetime(2026, 3, 2, 14, 30, tzinfo=UTC))
CENT = Decimal("0.01")


def make_bars(closes: list[str], volumes: list[int] | None = None, regular: list[bool] | None = None, **changes) -> Bars:
    prices = np.array([scale_price(close) for close in closes], np.int64)
    fields = {
        "symbol": "XYZ",
        "interval": BarInterval.MINUTE,
        "start": OPEN + np.arange(len(prices), dtype=np.int64) * MINUTE,
        "open": prices,
        "high": prices,
        "low": prices,
        "close": prices,
        "volume": np.array(volumes or [100] * len(prices), np.int64),
        "regular": np.array(regular or [True] * len(prices), np.bool_),
    }
    return Bars(**(fields | changes))


def at(minutes: float) -> datetime:
    return from_us(OPEN) + timedelta(minutes=minutes)


@pytest.mark.parametrize("price", ["NaN", "Infinity", "-Infinity", "0", "-1", "1e-9", "99999999999"])
def test_a_price_that_is_none_is_refused(price):
    with pytest.raises(ValueError):
        scale_price(price)


def test_con_1_floats_are_refused_as_prices_and_as_arrays():
    with pytest.raises(TypeError):
        scale_price(47.3)
    with pytest.raises(InvalidSeries) as caught:
        make_bars(["47.30"], close=np.array([47.3]))
    assert caught.value.findings[0].field == "close"


@settings(max_examples=60, deadline=None)
@given(st.decimals("0.00000001", "9000000000", places=8))
def test_con_1_scaling_is_exact_both_ways(price):
    assert unscale(scale_price(price)) == price


@pytest.mark.parametrize(
    ("column", "row", "value", "rule"),
    [
        ("open", 1, 0, "above 0"),
        ("close", 2, -5, "above 0"),
        ("high", 1, 4_600_000_000, "not below low"),
        ("close", 0, 4_800_000_000, "between low and high"),
        ("volume", 2, -1, "0 or more"),
    ],
)
def test_a_wrong_bar_is_named_by_row_field_and_rule(column, row, value, rule):
    bars = make_bars(["47.30", "47.31", "47.32"])
    changed = getattr(bars, column).copy()
    changed[row] = value
    with pytest.raises(InvalidSeries) as caught:
        replace(bars, **{column: changed})
    assert any(finding.row == row and finding.field == column and rule in finding.rule for finding in caught.value.findings)


@pytest.mark.parametrize(("step", "rule"), [(0, "duplicate"), (-MINUTE, "not before")])
def test_repeated_and_decreasing_timestamps_are_refused(step, rule):
    with pytest.raises(InvalidSeries, match=rule):
        make_bars(["47.30", "47.31"], start=np.array([OPEN, OPEN + step]))


def test_a_bar_that_ends_after_now_is_found():
    bars = make_bars(["47.30", "47.31"])
    assert bar_findings(bars, at(2)) == []
    assert [finding.row for finding in bar_findings(bars, at(2) - timedelta(microseconds=1))] == [1]


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(InvalidSeries, match="length 2"):
        make_bars(["47.30", "47.31"], volume=np.array([1]))


def test_bars_cannot_be_changed_afterwards():
    with pytest.raises(ValueError, match="read-only"):
        make_bars(["47.30"]).close[0] = 1


def test_a_bar_is_known_when_its_minute_has_ended_and_not_before():
    bars = make_bars(["47.30", "47.31"])
    assert last_completed(bars, at(1) - timedelta(microseconds=1)) is None
    assert last_completed(bars, at(1)) == 0 and last_completed(bars, at(1.5)) == 0
    assert last_completed(bars, at(2)) == 1 == last_completed(bars, at(500))


def test_extended_hours_bars_are_left_out_on_request():
    bars = make_bars(["47.30", "47.31", "47.32"], regular=[False, True, False])
    assert last_completed(bars, at(3)) == 2 and last_completed(bars, at(3), regular_only=True) == 1
    assert last_completed(bars, at(1), regular_only=True) is None
    assert staleness(bars, at(3.5)) == timedelta(seconds=30)
    assert staleness(bars, at(3.5), regular_only=True) == timedelta(seconds=90)
    assert staleness(bars, at(0)) is None


def test_rte_1_v1_is_the_median_of_the_last_20_completed_regular_minutes():
    volumes = [999_999, *range(11_000, 13_000, 100), 5]
    bars = make_bars(["47.30"] * 22, volumes)
    assert minute_volume(bars, at(21)) == Decimal(11_950) == Decimal(median(range(11_000, 13_000, 100)))
    assert minute_volume(bars, at(21.999)) == Decimal(11_950)
    assert minute_volume(bars, at(20)) == Decimal(median(volumes[:20]))


def test_rte_1_v1_of_an_odd_middle_is_exact_and_ignores_extended_hours():
    regular = [True] * 20 + [False] * 5
    bars = make_bars(["47.30"] * 25, [10] * 10 + [11] * 10 + [10**9] * 5, regular)
    assert minute_volume(bars, at(25)) == Decimal("10.5")


def test_rte_1_without_enough_minutes_there_is_no_v1():
    assert minute_volume(make_bars(["47.30"] * 19), at(60)) is None
    assert minute_volume(make_bars(["47.30"] * 20), at(19.9)) is None
    with pytest.raises(ValueError, match="MINUTE"):
        minute_volume(make_bars(["47.30"], interval=BarInterval.DAY), at(60))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.booleans()), min_size=1, max_size=80), st.integers(0, 90))
def test_rte_1_v1_equals_the_plain_definition(minutes, instant):
    bars = make_bars(["1"] * len(minutes), [volume for volume, _ in minutes], [regular for _, regular in minutes])
    known = [volume for volume, regular in minutes[:instant] if regular][-20:]
    assert minute_volume(bars, at(instant)) == (Decimal(str(median(known))) if len(known) == 20 else None)


def test_a_synthetic_quote_stands_around_the_last_completed_close():
    bars = make_bars(["47.30", "47.41"])
    quote = synthetic_quote(bars, at(1.25), CENT, SpreadModel(ticks=2))
    assert (quote.bid, quote.ask, quote.source) == (Decimal("47.29"), Decimal("47.31"), QuoteSource.SYNTHETIC)
    assert quote.age(at(1.25)) == timedelta(seconds=15) and quote.mid == Decimal("47.30") and not quote.crossed
    wide = synthetic_quote(bars, at(1), CENT, SpreadModel(spread_bps=Decimal(10)))
    assert (wide.bid, wide.ask) == (Decimal("47.27"), Decimal("47.33"))
    assert synthetic_quote(bars, at(0.5), CENT) is None


def test_a_quote_of_simulated_bars_says_so():
    assert synthetic_quote(make_bars(["1"], source=QuoteSource.SIMULATED), at(1), CENT).source is QuoteSource.SIMULATED


@settings(max_examples=60, deadline=None)
@given(st.decimals("0.01", "100000", places=2), st.integers(1, 50), st.decimals("0", "500", places=1))
def test_a_synthetic_quote_is_on_the_tick_and_never_crossed(close, ticks, spread_bps):
    quote = synthetic_quote(make_bars([str(close)]), at(1), CENT, SpreadModel(ticks, spread_bps))
    assert CENT <= quote.bid < quote.ask and quote.bid <= close <= quote.ask
    assert is_on_tick(quote.bid, CENT) and is_on_tick(quote.ask, CENT)


@pytest.mark.parametrize("wrong", [{"ticks": 0}, {"spread_bps": Decimal("NaN")}, {"spread_bps": Decimal(-1)}])
def test_a_spread_model_names_what_is_wrong(wrong):
    with pytest.raises((InvalidInstrument, ArithmeticError)):
        SpreadModel(**wrong)


def test_recorded_quotes_are_known_at_the_end_of_their_minute_and_may_lack_a_side():
    start = np.array([OPEN, OPEN + MINUTE])
    quotes = Quotes(
        "XYZ",
        start,
        bid=np.array([scale_price("47.29"), scale_price("47.35")]),
        bid_size=np.array([100, 200]),
        ask=np.array([0, scale_price("47.31")]),
        ask_size=np.array([0, 300]),
    )
    assert quote_at(quotes, at(0.9)) is None
    first, second = quote_at(quotes, at(1)), quote_at(quotes, at(2))
    assert first.ask is None and first.mid is None and first.bid == Decimal("47.29") and first.bid_size == 100
    assert second.crossed and second.as_of == at(2)
    with pytest.raises(InvalidSeries, match="above 0"):
        replace(quotes, ask_size=np.array([1, 300]))
