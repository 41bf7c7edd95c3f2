"""The scene of `bench.reconcile` as a firm's books, and P3 measured on them.

Entry point: `database_times`.
Invariants: 1. what is measured runs as the runtime role under row-level security and ends with a commit; 2. a repetition starts without
runs and breaks and with bytes the database has not seen; 3. the floor is COPY of the same bytes, typed, into a table without indexes.
"""

from __future__ import annotations

import gc
import statistics
from datetime import UTC, date, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import connections

from accounts.models import (
    Account,
    BrokerConnection,
    CashBalance,
    Custodian,
    EquitySnapshot,
    LedgerEntry,
    LedgerTransaction,
    Position,
    Sleeve,
)
from base import bulk, tenancy
from base.core.ids import new_ids
from governance.models import Firm
from market.models import FxRate, Instrument, Quote
from reconciliation.core.fixed import from_fixed
from reconciliation.enums import MovementKind
from reconciliation.models import Break, ReconciliationRun
from reconciliation.services import reconcile_file

if TYPE_CHECKING:
    from .reconcile import Scene

NAME = "Bench Custodian"
_LEDGER_TYPE = {
    MovementKind.OTHER_FEE: ("FEE", "FEES"),
    MovementKind.FINANCING: ("SWAP", "INCOME"),
    MovementKind.FUNDING: ("FUNDING", "INCOME"),
    MovementKind.INTEREST: ("INTEREST", "INCOME"),
    MovementKind.CORPORATE_ACTION: ("CORPORATE_ACTION", "INCOME"),
}
_FLOOR = (
    "record text, account text, kind text, symbol text, currency text, quantity numeric(28,8), price numeric(28,10), "
    "amount numeric(28,8), trade_date date, settle_date date, exec_id text"
)


def database_times(scene: Scene, repeats: int) -> tuple[float, float]:
    """Return medians in seconds: file bytes → breaks committed, and COPY of the file's rows, measured in turn."""
    firm = Firm.objects.create(name="Bench reconciliation")
    with tenancy.firm(firm.id):
        custodian_id = _books(scene)
    _analyze()
    files = [_reordered(scene.file, turn) for turn in range(repeats + 1)]
    ours, floor = [], []
    for turn, data in enumerate(files):
        gc.collect()
        floor.append(_copied(data))
        start = perf_counter()
        _reconciled(firm.id, custodian_id, data, scene.expectation.as_of)
        ours.append(perf_counter() - start)
        _check(firm.id, scene, turn)
    return statistics.median(ours[1:]), statistics.median(floor[1:])


def _reconciled(firm_id: int, custodian_id: Any, data: bytes, as_of: date) -> None:
    now = datetime(as_of.year, as_of.month, as_of.day, 21, 30, tzinfo=UTC)
    with tenancy.firm(firm_id):
        reconcile_file(custodian_id=custodian_id, data=data, now=now)


def _check(firm_id: int, scene: Scene, turn: int) -> None:
    with tenancy.firm(firm_id):
        found = Break.objects.values_list("item_kind", "break_type", "account__custodian_account")
        if sorted(found) != sorted(scene.planted):
            raise AssertionError(f"turn {turn}: the breaks found are not the ones planted")
        Break.objects.all().delete()
        ReconciliationRun.objects.all().delete()


def _copied(data: bytes) -> float:
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"CREATE TABLE IF NOT EXISTS bench_custodian_row ({_FLOOR})")
        cursor.execute("CREATE TABLE bench_floor (LIKE bench_custodian_row INCLUDING INDEXES)")
        start = perf_counter()
        with cursor.copy("COPY bench_floor FROM STDIN (FORMAT csv, HEADER)") as copy:
            copy.write(data)
        taken = perf_counter() - start
        cursor.execute("DROP TABLE bench_floor")
    return taken


def _reordered(data: bytes, turn: int) -> bytes:
    """Return the same file with its accounts named in another order, so that its hash is new."""
    lines = data.split(b"\n")
    accounts = [i for i, line in enumerate(lines) if line.startswith(b"ACCOUNT,")]
    moved = [lines[i] for i in accounts]
    for i, line in zip(accounts, moved[turn:] + moved[:turn], strict=True):
        lines[i] = line
    return b"\n".join(lines)


def _analyze() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE")


def _books(scene: Scene) -> Any:
    instruments = _market(scene)
    custodian = Custodian.objects.create(code="BENCH", name=NAME, calendar="XNYS")
    connection = BrokerConnection.objects.create(code="BENCH", gateway="paper", custodian=custodian)
    sleeve = Sleeve.objects.create(code="BENCH", name="Bench")
    refs = np.array([ref.encode() for ref in scene.directory.accounts])
    ids = new_ids(len(refs))
    shared = {"account_class": "PERSONAL", "tax_classification": "TAXABLE", "leverage_regime": "CASH", "base_currency": "USD"}
    named = {name: bulk.Texts(refs) for name in ("code", "name", "custodian_account")}
    where = {"custodian_id": custodian.id, "connection_id": connection.id, "opened_on": date(2020, 1, 1)}
    bulk.insert(Account, len(refs), {"id": bulk.Uuids(ids), **shared, **named, **where})
    _holdings(scene, ids, instruments, sleeve.id)
    _ledger(scene, ids, instruments, sleeve.id)
    return custodian.id


