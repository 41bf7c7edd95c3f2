"""The clock of this process: the machine's, or for rehearsals one that started elsewhere and runs faster.

Entry point: `process_clock`. MAMWEB_CLOCK="START@WALL*SPEED" (two instants, ISO 8601 with zone, and a number) gives every process of a
rehearsal the same time: START + (wall time − WALL) × SPEED. Production refuses the variable.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from .core.clock import Clock, SystemClock


@dataclass(frozen=True, slots=True)
class RehearsalClock:
    """Time that runs from `start` at `speed` × the wall clock, counted from the wall instant `since`."""

    start: datetime
    since: datetime
    speed: float

    def now(self) -> datetime:
        return self.start + timedelta(seconds=(datetime.now(UTC) - self.since).total_seconds() * self.speed)


def process_clock() -> Clock:
    """Return the clock every door of this process hands to the domain. Raises ImproperlyConfigured for a rehearsal in production."""
    text = settings.REHEARSAL_CLOCK
    if not text:
        return SystemClock()
    if settings.MODE == "production":
        raise ImproperlyConfigured("environment: MAMWEB_CLOCK is for rehearsals and refused in production")
    try:
        start, rest = text.split("@")
        since, speed = rest.split("*")
        return RehearsalClock(datetime.fromisoformat(start), datetime.fromisoformat(since), float(speed))
    except ValueError as error:
        raise ImproperlyConfigured(f"environment: MAMWEB_CLOCK {text!r} is not START@WALL*SPEED") from error
