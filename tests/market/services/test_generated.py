"""The built-in market in the database: what the rulebook's examples start from."""

from datetime import date
from decimal import Decimal

import pytest

from market.core.fx import FxRate as Rate
from market.core.generated_catalogue import XYZ_ANCHOR_AT, generated_fx_table
from market.models import Instrument
from market.queries import CHECK_MAX_AGE, bars, fx_ratios, instrument_by_symbol, latest_quotes, minute_volume, previous_closes
from market.services import ConflictingRows, load_generated, load_generated_past
from market.services.generated import UnableToGenerateMarket
from tests.factories import as_loader
from tests.market.made import utc

pytestmark = pytest.mark.django_db
DAYS = (date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 2))


@pytest.fixture
def market():
    return as_loader(lambda: load_generated(["XYZ", "EURUSD", "GBPUSD", "USDJPY", "USDCHF", "BTCUSD"], days=DAYS))


def test_siz_7_and_rte_1_xyz_stands_at_the_rulebooks_inputs(market):
    ids = market.instrument_ids
    quotes = latest_quotes(instrument_ids=[ids["XYZ"], ids["EURUSD"]], now=XYZ_ANCHOR_AT)
    assert quotes[ids["XYZ"]].mid == Decimal("47.30") and quotes[ids["XYZ"]].as_of == XYZ_ANCHOR_AT
    assert quotes[ids["EURUSD"]].mid == Decimal("1.0850")
    assert minute_volume(instrument_id=ids["XYZ"], now=XYZ_ANCHOR_AT) == 12_000
    assert {quote.source for quote in quotes.values()} == {"SIMULATED"}


def test_acc_11_the_stored_rates_are_those_of_the_generated_table(market):
    currencies = ["EUR", "GBP", "JPY", "CHF", "USD"]
    table = generated_fx_table(XYZ_ANCHOR_AT)
    for to in ("USD", "EUR"):
        found = fx_ratios(currencies=currencies, to=to, now=XYZ_ANCHOR_AT, max_age=CHECK_MAX_AGE, source="SIMULATED")
        wanted = [table.rate(currency, to, now=XYZ_ANCHOR_AT, max_age=CHECK_MAX_AGE) for currency in currencies]
        assert all(isinstance(rate, Rate) for rate in wanted) and not found.missing.any()
        assert list(zip(found.num.tolist(), found.den.tolist(), strict=True)) == [rate.value.as_integer_ratio() for rate in wanted]
        assert all("SIMULATED" in label or label == "same currency" for label in found.labels)


def test_everything_is_flagged_and_labelled_simulated(market):
    assert all(instrument_by_symbol(symbol).is_simulated for symbol in market.instrument_ids)
    assert set(Instrument.objects.get(symbol="XYZ").bars.values_list("source", flat=True)) == {"SIMULATED"}
    assert market.source == "SIMULATED"


def test_each_instrument_has_its_own_sessions_and_a_previous_close(market):
    assert market.sessions["XYZ"] == (DAYS[0], DAYS[2]) and market.sessions["BTCUSD"] == DAYS
    assert market.symbols_on(DAYS[1]) == ["BTCUSD"]
    xyz = market.instrument_ids["XYZ"]
    close = previous_closes(instrument_ids=[xyz], now=utc(2026, 3, 2, 14, 30))[xyz]
    friday = bars(instrument_id=xyz, since=utc(2026, 2, 27), until=utc(2026, 2, 28))
    assert close.trade_date == DAYS[0] and close.close == Decimal(int(friday.close[-1])).scaleb(-8)


def test_loading_it_again_changes_nothing_and_another_seed_is_refused(market):
    again = as_loader(lambda: load_generated(list(market.instrument_ids), days=DAYS))
    assert (again.minute_bars.written, again.daily_bars.written, again.quotes.written, again.fx_rates.written) == (0, 0, 0, 0)
    assert again.instrument_ids == market.instrument_ids
    with pytest.raises(ConflictingRows):
        as_loader(lambda: load_generated(["XYZ"], days=DAYS, seed=2))


def test_unknown_symbols_and_days_without_a_session_are_refused():
    with pytest.raises(UnableToGenerateMarket, match="not in the built-in market: AAPL"):
        load_generated(["XYZ", "AAPL"], days=DAYS)
    with pytest.raises(UnableToGenerateMarket, match="none of the days"):
        load_generated(["XYZ"], days=[date(2026, 2, 28)])


def test_a_thinned_past_has_the_daily_bars_and_only_the_minutes_asked_for():
    days = [date(2025, 1, 14), date(2025, 1, 15), date(2025, 1, 16)]
    windows = {symbol: [(utc(2025, 1, 15, 15, 10), utc(2025, 1, 15, 15, 12))] for symbol in ("ALDER", "GBPUSD")}
    past = as_loader(lambda: load_generated_past(windows, since=days[0], until=days[-1]))
    alder = past.instrument_ids["ALDER"]
    found = bars(instrument_id=alder, since=utc(2025, 1, 13), until=utc(2025, 1, 18))
    assert [found.ends_at(row) for row in range(len(found))] == [utc(2025, 1, 15, 15, 11), utc(2025, 1, 15, 15, 12)]
    assert (past.daily_bars.written, past.quotes.written, past.fx_rates.written) == (6, 4, 2)
    close = previous_closes(instrument_ids=[alder], now=utc(2025, 1, 17))[alder]
    assert close.trade_date == days[-1]
    whole = as_loader(lambda: load_generated(["ALDER", "GBPUSD"], days=days))
    assert whole.minute_bars.unchanged == 4, "the same minutes, whole days over them"
    assert previous_closes(instrument_ids=[alder], now=utc(2025, 1, 17))[alder] == close