def _market(scene: Scene) -> np.ndarray:
    """Write instruments, a quote each, and rates; return the instruments' ids by code."""
    from .reconcile import RATES

    directory, held = scene.directory, scene.expectation.positions
    price = dict(zip(held.instrument.tolist(), held.price.tolist(), strict=True))
    as_of = datetime(2026, 3, 2, 20, tzinfo=UTC)
    rows = [
        Instrument(
            symbol=symbol,
            kind="EQUITY",
            currency=directory.currencies[directory.instrument_currency[code]],
            calendar="XNYS",
            settlement_market="US",
            tick="0.01",
        )
        for code, symbol in enumerate(directory.symbols)
    ]
    made = Instrument.objects.using("loader").bulk_create(rows)
    marks = [(row.id, from_fixed(price[code])) for code, row in enumerate(made) if code in price]
    Quote.objects.using("loader").bulk_create(Quote(instrument_id=i, source="FILE", as_of=as_of, bid=mark, ask=mark) for i, mark in marks)
    FxRate.objects.using("loader").bulk_create(
        FxRate(base=base, quote=quote, source="FILE", as_of=as_of, rate=rate) for (base, quote), rate in RATES.items()
    )
    return np.array([row.id for row in made])


def _holdings(scene: Scene, ids: np.ndarray, instruments: np.ndarray, sleeve_id: Any) -> None:
    ours = scene.expectation
    held, traded, settled = ours.positions, ours.cash_td, ours.cash_sd
    columns = {"account_id": bulk.Uuids(ids[held.account]), "instrument_id": bulk.Integers(instruments[held.instrument])}
    bulk.insert(
        Position, len(held), {**columns, "sleeve_id": sleeve_id, "quantity": bulk.Decimals(held.quantity), "last_traded_on": ours.as_of}
    )
    legend = scene.directory.currencies
    pending = traded.amount - settled.amount
    for amount, day in ((settled.amount, ours.as_of), (pending, date(2026, 3, 3))):
        rows = np.flatnonzero(amount != 0)
        values = {"account_id": bulk.Uuids(ids[traded.account[rows]]), "currency": bulk.Codes(traded.currency[rows], legend)}
        bulk.insert(CashBalance, len(rows), {**values, "settle_date": day, "amount": bulk.Decimals(amount[rows])})
    money = bulk.Decimals(ours.equity)
    values = {"account_id": bulk.Uuids(ids), "as_of": ours.as_of, "cash": money, "market_value": 0, "equity": money, "external_flow": 0}
    bulk.insert(EquitySnapshot, len(ids), values)


def _ledger(scene: Scene, ids: np.ndarray, instruments: np.ndarray, sleeve_id: Any) -> None:
    """Write the day's fills (four entries each) and movements (two each)."""
    trades, fees = scene.expectation.trades, scene.expectation.fees
    legend = scene.directory.currencies
    fills, movements = new_ids(len(trades)), new_ids(len(fees))
    head = {
        "trade_date": scene.expectation.as_of,
        "acquired_on": scene.expectation.as_of,
        "recorded_at": datetime(2026, 3, 2, 20, tzinfo=UTC),
    }
    keys = np.array([b"fill|bench|" + value + b"|0" for value in trades.exec_id.tolist()])
    settles = bulk.Dates(trades.settle_day)
    values = {"id": bulk.Uuids(fills), "entry_type": "TRADE", "settle_date": settles, "source_key": bulk.Texts(keys)}
    bulk.insert(LedgerTransaction, len(trades), {**head, **values})
    kinds = [_LEDGER_TYPE.get(kind, ("FEE", "FEES"))[0] for kind in MovementKind]
    keys = np.array([b"movement|bench|%d" % i for i in range(len(fees))])
    values = {"id": bulk.Uuids(movements), "entry_type": bulk.Codes(fees.kind, kinds), "source_key": bulk.Texts(keys)}
    bulk.insert(LedgerTransaction, len(fees), {**head, **values, "settle_date": scene.expectation.as_of})
    fill = (fills, ids[trades.account], trades.settle_day, sleeve_id)
    _entries(fill, ("POSITION", "TRADING"), trades.quantity, instrument=instruments[trades.instrument])
    _entries(fill, ("CASH", "TRADING"), trades.amount, currency=(trades.currency, legend))
    _entries((movements, ids[fees.account], fees.day, sleeve_id), ("CASH", "INCOME"), fees.amount, currency=(fees.currency, legend))


def _entries(of: tuple[Any, ...], books: tuple[str, str], amount: np.ndarray, *, instrument: Any = None, currency: Any = None) -> None:
    """Write `amount` in the first book and its counterpart in the second, in one statement."""
    transactions, accounts, settles, sleeve_id = of
    n = len(amount)
    unit: dict[str, Any] = {} if instrument is None else {"instrument_id": bulk.Integers(np.tile(instrument, 2))}
    if currency is not None:
        unit["currency"] = bulk.Codes(np.tile(currency[0], 2), currency[1])
    columns = {
        "transaction_id": bulk.Uuids(np.tile(transactions, 2)),
        "account_id": bulk.Uuids(np.tile(accounts, 2)),
        "sleeve_id": sleeve_id,
        "book": bulk.Codes(np.repeat([0, 1], n), books),
        "amount": bulk.Decimals(np.concatenate([amount, -amount])),
        "settle_date": bulk.Dates(np.tile(settles, 2)),
        **unit,
    }
    bulk.insert(LedgerEntry, 2 * n, columns)
