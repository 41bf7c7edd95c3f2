"""Charts drawn by hand as SVG, small enough for a table's row and quick enough for a request (look/README.md, Charts).

Entry points: `spark`, `equity_chart`, `sector_chart`. Colours and strokes are classes of components.css; sizes are attributes.
Invariants: 1. equal figures give equal text. 2. nothing a person typed reaches the drawing unescaped. 3. the last point is marked; drawdown has
its own axis below zero.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from html import escape

from base.core.figures import percent, signed_percent

SPARK = 30
_STEP, _LOW, _HIGH = 6, 32, 4
_MOVES = {by: f"{_STEP} {by}" for by in range(_HIGH - _LOW, _LOW - _HIGH + 1)}


def spark(points: Sequence[int]) -> str:
    """Return the line of up to thirty values, "" for fewer than three.

    points: any one unit, oldest first. The line starts where its base is dashed, and ends in a dot.
    """
    if len(points) < 3:
        return ""
    values = list(points[-SPARK:])
    low, high = min(values), max(values)
    span = (high - low) or 1
    ys = [_LOW - (value - low) * (_LOW - _HIGH) // span if high > low else 18 for value in values]
    x = _STEP * (SPARK - len(values))
    steps = " ".join([_MOVES[after - before] for before, after in itertools.pairwise(ys)])
    change = Decimal(values[-1] - values[0]) / Decimal(abs(values[0])) if values[0] else None
    said = f"{len(values)} days, {signed_percent(change, 1)}"
    end = _STEP * (SPARK - 1)
    return (
        f'<svg class="spark" viewBox="0 0 180 36" role="img" aria-label="{said}"><path class="spark__base" d="M{x} {ys[0]}H{end}"/>'
        f'<path class="spark__line" d="M{x} {ys[0]}l{steps}"/><circle class="spark__end" cx="{end}" cy="{ys[-1]}" r="3.5"/></svg>'
    )


@dataclass(frozen=True, slots=True)
class _Frame:
    """The box a chart is drawn in, in pixels of its viewBox."""

    width: int
    height: int
    left: int
    right: int

    def x(self, at: int, count: int) -> float:
        return self.left + (self.width - self.left - self.right) * at / max(count - 1, 1)


WIDE, PHONE = _Frame(360, 143, 50, 12), _Frame(330, 180, 50, 12)


def equity_chart(days: Sequence[date], equity: Sequence[float], falls: Sequence[float], *, unit: str, phone: bool = False) -> str:
    """Return equity above its drawdown. equity: in `unit`; falls: 0 … 1 below the peak. "" for fewer than two days."""
    if len(days) < 2:
        return ""
    frame = PHONE if phone else WIDE
    base, axis, bottom = frame.height - 55, frame.height - 41, frame.height - 7
    low, high, step = _ticks(min(equity), max(equity))
    n = len(days)

    def up(value: float) -> float:
        return base - (value - low) * (base - 10) / (high - low)

    deepest = max(falls)
    floor = max(deepest, 0.001) * 1.05

    def down(fall: float) -> float:
        return axis + fall * (bottom - axis) / floor

    line = " ".join(f"{frame.x(i, n):.1f},{up(value):.1f}" for i, value in enumerate(equity))
    drop = " ".join(f"{frame.x(i, n):.1f},{down(fall):.1f}" for i, fall in enumerate(falls))
    left, right = frame.left, frame.width - frame.right
    grid = "".join(
        f'<line class="gridline" x1="{left}" x2="{right}" y1="{up(tick):.1f}" y2="{up(tick):.1f}"/>'
        f'<text x="{left - 6}" y="{up(tick) + 4:.1f}" text-anchor="end">{_short(tick, step)}</text>'
        for tick in _between(low, high, step)
    )
    said = escape(
        f"Equity from {days[0]:%d %b} to {days[-1]:%d %b %Y}, now {equity[-1]:,.2f} {unit}; drawdown now {percent(_d(falls[-1]))}"
    )
    return (
        f'<svg class="chart chart--{"phone" if phone else "wide"}" viewBox="0 0 {frame.width} {frame.height}" role="img" aria-label="{said}">{grid}'
        f'<path class="area" d="M{line} L{right},{base} L{left},{base} Z"/><path class="line" d="M{line}"/>'
        f'<circle class="dot" cx="{frame.x(n - 1, n):.1f}" cy="{up(equity[-1]):.1f}" r="4"/>'
        f'<line class="axis" x1="{left}" x2="{right}" y1="{axis}" y2="{axis}"/><text x="{left - 6}" y="{axis + 4}" text-anchor="end">0%</text>'
        f'<path class="draw" d="M{drop} L{right},{axis} L{left},{axis} Z"/><path class="draw-line" d="M{drop}"/>'
        f'<text x="{right - 8}" y="{frame.height - 5}" text-anchor="end" class="label">Deepest {signed_percent(_d(-deepest), 1)}</text>'
        f'<text x="{left}" y="{frame.height - 5}" class="label">{days[0]:%d %b}</text></svg>'
    )


def sector_chart(rows: Sequence[tuple[str, Decimal, Decimal]], equity: Decimal, *, most: int = 8) -> str:
    """Return long and short bars by sector, in % of equity. rows: name, long ≥ 0, short ≤ 0; the rest beyond `most` are one row."""
    if not rows or equity <= 0:
        return ""
    shown = list(rows[:most])
    if len(rows) > most:
        shown = [
            *rows[: most - 1],
            ("Others", sum((r[1] for r in rows[most - 1 :]), Decimal(0)), sum((r[2] for r in rows[most - 1 :]), Decimal(0))),
        ]
    shares = [(name, float(long / equity) * 100, float(short / equity) * 100) for name, long, short in shown]
    longest, deepest = max(long for _, long, _ in shares), -min(short for _, _, short in shares)
    room = 196.0
    scale = room / ((longest + deepest) or 1)
    zero = 112 + deepest * scale
    parts = [f'<line class="axis" x1="{zero:.1f}" x2="{zero:.1f}" y1="0" y2="{17 * len(shares)}"/>']
    for row, (name, long, short) in enumerate(shares):
        top = 17 * row
        parts.append(f'<text class="label" x="12" y="{top + 12}">{escape(name[:18])}</text>')
        if short < 0:
            parts.append(
                f'<rect class="bar bar--neg" x="{zero + short * scale:.1f}" y="{top + 3}" width="{-short * scale:.1f}" height="11" rx="1"/>'
            )
        if long > 0:
            parts.append(f'<rect class="bar" x="{zero:.1f}" y="{top + 3}" width="{long * scale:.1f}" height="11" rx="1"/>')
        parts.append(
            f'<text class="value" x="354" y="{top + 12}" text-anchor="end">{signed_percent(_d((long + short) / 100), 1).rstrip("%")}</text>'
        )
    said = f"Long {percent(_d(sum(s[1] for s in shares) / 100))}, short {percent(_d(-sum(s[2] for s in shares) / 100))} of equity"
    return f'<svg class="chart" viewBox="0 0 360 {max(17 * len(shares) + 7, 60)}" role="img" aria-label="{said}">{"".join(parts)}</svg>'


def _d(value: float) -> Decimal:
    return Decimal(repr(round(value, 6)))


def _ticks(low: float, high: float) -> tuple[float, float, float]:
    """Return the ends of an axis and its step: about four ticks of 1, 2 or 5."""
    span = (high - low) or max(abs(high) * 0.02, 1.0)
    step = (
        10.0 ** len(str(int(span))) / 100
        if span >= 1
        else 10.0 ** -(len(f"{span:.12f}".split(".")[1]) - len(f"{span:.12f}".split(".")[1].lstrip("0")) + 2)
    )
    while span / step > 4:
        step *= 2.5 if str(step).lstrip("0.").startswith("2") else 2
    margin = span * 0.08
    return low - margin, high + margin, step


def _between(low: float, high: float, step: float) -> list[float]:
    first = int(low // step) + 1
    return [at * step for at in range(first, int(high // step) + 1)]


def _short(value: float, step: float) -> str:
    for size, suffix in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if abs(value) >= size:
            places = 0 if step >= size else 1 if step >= size / 10 else 2
            return f"{value / size:.{places}f}{suffix}"
    return f"{value:,.0f}" if step >= 1 else f"{value:,.2f}"
