"""The loading commands: what they tell, and that a half-valid file writes nothing."""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from market.models import Bar, FxRate, Instrument, Quote, VenueSymbol
from market.queries import bars, instrument_by_symbol, latest_quotes
from market.readers.instruments_csv import INSTRUMENT_HEADER
from tests.factories import as_loader, make_instrument, number
from tests.market.made import utc
from tests.market.shared_data import MARKET_DATA, needs_market_data

pytestmark = pytest.mark.django_db
BARS = "symbol,ts,open,high,low,close,volume\n"
QUOTES = "symbol,ts,bid,bid_size,ask,ask_size\n"
RATES = "ts,base,quote,rate\n"
VENUE_SYMBOLS = "venue,symbol,instrument\n"


@pytest.fixture
def run(tmp_path):
    """Run a command on a file of this text as a person would, and return what it says."""

    def command(name, text, *arguments) -> str:
        path = tmp_path / f"{name}.csv"
        path.write_text(text)
        out = io.StringIO()
        as_loader(lambda: call_command(name, str(path), *arguments, stdout=out))
        return out.getvalue().strip()

    return command


def refused(run, *arguments) -> str:
    with pytest.raises(CommandError) as error:
        run(*arguments)
    assert error.value.returncode == 2
    return str(error.value)


def bar(symbol, minute="14:30", close="47.24", volume="20500") -> str:
    return f"{symbol},2026-03-02T{minute}:00Z,47.21,47.25,47.19,{close},{volume}\n"


def instrument_line(symbol, **fields) -> str:
    made = {"symbol": symbol, "kind": "EQUITY", "currency": "USD", "market": "XNYS", "tick_size": "0.01", **fields}
    return ",".join(made.get(name, "") for name in INSTRUMENT_HEADER) + "\n"


def test_instruments_are_loaded_and_half_a_file_is_not(run):
    header = ",".join(INSTRUMENT_HEADER) + "\n"
    good = header + instrument_line("CMDONE") + instrument_line("CMDTWO", sector="Energy", issuer="Two Inc")
    assert run("load_instruments", good) == "2 instruments stand as the file says"
    assert instrument_by_symbol("CMDTWO").sector == "Energy"
    told = refused(run, "load_instruments", header + instrument_line("CMDTRE") + instrument_line("CMDFOUR", tick_size="-1", kind="EQUITY"))
    assert "line 3: tick_size '-1': a plain decimal" in told and "nothing loaded, 1 error" in told
    assert not Instrument.objects.filter(symbol="CMDTRE").exists()
    told = refused(run, "load_instruments", header + instrument_line("CMDTRE") + instrument_line("CMDONE", tick_size="0.05"))
    assert "CMDONE: tick is stored as 0.01" in told and "tick '0.05'" in told
    assert not Instrument.objects.filter(symbol="CMDTRE").exists()
    run("load_instruments", header + instrument_line("CMDONE", tick_size="0.05"), "--replace")
    assert instrument_by_symbol("CMDONE").tick == Decimal("0.05")


def test_bars_are_loaded_once_and_half_a_file_is_not(run):
    symbol = make_instrument().symbol
    text = BARS + bar(symbol) + bar(symbol, "14:31")
    assert run("load_bars", text) == "1 symbols, bars: 2 new, 0 unchanged, 0 replaced"
    assert run("load_bars", text) == "1 symbols, bars: 0 new, 2 unchanged, 0 replaced"
    told = refused(run, "load_bars", text + bar(symbol, "14:32") + bar(symbol, "14:33", close="NaN"))
    assert "load_bars.csv: nothing loaded, 1 error" in told and "line 5: close 'NaN': a plain decimal" in told
    told = refused(run, "load_bars", text + bar(symbol, "14:32") + bar(symbol, "14:33", close="99"))
    assert "line 5: close '99': between low and high" in told
    assert Bar.objects.filter(instrument__symbol=symbol).count() == 2


