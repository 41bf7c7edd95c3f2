"""The plain, line-by-line parser of the custodian CSV form: it decides what is valid and says what is wrong.

Entry points: `parse_strict`, and for single records `read_file_record`, `read_end_record`, `read_date`.
Invariants: 1. the first thing wrong is reported, truncation before everything else; 2. records between the first and the last may stand in
any order; 3. no two records may say the same thing (CSV-DUPLICATE).
"""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Callable, Iterator
from datetime import date
from itertools import islice
from typing import Any

import numpy as np

from ..core.directory import Directory
from ..core.fixed import DECIMALS, LIMIT, NO_PRICE, SCALE, to_day
from ..core.snapshot import TABLES, as_exec_ids
from ..enums import ItemKind
from .csv_form_spec import (
    COLUMNS,
    EXEC_ID,
    HEADER,
    KINDS,
    OPTIONAL,
    REQUIRED,
    SECTIONS,
    VERSION,
    Control,
    CustodianFileError,
    Parsed,
    TruncatedFile,
)

_AT = {name: i for i, name in enumerate(COLUMNS)}
_RECORD, _ACCOUNT, _KIND, _SYMBOL, _CURRENCY, _QUANTITY, _PRICE, _AMOUNT, _TRADE_DATE, _SETTLE_DATE, _EXEC_ID = range(len(COLUMNS))
_NUMBER = re.compile(rb"(-?)(0|[1-9][0-9]{0,29})(?:\.([0-9]{1,8}))?")
_DATE = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NAME = re.compile(rb"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")
_YEARS = (1970, 2199)
_MUST = {record.encode(): [_AT[name] for name in names] for record, names in REQUIRED.items()}
_EMPTY = {
    record.encode(): [
        i for name, i in _AT.items() if name != "record" and name not in REQUIRED[record] and name not in OPTIONAL.get(record, ())
    ]
    for record in REQUIRED
}
_KIND_CODES = {record.encode(): {kind.encode(): i for i, kind in enumerate(kinds)} for record, kinds in KINDS.items()}
Fields = list[bytes]


def parse_strict(body: bytes, directory: Directory, today: date) -> Parsed:
    """Parse a cleaned file. today: the custodian's local date. Raises CustodianFileError or TruncatedFile."""
    head, *rest = body.split(b"\n", 1)
    if rest and head != HEADER:
        raise CustodianFileError("CSV-COLUMNS", f"the first line must be {HEADER.decode()}", line=1)
    end = _last_record(body)
    lines = (line.removesuffix(b"\n") for line in io.BytesIO(rest[0]))
    custodian, as_of = read_file_record(_split(next(lines), 2), 2, today)
    return _Rows(directory, custodian, as_of).read(lines, end)


def read_file_record(fields: Fields, line: int, today: date) -> tuple[str, date]:
    """Return custodian and business date of the FILE record."""
    _check_fields(fields, line)
    if fields[_RECORD] != b"FILE":
        raise _error("CSV-RECORD", "the first record must be FILE", fields, line, _RECORD)
    if fields[_KIND] != VERSION.encode():
        raise _error("CSV-RECORD", f"version {VERSION} of the form is read", fields, line, _KIND)
    if not _NAME.fullmatch(fields[_ACCOUNT]):
        raise _error("CSV-RECORD", "a custodian's name: letters, digits, space . _ -", fields, line, _ACCOUNT)
    as_of = read_date(fields, line, _TRADE_DATE)
    if as_of > today:
        raise _error("CSV-DATE", f"the business date lies after {today}", fields, line, _TRADE_DATE)
    return fields[_ACCOUNT].decode(), as_of


def read_end_record(fields: Fields, line: int) -> tuple[str, Control]:
    """Return the section (or FILE) of an END record, with count and total."""
    _check_fields(fields, line)
    kind = fields[_KIND].decode()
    if kind not in (*SECTIONS, "FILE"):
        raise _error("CSV-RECORD", "not a section", fields, line, _KIND)
    if not re.fullmatch(rb"0|[1-9][0-9]{0,9}", fields[_QUANTITY]):
        raise _error("CSV-NUMBER", "a count is wanted", fields, line, _QUANTITY)
    if (kind == "FILE") != (fields[_AMOUNT] == b""):
        raise _error("CSV-BLANK", "a section has a total, the file has none", fields, line, _AMOUNT)
    total = _number(fields, line, _AMOUNT) if fields[_AMOUNT] else 0
    return kind, Control(line, int(fields[_QUANTITY]), total)


def read_date(fields: Fields, line: int, column: int) -> date:
    """Return a date written YYYY-MM-DD, 1970 to 2199."""
    text = fields[column]
    if _DATE.fullmatch(text):
        try:
            found = date(int(text[:4]), int(text[5:7]), int(text[8:]))
        except ValueError:
            pass
        else:
            if _YEARS[0] <= found.year <= _YEARS[1]:
                return found
    raise _error("CSV-DATE", "a date YYYY-MM-DD is wanted", fields, line, column)


