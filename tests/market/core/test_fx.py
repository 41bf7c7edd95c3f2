"""Conversion: exact crosses, ids and times, and reasons instead of rates."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from currency_converter import CurrencyConverter
from hypothesis import given, settings
from hypothesis import strategies as st

from base.core.money import round_money
from market.core.fixings import FixingHistory, ecb_fixing_instant
from market.core.fx import CHECK_MAX_AGE, FIXING_MAX_AGE, Converted, FxMissing, FxRate, FxTable, InvalidRate, PivotRate
from market.enums import FxMissingReason, FxSource
from market.readers.fx import packaged_ecb_history, read_ecb_history
from tests.market.shared_data import MARKET_DATA, needs_market_data

NOW = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)


def leg(currency: str, rate: str, age: timedelta = timedelta(0), **changes) -> PivotRate:
    return PivotRate(currency, Decimal(rate), f"T:{currency}", NOW - age, FxSource.QUOTE, **changes)


TABLE = FxTable.of("EUR", [leg("USD", "1.0850"), leg("JPY", "162.75", timedelta(seconds=30)), leg("RUB", "100", timedelta(days=9))])


def test_acc_11_conversion_is_exact_and_carries_id_and_time():
    converted = TABLE.convert(Decimal(500_000), "EUR", "USD", now=NOW, max_age=CHECK_MAX_AGE)
    assert isinstance(converted, Converted)
    assert converted.amount == 542_500 and converted.rate.rate_id == "T:USD" and converted.rate.as_of == NOW


def test_siz_7_a4_equity_in_the_instruments_currency():
    rate = TABLE.rate("EUR", "USD", now=NOW, max_age=CHECK_MAX_AGE)
    assert round(Fraction(1, 100) * 500_000 * rate.value / Fraction("47.30"), 4) == Fraction("114.6934")


def test_acc_11_a_cross_goes_through_the_pivot_and_is_as_old_as_its_older_leg():
    rate = TABLE.rate("USD", "JPY", now=NOW, max_age=CHECK_MAX_AGE)
    assert rate.value == 150 and rate.rate_id == "T:USD/T:JPY" and rate.as_of == NOW - timedelta(seconds=30)
    assert rate.scaled == 1_500_000_000_000 and "cross through EUR" in rate.label


def test_acc_11_sixty_seconds_serve_and_a_microsecond_more_does_not():
    table = FxTable.of("EUR", [leg("USD", "1.0850", CHECK_MAX_AGE)])
    assert isinstance(table.rate("EUR", "USD", now=NOW, max_age=CHECK_MAX_AGE), FxRate)
    later = table.rate("EUR", "USD", now=NOW + timedelta(microseconds=1), max_age=CHECK_MAX_AGE)
    assert isinstance(later, FxMissing) and later.reason is FxMissingReason.TOO_OLD


@pytest.mark.parametrize(
    ("base", "quote", "now", "reason"),
    [
        ("EUR", "XXX", NOW, FxMissingReason.UNKNOWN_CURRENCY),
        ("XXX", "USD", NOW, FxMissingReason.UNKNOWN_CURRENCY),
        ("USD", "RUB", NOW, FxMissingReason.TOO_OLD),
        ("EUR", "USD", NOW - timedelta(seconds=1), FxMissingReason.AFTER_NOW),
    ],
)
def test_con_5_what_is_missing_is_a_reason_and_not_a_number(base, quote, now, reason):
    missing = TABLE.rate(base, quote, now=now, max_age=CHECK_MAX_AGE)
    assert isinstance(missing, FxMissing) and missing.reason is reason and missing.detail
    assert TABLE.convert(Decimal(1), base, quote, now=now, max_age=CHECK_MAX_AGE) == missing


def test_one_currency_needs_no_rate():
    rate = TABLE.rate("XXX", "XXX", now=NOW, max_age=CHECK_MAX_AGE)
    assert rate.value == 1 and rate.source is FxSource.IDENTITY


@pytest.mark.parametrize("rate", ["NaN", "Infinity", "0", "-1", "0.00000000001", "10000000000"])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(InvalidRate):
        leg("USD", rate)


def test_a_currency_stands_once_in_a_table():
    with pytest.raises(InvalidRate, match="once"):
        FxTable.of("EUR", [leg("USD", "1.1"), leg("USD", "1.2")])
    with pytest.raises(InvalidRate, match="pivot"):
        FxTable.of("EUR", [leg("EUR", "1")])
    with pytest.raises(ValueError, match="finite"):
        TABLE.convert(Decimal("NaN"), "EUR", "USD", now=NOW, max_age=CHECK_MAX_AGE)


_RATES = st.decimals("0.0001", "50000", places=4)


@settings(max_examples=60, deadline=None)
@given(_RATES, _RATES, st.booleans(), st.booleans())
def test_rates_there_and_back_multiply_to_one_and_chain(first, second, first_inverse, second_inverse):
    table = FxTable.of("EUR", [leg("USD", str(first), inverse=first_inverse), leg("JPY", str(second), inverse=second_inverse)])

    def value(base: str, quote: str) -> Fraction:
        return table.rate(base, quote, now=NOW, max_age=CHECK_MAX_AGE).value

    assert value("USD", "JPY") * value("JPY", "USD") == 1
    assert value("EUR", "USD") * value("USD", "JPY") == value("EUR", "JPY")
    vector = table.vector(["USD", "EUR", "JPY", "XXX", "USD"], "JPY", now=NOW, max_age=CHECK_MAX_AGE)
    for row, currency in enumerate(["USD", "EUR", "JPY"]):
        exact = value(currency, "JPY")
        fits = max(exact.numerator, exact.denominator, exact * 10**10) < 2**63 - 1
        assert bool(vector.missing[row]) is not fits
        if fits:
            assert Fraction(int(vector.numerator[row]), int(vector.denominator[row])) == exact
            assert abs(Fraction(int(vector.scaled[row]), 10**10) - exact) <= Fraction(1, 2 * 10**10)
        else:
            assert vector.reasons[row].reason is FxMissingReason.OUT_OF_RANGE
    assert vector.missing[3] and vector.rate_ids[3] == "" and vector.rate_ids[0] == vector.rate_ids[4]


def test_con_5_a_rate_too_large_for_arrays_is_missing_with_its_reason():
    table = FxTable.of("EUR", [leg("BTC", "0.0000166667"), leg("IDR", "19000.5")])
    vector = table.vector(["BTC"], "IDR", now=NOW, max_age=CHECK_MAX_AGE)
    assert vector.missing.tolist() == [True] and vector.reasons[0].reason is FxMissingReason.OUT_OF_RANGE
    assert table.rate("BTC", "IDR", now=NOW, max_age=CHECK_MAX_AGE).value > 10**9


def test_a_vector_of_nobody_is_empty():
    assert len(TABLE.vector([], "USD", now=NOW, max_age=CHECK_MAX_AGE).scaled) == 0


def test_ecb_rates_count_from_16_00_in_frankfurt_summer_and_winter():
    assert ecb_fixing_instant(date(2026, 7, 17)) == datetime(2026, 7, 17, 14, tzinfo=UTC)
    assert ecb_fixing_instant(date(2026, 1, 16)) == datetime(2026, 1, 16, 15, tzinfo=UTC)
    friday = ecb_fixing_instant(date(2026, 7, 17))
    before = packaged_ecb_history().table_at(friday - timedelta(microseconds=1)).rate("EUR", "USD", now=friday, max_age=FIXING_MAX_AGE)
    assert (before.value, before.rate_id) == (Fraction("1.1467"), "ECB:2026-07-16:USD")
    after = packaged_ecb_history().table_on(date(2026, 7, 17)).rate("EUR", "USD", now=friday, max_age=FIXING_MAX_AGE)
    assert (after.value, after.rate_id) == (Fraction("1.1435"), "ECB:2026-07-17:USD") and "ECB reference rate, fixing" in after.label


def test_acc_11_a_weekend_takes_fridays_fixing_and_says_so():
    monday = datetime(2026, 7, 20, 12, tzinfo=UTC)
    rate = packaged_ecb_history().table_at(monday).rate("EUR", "USD", now=monday, max_age=FIXING_MAX_AGE)
    assert rate.value == Fraction("1.1435") and "previous fixing of 2026-07-17 14:00 UTC" in rate.label


def test_acc_11_ninety_six_hours_are_the_limit():
    history, fixed = packaged_ecb_history(), ecb_fixing_instant(date(2026, 4, 2))
    assert isinstance(
        history.table_at(fixed + FIXING_MAX_AGE).rate("EUR", "USD", now=fixed + FIXING_MAX_AGE, max_age=FIXING_MAX_AGE), FxRate
    )
    late = fixed + FIXING_MAX_AGE + timedelta(microseconds=1)
    missing = history.table_at(late).rate("EUR", "USD", now=late, max_age=FIXING_MAX_AGE)
    assert missing.reason is FxMissingReason.TOO_OLD and "ECB:2026-04-02:USD" in missing.detail


def test_con_5_a_currency_no_longer_fixed_is_too_old_and_one_never_fixed_unknown():
    now = datetime(2026, 7, 17, 15, tzinfo=UTC)
    table = packaged_ecb_history().table_at(now)
    assert table.rate("EUR", "RUB", now=now, max_age=FIXING_MAX_AGE).reason is FxMissingReason.TOO_OLD
    assert table.rate("EUR", "VND", now=now, max_age=FIXING_MAX_AGE).reason is FxMissingReason.UNKNOWN_CURRENCY
    early = datetime(1998, 6, 1, tzinfo=UTC)
    unknown = packaged_ecb_history().table_at(early).rate("EUR", "USD", now=early, max_age=FIXING_MAX_AGE)
    assert unknown.reason is FxMissingReason.UNKNOWN_CURRENCY


def test_the_packaged_history_equals_what_the_converter_library_says():
    converter = CurrencyConverter(decimal=True)
    for day in (date(1999, 1, 4), date(2008, 9, 15), date(2014, 3, 28), date(2020, 3, 16), date(2026, 7, 17)):
        now = ecb_fixing_instant(day)
        table = packaged_ecb_history().table_on(day)
        for base, quote in (("EUR", "USD"), ("USD", "JPY"), ("GBP", "CHF")):
            ours = table.rate(base, quote, now=now, max_age=FIXING_MAX_AGE).value
            theirs = Fraction(converter.convert(1, base, quote, day))
            assert abs(ours / theirs - 1) < Fraction(1, 10**20)


@needs_market_data
def test_the_packaged_history_equals_the_ecbs_own_file():
    published = read_ecb_history(MARKET_DATA / "fx_ecb" / "eurofxref-hist.zip")
    packaged = packaged_ecb_history()
    for day in (date(1999, 1, 4), date(2013, 10, 4), date(2026, 7, 16), date(2026, 7, 17)):
        assert dict(published.table_on(day).rates) == dict(packaged.table_on(day).rates)
    assert published.table_on(date(2026, 7, 17)).rates["JPY"].rate == Decimal("185.65")
    now = ecb_fixing_instant(date(2026, 7, 17))
    dollars = published.table_on(date(2026, 7, 17)).convert(Decimal(10_000), "JPY", "USD", now=now, max_age=FIXING_MAX_AGE)
    assert round_money(dollars.amount, "USD") == Decimal("61.59")


def test_a_history_refuses_what_is_out_of_order():
    with pytest.raises(InvalidRate, match="increasing"):
        FixingHistory("EUR", np.array([2, 1]), ("USD",), np.ones((2, 1), np.int64), FxSource.FILE, "X")
    with pytest.raises(InvalidRate, match="shape"):
        FixingHistory("EUR", np.array([1, 2]), ("USD",), np.ones((1, 1), np.int64), FxSource.FILE, "X")
