"""Charts: plain, valid Vega-Lite, the same every time, and drawn without other hosts."""

import json
from datetime import date, timedelta

import altair
import pytest

from reporting.charts.equity import drawdown_chart, equity_and_drawdown, equity_chart
from reporting.charts.svg import svg
from reporting.charts.theme import DARK
from reporting.core.drawdown import drawdown_curve

DATES = [date(2026, 1, 1) + timedelta(n) for n in range(120)]
EQUITY = [100_000_00 + (n % 17) * 1_000_00 for n in range(120)]
FALLS = drawdown_curve([float(v) for v in EQUITY]).tolist()


def test_chart_is_valid_vega_lite_of_plain_values():
    spec = equity_and_drawdown(DATES, EQUITY, FALLS)
    altair.VConcatChart.from_dict(spec, validate=True)
    assert json.loads(json.dumps(spec)) == spec
    assert spec["vconcat"][0]["data"]["values"][0] == {"d": "2026-01-01", "v": 100000.0}


def test_drawdown_stands_on_its_own_axis_below_zero():
    low, high = drawdown_chart(DATES, FALLS)["encoding"]["y"]["scale"]["domain"]
    assert high == 0 and low < min(FALLS)


def test_yen_has_no_minor_unit():
    assert equity_chart(DATES[:1], [1500], exponent=0)["data"]["values"] == [{"d": "2026-01-01", "v": 1500.0}]


def test_chart_draws_text_as_text_and_the_same_twice():
    spec = equity_and_drawdown(DATES, EQUITY, FALLS, theme=DARK)
    drawn = svg(spec)
    assert drawn == svg(spec) and drawn.startswith("<svg") and "<text" in drawn and DARK.accent in drawn


def test_flat_short_and_empty_series_are_drawn():
    for n in (0, 1, 2):
        assert "<svg" in svg(equity_and_drawdown(DATES[:n], [100_00] * n, [0.0] * n))


def test_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="120 dates but 1"):
        equity_chart(DATES, [1])
    with pytest.raises(ValueError, match="120 dates but 1"):
        drawdown_chart(DATES, [0.0])
