"""How long reconciliation takes (P3): its core alone, and the whole way from a file's bytes to committed breaks.

Entry points: `rows` (the whole way, against bare COPY), `core_times`, `make_scene`. Run as `python -m bench.reconcile [rows]`.
Invariants: 1. equal seeds give equal data; 2. figures are only returned if the breaks found are exactly the ones planted.
"""

from __future__ import annotations

import gc
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from time import perf_counter
from typing import TypeVar

import numpy as np

from reconciliation.core.directory import Directory, make_directory
from reconciliation.core.expectation import Expectation
from reconciliation.core.fixed import SCALE, to_day
from reconciliation.core.matching import Reconciliation, reconcile
from reconciliation.core.snapshot import AmountTable, PositionTable, Snapshot, TradeTable, take
from reconciliation.enums import ItemKind, MovementKind
from reconciliation.readers.csv_form import read_custodian_csv
from reconciliation.readers.csv_form_writer import write_custodian_csv

AS_OF = date(2026, 3, 2)
RATES = {("EUR", "USD"): Decimal("1.0850"), ("JPY", "USD"): Decimal("0.0067")}
Result = TypeVar("Result")
Planted = tuple[str, str, str]
# Movements that our books tell apart, and of these the ones that break as fees (REC-3).
_FEES = (MovementKind.OTHER_FEE, MovementKind.FINANCING, MovementKind.FUNDING)
_KINDS = np.array([list(MovementKind).index(kind) for kind in (*_FEES, MovementKind.INTEREST, MovementKind.CORPORATE_ACTION)])


def rows(n_rows: int = 200_000, *, repeats: int = 5) -> list[dict[str, object]]:
    """Return P3 as one row: file bytes → snapshot, run, breaks and audit committed, ÷ bare COPY of the file's rows.

    Needs a database made by `tests.database.cloned_database`. Raises AssertionError unless exactly the planted breaks are found.
    """
    from .reconcile_books import database_times

    ours, floor = database_times(make_scene(n_rows, 7), repeats)
    what = f"reconcile {n_rows:,} rows: file bytes → breaks committed; floor = bare COPY of the file's rows"
    figures = {"ours_ms": ours * 1000, "floor_ms": floor * 1000, "ratio": ours / floor}
    return [{"id": "P3", "what": what, **figures, "better": "lower", "n": repeats}]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Generated data of a run: our side, the custodian's file, and (item, type, account) of every planted break."""

    directory: Directory
    expectation: Expectation
    file: bytes
    planted: list[Planted]


def core_times(n_rows: int = 200_000, *, repeats: int = 5, seed: int = 7) -> dict[str, float | int | bool]:
    """Return medians in seconds of parsing and matching about `n_rows` custodian rows, with their sizes.

    Raises AssertionError unless the planted breaks, and nothing else, are found.
    """
    scene = make_scene(n_rows, seed)
    limit = len(scene.file)
    parse, snapshot = _median(lambda: read_custodian_csv(scene.file, scene.directory, today=AS_OF, max_bytes=limit), repeats)
    match, outcome = _median(lambda: reconcile(scene.expectation, snapshot, scene.directory, RATES), repeats)
    if found_breaks(outcome) != sorted(scene.planted):
        raise AssertionError("the breaks found are not the ones planted")
    return {
        "rows": scene.file.count(b"\n"),
        "bytes": limit,
        "planted": len(scene.planted),
        "parse_seconds": parse,
        "match_seconds": match,
        "breaks_exact": True,
    }


def found_breaks(outcome: Reconciliation) -> list[Planted]:
    """Return (item, type, account) of every break, sorted."""
    return sorted((str(found.item), str(found.type), found.account) for found in outcome.breaks)


