"""RSK-8, RSK-9: margin level, drawdown, floors, daily loss."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.core.drawdown import current_drawdown, daily_loss, floors, last_reset, summed_curve, unit_values, worst_drawdown
from risk.core.margin import margin_level, margin_state, project
from risk.enums import MarginState

D = Decimal
CURVE = [D(100_000), D(108_000), D(99_500)]


def test_rsk_9_worked_floors_and_drawdown():
    found = floors(D(100_000), D(108_000), D("0.10"))
    assert (found.static, found.trailing) == (90_000, 97_200)
    assert round(float(current_drawdown(CURVE)) * 100, 2) == 7.87 and current_drawdown(CURVE) == Fraction(8500, 108_000)
    assert worst_drawdown([*CURVE, D(120_000)]) == Fraction(8500, 108_000) and current_drawdown([*CURVE, D(120_000)]) == 0


def test_rsk_9_a_deposit_hides_no_drawdown():
    units = unit_values([D(100), D(90), D(190)], [D(0), D(0), D(100)])
    assert units == [1, Fraction(9, 10), Fraction(9, 10)] and current_drawdown(units) == Fraction(1, 10)


def test_prf_1_a_deposit_earns_from_its_day_on_and_a_withdrawal_until_its_end():
    assert unit_values([D(1_000), D(990_990)], [D(0), D(1_000_000)]) == [1, Fraction(99, 100)]
    assert unit_values([D(1_000), D(90)], [D(0), D(-900)]) == [1, Fraction(99, 100)]


@given(navs=st.lists(st.integers(1, 10**6).map(D), min_size=2, max_size=10), flow=st.integers(1, 10**6).map(D), data=st.data())
def test_rsk_9_flows_change_no_unit_value(navs, flow, data):
    flat = unit_values(navs, [D(0)] * len(navs))
    where = data.draw(st.integers(1, len(navs) - 1))
    later = navs[:where] + [nav * (navs[where - 1] + flow) / navs[where - 1] for nav in navs[where:]]
    flows = [D(0)] * where + [flow] + [D(0)] * (len(navs) - where - 1)
    with_flow = unit_values(later, flows)
    assert all(abs(a - b) < Fraction(1, 10**12) for a, b in zip(flat, with_flow, strict=True))


def test_rsk_9_the_aggregate_drawdown_is_that_of_the_summed_curve():
    one, two = [D(100), D(80), D(100)], [D(100), D(120), D(100)]
    total = summed_curve([one, two])
    assert worst_drawdown(total) == 0 and worst_drawdown(one) + worst_drawdown(two) > 0


def test_rsk_9_daily_loss_starts_from_the_larger_of_balance_and_equity():
    assert daily_loss(balance_at_reset=D(100), equity_at_reset=D(103), equity=D(98)) == 5
    assert daily_loss(balance_at_reset=D(103), equity_at_reset=D(100), equity=D(98)) == 5
    assert daily_loss(balance_at_reset=D(100), equity_at_reset=D(100), equity=D(98), flows_since=D(-10)) == 0
    assert daily_loss(balance_at_reset=D(100), equity_at_reset=D(100), equity=D(120)) == 0


@pytest.mark.parametrize(
    ("now", "reset"),
    [
        (datetime(2026, 1, 5, 22, 0, tzinfo=UTC), datetime(2026, 1, 5, 22, 0, tzinfo=UTC)),
        (datetime(2026, 1, 5, 21, 59, 59, tzinfo=UTC), datetime(2026, 1, 4, 22, 0, tzinfo=UTC)),
        (datetime(2026, 3, 8, 21, 0, tzinfo=UTC), datetime(2026, 3, 8, 21, 0, tzinfo=UTC)),
        (datetime(2026, 3, 8, 20, 59, tzinfo=UTC), datetime(2026, 3, 7, 22, 0, tzinfo=UTC)),
        (datetime(2026, 11, 1, 21, 30, tzinfo=UTC), datetime(2026, 10, 31, 21, 0, tzinfo=UTC)),
    ],
)
def test_rsk_9_the_reset_follows_new_york_through_daylight_saving(now, reset):
    assert last_reset(now, ZoneInfo("America/New_York")).astimezone(UTC) == reset


def test_rsk_9_refuses_what_has_no_drawdown():
    for call in (lambda: current_drawdown([]), lambda: worst_drawdown([]), lambda: current_drawdown([D(0)])):
        with pytest.raises(ValueError):
            call()
    with pytest.raises(ValueError, match="flows"):
        unit_values([D(1)], [])
    with pytest.raises(ValueError, match="after a valuation"):
        unit_values([D(0), D(1)], [D(0), D(0)])
    with pytest.raises(ValueError, match="aware"):
        last_reset(datetime(2026, 1, 1), ZoneInfo("UTC"))


def test_rsk_8_margin_levels_and_thresholds():
    assert margin_level(D(3000), D(2000)) == Fraction(3, 2) and margin_level(D(3000), D(0)) is None
    states = [margin_state(margin_level(D(equity), D(1000))) for equity in ("2000", "1999.99", "1200", "1199.99", "-1")]
    assert states == [MarginState.OK, MarginState.WARNING, MarginState.WARNING, MarginState.CRITICAL, MarginState.CRITICAL]
    with pytest.raises(ValueError, match="negative"):
        margin_level(D(1), D(-1))


def test_rsk_8_projects_the_trade_and_a_five_percent_shock():
    found = project(equity=D(10_000), used=D(4_000), added=D(1_000), net_value=D(40_000), cost=D(10))
    assert (found.now, found.post_trade, found.shocked) == (Fraction(5, 2), Fraction(9990, 5000), Fraction(7990, 5000))
    assert found.state is MarginState.WARNING
    assert project(equity=D(10_000), used=D(4_000), added=D(1_000), net_value=D(-40_000), cost=D(10)) == found
