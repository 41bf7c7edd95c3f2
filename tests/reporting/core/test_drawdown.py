"""RSK-9: drawdown profile on flow-adjusted unit values."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reporting.core.drawdown import deepest_drawdown, drawdown_curve, floors
from reporting.core.performance import ValuedDay, unit_values


def dates(n: int) -> list[date]:
    return [date(2026, 1, 1) + timedelta(i) for i in range(n)]


def test_rsk_9_drawdown_and_floors_of_the_rulebook():
    fall = deepest_drawdown(dates(3), [100000.0, 108000.0, 99500.0])
    assert round(fall.depth * 100, 2) == -7.87
    assert fall.current == fall.depth
    assert floors(start=Decimal(100000), peak=Decimal(108000), limit=Decimal("0.1")) == (Decimal(90000), Decimal(97200))


def test_prf_5_profile_names_peak_trough_and_recovery():
    fall = deepest_drawdown(dates(8), [100.0, 110.0, 99.0, 104.5, 88.0, 100.0, 110.0, 109.0])
    assert (fall.peak_date, fall.trough_date, fall.recovery_date) == (date(2026, 1, 2), date(2026, 1, 5), date(2026, 1, 7))
    assert (round(fall.depth, 12), fall.days_down, fall.days_back) == (-0.2, 3, 2)
    assert fall.current == pytest.approx(-1 / 110)


def test_prf_5_open_drawdown_has_no_recovery_and_a_rising_series_no_drawdown():
    fall = deepest_drawdown(dates(3), [100.0, 90.0, 95.0])
    assert (fall.recovery_date, fall.days_back) == (None, None)
    assert deepest_drawdown(dates(3), [100.0, 100.0, 101.0]) is None
    assert deepest_drawdown([], []) is None


def test_rsk_9_a_withdrawal_is_not_a_drawdown():
    days = [
        ValuedDay(date(2026, 1, 5), Decimal(100000), Decimal(108000)),
        ValuedDay(date(2026, 1, 6), Decimal(108000), Decimal(58000), outflow=Decimal(50000)),
    ]
    assert drawdown_curve(unit_values(days)).min() == 0.0


def test_rsk_9_senseless_series_are_refused():
    with pytest.raises(ValueError, match="above zero"):
        drawdown_curve([0.0, 1.0])
    with pytest.raises(ValueError, match="2 dates but 1"):
        deepest_drawdown(dates(2), [1.0])


@settings(max_examples=80)
@given(st.lists(st.integers(1, 1000), min_size=1, max_size=40))
def test_rsk_9_deepest_equals_the_worst_of_all_pairs(values):
    fall = deepest_drawdown(dates(len(values)), [float(v) for v in values])
    worst = min(b / a - 1 for i, a in enumerate(values) for b in values[i:])
    assert (fall.depth if fall else 0.0) == pytest.approx(worst, abs=1e-12)
    if fall and fall.recovery_date:
        series = dict(zip(dates(len(values)), values, strict=True))
        assert series[fall.recovery_date] >= series[fall.peak_date] > series[fall.trough_date]
        assert np.isclose(series[fall.trough_date] / series[fall.peak_date] - 1, fall.depth)
