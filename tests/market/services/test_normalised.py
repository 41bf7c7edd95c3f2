"""Real US equity history in the database, read in place."""

from datetime import date
from decimal import Decimal

import pytest

from market.core.bars import minute_volume as volume_of
from market.enums import InstrumentKind
from market.queries import bars, instrument_by_symbol, latest_quotes, minute_volume, previous_closes, trade_date
from market.readers.series_csv import read_minute_bars
from market.services import load_normalised
from market.services.normalised import MINUTE_TRADES, UnableToLoadMarket
from tests.factories import as_loader
from tests.market.made import rows_of, utc
from tests.market.shared_data import MARKET_DATA, needs_market_data

pytestmark = [pytest.mark.django_db, needs_market_data]
NORMALISED = MARKET_DATA / "normalised"
WEEK = (*(date(2013, 10, day) for day in (4, 7, 8, 9, 10, 11)),)
AT = utc(2013, 10, 8, 15, 30)


@pytest.fixture
def market():
    return as_loader(lambda: load_normalised(NORMALISED, ["SPY", "FOXA", "UW"]))


def test_sessions_instruments_and_labels(market):
    assert market.sessions == {"FOXA": (date(2013, 7, 1), date(2013, 7, 2)), "SPY": WEEK, "UW": ()}
    assert market.symbols_on(WEEK[0]) == ["SPY"] and market.source == "FILE"
    spy = instrument_by_symbol("SPY")
    assert (spy.kind, spy.calendar, spy.tick, spy.lot_step, spy.is_simulated) == (InstrumentKind.ETF, "XNYS", Decimal("0.01"), 1, False)
    assert instrument_by_symbol("FOXA").kind is InstrumentKind.EQUITY
    assert trade_date(instrument=spy, instant=utc(2013, 10, 8, 22)) == date(2013, 10, 8)


def test_the_stored_bars_are_those_of_the_file(market):
    files = read_minute_bars(NORMALISED / f"{MINUTE_TRADES}.gz")["SPY"]
    stored = bars(instrument_id=market.instrument_ids["SPY"], since=utc(2013, 10, 1), until=utc(2013, 10, 12), source="FILE")
    assert rows_of(stored) == rows_of(files)


def test_rte_1_one_minute_volume_is_the_cores(market):
    files = read_minute_bars(NORMALISED / f"{MINUTE_TRADES}.gz")["SPY"]
    spy = market.instrument_ids["SPY"]
    moments = [utc(2013, 10, 4, 13, 49, 59), utc(2013, 10, 4, 13, 50), AT, utc(2013, 10, 9, 11), utc(2013, 10, 12)]
    found = [minute_volume(instrument_id=spy, now=now) for now in moments]
    assert found == [volume_of(files, now) for now in moments] and found[0] is None and found[1] is not None


def test_quotes_and_previous_closes_as_of(market):
    ids = market.instrument_ids
    quote = latest_quotes(instrument_ids=list(ids.values()), now=AT)[ids["SPY"]]
    assert quote.as_of <= AT and Decimal(160) < quote.bid < quote.ask < Decimal(170) and quote.last is None
    early = latest_quotes(instrument_ids=[ids["FOXA"]], now=utc(2013, 7, 1, 8, 1))[ids["FOXA"]]
    assert (early.bid, early.ask, early.mid) == (Decimal(27), None, None)
    closes = previous_closes(instrument_ids=list(ids.values()), now=AT)
    assert closes[ids["SPY"]].trade_date == date(2013, 10, 7) and closes[ids["SPY"]].close == Decimal("167.42")


def test_loading_again_changes_nothing(market):
    again = as_loader(lambda: load_normalised(NORMALISED, ["SPY", "FOXA", "UW"]))
    assert (again.minute_bars.written, again.daily_bars.written, again.quotes.written) == (0, 0, 0)
    assert again.instrument_ids == market.instrument_ids and again.minute_bars.unchanged == 4839 + 812


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(UnableToLoadMarket, match="nothing of NOSUCH"):
        load_normalised(NORMALISED, ["SPY", "NOSUCH"])
    with pytest.raises(UnableToLoadMarket, match=r"no us_equity_minute_trades\.csv"):
        load_normalised(tmp_path)