def test_a_different_bar_of_the_same_minute_is_refused_unless_replaced(run):
    symbol = make_instrument().symbol
    run("load_bars", BARS + bar(symbol))
    changed = BARS + bar(symbol, volume="1") + bar(symbol, "14:31")
    told = refused(run, "load_bars", changed)
    assert "1 bar rows differ" in told and "volume '1.00000000': as stored: 20500.00000000" in told and "2026-03-02 14:30" in told
    assert Bar.objects.filter(instrument__symbol=symbol).count() == 1
    assert run("load_bars", changed, "--replace") == "1 symbols, bars: 1 new, 0 unchanged, 1 replaced"


def test_an_unknown_symbol_is_told_with_its_line(run):
    symbol = make_instrument().symbol
    told = refused(run, "load_bars", BARS + bar(symbol) + bar("NOSUCH"))
    assert "line 3: symbol 'NOSUCH'" in told
    told = refused(run, "load_quotes", QUOTES + f"{symbol},2026-03-02T14:30:00Z,1,1,2,1\n" + "NOSUCH,2026-03-02T14:30:00Z,1,1,2,1\n")
    assert "line 3: symbol 'NOSUCH': must be a known instrument" in told
    assert not Bar.objects.filter(instrument__symbol=symbol).exists() and not Quote.objects.filter(instrument__symbol=symbol).exists()


def test_venue_symbols_are_loaded_and_half_a_file_is_not(run):
    one, two, venue = make_instrument(), make_instrument(), f"CMDVENUE{number()}"
    good = f"{VENUE_SYMBOLS}{venue},ONE.N,{one.symbol}\n{venue},{one.symbol},{two.symbol}\n"
    assert run("load_venue_symbols", good) == "1 venues, symbols: 2 new, 0 unchanged, 0 replaced"
    assert run("load_venue_symbols", good) == "1 venues, symbols: 0 new, 2 unchanged, 0 replaced"
    three = make_instrument()
    told = refused(run, "load_venue_symbols", f"{VENUE_SYMBOLS}{venue},THREE.N,{three.symbol}\n{venue},ONE.N,NOSUCH\n")
    assert "nothing loaded, 1 error" in told and "line 3: instrument 'NOSUCH': must be a known instrument" in told
    told = refused(run, "load_venue_symbols", f"{VENUE_SYMBOLS}{venue},THREE.N,{three.symbol}\n{venue},OTHER,{one.symbol}\n")
    assert f"line 3: instrument '{one.symbol}': as stored: {venue} calls it ONE.N" in told
    told = refused(run, "load_venue_symbols", good + f"{venue},ONE.N,{three.symbol}\n")
    assert f"line 4: symbol 'ONE.N': once a venue; {venue} has it for {one.symbol} above" in told
    told = refused(run, "load_venue_symbols", f"{VENUE_SYMBOLS}{venue},THREE.N,{three.symbol}\n{venue},,{one.symbol}\n")
    assert "line 3: symbol '': 1 to 64 printable ASCII characters" in told
    assert VenueSymbol.objects.filter(venue=venue).count() == 2
    other = f"{VENUE_SYMBOLS}{venue},OTHER,{one.symbol}\n{venue},{three.symbol},{two.symbol}\n"
    assert run("load_venue_symbols", other, "--replace").splitlines() == [
        "1 venues, symbols: 0 new, 0 unchanged, 2 replaced",
        f"{venue} has no name for {three.symbol}: it calls another instrument so",
    ]


def test_daily_bars_and_labels(run):
    symbol = make_instrument().symbol
    text = "symbol,date,open,high,low,close,volume\n" + f"{symbol},2026-03-02,1,2,1,2,10\n"
    assert run("load_bars", text, "--daily", "--source", "SIMULATED").endswith("1 new, 0 unchanged, 0 replaced")
    row = Bar.objects.get(instrument__symbol=symbol)
    assert (row.interval_seconds, row.source, row.starts_at) == (86_400, "SIMULATED", utc(2026, 3, 2))


