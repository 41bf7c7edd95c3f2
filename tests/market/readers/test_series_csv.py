"""Bars and quotes from files: the real ones, the documented ones, and everything that must be refused."""

import gzip
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.core.bars import last_completed, minute_volume, unscale
from market.core.instants import from_us, to_day_number
from market.core.quotes import quote_at
from market.readers.columns import MAX_COMPLAINTS, UnableToReadMarketFile, parse_table
from market.readers.series_csv import read_daily_bars, read_minute_bars, read_minute_quotes
from tests.market.shared_data import MARKET_DATA, needs_market_data

NORMALISED = MARKET_DATA / "normalised"
BARS = "symbol,ts,open,high,low,close,volume\n"
QUOTES = "symbol,ts,bid,bid_size,ask,ask_size\n"
GOOD = "XYZ,2026-03-02T14:30:00Z,47.21,47.25,47.19,47.24,20500\n"


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def refusal(tmp_path, text, read=read_minute_bars, **options):
    path = tmp_path / "bars.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UnableToReadMarketFile) as caught:
        read(path, **options)
    return caught.value.complaints


@needs_market_data
def test_real_minute_trades_are_read_whole():
    bars = read_minute_bars(NORMALISED / "us_equity_minute_trades.csv.gz", now=utc(2013, 10, 12))
    assert {symbol: len(series) for symbol, series in bars.items()} == {"AIG": 2558, "FOXA": 812, "IBM": 2566, "NWSA": 818, "SPY": 4839}
    spy = bars["SPY"]
    assert from_us(int(spy.start[-1])) == utc(2013, 10, 11, 23, 59) and unscale(int(spy.close[-1])) == Decimal("170.41")
    assert not spy.regular[-1] and int(spy.regular.sum()) == 6 * 390
    at = utc(2013, 10, 11, 20)
    row = last_completed(spy, at, regular_only=True)
    assert from_us(int(spy.start[row])) == utc(2013, 10, 11, 19, 59)
    rows = [i for i in range(len(spy)) if spy.regular[i] and spy.start[i] <= spy.start[row]][-20:]
    assert minute_volume(spy, at) == Decimal(str(np.median(spy.volume[rows])))


@needs_market_data
def test_real_minute_quotes_keep_their_missing_sides():
    quotes = read_minute_quotes(NORMALISED / "us_equity_minute_quotes.csv.gz")
    assert sum(map(len, quotes.values())) == 13697
    early = quote_at(quotes["FOXA"], utc(2013, 7, 1, 8, 1))
    assert (early.bid, early.ask, early.ask_size) == (Decimal("27"), None, 0)
    assert sum(int((series.ask == 0).sum()) for series in quotes.values()) == 7


@needs_market_data
def test_real_daily_bars_are_read_whole():
    bars = read_daily_bars(NORMALISED / "us_equity_daily_raw_unadjusted.csv.gz")
    assert sum(map(len, bars.values())) == 70025 and len(bars) == 21
    assert int(bars["AAA"].start[0]) == to_day_number(date(2002, 5, 22)) * 86_400_000_000
    assert unscale(int(bars["AAA"].close[0])) == Decimal("54.89")
    assert last_completed(bars["AAA"], utc(2002, 5, 22, 23, 59)) is None


def test_the_documented_form_in_utc_and_in_local_time_is_the_same(tmp_path):
    texts = [BARS + GOOD, BARS + GOOD.replace("2026-03-02T14:30:00Z", "2026-03-02 09:30:00")]
    starts = []
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}.csv.gz"
        path.write_bytes(gzip.compress(text.encode()))
        starts.append(int(read_minute_bars(path)["XYZ"].start[0]))
    assert [from_us(start) for start in starts] == [utc(2026, 3, 2, 14, 30)] * 2


def test_crlf_a_byte_order_mark_quotes_and_a_missing_last_newline_are_accepted(tmp_path):
    path = tmp_path / "bars.csv"
    path.write_bytes(b"\xef\xbb\xbf" + (BARS + GOOD.replace("XYZ", '"XYZ"')).replace("\n", "\r\n").rstrip().encode())
    assert unscale(int(read_minute_bars(path)["XYZ"].high[0])) == Decimal("47.25")


def test_symbols_may_be_mixed_and_each_knows_its_market(tmp_path):
    path = tmp_path / "bars.csv"
    coin = "BTCUSD,2026-03-01T03:00:00Z,60000.01,60000.01,60000.01,60000.01,0.12345678\n"
    path.write_text(BARS + GOOD + coin + GOOD.replace("14:30", "14:31"))
    bars = read_minute_bars(path, market={"XYZ": "XNYS", "BTCUSD": "CRYPTO"})
    assert len(bars["XYZ"]) == 2 and bars["BTCUSD"].regular.tolist() == [True]
    assert unscale(int(bars["BTCUSD"].volume[0]), bars["BTCUSD"].volume_exponent) == Decimal("0.12345678")
    assert [complaint.rule for complaint in refusal(tmp_path, path.read_text(), market={"XYZ": "XNYS"})] == [
        "a symbol whose market is known"
    ]


