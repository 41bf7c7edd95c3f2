"""Who stands behind a block: the lines of its statement whose accounts belong to its connection (ALC-1).

Entry point: `block_targets`, `BlockTargets`.
Invariant: the statement alone says who is in the block and how much each is to get; nobody joins or leaves after it is frozen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from accounts import queries as accounts
from allocation import queries as allocation

from ..enums import Side


@dataclass(frozen=True, slots=True)
class BlockTargets:
    """ids: V16[n], ascending. quantity: int64[n] > 0, units of 10⁻⁸."""

    ids: NDArray[Any]
    quantity: NDArray[np.int64]


def block_targets(*, statement_id: UUID, side: Side, connection_id: UUID) -> BlockTargets:
    """Return the accounts behind a connection's block of one side of a statement, and what each is to get."""
    lines = allocation.statement_lines(statement_id=statement_id)
    wanted = lines.quantity > 0 if side.is_buy else lines.quantity < 0
    ids, quantity = lines.ids[wanted], np.abs(lines.quantity[wanted])
    if not len(ids):
        return BlockTargets(ids, quantity)
    routing = accounts.routing_facts(account_ids=ids)
    lanes = [number for number, lane in enumerate(routing.connections) if lane.id == connection_id]
    here = np.isin(routing.connection, lanes)
    return BlockTargets(ids[here], quantity[here])
