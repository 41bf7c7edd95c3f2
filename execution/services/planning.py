"""From a frozen statement to the orders of one side: which connection, block or single, in which sequence, at which limit.

Entry points: `side_plan`, `route_of`, `limit_of`; for parents over time `slice_rows`, `due_quantity`, `spread`. Pure but for the quote and volume they are handed.
Invariants: 1. what is ordered sums to the statement's lines of that side. 2. clients come before own accounts (RTE-4 [H]).
3. slices are whole lots; what is odd of a full close goes with the last one. 4. the same statement gives the same plan, whoever makes it again (I8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accounts.enums import AccountClass
from accounts.queries import RoutingFacts
from market.enums import Side
from market.queries import InstrumentFacts, QuoteFacts

from ..core.apportion import apportion
from ..core.routing import Quote, Route, choose_route, marketable_limit
from ..core.slicing import LONGEST, Slice, cumulative_targets, plan_twap
from ..enums import SLICED, QuoteProblem, RouteKind

UNIT = 10**8
CHUNK = 1000
# An unpooled account gets orders of at least this many lots; a smaller share goes whole in one slice.
SMALLEST_CHILD_LOTS = 10
# The paper venue quotes from completed minutes; live quotes follow RSK-2.
PAPER_QUOTE_AGE = timedelta(seconds=120)
LIVE_QUOTE_AGE = timedelta(seconds=2)
_WIDEST = 160  # bytes of an account's code: forty characters of four
_RANK = {AccountClass.SHELTERED: 0, AccountClass.ENTITY: 1}


@dataclass(frozen=True, slots=True)
class Entry:
    """One order to be: a block of one connection, or one account. rows: positions in the plan's arrays."""

    connection: int
    is_block: bool
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SidePlan:
    """One side of a statement. ids: V16[n]; quantity: int64[n] > 0, UNIT = 1; connection: int64[n]; entries in sequence."""

    side: Side
    ids: NDArray[Any]
    quantity: NDArray[np.int64]
    routing: RoutingFacts
    entries: tuple[Entry, ...]

    @property
    def total(self) -> int:
        """Return the parent's quantity, UNIT = 1."""
        return int(self.quantity.sum(dtype=object))

    @property
    def chunks(self) -> int:
        """Return how many all-or-nothing chunks the children come in."""
        return -(-len(self.entries) // CHUNK)


def side_plan(*, side: Side, ids: NDArray[Any], quantity: NDArray[np.int64], routing: RoutingFacts, seed: str) -> SidePlan:
    """Plan the orders of one side.

    ids, quantity (signed, UNIT = 1) and routing have the same rows. seed: the statement's tie seed, which fixes the rotation (RTE-4).
    """
    wanted = np.flatnonzero(quantity > 0 if side.is_buy else quantity < 0)
    part = routing.take(wanted)
    amounts = np.abs(quantity[wanted])
    order = _sequence(part, seed)
    entries: list[Entry] = []
    pooled = np.array([c.pools_blocks for c in part.connections], dtype=bool)
    for number in np.unique(part.connection):
        if pooled[number]:
            entries.append(Entry(int(number), True, np.flatnonzero(part.connection == number)))
    singles = order[~pooled[part.connection[order]]] if len(order) else order
    lanes = part.connection.tolist()
    entries += [Entry(lanes[row], False, singles[k : k + 1]) for k, row in enumerate(singles.tolist())]
    return SidePlan(side, ids[wanted], amounts, part, tuple(entries))


def _sequence(routing: RoutingFacts, seed: str) -> NDArray[np.int64]:
    """RTE-4: clients before own accounts; across owners by rotation; inside one owner sheltered, entity, taxable, then rotation."""
    owner_turn = _turns(routing.owner_ids, seed)
    turn = _turns(_padded(routing.codes), seed)
    rank = np.array([_RANK.get(AccountClass(name), 2) for name in routing.class_legend], dtype=np.int64)[routing.classes]
    own = routing.is_own.astype(np.int64)
    return np.lexsort((turn, rank, owner_turn, own))


def _padded(codes: NDArray[np.object_]) -> NDArray[Any]:
    """Return codes as UTF-8 in fields of one width, so that a code's turn does not depend on who stands beside it."""
    return np.array([code.encode() for code in codes.tolist()], dtype=f"S{_WIDEST}")


def _turns(names: NDArray[Any], seed: str) -> NDArray[np.uint64]:
    """Return a turn per name (bytes of one width, a multiple of 8) drawn from the seed (splitmix64), so that nobody is always first."""
    words = np.frombuffer(names.tobytes(), dtype=">u8").reshape(len(names), names.dtype.itemsize // 8).astype(np.uint64)
    mixed = np.full(len(names), int.from_bytes(sha256(seed.encode()).digest()[:8], "big"), dtype=np.uint64)
    for column in words.T:
        mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))


