"""Each custodian's day against its hour: what was reconciled, how long is left, how late it is (REC-1).

Entry points: `custodian_days`, `CustodianDay`. It only reads; the sessions' ends are those the runs keep to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from market.core import calendars

from ..core.sla import ALLOWED
from ..enums import RunState
from ..models import ReconciliationRun
from ..queries.desk import CustodianFacts, runs_of_days
from .runs import due_at_of


@dataclass(frozen=True, slots=True)
class CustodianDay:
    """A custodian's last closed day. run: the newest comparison of it; used: how much of the hour went by, in whole per cent, 100 at most."""

    custodian: CustodianFacts
    as_of: date
    closed_at: datetime
    due_at: datetime
    next_close_at: datetime
    run: ReconciliationRun | None
    open: int
    material: int
    minutes: int
    used: int

    @property
    def state(self) -> str:
        """Return MATCHED, BREAKS, INCOMPLETE, WAITING or LATE."""
        if self.run is None:
            return "LATE" if self.minutes < 0 else "WAITING"
        if self.run.state != RunState.COMPLETE:
            return "INCOMPLETE"
        return "BREAKS" if self.open else "MATCHED"


def custodian_days(*, custodians: Sequence[CustodianFacts], counts: Mapping[UUID, tuple[int, int]], now: datetime) -> list[CustodianDay]:
    """Return the last closed day of each custodian. minutes: left until due (negative: late); after a run, what it took."""
    days = {one.id: calendars.last_closed_session(one.calendar, now) for one in custodians}
    runs = runs_of_days(days)
    return [_day(one, days[one.id], runs.get(one.id), counts.get(one.id, (0, 0)), now) for one in custodians]


def _day(one: CustodianFacts, as_of: date, run: ReconciliationRun | None, count: tuple[int, int], now: datetime) -> CustodianDay:
    closed_at, due_at = calendars.session_close(one.calendar, as_of), due_at_of(one.calendar, as_of)
    finished = run.finished_at if run else None
    taken = (finished or now) - closed_at
    minutes = int(taken.total_seconds()) // 60 if finished else int((due_at - now).total_seconds()) // 60
    following = calendars.session_close(one.calendar, calendars.next_session(one.calendar, as_of))
    used = min(max(int(100 * taken / ALLOWED), 0), 100)
    return CustodianDay(one, as_of, closed_at, due_at, following, run, *count, minutes, used)
