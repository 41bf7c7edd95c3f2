"""Which regular session an instant belongs to.

Entry point: `Calendar`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import pairwise

from execution.venue.setup import Session


class Calendar:
    """Sessions in ascending order, not overlapping. Raises ValueError otherwise."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        for earlier, later in pairwise(sessions):
            if later.open_us < earlier.close_us:
                raise ValueError(f"sessions of {earlier.trade_date} and {later.trade_date} overlap")
        self._sessions = tuple(sessions)
        self._opens = [session.open_us for session in sessions]

    def at(self, now_us: int) -> Session | None:
        """Return the session that is open at `now_us`."""
        index = bisect_right(self._opens, now_us) - 1
        if index >= 0 and now_us < self._sessions[index].close_us:
            return self._sessions[index]
        return None

    def at_or_after(self, now_us: int) -> Session | None:
        """Return the session open now, else the next one."""
        index = bisect_right(self._opens, now_us)
        return self.at(now_us) or (self._sessions[index] if index < len(self._sessions) else None)

    def business_date(self, now_us: int) -> date:
        """Return the date of the last session that has opened; before the first one, the UTC date."""
        index = bisect_right(self._opens, now_us) - 1
        return self._sessions[index].trade_date if index >= 0 else datetime.fromtimestamp(now_us // 1_000_000, UTC).date()
