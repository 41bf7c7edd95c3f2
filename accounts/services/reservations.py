"""Hold cash and quantity for live orders, let fills use them up, give back the rest (ACC-4, CST-3).

Entry points: `reserve`, `consume_reservations`, `release_reservations`, `hold_again`.
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
from django.db import transaction as database
from numpy.typing import NDArray

from accounts.enums import OrderSide
from base import bulk
from base.core.money import minor_exponent

from ..models import Reservation
from ..queries.columns import execute, fetch_rows


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


@database.atomic
def consume_reservations(*, order_ids: Sequence[UUID], account_ids: Sequence[UUID], filled: Sequence[Decimal], now: datetime) -> int:
    """Take fills out of what is held; return how many reservations they touched.

    One entry a fill (or sum of fills): the id the hold was made under (the child order's, or the parent's that holds for all its slices),
    the account, and the quantity > 0 filled, < 0 for one that was busted. A hold that was released records the fill and holds nothing. A pair
    that was never reserved is passed over: a fill is booked whatever was held for it (I5). Given back is at most what was filled.
    """
    sums: dict[tuple[UUID, UUID], Decimal] = {}
    for order, account, quantity in zip(order_ids, account_ids, filled, strict=True):
        sums[order, account] = sums.get((order, account), Decimal(0)) + quantity
    if not sums:
        return 0
    orders, accounts = (list(column) for column in zip(*sums, strict=True))
    parameters: dict[str, Any] = {"orders": orders, "accounts": accounts, "filled": list(sums.values())}
    locked = fetch_rows(_LOCK, parameters)
    if not locked:
        return 0
    currencies = sorted({row[0] for row in locked})
    parameters |= {"currencies": currencies, "units": [Decimal(10) ** minor_exponent(name) for name in currencies]}
    return execute(_CONSUME, parameters)


_LOCK = """
SELECT r.cash_currency FROM accounts_reservation r
JOIN unnest(%(orders)s::uuid[], %(accounts)s::uuid[]) AS v (order_id, account_id) USING (order_id, account_id)
ORDER BY r.id FOR UPDATE OF r
"""
_CONSUME = """
UPDATE accounts_reservation r SET filled_qty = n.filled, quantity = n.leaves,
    cash = ceil(r.original_cash * n.leaves * n.unit / r.original_quantity) / n.unit
FROM (
    SELECT x.id, greatest(x.filled_qty + v.filled, 0) AS filled,
        greatest(x.original_quantity - greatest(x.filled_qty + v.filled, 0), 0) AS leaves, m.unit
    FROM accounts_reservation x
    JOIN unnest(%(orders)s::uuid[], %(accounts)s::uuid[], %(filled)s::numeric[]) AS v (order_id, account_id, filled)
        USING (order_id, account_id)
    JOIN unnest(%(currencies)s::text[], %(units)s::numeric[]) AS m (currency, unit) ON m.currency = x.cash_currency
) n WHERE r.id = n.id
"""


def release_reservations(*, order_ids: Sequence[UUID] | NDArray[Any], now: datetime) -> int:
    """Let go of what these orders still hold; return how many reservations ended. Those released before keep their instant."""
    ids = [one if isinstance(one, UUID) else UUID(bytes=bytes(one)) for one in order_ids]
    if not ids:
        return 0
    sql = (
        "UPDATE accounts_reservation SET released_at = %(now)s WHERE id IN (SELECT id FROM accounts_reservation "
        "WHERE order_id = ANY(%(orders)s) AND released_at IS NULL ORDER BY id FOR UPDATE)"
    )
    return execute(sql, {"now": now, "orders": ids})


def hold_again(*, order_ids: Sequence[UUID]) -> int:
    """Let orders that had ended and live again hold what is left of them; return how many reservations came back."""
    sql = (
        "UPDATE accounts_reservation SET released_at = NULL WHERE id IN (SELECT id FROM accounts_reservation "
        "WHERE order_id = ANY(%(orders)s) AND released_at IS NOT NULL ORDER BY id FOR UPDATE)"
    )
    return execute(sql, {"orders": list(order_ids)})
