"""Quotes through the loader, one by one and as series."""

from decimal import Decimal

import pytest

from market.core.quotes import synthetic_quotes
from market.enums import QuoteSource
from market.queries import latest_quotes
from market.services import ConflictingRows, Merged, QuoteRow, load_quotes, record_quotes
from tests.factories import as_loader, make_instrument
from tests.market.made import minute_bars, utc

pytestmark = pytest.mark.django_db
AT = utc(2026, 3, 2, 15, 30)


def row(instrument, bid="47.29", ask="47.31", last="47.30", at=AT, source=QuoteSource.LIVE) -> QuoteRow:
    prices = (None if price is None else Decimal(price) for price in (bid, ask, last))
    return QuoteRow(instrument.id, source, at, *prices)


def record(*rows, **options) -> Merged:
    return as_loader(lambda: record_quotes(rows, **options))


def latest(instrument, now=AT):
    return latest_quotes(instrument_ids=[instrument.id], now=now).get(instrument.id)


def test_a_quote_is_stored_once_and_again_changes_nothing():
    instrument = make_instrument()
    assert record(row(instrument), row(instrument)) == Merged(written=1, unchanged=1)
    assert record(row(instrument)) == Merged(unchanged=1)
    quote = latest(instrument)
    assert (quote.bid, quote.ask, quote.last, quote.mid, quote.source) == (*map(Decimal, ("47.29", "47.31", "47.30", "47.30")), "LIVE")


def test_other_prices_at_the_same_instant_are_refused_unless_replaced():
    instrument, other = make_instrument(), make_instrument()
    record(row(instrument))
    with pytest.raises(ConflictingRows, match=r"1 quote rows differ.*ask 47\.32"):
        record(row(instrument, ask="47.32"), row(other))
    assert latest(other) is None and latest(instrument).ask == Decimal("47.31")
    assert record(row(instrument, ask="47.32"), replace=True) == Merged(replaced=1)
    assert latest(instrument).ask == Decimal("47.32")
    with pytest.raises(ValueError, match="two different quotes"):
        record(row(instrument, bid="1"), row(instrument, bid="2"), replace=True)


def test_a_missing_side_stays_missing_and_leaves_no_mid():
    instrument = make_instrument()
    record(row(instrument, ask=None, last=None))
    quote = latest(instrument)
    assert (quote.bid, quote.ask, quote.last, quote.mid) == (Decimal("47.29"), None, None, None)
    record(row(instrument, bid="47.35", ask="47.30", at=utc(2026, 3, 2, 15, 30, 1)))
    assert latest(instrument, utc(2026, 3, 2, 15, 31)).crossed


@pytest.mark.parametrize("wrong", ["0", "-1", "NaN", "Infinity", "1.000000001"])
def test_con_1_a_price_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="price"):
        QuoteRow(1, QuoteSource.LIVE, AT, Decimal(wrong), Decimal(50))


def test_a_float_and_a_naive_instant_are_refused():
    with pytest.raises(TypeError, match="floats are refused"):
        QuoteRow(1, QuoteSource.LIVE, AT, 47.3, None)
    with pytest.raises(ValueError, match="no time zone"):
        QuoteRow(1, QuoteSource.LIVE, AT.replace(tzinfo=None), None, None)


@pytest.mark.parametrize("count", [3, 200])
def test_a_recorded_minute_is_known_when_it_has_ended(count):
    instrument = make_instrument()
    quotes = synthetic_quotes(minute_bars(instrument.symbol, count), Decimal("0.01"))
    assert as_loader(lambda: load_quotes([quotes])) == Merged(written=count)
    assert as_loader(lambda: load_quotes([quotes])) == Merged(unchanged=count)
    assert latest(instrument, utc(2026, 3, 2, 14, 30, 59)) is None
    quote = latest(instrument, utc(2026, 3, 2, 14, 31))
    assert (quote.bid, quote.ask, quote.source, quote.as_of) == (Decimal("49.99"), Decimal("50.01"), "SYNTHETIC", utc(2026, 3, 2, 14, 31))