@pytest.mark.parametrize("cell", ['"X\nYZ"', '"XYZ\n"', '"\nXYZ"', '"X,YZ"', '"X\rYZ"'])
def test_a_line_break_within_quotes_is_refused_and_not_passed_over(tmp_path, cell):
    found = refusal(tmp_path, BARS + GOOD + GOOD.replace("XYZ", cell).replace(":30:", ":31:"))
    assert [(complaint.field, complaint.rule) for complaint in found] == [("line", "no comma or line break within a cell")]
    assert found[0].line in {3, 4}


def test_an_empty_table_is_no_bars(tmp_path):
    path = tmp_path / "bars.csv"
    path.write_text(BARS)
    assert read_minute_bars(path) == {} == read_minute_bars(path, market={})


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("47.21", "NaN", "open"),
        ("47.21", "inf", "open"),
        ("47.21", "-47.21", "open"),
        ("47.21", "4.721e1", "open"),
        ("47.21", "", "open"),
        ("47.21", "0", "open"),
        ("47.21", "47.", "open"),
        ("47.21", ".5", "open"),
        ("47.21", "4.7.21", "open"),
        ("47.21", "47.123456789", "open"),
        ("47.21", "12345678901", "open"),
        ("47.21", " 47.21", "open"),
        ("47.21", "４７.21", "open"),
        ("47.21", "9" * 80, "open"),
        ("47.25", "47.18", "high"),
        ("47.24", "47.26", "close"),
        ("20500", "-1", "volume"),
        ("20500", "20'500", "volume"),
        ("XYZ", "xyz", "symbol"),
        ("XYZ", "=cmd()", "symbol"),
        ("XYZ", "", "symbol"),
        ("14:30:00Z", "14:30:30Z", "ts"),
        ("14:30:00Z", "14:30:00", "ts"),
        ("14:30:00Z", "24:30:00Z", "ts"),
        ("2026-03-02T", "2026-02-29T", "ts"),
        ("2026-03-02T", "2026-13-02T", "ts"),
        ("2026-03-02T", "2026-00-02T", "ts"),
        ("2026-03-02T", "26-03-02T", "ts"),
        ("2026-03-02T", "1905-03-02T", "ts"),
    ],
)
def test_one_bad_cell_and_nothing_of_the_file_is_taken(tmp_path, old, new, field):
    text = BARS + GOOD.replace("XYZ", "ABC") + GOOD.replace(old, new, 1)
    complaints = refusal(tmp_path, text)
    assert (3, field) in {(complaint.line, complaint.field) for complaint in complaints}
    assert all(complaint.rule for complaint in complaints)


@pytest.mark.parametrize(
    ("text", "line", "field"),
    [
        ("", 1, "header"),
        (BARS.replace("ts", "time") + GOOD, 1, "header"),
        (BARS + GOOD + "XYZ,2026-03-02T14:31:00Z,47\n", 3, "line"),
        (BARS + GOOD + "\n" + GOOD, 3, "line"),
        (BARS + GOOD + GOOD, 3, "ts"),
        (BARS + GOOD + GOOD.replace("14:30", "14:29"), 3, "ts"),
        (BARS + GOOD + GOOD.replace("XYZ", '"X,Z"').replace("14:30", "14:31"), 3, "line"),
        ((BARS + GOOD).encode() + b"\xff\xfe,1\n", 3, "file"),
        ((BARS + GOOD).encode().replace(b"47.21", b"47\x0021"), 2, "file"),
        (gzip.compress((BARS + GOOD).encode(), mtime=0)[:-12], 0, "file"),
        (b"\x1f\x8bnot gzip", 0, "file"),
    ],
)
def test_a_file_of_the_wrong_shape_is_refused_with_its_line(tmp_path, text, line, field):
    complaints = refusal(tmp_path, text)
    assert (complaints[0].line, complaints[0].field) == (line, field)


def test_a_bar_that_ends_after_now_is_refused(tmp_path):
    assert refusal(tmp_path, BARS + GOOD, now=utc(2026, 3, 2, 14, 30, 59))[0].field == "ts"
    (tmp_path / "bars.csv").write_text(BARS + GOOD)
    assert len(read_minute_bars(tmp_path / "bars.csv", now=utc(2026, 3, 2, 14, 31))["XYZ"]) == 1


