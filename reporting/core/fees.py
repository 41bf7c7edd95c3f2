"""Management and performance fees, each with the figures that led to it (PRF-10, PRF-11).

Entry points: `management_fee`, `performance_fee`, `mark_after_deposit`, `withdrawal_fee`.
Invariants:
1. A fee is rounded once, half-up, to the currency's minor unit.
2. No performance fee is ever charged below the high-water mark, and no gain is charged twice.
3. A deposit or a withdrawal alone never creates a chargeable gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from base.core.money import round_money


@dataclass(frozen=True, slots=True)
class ManagementFee:
    """A management fee and its computation: mean_nav × rate × days / 365. mean_nav is shown rounded, charged exact."""

    mean_nav: Decimal
    rate: Decimal
    days: int
    fee: Decimal


@dataclass(frozen=True, slots=True)
class PerformanceFee:
    """A performance fee and its computation: (nav − high_water_mark) × share × rate, never below 0.

    share: the part of the account crystallised, 1 at the end of a period, the withdrawn part at a withdrawal.
    next_mark: the high-water mark from now on.
    """

    nav: Decimal
    high_water_mark: Decimal
    share: Fraction
    rate: Decimal
    fee: Decimal
    next_mark: Decimal


def management_fee(daily_navs: Sequence[Decimal], *, rate: Decimal, currency: str) -> ManagementFee:
    """Return mean daily NAV × rate × days/365 (PRF-10).

    daily_navs: one NAV a calendar day, in `currency`. rate: a year, 0.01 = 1%.

    >>> management_fee([Decimal(200000)] * 30, rate=Decimal("0.01"), currency="USD").fee
    Decimal('164.38')

    Raises ValueError for no days or a negative rate.
    """
    if not daily_navs or rate < 0:
        raise ValueError("a management fee needs at least one day and a rate that is not negative")
    total, days = sum(map(Fraction, daily_navs), Fraction(0)), len(daily_navs)
    fee = round_money(max(total, Fraction(0)) * Fraction(rate) / 365, currency)
    return ManagementFee(round_money(total / days, currency), rate, days, fee)


def performance_fee(
    *, nav: Decimal, high_water_mark: Decimal, rate: Decimal, currency: str, mark_net_of_fee: bool = True
) -> PerformanceFee:
    """Crystallise the fee on what lies above the high-water mark (PRF-11).

    nav: before this fee. mark_net_of_fee: the next mark is what is left after the fee (default), else the NAV before it.

    >>> performance_fee(nav=Decimal(120000), high_water_mark=Decimal(100000), rate=Decimal("0.20"), currency="USD").next_mark
    Decimal('116000.00')

    Raises ValueError for a rate outside 0…1.
    """
    fee = _fee_above(nav, high_water_mark, Fraction(1), rate, currency)
    reached = nav - fee if mark_net_of_fee else nav
    return PerformanceFee(nav, high_water_mark, Fraction(1), rate, fee, max(high_water_mark, reached))


def mark_after_deposit(high_water_mark: Decimal, amount: Decimal) -> Decimal:
    """Return the mark after a deposit, which raises it one to one (PRF-11). Raises ValueError for a negative amount."""
    if amount < 0:
        raise ValueError(f"a deposit of {amount} is not a deposit")
    return high_water_mark + amount


def withdrawal_fee(*, nav: Decimal, withdrawn: Decimal, high_water_mark: Decimal, rate: Decimal, currency: str) -> PerformanceFee:
    """Crystallise the withdrawn share of the gain and scale the mark by what stays (PRF-11).

    nav: before the withdrawal. withdrawn: leaves the account, its fee included (the investor is paid withdrawn − fee).

    >>> nav = Decimal(116000)
    >>> half = withdrawal_fee(nav=nav, withdrawn=nav / 2, high_water_mark=nav, rate=Decimal("0.2"), currency="USD")
    >>> half.fee, half.next_mark
    (Decimal('0.00'), Decimal('58000.00'))

    Raises ValueError unless 0 ≤ withdrawn ≤ nav and nav > 0.
    """
    if not (nav > 0 and 0 <= withdrawn <= nav):
        raise ValueError(f"cannot withdraw {withdrawn} of {nav}")
    share = Fraction(withdrawn) / Fraction(nav)
    fee = _fee_above(nav, high_water_mark, share, rate, currency)
    return PerformanceFee(nav, high_water_mark, share, rate, fee, round_money(Fraction(high_water_mark) * (1 - share), currency))


def _fee_above(nav: Decimal, mark: Decimal, share: Fraction, rate: Decimal, currency: str) -> Decimal:
    if not 0 <= rate <= 1:
        raise ValueError(f"rate {rate} is not within 0…1")
    return round_money(max(Fraction(nav) - Fraction(mark), Fraction(0)) * share * Fraction(rate), currency)
