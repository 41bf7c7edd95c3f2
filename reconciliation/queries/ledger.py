"""Our side of a run, from the books of accounts: what we hold at the end of a business date, and what we booked on it (REC-1).

Entry points: `state_at`, `trades_on`, `movements_on`.
The state of a date is the books' projections less what was traded after it: by I6 the same as the last reconciled state plus the journal
since, and entries booked late for an earlier date are in it.
Invariants: 1. a fixed number of statements, whatever the number of accounts; 2. nothing is written; 3. a currency or an instrument that
the codebook lacks raises, it is never dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.expectation import Journal, LedgerState, PendingTable, roll_forward
from ..core.fixed import NO_PRICE, Ints, to_day
from ..core.joins import pack, sum_by_key
from ..core.snapshot import AmountTable, PositionTable, TradeTable, as_exec_ids, make_table
from ..enums import MovementKind
from .codebook import Codebook
from .columns import fetch_columns

_SCALED = "{0} * 100000000"
_DAY = "{0} - DATE '1970-01-01'"
_ACCOUNTS = (
    "(SELECT id, is_clearing, row_number() OVER (ORDER BY id) - 1 AS code FROM accounts_account WHERE custodian_id = %(custodian)s) a"
)
_CURRENCIES = "unnest(%(currencies)s::text[]) WITH ORDINALITY m(name, place)"
_CURRENCY = "coalesce(m.place, 0) - 1"
_MOVEMENTS: dict[str, MovementKind] = {
    "FEE": MovementKind.OTHER_FEE,
    "INTEREST": MovementKind.INTEREST,
    "SWAP": MovementKind.FINANCING,
    "FUNDING": MovementKind.FUNDING,
    "DIVIDEND": MovementKind.DIVIDEND,
    "CORPORATE_ACTION": MovementKind.CORPORATE_ACTION,
    "FLOW": MovementKind.TRANSFER,
    "TRANSFER": MovementKind.TRANSFER,
}
KIND_CODE = {kind: code for code, kind in enumerate(MovementKind)}
# A fill's key is fill|connection|execution|revision, and undo|… takes it back: what is left of an execution is one trade.
_EXEC_ID = "CASE WHEN split_part(t.source_key, '|', 1) IN ('fill', 'undo') THEN split_part(t.source_key, '|', 3) ELSE '' END"
_ENTRIES = (
    f"FROM accounts_ledgertransaction t JOIN accounts_ledgerentry e ON e.transaction_id = t.id JOIN {_ACCOUNTS} ON a.id = e.account_id "
)


@dataclass(frozen=True, slots=True, eq=False)
class LedgerTrades:
    """Trades of a date with the charges booked with them: `fee` int64[n], 10⁻⁸, ≥ 0 paid."""

    table: TradeTable
    fee: Ints


def state_at(book: Codebook, as_of: date, prices: Ints) -> LedgerState:
    """Return what we hold at the end of `as_of`. prices: int64[n_instruments], our marks, NO_PRICE where there is none."""
    parameters = _parameters(book, as_of)
    held = fetch_columns(
        ["a.code", "p.instrument_id", _SCALED.format("p.quantity")],
        f"FROM accounts_position p JOIN {_ACCOUNTS} ON a.id = p.account_id WHERE p.quantity <> 0",
        parameters,
    )
    ladder = fetch_columns(
        ["a.code", _CURRENCY, _SCALED.format("c.amount"), _DAY.format("c.settle_date")],
        f"FROM accounts_cashbalance c JOIN {_ACCOUNTS} ON a.id = c.account_id LEFT JOIN {_CURRENCIES} ON m.name = c.currency "
        "WHERE c.amount <> 0",
        parameters,
    )
    day = np.full(len(held[0]), to_day(as_of))
    parts = [
        (held[0], _places(book, held[1]), np.full(len(held[0]), -1), held[2], day, day),
        (ladder[0], np.full(len(ladder[0]), -1), _known(ladder[1]), ladder[2], np.full(len(ladder[0]), to_day(as_of)), ladder[3]),
        *_entries(book, parameters),
    ]
    journal = Journal(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    return roll_forward(_nothing(as_of), journal, as_of, prices, book.directory.instrument_currency, len(book.directory.currencies))


def _entries(book: Codebook, parameters: dict[str, Any]) -> list[tuple[Ints, ...]]:
    """Return entries that undo what was traded after the date, and those of clearing accounts, which the projections leave out."""
    columns = ["a.code", "coalesce(e.instrument_id, -1)", f"CASE WHEN e.currency = '' THEN -2 ELSE {_CURRENCY} END"]
    columns += [_DAY.format("e.settle_date")]
    joined = f"{_ENTRIES} LEFT JOIN {_CURRENCIES} ON m.name = e.currency "
    later = fetch_columns(
        [*columns, _SCALED.format("-e.amount")],
        joined + "WHERE t.trade_date > %(as_of)s AND e.book IN ('POSITION', 'CASH')",
        parameters,
    )
    parts = [later]
    if bool(book.clearing.any()):
        parts.append(
            fetch_columns(
                [*columns, _SCALED.format("e.amount")],
                joined + "WHERE a.is_clearing AND e.book = 'CLEARING' AND t.trade_date <= %(as_of)s",
                parameters,
            )
        )
    day = parameters["day"]
    result = []
    for account, instrument, currency, settles, amount in parts:
        quantity = instrument >= 0
        places = np.full(len(account), -1)
        places[quantity] = _places(book, instrument[quantity])
        money = np.where(quantity, -1, currency)
        _known(money[~quantity])
        result.append((account, places, money, amount, np.full(len(account), day), settles))
    return result


def trades_on(book: Codebook, as_of: date) -> LedgerTrades:
    """Return the trades of a date, clearing accounts left out (their blocks are shared out): one row per account and execution, or, where
    a transaction names no execution, per account and transaction.

    The ledger keeps money, not prices: `price` is the tick whose notional rounds to the money booked, else the average to 10⁻⁸.
    """
    heads = (
        "FROM (SELECT t.id, t.settle_date, row_number() OVER (ORDER BY t.id) - 1 AS n, "
        + _EXEC_ID
        + " AS exec_id FROM accounts_ledgertransaction t "
        "WHERE t.trade_date = %(as_of)s AND t.entry_type = 'TRADE') t"
    )
    parameters = _parameters(book, as_of)
    head, settles, exec_ids = fetch_columns(["t.n", _DAY.format("t.settle_date")], heads, parameters, texts=["t.exec_id"])
    of, account, instrument, currency, kind, amount = fetch_columns(
        [
            "t.n",
            "a.code",
            "coalesce(e.instrument_id, -1)",
            f"CASE WHEN e.currency = '' THEN -2 ELSE {_CURRENCY} END",
            "ascii(e.book)",
            _SCALED.format("e.amount"),
        ],
        f"{heads} JOIN accounts_ledgerentry e ON e.transaction_id = t.id JOIN {_ACCOUNTS} ON a.id = e.account_id "
        f"LEFT JOIN {_CURRENCIES} ON m.name = e.currency "
        "WHERE NOT a.is_clearing AND (e.book IN ('POSITION', 'FEES') OR (e.book = 'TRADING' AND e.currency <> ''))",
        parameters,
    )
    names = as_exec_ids(exec_ids)
    settled, named = np.empty(len(head), np.int64), np.empty(len(head), names.dtype)
    settled[head], named[head] = settles, names
    _known(currency[currency != -2])
    return _grouped(book, as_of, (of, account, instrument, currency, kind, amount), settled, named)


def _grouped(book: Codebook, as_of: date, entries: tuple[Ints, ...], settles: Ints, exec_ids: NDArray[np.bytes_]) -> LedgerTrades:
    """Sum entries per account and execution (or transaction); settles, exec_ids: per transaction."""
    of, account, instrument, currency, kind, amount = entries
    execution = _same_execution(exec_ids)[of] if len(of) else of
    _, row = np.unique(execution * max(len(book.account_ids), 1) + account, return_inverse=True)
    n = int(row.max()) + 1 if len(row) else 0
    held, paid, charged = (kind == ord(letter) for letter in "PTF")
    quantity, money, fee = (_sums(row[chosen], amount[chosen], n) for chosen in (held, paid, charged))
    instruments, currencies, transactions = np.full(n, -1), np.full(n, -1), np.zeros(n, np.int64)
    accounts = np.zeros(n, np.int64)
    instruments[row[held]] = instrument[held]
    currencies[row[~held]] = currency[~held]
    accounts[row], transactions[row] = account, of
    whole = (instruments >= 0) & ((quantity != 0) | (money != 0) | (fee != 0))
    quantity, money, fee, accounts, transactions = (column[whole] for column in (quantity, money, fee, accounts, transactions))
    place = _places(book, instruments[whole])
    unit = np.where(currencies[whole] < 0, book.directory.instrument_currency[place], currencies[whole])
    price = _prices(book, place, quantity, -money)
    day = np.full(len(place), to_day(as_of))
    table = TradeTable(accounts, place, unit, quantity, price, -money, day, settles[transactions], exec_ids[transactions])
    return LedgerTrades(table, fee)


def _same_execution(exec_ids: NDArray[np.bytes_]) -> Ints:
    """Return equal numbers for transactions of one execution, a number of its own for one that names none."""
    codes = np.unique(exec_ids, return_inverse=True)[1].astype(np.int64) if len(exec_ids) else np.zeros(0, np.int64)
    return np.where(exec_ids == b"", np.arange(len(exec_ids)) + len(exec_ids), codes)


def _sums(row: Ints, amount: Ints, n: int) -> Ints:
    total = np.zeros(n, np.int64)
    np.add.at(total, row, amount)
    return total


def movements_on(book: Codebook, as_of: date, trades: LedgerTrades) -> AmountTable:
    """Return the cash movements of a date that are no trades, as cash effects per (account, kind, currency); trades' charges are COMMISSION.

    A dividend's cash is split into what was declared and the tax withheld. Openings and adjustments are not in it.
    """
    kinds = list(_MOVEMENTS)
    account, kind, is_tax, currency, amount = fetch_columns(
        [
            "a.code",
            "array_position(%(types)s::text[], t.entry_type::text) - 1",
            "(e.book = 'WITHHOLDING_TAX')::int",
            _CURRENCY,
            _SCALED.format("e.amount"),
        ],
        f"FROM accounts_ledgertransaction t JOIN accounts_ledgerentry e ON e.transaction_id = t.id JOIN {_ACCOUNTS} ON a.id = e.account_id "
        f"LEFT JOIN {_CURRENCIES} ON m.name = e.currency WHERE t.trade_date = %(as_of)s AND t.entry_type = ANY(%(types)s::text[]) "
        "AND NOT a.is_clearing AND e.book IN ('CASH', 'WITHHOLDING_TAX')",
        {**_parameters(book, as_of), "types": kinds},
    )
    legend = np.array([KIND_CODE[_MOVEMENTS[name]] for name in kinds])
    tax = is_tax == 1
    charged = trades.fee != 0
    columns = [
        (account, legend[kind] if len(kind) else kind, _known(currency), amount),
        (account[tax], np.full(int(tax.sum()), KIND_CODE[MovementKind.TAX]), currency[tax], -amount[tax]),
        (
            trades.table.account[charged],
            np.full(int(charged.sum()), KIND_CODE[MovementKind.COMMISSION]),
            trades.table.currency[charged],
            -trades.fee[charged],
        ),
    ]
    return _summed(columns, to_day(as_of), len(book.directory.currencies))


def _summed(parts: list[tuple[Ints, ...]], day: int, n_currencies: int) -> AmountTable:
    account, kind, currency, amount = (np.concatenate(column) for column in zip(*parts, strict=True))
    size = int(account.max()) + 1 if len(account) else 1
    keys, total, _ = sum_by_key(pack([account, kind, currency], [size, len(MovementKind), n_currencies]), amount)
    keys, total = keys[total != 0], total[total != 0]
    kinds = keys // n_currencies % len(MovementKind)
    return AmountTable(keys // n_currencies // len(MovementKind), kinds, keys % n_currencies, np.full(len(keys), day), total)


def _prices(book: Codebook, instrument: Ints, quantity: Ints, amount: Ints) -> Ints:
    """Return the price per trade; floats propose it, and serve only to recognise the custodian's row (money is compared as booked)."""
    size = np.array([float(value) for value in book.directory.multiplier])[instrument] if len(instrument) else np.zeros(0)
    units, money = np.abs(quantity) / 1e8 * size, np.abs(amount) / 1e8
    average = np.divide(money, units, out=np.zeros(len(units)), where=units > 0)
    tick = book.tick[instrument] if len(instrument) else np.zeros(0)
    on_tick = np.rint(average / np.where(tick > 0, tick, 1)) * tick
    fits = np.abs(on_tick * units - money) <= 0.005 + 1e-9
    return np.asarray(np.rint(np.where(fits, on_tick, average) * 1e8), np.int64)


def _parameters(book: Codebook, as_of: date) -> dict[str, Any]:
    return {"custodian": book.custodian_id, "as_of": as_of, "day": to_day(as_of), "currencies": list(book.directory.currencies)}


def _places(book: Codebook, instrument_ids: Ints) -> Ints:
    """Return instrument codes of ids."""
    known = book.instrument_ids
    at = np.minimum(np.searchsorted(known, instrument_ids), max(len(known) - 1, 0))
    if len(instrument_ids) and (len(known) == 0 or not bool(np.all(known[at] == instrument_ids))):
        raise LookupError("the books hold an instrument that the custodian's codebook lacks")
    return at


def _known(currency: Ints) -> Ints:
    if len(currency) and int(currency.min()) < 0:
        raise LookupError("the books hold a currency that the custodian's codebook lacks")
    return currency


def _nothing(as_of: date) -> LedgerState:
    return LedgerState(
        as_of, make_table(PositionTable, []), make_table(AmountTable, []), make_table(AmountTable, []), make_table(PendingTable, [])
    )


__all__ = ["KIND_CODE", "NO_PRICE", "LedgerTrades", "movements_on", "state_at", "trades_on"]
