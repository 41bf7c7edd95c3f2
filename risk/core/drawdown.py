"""Drawdown on flow-adjusted unit values, loss floors, daily loss (RSK-9).

Entry points: `unit_values`, `summed_curve`, `current_drawdown`, `worst_drawdown`, `floors`, `daily_loss`, `last_reset`.

Invariants: 1. deposits and withdrawals change no unit value (PRF-1). 2. 0 ≤ drawdown; drawdown ≥ 1 only after a total loss.
3. the drawdown of several accounts is taken from their summed curve, never from their drawdowns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Floors:
    """Values that equity must stay above: fixed to the start, and following the peak."""

    static: Fraction
    trailing: Fraction


def unit_values(navs: Sequence[Decimal], flows: Sequence[Decimal]) -> list[Fraction]:
    """Return the value of one unit at each valuation, starting at 1.

    navs: after the flow. flows: external flow since the valuation before: deposits (positive) work from the start, withdrawals until the
    end; the first is part of the start.

    >>> unit_values([Decimal(100), Decimal(231), Decimal(210)], [Decimal(0), Decimal(110), Decimal(0)])
    [Fraction(1, 1), Fraction(11, 10), Fraction(1, 1)]

    Raises ValueError for unequal lengths or a valuation that follows one of zero or less which no deposit has lifted. Source: RSK-9,
    PRF-1.
    """
    if len(navs) != len(flows):
        raise ValueError(f"{len(navs)} valuations but {len(flows)} flows")
    units, previous = [], None
    for nav, flow in zip(navs, flows, strict=True):
        if previous is None:
            units.append(Fraction(1))
        else:
            came = max(flow, Decimal(0))
            if previous + came <= 0:
                raise ValueError(f"no unit value after a valuation of {previous}")
            units.append(units[-1] * Fraction(nav - flow + came) / Fraction(previous + came))
        previous = nav
    return units


def summed_curve(curves: Sequence[Sequence[Decimal]]) -> list[Decimal]:
    """Return the sum of several accounts' curves, valuation by valuation; drawdowns of many come from it (RSK-9). Raises ValueError if
    lengths differ."""
    return [sum(values, Decimal(0)) for values in zip(*curves, strict=True)]


def current_drawdown(values: Sequence[Fraction | Decimal]) -> Fraction:
    """Return how far the last value lies below the peak, as a rate.

    >>> round(float(current_drawdown([Decimal(100_000), Decimal(108_000), Decimal(99_500)])), 4)
    0.0787

    Raises ValueError for no values or a peak that is not positive. Source: RSK-9.
    """
    if not values:
        raise ValueError("no values")
    return _below(max(Fraction(value) for value in values), Fraction(values[-1]))


def worst_drawdown(values: Sequence[Fraction | Decimal]) -> Fraction:
    """Return the largest drawdown from any earlier peak, as a rate. Raises ValueError as `current_drawdown`."""
    if not values:
        raise ValueError("no values")
    peak, worst = Fraction(values[0]), Fraction(0)
    for value in values:
        peak = max(peak, Fraction(value))
        worst = max(worst, _below(peak, Fraction(value)))
    return worst


def floors(start: Decimal, peak: Decimal, rate: Decimal) -> Floors:
    """Return start×(1−x) and peak×(1−x).

    >>> floors(Decimal(100_000), Decimal(108_000), Decimal("0.10"))
    Floors(static=Fraction(90000, 1), trailing=Fraction(97200, 1))

    Source: RSK-9.
    """
    return Floors(Fraction(start) * (1 - Fraction(rate)), Fraction(peak) * (1 - Fraction(rate)))


def daily_loss(*, balance_at_reset: Decimal, equity_at_reset: Decimal, equity: Decimal, flows_since: Decimal = Decimal(0)) -> Decimal:
    """Return the loss since the reset as a positive amount, 0 in profit; measured from the larger of balance and equity (RSK-9)."""
    return max(Decimal(0), max(balance_at_reset, equity_at_reset) + flows_since - equity)


def last_reset(now: datetime, zone: tzinfo, at: time = time(17, 0)) -> datetime:
    """Return the latest daily reset not after `now`, in the zone's own wall time whatever its daylight saving (RSK-9, default 17:00 New
    York).

    Raises ValueError for a naive `now`.
    """
    if now.tzinfo is None:
        raise ValueError("now must be timezone-aware")
    local = now.astimezone(zone)
    reset = datetime.combine(local.date(), at, zone)
    if reset.timestamp() > now.timestamp():
        reset = datetime.combine(local.date() - timedelta(days=1), at, zone)
    return reset


def _below(peak: Fraction, value: Fraction) -> Fraction:
    if peak <= 0:
        raise ValueError(f"peak {peak} is not positive")
    return (peak - value) / peak
