"""The built-in market: the same everywhere, continuous, valid, and at its anchors."""

import hashlib
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.core.bars import last_completed, minute_volume, scale_price, staleness, unscale
from market.core.calendars import NotASession, previous_session, session_close, session_open, sessions_between
from market.core.fx import CHECK_MAX_AGE
from market.core.generated import REFERENCE_DATE, Anchor, generated_close, generated_daily_bars, generated_minute_bars
from market.core.generated_catalogue import GENERATED, XYZ_ANCHOR_AT, generated_fx_table
from market.core.instants import to_us
from market.core.instruments import InvalidInstrument
from market.core.noise import BELL_SD, EXP_BITS, bell, scaled_exp, words
from market.core.quotes import SpreadModel, quote_at, synthetic_quote, synthetic_quotes
from market.enums import QuoteSource

XYZ = GENERATED["XYZ"]
MONDAY = REFERENCE_DATE


@pytest.mark.parametrize("seed", [1, 2, 2026])
def test_siz_7_xyz_stands_at_47_30_with_v1_12000_at_the_documented_instant(seed):
    bars = generated_minute_bars(XYZ, [MONDAY], seed)
    row = last_completed(bars, XYZ_ANCHOR_AT)
    assert unscale(int(bars.close[row])) == Decimal("47.30") and staleness(bars, XYZ_ANCHOR_AT) == timedelta(0)
    assert minute_volume(bars, XYZ_ANCHOR_AT) == 12_000
    assert generated_fx_table(XYZ_ANCHOR_AT, seed).rate("EUR", "USD", now=XYZ_ANCHOR_AT, max_age=CHECK_MAX_AGE).value == Fraction("1.085")


def test_an_anchor_can_be_set_anywhere():
    at = session_open("XNYS", date(2026, 5, 6)) + timedelta(minutes=200)
    moved = replace(XYZ, anchor=Anchor(at, Decimal("50.00"), 600))
    bars = generated_minute_bars(moved, [date(2026, 5, 5), date(2026, 5, 6)])
    assert unscale(int(bars.close[last_completed(bars, at)])) == 50 and minute_volume(bars, at) == 600


def test_i8_the_same_seed_gives_the_same_bytes_on_every_machine():
    bars = [generated_minute_bars(GENERATED[symbol], [MONDAY], 7) for symbol in ("XYZ", "EURUSD", "BTCUSD")]
    columns = [column for series in bars for column in (series.start, series.open, series.high, series.low, series.close, series.volume)]
    digest = hashlib.sha256(b"".join(column.astype("<i8").tobytes() for column in columns)).hexdigest()
    assert digest == "bbed67de0021ec99445f361fd23c9a9a2e07d9287df3a871a190d317be28b7a1"


def test_other_seeds_symbols_and_days_differ():
    first = generated_minute_bars(XYZ, [MONDAY], 1).close
    assert not np.array_equal(first, generated_minute_bars(XYZ, [MONDAY], 2).close)
    assert not np.array_equal(first, generated_minute_bars(XYZ, [date(2026, 3, 3)], 1).close)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(GENERATED)), st.dates(date(2005, 1, 10), date(2035, 6, 1)), st.integers(0, 10**9))
def test_any_day_is_made_alone_whole_on_the_tick_and_continuous(symbol, day, seed):
    instrument = GENERATED[symbol]
    spec = instrument.spec
    day = previous_session(spec.market, day)
    before = previous_session(spec.market, day)
    bars = generated_minute_bars(instrument, [day], seed)
    tick = scale_price(spec.tick_size)
    assert bars.source is QuoteSource.SIMULATED and bars.regular.all() and (bars.volume >= 1).all()
    assert all((column % tick == 0).all() for column in (bars.open, bars.high, bars.low, bars.close))
    hours = session_open(spec.market, day), session_close(spec.market, day)
    assert bars.start[0] == to_us(hours[0]) and bars.ends_at(len(bars) - 1) == hours[1]
    assert (bars.open[1:] == bars.close[:-1]).all()
    assert int(bars.close[-1]) == generated_close(instrument, day, seed) * tick
    gap = abs(int(bars.open[0]) - generated_close(instrument, before, seed) * tick)
    if session_close(spec.market, before) == hours[0]:
        assert gap == 0
    assert gap * 10 < int(bars.open[0]) * 3
    both = generated_minute_bars(instrument, [before, day], seed)
    assert np.array_equal(both.close[-len(bars) :], bars.close)


