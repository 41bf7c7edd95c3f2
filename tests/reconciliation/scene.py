"""A small custodian's day for the tests of reconciliation, written in plain decimals."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np

from reconciliation.core.directory import Directory, make_directory
from reconciliation.core.expectation import NO_TIMING, Expectation, TimingTable
from reconciliation.core.fixed import NO_PRICE, to_day, to_fixed
from reconciliation.core.matching import Reconciliation, reconcile
from reconciliation.core.snapshot import TABLES, Snapshot, make_table
from reconciliation.enums import ItemKind, MarginKind, MovementKind

AS_OF = date(2026, 3, 2)
NEXT = date(2026, 3, 3)
RATES = {("EUR", "USD"): Decimal("1.0850")}
DIRECTORY = make_directory(
    ["A", "B", "C"],
    {"XYZ": "USD", "ABC": "USD", "SAP": "EUR", "ESH6": "USD", "CLJ0": "USD"},
    ["USD", "EUR", "JPY"],
    multipliers={"ESH6": Decimal(50), "CLJ0": Decimal(1000)},
    negative_prices=frozenset({"CLJ0"}),
)
_SYMBOL, _CURRENCY, _ACCOUNT = DIRECTORY.symbol_code, DIRECTORY.currency_code, DIRECTORY.account_code


def fixed(value: str | int) -> int:
    return to_fixed(Decimal(value))


def position(account: str, symbol: str, quantity: str | int, price: str | None = None, currency: str | None = None) -> tuple[Any, ...]:
    instrument = _SYMBOL[symbol]
    money = int(DIRECTORY.instrument_currency[instrument]) if currency is None else _CURRENCY[currency]
    return _ACCOUNT[account], instrument, money, fixed(quantity), NO_PRICE if price is None else fixed(price)


def cash(account: str, amount: str | int, currency: str = "USD") -> tuple[Any, ...]:
    return _ACCOUNT[account], 0, _CURRENCY[currency], 0, fixed(amount)


def fee(account: str, amount: str | int, kind: str = "CUSTODY_FEE", currency: str = "USD", booked: date = AS_OF) -> tuple[Any, ...]:
    return _ACCOUNT[account], list(MovementKind).index(MovementKind(kind)), _CURRENCY[currency], to_day(booked), fixed(amount)


def margin(account: str, amount: str | int, kind: str = "INITIAL") -> tuple[Any, ...]:
    return _ACCOUNT[account], list(MarginKind).index(MarginKind(kind)), 0, 0, fixed(amount)


def trade(
    account: str,
    symbol: str,
    quantity: int,
    price: str,
    exec_id: str = "",
    *,
    settles: date = NEXT,
    traded: date = AS_OF,
    amount: str | None = None,
) -> tuple[Any, ...]:
    instrument = _SYMBOL[symbol]
    effect = -quantity * Decimal(price) if amount is None else Decimal(amount)
    money = int(DIRECTORY.instrument_currency[instrument])
    days = to_day(traded), to_day(settles)
    return _ACCOUNT[account], instrument, money, fixed(quantity), fixed(price), to_fixed(effect), *days, exec_id.encode()


Rows = dict[str, list[tuple[Any, ...]]]


def tables(rows: Rows) -> dict[str, Any]:
    names = {"positions": "POSITION", "cash_td": "CASH_TD", "cash_sd": "CASH_SD", "trades": "TRADE", "fees": "FEE", "margins": "MARGIN"}
    return {name: make_table(TABLES[ItemKind(item)], rows.get(name, [])) for name, item in names.items()}


def snapshot(
    rows: Rows, *, as_of: date = AS_OF, covered: str = "ABC", missing: tuple[ItemKind, ...] = (), directory: Directory = DIRECTORY
) -> Snapshot:
    mask = np.array([name in covered for name in directory.accounts])
    return Snapshot("Example Custodian", as_of, mask, frozenset(ItemKind) - frozenset(missing), **tables(rows))


def expectation(
    rows: Rows, *, as_of: date = AS_OF, equity: str = "250000", open_timing: TimingTable = NO_TIMING, **more: Any
) -> Expectation:
    count = len(DIRECTORY.accounts)
    return Expectation(
        as_of=as_of,
        expected=np.ones(count, np.bool_),
        equity=np.full(count, fixed(equity)),
        base_currency=np.zeros(count, np.int64),
        open_timing=open_timing,
        **tables(rows),
        **more,
    )


def run(ours: Rows, theirs: Rows, **more: Any) -> Reconciliation:
    return reconcile(expectation(ours, **more), snapshot(theirs), DIRECTORY, RATES)


def summary(outcome: Reconciliation) -> list[tuple[str, str, bool]]:
    return [(str(found.item), str(found.type), found.material) for found in outcome.breaks]
