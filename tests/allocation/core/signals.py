"""Requests for the sizing tests, written as a trader would say them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np

from allocation.core.request import SizingRequest
from allocation.core.scales import MISSING, UNIT, to_scaled
from allocation.enums import SizingMethod
from base.core.money import minor_exponent


def units(values: list[Any], field: str = "value") -> np.ndarray:
    """Return numbers (text or int; None = missing) at 10^-8."""
    return to_scaled([None if v is None else Decimal(str(v)) for v in values], field=field)


def grid(rows: list[list[Any]]) -> np.ndarray:
    """Return a table of numbers at 10^-8."""
    return np.array([units(row) for row in rows])


def signal(
    method: SizingMethod,
    amount: Any,
    *,
    equity: list[Any],
    price: list[Any],
    currencies: tuple[str, ...] = ("USD",),
    currency: list[int] | None = None,
    fx: list[list[Any]] | None = None,
    multiplier: list[Any] | None = None,
    lot_step: list[Any] | None = None,
    accounts: list[str] | None = None,
    **more: Any,
) -> SizingRequest:
    """Return a request; `fx[c][j]` as text decimals, `amount` a number for all cells or a table."""
    n, m = len(equity), len(price)
    currency = currency or [0] * n
    fx = fx or [["1"] * m for _ in currencies]
    rates = [[None if rate is None else Decimal(str(rate)).as_integer_ratio() for rate in row] for row in fx]
    money = [
        MISSING if value is None else int(Decimal(str(value)).scaleb(minor_exponent(currencies[c])))
        for value, c in zip(equity, currency, strict=True)
    ]
    return SizingRequest(
        method=method,
        amount=amount if isinstance(amount, np.ndarray) else np.array([[int(Decimal(str(amount)) * UNIT)]]),
        account_ids=accounts or [f"A{i + 1}" for i in range(n)],
        instrument_ids=[f"I{j + 1}" for j in range(m)],
        block_ids=[f"BLK-{j + 1}" for j in range(m)],
        currency=np.array(currency, dtype=np.int64),
        currency_exponent=np.array([minor_exponent(c) for c in currencies]),
        equity=np.array(money, dtype=np.int64),
        price=units(price),
        multiplier=units(multiplier or [1] * m),
        lot_step=units(lot_step or [1] * m),
        fx_num=np.array([[MISSING if r is None else r[0] for r in row] for row in rates]),
        fx_den=np.array([[MISSING if r is None else r[1] for r in row] for row in rates]),
        **more,
    )