def test_complaints_are_bounded_and_counted(tmp_path):
    path = tmp_path / "bars.csv"
    path.write_text(BARS + "".join(GOOD.replace("47.21", "NaN") for _ in range(500)))
    with pytest.raises(UnableToReadMarketFile) as caught:
        read_minute_bars(path)
    assert len(caught.value.complaints) == MAX_COMPLAINTS and caught.value.total == 500


def test_con_6_summer_and_winter_time_are_told_apart(tmp_path):
    path = tmp_path / "bars.csv"
    lines = [GOOD.replace("2026-03-02T14:30:00Z", day + " 09:30:00") for day in ("2026-03-06", "2026-03-09", "2026-10-30", "2026-11-02")]
    path.write_text(BARS + "".join(lines))
    bars = read_minute_bars(path)["XYZ"]
    assert [from_us(int(start)).hour for start in bars.start] == [14, 13, 13, 14] and bars.regular.all()


@pytest.mark.parametrize(("zone", "local"), [("America/New_York", "2026-03-08 02:30:00"), ("America/New_York", "2026-11-01 01:30:00")])
def test_con_6_an_hour_that_is_skipped_or_comes_twice_is_not_guessed(tmp_path, zone, local):
    complaints = refusal(tmp_path, BARS + GOOD.replace("2026-03-02T14:30:00Z", local), zone=zone, market="CRYPTO")
    assert complaints[0].field == "ts" and "exists once" in complaints[0].rule
    for hour in ("00:59:00", "03:00:00"):
        (tmp_path / "bars.csv").write_text(BARS + GOOD.replace("2026-03-02T14:30:00Z", f"{local[:10]} {hour}"))
        local_time = datetime.fromisoformat(f"{local[:10]}T{hour}")
        start = read_minute_bars(tmp_path / "bars.csv", zone=zone, market="CRYPTO")["XYZ"].start[0]
        offset = local_time.replace(tzinfo=UTC) - from_us(int(start))
        winter = (local[5:7] == "03") == (hour == "00:59:00")
        assert offset == -timedelta(hours=5 if winter else 4)


def test_quotes_with_a_missing_side(tmp_path):
    path = tmp_path / "quotes.csv"
    path.write_text(QUOTES + "XYZ,2026-03-02T14:30:00Z,47.20,100,,0\n")
    assert quote_at(read_minute_quotes(path)["XYZ"], utc(2026, 3, 2, 14, 31)).ask is None
    complaints = refusal(tmp_path, QUOTES + "XYZ,2026-03-02T14:30:00Z,47.20,100,,7\n", read_minute_quotes)
    assert (complaints[0].line, complaints[0].field) == (2, "ask")


def test_daily_bars_take_dates_only(tmp_path):
    header = BARS.replace("ts", "date")
    assert refusal(tmp_path, header + GOOD, read_daily_bars)[0].field == "date"
    twice = header + 2 * GOOD.replace("2026-03-02T14:30:00Z", "2026-03-02")
    assert [(complaint.line, complaint.field) for complaint in refusal(tmp_path, twice, read_daily_bars)] == [(3, "date")]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.decimals("0", "9999999999", places=8), min_size=1, max_size=20))
def test_con_1_decimals_are_read_exactly(numbers):
    table = parse_table("x", ("n\n" + "\n".join(format(number, "f") for number in numbers)).encode())
    assert [unscale(value) for value in table.decimals("n", 8).tolist()] == numbers


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0123456789.-+eNaInf _", max_size=25))
def test_what_is_not_a_plain_decimal_is_never_a_number(text):
    table = parse_table("x", f"n,end\n{text},1\n".encode())
    value = int(table.decimals("n", 8)[0])
    whole, point, fraction = text.partition(".")
    plain = whole.isdigit() and len(whole) <= 10 and (fraction.isdigit() and len(fraction) <= 8 if point else True)
    assert (table.complaints.total == 0) == plain
    assert unscale(value) == (Decimal(text) if plain else 0)


def test_two_hundred_thousand_rows_are_read_quickly(tmp_path):
    path = tmp_path / "bars.csv"
    day, lines = datetime(2024, 1, 2, 9, 30), [BARS]
    while len(lines) < 200_000:
        lines += [f"ABC,{day + timedelta(minutes=m)},{47 + m / 100:.2f},99.50,11.25,{47 + m / 200:.2f},{m + 100}\n" for m in range(390)]
        day += timedelta(days=1)
    path.write_text("".join(lines))
    best = 9.0
    for _ in range(3):
        started = time.process_time()
        bars = read_minute_bars(path)["ABC"]
        best = min(best, time.process_time() - started)
    assert len(bars) == 200_070 and best < 1.0
