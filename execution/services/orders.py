"""Orders under work: rows read and locked as values, moved by the core, written back together for any number (DESIGN §5).

Entry points: `WorkingOrder`, `lock_orders`, `move_orders`, `order_parts`.

Invariants:
1. Parents are locked before children, each in the order of their ids, so that two writers never wait for each other in a circle.
2. Every state an order passes is written in turn, so that the database judges every move.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cache
from typing import Any
from uuid import UUID

from base import prepared
from base.prepared import Part
from market.enums import Side

from ..core.lifecycle import TERMINAL, OrderChange, OrderView
from ..enums import OrderState

_EIGHT = Decimal("1e-8")
_WIDE = Context(prec=60, rounding=ROUND_HALF_UP)
_OWN = [
    "id",
    "journey_id",
    "parent_id",
    "slice_id",
    "account_id",
    "instrument_id",
    "is_block",
    "side",
    "quantity",
    "filled_qty",
    "filled_notional",
    "state",
    "declared_absent",
    "client_order_id",
    "broker_order_id",
    "session_epoch",
    "unknown_since",
    "answered_at",
    "absent_answers",
    "reason",
    "to_resend",
]
_COLUMNS = (*_OWN, "sleeve_id", "decision_price", "arrival_price", "currency", "multiplier")
_WANTED = {
    "references": "SELECT id, parent_id FROM execution_childorder WHERE connection_id = %s AND client_order_id {match}",
    "ids": "SELECT id, parent_id FROM execution_childorder WHERE connection_id = %s AND id {match}",
    "broker_ids": "SELECT id, parent_id FROM execution_childorder WHERE connection_id = %s AND broker_order_id {match} "
    "AND broker_order_id <> ''",
    "exec_ids": "SELECT c.id, c.parent_id FROM execution_execution e JOIN execution_childorder c ON c.id = e.order_id "
    "WHERE e.connection_id = %s AND e.broker_exec_id {match} AND e.order_id IS NOT NULL",
}
# Which orders are read is known only once all parents are read, and so locked: a join alone would lock the first order before the last parent.
_LOCK = f"""
WITH wanted AS MATERIALIZED ({{wanted}}), parents AS MATERIALIZED (
    SELECT id, strategy_id, decision_price, arrival_price FROM execution_parentorder
    WHERE id = ANY(ARRAY(SELECT parent_id FROM wanted)) ORDER BY id FOR NO KEY UPDATE
)
SELECT {", ".join(f"c.{name}" for name in _OWN)}, s.sleeve_id, p.decision_price, p.arrival_price, i.currency, i.multiplier
FROM parents p JOIN wanted w ON w.parent_id = p.id JOIN execution_childorder c ON c.id = w.id
    JOIN allocation_strategy s ON s.id = p.strategy_id JOIN market_instrument i ON i.id = c.instrument_id
