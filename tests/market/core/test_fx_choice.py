"""ACC-11: which source's rate serves, as values."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from market.core.fx import FxMissing, FxRate
from market.core.fx_choice import StoredRate, best_rates, tables_of
from market.enums import FxMissingReason, FxSource

NOW = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
AGE = timedelta(seconds=60)


def rate(base, quote, number, *, age=0, source=FxSource.QUOTE) -> StoredRate:
    return StoredRate(base, quote, Decimal(number), f"{base}{quote}{age}{source}", NOW - timedelta(seconds=age), source)


def best(rates, currency, to) -> FxRate | FxMissing:
    return best_rates(tables_of(rates), [currency], to, now=NOW, max_age=AGE)[0]


def test_pairs_that_share_a_currency_make_a_cross_whichever_way_they_are_quoted():
    pairs = [rate("EUR", "USD", "1.0850"), rate("USD", "JPY", "150")]
    assert best(pairs, "EUR", "JPY").value == Fraction("162.75")
    assert best(pairs, "JPY", "EUR").value == 1 / Fraction("162.75")
    only_quotes = [rate("EUR", "USD", "1.08"), rate("GBP", "USD", "1.27")]
    assert best(only_quotes, "EUR", "GBP").value == Fraction("1.08") / Fraction("1.27")


def test_pairs_that_share_nothing_stay_apart():
    found = best([rate("EUR", "USD", "1.0850"), rate("GBP", "CHF", "1.10")], "EUR", "CHF")
    assert isinstance(found, FxMissing) and found.reason is FxMissingReason.UNKNOWN_CURRENCY
    assert best([rate("EUR", "USD", "1.0850"), rate("GBP", "CHF", "1.10")], "GBP", "CHF").value == Fraction("1.10")


def test_two_sources_never_meet_in_one_cross():
    found = best([rate("EUR", "USD", "1.0850"), rate("USD", "JPY", "150", source=FxSource.SIMULATED)], "EUR", "JPY")
    assert isinstance(found, FxMissing)


def test_the_youngest_serves_and_of_equals_the_most_trusted():
    quoted, simulated = rate("EUR", "USD", "1.1", age=30), rate("EUR", "USD", "1.2", age=10, source=FxSource.SIMULATED)
    assert best([quoted, simulated], "EUR", "USD").value == Fraction("1.2")
    level = rate("EUR", "USD", "1.3", age=10, source=FxSource.FILE)
    assert best([quoted, simulated, level], "EUR", "USD").value == Fraction("1.3")
    both_ways = [rate("EUR", "USD", "1.1", age=30), rate("USD", "EUR", "0.5", age=5)]
    assert best(both_ways, "EUR", "USD").value == 2


def test_con_5_the_reason_of_what_came_closest_is_told():
    old = [rate("EUR", "USD", "1.1", age=61), rate("GBP", "USD", "1.2")]
    assert best(old, "EUR", "USD").reason is FxMissingReason.TOO_OLD
    assert best([], "EUR", "USD").reason is FxMissingReason.UNKNOWN_CURRENCY
    assert best([], "EUR", "EUR").value == 1


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(["EUR", "GBP", "JPY", "CHF"]), st.decimals("0.0001", "9999", places=4), min_size=1))
def test_there_and_back_is_exactly_one(numbers):
    rates = [rate(currency, "USD", number) for currency, number in numbers.items()]
    for currency in numbers:
        assert best(rates, currency, "USD").value * best(rates, "USD", currency).value == 1
        assert best(rates, currency, "USD").value == Fraction(numbers[currency])
