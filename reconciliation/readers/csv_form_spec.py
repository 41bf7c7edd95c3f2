"""The documented custodian CSV form: its columns, records, values, and what is wrong with a file (docs/custodian-csv.md).

Entry points: `CustodianFileError`, `TruncatedFile`, `clean`, `Parsed`, `to_snapshot`.
Invariants: 1. one line per record, eleven fields, no quoting, printable ASCII; 2. an error names line, field, value and rule; 3. a file is
taken whole or not at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from ..core.directory import Directory
from ..core.fixed import exact_sum
from ..core.snapshot import TABLES, Snapshot, make_table, section_of
from ..enums import ItemKind, MarginKind, MovementKind

VERSION = "1"
MAX_BYTES = 10 * 1024 * 1024
COLUMNS = ("record", "account", "kind", "symbol", "currency", "quantity", "price", "amount", "trade_date", "settle_date", "exec_id")
HEADER = ",".join(COLUMNS).encode()
SIDES = ("BUY", "SELL")
KINDS: dict[str, tuple[str, ...]] = {"TRADE": SIDES, "FEE": tuple(MovementKind), "MARGIN": tuple(MarginKind)}
SECTIONS = tuple(ItemKind)

# Which fields a record must have, and may have; every other field must be empty.
REQUIRED: dict[str, tuple[str, ...]] = {
    "FILE": ("account", "kind", "trade_date"),
    "ACCOUNT": ("account",),
    "POSITION": ("account", "symbol", "currency", "quantity"),
    "CASH_TD": ("account", "currency", "amount"),
    "CASH_SD": ("account", "currency", "amount"),
    "TRADE": ("account", "kind", "symbol", "currency", "quantity", "price", "amount", "trade_date", "settle_date"),
    "FEE": ("account", "kind", "currency", "amount", "trade_date"),
    "MARGIN": ("account", "kind", "currency", "amount"),
    "END": ("kind", "quantity"),
}
OPTIONAL: dict[str, tuple[str, ...]] = {"POSITION": ("price",), "TRADE": ("exec_id",), "END": ("amount",)}
TOTAL_FIELD = {item: "quantity" if item in (ItemKind.POSITION, ItemKind.TRADE) else "amount" for item in ItemKind}

EXEC_ID = re.compile(rb"[!-<>?A-~][!-~]{0,63}")
_ALLOWED = bytes({*range(0x20, 0x7F), 0x0A} - {0x22})
_BOM = b"\xef\xbb\xbf"


class CustodianFileError(Exception):
    """A file that is refused whole. line: 1 is the header, 0 the file itself; field: a column; value: shortened; rule: CSV-…, see the
    docs.
    """

    def __init__(self, rule: str, message: str, *, line: int = 0, field: str = "", value: bytes = b"") -> None:
        self.rule, self.message, self.line, self.field = rule, message, line, field
        self.value = value[:64].decode("ascii", "backslashreplace")
        where = " ".join(part for part in (f"line {line}" if line else "file", field, repr(self.value) if field else "") if part)
        super().__init__(f"{where}: {message} ({rule})")


class TruncatedFile(CustodianFileError):
    """The file ends before its last record: the run is INCOMPLETE until a whole one arrives (REC-1)."""


@dataclass(frozen=True, slots=True)
class Control:
    """One END record: rows and exact total (10⁻⁸) of a section, and the line it stands on."""

    line: int
    count: int
    total: int


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """What a parser read: names of the file, codes of the accounts it covers, tables and controls by section, the number of records."""

    custodian: str
    as_of: date
    accounts: list[int]
    tables: dict[ItemKind, Any]
    controls: dict[ItemKind, Control]
    end: Control
    records: int


def clean(data: bytes, max_bytes: int) -> bytes:
    """Return the file without byte-order mark and with plain line feeds. Raises CustodianFileError for its size or a byte outside the
    form.
    """
    if len(data) > max_bytes:
        raise CustodianFileError("CSV-SIZE", f"{len(data)} bytes, at most {max_bytes} are taken")
    body = data.removeprefix(_BOM)
    if b"\r" in body:
        body = body.replace(b"\r\n", b"\n")
    strange = body.translate(None, _ALLOWED)
    if strange:
        at = body.find(strange[:1])
        line = body.count(b"\n", 0, at) + 1
        raise CustodianFileError("CSV-ENCODING", f"byte 0x{strange[0]:02x} is not printable ASCII without quotes", line=line)
    if len(body) >= 2**31:
        raise CustodianFileError("CSV-SIZE", "more than 2 GiB")
    return body


def to_snapshot(parsed: Parsed, directory: Directory) -> Snapshot:
    """Check counts and totals and build the snapshot. Raises CustodianFileError (CSV-CONTROL) where they do not agree."""
    if parsed.end.count != parsed.records:
        raise CustodianFileError("CSV-CONTROL", f"{parsed.end.count} records announced, {parsed.records} found", line=parsed.end.line)
    covered = np.zeros(len(directory.accounts), np.bool_)
    covered[parsed.accounts] = True
    empty = {item: make_table(TABLES[item], []) for item in ItemKind}
    tables = {**empty, **parsed.tables}
    snapshot = Snapshot(
        custodian=parsed.custodian,
        as_of=parsed.as_of,
        covered=covered,
        sections=frozenset(parsed.controls),
        positions=tables[ItemKind.POSITION],
        cash_td=tables[ItemKind.CASH_TD],
        cash_sd=tables[ItemKind.CASH_SD],
        trades=tables[ItemKind.TRADE],
        fees=tables[ItemKind.FEE],
        margins=tables[ItemKind.MARGIN],
    )
    for item in ItemKind:
        _check_section(snapshot, item, parsed.controls.get(item))
    return snapshot


def section_total(snapshot: Snapshot, item: ItemKind) -> int:
    """Return the exact control total of a section in 10⁻⁸: quantities of positions (signed) and trades (unsigned), else amounts."""
    table = section_of(snapshot, item)
    column = getattr(table, TOTAL_FIELD[item])
    return exact_sum(np.abs(column) if item is ItemKind.TRADE else column)


def _check_section(snapshot: Snapshot, item: ItemKind, control: Control | None) -> None:
    rows = len(section_of(snapshot, item))
    if control is None:
        if rows:
            raise CustodianFileError("CSV-CONTROL", f"{rows} {item} records but no END record for them")
        return
    total = section_total(snapshot, item)
    if control.count != rows or control.total != total:
        found = f"{rows} records with total {total}e-8"
        raise CustodianFileError(
            "CSV-CONTROL", f"{item}: {control.count} with {control.total}e-8 announced, {found} found", line=control.line
        )
