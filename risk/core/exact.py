"""Vectorised comparison of products of integers, exact at the boundary.

Entry point: `exceeds`. Floats decide what is clear; every near-tie is settled in whole numbers (CON-1).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
_NEAR = 1e-9


def exceeds(left: Sequence[Ints | int], right: Sequence[Ints | int], size: int) -> Bools:
    """Return Π left > Π right, element by element, exactly and whatever their size.

    left, right: int64[size] arrays or single integers. A product of floats errs by less than 1e-14; products closer than 1e-9 are
    recomputed.

    >>> exceeds([np.array([2**62, 2**62]), 3], [np.array([2**62, 2**62 - 1]), 3], 2).tolist()
    [False, True]
    """
    a, b = _product(left, size), _product(right, size)
    above: Bools = a > b
    for i in np.flatnonzero(np.abs(a - b) <= _NEAR * np.maximum(np.abs(a), np.abs(b))):
        above[i] = exact_product(left, int(i)) > exact_product(right, int(i))
    return above


def exact_product(factors: Sequence[Ints | int], row: int) -> int:
    """Return the product of one row's factors as a Python integer."""
    return prod(factor if isinstance(factor, int) else int(factor[row]) for factor in factors)


def _product(factors: Sequence[Ints | int], size: int) -> NDArray[np.float64]:
    result = np.ones(size, dtype=np.float64)
    for factor in factors:
        result *= float(factor) if isinstance(factor, int) else factor.astype(np.float64)
    return result
