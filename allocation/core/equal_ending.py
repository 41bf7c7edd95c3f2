"""Equal ending quantities: raise the smallest positions first until the block is used up (the other reading of IB's Equal).

Entry point: `equal_ending_orders`. Invariants: 1. Orders sum to the block's whole lots. 2. Nobody trades against the block's side.
3. Remainders go by tie key (CON-2).
"""

from __future__ import annotations

import numpy as np

from base.core.splitting import tie_keys

from .request import SizingRequest
from .scales import Ints


def equal_ending_orders(request: SizingRequest) -> Ints:
    """Return int64[n, m] order quantities that level the accounts' positions (working orders counted) as far as the block reaches.

    Accounts without authority take no part (GOV-2).
    """
    n, m = request.shape
    orders = np.zeros((n, m), dtype=np.int64)
    takes_part = np.ones(n, dtype=bool) if request.limits.authority is None else request.limits.authority == 0
    who = np.flatnonzero(takes_part)
    blocks = np.broadcast_to(request.amount, (1, m))[0].tolist()
    for j, (block, step) in enumerate(zip(blocks, request.lot_step.tolist(), strict=True)):
        side = 1 if block >= 0 else -1
        lots = abs(block) // step
        if not who.size or not lots:
            continue
        held = [side * quantity // step for quantity in _held_after_working(request, j)[who].tolist()]
        keys = tie_keys(request.block_ids[j], [request.tie_names_used[i] for i in who.tolist()])
        orders[who, j] = side * step * np.array(level(held, lots, keys), dtype=np.int64)
    return orders


def _held_after_working(request: SizingRequest, j: int) -> Ints:
    total = np.zeros(request.shape[0], dtype=np.int64)
    for array, sign in ((request.position, 1), (request.open_buy, 1), (request.open_sell, -1)):
        if array is not None:
            total = total + sign * array[:, j]
    return total


def level(held: list[int], lots: int, keys: list[str]) -> list[int]:
    """Return how many of `lots` each holder gets so that the smallest become equal.

    >>> level([0, 10, 3], 9, ["a", "b", "c"])
    [6, 0, 3]
    """
    order = sorted(range(len(held)), key=lambda i: (held[i], keys[i]))
    pot = lots
    count = 0
    for count, i in enumerate(order, start=1):
        pot += held[i]
        if count == len(order) or pot <= held[order[count]] * count:
            break
    base, spare = divmod(pot, count)
    lucky = set(sorted(order[:count], key=lambda i: keys[i])[:spare])
    given = [0] * len(held)
    for i in order[:count]:
        given[i] = base + (i in lucky) - held[i]
    return given
