"""The chart theme: the colours and sizes of the design tokens, as a Vega-Lite configuration.

Entry points: `LIGHT`, `DARK`, `config`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of one theme, named as the tokens are."""

    text: str
    muted: str
    faint: str
    line: str
    control: str
    accent: str
    loss: str
    benchmark: str


LIGHT = Theme("#14181f", "#48525f", "#616b79", "#e0e4e9", "#858f9c", "#1b5cc9", "#b23c06", "#6d7682")
DARK = Theme("#e6eaf0", "#aab3c0", "#8b96a6", "#242c37", "#667385", "#7db1ff", "#ff9164", "#9aa4b2")
FONT = "Inter, Segoe UI, Roboto, Liberation Sans, DejaVu Sans Condensed, sans-serif"


def config(theme: Theme, *, font_size: int = 11) -> Spec:
    """Return the configuration shared by all charts: horizontal gridlines only, four ticks, no titles on axes."""
    return {
        "background": "transparent",
        "padding": 0,
        "font": FONT,
        "view": {"stroke": None},
        "axis": {
            "domain": False,
            "ticks": False,
            "gridColor": theme.line,
            "labelColor": theme.faint,
            "labelFontSize": font_size,
            "labelPadding": 6,
            "title": None,
            "tickCount": 4,
        },
        "axisX": {"grid": False, "domain": True, "domainColor": theme.control},
        "line": {"strokeWidth": 1.5, "strokeJoin": "round", "color": theme.accent},
        "area": {"color": theme.accent, "fillOpacity": 0.08, "line": False},
        "point": {"color": theme.accent, "filled": True, "size": 30},
        "numberFormat": ",.2f",
    }
