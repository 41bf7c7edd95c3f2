"""Drawdowns of many accounts, or groups of them, at once: flow-adjusted unit values as arrays (RSK-9).

Entry points: `UnitState`, `start`, `advance`, `drawdown_now`; `group_days` sums accounts into groups before their curves are taken.

Invariants
1. Deposits and withdrawals change no unit value: as in a day's return, a deposit works from the start of its day, a withdrawal until its
end (PRF-1). 2. A group's drawdown is that of its summed curve, never a sum of drawdowns.
3. Unit values are ratios in float64 (an error below 1e-12 a year of days); money stays in whole minor units.
4. A total loss (equity ≤ 0) is a drawdown of 1 for good: no later money makes it good.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class UnitState:
    """n curves. unit, peak: float64[n]; last: float64[n], the latest valuation; known: bool[n], there was one at all."""

    unit: Floats
    peak: Floats
    last: Floats
    known: Bools


def start(n: int) -> UnitState:
    """Return n curves before their first valuation."""
    return UnitState(np.ones(n), np.ones(n), np.zeros(n), np.zeros(n, np.bool_))


def advance(state: UnitState, equity: Floats, flow: Floats, valued: Bools) -> UnitState:
    """Return the curves after one more valuation.

    equity: after the flow. flow: external flow since the valuation before, deposits positive; of a first valuation it is part of the
    start. valued: bool[n]; the others, and those with nothing invested, stand still.

    >>> one = np.ones(1, bool)
    >>> s = advance(start(1), np.array([100.0]), np.array([0.0]), one)
    >>> s = advance(s, np.array([231.0]), np.array([110.0]), one)
    >>> s = advance(s, np.array([207.9]), np.array([0.0]), one)
    >>> s.unit.round(4).tolist(), drawdown_now(s).round(4).tolist()
    ([0.99], [0.1])

    Source: RSK-9, PRF-1.
    """
    came = np.maximum(flow, 0.0)
    invested = state.last + came
    grows = valued & state.known & (invested > 0)
    growth = np.ones_like(state.unit)
    np.divide(equity - flow + came, invested, out=growth, where=grows)
    unit = np.where(grows, state.unit * np.maximum(growth, 0.0), state.unit)
    return UnitState(unit, np.maximum(state.peak, unit), np.where(valued, equity, state.last), state.known | valued)


def drawdown_now(state: UnitState) -> Floats:
    """Return how far each curve lies below its peak, 0 … 1."""
    return 1.0 - state.unit / state.peak


def group_days(group: Ints, n: int, amount: Floats) -> Floats:
    """Return Σ amount by group: float64[n]; group: int64[m], places 0 … n−1."""
    return np.bincount(group, weights=amount, minlength=n).astype(np.float64)
