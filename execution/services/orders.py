"""Orders under work: rows read and locked as values, moved by the core, written back a few statements for any number (DESIGN §5).

Entry points: `WorkingOrder`, `lock_orders`, `save_orders`.

Invariants:
1. Parents are locked before children, each in the order of their ids, so that two writers never wait for each other in a circle.
2. Every state an order passes is written in turn, so that the database judges every move.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q

from market.enums import Side

from ..core.lifecycle import TERMINAL, OrderChange, OrderView
from ..enums import OrderState
from ..models import ChildOrder, ParentOrder

_EIGHT = Decimal("1e-8")
_WIDE = Context(prec=60, rounding=ROUND_HALF_UP)
_COLUMNS = (
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
    "parent__strategy__sleeve_id",
    "parent__decision_price",
    "parent__arrival_price",
    "instrument__currency",
    "instrument__multiplier",
)


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
    *, connection_id: UUID, references: Iterable[str] = (), broker_ids: Iterable[tuple[str, int]] = (), ids: Iterable[UUID] = ()
) -> list[WorkingOrder]:
    """Return and lock a connection's orders, parents first. broker_ids: (broker order id, session epoch)."""
    wanted = Q(client_order_id__in=list(references)) | Q(id__in=list(ids))
    if pairs := set(broker_ids):
        wanted |= Q(broker_order_id__in={name for name, _ in pairs} - {""})
    rows = ChildOrder.objects.filter(wanted, connection_id=connection_id)
    found = list(rows.values_list("id", "parent_id"))
    if not found:
        return []
    parents = {parent for _, parent in found}
    list(ParentOrder.objects.filter(id__in=parents).order_by("id").select_for_update(no_key=True).values_list("id"))
    locked = ChildOrder.objects.filter(id__in=[pk for pk, _ in found]).order_by("id").select_for_update(of=("self",), no_key=True)
    return [_working(row) for row in locked.values_list(*_COLUMNS)]


def _working(row: Sequence[object]) -> WorkingOrder:
    values = dict(zip(_COLUMNS, row, strict=True))
    state = OrderState(str(values["state"]))
    view = OrderView(
        quantity=values["quantity"],  # type: ignore[arg-type]
        state=state,
        filled_qty=values["filled_qty"],  # type: ignore[arg-type]
        filled_notional=values["filled_notional"],  # type: ignore[arg-type]
        declared_absent=bool(values["declared_absent"]),
    )
    plain = {name: values[name] for name in _COLUMNS[:7]} | {name: values[name] for name in _COLUMNS[13:21]}
    return WorkingOrder(
        **plain,  # type: ignore[arg-type]
        side=Side(str(values["side"])),
        view=view,
        sleeve_id=values["parent__strategy__sleeve_id"],  # type: ignore[arg-type]
        decision_price=values["parent__decision_price"],  # type: ignore[arg-type]
        arrival_price=values["parent__arrival_price"],  # type: ignore[arg-type]
        currency=str(values["instrument__currency"]),
        multiplier=values["instrument__multiplier"],  # type: ignore[arg-type]
        filled_before=view.filled_qty,
        state_before=state,
    )


def save_orders(orders: Sequence[WorkingOrder]) -> None:
    """Write back what was touched: one statement a step of the longest path, the last one with all figures."""
    touched = [order for order in orders if order.is_touched]
    longest = max((len(order.path) for order in touched), default=0)
    for step in range(longest - 1):
        moving = [order for order in touched if len(order.path) > step + 1]
        _move([order.id for order in moving], [order.path[step] for order in moving])
    if touched:
        _write(touched)
    _add_to_parents(touched)


def _move(ids: list[UUID], states: list[OrderState]) -> None:
    sql = """UPDATE execution_childorder c SET state = v.state
             FROM unnest(%s::uuid[], %s::text[]) AS v (id, state) WHERE c.id = v.id"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [ids, [state.value for state in states]])


def _write(orders: Sequence[WorkingOrder]) -> None:
    sql = """
        UPDATE execution_childorder c
        SET state = v.state, quantity = v.quantity, filled_qty = v.filled_qty, filled_notional = v.filled_notional,
            declared_absent = v.declared_absent, broker_order_id = v.broker_order_id, session_epoch = v.session_epoch,
            unknown_since = v.unknown_since, answered_at = v.answered_at, absent_answers = v.absent_answers, reason = v.reason
        FROM unnest(%s::uuid[], %s::text[], %s::numeric[], %s::numeric[], %s::numeric[], %s::boolean[], %s::text[], %s::int[],
                    %s::timestamptz[], %s::timestamptz[], %s::int[], %s::text[])
          AS v (id, state, quantity, filled_qty, filled_notional, declared_absent, broker_order_id, session_epoch,
                unknown_since, answered_at, absent_answers, reason)
        WHERE c.id = v.id"""
    columns: list[Any] = [
        [order.id for order in orders],
        [order.view.state.value for order in orders],
        [order.view.quantity for order in orders],
        [order.view.filled_qty for order in orders],
        [order.view.filled_notional.quantize(_EIGHT, context=_WIDE) for order in orders],
        [order.view.declared_absent for order in orders],
        [order.broker_order_id for order in orders],
        [order.session_epoch for order in orders],
        [order.unknown_since for order in orders],
        [order.answered_at for order in orders],
        [order.absent_answers for order in orders],
        [order.reason for order in orders],
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql, columns)  # type: ignore[arg-type]  # a column is a list of values


def _add_to_parents(orders: Sequence[WorkingOrder]) -> None:
    """Add what was filled to the parents, and mark those whose blocks are to be shared out (anew)."""
    deltas: dict[UUID, Decimal] = {}
    blocks = {order.parent_id for order in orders if order.is_block and order.has_booked}
    for order in orders:
        if order.has_booked:
            deltas[order.parent_id] = deltas.get(order.parent_id, Decimal(0)) + order.view.filled_qty - order.filled_before
    parents = sorted(deltas)
    if not parents:
        return
    sql = """UPDATE execution_parentorder p SET filled_qty = p.filled_qty + v.delta, needs_booking = p.needs_booking OR v.block
             FROM unnest(%s::uuid[], %s::numeric[], %s::boolean[]) AS v (id, delta, block) WHERE p.id = v.id"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [parents, [deltas.get(pk, Decimal(0)) for pk in parents], [pk in blocks for pk in parents]])
