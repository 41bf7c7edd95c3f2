"""Whole lots from exact wishes (SIZ-5, SIZ-7, CON-2).

Entry points: `round_up_where_allowed`, `bump_to_minimum`, `take_largest`, `prorate`.
Orders arrive floored (reductions already at the nearest lot); rounding only ever adds one lot, or the missing lots up to the minimum.

Invariants: 1. No rounding passes a limit or a cap. 2. Largest remainder: an instrument's lots on a side are at most the whole part of
the sum of the wishes; a lot nobody may take is not ordered. 3. Ties: larger remainder, larger wish, smaller SHA-256(`block_id|name`).
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from allocation.enums import Reason, Rounding, Rule, code
from base.core.splitting import tie_keys

from .request import SizingRequest
from .scales import MISSING, UNIT, Bools, Floats, Ints
from .work import Work

_CLOSE = 1e-9


def round_up_where_allowed(work: Work) -> None:
    """Apply the request's rounding to opens and increases; shared blocks round their sales the same way."""
    rounding = work.request.rounding_used
    if rounding is Rounding.FLOOR:
        return
    part = work.cells.part
    at_floor = (work.lots == work.cells.floor) & (part > 0)
    if work.limit is not None:
        at_floor &= work.limit > work.cells.floor
    if not work.request.is_block:
        at_floor &= ~work.reduces
        if work.plan.truncates:
            return
    if rounding is Rounding.NEAREST:
        work.lots += work.may_be_lifted(at_floor & work.cells.half, work.lots + 1)
        return
    liftable = work.may_be_lifted(at_floor, work.lots + 1)
    for j in range(work.lots.shape[1]):
        for side in (1, -1):
            _largest_remainder(work, j, part[:, j], np.flatnonzero(at_floor[:, j] & (work.sign[:, j] == side)), liftable[:, j])


def _largest_remainder(work: Work, j: int, part: Floats, members: Ints, liftable: Bools) -> None:
    """Give the whole part of the members' remainders, a lot each, to the liftable with the largest."""
    if not members.size:
        return
    spare = _whole_part(work, j, part, members)
    candidates = members[liftable[members]]
    if not spare or not candidates.size:
        return
    parts = part[candidates]
    floors = work.cells.floor[candidates, j]
    rests = work.cells.rest[candidates, j] if _one_denominator(work, j, candidates) else None
    chosen = take_largest(
        min(spare, len(candidates)),
        parts,
        floors,
        rests,
        exact=lambda i: _exact_part(work, int(candidates[i]), j),
        ties=lambda which: ranks(work.request, j, candidates[which]),
    )
    work.lots[candidates[chosen], j] += 1


def _one_denominator(work: Work, j: int, members: Ints) -> bool:
    rows = np.unique(work.plan.row[members])
    table = work.plan.table
    return not table.big[rows, j].any() and len(np.unique(table.den[rows, j])) == 1


def _whole_part(work: Work, j: int, part: Floats, members: Ints) -> int:
    """Return floor(Σ remainders) exactly."""
    table, row = work.plan.table, work.plan.row[members]
    total = float(part[members].sum())
    if abs(total - round(total)) > _CLOSE * len(members):
        return int(total)
    exact = Fraction(0)
    for r in np.unique(row).tolist():
        own = members[row == r]
        if table.big[r, j]:
            exact += sum((_exact_part(work, i, j) for i in own.tolist()), Fraction(0))
        else:
            exact += Fraction(sum(work.cells.rest[own, j].tolist()), table.denominators[r][j])
    return exact.numerator // exact.denominator


def _exact_part(work: Work, i: int, j: int) -> Fraction:
    """Return one cell's remainder as an exact rational."""
    plan, shape = work.plan, work.lots.shape
    r = int(plan.row[i])
    left, right = (int(np.broadcast_to(x, shape)[i, j]) for x in (plan.left, plan.right))
    net = 0 if work.net is None else int(work.net[i, j])
    exact = abs(Fraction(left * right * plan.table.numerators[r][j] - net * plan.table.nets[r][j], plan.table.denominators[r][j]))
    return exact - exact.numerator // exact.denominator


