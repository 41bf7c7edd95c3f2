"""The equity chart with its drawdown beneath (DESIGN §8).

Entry points: `equity_chart`, `drawdown_chart`, `equity_and_drawdown`.
Invariants: the specification holds plain JSON values only; equal figures give an equal specification; drawdown has its own axis below zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from reporting.charts.theme import LIGHT, Spec, Theme, config

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"


def equity_chart(dates: Sequence[date], equity_minor: Sequence[int], *, exponent: int = 2, width: int = 480, height: int = 120) -> Spec:
    """Return the curve of an account's equity, the last point marked.

    dates, equity_minor: n each, equity in minor units of the base currency, of which one unit has 10^exponent.
    """
    if len(dates) != len(equity_minor):
        raise ValueError(f"{len(dates)} dates but {len(equity_minor)} values")
    scale = 10**exponent
    values = [{"d": day.isoformat(), "v": minor / scale} for day, minor in zip(dates, equity_minor, strict=True)]
    low, high = (min(equity_minor) / scale, max(equity_minor) / scale) if values else (0.0, 1.0)
    margin = (high - low) * 0.08 or abs(high) * 0.01 or 1.0
    y = {
        "field": "v",
        "type": "quantitative",
        "scale": {"domain": [low - margin, high + margin], "nice": 3},
        "axis": {"labelExpr": _SHORT_AMOUNT, "tickCount": 3},
    }
    return {
        "data": {"values": values},
        "width": width,
        "height": height,
        "layer": [
            {"mark": {"type": "area", "clip": True}, "encoding": {"x": _x(len(dates), labels=True), "y": {**y, "stack": None}}},
            {"mark": "line", "encoding": {"x": _x(len(dates), labels=True), "y": y}},
            {"data": {"values": values[-1:]}, "mark": "point", "encoding": {"x": _x(len(dates), labels=True), "y": y}},
        ],
    }


def drawdown_chart(dates: Sequence[date], drawdowns: Sequence[float], *, theme: Theme = LIGHT, width: int = 480, height: int = 40) -> Spec:
    """Return the drawdown below zero. drawdowns: n fractions ≤ 0 of the peak so far."""
    if len(dates) != len(drawdowns):
        raise ValueError(f"{len(dates)} dates but {len(drawdowns)} values")
    values = [{"d": day.isoformat(), "v": round(float(fall), 8)} for day, fall in zip(dates, drawdowns, strict=True)]
    deepest = min((float(fall) for fall in drawdowns), default=0.0)
    y = {
        "field": "v",
        "type": "quantitative",
        "scale": {"domain": [min(deepest, -0.001) * 1.05, 0], "nice": False},
        "axis": {"values": [0, round(deepest, 4)] if deepest < -0.0005 else [0], "labelExpr": _PER_CENT, "grid": True},
    }
    mark = {"type": "area", "color": theme.loss, "fillOpacity": 0.16, "line": {"color": theme.loss, "strokeWidth": 1}}
    return {
        "data": {"values": values},
        "width": width,
        "height": height,
        "mark": mark,
        "encoding": {"x": _x(len(dates), labels=False), "y": y},
    }


def equity_and_drawdown(
    dates: Sequence[date],
    equity_minor: Sequence[int],
    drawdowns: Sequence[float] | None,
    *,
    exponent: int = 2,
    theme: Theme = LIGHT,
    width: int = 480,
    height: int = 150,
    font_size: int = 11,
) -> Spec:
    """Return both charts, one above the other, on one time axis; equity alone where no drawdown is known. height: of both, pixels."""
    lower = 0 if drawdowns is None else height // 4
    beneath = [] if drawdowns is None else [drawdown_chart(dates, drawdowns, theme=theme, width=width, height=lower)]
    return {
        "$schema": SCHEMA,
        "config": config(theme, font_size=font_size),
        "description": "Value of the account, and its distance from the highest point so far",
        "spacing": 10,
        "vconcat": [
            equity_chart(dates, equity_minor, exponent=exponent, width=width, height=height - lower),
            *beneath,
        ],
    }


_SHORT_AMOUNT = (
    "abs(datum.value) >= 1e12 ? replace(format(datum.value / 1e12, ',.4~f'), '-', '\N{MINUS SIGN}') + 'tn' : "
    "abs(datum.value) >= 1e9 ? replace(format(datum.value / 1e9, ',.4~f'), '-', '\N{MINUS SIGN}') + 'bn' : "
    "abs(datum.value) >= 1e6 ? replace(format(datum.value / 1e6, ',.4~f'), '-', '\N{MINUS SIGN}') + 'm' : "
    "abs(datum.value) >= 1e4 ? replace(format(datum.value / 1e3, ',.2~f'), '-', '\N{MINUS SIGN}') + 'k' : "
    "replace(format(datum.value, ',.2~f'), '-', '\N{MINUS SIGN}')"
)
_PER_CENT = "datum.value == 0 ? '0%' : replace(format(datum.value * 100, '.1f'), '-', '\N{MINUS SIGN}') + '%'"


def _x(n: int, *, labels: bool) -> Spec:
    axis: Spec = {"format": "%b %Y" if n > 400 else "%b" if n > 45 else "%-d %b", "labels": labels, "domain": labels, "labelFlush": True}
    if n <= 7:
        axis["tickCount"] = {"interval": "day", "step": 1}
    return {"field": "d", "type": "temporal", "scale": {"type": "utc"}, "axis": axis}
