"""Session tables: the trading days of one market as arrays, built once and searched afterwards.

Entry point: `session_table(market)`. The calendar library is slow to construct (0.1-0.4 s) and to import (seconds), so it is
imported on first use and asked once per market and process; it reads no files.

Invariants:
1. `days` and `closes` increase strictly; open < close; a session's open is not before the previous close.
2. A day outside [first_day, last_day] is not "closed", it is unknown: callers raise `OutsideCalendar`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from market.core.instants import from_day_number, to_day_number, to_us

FX = "FX"
CRYPTO = "CRYPTO"
US_SETTLEMENT = "US"
EU_SETTLEMENT = "T2"

_FIRST = date(1998, 1, 1)
_LAST = date(2035, 12, 31)
_FX_ZONE = "America/New_York"
_FX_CUT_HOUR = 17
_OVERNIGHT_US = 20 * 3600 * 1_000_000


class UnknownMarket(LookupError):
    """No calendar goes by this name."""

    def __init__(self, market: str) -> None:
        super().__init__(f"market {market!r}: expected a MIC known to exchange_calendars, or FX, CRYPTO, US, T2")
        self.market = market


class OutsideCalendar(LookupError):
    """The day lies outside what the market's calendar knows."""

    def __init__(self, market: str, day: date, first: date, last: date) -> None:
        super().__init__(f"market {market}: {day} is outside the known sessions {first} to {last}")
        self.market, self.day, self.first, self.last = market, day, first, last


@dataclass(frozen=True, slots=True, eq=False)
class SessionTable:
    """All sessions of a market. Days: int64 days since 1970. Instants: int64 microseconds UTC. Breaks: equal start and end when none."""

    market: str
    zone: ZoneInfo
    first_day: date
    last_day: date
    days: NDArray[np.int64]
    opens: NDArray[np.int64]
    closes: NDArray[np.int64]
    break_starts: NDArray[np.int64]
    break_ends: NDArray[np.int64]
    after_hours: bool

    def position(self, day: date) -> tuple[int, bool]:
        """Return the index of the first session on or after `day`, and whether it is that day. Raises OutsideCalendar."""
        if not self.first_day <= day <= self.last_day:
            raise OutsideCalendar(self.market, day, self.first_day, self.last_day)
        number = to_day_number(day)
        index = int(np.searchsorted(self.days, number))
        return index, index < len(self.days) and int(self.days[index]) == number

    def day_at(self, index: int) -> date:
        """Return the day of a session. Raises OutsideCalendar past either end."""
        if 0 <= index < len(self.days):
            return from_day_number(int(self.days[index]))
        beyond = self.last_day + timedelta(days=1) if index >= 0 else self.first_day - timedelta(days=1)
        raise OutsideCalendar(self.market, beyond, self.first_day, self.last_day)


@lru_cache(maxsize=64)
def session_table(market: str) -> SessionTable:
    """Return the sessions of a market (a MIC, `FX`, `CRYPTO`, or a settlement calendar `US`, `T2`). Raises UnknownMarket."""
    if market == FX:
        return _fx_table()
    if market == CRYPTO:
        return _crypto_table()
    if market == US_SETTLEMENT:
        return _without_days(session_table("XNYS"), US_SETTLEMENT, _us_bank_holidays())
    if market == EU_SETTLEMENT:
        return _without_days(session_table("XPAR"), EU_SETTLEMENT, np.empty(0, np.int64))
    return _exchange_table(market)


def _exchange_table(market: str) -> SessionTable:
    calendar = _library_calendar(market)
    opens, closes, break_starts, break_ends = (
        _microseconds(calendar.schedule[name]) for name in ("open", "close", "break_start", "break_end")
    )
    no_break = break_starts < opens  # the library writes "not a time", the smallest integer
    days = calendar.schedule.index.to_numpy().astype("datetime64[D]").astype(np.int64)
    return SessionTable(
        market=market,
        zone=ZoneInfo(str(calendar.tz)),
        first_day=max(_FIRST, calendar.first_session.date()),
        last_day=min(_LAST, calendar.last_session.date()),
        days=days,
        opens=opens,
        closes=closes,
        break_starts=np.where(no_break, opens, break_starts),
        break_ends=np.where(no_break, opens, break_ends),
        after_hours=bool(np.max(closes - opens) < _OVERNIGHT_US),
    )


def _library_calendar(market: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the library's own, about its use of pandas
        import exchange_calendars  # type: ignore[import-untyped]
        import pandas as pd  # type: ignore[import-untyped]

        dispatcher = exchange_calendars.calendar_utils.global_calendar_dispatcher
        if market not in dispatcher.get_calendar_names(include_aliases=True, sort=False):
            raise UnknownMarket(market)
        factory = dispatcher._calendar_factories[dispatcher.resolve_alias(market)]
        start, end = pd.Timestamp(_FIRST), pd.Timestamp(_LAST)
        first, last = factory.bound_min(), factory.bound_max()
        start = start if first is None else max(start, first)
        end = end if last is None else min(end, last)
        return exchange_calendars.get_calendar(market, start=start, end=end)


def _microseconds(column: Any) -> NDArray[np.int64]:
    values: NDArray[np.int64] = column.dt.tz_convert(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    return values


def _fx_table() -> SessionTable:
    zone = ZoneInfo(_FX_ZONE)
    numbers = np.arange(to_day_number(_FIRST), to_day_number(_LAST) + 1, dtype=np.int64)
    days = numbers[(numbers + 3) % 7 < 5]  # 1970-01-01 was a Thursday, weekday 3
    closes = np.array([_local_us(from_day_number(day), zone) for day in days.tolist()], np.int64)
    opens = np.array([_local_us(from_day_number(day - 1), zone) for day in days.tolist()], np.int64)
    return SessionTable(FX, zone, _FIRST, _LAST, days, opens, closes, opens, opens, after_hours=False)


def _local_us(day: date, zone: ZoneInfo) -> int:
    return to_us(datetime(day.year, day.month, day.day, _FX_CUT_HOUR, tzinfo=zone))


def _crypto_table() -> SessionTable:
    days = np.arange(to_day_number(_FIRST), to_day_number(_LAST) + 1, dtype=np.int64)
    opens = days * 86_400_000_000
    return SessionTable(CRYPTO, ZoneInfo("UTC"), _FIRST, _LAST, days, opens, opens + 86_400_000_000, opens, opens, after_hours=False)


def _without_days(table: SessionTable, name: str, removed: NDArray[np.int64]) -> SessionTable:
    keep = ~np.isin(table.days, removed)
    return replace(
        table,
        market=name,
        days=table.days[keep],
        opens=table.opens[keep],
        closes=table.closes[keep],
        break_starts=table.break_starts[keep],
        break_ends=table.break_ends[keep],
    )


def _us_bank_holidays() -> NDArray[np.int64]:
    """Return the days US exchanges trade but banks do not settle: Columbus Day and Veterans Day (Sunday moves to Monday)."""
    days: list[int] = []
    for year in range(_FIRST.year, _LAST.year + 1):
        october = date(year, 10, 1)
        columbus = october + timedelta(days=(7 - october.weekday()) % 7 + 7)
        veterans = date(year, 11, 11)
        days += [to_day_number(columbus), to_day_number(veterans + timedelta(days=veterans.weekday() == 6))]
    return np.array(days, np.int64)
