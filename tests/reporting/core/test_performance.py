"""PRF-1 to PRF-5: returns and ratios, against the rulebook and against published figures."""

import csv
import gzip
import json
import math
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reporting.core.drawdown import deepest_drawdown, drawdown_curve
from reporting.core.performance import (
    ValuedDay,
    annual_growth,
    calmar,
    daily_return,
    modified_dietz,
    needs_revaluation,
    period_gain,
    ratios,
    time_weighted_return,
    unit_values,
    xirr,
)

DATA = next((p / "shared/data" for p in Path(__file__).resolve().parents if (p / "shared/data").is_dir()), Path("../shared/data"))
needs_data = pytest.mark.skipif(not (DATA / "metrics").is_dir(), reason=f"published figures are not at {DATA}")
# Monthly returns of C. Bacon, Practical Portfolio Performance Measurement and Attribution (2008), table 4.1.
BACON = [3, 26, 11, -10, 15, 25, 16, 67, -14, 40, -5, 81, 40, -37, -61, 17, -49, -22, 70, 58, -65, 24, -5, -9]


def d(text: object) -> Decimal:
    return Decimal(str(text))


def rulebook_days(fees: Decimal = Decimal(0)) -> list[ValuedDay]:
    return [
        ValuedDay(date(2026, 1, 5), d(100000), d(101000), fees=fees),
        ValuedDay(date(2026, 1, 6), d(101000), d(152510), inflow=d(50000)),
        ValuedDay(date(2026, 1, 7), d(152510), d(131000), outflow=d(20000)),
    ]


def published(name: str) -> dict:
    return json.loads((DATA / "metrics" / name).read_text())


def test_prf_1_daily_returns_of_the_rulebook_link_to_one_percent():
    days = rulebook_days()
    steps = [daily_return(day) for day in days]
    assert steps[:2] == [Fraction(1, 100)] * 2
    assert round(float(steps[2]) * 100, 4) == -0.9901
    assert round(time_weighted_return(days), 10) == d("0.0100000000")
    assert period_gain(days) == d(1000)


def test_prf_4_gross_adds_the_fees_of_each_day_back():
    days = rulebook_days(fees=d(100))
    assert time_weighted_return(days, gross=True) > time_weighted_return(days)
    assert daily_return(days[0], gross=True) == Fraction(11, 1000)


def test_prf_1_an_account_opened_and_emptied_within_the_month_has_returns():
    opened = ValuedDay(date(2026, 3, 2), d(0), d(5050), inflow=d(5000))
    emptied = ValuedDay(date(2026, 3, 3), d(5050), d(0), outflow=d(5050))
    idle = ValuedDay(date(2026, 3, 4), d(0), d(0))
    assert time_weighted_return([opened, emptied, idle]) == d("0.01")


def test_prf_1_nothing_invested_but_something_left_has_no_return():
    odd = ValuedDay(date(2026, 3, 2), d(-10), d(5))
    assert daily_return(odd) is None
    assert time_weighted_return([odd]) is None
    assert time_weighted_return([]) is None
    with pytest.raises(ValueError, match="no unit value"):
        unit_values([odd])


def test_prf_1_days_that_do_not_join_are_refused():
    first, _, third = rulebook_days()
    with pytest.raises(ValueError, match="does not follow"):
        time_weighted_return([first, third])
    with pytest.raises(ValueError, match="finite"):
        ValuedDay(date(2026, 1, 5), d("NaN"), d(1))
    with pytest.raises(ValueError, match="negative"):
        ValuedDay(date(2026, 1, 5), d(1), d(1), inflow=d(-1))


def test_prf_2_modified_dietz_of_the_rulebook():
    result = modified_dietz(begin=d(100000), end=d(117500), flows=[(10, d(20000)), (20, d(-5000))], days=30)
    assert round(float(result) * 100, 4) == 2.2388


def test_prf_2_flows_above_a_tenth_call_for_a_valuation():
    assert needs_revaluation(d(-10001), d(100000))
    assert not needs_revaluation(d(10000), d(100000))


def test_prf_2_no_capital_no_return_and_a_flow_outside_is_refused():
    assert modified_dietz(begin=d(0), end=d(5), flows=[], days=30) is None
    with pytest.raises(ValueError, match="day 31"):
        modified_dietz(begin=d(1), end=d(1), flows=[(31, d(1))], days=30)


def test_prf_3_xirr_of_the_rulebook():
    flows = [(date(2026, 1, 1), d(-100000)), (date(2026, 7, 1), d(-50000)), (date(2026, 12, 31), d(160000))]
    assert round(xirr(flows) * 100, 4) == 8.0450


def test_prf_3_flows_of_one_sign_have_no_rate():
    assert xirr([]) is None
    assert xirr([(date(2026, 1, 1), d(100)), (date(2026, 6, 1), d(100))]) is None


def test_prf_3_a_near_total_loss_over_half_a_century_does_not_overflow():
    rate = xirr([(date(1970, 1, 1), d(-1000000)), (date(2025, 1, 1), d("0.01"))])
    assert rate == pytest.approx((1e-8) ** (365 / (date(2025, 1, 1) - date(1970, 1, 1)).days) - 1, rel=1e-9)


@settings(max_examples=60)
@given(rate=st.floats(-0.95, 5.0), days=st.integers(30, 4000), stake=st.integers(1, 10**9))
def test_prf_3_xirr_finds_the_rate_that_made_the_flows(rate, days, stake):
    end = stake * (1 + rate) ** (days / 365)
    found = xirr([(date(2000, 1, 1), d(-stake)), (date(2000, 1, 1) + timedelta(days), Decimal(end))])
    assert found == pytest.approx(rate, rel=1e-7, abs=1e-9)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(-900, 900), st.integers(0, 50000)), min_size=1, max_size=25))
