"""A parent order over time: minutes, slices, and who is due when (RTE-3).

Entry points: `plan_twap` (quantity, volume → `Slice` rows and what is carried), `cumulative_targets` (slices × accounts).

Invariants:
1. Slices and the carry sum to the parent; slice quantities differ by at most one unit.
2. Due times rise strictly, never lie before the start, and depend on the seed alone (I8).
3. Every account's cumulative target never falls from slice to slice, never exceeds its target, and ends at it.
4. Accounts too small to be split are served whole in one slice; together they are spread over all slices in an order drawn from the seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from hashlib import sha256
from itertools import accumulate

from base.core.splitting import tie_keys
from execution.core.apportion import apportion, webster

SHORTEST, LONGEST = 5, 15
INTERVAL = timedelta(minutes=1)
JITTER = Fraction(1, 5)


@dataclass(frozen=True, slots=True)
class Slice:
    """One row of the schedule: `quantity` units due at `due_at`, `cumulative` units due by then."""

    number: int
    due_at: datetime
    quantity: int
    cumulative: int


@dataclass(frozen=True, slots=True)
class TwapPlan:
    """slices: at least one unit each. needed_minutes: before the clamp. carry: units that do not fit; they wait or need four eyes
    (RTE-3)."""

    slices: tuple[Slice, ...]
    needed_minutes: int
    carry: int


def plan_twap(
    quantity: int, minute_volume: Fraction | int, *, start: datetime, seed: str, participation: Fraction = Fraction(1, 10)
) -> TwapPlan:
    """Spread a parent over clamp(⌈Q/(pov·V1)⌉, 5, 15) minutes in equal slices, each up to 20% of a minute early or late.

    quantity: units > 0. minute_volume: V1, units a minute > 0. start: aware instant. seed: frozen in the statement.

    >>> from datetime import UTC
    >>> plan = plan_twap(10_000, 12_000, start=datetime(2026, 1, 5, 15, tzinfo=UTC), seed="BLK-1")
    >>> len(plan.slices), [row.quantity for row in plan.slices[:2]], plan.carry
    (9, [1112, 1111], 0)

    Raises ValueError for quantity, volume or participation that is not positive, or a naive start. Source: RTE-3.
    """
    pace = participation * minute_volume
    if quantity <= 0 or pace <= 0:
        raise ValueError(f"quantity {quantity} and pace {pace} must be positive")
    if start.tzinfo is None:
        raise ValueError("start must be timezone-aware")
    needed = -(-quantity // pace)
    minutes = min(max(needed, SHORTEST), LONGEST)
    placed = quantity if needed <= LONGEST else max(1, int(pace * LONGEST))
    parts = [part for part in apportion(placed, [1] * minutes, [f"{i:02}" for i in range(minutes)]) if part]
    rows = zip(parts, accumulate(parts), strict=True)
    slices = tuple(Slice(i, start + INTERVAL * i + _jitter(seed, i), part, total) for i, (part, total) in enumerate(rows))
    return TwapPlan(slices, needed, quantity - placed)


def cumulative_targets(
    targets: Sequence[int], account_ids: Sequence[str], slices: Sequence[int], *, seed: str, smallest_child: int = 1
) -> list[list[int]]:
    """Return units due per slice and account, cumulative: result[k][i] for the end of slice k.

    targets: units per account; slices: units per slice, summing to Σ targets. smallest_child: accounts whose share of an average slice is
    less than
    this are served whole in one slice. Row k sums to the first k+1 slices exactly as long as the split accounts can absorb the
    difference, and is
    otherwise off by less than the largest small account.

    >>> cumulative_targets([6, 3], ["a", "b"], [3, 3, 3], seed="S")
    [[2, 1], [4, 2], [6, 3]]

    Raises ValueError if slices do not sum to the targets or a quantity is negative. Source: RTE-3, DESIGN §4.6.
    """
    if sum(slices) != sum(targets) or min([*slices, *targets], default=0) < 0:
        raise ValueError(f"slices sum to {sum(slices)}, targets to {sum(targets)}")
    keys = tie_keys(seed, account_ids)
    small = [i for i, target in enumerate(targets) if target and target < smallest_child * len(slices)]
    served = _whole_accounts(targets, small, keys, slices)
    large = [0 if i in served else target for i, target in enumerate(targets)]
    rows, pool, done = [], sum(large), 0
    for number, due in enumerate(accumulate(slices)):
        whole = [target if served.get(i, len(slices)) <= number else 0 for i, target in enumerate(targets)]
        done = min(pool, max(done, due - sum(whole)))
        rows.append([part + more for part, more in zip(webster(done, large, keys), whole, strict=True)])
    return rows


def _whole_accounts(targets: Sequence[int], small: Sequence[int], keys: Sequence[str], slices: Sequence[int]) -> dict[int, int]:
    """Return the slice of each small account: they queue in the order of their keys, each where its middle falls in the day's quantity."""
    ends = list(accumulate(slices))
    pool, before, served = sum(targets[i] for i in small), 0, {}
    number = 0
    for i in sorted(small, key=lambda i: keys[i]):
        middle = Fraction((2 * before + targets[i]) * ends[-1], 2 * pool)
        while ends[number] < middle:
            number += 1
        served[i] = number
        before += targets[i]
    return served


def _jitter(seed: str, number: int) -> timedelta:
    """Return −20% … +20% of the interval from a hash; the first slice is only ever late."""
    drawn = int.from_bytes(sha256(f"{seed}|slice|{number}".encode()).digest()[:8])
    widest = int(INTERVAL / timedelta(microseconds=1) * JITTER)
    offset = drawn % (2 * widest + 1) - widest
    return timedelta(microseconds=abs(offset) if number == 0 else offset)
