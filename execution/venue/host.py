"""A venue with a clock and a journal: what is stamped, carried out, written down, and repeated exactly after a crash.

Entry points: `VenueHost`, `ScaledClock`.

Invariants:
1. A command is journaled together with its events; `sync` makes it durable. Nobody may be told of an event before `sync` has returned.
2. Replaying a journal gives the same events, or `JournalDamaged` names the first record that differs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import orjson

from base.core.clock import Clock, VirtualClock
from execution.venue.engine import Venue
from execution.venue.executions import Event
from execution.venue.journal import Journal, JournalDamaged, Record
from execution.venue.orders import to_microseconds

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ScaledClock:
    """Time that runs from `start` at `speed` × the machine's monotonic clock."""

    def __init__(self, start: datetime, speed: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        if speed <= 0:
            raise ValueError("speed must be positive")
        self._start = start
        self._speed = speed
        self._monotonic = monotonic
        self._began = monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=(self._monotonic() - self._began) * self._speed)


class VenueHost:
    """Runs a venue on a clock. `clock`: domain time; on a `VirtualClock` the venue's time moves when somebody moves that clock."""

    def __init__(self, venue: Venue, journal: Journal, clock: Clock, *, history: Sequence[Record] = ()) -> None:
        self.venue = venue
        self.journal = journal
        self.clock = clock
        header = {"header": {"version": 1, "setup": venue.setup_digest}}
        if history:
            self._replay(history, header)
        else:
            journal.append(header)
            journal.sync()

    def catch_up(self, until_us: int | None = None) -> None:
        """Let the venue live until the clock's now (not beyond `until_us`); what happens is journaled."""
        now_us = to_microseconds(self.clock.now())
        at = max(now_us if until_us is None else min(now_us, until_us), self.venue.now_us)
        events = self.venue.advance(at)
        if events:
            self.journal.append({"at": at, "cmd": {"op": "advance"}, "events": events})

    def execute(self, command: Mapping[str, object], *, at_us: int | None = None) -> list[Event]:
        """Carry out a command and journal it; return its own events. Raises CommandRefused.

        at_us: an instant that the clock has reached and the venue has not; without it, now.
        """
        self.catch_up(at_us)
        events = self.venue.execute(command)
        self.journal.append({"at": self.venue.now_us, "cmd": dict(command), "events": events})
        return events

    def move_clock(self, by: timedelta) -> bool:
        """Advance a virtual clock, not yet the venue; return False if time is not ours to move."""
        if not isinstance(self.clock, VirtualClock):
            return False
        self.clock.advance(by)
        return True

    def sync(self) -> None:
        """Make all that happened durable."""
        self.journal.sync()

    def now(self) -> datetime:
        """Return the venue's instant."""
        return to_instant(self.venue.now_us)

    def _replay(self, history: Sequence[Record], header: Record) -> None:
        if history[0] != header:
            raise JournalDamaged("the journal was written for other instruments, settings or seed")
        for number, record in enumerate(history[1:], start=2):
            events = self.venue.advance(record["at"]) + self.venue.execute(record["cmd"])
            if orjson.dumps(events) != orjson.dumps(record["events"]):
                raise JournalDamaged(f"replay differs at record {number}")


def to_instant(microseconds: int) -> datetime:
    """Return microseconds since 1970 as an aware UTC instant."""
    return EPOCH + timedelta(microseconds=microseconds)


def last_instant(history: Sequence[Record], otherwise: datetime) -> datetime:
    """Return the instant of a journal's last record, so that a restarted clock goes on from there."""
    return to_instant(history[-1]["at"]) if len(history) > 1 else otherwise
