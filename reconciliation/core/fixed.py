"""Fixed-point integers: how quantities, prices and amounts are held in int64 arrays and compared exactly.

Entry points: `to_fixed`, `from_fixed`, `exact_sum`, `to_day`, `from_day`.
Invariants: 1. one scale for everything, 10⁻⁸; 2. |value| ≤ 40,000,000,000, so that ours − theirs never overflows an int64;
3. nothing is rounded: a value finer than the scale or beyond the range is refused (CON-1).
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

DECIMALS = 8
SCALE = 10**DECIMALS
LIMIT = 40_000_000_000 * SCALE
NO_PRICE = int(np.iinfo(np.int64).min)
_EPOCH = date(1970, 1, 1)


def to_fixed(value: Decimal) -> int:
    """Return `value` in units of 10⁻⁸.

    >>> to_fixed(Decimal("125.01"))
    12501000000

    Raises ValueError for NaN, infinities, values finer than the scale or beyond the range.
    """
    if not value.is_finite():
        raise ValueError(f"{value} is not finite")
    if value.adjusted() > 10:
        raise ValueError(f"{value} is beyond ±{LIMIT // SCALE}")
    scaled = int(value.scaleb(DECIMALS))
    if Decimal(scaled).scaleb(-DECIMALS) != value:
        raise ValueError(f"{value} is finer than {DECIMALS} decimals")
    if abs(scaled) > LIMIT:
        raise ValueError(f"{value} is beyond ±{LIMIT // SCALE}")
    return scaled


def from_fixed(fixed: int) -> Decimal:
    """Return units of 10⁻⁸ as a decimal: at least two decimals, no other trailing zeros.

    >>> from_fixed(12501000000), from_fixed(-50000000), from_fixed(1)
    (Decimal('125.01'), Decimal('-0.50'), Decimal('1E-8'))
    """
    drop = 0
    while drop < DECIMALS - 2 and fixed % 10 == 0:
        fixed //= 10
        drop += 1
    return Decimal(fixed).scaleb(drop - DECIMALS)


def exact_sum(values: Ints) -> int:
    """Return the exact sum of an int64 array as a Python integer, whatever its size (fewer than 2³¹ rows)."""
    low = np.int64(0xFFFFFFFF)
    return (int((values >> 32).sum()) << 32) + int((values & low).sum())


def to_day(value: date) -> int:
    """Return days since 1970-01-01."""
    return (value - _EPOCH).days


def from_day(day: int) -> date:
    """Return the date of a day number."""
    return _EPOCH + timedelta(days=day)
