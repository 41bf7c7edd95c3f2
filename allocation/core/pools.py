"""Room that several accounts share: legal limits of a control group (CST-6) and a signal's capacity (GOV-6).

Entry point: `apply_pools`, for legal room before the cash and for capacity after the mandate (CST-9). Invariants: 1. What does not fit is cut pro rata by largest remainder. 2. Nobody gets more than their own order.
3. Only opening lots are cut, buys and sells apart.
"""

from __future__ import annotations

import numpy as np

from allocation.enums import Rule

from .request import PooledRoom
from .rounding import prorate
from .scales import MISSING, Ints
from .work import Work


def apply_pools(work: Work, rule: Rule) -> None:
    """Cut opening orders to the room of each pool of this rule, in the order of the request."""
    for pool in [pool for pool in work.request.limits.pools if pool.rule is rule]:
        passing = work.passing
        opening = work.lots - passing
        for j in range(work.lots.shape[1]):
            for side in (1, -1):
                _cut(work, pool, j, np.where((work.sign[:, j] == side) & (pool.group >= 0), opening[:, j], 0), opening[:, j])
        work.clamp(pool.rule, passing + opening)


def _cut(work: Work, pool: PooledRoom, j: int, asked: Ints, opening: Ints) -> None:
    step = int(work.request.lot_step[j])
    for group in np.unique(pool.group[asked > 0]).tolist():
        members = np.flatnonzero((asked > 0) & (pool.group == group))
        quantity = int(pool.room[group, j])
        room = 0 if quantity == MISSING else quantity // step
        if sum(asked[members].tolist()) > room:
            opening[members] = prorate(work.request, j, members, asked[members], room)