class _Rows:
    """The records between FILE and the last one, collected by section."""

    def __init__(self, directory: Directory, custodian: str, as_of: date) -> None:
        self._directory, self._custodian, self._as_of = directory, custodian, as_of
        self._last_day = to_day(as_of)
        self._accounts = {ref.encode(): i for ref, i in directory.account_code.items()}
        self._symbols = {symbol.encode(): i for symbol, i in directory.symbol_code.items()}
        self._currencies = {currency.encode(): i for currency, i in directory.currency_code.items()}
        self._values: dict[ItemKind, list[int]] = {item: [] for item in ItemKind}
        self._exec_ids: list[bytes] = []
        self._controls: dict[ItemKind, Control] = {}
        self._covered: set[int] = set()
        self._used: dict[int, int] = {}
        self._seen: dict[bytes, int] = {}
        self._dates: dict[bytes, int] = {}

    def read(self, lines: Iterator[bytes], end: Control) -> Parsed:
        """Read the records from line 3 up to the last one, which is read already."""
        for number, text in enumerate(islice(lines, end.line - 3), 3):
            fields = _split(text, number)
            _check_fields(fields, number)
            self._read(fields, number)
        for account, line in self._used.items():
            if account not in self._covered:
                ref = self._directory.accounts[account].encode()
                raise CustodianFileError("CSV-ACCOUNT", "no ACCOUNT record announces it", line=line, field="account", value=ref)
        tables = {item: self._table(item) for item, values in self._values.items() if values}
        return Parsed(self._custodian, self._as_of, sorted(self._covered), tables, self._controls, end, end.line - 2)

    def _table(self, item: ItemKind) -> Any:
        names = [field.name for field in dataclasses.fields(TABLES[item]) if field.name != "exec_id"]
        columns = np.array(self._values[item], np.int64).reshape(-1, len(names)).T
        ids = {"exec_id": as_exec_ids(self._exec_ids)} if item is ItemKind.TRADE else {}
        return TABLES[item](**{name: np.ascontiguousarray(column) for name, column in zip(names, columns, strict=True)}, **ids)

    def _read(self, fields: Fields, line: int) -> None:
        record = fields[_RECORD]
        if record == b"END":
            kind, control = read_end_record(fields, line)
            if kind == "FILE":
                raise _error("CSV-RECORD", "only the last record may end the file", fields, line, _KIND)
            self._once(fields[_KIND], fields, line)
            self._controls[ItemKind(kind)] = control
        elif record == b"FILE":
            raise _error("CSV-RECORD", "only the first record may be FILE", fields, line, _RECORD)
        else:
            account = _code(self._accounts, fields, line, _ACCOUNT, "CSV-ACCOUNT", "not an account of this custodian")
            if record == b"ACCOUNT":
                self._once(b"", fields, line)
                self._covered.add(account)
            else:
                self._used.setdefault(account, line)
                item, read = self._parsers[record]
                self._values[item].extend(read(self, account, fields, line))

    def _position(self, account: int, fields: Fields, line: int) -> tuple[int, ...]:
        instrument, currency = self._instrument(fields, line)
        self._once(fields[_SYMBOL], fields, line)
        quantity = _amount(fields, line, _QUANTITY)
        return account, instrument, currency, quantity, self._price(instrument, fields, line)

    def _cash(self, account: int, fields: Fields, line: int) -> tuple[int, ...]:
        currency = self._currency(fields, line)
        self._once(fields[_CURRENCY], fields, line)
        return account, 0, currency, 0, _amount(fields, line, _AMOUNT)

    def _trade(self, account: int, fields: Fields, line: int) -> tuple[int, ...]:
        instrument, currency = self._instrument(fields, line)
        side = _kind(fields, line)
        quantity = _amount(fields, line, _QUANTITY)
        if quantity <= 0:
            raise _error("CSV-SIGN", "a traded quantity is above zero, the side is in kind", fields, line, _QUANTITY)
        price, amount = self._price(instrument, fields, line), _amount(fields, line, _AMOUNT)
        traded = self._booked(fields, line)
        settles = self._date(fields, line, _SETTLE_DATE)
        if settles < traded:
            raise _error("CSV-DATE", "settlement lies before the trade", fields, line, _SETTLE_DATE)
        exec_id = fields[_EXEC_ID]
        if exec_id:
            if not EXEC_ID.fullmatch(exec_id):
                raise _error("CSV-ID", "an id of 1 to 64 visible characters that does not begin with =", fields, line, _EXEC_ID)
            self._once(exec_id, fields, line)
        self._exec_ids.append(exec_id)
        return account, instrument, currency, -quantity if side else quantity, price, amount, traded, settles

    def _fee(self, account: int, fields: Fields, line: int) -> tuple[int, ...]:
        kind, currency, booked = _kind(fields, line), self._currency(fields, line), self._booked(fields, line)
        self._once(b",".join((fields[_KIND], fields[_CURRENCY], fields[_TRADE_DATE])), fields, line)
        return account, kind, currency, booked, _amount(fields, line, _AMOUNT)

    def _margin(self, account: int, fields: Fields, line: int) -> tuple[int, ...]:
        kind, currency = _kind(fields, line), self._currency(fields, line)
        self._once(fields[_KIND] + b"," + fields[_CURRENCY], fields, line)
        amount = _amount(fields, line, _AMOUNT)
        if amount < 0:
            raise _error("CSV-SIGN", "margin is not negative", fields, line, _AMOUNT)
        return account, kind, currency, 0, amount

    _parsers: dict[bytes, tuple[ItemKind, Callable[[_Rows, int, Fields, int], tuple[int, ...]]]] = {
        b"POSITION": (ItemKind.POSITION, _position),
        b"CASH_TD": (ItemKind.CASH_TD, _cash),
        b"CASH_SD": (ItemKind.CASH_SD, _cash),
        b"TRADE": (ItemKind.TRADE, _trade),
        b"FEE": (ItemKind.FEE, _fee),
        b"MARGIN": (ItemKind.MARGIN, _margin),
    }

    def _once(self, about: bytes, fields: Fields, line: int) -> None:
        first = self._seen.setdefault(b",".join((fields[_RECORD], fields[_ACCOUNT], about)), line)
        if first != line:
            column = _EXEC_ID if fields[_EXEC_ID] else _ACCOUNT if fields[_ACCOUNT] else _KIND
            raise _error("CSV-DUPLICATE", f"line {first} says the same thing", fields, line, column)

    def _instrument(self, fields: Fields, line: int) -> tuple[int, int]:
        instrument = _code(self._symbols, fields, line, _SYMBOL, "CSV-SYMBOL", "not a symbol known of this custodian")
        return instrument, self._currency(fields, line)

    def _currency(self, fields: Fields, line: int) -> int:
        return _code(self._currencies, fields, line, _CURRENCY, "CSV-CURRENCY", "not a known currency")

    def _price(self, instrument: int, fields: Fields, line: int) -> int:
        if not fields[_PRICE]:
            return NO_PRICE
        price = _amount(fields, line, _PRICE)
        if price < 0 and not self._directory.negative_prices[instrument]:
            raise _error("CSV-SIGN", "this instrument has no negative prices", fields, line, _PRICE)
        return price

    def _booked(self, fields: Fields, line: int) -> int:
        booked = self._date(fields, line, _TRADE_DATE)
        if booked > self._last_day:
            raise _error("CSV-DATE", f"lies after the business date {self._as_of}", fields, line, _TRADE_DATE)
        return booked

    def _date(self, fields: Fields, line: int, column: int) -> int:
        text = fields[column]
        if text not in self._dates:
            self._dates[text] = to_day(read_date(fields, line, column))
        return self._dates[text]


