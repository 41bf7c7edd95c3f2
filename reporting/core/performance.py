"""Time- and money-weighted returns, and the ratios built on them (PRF-1 to PRF-5).

Entry points: `daily_return`, `time_weighted_return`, `period_gain`, `modified_dietz`, `xirr`, `ratios`.
Invariants:
1. Money enters as Decimal and is divided as a Fraction; only linking rounds, to 34 digits. Floats appear in statistics alone.
2. A figure that does not exist (nothing invested, too few observations, a zero denominator) is None, never 0, infinity or NaN.
3. Inflows work from the start of their day, outflows until its end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

TRADING_DAYS = 252
CALMAR_WINDOW = 756  # 36 months of trading days
LARGE_FLOW = Fraction(1, 10)
_LINKING = Context(prec=34)
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class ValuedDay:
    """One valued day of an account, in its base currency.

    begin, end: equity at the previous and at this close. inflow, outflow: external flows, both ≥ 0; assets moved in kind count at
    market value. fees: management and performance fees of the day, ≥ 0, already taken out of `end`.
    """

    date: date
    begin: Decimal
    end: Decimal
    inflow: Decimal = _ZERO
    outflow: Decimal = _ZERO
    fees: Decimal = _ZERO

    def __post_init__(self) -> None:
        if not all(value.is_finite() for value in (self.begin, self.end, self.inflow, self.outflow, self.fees)):
            raise ValueError(f"{self.date}: every amount must be finite")
        if self.inflow < 0 or self.outflow < 0:
            raise ValueError(f"{self.date}: inflow and outflow must not be negative")


def daily_return(day: ValuedDay, *, gross: bool = False) -> Fraction | None:
    """Return the day's return, exactly: (end + outflow) / (begin + inflow) − 1 (PRF-1).

    gross: add the day's fees back (PRF-4). None when nothing was invested but something was left: such a return does not exist.

    >>> daily_return(ValuedDay(date(2026, 1, 6), Decimal(101000), Decimal(152510), inflow=Decimal(50000)))
    Fraction(1, 100)
    """
    invested = Fraction(day.begin) + Fraction(day.inflow)
    left = Fraction(day.end) + Fraction(day.outflow) + (Fraction(day.fees) if gross else 0)
    if invested > 0:
        return left / invested - 1
    return Fraction(0) if invested == 0 and left == 0 else None


def time_weighted_return(days: Iterable[ValuedDay], *, gross: bool = False) -> Decimal | None:
    """Return the linked daily returns of `days`, to 34 digits (PRF-1). None if a day has no return, or there is no day.

    Raises ValueError if the days are not in order or do not join (one day's begin is not the close before).
    """
    growth, previous = Decimal(1), None
    for day in days:
        if previous is not None and (day.date <= previous.date or day.begin != previous.end):
            raise ValueError(f"{day.date} does not follow {previous.date}: {previous.end} then {day.begin}")
        previous = day
        step = daily_return(day, gross=gross)
        if step is None:
            return None
        growth = _LINKING.multiply(growth, _LINKING.divide(Decimal(step.numerator + step.denominator), Decimal(step.denominator)))
    return None if previous is None else _LINKING.subtract(growth, Decimal(1))


def period_gain(days: Sequence[ValuedDay]) -> Decimal:
    """Return what was earned in money: last close − first open − external flows (PRF-1). Zero for no days."""
    if not days:
        return _ZERO
    return days[-1].end - days[0].begin - sum((day.inflow - day.outflow for day in days), _ZERO)


def unit_values(days: Iterable[ValuedDay], *, gross: bool = False) -> NDArray[np.float64]:
    """Return float64[n + 1]: the value of one unit, 1.0 before the first day, freed of flows (RSK-9). More than everything cannot be lost.

    Raises ValueError if a day has no return.
    """
    steps = [daily_return(day, gross=gross) for day in days]
    if any(step is None for step in steps):
        raise ValueError("a day without invested money has no unit value")
    return np.concatenate(([1.0], np.cumprod([max(1.0 + float(step), 0.0) for step in steps if step is not None])))


def modified_dietz(*, begin: Decimal, end: Decimal, flows: Iterable[tuple[int, Decimal]], days: int) -> Fraction | None:
    """Return the Modified Dietz return, exactly (PRF-2).

    flows: (day of the period, signed amount, deposits positive); a flow on day d works (days − d)/days of the period.
    None if the weighted capital is not positive.

    >>> round(float(modified_dietz(begin=Decimal(100), end=Decimal(300), flows=[(365, Decimal(50))], days=730)), 9)
    1.2

    Raises ValueError for a flow outside 0…days.
    """
    total, weighted = Fraction(0), Fraction(0)
    for day, amount in flows:
        if not 0 <= day <= days:
            raise ValueError(f"flow on day {day} of a period of {days} days")
        total += Fraction(amount)
        weighted += Fraction(days - day, days) * Fraction(amount) if days else 0
    capital = Fraction(begin) + weighted
    return (Fraction(end) - Fraction(begin) - total) / capital if capital > 0 else None


def needs_revaluation(flow: Decimal, begin: Decimal, *, threshold: Fraction = LARGE_FLOW) -> bool:
    """Tell whether a flow is too large for Modified Dietz and the account must be valued on its day (PRF-2)."""
    return abs(Fraction(flow)) > threshold * abs(Fraction(begin))


def xirr(flows: Sequence[tuple[date, Decimal]]) -> float | None:
    """Return the annual money-weighted rate at which the flows are worth nothing, actual/365 (PRF-3).

    flows: (date, amount), what the investor paid in negative, what came out (and the final value) positive.
    The root nearest zero is bracketed and bisected to machine precision. None if there is none between −99.99999% and 10⁹.

    >>> round(xirr([(date(2010, 1, 1), Decimal(-200)), (date(2010, 12, 31), Decimal(210))]), 8)
    0.05014075
    """
    if not flows or not (any(amount < 0 for _, amount in flows) and any(amount > 0 for _, amount in flows)):
        return None
    start = min(day for day, _ in flows)
    years = np.array([(day - start).days / 365 for day, _ in flows])
    amounts = np.array([float(amount) for _, amount in flows])

    def worth(log_rate: float) -> float:
        shift = years.max() if log_rate < 0 else 0.0  # keeps every exponent ≤ 0; a positive factor moves no root
        return float(amounts @ np.exp(-log_rate * (years - shift)))

    bracket = _bracket(worth)
    return None if bracket is None else math.expm1(_bisect(worth, *bracket))


def _bracket(worth: Callable[[float], float]) -> tuple[float, float] | None:
    edges = [0.0, *(0.02 * 1.35**k for k in range(25))]
    for inner, outer in pairwise(edges):
        for low, high in ((inner, min(outer, 20.7)), (-min(outer, 16.1), -inner)):
            if low < high and worth(low) * worth(high) <= 0:
                return low, high
    return None


def _bisect(worth: Callable[[float], float], low: float, high: float) -> float:
    sign = worth(low)
    if sign == 0:
        return low
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if (worth(middle) > 0) == (sign > 0):
            low = middle
        else:
            high = middle
    return (low + high) / 2


@dataclass(frozen=True, slots=True)
class Ratios:
    """Annualised statistics of daily returns; None where the figure does not exist (PRF-5)."""

    observations: int
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None


def ratios(returns: Sequence[float] | NDArray[np.float64], *, risk_free: float = 0.0, min_obs: int = 20) -> Ratios:
    """Return volatility, Sharpe, Sortino and Calmar of daily returns (PRF-5).

    returns: float64[n], simple daily returns. risk_free: the daily rate taken off each. Sharpe and volatility use the sample deviation,
    Sortino the downside over all n, Calmar the last 36 months. With fewer than `min_obs` observations everything is None.
    """
    values = np.asarray(returns, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("returns must be finite")
    n = len(values)
    if n < max(min_obs, 2):
        return Ratios(n, None, None, None, None)
    excess = values - risk_free
    deviation = float(excess.std(ddof=1)) if np.ptp(excess) > 1e-14 * max(1.0, float(np.abs(excess).max())) else 0.0
    downside = float(np.sqrt(np.mean(np.minimum(excess, 0.0) ** 2)))
    mean, year = float(excess.mean()), math.sqrt(TRADING_DAYS)
    return Ratios(n, deviation * year, _over(mean * year, deviation), _over(mean * year, downside), calmar(values))


def calmar(returns: Sequence[float] | NDArray[np.float64], *, window: int | None = CALMAR_WINDOW) -> float | None:
    """Return compound annual growth ÷ |deepest drawdown| over the last `window` days, or over all (PRF-5). None without a drawdown."""
    values = np.asarray(returns, dtype=np.float64)
    values = values if window is None else values[-window:]
    if not len(values):
        return None
    curve = np.concatenate(([1.0], np.cumprod(1.0 + values)))
    deepest = float((curve / np.maximum.accumulate(curve) - 1.0).min())
    growth = annual_growth(values)
    return None if growth is None else _over(growth, -deepest)


def annual_growth(returns: Sequence[float] | NDArray[np.float64]) -> float | None:
    """Return the compound annual growth rate of daily returns, 252 to the year. None for no returns, or after a loss of everything."""
    values = np.asarray(returns, dtype=np.float64)
    total = float(np.prod(1.0 + values))
    return total ** (TRADING_DAYS / len(values)) - 1.0 if len(values) and total > 0 else None


def _over(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator > 0 else None