def test_half_days_and_lunch_breaks_have_the_minutes_the_exchange_has():
    assert len(generated_minute_bars(XYZ, [date(2026, 11, 27)])) == 210
    assert len(generated_minute_bars(XYZ, [MONDAY])) == 390
    tokyo = replace(XYZ, spec=replace(XYZ.spec, market="XTKS"), anchor=None)
    assert len(generated_minute_bars(tokyo, [MONDAY])) == 330
    assert len(generated_minute_bars(GENERATED["BTCUSD"], [date(2026, 3, 8)])) == 1440
    assert len(generated_minute_bars(XYZ, [])) == 0
    with pytest.raises(NotASession):
        generated_minute_bars(XYZ, [date(2026, 7, 4)])


def test_daily_bars_are_the_sums_of_their_minutes():
    days = sessions_between("XNYS", MONDAY, date(2026, 3, 6))
    daily, minutes = generated_daily_bars(XYZ, days), generated_minute_bars(XYZ, days)
    assert len(daily) == 5 and daily.close.tolist() == minutes.close[389::390].tolist()
    assert daily.high.tolist() == minutes.high.reshape(-1, 390).max(axis=1).tolist()
    assert int(daily.volume.sum()) == int(minutes.volume.sum())
    assert unscale(int(daily.close[0])) == Decimal("47.30")


def test_it_looks_like_a_market():
    days = sessions_between("XNYS", date(2026, 1, 5), date(2026, 6, 30))
    bars = generated_minute_bars(XYZ, days)
    volume = bars.volume[: len(bars) // 390 * 390].reshape(-1, 390).mean(axis=0)
    assert volume[:15].mean() > 1.5 * volume[180:210].mean() < volume[-15:].mean()
    returns = np.abs(np.diff(np.log(bars.close.astype(float))))
    assert np.corrcoef(returns[:-1], returns[1:])[0, 1] > 0.05
    daily = np.diff(np.log([generated_close(XYZ, day) for day in sessions_between("XNYS", date(2015, 1, 5), date(2026, 6, 30))]))
    assert 0.0135 < daily.std() < 0.0165 and np.abs(daily).max() < 0.12


def test_quotes_of_generated_bars_are_labelled_simulated():
    bars = generated_minute_bars(XYZ, [MONDAY])
    quote = synthetic_quote(bars, XYZ_ANCHOR_AT, XYZ.spec.tick_size)
    assert (quote.bid, quote.ask, quote.source) == (Decimal("47.29"), Decimal("47.31"), QuoteSource.SIMULATED)


def test_an_instrument_off_its_tick_is_refused():
    with pytest.raises(InvalidInstrument, match="reference_close"):
        replace(XYZ, reference_close=Decimal("47.305"))
    with pytest.raises(InvalidInstrument, match="daily_volatility_bps"):
        replace(XYZ, daily_volatility_bps=0)


def test_the_bell_has_the_spread_it_claims():
    draws = bell(words(20_000, "spread"))
    assert abs(draws.mean()) < 0.03 * BELL_SD and abs(draws.std() / BELL_SD - 1) < 0.02


@settings(max_examples=60, deadline=None)
@given(st.integers(-3 << EXP_BITS, 3 << EXP_BITS))
def test_the_integer_exponential_is_the_exponential(exponent):
    assert scaled_exp(exponent) / (1 << EXP_BITS) == pytest.approx(np.exp(exponent / (1 << EXP_BITS)), rel=1e-14)


def test_a_quote_of_each_bar_is_the_synthetic_quote_of_its_end():
    entry = GENERATED["TRENT"]
    bars = generated_minute_bars(entry, [date(2026, 3, 2)])
    for ticks in (1, 2, 3, 10_000):
        quotes = synthetic_quotes(bars, entry.spec.tick_size, ticks)
        for row in (0, 100, len(bars) - 1):
            at = bars.ends_at(row)
            wanted = synthetic_quote(bars, at, entry.spec.tick_size, SpreadModel(ticks))
            found = quote_at(quotes, at)
            assert (found.bid, found.ask, found.as_of, found.source) == (wanted.bid, wanted.ask, at, wanted.source)
