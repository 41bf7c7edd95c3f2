"""Hold cash and quantity for live orders, let fills use them up, give back the rest (ACC-4, CST-3).

Entry points: `reserve`, `consume_reservations` and `consumption`, `release_reservations`, `hold_again`.
Invariants: 1. what is held depends only on the original hold and on what is filled, however the fills come; 2. cash left over is rounded up
to the minor unit, so a hold never falls short of the order; 3. rows are locked in the order of their ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from accounts.enums import OrderSide
from base import bulk, prepared
from base.core.money import EXPONENTS
from base.prepared import Part, Rows

from ..models import Reservation
from ..queries.columns import execute


def reserve(
    *,
    order_ids: NDArray[Any],
    account_ids: NDArray[Any],
    sleeve_id: UUID,
    instrument_id: int,
    side: str,
    quantity: NDArray[np.int64],
    cash_currency: str,
    cash: NDArray[np.int64],
    limit_price: Decimal | None,
    now: datetime,
) -> int:
    """Hold `quantity` and `cash` for n (order, account) pairs and return n.

    order_ids, account_ids: V16[n]. quantity: int64[n] > 0; cash: int64[n] ≥ 0, in whole minor units; both in 10⁻⁸. Raises ValueError for
    figures outside these bounds; the database refuses a pair that is reserved already.
    """
    if np.any(quantity <= 0) or np.any(cash < 0):
        raise ValueError("a reservation needs a positive quantity and no negative cash")
    columns = {
        "order_id": bulk.Uuids(order_ids),
        "account_id": bulk.Uuids(account_ids),
        "sleeve_id": sleeve_id,
        "instrument_id": instrument_id,
        "side": OrderSide(side).value,
        "original_quantity": bulk.Decimals(quantity),
        "quantity": bulk.Decimals(quantity),
        "filled_qty": Decimal(0),
        "cash_currency": cash_currency,
        "original_cash": bulk.Decimals(cash),
        "cash": bulk.Decimals(cash),
        "limit_price": limit_price,
        "created_at": now,
        "released_at": None,
    }
    return bulk.insert(Reservation, len(quantity), columns)


def consume_reservations(*, order_ids: Sequence[UUID], account_ids: Sequence[UUID], filled: Sequence[Decimal]) -> int:
    """Take fills out of what is held, in one statement, as `consumption` says; return how many reservations they touched."""
    part, rows = consumption(order_ids=order_ids, account_ids=account_ids, filled=filled)
    found = prepared.run_together([(part, rows)], then=f"SELECT count(*) FROM {part.name}")
    return int(found[0][0]) if found else 0


def consumption(*, order_ids: Sequence[UUID], account_ids: Sequence[UUID], filled: Sequence[Decimal]) -> Rows:
    """Return what takes fills out of what is held, to be written with the books (`post_within`).

    One entry a fill (or sum of fills): the id the hold was made under (the child order's, or the parent's that holds for all its slices),
    the account, and the quantity > 0 filled, < 0 for one that was busted. A hold that was released records the fill and holds nothing. A pair
    that was never reserved is passed over: a fill is booked whatever was held for it (I5). Given back is at most what was filled.
    """
    sums: dict[tuple[UUID, UUID], Decimal] = {}
    for order, account, quantity in zip(order_ids, account_ids, filled, strict=True):
        sums[order, account] = sums.get((order, account), Decimal(0)) + quantity
    return CONSUMED, [{"order_id": order, "account_id": account, "filled": quantity} for (order, account), quantity in sums.items()]


_UNITS = ", ".join(f"('{name}', {10**exponent})" for name, exponent in EXPONENTS.items())
_CONSUME = f"""
WITH held AS MATERIALIZED (
    SELECT r.id, r.original_cash, r.original_quantity, greatest(r.filled_qty + v.filled, 0) AS filled, coalesce(u.unit, 100) AS unit
    FROM {{rows}} v JOIN accounts_reservation r ON r.order_id = v.order_id AND r.account_id = v.account_id
        LEFT JOIN (VALUES {_UNITS}) AS u (currency, unit) ON u.currency = r.cash_currency
    WHERE r.order_id = ANY(ARRAY(SELECT order_id FROM {{rows}}))
    ORDER BY r.id FOR UPDATE OF r
)
UPDATE accounts_reservation r SET filled_qty = h.filled, quantity = greatest(h.original_quantity - h.filled, 0),
    cash = ceil(h.original_cash * greatest(h.original_quantity - h.filled, 0) * h.unit / h.original_quantity) / h.unit
FROM held h WHERE r.id = h.id AND r.id = ANY(ARRAY(SELECT id FROM held)) RETURNING r.id
"""
CONSUMED = Part("consumed", _CONSUME, "order_id uuid, account_id uuid, filled numeric")


def release_reservations(*, order_ids: Sequence[UUID] | NDArray[Any], now: datetime) -> int:
    """Let go of what these orders still hold; return how many reservations ended. Those released before keep their instant."""
    ids = [one if isinstance(one, UUID) else UUID(bytes=bytes(one)) for one in order_ids]
    if not ids:
        return 0
    sql = (
        "UPDATE accounts_reservation SET released_at = %s WHERE id IN (SELECT id FROM accounts_reservation "
        "WHERE order_id = ANY(%s) AND released_at IS NULL ORDER BY id FOR UPDATE)"
    )
    return prepared.run(sql, [now, ids])


def hold_again(*, order_ids: Sequence[UUID]) -> int:
    """Let orders that had ended and live again hold what is left of them; return how many reservations came back."""
    sql = (
        "UPDATE accounts_reservation SET released_at = NULL WHERE id IN (SELECT id FROM accounts_reservation "
        "WHERE order_id = ANY(%(orders)s) AND released_at IS NOT NULL ORDER BY id FOR UPDATE)"
    )
    return execute(sql, {"orders": list(order_ids)})
