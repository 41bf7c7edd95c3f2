"""Drawdowns of a unit value: where it stood highest, how deep it fell, when it came back (RSK-9, PRF-5).

Entry points: `drawdown_curve`, `deepest_drawdown`, `floors`.
Invariant: drawdowns are fractions ≤ 0 of the peak so far, taken on values freed of flows; a total's drawdown comes from the summed curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The deepest fall of a series.

    depth: ≤ 0, −0.0787 is 7.87% below the peak. recovery_date: the first close back at the peak, None while below it.
    days_down, days_back: calendar days from peak to trough, and from trough to recovery. current: today's distance from the peak.
    """

    depth: float
    peak_date: date
    trough_date: date
    recovery_date: date | None
    days_down: int
    days_back: int | None
    current: float


def drawdown_curve(values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return float64[n], each value ÷ the highest value so far − 1.

    >>> drawdown_curve([100.0, 108.0, 99.5]).round(4).tolist()
    [0.0, 0.0, -0.0787]

    Raises ValueError unless all values are finite and the first is positive.
    """
    series = np.asarray(values, dtype=np.float64)
    if len(series) and not (np.isfinite(series).all() and series[0] > 0):
        raise ValueError("values must be finite and start above zero")
    return series / np.maximum.accumulate(series) - 1.0


def deepest_drawdown(dates: Sequence[date], values: Sequence[float] | NDArray[np.float64]) -> Drawdown | None:
    """Return the deepest drawdown (the earliest of equals), or None if the series never fell.

    dates: n, ascending. values: float64[n], unit values. Raises ValueError on unequal lengths.
    """
    if len(dates) != len(values):
        raise ValueError(f"{len(dates)} dates but {len(values)} values")
    series, curve = np.asarray(values, dtype=np.float64), drawdown_curve(values)
    if not len(curve) or curve.min() >= 0:
        return None
    trough = int(curve.argmin())
    top = series[: trough + 1].max()
    peak = int(np.flatnonzero(series[: trough + 1] == top)[-1])
    back = np.flatnonzero(series[trough:] >= top)
    recovery = dates[trough + int(back[0])] if len(back) else None
    return Drawdown(
        depth=float(curve[trough]),
        peak_date=dates[peak],
        trough_date=dates[trough],
        recovery_date=recovery,
        days_down=(dates[trough] - dates[peak]).days,
        days_back=None if recovery is None else (recovery - dates[trough]).days,
        current=float(curve[-1]),
    )


def floors(*, start: Decimal, peak: Decimal, limit: Decimal) -> tuple[Decimal, Decimal]:
    """Return the static floor start × (1 − limit) and the trailing floor peak × (1 − limit) (RSK-9).

    >>> floors(start=Decimal(100000), peak=Decimal(108000), limit=Decimal("0.10"))
    (Decimal('90000.00'), Decimal('97200.00'))
    """
    return start * (1 - limit), peak * (1 - limit)
