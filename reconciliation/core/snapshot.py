"""What a custodian says, as a value: columns of integers for many accounts, with completeness (REC-1).

Entry points: `PositionTable`, `AmountTable`, `TradeTable`, `Snapshot`.
Invariants: 1. columns of a table have equal length; 2. quantities, prices and amounts are int64 in 10⁻⁸ (`fixed`), dates are day numbers,
accounts, instruments and currencies are codes of a `Directory`; 3. a section that was not delivered is not in `sections`, an account
that was not reported is not `covered`: absence is never read as "flat" or "none" (I7).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..enums import ItemKind
from .fixed import Bools, Ints

Table = TypeVar("Table", bound="_Columns")


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    def __post_init__(self) -> None:
        lengths = {len(getattr(self, field.name)) for field in fields(self)}
        if len(lengths) > 1:
            raise ValueError(f"columns of {type(self).__name__} differ in length: {sorted(lengths)}")

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))


@dataclass(frozen=True, slots=True, eq=False)
class PositionTable(_Columns):
    """Holdings: one row per (account, instrument); quantity < 0 is short; price NO_PRICE where none is given."""

    account: Ints
    instrument: Ints
    currency: Ints
    quantity: Ints
    price: Ints


@dataclass(frozen=True, slots=True, eq=False)
class AmountTable(_Columns):
    """Amounts of money: cash (kind 0, day 0), margin (kind = MarginKind) or movements (kind = MovementKind, day booked)."""

    account: Ints
    kind: Ints
    currency: Ints
    day: Ints
    amount: Ints


@dataclass(frozen=True, slots=True, eq=False)
class TradeTable(_Columns):
    """Executions: quantity signed (BUY +, SELL −), `amount` the trade's own cash effect at settlement, `exec_id` bytes (b"" = none
    given).
    """

    account: Ints
    instrument: Ints
    currency: Ints
    quantity: Ints
    price: Ints
    amount: Ints
    trade_day: Ints
    settle_day: Ints
    exec_id: NDArray[np.bytes_]


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One custodian, one business date, many accounts. covered: bool[n_accounts]; sections: those delivered in full."""

    custodian: str
    as_of: date
    covered: Bools
    sections: frozenset[ItemKind]
    positions: PositionTable
    cash_td: AmountTable
    cash_sd: AmountTable
    trades: TradeTable
    fees: AmountTable
    margins: AmountTable


def make_table(kind: type[Table], rows: Iterable[tuple[Any, ...]]) -> Table:
    """Build a table from rows of Python values in the order of its columns.

    >>> len(make_table(AmountTable, [(0, 0, 0, 0, 100)])), len(make_table(TradeTable, []))
    (1, 0)
    """
    names = [field.name for field in fields(kind)]
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return kind(
        **{
            name: as_exec_ids(column) if name == "exec_id" else np.array(column, np.int64)
            for name, column in zip(names, columns, strict=True)
        }
    )


def as_exec_ids(values: Iterable[bytes]) -> NDArray[np.bytes_]:
    """Return ids as fixed-width bytes, padded to a multiple of eight so that they can be compared as 64-bit words."""
    listed = list(values)
    width = max((len(value) for value in listed), default=0)
    return np.array(listed, dtype=f"S{max(8, -(-width // 8) * 8)}")


def take(table: Table, index: Ints | Bools) -> Table:
    """Return the chosen rows of a table, in the order of `index`."""
    return type(table)(**{field.name: getattr(table, field.name)[index] for field in fields(table)})


def section_of(holder: Any, item: ItemKind) -> Any:
    """Return the table of an item kind from a `Snapshot` or an `Expectation`."""
    return getattr(holder, _ATTRIBUTE[item])


_ATTRIBUTE = {
    ItemKind.POSITION: "positions",
    ItemKind.CASH_TD: "cash_td",
    ItemKind.CASH_SD: "cash_sd",
    ItemKind.TRADE: "trades",
    ItemKind.FEE: "fees",
    ItemKind.MARGIN: "margins",
}
TABLES: dict[ItemKind, type[_Columns]] = {
    ItemKind.POSITION: PositionTable,
    ItemKind.CASH_TD: AmountTable,
    ItemKind.CASH_SD: AmountTable,
    ItemKind.TRADE: TradeTable,
    ItemKind.FEE: AmountTable,
    ItemKind.MARGIN: AmountTable,
}