def make_scene(n_rows: int, seed: int) -> Scene:
    """Generate a custodian's day: half positions, a fifth trades, the rest cash and fees; one planted break in a thousand rows."""
    draw = np.random.default_rng(seed)
    n_accounts, n_symbols = max(20, n_rows // 20), 500
    symbols = {f"SYM{i:03d}": "USD" if i % 5 else "EUR" for i in range(n_symbols)}
    directory = make_directory([f"U{1_000_000 + i}" for i in range(n_accounts)], symbols, ["USD", "EUR", "JPY"])
    equity = np.full(n_accounts, 250_000 * SCALE, np.int64)
    ours = Expectation(
        as_of=AS_OF,
        expected=np.ones(n_accounts, np.bool_),
        equity=equity,
        base_currency=np.zeros(n_accounts, np.int64),
        positions=_positions(draw, n_accounts, n_rows // 2, directory),
        cash_td=(cash := _cash(draw, n_accounts, n_rows // 10)),
        cash_sd=replace(cash, amount=cash.amount - draw.integers(1, 50, len(cash)) * (draw.random(len(cash)) < 0.1) * SCALE),
        trades=_trades(draw, n_accounts, n_rows // 5, directory),
        fees=_fees(draw, n_accounts, n_rows // 10),
        margins=_amounts(np.zeros(0, np.int64), 0, np.zeros(0, np.int64), 0, np.zeros(0, np.int64)),
    )
    theirs, planted = _plant(draw, ours, directory, max(6, n_rows // 1000))
    return Scene(directory, ours, write_custodian_csv(theirs, directory), planted)


def _median(call: Callable[[], Result], repeats: int) -> tuple[float, Result]:
    times = []
    for _ in range(max(1, repeats)):
        gc.collect()
        start = perf_counter()
        result = call()
        times.append(perf_counter() - start)
    return statistics.median(times), result


def _positions(draw: np.random.Generator, n_accounts: int, count: int, directory: Directory) -> PositionTable:
    n_symbols = len(directory.symbols)
    key = np.sort(draw.choice(n_accounts * n_symbols, min(count, n_accounts * n_symbols), replace=False))
    instrument = key % n_symbols
    price = draw.integers(500, 50_000, n_symbols) * (SCALE // 100)
    quantity = draw.integers(1, 2_000, len(key)) * SCALE
    return PositionTable(key // n_symbols, instrument, directory.instrument_currency[instrument], quantity, price[instrument])


def _trades(draw: np.random.Generator, n_accounts: int, count: int, directory: Directory) -> TradeTable:
    account, instrument = draw.integers(0, n_accounts, count), draw.integers(0, len(directory.symbols), count)
    whole = draw.integers(1, 2_000, count) * draw.choice([-1, 1], count)
    cents = draw.integers(500, 50_000, count)
    day = to_day(AS_OF)
    ids = np.array([b"0001f4e8.%08x.01.01" % i for i in range(count)], "S24")
    return TradeTable(
        account,
        instrument,
        directory.instrument_currency[instrument],
        whole * SCALE,
        cents * (SCALE // 100),
        -whole * cents * (SCALE // 100),
        np.full(count, day),
        np.full(count, day + 1),
        ids,
    )


def _cash(draw: np.random.Generator, n_accounts: int, count: int) -> AmountTable:
    key = np.sort(draw.choice(n_accounts * 3, min(count, n_accounts * 3), replace=False))
    return _amounts(key // 3, 0, key % 3, 0, draw.integers(10_000, 50_000_000, len(key)) * (SCALE // 100))


def _fees(draw: np.random.Generator, n_accounts: int, count: int) -> AmountTable:
    key = np.sort(draw.choice(n_accounts * len(_KINDS), min(count, n_accounts * len(_KINDS)), replace=False))
    return _amounts(key // len(_KINDS), _KINDS[key % len(_KINDS)], 0, to_day(AS_OF), -draw.integers(100, 5_000, len(key)) * (SCALE // 100))


def _amounts(account: np.ndarray, kind: object, currency: object, day: object, amount: np.ndarray) -> AmountTable:
    def full(value: object) -> np.ndarray:
        return np.broadcast_to(np.asarray(value, np.int64), len(account))

    return AmountTable(account, full(kind), full(currency), full(day), amount)


def _plant(draw: np.random.Generator, ours: Expectation, directory: Directory, count: int) -> tuple[Snapshot, list[Planted]]:
    """Change the custodian's side in `count` places, each in a row of its own, all beyond tolerance or of a kind that is always logged."""
    each = count // 6
    positions, cash, fees, trades = ours.positions, ours.cash_td, ours.fees, ours.trades
    planted: list[Planted] = []

    def mark(item: ItemKind, kind: str, accounts: np.ndarray) -> None:
        planted.extend((str(item), kind, directory.accounts[account]) for account in accounts)

    quantity = positions.quantity.copy()
    rows = draw.choice(len(quantity), each, replace=False)
    quantity[rows] += SCALE
    mark(ItemKind.POSITION, "QUANTITY", positions.account[rows])
    amount = cash.amount.copy()
    rows = draw.choice(np.flatnonzero(cash.currency == 0), each, replace=False)
    amount[rows] += 125 * SCALE + SCALE // 100
    mark(ItemKind.CASH_TD, "CASH", cash.account[rows])
    charged = fees.amount.copy()
    rows = draw.choice(np.flatnonzero(np.isin(fees.kind, _KINDS[: len(_FEES)])), each, replace=False)
    charged[rows] -= SCALE + SCALE // 100
    mark(ItemKind.FEE, "FEE", fees.account[rows])
    picked = draw.choice(len(trades), 3 * each, replace=False)
    lost, more, late = picked[:each], picked[each : 2 * each], picked[2 * each :]
    their_quantity, settles = trades.quantity.copy(), trades.settle_day.copy()
    their_quantity[more] += np.sign(their_quantity[more]) * SCALE
    settles[late] += 1
    mark(ItemKind.TRADE, "MISSING_FILL", trades.account[lost])
    mark(ItemKind.TRADE, "QUANTITY", trades.account[more])
    mark(ItemKind.TRADE, "SETTLE_DATE_TIMING", trades.account[late])
    kept = draw.permutation(np.setdiff1d(np.arange(len(trades)), lost))
    theirs = Snapshot(
        custodian="Bench Custodian",
        as_of=AS_OF,
        covered=ours.expected,
        sections=frozenset(ItemKind),
        positions=take(replace(positions, quantity=quantity), draw.permutation(len(positions))),
        cash_td=take(replace(cash, amount=amount), draw.permutation(len(cash))),
        cash_sd=ours.cash_sd,
        trades=take(replace(trades, quantity=their_quantity, settle_day=settles), kept),
        fees=take(replace(fees, amount=charged), draw.permutation(len(fees))),
        margins=ours.margins,
    )
    return theirs, planted


if __name__ == "__main__":
    for name, figure in core_times(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000).items():
        print(f"{name:15} {figure:.4f}" if isinstance(figure, float) else f"{name:15} {figure}")
