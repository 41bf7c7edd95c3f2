"""Write child orders and their reservations: many rows, one statement a table (DESIGN §4.6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from accounts import services as accounts
from accounts.core.reservations import reserved_cash_arrays
from base import bulk
from base.core.ids import new_ids, uuid_texts
from market.enums import Side
from market.queries import InstrumentFacts

from ..core.intents import client_order_id, client_order_ids
from ..enums import OrderType, TimeInForce
from ..models import ChildOrder
from .planning import Entry, SidePlan
from .telling import tell_parents

# ACC-4: what an open buy reserves for fees beside limit × quantity [D 5 bp, at least nothing].
FEE_BPS = 5


def write_children(
    *,
    parent_id: UUID,
    journey_id: UUID,
    sleeve_id: UUID,
    slice_id: UUID | None,
    slice_number: int,
    plan: SidePlan,
    entries: Sequence[Entry],
    quantity: NDArray[np.int64],
    first_sequence: int,
    instrument: InstrumentFacts,
    limit_price: Decimal,
    time_in_force: TimeInForce,
    now: datetime,
    reserve: bool = True,
) -> int:
    """Insert the orders of `entries` with `quantity` (rows of the plan, UNIT = 1; zero rows are left out) and reserve for them.

    Returns how many orders were written. All or nothing with the caller's transaction.
    """
    live = [entry for entry in entries if int(quantity[entry.rows].sum()) > 0]
    if not live:
        return 0
    n = len(live)
    lanes = np.array([entry.connection for entry in live])
    amounts = np.array([int(quantity[entry.rows].sum()) for entry in live], dtype=np.int64)
    blocks = np.array([entry.is_block for entry in live])
    singles = np.array([int(entry.rows[0]) for entry in live])
    connections = plan.routing.connections
    ids = new_ids(n)
    clearing = np.array([_raw(connections[entry.connection].clearing_account_id) for entry in live], dtype="V16")
    names = client_order_ids(parent_id=parent_id, slice_number=slice_number, account_ids=uuid_texts(plan.ids[singles]))
    for k in np.flatnonzero(blocks).tolist():
        lane = connections[int(lanes[k])]
        names[k] = client_order_id(parent_id=parent_id, slice_number=slice_number, account_id=None, connection_id=lane.id).encode()
    columns = {
        "id": bulk.Uuids(ids),
        "journey_id": journey_id,
        "parent_id": parent_id,
        "slice_id": slice_id,
        "connection_id": bulk.Uuids(np.array([_raw(connections[c].id) for c in lanes.tolist()], dtype="V16")),
        "account_id": bulk.Uuids(np.where(blocks, clearing, plan.ids[singles])),
        "instrument_id": instrument.id,
        "is_block": bulk.Booleans(blocks),
        "side": plan.side,
        "quantity": bulk.Decimals(amounts),
        "order_type": OrderType.LIMIT,
        "time_in_force": time_in_force,
        "limit_price": limit_price,
        "client_order_id": bulk.Texts(names),
        "sequence": bulk.Integers(np.arange(first_sequence, first_sequence + n)),
        "created_at": now,
    }
    bulk.insert(ChildOrder, n, columns)
    tell_parents([(parent_id, journey_id)], with_children=True)
    if not reserve:
        return n
    rows = np.concatenate([entry.rows for entry in live])
    counts = [len(entry.rows) for entry in live]
    reserve_rows(np.repeat(ids, counts), rows, quantity, plan, sleeve_id, instrument, limit_price, now)
    return n


def reserve_rows(
    order_ids: NDArray[Any],
    rows: NDArray[np.int64],
    quantity: NDArray[np.int64],
    plan: SidePlan,
    sleeve_id: UUID,
    instrument: InstrumentFacts,
    limit_price: Decimal,
    now: datetime,
) -> None:
    """Reserve for orders (one id a row): quantity, and for buys the cash a fill at the limit would take with its fee."""
    hold(order_ids, plan.ids[rows], quantity[rows], plan.side, sleeve_id, instrument, limit_price, now)


def hold(
    order_ids: NDArray[Any],
    account_ids: NDArray[Any],
    quantity: NDArray[np.int64],
    side: Side,
    sleeve_id: UUID,
    instrument: InstrumentFacts,
    limit_price: Decimal,
    now: datetime,
) -> None:
    """Reserve `quantity` (int64[n], UNIT = 1; zero rows are left out) for orders and accounts, V16[n] each."""
    live = quantity > 0
    accounts.reserve(
        order_ids=order_ids[live],
        account_ids=account_ids[live],
        sleeve_id=sleeve_id,
        instrument_id=instrument.id,
        side=side.value,
        quantity=quantity[live],
        cash_currency=instrument.currency,
        cash=cash_held(quantity[live], side, instrument, limit_price),
        limit_price=limit_price,
        now=now,
    )


def cash_held(quantity: NDArray[np.int64], side: Side, instrument: InstrumentFacts, limit_price: Decimal) -> NDArray[np.int64]:
    """Return what orders hold in cash: for buys limit × quantity and the fee, in 10⁻⁸ of the instrument's currency (ACC-4).

    Raises OverflowError where an order's does not fit 64 bits.
    """
    none = np.zeros(len(quantity), dtype=np.int64)
    if not side.is_buy:
        return none
    notional = reserved_cash_arrays(quantity, limit_price, none, instrument.currency, instrument.multiplier)
    fee = (notional.astype(object) * FEE_BPS // 10_000).astype(np.int64)  # the product alone is beyond 64 bits from 18 thousand million on
    return reserved_cash_arrays(quantity, limit_price, fee, instrument.currency, instrument.multiplier)


def _raw(value: UUID | None) -> bytes:
    return value.bytes if value is not None else bytes(16)


def opposite(side: Side) -> list[str]:
    """Return the sides that could match an order of this one."""
    return [Side.SELL.value, Side.SELL_SHORT.value] if side.is_buy else [Side.BUY.value]
