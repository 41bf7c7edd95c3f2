"""The only source of domain time (DESIGN: a Clock is handed in, never read from the system inside the domain).

Entry points: `SystemClock` for running processes, `VirtualClock` for tests, backtests and the tour.
Invariant: every instant is timezone-aware UTC with microsecond resolution (CON-6).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Anything that can tell the time."""

    def now(self) -> datetime:
        """Return the current instant, timezone-aware UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class VirtualClock:
    """A clock that moves only when told to.

    >>> clock = VirtualClock(datetime(2026, 1, 5, tzinfo=UTC))
    >>> clock.advance(timedelta(minutes=1)).minute
    1
    """

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("start must be timezone-aware")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Move forward by `by` and return the new instant. Raises ValueError on a step back."""
        if by < timedelta(0):
            raise ValueError(f"time cannot go back by {-by}")
        self._now += by
        return self._now

    def move_to(self, instant: datetime) -> datetime:
        """Move forward to `instant`. Raises ValueError if it lies in the past."""
        return self.advance(instant.astimezone(UTC) - self._now)
