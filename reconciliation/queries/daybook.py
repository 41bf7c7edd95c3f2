"""What we booked on a business date, from the ledger: trades, and the cash movements that are none (REC-1).

Entry points: `day_of_books`, `DayBook`, `KIND_CODE`.
Invariants: 1. two statements, whatever the number of accounts; 2. an execution that was taken back and booked anew is one trade, one that
was only taken back is none; 3. clearing accounts are left out: their blocks are shared out to accounts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.fixed import Bools, Ints, to_day
from ..core.joins import pack, sum_by_key
from ..core.snapshot import AmountTable, TradeTable, as_exec_ids
from ..enums import MovementKind
from .codebook import Codebook
from .columns import fetch_columns
from .ledger import ACCOUNTS, CURRENCIES, DAY, SCALED, known, parameters_of, places

TRADE = "TRADE"
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
_TYPES = (TRADE, *_MOVEMENTS)
KIND_CODE = {kind: code for code, kind in enumerate(MovementKind)}
_LEGEND = np.array([-1, *(KIND_CODE[kind] for kind in _MOVEMENTS.values())])
_NO_CURRENCY, _UNKNOWN = 0xFFFF, 0xFFFE
# A fill's key is fill|connection|execution|revision; undo|… takes it back.
_EXEC_ID = "CASE WHEN split_part(source_key, '|', 1) IN ('fill', 'undo') THEN split_part(source_key, '|', 3) ELSE '' END"
_REDONE = "(split_part(source_key, '|', 1) = 'undo' OR split_part(source_key, '|', 4) NOT IN ('', '0'))::int"
_HEADS = (
    "FROM (SELECT id, settle_date, source_key, row_number() OVER (ORDER BY id) - 1 AS n, "
    "array_position(%(types)s::text[], entry_type::text) - 1 AS type FROM accounts_ledgertransaction "
    "WHERE trade_date = %(as_of)s AND entry_type = ANY(%(types)s::text[])) t"
)
_ENTRIES = (
    f"{_HEADS} JOIN accounts_ledgerentry e ON e.transaction_id = t.id JOIN {ACCOUNTS} ON a.id = e.account_id "
    f"LEFT JOIN {CURRENCIES} ON m.name = e.currency WHERE NOT a.is_clearing AND CASE WHEN t.type = 0 "
    "THEN e.book IN ('POSITION', 'FEES') OR (e.book = 'TRADING' AND e.currency <> '') ELSE e.book IN ('CASH', 'WITHHOLDING_TAX') END"
)
# Four small codes travel as one number: account, type, first letter of the book, currency.
_CODES = (
    "(a.code << 32) | (t.type::bigint << 24) | (ascii(e.book) << 16) "
    f"| CASE WHEN e.currency = '' THEN {_NO_CURRENCY} ELSE coalesce(m.place - 1, {_UNKNOWN}) END"
)


@dataclass(frozen=True, slots=True, eq=False)
class DayBook:
    """Trades, and movements as cash effects per (account, kind, currency); the charges of trades are among these as COMMISSION."""

    trades: TradeTable
    movements: AmountTable


@dataclass(frozen=True, slots=True, eq=False)
class _Entries:
    """Ledger entries: place of their transaction, codes, and amounts. currency: −1 for a quantity; book: its first letter."""

    of: Ints
    account: Ints
    type: Ints
    book: Ints
    currency: Ints
    instrument_id: Ints
    amount: Ints

    def where(self, chosen: Bools) -> _Entries:
        return _Entries(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


def day_of_books(book: Codebook, as_of: date) -> DayBook:
    """Return what was booked with trade date `as_of`, openings and adjustments left out.

    A dividend's cash is split into what was declared and the tax withheld. The ledger keeps money, not prices: a trade's `price` is the
    tick whose notional rounds to the money booked, else the average to 10⁻⁸.
    """
    parameters = {**parameters_of(book, as_of), "types": list(_TYPES)}
    head, settles, redone, ids = fetch_columns(
        ["t.n", DAY.format("t.settle_date"), _REDONE], f"{_HEADS} WHERE t.type = 0", parameters, texts=[_EXEC_ID]
    )
    of, codes, instrument_id, amount = fetch_columns(
        ["t.n", _CODES, "coalesce(e.instrument_id, -1)", SCALED.format("e.amount")], _ENTRIES, parameters
    )
    currency = codes & 0xFFFF
    money = np.where(currency >= _UNKNOWN, -1, currency)
    entries = _Entries(of, codes >> 32, (codes >> 24) & 0xFF, (codes >> 16) & 0xFF, money, instrument_id, amount)
    known(money[instrument_id < 0])
    names = as_exec_ids(ids)
    size = int(max(head.max(initial=-1), of.max(initial=-1))) + 1
    settled, named = np.zeros(size, np.int64), np.zeros(size, names.dtype)
    settled[head], named[head] = settles, names
    fills = entries.where(entries.type == 0)
    merged = _same_execution(named) if bool(redone.any()) else np.arange(size)
    trades, fee = _trades(book, as_of, fills, merged, settled, named)
    moved = (trades.quantity != 0) | (trades.amount != 0)
    movements = _movements(book, as_of, entries.where(entries.type != 0), trades, fee)
    return DayBook(trades if bool(moved.all()) else _taken(trades, moved), movements)


def _trades(
    book: Codebook, as_of: date, entries: _Entries, merged: Ints, settles: Ints, exec_ids: NDArray[np.bytes_]
) -> tuple[TradeTable, Ints]:
    """Sum entries per account and execution (merged: a number per transaction); return the trades and the charges booked with them."""
    _, first, row = np.unique(merged[entries.of] * max(len(book.account_ids), 1) + entries.account, return_index=True, return_inverse=True)
    n = len(first)
    held, paid, charged = (entries.book == ord(letter) for letter in "PTF")
    quantity, money, fee = (_sums(row[chosen], entries.amount[chosen], n) for chosen in (held, paid, charged))
    instrument_id, currency = np.full(n, -1), np.full(n, -1)
    instrument_id[row[held]] = entries.instrument_id[held]
    currency[row[~held]] = entries.currency[~held]
    whole = (instrument_id >= 0) & ((quantity != 0) | (money != 0) | (fee != 0))
    quantity, money, fee, currency, first = (column[whole] for column in (quantity, money, fee, currency, first))
    place, of = places(book, instrument_id[whole]), entries.of[first]
    unit = np.where(currency < 0, book.directory.instrument_currency[place], currency)
    price = _prices(book, place, quantity, -money)
    day = np.full(len(place), to_day(as_of))
    return TradeTable(entries.account[first], place, unit, quantity, price, -money, day, settles[of], exec_ids[of]), fee


def _movements(book: Codebook, as_of: date, entries: _Entries, trades: TradeTable, fee: Ints) -> AmountTable:
    tax, charged = entries.book == ord("W"), fee != 0
    parts: list[Any] = [
        (entries.account, _LEGEND[entries.type], entries.currency, entries.amount),
        (entries.account[tax], np.full(int(tax.sum()), KIND_CODE[MovementKind.TAX]), entries.currency[tax], -entries.amount[tax]),
        (trades.account[charged], np.full(int(charged.sum()), KIND_CODE[MovementKind.COMMISSION]), trades.currency[charged], -fee[charged]),
    ]
    return _summed(parts, to_day(as_of), len(book.directory.currencies))


def _taken(table: TradeTable, chosen: Bools) -> TradeTable:
    return TradeTable(*(getattr(table, name)[chosen] for name in table.__dataclass_fields__))


def _same_execution(exec_ids: NDArray[np.bytes_]) -> Ints:
    """Return equal numbers for transactions of one execution, a number of its own for one that names none."""
    codes = np.unique(exec_ids, return_inverse=True)[1].astype(np.int64)
    return np.where(exec_ids == b"", np.arange(len(exec_ids)) + len(exec_ids), codes)


def _sums(row: Ints, amount: Ints, n: int) -> Ints:
    total = np.zeros(n, np.int64)
    np.add.at(total, row, amount)
    return total


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
