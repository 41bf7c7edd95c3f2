"""What one lot is worth in each account currency, as exact rationals (SIZ-1).

Entry points: `price_ratios`, `lot_values`. Invariant: a missing price or rate stays None, it is never guessed (CON-5).
"""

from __future__ import annotations

from fractions import Fraction

from .request import SizingRequest
from .scales import MISSING, UNIT, Ints

Ratios = list[list[Fraction | None]]


def price_ratios(request: SizingRequest, price: Ints) -> Ratios:
    """Return lots per (weight × minor unit of equity) by currency and instrument; None where price or rate is missing (SIZ-1)."""
    factors = [10 ** (16 - int(e)) for e in request.currency_exponent]
    units = [
        int(p) * int(k) * int(s) if p != MISSING else None for p, k, s in zip(price, request.multiplier, request.lot_step, strict=True)
    ]
    return [
        [
            None if unit is None or MISSING in (num, den) else Fraction(num * factor, den * unit)
            for unit, num, den in zip(units, nums, dens, strict=True)
        ]
        for factor, nums, dens in zip(factors, request.fx_num.tolist(), request.fx_den.tolist(), strict=True)
    ]


def lot_values(ratios: Ratios) -> Ratios:
    """Return the value of one lot in minor units of each account currency: what `price_ratios` divides by."""
    return [[None if ratio is None else 1 / (ratio * UNIT) for ratio in row] for row in ratios]