def route_of(*, quantity: int, working_same_side: int, minute_volume: Decimal | None, unit: int) -> Route:
    """RTE-1: marketable limit below 5% of the one-minute volume, else TWAP; without volumes TWAP at minimum participation.

    quantity, working_same_side: UNIT = 1. unit: size of one lot, UNIT = 1.
    """
    volumes: Sequence[Any] = [] if minute_volume is None else [Fraction(minute_volume) * UNIT / unit]
    return choose_route(-(-quantity // unit), volumes, working_same_side=-(-working_same_side // unit), minimum_participation_allowed=True)


def limit_of(*, side: Side, quote: QuoteFacts, instrument: InstrumentFacts, is_paper: bool, now: datetime) -> Decimal | QuoteProblem:
    """RTE-2: the limit of an immediate-or-cancel order, or why there is none."""
    top = Quote(quote.bid, quote.ask, quote.as_of)
    age = PAPER_QUOTE_AGE if is_paper else LIVE_QUOTE_AGE
    return marketable_limit(side, top, tick=instrument.tick, now=now, max_age=age)


def is_sliced(kind: RouteKind) -> bool:
    """Return whether a route goes over time."""
    return kind in SLICED


def slice_rows(plan: SidePlan, lot: int, minute_volume: Decimal | None, *, start: datetime, seed: str) -> tuple[list[Slice], int]:
    """Return the slices of a parent over time, quantities UNIT = 1, and what they leave to be carried (RTE-3).

    lot: UNIT = 1. Without volume: minimum participation, the longest time there is.
    """
    lots = int((plan.quantity // lot).sum(dtype=object))
    if not lots:
        return [Slice(0, start, plan.total, plan.total)], 0
    pace = Fraction(minute_volume) * UNIT / lot if minute_volume else Fraction(10 * lots, LONGEST)
    twap = plan_twap(lots, pace, start=start, seed=seed)
    rows = [replace(row, quantity=row.quantity * lot, cumulative=row.cumulative * lot) for row in twap.slices]
    odd, last = plan.total - lots * lot, rows[-1]
    return [*rows[:-1], replace(last, quantity=last.quantity + odd, cumulative=last.cumulative + odd)], twap.carry * lot


def due_quantity(
    plan: SidePlan, lot: int, slices: Sequence[int], number: int, *, done: Mapping[bytes, int], seed: str
) -> NDArray[np.int64]:
    """Return what each row of the plan is to order at slice `number`, UNIT = 1: cumulative target less what is filled or works.

    slices: quantities of all slices as `slice_rows` gave them. done: filled or still working by raw id of the account that orders.
    """
    whole = [int((plan.quantity[entry.rows] // lot).sum(dtype=object)) for entry in plan.entries]
    odd = [int((plan.quantity[entry.rows] % lot).sum(dtype=object)) for entry in plan.entries]
    names = [str(plan.routing.codes[int(entry.rows[0])]) for entry in plan.entries]
    placed = [part // lot for part in [*slices[:-1], slices[-1] - sum(odd)]]
    targets = apportion(sum(placed), whole, names) if sum(placed) < sum(whole) else whole
    smallest = SMALLEST_CHILD_LOTS if len(plan.entries) > 1 else 1
    due = cumulative_targets(targets, names, placed, seed=seed, smallest_child=smallest)[number]
    quantity = np.zeros(len(plan.ids), dtype=np.int64)
    for entry, lots, rest in zip(plan.entries, due, odd, strict=True):
        clearing = plan.routing.connections[entry.connection].clearing_account_id if entry.is_block else None
        account = clearing.bytes if clearing else bytes(plan.ids[int(entry.rows[0])])
        target = lots * lot + (rest if number == len(slices) - 1 else 0)
        left = max(target - done.get(account, 0), 0)
        quantity[entry.rows] = spread(left, plan.quantity[entry.rows]) if entry.is_block else left
    return quantity


def spread(total: int, weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Split a part of a block over its accounts: only the sum goes to the market, final shares come from ALC-4."""
    ends = np.concatenate([[0], np.cumsum(weights, dtype=object)])
    return np.diff([total * end // ends[-1] for end in ends]).astype(np.int64)
