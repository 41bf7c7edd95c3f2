"""Instruments and exchange rates from the documented CSV."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from market.core.fx import CHECK_MAX_AGE
from market.enums import FxMissingReason, FxSource, InstrumentKind
from market.readers.columns import UnableToReadMarketFile
from market.readers.fx import read_ecb_history, read_fx_rates
from market.readers.instruments_csv import INSTRUMENT_HEADER, read_instruments

HEADER = ",".join(INSTRUMENT_HEADER) + "\n"
XYZ = "XYZ,EQUITY,USD,,XNYS,0.01,,,,,,Technology,XYZ Inc,,,US\n"
EURUSD = "EURUSD,FX,USD,EUR,FX,0.00001,0.01,,,100000,0.0001,,,,,\n"
RATES = "ts,base,quote,rate\n"
GUIDE = Path(__file__).resolve().parents[3] / "docs" / "market-csv.md"


def refusal(tmp_path, text, read):
    path = tmp_path / "file.csv"
    path.write_text(text)
    with pytest.raises(UnableToReadMarketFile) as caught:
        read(path)
    return [(complaint.line, complaint.field) for complaint in caught.value.complaints]


def test_instruments_are_read_with_their_defaults(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text(HEADER + XYZ + EURUSD)
    instruments = read_instruments(path)
    xyz, eurusd = instruments["XYZ"], instruments["EURUSD"]
    assert (xyz.lot_step, xyz.min_quantity, xyz.multiplier, xyz.settlement_market) == (1, 1, 1, "US")
    assert (eurusd.kind, eurusd.base_currency, eurusd.multiplier) == (InstrumentKind.FX, "EUR", Decimal(100_000))


def test_the_guides_example_is_the_format(tmp_path):
    guide = GUIDE.read_text()
    path = tmp_path / "file.csv"
    path.write_text(next(block for block in guide.split("```") if block.strip().startswith("symbol,kind")).lstrip())
    assert set(read_instruments(path)) == {"XYZ", "EURUSD"}


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("EQUITY", "STOCK", "kind"),
        ("USD", "usd", "currency"),
        ("XNYS", "XXXX", "market"),
        (",US\n", ",ZZ\n", "settlement_market"),
        ("0.01", "", "tick_size"),
        ("0.01", "NaN", "tick_size"),
        ("0.01", "1E-2", "tick_size"),
        ("0.01", "0", "tick_size"),
        ("XYZ,", "ABC,", "symbol"),
    ],
)
def test_one_bad_instrument_and_none_is_taken(tmp_path, old, new, field):
    text = HEADER + EURUSD + XYZ.replace("XYZ,", "ABC,", 1) + XYZ.replace(old, new, 1)
    assert refusal(tmp_path, text, read_instruments) == [(4, field)]


def test_rates_are_read_exactly_and_count_from_their_time_on(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text(
        RATES + "2026-03-02T15:30:00Z,USD,EUR,0.9216589862\n2026-03-02T15:30:00Z,USD,JPY,150\n2026-03-02T15:31:00Z,USD,JPY,151\n"
    )
    history = read_fx_rates(path)
    before, now, later = (datetime(2026, 3, 2, 15, minute, tzinfo=UTC) for minute in (29, 30, 31))
    missing = history.table_at(before).rate("USD", "JPY", now=before, max_age=CHECK_MAX_AGE)
    assert missing.reason is FxMissingReason.UNKNOWN_CURRENCY
    assert history.table_at(now).rate("USD", "JPY", now=now, max_age=CHECK_MAX_AGE).value == 150
    rate = history.table_at(later).rate("EUR", "JPY", now=later, max_age=CHECK_MAX_AGE)
    assert rate.value == Fraction(151) / Fraction("0.9216589862") and rate.source is FxSource.FILE
    assert rate.rate_id == "FILE:2026-03-02T15:30:00Z:EUR/FILE:2026-03-02T15:31:00Z:JPY"


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("2026-03-02T15:31:00Z,USD,JPY,0", "rate"),
        ("2026-03-02T15:31:00Z,USD,JPY,NaN", "rate"),
        ("2026-03-02T15:31:00Z,EUR,JPY,1", "base"),
        ("2026-03-02T15:31:00Z,USD,USD,1", "quote"),
        ("2026-03-02T15:31:00Z,USD,jpy,1", "quote"),
        ("2026-03-02T15:30:00Z,USD,JPY,151", "ts"),
        ("2026-03-02,USD,JPY,151", "ts"),
    ],
)
def test_one_bad_rate_and_none_is_taken(tmp_path, line, field):
    assert refusal(tmp_path, RATES + "2026-03-02T15:30:00Z,USD,JPY,150\n" + line + "\n", read_fx_rates) == [(3, field)]


@pytest.mark.parametrize(
    ("text", "line", "field"),
    [
        ("Date,USD,\n2026-07-17,1.1435,\n2026-07-17,1.1467,\n", 2, "Date"),
        ("Date,USD,\n2026-07-16,1.1435,\n2026-07-17,1.1467,\n", 2, "Date"),
        ("Date,USD,\n2026-07-17,one,\n", 2, "USD"),
        ("Day,USD,\n2026-07-17,1.1435,\n", 1, "header"),
        ("", 1, "header"),
    ],
)
def test_a_broken_ecb_file_is_refused(tmp_path, text, line, field):
    assert refusal(tmp_path, text, read_ecb_history) == [(line, field)]