def test_prf_1_flows_do_not_move_the_time_weighted_return(steps):
    """The same market with and without deposits gives the same return."""
    plain, fed, begin_a, begin_b = [], [], Fraction(100000), Fraction(100000)
    for i, (bps, inflow) in enumerate(steps):
        growth = 1 + Fraction(bps, 10000)
        end_a, end_b = begin_a * growth, (begin_b + inflow) * growth
        day = date(2026, 1, 1) + timedelta(i)
        plain.append(daily_return(ValuedDay(day, _dec(begin_a), _dec(end_a))))
        fed.append(daily_return(ValuedDay(day, _dec(begin_b), _dec(end_b), inflow=d(inflow))))
        begin_a, begin_b = Fraction(_dec(end_a)), Fraction(_dec(end_b))
    assert all(abs(a - b) < Fraction(1, 10**12) for a, b in zip(plain, fed, strict=True))


def _dec(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def test_prf_5_ratios_of_the_rulebook():
    found = ratios([0.01, -0.005, 0.008, -0.002, 0.004], min_obs=5)
    assert round(found.volatility * 100, 2) == 10.16
    assert (round(found.sharpe, 4), round(found.sortino, 4)) == (7.4375, 19.7746)


def test_prf_5_too_few_observations_or_a_zero_denominator_is_null():
    assert ratios([0.01] * 19).sharpe is None and ratios([]).volatility is None
    flat = ratios([0.001] * 30)
    assert (flat.volatility, flat.sharpe, flat.sortino, flat.calmar) == (0.0, None, None, None)
    assert calmar([]) is None and annual_growth([-1.0]) is None
    with pytest.raises(ValueError, match="finite"):
        ratios([math.nan] * 30)


def test_prf_5_calmar_looks_at_the_last_36_months_only():
    crash, calm = [-0.5], [0.001, -0.0005] * 378
    assert calmar(crash + calm) == pytest.approx(calmar(calm))
    assert calmar(crash + calm, window=None) != pytest.approx(calmar(calm))


@needs_data
def test_prf_3_xirr_agrees_with_published_values():
    cases = published("money_and_time_weighted.json")["xirr"]
    assert len(cases) >= 2
    for case in cases:
        flows = [(date.fromisoformat(day), d(amount)) for day, amount in zip(case["dates"], case["flows"], strict=True)]
        assert xirr(flows) == pytest.approx(case["xirr"], abs=case["tol"]), case["id"]


@needs_data
def test_prf_1_prf_2_agree_with_published_values():
    cases = {case["id"]: case for case in published("money_and_time_weighted.json")["dietz_twr"]}
    dietz = cases["wikipedia-dietz-1"]
    flows = [(day, d(amount)) for day, amount in dietz["flows"]]
    assert float(modified_dietz(begin=d(dietz["v0"]), end=d(dietz["v1"]), flows=flows, days=dietz["days"])) == pytest.approx(
        dietz["expected"]
    )
    start, before, after, end = [d(row[1]) for row in cases["twr-chain"]["valuations"]]
    chain = [
        ValuedDay(date(2026, 1, 10), start, before),
        ValuedDay(date(2026, 1, 11), before, after, inflow=after - before),
        ValuedDay(date(2026, 1, 31), after, end),
    ]
    assert float(time_weighted_return(chain)) == pytest.approx(cases["twr-chain"]["expected"], abs=1e-12)


@needs_data
def test_prf_5_agrees_with_bacon():
    rows = {row["call"].partition("(")[0]: row for row in published("bacon_expected.json")["rows"]}
    returns = np.array(BACON) / 1000
    found = ratios(returns, risk_free=0.005)
    per_period = found.sortino / math.sqrt(252)
    downside = (returns - 0.005).mean() / per_period
    pain = -drawdown_curve(np.concatenate(([1.0], np.cumprod(1 + returns))))[1:].mean()
    assert round(per_period, 3) == rows["Kappa"]["expected"]
    assert round(float(downside), 4) == rows["DownsideDeviation"]["expected"]
    assert round(float(pain), 2) == rows["PainIndex"]["expected"]


@needs_data
def test_prf_5_agrees_with_other_libraries_on_thirty_real_series():
    oracle = published("real_series_oracle.json")["rows"]
    with gzip.open(DATA / "market/pip/skfolio/sp500_dataset.csv.gz", "rt") as file:
        table = list(csv.DictReader(file))
    assert len(oracle) == 30
    for key, want in oracle.items():
        rows = [row for row in table if want["start"] <= row["Date"] <= want["end"]]
        prices = np.array([float(row[want["ticker"]]) for row in rows])
        returns = prices[1:] / prices[:-1] - 1
        found = ratios(returns)
        fall = deepest_drawdown([date.fromisoformat(row["Date"]) for row in rows], prices)
        assert found.observations == want["n_returns"], key
        close = {"rel": 1e-9}
        assert found.volatility == pytest.approx(want["ann_vol_252"], **close), key
        assert found.sharpe == pytest.approx(want["sharpe_rf0_252"], **close), key
        assert found.sortino == pytest.approx(want["sortino_mar0_252"], **close), key
        assert calmar(returns, window=None) == pytest.approx(want["calmar"], **close), key
        assert annual_growth(returns) == pytest.approx(want["cagr_252"], **close), key
        assert fall.depth == pytest.approx(want["max_drawdown"], **close), key
