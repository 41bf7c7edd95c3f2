"""Drawdowns as arrays (RSK-9): the worked figures, and the exact rule value by value."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal as D

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reporting.core.performance import ValuedDay
from reporting.core.performance import unit_values as of_days
from risk.core.drawdown import current_drawdown, unit_values
from risk.core.unit_curves import UnitState, advance, drawdown_now, group_days, start

ALL = np.ones(1, bool)
DAY = date(2026, 3, 2)


def curve(navs: list[float], flows: list[float] | None = None) -> UnitState:
    state = start(1)
    for nav, flow in zip(navs, flows or [0.0] * len(navs), strict=True):
        state = advance(state, np.array([nav]), np.array([flow]), ALL)
    return state


def test_rsk_9_worked_drawdown():
    assert round(drawdown_now(curve([100_000, 108_000, 99_500]))[0], 4) == 0.0787


def test_rsk_9_a_deposit_hides_no_drawdown():
    assert round(drawdown_now(curve([100, 90, 190], [0, 0, 100]))[0], 6) == 0.1


def test_prf_1_a_deposit_larger_than_the_account_shares_its_days_loss():
    """A thousand to try the wire, a million the day after, which ends 1% lower: the account has lost 1%, not everything."""
    state = curve([1_000, 990_990, 1_000_000], [0, 1_000_000, 0])
    assert (
        round(state.unit[0], 12) == round(0.99 * 1_000_000 / 990_990, 12)
        and round(drawdown_now(curve([1_000, 990_990], [0, 1_000_000]))[0], 12) == 0.01
    )


def test_prf_1_what_is_paid_in_after_everything_was_paid_out_earns_again():
    assert round(drawdown_now(curve([100, 0, 990], [0, -100, 1_000]))[0], 12) == 0.01


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 10**7), st.integers(-(10**7), 10**7)), min_size=1, max_size=30))
def test_the_dashboards_curve_is_the_one_of_the_accounts_page_and_the_statement(rows):
    begins = [D(100), *(D(nav) for nav, _ in rows)]
    days = [
        ValuedDay(DAY + timedelta(days=place), begins[place], D(nav), D(max(flow, 0)), D(max(-flow, 0)))
        for place, (nav, flow) in enumerate(rows)
    ]
    state = curve([100.0, *(float(nav) for nav, _ in rows)], [0.0, *(float(flow) for _, flow in rows)])
    assert state.unit[0] == pytest.approx(of_days(days)[-1], rel=1e-9)


def test_rsk_9_the_aggregate_is_that_of_the_summed_curve():
    days = np.array([[100.0, 120.0, 90.0], [100.0, 80.0, 110.0]])
    state, alone = start(1), start(2)
    for day in days.T:
        state = advance(state, group_days(np.array([0, 0]), 1, day), np.zeros(1), ALL)
        alone = advance(alone, day, np.zeros(2), np.ones(2, bool))
    assert drawdown_now(state)[0] == 0.0 and (drawdown_now(alone) > 0).tolist() == [True, False]


def test_rsk_9_a_day_without_a_valuation_stands_still():
    state = advance(curve([100, 110]), np.array([0.0]), np.array([0.0]), np.zeros(1, bool))
    assert state.last[0] == 110 and drawdown_now(state)[0] == 0


def test_rsk_9_a_total_loss_is_a_drawdown_of_one_and_stays_in_sight():
    assert drawdown_now(curve([100, 0]))[0] == 1.0
    assert drawdown_now(curve([100, -5, 50], [0, 0, 55]))[0] == 1.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 10**7), st.integers(-(10**5), 10**5)), min_size=1, max_size=30))
def test_rsk_9_agrees_with_the_exact_rule(days):
    navs, flows = [D(nav + max(flow, 0)) for nav, flow in days], [D(flow) for _, flow in days]
    state = curve([float(nav) for nav in navs], [float(flow) for flow in flows])
    if all(nav - flow >= 0 for nav, flow in zip(navs, flows, strict=True)):
        exact = unit_values(navs, flows)
        if max(exact) > 0 and min(exact) > 0:
            assert abs(float(current_drawdown(exact)) - drawdown_now(state)[0]) < 1e-9