def take_largest(
    count: int,
    parts: Floats,
    floors: Ints,
    rests: Ints | None,
    *,
    exact: Callable[[int], Fraction],
    ties: Callable[[Ints], Ints],
) -> Ints:
    """Return the indexes of the `count` largest remainders (CON-2).

    parts: float64 remainders. rests: the same as integers over one common denominator, or None. exact: a remainder as a rational, asked for
    near the cut only. ties: ranks of the given indexes by tie key, asked for only where remainder and wish are equal around the cut.
    """
    if count >= len(parts):
        return np.arange(len(parts))
    measure = parts if rests is None else rests
    cut = np.partition(measure, len(parts) - count)[len(parts) - count]
    near = 1e-6 if rests is None else 0
    sure = np.flatnonzero(measure > cut + near)
    doubtful = np.flatnonzero((measure >= cut - near) & (measure <= cut + near))
    if rests is None:
        fractions = [exact(i) for i in doubtful.tolist()]
        rank_of = {value: rank for rank, value in enumerate(sorted(set(fractions)))}
        remainder = np.array([rank_of[value] for value in fractions], dtype=np.int64)
    else:
        remainder = rests[doubtful]
    order = np.lexsort((ties(doubtful), -floors[doubtful], -remainder))
    return np.concatenate([sure, doubtful[order[: count - len(sure)]]])


def ranks(request: SizingRequest, j: int, accounts: Ints) -> Ints:
    """Return each account's rank by SHA-256(`block_id|name`) ascending."""
    names = request.tie_names_used
    keys = tie_keys(request.block_ids[j], [names[i] for i in accounts.tolist()])
    result = np.empty(len(keys), dtype=np.int64)
    result[sorted(range(len(keys)), key=keys.__getitem__)] = np.arange(len(keys))
    return result


def prorate(request: SizingRequest, j: int, accounts: Ints, lots: Ints, room: int) -> Ints:
    """Return `room` lots shared over accounts in proportion to `lots`, by largest remainder; nobody gets more than asked.

    room ≤ Σ lots. Source: CST-6 (room 50 for 30/40/10 → 19/25/6), GOV-6, CON-2.
    """
    whole = sum(lots.tolist())
    pairs = [divmod(room * q, whole) for q in lots.tolist()]
    floors = np.array([p[0] for p in pairs], dtype=np.int64)
    spare = room - sum(p[0] for p in pairs)
    tie = ranks(request, j, accounts).tolist()
    order = sorted(range(len(pairs)), key=lambda i: (-pairs[i][1], -pairs[i][0], tie[i]))
    floors[order[:spare]] += 1
    return floors


def minimum_lots(request: SizingRequest) -> tuple[Ints, Ints]:
    """Return per instrument the least lots by quantity and by notional (zero where the price is missing)."""
    m = request.shape[1]
    quantities = [0] * m if request.min_quantity is None else request.min_quantity.tolist()
    notionals = [0] * m if request.min_notional is None else request.min_notional.tolist()
    steps, prices, multipliers = request.lot_step.tolist(), request.price.tolist(), request.multiplier.tolist()
    by_quantity = [-(-q // step) for q, step in zip(quantities, steps, strict=True)]
    by_notional = [
        0 if price == MISSING else -(-value * UNIT**2 // (price * multiplier * step))
        for value, price, multiplier, step in zip(notionals, prices, multipliers, steps, strict=True)
    ]
    return np.array(by_quantity, dtype=np.int64), np.array(by_notional, dtype=np.int64)


def bump_to_minimum(work: Work) -> None:
    """Raise orders below the minimum to it, where the account wants that and no limit or cap is passed (SIZ-5)."""
    allowed = work.request.bump_to_min
    if allowed is None or not allowed.any():
        return
    least = np.maximum(*minimum_lots(work.request))[None, :]
    wanted = (work.cells.part > 0) | (work.cells.floor > 0)
    small = (allowed != 0) & wanted & (work.lots < least) & (work.reason == 0) & ~work.reduces
    target = np.broadcast_to(least, work.lots.shape)
    lift = work.may_be_lifted(small, target)
    work.lots[lift] = target[lift]
    work.reason[lift] = code(Reason.BUMPED_TO_MIN)


def drop_below_minimum(work: Work, exempt: Bools) -> None:
    """Skip orders below minimum quantity or notional; full closes are exempt (SIZ-5)."""
    by_quantity, by_notional = minimum_lots(work.request)
    if not by_quantity.any() and not by_notional.any():
        return
    live = (work.lots > 0) & ~exempt
    for least, reason in ((by_notional, Reason.BELOW_MIN_NOTIONAL), (by_quantity, Reason.BELOW_MIN_LOT)):
        small = live & (work.lots < least)
        work.reason[small] = code(reason)
        work.binding[small] = code(Rule.MINIMUM)
    small = live & (work.lots < np.maximum(by_quantity, by_notional))
    work.lots[small] = 0
    work.note(Rule.MINIMUM)
