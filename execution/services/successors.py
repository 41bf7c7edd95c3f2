"""The order that follows one whose limit was replaced, for what that one left; its reservation goes with it (RTE-7, ACC-4).

Entry points: `write_successors`, `price_of`, `live_of`, `smallest_rest`, `held_for`, `let_go`. Inside the caller's transaction, which
holds the parent's row and the orders'.

Invariants:
1. An order has at most one successor: its name follows from the order's own, and names are unique.
2. A chain of successors never orders more than its first order, whatever was filled when.
3. What the successor holds, its predecessor holds no longer; what a block has filled stays held until it is shared out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
from django.db.models import Q
from numpy.typing import NDArray

from accounts import services as accounts
from allocation import queries as allocation
from base.core.ids import new_id
from market import queries as market
from market.enums import Side

from ..core.intents import successor_id
from ..core.lifecycle import TERMINAL
from ..core.replacing import rest_of
from ..enums import OrderType, RouteKind
from ..models import ChildOrder, ParentOrder
from ..queries.blocks import block_targets
from .children import hold
from .planning import UNIT, is_sliced, spread
from .stated import fresh_limit
from .telling import tell_orders, tell_parents

REPLACED = "replaced by a new limit"


def price_of(parent: ParentOrder, now: datetime) -> Decimal | None:
    """Return the limit of what is sent now: the parent's; over time the house's of the moment within it, None without a usable quote."""
    return fresh_limit(parent, now) if is_sliced(RouteKind(parent.route)) else parent.limit_price


def write_successors(parent: ParentOrder, orders: Sequence[ChildOrder], *, price: Decimal, now: datetime) -> int:
    """Write one order for what each of these has left, at `price`. Returns how many. All of them have ended, and are locked."""
    rests = _rests(parent, orders)
    pairs = [(old, _successor(parent, old, rests[old.pk], price, now)) for old in orders if rests[old.pk] > 0]
    ChildOrder.objects.filter(pk__in=[old.pk for old in orders]).update(to_resend=False, reason=REPLACED)
    ChildOrder.objects.bulk_create([new for _, new in pairs])
    if pairs and not is_sliced(RouteKind(parent.route)):  # a parent over time holds for all its orders
        _move_holds(parent, pairs, price, now)
    let_go([old for old in orders if not rests[old.pk]], now=now)
    tell_orders((order.pk, order.account_id, order.parent_id if order.is_block else None) for pair in pairs for order in pair)
    tell_parents([(parent.pk, parent.journey_id)], with_children=True)
    return len(pairs)


def let_go(orders: Sequence[ChildOrder], *, now: datetime) -> None:
    """Release what ended orders hold that nothing follows; a block keeps its hold until what it has filled is shared out."""
    own = [order.pk for order in orders if order.slice_id is None and not (order.is_block and order.filled_qty)]
    if own:
        accounts.release_reservations(order_ids=own, now=now)


def live_of(parent: ParentOrder) -> list[ChildOrder]:
    """Return the orders of a parent that work, or whose rest is to be sent again, oldest first."""
    ended = [state.value for state in TERMINAL]
    return list(ChildOrder.objects.filter(parent=parent).exclude(state__in=ended, to_resend=False).order_by("id"))


def smallest_rest(parent: ParentOrder, price: Decimal) -> Decimal | None:
    """Return the least that would be sent again of an order of the parent at this price, None where nothing would be."""
    moving = (o for o in live_of(parent) if o.to_resend or (o.cancel_requested_at is None and o.limit_price != price))
    return min((left for order in moving if (left := order.quantity - order.filled_qty) > 0), default=None)


def held_for(parent: ParentOrder, order: ChildOrder, quantity: Decimal) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the accounts behind `quantity` of an order (V16[n]) and what of it each may get (int64[n], UNIT = 1)."""
    total = int(quantity * UNIT)
    if not order.is_block:
        return np.frombuffer(order.account_id.bytes, dtype="V16"), np.array([total], dtype=np.int64)
    targets = block_targets(statement_id=parent.statement_id, side=Side(parent.side), connection_id=order.connection_id)
    return targets.ids, spread(total, targets.quantity)


def _rests(parent: ParentOrder, orders: Sequence[ChildOrder]) -> dict[UUID, Decimal]:
    """Return what each order's chain has still to fill."""
    firsts = {order.chain_id or order.pk for order in orders}
    rows = ChildOrder.objects.filter(Q(pk__in=firsts) | Q(chain_id__in=firsts), parent=parent)
    quantity: dict[UUID, Decimal] = {}
    filled: dict[UUID, list[Decimal]] = {}
    for pk, chain, ordered, done in rows.values_list("id", "chain_id", "quantity", "filled_qty"):
        filled.setdefault(chain or pk, []).append(done)
        if chain is None:
            quantity[pk] = ordered
    return {
        order.pk: rest_of(first_quantity=quantity[order.chain_id or order.pk], filled=filled[order.chain_id or order.pk])
        for order in orders
    }


def _successor(parent: ParentOrder, old: ChildOrder, rest: Decimal, price: Decimal, now: datetime) -> ChildOrder:
    return ChildOrder(
        id=new_id(),
        journey_id=old.journey_id,
        parent_id=old.parent_id,
        slice_id=old.slice_id,
        connection_id=old.connection_id,
        account_id=old.account_id,
        instrument_id=old.instrument_id,
        is_block=old.is_block,
        side=old.side,
        quantity=rest,
        order_type=OrderType.LIMIT,
        time_in_force=parent.time_in_force,
        limit_price=price,
        client_order_id=successor_id(old.client_order_id),
        sequence=old.sequence,
        chain_id=old.chain_id or old.pk,
        created_at=now,
    )


def _move_holds(parent: ParentOrder, pairs: Sequence[tuple[ChildOrder, ChildOrder]], price: Decimal, now: datetime) -> None:
    """Let each successor hold for its own quantity at its own limit, and its predecessor no longer."""
    parts = [held_for(parent, new, new.quantity) for _, new in pairs]
    counts = [len(ids) for ids, _ in parts]
    ids, quantity = np.concatenate([one for one, _ in parts]), np.concatenate([one for _, one in parts])
    shared = [(old, *part) for (old, _), part in zip(pairs, parts, strict=True) if old.is_block and old.filled_qty]
    let_go([old for old, _ in pairs], now=now)
    taken = [
        (old.pk, UUID(bytes=bytes(raw)), Decimal(n).scaleb(-8))
        for old, raws, ns in shared
        for raw, n in zip(raws, ns.tolist(), strict=True)
        if n
    ]
    if taken:
        orders, holders, amounts = (list(column) for column in zip(*taken, strict=True))
        accounts.consume_reservations(order_ids=orders, account_ids=holders, filled=amounts)
    names = np.frombuffer(b"".join(new.pk.bytes for _, new in pairs), dtype="V16")
    sleeve = allocation.sleeve_of(strategy_id=parent.strategy_id)
    hold(np.repeat(names, counts), ids, quantity, Side(parent.side), sleeve, market.instrument(parent.instrument_id), price, now)