def _last_record(body: bytes) -> Control:
    whole = body.removesuffix(b"\n")
    number = whole.count(b"\n") + 1
    fields = whole[whole.rfind(b"\n") + 1 :].split(b",", len(COLUMNS))
    if number < 3 or len(fields) != len(COLUMNS) or fields[_RECORD] != b"END" or fields[_KIND] != b"FILE":
        raise TruncatedFile("CSV-TRUNCATED", "the last record is not END of FILE", line=number)
    return read_end_record(fields, number)[1]


def _split(line: bytes, number: int) -> Fields:
    fields = line.split(b",", len(COLUMNS))
    if len(fields) != len(COLUMNS):
        raise CustodianFileError("CSV-COLUMNS", f"{line.count(b',') + 1} fields, {len(COLUMNS)} are wanted", line=number)
    return fields


def _check_fields(fields: Fields, line: int) -> None:
    record = fields[_RECORD]
    if record not in _MUST:
        raise _error("CSV-RECORD", "not a record of this form", fields, line, _RECORD)
    for column in _MUST[record]:
        if not fields[column]:
            raise _error("CSV-BLANK", "must be given", fields, line, column)
    for column in _EMPTY[record]:
        if fields[column]:
            raise _error("CSV-BLANK", f"must be empty in {record.decode()}", fields, line, column)


def _code(codes: dict[bytes, int], fields: Fields, line: int, column: int, rule: str, message: str) -> int:
    code = codes.get(fields[column])
    if code is None:
        raise _error(rule, message, fields, line, column)
    return code


def _kind(fields: Fields, line: int) -> int:
    return _code(_KIND_CODES[fields[_RECORD]], fields, line, _KIND, "CSV-KIND", "not a kind of this record")


def _amount(fields: Fields, line: int, column: int) -> int:
    fixed = _number(fields, line, column)
    if not -LIMIT <= fixed <= LIMIT:
        raise _error("CSV-RANGE", "beyond ±40,000,000,000", fields, line, column)
    return fixed


def _number(fields: Fields, line: int, column: int) -> int:
    match = _NUMBER.fullmatch(fields[column])
    if match is None:
        raise _error("CSV-NUMBER", "a plain decimal with at most 8 decimals is wanted, such as -1250.75", fields, line, column)
    sign, whole, fraction = match.groups()
    fixed: int = int(whole) * SCALE + int((fraction or b"").ljust(DECIMALS, b"0"))
    return -fixed if sign else fixed


def _error(rule: str, message: str, fields: Fields, line: int, column: int) -> CustodianFileError:
    return CustodianFileError(rule, message, line=line, field=COLUMNS[column], value=fields[column])
