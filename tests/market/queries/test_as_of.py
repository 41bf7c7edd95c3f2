"""Quotes and bars as of an instant: one statement, by the index, and nothing that was known later."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from base.errors import NotFound
from market.core import bars as core
from market.enums import BarInterval, QuoteSource
from market.queries import bars, latest_quotes, minute_volume, previous_closes
from market.queries.quotes import _LATEST
from market.services import QuoteRow, load_bars, record_quotes
from tests.factories import as_loader, make_instrument
from tests.market.made import NINE_THIRTY, minute_bars, rows_of, utc

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def quoted(*series) -> None:
    """Record (instrument, source, seconds after 09:30, bid)."""
    rows = [
        QuoteRow(instrument.id, QuoteSource(source), NINE_THIRTY + after * SECOND, Decimal(bid), Decimal(bid) + 1)
        for instrument, source, after, bid in series
    ]
    as_loader(lambda: record_quotes(rows))


def bid_at(instrument, after, source=None):
    quote = latest_quotes(instrument_ids=[instrument.id], now=NINE_THIRTY + after * SECOND, source=source).get(instrument.id)
    return quote and quote.bid


def test_a_quote_counts_from_its_instant_on_and_never_before():
    instrument = make_instrument()
    quoted((instrument, "LIVE", 10, 50), (instrument, "LIVE", 20, 51))
    now = NINE_THIRTY + 20 * SECOND - timedelta(microseconds=1)
    assert [bid_at(instrument, after) for after in (9, 10, 19, 20, 99)] == [None, 50, 50, 51, 51]
    assert latest_quotes(instrument_ids=[instrument.id], now=now)[instrument.id].bid == 50
    assert latest_quotes(instrument_ids=[instrument.id], now=now)[instrument.id].age(now) == now - (NINE_THIRTY + 10 * SECOND)


def test_a_source_is_heard_alone_or_the_newest_of_all():
    instrument = make_instrument()
    quoted((instrument, "LIVE", 10, 50), (instrument, "SIMULATED", 15, 40), (instrument, "SIMULATED", 10, 30), (instrument, "FILE", 8, 20))
    assert (bid_at(instrument, 10), bid_at(instrument, 20)) == (50, 40)  # of two at one instant the real one
    assert (bid_at(instrument, 20, QuoteSource.LIVE), bid_at(instrument, 20, "FILE"), bid_at(instrument, 20, "DELAYED")) == (50, 20, None)


@pytest.mark.parametrize("count", [1, 40])
def test_many_quotes_are_one_statement(count, django_assert_num_queries):
    instruments = [make_instrument() for _ in range(count)]
    quoted(*((instrument, "LIVE", after, 50 + after) for instrument in instruments for after in (1, 2)))
    ids = [instrument.id for instrument in instruments]
    with django_assert_num_queries(1):
        found = latest_quotes(instrument_ids=[*ids, *ids, 10**15], now=NINE_THIRTY + MINUTE)
    assert {key: quote.bid for key, quote in found.items()} == dict.fromkeys(ids, 52)
    assert latest_quotes(instrument_ids=[], now=NINE_THIRTY) == {}


def test_a_long_history_is_not_read_for_its_last_quote():
    instrument = make_instrument()
    quoted(*((instrument, "LIVE", after, 1 + after) for after in range(3000)))
    with connection.cursor() as cursor:
        params = {"ids": f"{{{instrument.id}}}", "now": NINE_THIRTY + 3000 * SECOND, "source": None}
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + _LATEST.format(source=""), params)
        plan = cursor.fetchone()[0][0]["Plan"]
    scans = [node for node in _nodes(plan) if node.get("Relation Name") == "market_quote"]
    assert [(node["Node Type"], node["Index Name"], node["Actual Rows"]) for node in scans] == [("Index Scan", "quote_latest", 1)]


def _nodes(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


def test_bars_have_ended_by_until():
    instrument = make_instrument()
    series = minute_bars(instrument.symbol, 5)
    as_loader(lambda: load_bars(series))

    def found(since, until):
        return bars(instrument_id=instrument.id, since=NINE_THIRTY + since, until=NINE_THIRTY + until).start.tolist()

    assert found(0 * MINUTE, 2 * MINUTE) == series.start[:2].tolist()
    assert found(0 * MINUTE, 2 * MINUTE - timedelta(microseconds=1)) == series.start[:1].tolist()
    assert found(MINUTE, 9 * MINUTE) == series.start[1:].tolist() and found(6 * MINUTE, 9 * MINUTE) == []
    with pytest.raises(NotFound):
        bars(instrument_id=10**15, since=NINE_THIRTY, until=NINE_THIRTY)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=15, max_size=60), st.integers(0, 3700))
def test_rte_1_minute_volume_is_the_cores_at_any_instant(minutes, after):
    instrument = make_instrument()
    volume, regular = (np.array(column) for column in zip(*minutes, strict=True))
    series = minute_bars(instrument.symbol, len(minutes), volume=volume.astype(np.int64), regular=regular.astype(np.bool_))
    as_loader(lambda: load_bars(series))
    now = NINE_THIRTY + after * SECOND
    assert minute_volume(instrument_id=instrument.id, now=now) == core.minute_volume(series, now)


def test_rte_1_minute_volume_is_one_statement_of_one_source(django_assert_num_queries):
    instrument = make_instrument()
    low = minute_bars(instrument.symbol, 40, volume=np.full(40, 10, np.int64))
    high = minute_bars(instrument.symbol, 20, volume=np.full(20, 99, np.int64), source=QuoteSource.SIMULATED)
    as_loader(lambda: (load_bars(low), load_bars(high)))
    now = NINE_THIRTY + 40 * MINUTE
    with django_assert_num_queries(1):
        assert minute_volume(instrument_id=instrument.id, now=now) == 10
    assert minute_volume(instrument_id=instrument.id, now=now, source="SIMULATED") == 99
    assert minute_volume(instrument_id=instrument.id, now=NINE_THIRTY + 19 * MINUTE) is None
    assert minute_volume(instrument_id=10**15, now=now) is None


def test_a_daily_close_counts_when_its_day_is_over(django_assert_num_queries):
    instrument, silent = make_instrument(), make_instrument()
    day = np.array([0, 1], np.int64) * 86_400_000_000 + core.to_us(utc(2026, 3, 2))
    daily = minute_bars(instrument.symbol, 2, start=day)
    daily = core.Bars(daily.symbol, BarInterval.DAY, day, daily.open, daily.high, daily.low, daily.close, daily.volume, daily.regular)
    as_loader(lambda: load_bars(daily))
    with django_assert_num_queries(1):
        found = previous_closes(instrument_ids=[instrument.id, silent.id], now=utc(2026, 3, 3))
    assert set(found) == {instrument.id}
    assert (found[instrument.id].close, found[instrument.id].trade_date.isoformat()) == (Decimal(50), "2026-03-02")
    assert previous_closes(instrument_ids=[instrument.id], now=utc(2026, 3, 2, 23, 59)) == {}
    stored = bars(instrument_id=instrument.id, since=utc(2026, 1, 1), until=utc(2026, 3, 4), interval=BarInterval.DAY)
    assert rows_of(stored) == rows_of(daily)