WHERE c.id = ANY(ARRAY(SELECT x.id FROM wanted x JOIN parents q ON q.id = x.parent_id))
ORDER BY c.id FOR NO KEY UPDATE OF c
"""
_PROGRESS = (
    "id uuid, state text, quantity numeric, filled_qty numeric, filled_notional numeric, declared_absent boolean, broker_order_id text, "
    "session_epoch integer, unknown_since timestamptz, answered_at timestamptz, absent_answers integer, reason text"
)
_CHANGES = ", ".join(f"{name} = v.{name}" for name in prepared.names_of(_PROGRESS).split(", ")[1:])
ORDERS = Part("orders", prepared.update("execution_childorder", _CHANGES), _PROGRESS)
_ADD = "filled_qty = t.filled_qty + v.delta, needs_booking = t.needs_booking OR v.is_block"
PARENTS = Part("parents", prepared.update("execution_parentorder", _ADD), "id uuid, delta numeric, is_block boolean")


@dataclass(slots=True)
class WorkingOrder:
    """One order in this transaction. `path`: the states still to be written; `view`: what the core made of it."""

    id: UUID
    journey_id: UUID
    parent_id: UUID
    slice_id: UUID | None
    account_id: UUID
    instrument_id: int
    is_block: bool
    side: Side
    view: OrderView
    client_order_id: str
    broker_order_id: str
    session_epoch: int
    unknown_since: datetime | None
    answered_at: datetime | None
    absent_answers: int
    reason: str
    to_resend: bool
    sleeve_id: UUID
    decision_price: Decimal
    arrival_price: Decimal | None
    currency: str
    multiplier: Decimal
    filled_before: Decimal
    state_before: OrderState
    path: list[OrderState] = field(default_factory=list)
    is_touched: bool = False
    has_booked: bool = False

    @property
    def reservation_id(self) -> UUID:
        """Return what its reservations are filed under: a sliced parent reserves once for all its slices."""
        return self.id if self.slice_id is None else self.parent_id

    @property
    def has_ended(self) -> bool:
        """Return whether it has become terminal in this transaction."""
        return self.view.state in TERMINAL and self.state_before not in TERMINAL

    @property
    def has_revived(self) -> bool:
        """Return whether it had ended before this transaction and lives again: after a bust, or a late word of the broker."""
        return self.state_before in TERMINAL and self.view.state not in TERMINAL

    def apply(self, change: OrderChange, *, now: datetime, reason: str = "", is_from_broker: bool = True) -> None:
        """Take over what a report changed."""
        self.view = change.order
        self.path += change.path
        self.is_touched = True
        self.has_booked = self.has_booked or change.book is not None
        if reason and change.path:
            self.reason = reason[:200]
        if is_from_broker:
            self.answered_at = self.answered_at or now
            self.absent_answers = 0
        if OrderState.UNKNOWN in change.path and self.view.state is OrderState.UNKNOWN:
            self.unknown_since = now
        elif self.view.state is not OrderState.UNKNOWN:
            self.unknown_since = None


def lock_orders(
    *,
    connection_id: UUID,
    references: Iterable[str] = (),
    broker_ids: Iterable[tuple[str, int]] = (),
    ids: Iterable[UUID] = (),
    exec_ids: Iterable[str] = (),
) -> list[WorkingOrder]:
    """Return and lock a connection's orders, parents first, in one statement.

    broker_ids: (broker order id, session epoch). exec_ids: of executions that are recorded as theirs.
    """
    broker_names = {name for name, _ in broker_ids}
    lists: dict[str, list[Any]] = {
        "references": list(references),
        "ids": list(ids),
        "broker_ids": list(broker_names),
        "exec_ids": list(exec_ids),
    }
    given = {name: values for name, values in lists.items() if values}
    if not given:
        return []
    matches = {name: prepared.match(values) for name, values in given.items()}
    parameters = [part for _, value in matches.values() for part in (connection_id, value)]
    return [_working(row) for row in prepared.fetch(_locking(tuple((name, how) for name, (how, _) in matches.items())), parameters)]


@cache
def _locking(known_by: tuple[tuple[str, str], ...]) -> str:
    return _LOCK.format(wanted=" UNION ".join(_WANTED[name].format(match=how) for name, how in known_by))


def _working(row: Sequence[object]) -> WorkingOrder:
    values: dict[str, Any] = dict(zip(_COLUMNS, row, strict=True))
    state = values.pop("state")
    view = OrderView(
        quantity=values.pop("quantity"),
        state=OrderState(state),
        filled_qty=values.pop("filled_qty"),
        filled_notional=values.pop("filled_notional"),
        declared_absent=values.pop("declared_absent"),
    )
    side = Side(values.pop("side"))
    return WorkingOrder(**values, side=side, view=view, filled_before=view.filled_qty, state_before=view.state)


def move_orders(orders: Sequence[WorkingOrder]) -> None:
    """Write the states that orders only pass, one statement a step of the longest path; the last comes with `order_parts`."""
    longest = max((len(order.path) for order in orders), default=0)
    for step in range(longest - 1):
        moving = [order for order in orders if len(order.path) > step + 1]
        _move([order.id for order in moving], [order.path[step] for order in moving])


def _move(ids: list[UUID], states: list[OrderState]) -> None:
    sql = """UPDATE execution_childorder c SET state = v.state
             FROM unnest(%s::uuid[], %s::text[]) AS v (id, state) WHERE c.id = v.id"""
    prepared.run(sql, [ids, [state.value for state in states]])


def order_parts(orders: Sequence[WorkingOrder]) -> list[tuple[Part, list[dict[str, Any]]]]:
    """Return what is to be written of the orders that were touched, and of their parents."""
    touched = [order for order in orders if order.is_touched]
    return [(ORDERS, [_progress(order) for order in touched]), (PARENTS, _gains(touched))]


def _progress(order: WorkingOrder) -> dict[str, Any]:
    return {
        "id": order.id,
        "state": order.view.state,
        "quantity": order.view.quantity,
        "filled_qty": order.view.filled_qty,
        "filled_notional": order.view.filled_notional.quantize(_EIGHT, context=_WIDE),
        "declared_absent": order.view.declared_absent,
        "broker_order_id": order.broker_order_id,
        "session_epoch": order.session_epoch,
        "unknown_since": order.unknown_since,
        "answered_at": order.answered_at,
        "absent_answers": order.absent_answers,
        "reason": order.reason,
    }


def _gains(orders: Sequence[WorkingOrder]) -> list[dict[str, Any]]:
    """Return what was filled of each parent, and whether its block is to be shared out (anew)."""
    rows: dict[UUID, dict[str, Any]] = {}
    for order in orders:
        if order.has_booked:
            row = rows.setdefault(order.parent_id, {"id": order.parent_id, "delta": Decimal(0), "is_block": False})
            row["delta"] += order.view.filled_qty - order.filled_before
            row["is_block"] = row["is_block"] or order.is_block
    return list(rows.values())
