"""Bars and quotes from CSV (docs/market-csv.md).

Entry points: `read_minute_bars`, `read_minute_quotes`, `read_daily_bars`. 200,000 rows take less than a second.

Invariants:
1. All or nothing: a file with one bad line gives no bars at all.
2. Prices and volumes are taken digit by digit into integers; no float is involved.
3. A symbol's rows may stand anywhere in the file, but in the order of time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from market.core.bars import PRICE_EXPONENT, Bars, InvalidSeries, RowFinding, findings_after_now
from market.core.calendars import OutsideCalendar, regular_mask
from market.core.instruments import InvalidInstrument, normalise_symbol
from market.core.quotes import Quotes
from market.enums import BarInterval, InstrumentKind
from market.readers.columns import Table, read_table
from market.readers.timestamps import dates, instants

BAR_HEADER = ("symbol", "ts", "open", "high", "low", "close", "volume")
DAILY_HEADER = ("symbol", "date", "open", "high", "low", "close", "volume")
QUOTE_HEADER = ("symbol", "ts", "bid", "bid_size", "ask", "ask_size")
NEW_YORK = "America/New_York"
_MINUTE_US = 60_000_000
_DAY_US = 86_400_000_000
_SHARES, _COINS = 0, 8


def read_minute_bars(
    path: Path, *, market: str | Mapping[str, str] = "XNYS", zone: str = NEW_YORK, now: datetime | None = None
) -> dict[str, Bars]:
    """Return the minute bars of each symbol in the file.

    Args:
        market: the market whose regular hours the symbols trade in, or one per symbol.
        zone: the zone of timestamps without a `Z`; they are the start of the bar.
        now: when given, a bar that ends later is refused.

    Raises UnableToReadMarketFile with line, field, value and rule of what is wrong.
    """
    table = read_table(path, BAR_HEADER)
    start = instants(table, "ts", ZoneInfo(zone))
    table.complain(start % _MINUTE_US != 0, "ts", "on a whole minute")
    return _bars(table, start, "ts", BarInterval.MINUTE, market, now)


def read_daily_bars(path: Path, *, now: datetime | None = None) -> dict[str, Bars]:
    """Return the daily bars of each symbol, labelled 00:00 UTC of their date. Raises UnableToReadMarketFile."""
    table = read_table(path, DAILY_HEADER)
    start = dates(table, "date") * _DAY_US
    return _bars(table, start, "date", BarInterval.DAY, None, now)


def read_minute_quotes(path: Path, *, zone: str = NEW_YORK, now: datetime | None = None) -> dict[str, Quotes]:
    """Return the minute quotes of each symbol; an empty price with size 0 is a missing side. Raises UnableToReadMarketFile."""
    table = read_table(path, QUOTE_HEADER)
    start = instants(table, "ts", ZoneInfo(zone))
    table.complain(start % _MINUTE_US != 0, "ts", "on a whole minute")
    exponent = _COINS if table.has_point("bid_size") or table.has_point("ask_size") else _SHARES
    bid, ask = (table.decimals(name, PRICE_EXPONENT, blank=True) for name in ("bid", "ask"))
    bid_size, ask_size = (table.decimals(name, exponent) for name in ("bid_size", "ask_size"))
    rows = _rows_by_symbol(table)
    table.complaints.raise_any()
    quotes: dict[str, Quotes] = {}
    for symbol, at in rows.items():
        try:
            quotes[symbol] = Quotes(symbol, start[at], bid[at], bid_size[at], ask[at], ask_size[at], size_exponent=exponent)
        except InvalidSeries as error:
            _complain(table, error.findings, at, "ts")
        _complain(table, findings_after_now(start[at], BarInterval.MINUTE, now), at, "ts")
    table.complaints.raise_any()
    return quotes


def _bars(
    table: Table,
    start: NDArray[np.int64],
    time_column: str,
    interval: BarInterval,
    market: str | Mapping[str, str] | None,
    now: datetime | None,
) -> dict[str, Bars]:
    exponent = _COINS if table.has_point("volume") else _SHARES
    opens, highs, lows, closes = (table.decimals(name, PRICE_EXPONENT) for name in ("open", "high", "low", "close"))
    volume = table.decimals("volume", exponent)
    rows = _rows_by_symbol(table)
    table.complaints.raise_any()
    bars: dict[str, Bars] = {}
    for symbol, at in rows.items():
        regular = _regular(table, symbol, market, start[at], at)
        prices = (opens[at], highs[at], lows[at], closes[at])
        try:
            bars[symbol] = Bars(symbol, interval, start[at], *prices, volume[at], regular, exponent)
        except InvalidSeries as error:
            _complain(table, error.findings, at, time_column)
        _complain(table, findings_after_now(start[at], interval, now), at, time_column)
    table.complaints.raise_any()
    return bars


def _rows_by_symbol(table: Table) -> dict[str, NDArray[np.int64]]:
    """Return the rows of each symbol in file order; complain about symbols that are not normalised."""
    symbols, symbol_of_row = table.labels("symbol")
    order = np.argsort(symbol_of_row, kind="stable")
    groups = np.split(order, np.searchsorted(symbol_of_row[order], np.arange(1, len(symbols))))
    for symbol, rows in zip(symbols, groups, strict=False):
        try:
            wanted = normalise_symbol(symbol, InstrumentKind.EQUITY)
        except InvalidInstrument as error:
            table.complaints.add(int(rows[0]) + 2, "symbol", symbol, error.rule)
        else:
            if wanted != symbol:
                table.complaints.add(int(rows[0]) + 2, "symbol", symbol, f"written {wanted}")
    return dict(zip(symbols, groups, strict=False))


def _regular(
    table: Table, symbol: str, market: str | Mapping[str, str] | None, start: NDArray[np.int64], rows: NDArray[np.int64]
) -> NDArray[np.bool_]:
    if market is None:
        return np.ones(len(start), np.bool_)
    name = market if isinstance(market, str) else market.get(symbol)
    if name is None:
        table.complaints.add(int(rows[0]) + 2, "symbol", symbol, "a symbol whose market is known")
        return np.zeros(len(start), np.bool_)
    try:
        return regular_mask(name, start)
    except OutsideCalendar as error:
        table.complaints.add(
            int(rows[0]) + 2, "ts", str(error.day), f"between {error.first} and {error.last}, as the calendar {name} knows"
        )
        return np.zeros(len(start), np.bool_)


def _complain(table: Table, findings: Sequence[RowFinding], rows: NDArray[np.int64], time_column: str) -> None:
    for finding in findings:
        column = time_column if finding.field == "ts" else finding.field
        row = int(rows[finding.row])
        table.complaints.add(row + 2, column, table.cell(column, row), finding.rule)
