"""Gate 2's rows: the lots of one batch as its caller hands them in, and what the gate answers.

Entry points: `Gate2Order`, `Gate2Rows`, `GateTwoAnswer`.
Invariant: a row is one account's lot of one order; a block order has one row for each account behind it, a single order has one row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from risk.core.exact import Bools, Ints
from risk.core.findings import Finding

UNIT = 100_000_000


@dataclass(frozen=True, slots=True)
class Gate2Order:
    """What all rows of an order share.

    reservation_id: what its accounts' reservations name, where that is not the order itself (a slice's parent reserves for all of them).
    flattens: it closes a position on behalf of a tripped kill switch (GOV-10).
    """

    order_id: UUID
    journey_id: UUID
    strategy_id: UUID
    connection_id: UUID
    instrument_id: int
    reservation_id: UUID | None = None
    flattens: bool = False

    @property
    def reserved_as(self) -> UUID:
        return self.reservation_id or self.order_id


@dataclass(frozen=True, slots=True, eq=False)
class Gate2Rows:
    """n lots of k orders.

    order: int[n], position in `orders`. account: V16[n], account ids as big-endian bytes. side: int8[n], +1 buy, −1 sell.
    quantity: int64[n], positive, units of 1/UNIT. sized_price: int64[n], the price the lot was sized at, quote currency per unit, 1/UNIT;
    0 = not known.
    """

    orders: tuple[Gate2Order, ...]
    order: NDArray[Any]
    account: NDArray[Any]
    side: NDArray[Any]
    quantity: Ints
    sized_price: Ints

    def __post_init__(self) -> None:
        columns = (self.order, self.account, self.side, self.quantity, self.sized_price)
        if any(len(column) != len(self.order) for column in columns):
            raise ValueError(f"columns of {[len(column) for column in columns]} rows are not one batch")
        if len(self.order) and not (int(self.order.min()) >= 0 and int(self.order.max()) < len(self.orders)):
            raise ValueError("a row names an order that is not there")
        if (self.quantity <= 0).any() or (np.abs(self.side) != 1).any():
            raise ValueError("quantities are positive and sides are +1 or −1")

    def __len__(self) -> int:
        return len(self.order)

    @property
    def delta(self) -> Ints:
        """Return the signed quantities, int64[n], units of 1/UNIT."""
        return self.quantity * self.side.astype(np.int64)

    def of_orders(self, values: list[int]) -> Ints:
        """Return a value of each order spread over its rows, int64[n]."""
        return np.array(values, np.int64)[self.order]


@dataclass(frozen=True, slots=True, eq=False)
class GateTwoAnswer:
    """What gate 2 says of a batch.

    passed: bool[n], by row. order_passed: bool[k]: every row of the order passes (a block with a refused account goes back whole, RSK-1).
    resize_to: int64[n], signed, 1/UNIT: the lot that would pass; the lot itself where it passes, 0 where nothing would.
    findings: (row, finding), by row, then in the order of CST-9.
    """

    passed: Bools
    order_passed: Bools
    resize_to: Ints
    findings: tuple[tuple[int, Finding], ...]
