"""PRF-10, PRF-11: management and performance fees."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reporting.core.fees import management_fee, mark_after_deposit, performance_fee, withdrawal_fee

CENTS = st.integers(0, 10**10).map(lambda minor: Decimal(minor).scaleb(-2))
FIFTH = Decimal("0.20")


def crystallise(nav: int, mark: int) -> tuple[Decimal, Decimal]:
    result = performance_fee(nav=Decimal(nav), high_water_mark=Decimal(mark), rate=FIFTH, currency="USD")
    return result.fee, result.next_mark


def test_prf_10_management_fee_of_the_rulebook_with_its_computation():
    result = management_fee([Decimal(200000)] * 30, rate=Decimal("0.01"), currency="USD")
    assert (result.mean_nav, result.days, result.fee) == (Decimal(200000), 30, Decimal("164.38"))


def test_prf_10_the_mean_is_not_rounded_before_it_is_multiplied():
    navs = [Decimal("100.00"), Decimal("100.01"), Decimal("100.01")]
    result = management_fee(navs, rate=Decimal("10"), currency="USD")
    assert result.fee == Decimal("8.22") and result.mean_nav == Decimal("100.01")
    assert management_fee([Decimal(1000000)] * 31, rate=Decimal("0.01"), currency="JPY").fee == Decimal("849")


def test_prf_10_a_negative_mean_owes_no_fee_and_no_days_are_refused():
    assert management_fee([Decimal(-5)], rate=Decimal("0.01"), currency="USD").fee == 0
    with pytest.raises(ValueError, match="at least one day"):
        management_fee([], rate=Decimal("0.01"), currency="USD")


def test_prf_11_high_water_mark_of_the_rulebook():
    assert crystallise(120000, 100000) == (Decimal(4000), Decimal(116000))
    assert crystallise(110000, 116000) == (Decimal(0), Decimal(116000))
    assert crystallise(125000, 116000) == (Decimal(1800), Decimal(123200))


def test_prf_11_withdrawing_half_halves_the_mark():
    half = withdrawal_fee(nav=Decimal(116000), withdrawn=Decimal(58000), high_water_mark=Decimal(116000), rate=FIFTH, currency="USD")
    assert (half.fee, half.next_mark) == (Decimal(0), Decimal(58000))


def test_prf_11_a_withdrawal_crystallises_its_share_of_the_gain():
    half = withdrawal_fee(nav=Decimal(125000), withdrawn=Decimal(62500), high_water_mark=Decimal(116000), rate=FIFTH, currency="USD")
    assert (half.share, half.fee, half.next_mark) == (Fraction(1, 2), Decimal(900), Decimal(58000))
    rest = performance_fee(nav=Decimal(62500), high_water_mark=half.next_mark, rate=FIFTH, currency="USD")
    assert half.fee + rest.fee == Decimal(1800)


def test_prf_11_mark_before_fee_is_a_choice():
    result = performance_fee(nav=Decimal(120000), high_water_mark=Decimal(100000), rate=FIFTH, currency="USD", mark_net_of_fee=False)
    assert result.next_mark == Decimal(120000)


def test_prf_11_senseless_input_is_refused():
    with pytest.raises(ValueError, match="not a deposit"):
        mark_after_deposit(Decimal(1), Decimal(-1))
    with pytest.raises(ValueError, match="cannot withdraw"):
        withdrawal_fee(nav=Decimal(1), withdrawn=Decimal(2), high_water_mark=Decimal(1), rate=FIFTH, currency="USD")
    with pytest.raises(ValueError, match="within"):
        performance_fee(nav=Decimal(2), high_water_mark=Decimal(1), rate=Decimal(20), currency="USD")


@settings(max_examples=80)
@given(nav=CENTS, mark=CENTS, deposit=CENTS)
def test_prf_11_deposits_create_no_chargeable_gain_and_gains_are_charged_once(nav, mark, deposit):
    before = performance_fee(nav=nav, high_water_mark=mark, rate=FIFTH, currency="USD")
    after = performance_fee(nav=nav + deposit, high_water_mark=mark_after_deposit(mark, deposit), rate=FIFTH, currency="USD")
    assert after.fee == before.fee
    again = performance_fee(nav=nav - before.fee, high_water_mark=before.next_mark, rate=FIFTH, currency="USD")
    assert again.fee == 0
