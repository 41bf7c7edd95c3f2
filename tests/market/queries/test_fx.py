"""ACC-11: exact ratios with the rows they come from; what is missing or old is marked, never guessed."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from market.core.fixings import FixingHistory
from market.core.instants import to_us
from market.enums import FxSource
from market.models import FxRate
from market.queries import CHECK_MAX_AGE, FIXING_MAX_AGE, fx_ratios
from market.readers.fx import packaged_ecb_history
from market.services import load_fx
from tests.factories import as_loader
from tests.market.made import utc

pytestmark = pytest.mark.django_db
FRIDAY = utc(2024, 6, 14, 14)  # 16:00 in Frankfurt


def load(pivot, currencies, at, rates, source) -> None:
    history = FixingHistory(pivot, np.array([to_us(at)], np.int64), currencies, np.array([rates], np.int64), source, "T")
    as_loader(lambda: load_fx(history))


@pytest.fixture
def ecb():
    as_loader(lambda: load_fx(packaged_ecb_history(), since=date(2024, 1, 1)))


def ratios(currencies, to, now, max_age=FIXING_MAX_AGE, source="ECB_REFERENCE"):
    return fx_ratios(currencies=currencies, to=to, now=now, max_age=max_age, source=source)


def test_acc_11_a_cross_through_the_euro_is_exact_and_names_its_rows(ecb, django_assert_num_queries):
    now = FRIDAY + timedelta(hours=1)
    with django_assert_num_queries(1):
        found = ratios(["EUR", "USD", "CHF", "USD", "JPY"], "USD", now)
    row = {quote: FxRate.objects.get(base="EUR", quote=quote, source="ECB_REFERENCE", as_of=FRIDAY) for quote in ("USD", "CHF", "JPY")}
    assert (found.num[1], found.den[1], found.rate_ids[1], found.labels[1]) == (1, 1, "IDENTITY", "same currency")
    assert Fraction(int(found.num[0]), int(found.den[0])) == Fraction(row["USD"].rate) == Fraction("1.0686")
    assert Fraction(int(found.num[2]), int(found.den[2])) == Fraction(row["USD"].rate) / Fraction(row["CHF"].rate)
    assert set(found.rate_ids[2].split("/")) == {str(row["CHF"].pk), str(row["USD"].pk)}
    assert not found.missing.any() and found.num.dtype == found.den.dtype == np.int64
    assert found.labels[0].startswith("ECB reference rate, fixing of 2024-06-14") and found.as_of[0] == FRIDAY


def test_acc_11_the_previous_fixing_serves_for_96_hours_and_says_so(ecb):
    before_mondays_fixing = utc(2024, 6, 17, 13, 59)
    found = ratios(["CHF"], "EUR", before_mondays_fixing)
    assert not found.missing[0] and "previous fixing of 2024-06-14" in found.labels[0]
    easter = utc(2024, 4, 2, 14)  # after Thursday 28 March, 16:00 (15:00 UTC) there was no fixing until this instant
    known, too_old = utc(2024, 4, 1, 15), utc(2024, 4, 1, 15) + timedelta(microseconds=1)
    assert not ratios(["CHF"], "EUR", known).missing[0] and ratios(["CHF"], "EUR", too_old).missing[0]
    assert not ratios(["CHF"], "EUR", easter).missing[0]
    assert "TOO_OLD" in ratios(["CHF"], "EUR", too_old).labels[0]


def test_acc_11_for_checks_a_rate_lives_sixty_seconds(ecb):
    assert not ratios(["CHF"], "EUR", FRIDAY + timedelta(seconds=60), CHECK_MAX_AGE).missing[0]
    late = ratios(["CHF", "EUR"], "EUR", FRIDAY + timedelta(seconds=61), CHECK_MAX_AGE)
    assert late.missing.tolist() == [True, False] and late.as_of[0] is None
    assert (late.num[0], late.den[0], late.rate_ids[0]) == (0, 1, "")


def test_con_5_a_fixing_is_not_known_before_its_hour(ecb):
    thursday, friday = (ratios(["USD"], "EUR", FRIDAY + timedelta(microseconds=late)) for late in (-1, 0))
    assert thursday.as_of[0] == utc(2024, 6, 13, 14) and friday.as_of[0] == FRIDAY


def test_con_5_a_currency_nobody_prices_is_missing_with_the_reason(ecb):
    found = ratios(["XXX", "USD"], "EUR", FRIDAY)
    assert found.missing.tolist() == [True, False] and found.labels[0].startswith("UNKNOWN_CURRENCY")
    assert ratios(["USD"], "EUR", utc(2023, 1, 1)).missing[0]


def test_the_youngest_usable_source_is_taken():
    at = utc(2026, 3, 2, 9)
    load("QQA", ("QQB",), at, [2 * 10**10], FxSource.FILE)
    load("QQA", ("QQB",), at + timedelta(hours=1), [3 * 10**10], FxSource.SIMULATED)
    found = [fx_ratios(currencies=["QQA"], to="QQB", now=at + timedelta(hours=h), max_age=FIXING_MAX_AGE) for h in (0, 1)]
    assert [int(each.num[0]) for each in found] == [2, 3]
    assert "rate from file" in found[0].labels[0] and "SIMULATED" in found[1].labels[0]
    back = fx_ratios(currencies=["QQB", "QQB"], to="QQA", now=at, max_age=CHECK_MAX_AGE)
    assert (back.num.tolist(), back.den.tolist()) == ([1, 1], [2, 2])


def test_con_5_what_int64_cannot_hold_is_missing():
    at = utc(2026, 3, 2, 9)
    load("QQP", ("QQC",), at, [9_223_372_036_854_775_783], FxSource.FILE)
    load("QQD", ("QQP",), at, [9_223_372_036_854_775_807], FxSource.FILE)
    found = fx_ratios(currencies=["QQD", "QQP"], to="QQC", now=at, max_age=CHECK_MAX_AGE)
    assert found.missing.tolist() == [True, False] and found.labels[0].startswith("OUT_OF_RANGE")
    assert Fraction(int(found.num[1]), int(found.den[1])) == Fraction(Decimal("922337203.6854775783"))
