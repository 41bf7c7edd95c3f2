"""Whole units split over many accounts, in integers alone: the workhorse of sharing, booking and slicing (CON-2).

Entry points: `apportion` (largest remainder, same answer as `base.core.splitting.largest_remainder`, an order of magnitude faster because
weights are integers), `apportion_capped` (nobody above their cap), `webster` (house-monotone: more to split never takes a unit back).
Invariants: 1. parts sum exactly to the total. 2. permuting the accounts permutes the parts and changes nothing else.
3. no part exceeds its cap. 4. `webster` parts never fall as the total grows.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence


def apportion(total: int, weights: Sequence[int], keys: Sequence[str]) -> list[int]:
    """Split `total` whole units in proportion to integer `weights` by largest remainder.

    total: units, may be negative. weights: ≥ 0. keys: one distinct tie key a part. Ties: larger remainder, larger weight, smaller key.

    >>> apportion(8000, [3333, 2667, 1999, 1251, 750], list("ABCDE"))
    [2666, 2134, 1599, 1001, 600]

    Raises ValueError for negative weights, unequal lengths, or zero weights under a total that is not zero. Source: CON-2.
    """
    if len(weights) != len(keys):
        raise ValueError(f"{len(weights)} weights but {len(keys)} keys")
    if total < 0:
        return [-part for part in apportion(-total, weights, keys)]
    if any(weight < 0 for weight in weights):
        raise ValueError("weights must not be negative")
    whole = sum(weights)
    if whole == 0:
        if total:
            raise ValueError(f"cannot split {total} over weights that are all zero")
        return [0] * len(weights)
    quotas = [divmod(total * weight, whole) for weight in weights]
    parts = [quota for quota, _ in quotas]
    spare = total - sum(parts)
    if spare:
        order = sorted(range(len(parts)), key=lambda i: (-quotas[i][1], -weights[i], keys[i]))
        for i in order[:spare]:
            parts[i] += 1
    return parts


def apportion_capped(total: int, weights: Sequence[int], caps: Sequence[int], keys: Sequence[str]) -> list[int]:
    """Split `total` by largest remainder, nobody above their cap; what a cap cuts off is split again among the others.

    total: ≥ 0. caps: units ≥ 0. Parts sum to min(total, what caps of positively weighted parts can hold).

    >>> apportion_capped(10, [1, 1, 1], [2, 9, 9], list("abc"))
    [2, 4, 4]

    Source: CON-2, ALC-4.
    """
    parts = [0] * len(weights)
    open_ = [i for i, cap in enumerate(caps) if cap > 0 and weights[i] > 0]
    total = min(total, sum(caps[i] for i in open_))
    while open_ and total:
        split = apportion(total, [weights[i] for i in open_], [keys[i] for i in open_])
        full = {i for i, part in zip(open_, split, strict=True) if part >= caps[i]}
        if not any(part > caps[i] for i, part in zip(open_, split, strict=True)):
            for i, part in zip(open_, split, strict=True):
                parts[i] = part
            break
        for i in full:
            parts[i] = caps[i]
            total -= caps[i]
        open_ = [i for i in open_ if i not in full]
    return parts


def webster(total: int, weights: Sequence[int], keys: Sequence[str]) -> list[int]:
    """Split `total` so that a larger total never gives any part less (Webster's divisor method; ties by weight, then key).

    total: 0 ≤ total ≤ Σ weights. weights: whole targets; at `total` = Σ weights every part equals its target, and no part exceeds it.

    >>> [webster(n, [5, 3, 2], list("abc")) for n in (3, 5, 10)]
    [[1, 1, 1], [3, 1, 1], [5, 3, 2]]

    Raises ValueError for totals outside the range. Source: RTE-3 (monotone cumulative targets).
    """
    whole = sum(weights)
    if not 0 <= total <= whole:
        raise ValueError(f"total {total} is outside 0..{whole}")
    count = len(weights)
    # Divisor τ = (total − n/2)/Σw serves at most `total` units, and exactly the first ones of the queue; the heap serves the rest.
    slack = 2 * total - count
    parts = [(weight * slack + whole) // (2 * whole) for weight in weights] if slack > 0 else [0] * count
    # 1/(w1·w2) is the smallest gap between two priorities (2n+1)/w; with these bits their floors keep order and equality.
    bits = 2 * max(weights, default=1).bit_length() + 1

    def queued(i: int) -> tuple[int, int, str, int]:
        return ((2 * parts[i] + 1) << bits) // weights[i], -weights[i], keys[i], i

    heap = [queued(i) for i in range(count) if parts[i] < weights[i]]
    heapq.heapify(heap)
    for _ in range(total - sum(parts)):
        i = heap[0][3]
        parts[i] += 1
        if parts[i] < weights[i]:
            heapq.heapreplace(heap, queued(i))
        else:
            heapq.heappop(heap)
    return parts
