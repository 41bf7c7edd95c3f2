"""Integer scales of the sizing arrays, and the checks at their edge (CON-1).

| what | integer | example |
|---|---|---|
| money of an account | minor units of its base currency, whose exponent is given | 250,000.00 USD → 25_000_000 |
| prices, stop distances, multipliers, quantities, lot steps | units of 10⁻⁸ (`UNIT` = 1) | 47.30 → 4_730_000_000 |
| weights, caps, shares, rates of margin | units of 10⁻⁸ (`UNIT` = 100%) | 3% → 3_000_000 |
| FX rates | exact rationals, numerator and denominator | 1.0850 → 217/200 |
| lots | whole multiples of the instrument's lot step | 0.40 at step 0.01 → 40 |
| raw targets | `MICRO`: millionths of a lot, for reports only | 158.5624 → 158_562_368 |

Entry points: `to_scaled` for decimals, `require` for arrays.
Invariants: 1. `MISSING` is the only value that means "not known". 2. Nothing is rounded here: a number finer than its scale is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.int8]

UNIT = 10**8
MICRO = 10**6
MISSING = -(2**63)
MAX_LOTS = 2**43


class BeyondScale(ValueError):
    """An order that the integers of sizing do not hold: no account's order is cut to what fits (CON-1)."""


def to_scaled(values: Iterable[Decimal | int | None], *, field: str, exponent: int = 8) -> Ints:
    """Return exact decimals as integers of 10^-exponent; None becomes `MISSING`.

    >>> to_scaled([Decimal("47.30"), None], field="price").tolist() == [4_730_000_000, MISSING]
    True

    Raises ValueError for NaN, infinities, floats, and numbers finer or larger than the scale holds. Source: CON-1.
    """
    return np.array([_one(value, field, exponent) for value in values], dtype=np.int64)


def _one(value: Decimal | int | None, field: str, exponent: int) -> int:
    if value is None:
        return MISSING
    if not isinstance(value, (Decimal, int)):
        raise ValueError(f"{field}: {value!r} is not an exact decimal (CON-1)")
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError(f"{field}: {value} is not finite (CON-1)")
    numerator, denominator = number.as_integer_ratio()
    scaled, rest = divmod(numerator * 10**exponent, denominator)
    if rest:
        raise ValueError(f"{field}: {value} is finer than 10^-{exponent} (CON-1)")
    if abs(scaled) >= 2**63:
        raise ValueError(f"{field}: {value} does not fit 64 bits at 10^-{exponent} (CON-1)")
    return scaled


def require(
    field: str,
    values: Any,
    shapes: Iterable[tuple[int, ...]],
    *,
    least: int | None = None,
    most: int | None = None,
    may_miss: bool = False,
    rule: str = "CON-1",
) -> Ints:
    """Return `values` as a contiguous int64 array after checking type, shape and range.

    `shapes`: the allowed shapes. `least`, `most`: inclusive bounds. `may_miss`: whether `MISSING` may stand in it.
    Raises ValueError naming field, value and rule; floats are refused, so NaN and infinities cannot come in.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "iub":
        bad = array.ravel()[:1].tolist()
        raise ValueError(f"{field}: {bad} has type {array.dtype}, exact integers are required ({rule})")
    if array.dtype == np.uint64 and array.size and int(array.max()) >= 2**63:
        raise ValueError(f"{field}: {int(array.max())} does not fit 64 bits ({rule})")
    array = np.ascontiguousarray(array, dtype=np.int64) if array.ndim else array.astype(np.int64)
    if array.shape not in set(shapes):
        raise ValueError(f"{field}: shape {array.shape} is none of {sorted(set(shapes))} ({rule})")
    _check_range(field, array, least, most, may_miss, rule)
    return array


def _check_range(field: str, array: Ints, least: int | None, most: int | None, may_miss: bool, rule: str) -> None:
    if not array.size:
        return
    lowest = int(array.min())
    if lowest == MISSING:
        if not may_miss:
            raise ValueError(f"{field}: a value is missing ({rule})")
        known = array[array != MISSING]
        lowest = int(known.min()) if known.size else (least or 0)
    if least is not None and lowest < least:
        raise ValueError(f"{field}: {lowest} is below {least} ({rule})")
    if most is not None and int(array.max()) > most:
        raise ValueError(f"{field}: {int(array.max())} is above {most} ({rule})")
