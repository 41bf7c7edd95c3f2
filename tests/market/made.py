"""Makers of bars and quotes for the market's tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from market.core.bars import Bars
from market.core.instants import to_us
from market.enums import BarInterval, QuoteSource

NINE_THIRTY = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
MINUTE_US = 60_000_000


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def minute_bars(
    symbol: str, count: int = 3, *, first: datetime = NINE_THIRTY, source: QuoteSource = QuoteSource.FILE, **columns: Any
) -> Bars:
    """Make minutes that close at 50.00, 50.01 ... with volumes 1, 2 ...; `columns` replaces any of the arrays."""
    rows = np.arange(count, dtype=np.int64)
    close = 50 * 10**8 + rows * 10**6
    made = {
        "start": to_us(first) + rows * MINUTE_US,
        "open": close,
        "high": close + 10**6,
        "low": close - 10**6,
        "close": close,
        "volume": rows + 1,
        "regular": np.ones(count, np.bool_),
    }
    return Bars(symbol=symbol, interval=BarInterval.MINUTE, source=source, **{**made, **columns})


def rows_of(bars: Bars) -> list[tuple[Any, ...]]:
    """Return the bars as tuples, volume exponent included, to compare with."""
    names = ("start", "open", "high", "low", "close", "volume", "regular")
    return [*zip(*(getattr(bars, name).tolist() for name in names), strict=True), (bars.volume_exponent,)]
