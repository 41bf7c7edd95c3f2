"""Trading calendars: sessions, opening hours, trade dates and business-day arithmetic per market.

A market is a MIC (`XNYS`, `XLON`, `XSWX` ...), `FX` (weekdays, the day turns at 17:00 New York) or `CRYPTO` (every day, the day turns at
00:00 UTC); settlement calendars are `US` (exchange days less bank holidays) and `T2` (euro). Entry points: `session`, `is_session`,
`session_open`, `session_close`, `next_session`, `previous_session`, `is_open_at`, `trade_date`, `regular_mask`, `add_business_days`.

Invariants:
1. Instants are UTC; daylight saving is settled here and nowhere else (CON-6).
2. Every session has exactly one open and one close; half days close early.
3. A day the calendar does not know raises `OutsideCalendar`; it is never taken for open or closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from market.core.instants import from_day_number, from_us, to_day_number, to_us
from market.core.sessions import CRYPTO, EU_SETTLEMENT, FX, US_SETTLEMENT, OutsideCalendar, SessionTable, UnknownMarket, session_table

__all__ = [
    "CRYPTO",
    "EU_SETTLEMENT",
    "FX",
    "US_SETTLEMENT",
    "NotASession",
    "OutsideCalendar",
    "Session",
    "UnknownMarket",
    "add_business_days",
    "business_days_between",
    "is_open_at",
    "is_session",
    "next_session",
    "previous_session",
    "regular_mask",
    "session",
    "session_close",
    "session_open",
    "sessions_between",
    "trade_date",
]


class NotASession(LookupError):
    """The market does not trade on that day."""

    def __init__(self, market: str, day: date) -> None:
        super().__init__(f"market {market}: {day} is not a session")
        self.market, self.day = market, day


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day: UTC instants; `open_at` belongs to it, `close_at` no longer does. Breaks are None where there is none."""

    market: str
    day: date
    open_at: datetime
    close_at: datetime
    break_start_at: datetime | None = None
    break_end_at: datetime | None = None


def is_session(market: str, day: date) -> bool:
    """Return whether the market trades (or a settlement calendar settles) on that day.

    >>> is_session("XNYS", date(2026, 7, 3)), is_session("FX", date(2026, 7, 3)), is_session("CRYPTO", date(2026, 7, 4))
    (False, True, True)
    """
    return session_table(market).position(day)[1]


def session(market: str, day: date) -> Session:
    """Return the session of a day. Raises NotASession, OutsideCalendar, UnknownMarket."""
    table = session_table(market)
    index, found = table.position(day)
    if not found:
        raise NotASession(market, day)
    start, end = int(table.break_starts[index]), int(table.break_ends[index])
    breaks = (from_us(start), from_us(end)) if end > start else (None, None)
    return Session(market, day, from_us(int(table.opens[index])), from_us(int(table.closes[index])), *breaks)


def session_open(market: str, day: date) -> datetime:
    """Return the instant the session of that day opens. Raises NotASession."""
    return session(market, day).open_at


def session_close(market: str, day: date) -> datetime:
    """Return the instant the session of that day closes, early on half days (REC-1 counts its 60 minutes from here).

    >>> session_close("XNYS", date(2026, 11, 27)).isoformat(), session_close("FX", date(2026, 7, 3)).isoformat()
    ('2026-11-27T18:00:00+00:00', '2026-07-03T21:00:00+00:00')

    Raises NotASession.
    """
    return session(market, day).close_at


def next_session(market: str, day: date) -> date:
    """Return the first session strictly after `day`."""
    table = session_table(market)
    index, found = table.position(day)
    return table.day_at(index + found)


def previous_session(market: str, day: date) -> date:
    """Return the last session strictly before `day`."""
    table = session_table(market)
    return table.day_at(table.position(day)[0] - 1)


def last_closed_session(market: str, now: datetime) -> date:
    """Return the newest session of a market that has closed by `now`."""
    day = trade_date(market, now)
    closed = is_session(market, day) and session_close(market, day) <= now
    return day if closed else previous_session(market, day)


def sessions_between(market: str, first: date, last: date) -> list[date]:
    """Return the sessions from `first` to `last`, both included."""
    table = session_table(market)
    start = table.position(first)[0]
    end, found = table.position(last)
    return [from_day_number(number) for number in table.days[start : end + found].tolist()]


def is_open_at(market: str, instant: datetime) -> bool:
    """Return whether regular trading is on: open ≤ instant < close, outside a lunch break. Raises OutsideCalendar."""
    table = session_table(market)
    now = to_us(instant)
    _check_known(table, instant)
    return bool(_open_mask(table, np.array([now], np.int64))[0])


def regular_mask(market: str, instants: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which instants fall into regular trading hours.

    Args: instants: int64[n], microseconds UTC. Returns bool[n]. Raises OutsideCalendar if the earliest or latest is unknown.
    """
    table = session_table(market)
    if len(instants):
        _check_known(table, from_us(int(instants.min())))
        _check_known(table, from_us(int(instants.max())))
    return _open_mask(table, instants)


def trade_date(market: str, instant: datetime) -> date:
    """Return the trade date of an instant (CON-6).

    Within a session it is that session's day. After hours on a session's own local day it stays that day; otherwise it is the next
    session's day. FX turns at 17:00 New York (Friday evening is Monday's), crypto at 00:00 UTC.

    >>> from datetime import UTC
    >>> trade_date("FX", datetime(2026, 7, 3, 21, tzinfo=UTC)), trade_date("XNYS", datetime(2026, 7, 2, 23, tzinfo=UTC))
    (datetime.date(2026, 7, 6), datetime.date(2026, 7, 2))
    """
    table = session_table(market)
    now = to_us(instant)
    local_day = _check_known(table, instant)
    index = int(np.searchsorted(table.closes, now, side="right"))
    in_session = index < len(table.opens) and int(table.opens[index]) <= now
    if not in_session and table.after_hours and table.position(local_day)[1]:
        return local_day
    return table.day_at(index)


def add_business_days(market: str, day: date, count: int) -> date:
    """Return the day `count` business days of the market after `day` (before it when negative).

    A `day` that is no business day counts from the next one for 0, and from where it stands otherwise.

    >>> add_business_days("US", date(2026, 10, 9), 1), add_business_days("XNYS", date(2026, 10, 9), 1)
    (datetime.date(2026, 10, 13), datetime.date(2026, 10, 12))
    """
    table = session_table(market)
    index, found = table.position(day)
    return table.day_at(index + count - (count > 0 and not found))


def business_days_between(market: str, start: date, end: date) -> int:
    """Return how many business days lie after `start` up to and including `end`; negative when `end` is earlier."""
    table = session_table(market)
    table.position(start)
    table.position(end)
    first, last = np.searchsorted(table.days, [to_day_number(start), to_day_number(end)], side="right")
    return int(last - first)


def _open_mask(table: SessionTable, instants: NDArray[np.int64]) -> NDArray[np.bool_]:
    index = np.searchsorted(table.opens, instants, side="right") - 1
    safe = np.maximum(index, 0)
    in_break = (instants >= table.break_starts[safe]) & (instants < table.break_ends[safe])
    mask: NDArray[np.bool_] = (index >= 0) & (instants < table.closes[safe]) & ~in_break
    return mask


def _check_known(table: SessionTable, instant: datetime) -> date:
    local_day = instant.astimezone(table.zone).date()
    if not table.first_day <= local_day <= table.last_day:
        raise OutsideCalendar(table.market, local_day, table.first_day, table.last_day)
    return local_day
