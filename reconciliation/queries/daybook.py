"""What we booked on a business date, from the ledger: trades, and the cash movements that are none (REC-1).

Entry points: `day_of_books`, `DayBook`, `KIND_CODE`.
Invariants: 1. one statement, whatever the number of accounts; 2. an execution that was taken back and booked anew is one trade, one that
was only taken back is none; 3. clearing accounts are left out: their blocks are shared out to accounts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from ..core.fixed import Bools, Ints, to_day
from ..core.joins import group_codes, pack, sum_by_key
from ..core.snapshot import AmountTable, TradeTable, as_exec_ids, take
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
_EXEC_ID = "CASE WHEN split_part(t.source_key, '|', 1) IN ('fill', 'undo') THEN split_part(t.source_key, '|', 3) ELSE '' END"
_REDONE = "split_part(t.source_key, '|', 1) = 'undo' OR split_part(t.source_key, '|', 4) NOT IN ('', '0')"
_ENTRIES = (
    f"FROM accounts_ledgertransaction t JOIN accounts_ledgerentry e ON e.transaction_id = t.id JOIN {ACCOUNTS} ON a.id = e.account_id "
    f"LEFT JOIN {CURRENCIES} ON m.name = e.currency WHERE t.trade_date = %(as_of)s AND t.entry_type = ANY(%(types)s::text[]) "
    "AND NOT a.is_clearing AND e.book IN ('POSITION', 'CASH', 'FEES', 'WITHHOLDING_TAX')"
)
# Four small codes travel as one number: account, type (0 = a trade), first letter of the book, currency.
_TYPE = "CASE WHEN t.entry_type = 'TRADE' THEN 0 ELSE (array_position(%(types)s::text[], t.entry_type::text) - 1)::bigint << 24 END"
_CODES = (
    f"(a.code << 32) | {_TYPE} | (ascii(e.book) << 16) "
    f"| CASE WHEN e.currency = '' THEN {_NO_CURRENCY} ELSE coalesce(m.place - 1, {_UNKNOWN}) END"
)


@dataclass(frozen=True, slots=True, eq=False)
class DayBook:
    """Trades, and movements as cash effects per (account, kind, currency); the charges of trades are among these as COMMISSION."""

    trades: TradeTable
    movements: AmountTable


@dataclass(frozen=True, slots=True, eq=False)
class _Entries:
    """Ledger entries: number of their transaction (or execution), codes, amounts. currency: −1 for a quantity; book: its first letter;
    instrument_id, settle_day: −1 but for quantities."""

    of: Ints
    account: Ints
    type: Ints
    book: Ints
    currency: Ints
    instrument_id: Ints
    amount: Ints
    settle_day: Ints

    def where(self, chosen: Bools) -> _Entries:
        return _Entries(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


def day_of_books(book: Codebook, as_of: date) -> DayBook:
    """Return what was booked with trade date `as_of`, openings and adjustments left out.

    A dividend's cash is split into what was declared and the tax withheld. The ledger keeps money, not prices: a trade's `price` is the
    tick whose notional rounds to the money booked, else the average to 10⁻⁸.
    """
    parameters = {**parameters_of(book, as_of), "types": list(_TYPES)}
    codes, amount, words, instrument_id, settles, redone, ids = fetch_columns(
        [_CODES, SCALED.format("e.amount")],
        _ENTRIES,
        parameters,
        uuids=["t.id"],
        some=["e.instrument_id", DAY.format("t.settle_date"), f"({_REDONE})::int"],
        texts=[_EXEC_ID],
        where="e.book = 'POSITION'",
    )
    currency, letter = codes & 0xFFFF, (codes >> 16) & 0xFF
    held = letter == ord("P")
    known(np.where(currency == _UNKNOWN, -1, currency))
    of = group_codes([words[:, 0], words[:, 1]], [words[:0, 0], words[:0, 1]])[0]
    exec_ids = as_exec_ids(ids)
    names = np.zeros(int(of.max(initial=-1)) + 1, exec_ids.dtype)
    names[of[held]] = exec_ids
    if bool(redone.any()):
        of = _same_execution(names)[of]
    money = np.where(held, -1, currency)
    entries = _Entries(of, codes >> 32, (codes >> 24) & 0xFF, letter, money, _spread(held, instrument_id), amount, _spread(held, settles))
    is_trade = entries.type == 0
    trades, fee = _trades(book, as_of, entries.where(is_trade), names)
    moved = (trades.quantity != 0) | (trades.amount != 0)
    movements = _movements(book, as_of, entries.where(~is_trade & ~held & (letter != ord("F"))), trades, fee)
    return DayBook(trades if bool(moved.all()) else take(trades, moved), movements)


def _spread(held: Bools, values: Ints) -> Ints:
    """Return the values of POSITION entries at their places among all entries, −1 elsewhere."""
    column = np.full(len(held), -1)
    column[held] = values
    return column


def _trades(book: Codebook, as_of: date, entries: _Entries, names: NDArray[np.bytes_]) -> tuple[TradeTable, Ints]:
    """Sum entries per account and transaction (or execution); return the trades and the charges booked with them.

    A trade's own money is its cash without the charge.
    """
    keys = entries.of * max(len(book.account_ids), 1) + entries.account
    _, first, row = np.unique(keys, return_index=True, return_inverse=True)
    n = len(first)
    held, paid, charged = (entries.book == ord(letter) for letter in "PCF")
    quantity, cash, fee = (_sums(row[chosen], entries.amount[chosen], n) for chosen in (held, paid, charged))
    instrument_id, currency, settles = np.full(n, -1), np.full(n, -1), np.full(n, -1)
    instrument_id[row[held]], settles[row[held]] = entries.instrument_id[held], entries.settle_day[held]
    currency[row[~held]] = entries.currency[~held]
    whole = (instrument_id >= 0) & ((quantity != 0) | (cash != 0) | (fee != 0))
    quantity, cash, fee, currency, settles, first = (column[whole] for column in (quantity, cash, fee, currency, settles, first))
    place, amount = places(book, instrument_id[whole]), cash + fee
    unit = np.where(currency < 0, book.directory.instrument_currency[place], currency)
    price = _prices(book, place, quantity, amount)
    day = np.full(len(place), to_day(as_of))
    of = entries.of[first]
    return TradeTable(entries.account[first], place, unit, quantity, price, amount, day, settles, names[of]), fee


def _movements(book: Codebook, as_of: date, entries: _Entries, trades: TradeTable, fee: Ints) -> AmountTable:
    tax, charged = entries.book == ord("W"), fee != 0
    parts: list[tuple[Ints, ...]] = [
        (entries.account, _LEGEND[entries.type], entries.currency, entries.amount),
        (entries.account[tax], np.full(int(tax.sum()), KIND_CODE[MovementKind.TAX]), entries.currency[tax], -entries.amount[tax]),
        (trades.account[charged], np.full(int(charged.sum()), KIND_CODE[MovementKind.COMMISSION]), trades.currency[charged], -fee[charged]),
    ]
    return _summed(parts, to_day(as_of), len(book.directory.currencies))


def _same_execution(names: NDArray[np.bytes_]) -> Ints:
    """Return for each transaction the number of the first one of its execution; one that names none keeps its own."""
    _, first, back = np.unique(names, return_index=True, return_inverse=True)
    return np.where(names == b"", np.arange(len(names)), first[back])


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
