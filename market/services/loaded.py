"""What loading a whole market brought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from market.core.bars import Bars
from market.core.calendars import trade_date
from market.core.instants import from_us
from market.enums import QuoteSource

from .staging import Merged

_MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class LoadedMarket:
    """The instruments that were loaded and what there is of them.

    Attributes:
        instrument_ids: by symbol.
        sessions: the trade dates with regular-hours minute bars, by symbol, ascending; empty for a symbol with daily bars alone.
        minute_bars, daily_bars, quotes, fx_rates: rows new, unchanged and replaced.
        source: how every row is labelled.
    """

    source: QuoteSource
    instrument_ids: dict[str, int]
    sessions: dict[str, tuple[date, ...]]
    minute_bars: Merged
    daily_bars: Merged
    quotes: Merged
    fx_rates: Merged

    def symbols_on(self, day: date) -> list[str]:
        """Return the symbols that have minute bars on a trade date, in alphabetical order."""
        return sorted(symbol for symbol, days in self.sessions.items() if day in days)


def regular_sessions(bars: Bars, market: str) -> tuple[date, ...]:
    """Return the trade dates on which the series has regular-hours bars, ascending; the market must pause between its sessions."""
    minutes = bars.start[bars.regular]
    after_a_pause = np.diff(minutes, prepend=minutes[:1] - 2 * _MINUTE_US) > _MINUTE_US
    return tuple(sorted({trade_date(market, from_us(start)) for start in minutes[after_a_pause].tolist()}))
