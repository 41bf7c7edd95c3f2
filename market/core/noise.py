"""Reproducible randomness in whole numbers: the same key gives the same numbers on every machine (I8).

Entry points: `words`, `bell`, `level`, `scaled_exp`.

Only SHA-256, the raw 64-bit output of the counter-based Philox generator (fixed by its definition; numpy's distributions are not, so
none is used) and integer arithmetic take part. No floating-point operation, hence no difference between processors or libraries.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from math import isqrt

import numpy as np
from numpy.typing import NDArray

BELL_SD = 37837  # 65536 / sqrt(3): the standard deviation of a sum of four 16-bit numbers
LEVEL_SD = BELL_SD << 10  # what one step of `level` moves by, on average
EXP_BITS = 60
_BLOCK = 512
_KNOT_STEPS = 8
_LN2 = 799144290325165978  # ln 2 at scale 2^-60


def words(count: int, *key: object) -> NDArray[np.uint64]:
    """Return `count` random 64-bit words for the key."""
    seed = int.from_bytes(_hash(key)[:16], "big")
    return np.asarray(np.random.Philox(key=seed).random_raw(count), np.uint64)


def bell(random_words: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return a bell-shaped whole number per word: mean 0, standard deviation `BELL_SD`, never beyond 3.5 of them."""
    parts = random_words.view(np.uint16).reshape(-1, 4).astype(np.int64)
    total: NDArray[np.int64] = parts.sum(axis=1) - 2 * 65535
    return total


def level(step: int, *key: object) -> int:
    """Return where a random walk stands at a step, without walking there.

    Steps are drawn by midpoint displacement (Brownian bridge) within blocks of 512, whose ends stay near 0: a price far away in time
    is as believable as one nearby. One step moves it by about `LEVEL_SD`.
    """
    block, inside = divmod(step, _BLOCK)
    low, high = _knot(block, key), _knot(block + 1, key)
    start, end = 0, _BLOCK
    while inside not in (start, end):
        middle = (start + end) // 2
        spread = isqrt((end - start) << 20)
        value = (low + high) // 2 + _draw((*key, block, middle)) * spread // 2
        if inside < middle:
            end, high = middle, value
        else:
            start, low = middle, value
    return low if inside == start else high


def scaled_exp(exponent: int) -> int:
    """Return e to the power exponent / 2^60, at scale 2^-60, by integer Taylor series.

    >>> scaled_exp(0) == 1 << 60, scaled_exp(1 << 60) >> 30
    (True, 2918732888)
    """
    doublings, rest = divmod(exponent, _LN2)
    term = total = 1 << EXP_BITS
    for order in range(1, 24):
        term = (term * rest >> EXP_BITS) // order
        total += term
    return total << doublings if doublings >= 0 else total >> -doublings


def _knot(block: int, key: tuple[object, ...]) -> int:
    return (_draw((*key, "knot", block)) << 10) * _KNOT_STEPS


@lru_cache(maxsize=1 << 16)
def _draw(key: tuple[object, ...]) -> int:
    random_words = np.frombuffer(_hash(key)[:8], "<u8").astype(np.uint64)
    return int(bell(random_words)[0])


def _hash(key: tuple[object, ...]) -> bytes:
    return hashlib.sha256("|".join(map(str, key)).encode()).digest()
