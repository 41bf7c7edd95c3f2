"""Bars through the loader: exact, all or nothing, the same again harmless, a different one refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from django.db import IntegrityError, connections, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from base.errors import Conflict
from market.enums import QuoteSource
from market.models import Bar
from market.queries import bars as stored_bars
from market.services import ConflictingRows, Merged, UnableToLoadBars, load_bars
from tests.factories import as_loader, make_instrument
from tests.market.made import MINUTE_US, minute_bars, rows_of, utc

pytestmark = pytest.mark.django_db
MANY = 100
ALWAYS = (utc(1970, 1, 1), utc(2036, 1, 1))


def load(*series, **options) -> Merged:
    return as_loader(lambda: load_bars(series, **options))


def stored(instrument, **options):
    return stored_bars(instrument_id=instrument.id, since=ALWAYS[0], until=ALWAYS[1], **options)


@pytest.mark.parametrize("count", [3, MANY])
def test_bars_come_back_as_they_were_and_again_changes_nothing(count):
    instrument = make_instrument()
    series = minute_bars(instrument.symbol, count)
    assert load(series) == Merged(written=count)
    assert load(series) == Merged(unchanged=count)
    assert rows_of(stored(instrument)) == rows_of(series) and stored(instrument).source is QuoteSource.FILE


@pytest.mark.parametrize("count", [3, MANY])
def test_a_longer_series_adds_what_is_new(count):
    instrument = make_instrument()
    load(minute_bars(instrument.symbol, count))
    assert load(minute_bars(instrument.symbol, count + 2)) == Merged(written=2, unchanged=count)


@pytest.mark.parametrize("count", [3, MANY])
def test_a_different_bar_is_refused_and_nothing_is_written_unless_replaced(count):
    instrument, other = make_instrument(), make_instrument()
    series = minute_bars(instrument.symbol, count)
    load(series)
    longer = minute_bars(instrument.symbol, count + 1)
    volume = longer.volume.copy()
    volume[1] = 999
    changed = replace(longer, volume=volume)
    with pytest.raises(ConflictingRows) as refused:
        load(minute_bars(other.symbol), changed)
    assert isinstance(refused.value, Conflict) and refused.value.total == 1
    assert refused.value.problems()[0]["field"] == "volume" and refused.value.problems()[0]["value"] == "999.00000000"
    assert len(stored(instrument)) == count and len(stored(other)) == 0
    assert load(changed, replace=True) == Merged(written=1, unchanged=count - 1, replaced=1)
    assert rows_of(stored(instrument)) == rows_of(changed)


def test_two_sources_stand_beside_each_other_and_never_mix():
    instrument = make_instrument()
    load(minute_bars(instrument.symbol, 3))
    load(minute_bars(instrument.symbol, 5, source=QuoteSource.SIMULATED))
    assert len(stored(instrument)) == 5 and stored(instrument).source is QuoteSource.SIMULATED
    assert len(stored(instrument, source="FILE")) == 3


def test_fractions_of_coins_are_exact_and_large_volumes_fit():
    coin, penny = make_instrument(), make_instrument()
    fractions = minute_bars(coin.symbol, 2, volume=np.array([1, 12_34567890], np.int64), volume_exponent=8)
    large = minute_bars(penny.symbol, 2, volume=np.array([9 * 10**17, 0], np.int64))
    load(fractions, large)
    assert rows_of(stored(coin)) == rows_of(fractions) and rows_of(stored(penny)) == rows_of(large)


def test_an_unknown_symbol_is_named_and_nothing_is_written():
    instrument = make_instrument()
    with pytest.raises(UnableToLoadBars, match="no instrument NOWHERE"):
        load(minute_bars(instrument.symbol), minute_bars("NOWHERE"))
    assert len(stored(instrument)) == 0
    with pytest.raises(UnableToLoadBars, match="each symbol once"):
        load(minute_bars(instrument.symbol), minute_bars(instrument.symbol))


def test_nothing_is_something_too():
    assert load() == Merged() == load(minute_bars("NOWHERE", 0))


def test_two_loads_at_once_store_one_set_of_rows():
    instrument = make_instrument()
    series = minute_bars(instrument.symbol, 2000)

    def run(_) -> Merged:
        try:
            return load_bars(series)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as threads:
        merged = sum(threads.map(run, range(3)), Merged())
    assert merged == Merged(written=2000, unchanged=4000)
    assert rows_of(stored(instrument)) == rows_of(series)


def test_the_database_refuses_an_unknown_instrument_and_the_deletion_of_one_with_bars():
    instrument = make_instrument()
    load(minute_bars(instrument.symbol))
    bar = {"source": "FILE", "starts_at": utc(2026, 1, 5), "open": 1, "high": 1, "low": 1, "close": 1, "volume": 1}

    def unknown() -> None:
        with transaction.atomic(using="loader"):
            Bar.objects.using("loader").create(instrument_id=10**12, **bar)

    def moved() -> None:
        with transaction.atomic(using="loader"):
            Bar.objects.using("loader").filter(instrument_id=instrument.id).update(instrument_id=10**12)

    def deleted() -> None:
        with transaction.atomic(using="loader"), connections["loader"].cursor() as cursor:
            cursor.execute("DELETE FROM market_instrument WHERE id = %s", [instrument.id])

    for write, told in ((unknown, "refers to no instrument"), (moved, "refers to no instrument"), (deleted, "has rows of stays")):
        with pytest.raises(IntegrityError, match=told):
            as_loader(write)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_con_1_any_bars_survive_the_database_exactly(data):
    count = data.draw(st.integers(1, 60))
    edges = np.sort(data.draw(hnp.arrays(np.int64, (count, 4), elements=st.integers(1, 10**16))), axis=1)
    swap = data.draw(hnp.arrays(np.bool_, count))
    opens, closes = np.where(swap, edges[:, 2], edges[:, 1]), np.where(swap, edges[:, 1], edges[:, 2])
    exponent = data.draw(st.sampled_from([0, 8]))
    volume = data.draw(hnp.arrays(np.int64, count, elements=st.integers(0, 10**17)))
    gaps = data.draw(hnp.arrays(np.int64, count, elements=st.integers(1, 5000)))
    start = 1_700_000_040_000_000 + np.cumsum(gaps) * MINUTE_US
    regular = data.draw(hnp.arrays(np.bool_, count))
    instrument = make_instrument()
    columns = {
        "start": start,
        "open": opens,
        "high": edges[:, 3],
        "low": edges[:, 0],
        "close": closes,
        "volume": volume,
        "regular": regular,
    }
    series = minute_bars(instrument.symbol, count, **columns, volume_exponent=exponent)
    load(series)
    found = stored(instrument)
    in_coins = [number * 10 ** (8 - found.volume_exponent) for number in found.volume.tolist()]
    assert in_coins == [number * 10 ** (8 - exponent) for number in volume.tolist()]
    assert [row[:5] + row[6:] for row in rows_of(found)[:-1]] == [row[:5] + row[6:] for row in rows_of(series)[:-1]]
