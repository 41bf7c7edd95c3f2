"""The account lots of one batch as arrays of integers, the input of gate 2.

Entry points: `LotBatch` (arrays, for whoever has arrays), `LotCheck` and `batch_of` (rows of Decimals, for batches of some hundred orders),
`scaled`.
Invariant: `batch_of` changes no value: every row carries the scales that hold its decimals exactly, or ValueError is raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk.core.exact import Bools, Ints
from risk.enums import Missing, Restriction

RATE_SCALE = 100_000_000


@dataclass(frozen=True, slots=True)
class LotBatch:
    """One row per account lot; every array has length n.

    delta, position: int64, signed, units of 1/quantity_scale; position counts working orders. lot: int64, step of the quantity, same
    units, ≥ 1.
    price, sized_price: int64, quote currency × contract multiplier per whole unit, 1/price_scale. fx: int64, quote → account currency,
    1/fx_scale.
    price_age_us, max_age_us: int64 microseconds. equity, available: int64, account currency, 1/money_scale.
    cap_rate, margin_rate: int64, 1/RATE_SCALE: largest abs(position value)/equity; buying power that one unit of opened value takes (1 =
    cash).
    killed, flattening, authorised, instructed, forbidden: bool. flattening: part of a confirmed flatten after the kill switch (GOV-10);
    instructed: the client ordered this closing after the authority ended (GOV-3); forbidden: the mandate allows no opening here (CST-2,
    CST-3). restriction, block: int8 `Restriction` of instrument and of account. missing: uint8 `Missing`.
    """

    delta: Ints
    position: Ints
    lot: Ints
    quantity_scale: Ints
    price: Ints
    sized_price: Ints
    price_scale: Ints
    price_age_us: Ints
    max_age_us: Ints
    fx: Ints
    fx_scale: Ints
    equity: Ints
    available: Ints
    money_scale: Ints
    cap_rate: Ints
    margin_rate: Ints
    killed: Bools
    flattening: Bools
    authorised: Bools
    instructed: Bools
    forbidden: Bools
    restriction: NDArray[np.int8]
    block: NDArray[np.int8]
    missing: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class LotCheck:
    """One account lot. None means not known, and blocks what increases risk (CON-5).

    quantity, position: signed, position with working orders; price, sized_price: quote currency per unit; fx: quote → account currency;
    equity, available: account currency; cap_rate, margin_rate: rates (0.02 = 2%).
    """

    quantity: Decimal
    position: Decimal
    price: Decimal | None
    sized_price: Decimal | None
    price_age: timedelta | None
    max_age: timedelta
    fx: Decimal | None
    equity: Decimal | None
    available: Decimal | None
    cap_rate: Decimal | None
    margin_rate: Decimal = Decimal(1)
    multiplier: Decimal = Decimal(1)
    lot: Decimal = Decimal(1)
    killed: bool = False
    flattening: bool = False
    authorised: bool = True
    instructed: bool = False
    forbidden: bool = False
    restriction: Restriction = Restriction.NONE
    block: Restriction = Restriction.NONE


def batch_of(rows: Sequence[LotCheck]) -> LotBatch:
    """Return the batch of these rows, in their order.

    Raises ValueError for values that do not fit 64 bits at their own precision, NaN, rates finer than 1/RATE_SCALE, or a lot step that is
    not positive.
    """
    table = [_integers(row) for row in rows]
    numbers = np.array([line[:16] for line in table], dtype=np.int64).reshape(len(rows), 16).T
    flags = np.array([line[16:21] for line in table], dtype=np.bool_).reshape(len(rows), 5).T
    marks = np.array([line[21:] for line in table], dtype=np.int8).reshape(len(rows), 3).T
    columns: list[Any] = [*map(np.ascontiguousarray, numbers), *flags, marks[0], marks[1], marks[2].astype(np.uint8)]
    return LotBatch(*columns)


def _integers(row: LotCheck) -> tuple[int, ...]:
    """Return one row in the order of LotBatch's fields."""
    missing = Missing.NOTHING
    for flag, values in (
        (Missing.PRICE, (row.price, row.sized_price, row.price_age)),
        (Missing.FX, (row.fx,)),
        (Missing.LIMIT, (row.cap_rate,)),
        (Missing.EQUITY, (row.equity,)),
        (Missing.CUSTODIAN, (row.available,)),
    ):
        if any(value is None for value in values):
            missing |= flag
    if row.lot <= 0:
        raise ValueError(f"lot step {row.lot} is not positive")
    prices = [(value or Decimal(0)) * row.multiplier for value in (row.price, row.sized_price)]
    (delta, position, lot), quantity_scale = scaled(row.quantity, row.position, row.lot)
    (price, sized), price_scale = scaled(*prices)
    (fx,), fx_scale = scaled(row.fx or Decimal(0))
    (equity, available), money_scale = scaled(row.equity or Decimal(0), row.available or Decimal(0))
    age = _microseconds(row.price_age or timedelta(0))
    cap, margin = _rate(row.cap_rate or Decimal(0)), _rate(row.margin_rate)
    numbers = (delta, position, lot, quantity_scale, price, sized, price_scale, age, _microseconds(row.max_age))
    money = (fx, fx_scale, equity, available, money_scale, cap, margin)
    if any(abs(value) >= 2**62 for value in (*numbers, *money)):
        raise ValueError(f"{row} does not fit 64 bits")
    flags = (row.killed, row.flattening, row.authorised, row.instructed, row.forbidden)
    return (*numbers, *money, *flags, row.restriction, row.block, missing.value)


def scaled(*values: Decimal) -> tuple[tuple[int, ...], int]:
    """Return the values as integers at the smallest common power of ten that holds them, and that power.

    >>> scaled(Decimal("1.5"), Decimal(2))
    ((15, 20), 10)

    Raises ValueError for NaN and infinities.
    """
    for value in values:
        if not value.is_finite():
            raise ValueError(f"{value} is not a number")
    scale = 10 ** max(0, *(-int(value.normalize().as_tuple().exponent) for value in values), 0)
    return tuple(int(value * scale) for value in values), scale


def _rate(value: Decimal) -> int:
    units = value * RATE_SCALE
    if units != units.to_integral_value():
        raise ValueError(f"rate {value} is finer than 1/{RATE_SCALE}")
    return int(units)


def _microseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
