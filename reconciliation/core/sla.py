"""When a business date ends, and by when its reconciliation is due (REC-1).

Entry points: `cut_off`, `due_at`, `run_state`.
Invariants: 1. instants are timezone-aware UTC (CON-6); 2. what is missing or late is INCOMPLETE, never complete.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ..enums import CutOff, RunState

ALLOWED = timedelta(minutes=60)
_NEW_YORK = ZoneInfo("America/New_York")


def cut_off(kind: CutOff, business_date: date, exchange_close: datetime | None = None) -> datetime:
    """Return the instant at which `business_date` ends.

    The exchange's close as handed in; 17:00 New York for FX; for crypto the midnight UTC that follows the date.

    >>> cut_off(CutOff.FX_NEW_YORK, date(2026, 7, 15)).isoformat()
    '2026-07-15T21:00:00+00:00'

    Raises ValueError if an exchange's close is missing or has no timezone.
    """
    if kind is CutOff.FX_NEW_YORK:
        return datetime.combine(business_date, time(17), _NEW_YORK).astimezone(UTC)
    if kind is CutOff.CRYPTO_UTC:
        return datetime.combine(business_date + timedelta(days=1), time(0), UTC)
    if exchange_close is None or exchange_close.tzinfo is None:
        raise ValueError("an exchange's close must be given, timezone-aware")
    return exchange_close.astimezone(UTC)


def due_at(closed_at: datetime, allowed: timedelta = ALLOWED) -> datetime:
    """Return the last instant at which reconciliation is in time: 60 minutes after the close."""
    return closed_at + allowed


def run_state(due: datetime, now: datetime, finished_at: datetime | None, outcome: RunState = RunState.COMPLETE) -> RunState:
    """Return PENDING until due, then INCOMPLETE unless it finished; a run that finished has its own outcome, even where it finished late.

    Lateness itself is `finished_at > due`. A file that comes after the deadline turns INCOMPLETE into that run's outcome, on evidence.
    """
    if finished_at is not None and finished_at <= now:
        return outcome
    return RunState.PENDING if now <= due else RunState.INCOMPLETE