def test_regular_hours_follow_the_instruments_own_market(run):
    swiss = make_instrument(calendar="XSWX", currency="CHF")
    run("load_bars", BARS + bar(swiss.symbol, "08:30") + bar(swiss.symbol, "18:00"))
    stored = bars(instrument_id=swiss.id, since=utc(2026, 3, 1), until=utc(2026, 3, 3))
    assert stored.regular.tolist() == [True, False]


def test_a_bar_of_the_future_is_refused(run):
    symbol = make_instrument().symbol
    assert "line 2: ts" in refused(run, "load_bars", BARS + bar(symbol).replace("2026-", "2034-"))


def test_quotes_are_loaded_with_their_missing_sides(run):
    instrument = make_instrument()
    text = QUOTES + f"{instrument.symbol},2026-03-02T14:30:00Z,47.20,100,47.22,200\n{instrument.symbol},2026-03-02T14:31:00Z,47.20,100,,0\n"
    assert run("load_quotes", text) == "1 symbols, quotes: 2 new, 0 unchanged, 0 replaced"
    first, second = (latest_quotes(instrument_ids=[instrument.id], now=utc(2026, 3, 2, 14, at))[instrument.id] for at in (31, 32))
    assert (first.mid, second.mid, second.bid) == (Decimal("47.21"), None, Decimal("47.20"))


def test_rates_are_loaded_from_a_file(run):
    good = RATES + "2026-03-02T09:00:00Z,CMD,CMX,1.25\n"
    assert run("load_fx", good) == "1 currencies against CMD, rates: 1 new, 0 unchanged, 0 replaced"
    told = refused(run, "load_fx", good + "2026-03-02T10:00:00Z,CMD,CMX,0\n")
    assert "line 3: rate '0': above 0" in told
    assert "1 fxrate rows differ" in refused(run, "load_fx", good.replace("1.25", "1.26"))
    assert list(FxRate.objects.filter(base="CMD").values_list("rate", flat=True)) == [Decimal("1.25")]


def test_the_packaged_ecb_rates_are_loaded_without_a_file():
    out = io.StringIO()
    as_loader(lambda: call_command("load_fx", "--ecb", "--since", "2025-06-02", stdout=out))
    assert "currencies against EUR, rates:" in out.getvalue()
    assert FxRate.objects.filter(source="ECB_REFERENCE", base="EUR", quote="CHF", as_of__date=date(2025, 6, 2)).count() == 1


@needs_market_data
def test_the_ecbs_own_file_says_the_same_as_the_packaged_history():
    archive = MARKET_DATA / "fx_ecb" / "eurofxref-hist.zip"
    as_loader(lambda: call_command("load_fx", "--ecb", "--since", "2025-06-02", stdout=io.StringIO()))
    out = io.StringIO()
    as_loader(lambda: call_command("load_fx", str(archive), "--ecb", "--since", "2025-06-02", stdout=out))
    assert "0 replaced" in out.getvalue()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["load_fx"], "name a file, or --ecb"),
        (["load_fx", "rates.csv", "--since", "2025-01-01"], "--since goes with --ecb"),
        (["load_bars", "/nonexistent/bars.csv"], "No such file"),
        (["load_bars", "bars.csv", "--zone", "Mars/Phobos"], "is no time zone"),
        (["load_quotes", "quotes.csv", "--source", "RUMOUR"], "invalid"),
    ],
)
def test_a_command_says_what_it_needs(arguments, told):
    with pytest.raises(CommandError, match=told) as error:
        as_loader(lambda: call_command(*arguments))
    # What the parser itself refuses ends a process with 2; called from Python it raises without a status of its own.
    assert error.value.returncode == (1 if str(error.value).startswith("Error: ") else 2)


@pytest.mark.parametrize("command", ["load_bars", "load_quotes", "load_venue_symbols"])
def test_a_file_without_rows_is_refused(run, command):
    header = {"load_bars": BARS, "load_quotes": QUOTES, "load_venue_symbols": VENUE_SYMBOLS}[command]
    assert "there is no row below the header" in refused(run, command, header)
