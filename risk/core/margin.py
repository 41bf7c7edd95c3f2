"""Margin level now, after the trade, and after a shock (RSK-8).

Entry points: `margin_level`, `project`.
Invariant: no margin used means no level (None), which is fine; equity of zero or less with margin used is CRITICAL.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from risk.enums import MarginState

WARNING, CRITICAL = Decimal("2.00"), Decimal("1.20")
SHOCK = Decimal("-0.05")
_ORDER = (MarginState.OK, MarginState.WARNING, MarginState.CRITICAL)


@dataclass(frozen=True, slots=True)
class MarginProjection:
    """Levels as rates (2.00 = 200%), None without used margin; state: the worst of the three."""

    now: Fraction | None
    post_trade: Fraction | None
    shocked: Fraction | None
    state: MarginState


def margin_level(equity: Decimal, used: Decimal) -> Fraction | None:
    """Return equity / used margin as a rate, None if none is used.

    >>> margin_level(Decimal(3000), Decimal(2000))
    Fraction(3, 2)

    Raises ValueError for negative margin. Source: RSK-8.
    """
    if used < 0:
        raise ValueError(f"used margin {used} is negative")
    return Fraction(equity) / Fraction(used) if used else None


def margin_state(level: Fraction | None, *, warning: Decimal = WARNING, critical: Decimal = CRITICAL) -> MarginState:
    """Return where a level stands: CRITICAL below 120%, WARNING below 200% (RSK-8)."""
    if level is None or level >= Fraction(warning):
        return MarginState.OK
    return MarginState.WARNING if level >= Fraction(critical) else MarginState.CRITICAL


def project(
    *, equity: Decimal, used: Decimal, added: Decimal, net_value: Decimal, cost: Decimal = Decimal(0), shock: Decimal = SHOCK
) -> MarginProjection:
    """Return margin levels now, after a trade, and after the trade and a shock of all prices.

    added: margin of the trade; cost: what it takes from equity at once (fees, spread); net_value: signed market value after the trade.
    The shock hits
    whichever side loses: a short book is shocked upward. Source: RSK-8.

    >>> project(equity=Decimal(10_000), used=Decimal(4_000), added=Decimal(2_000), net_value=Decimal(60_000)).state.value
    'CRITICAL'
    """
    after = equity - cost
    loss = abs(net_value) * abs(shock)
    levels = margin_level(equity, used), margin_level(after, used + added), margin_level(after - loss, used + added)
    return MarginProjection(*levels, max((margin_state(level) for level in levels), key=_ORDER.index))
