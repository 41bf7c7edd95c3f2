"""Walk a firm through its sessions: decisions, fills, flows, evenings, statements.

Entry points: `live_history`, `HistoryOptions`.
Invariants: 1. everything is done through the product's services at the virtual clock's now; 2. a day's last act is its equity: a history
that was killed goes on with the first day without one; 3. whatever is done again on that day carries the key it was done under before.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from accounts import services as accounts
from allocation.core.signal_body import SignalBody
from base import tenancy
from base.core.clock import VirtualClock
from base.errors import Refused
from execution.services.booking import finish_parents
from execution.services.release import continue_release, run_signal
from execution.services.slices import release_due_slices, release_held
from governance import services as governance
from mamweb.history_progress import Progress
from mamweb.tour.facts import OPEN, analyse, rows
from market.core import calendars
from reconciliation import services as reconciliation

from .build import Built, load_firm
from .happenings import happen, see_to_alerts
from .lanes import Lane, open_lanes
from .past import EXCHANGE, decides_at, evening_of, load_past, morning_of
from .plans import FirmPlan
from .story import Decision, Story, story_of

log = logging.getLogger(__name__)
LONGEST = timedelta(minutes=38)
SIGHT = 10
"""Alerts of the last so many sessions wait for whoever signs in."""
COUNTED_AFTER = (5, 40, 120)
_BUSY = """
SELECT DISTINCT c.code FROM execution_childorder o JOIN accounts_brokerconnection c ON c.id = o.connection_id
WHERE o.state NOT IN ('FILLED', 'REJECTED', 'DENIED', 'CANCELED', 'EXPIRED')
"""


@dataclass(frozen=True, slots=True)
class HistoryOptions:
    """until: its last session. seed: of the story. progress: the file that says how far it has come. stop_after: sessions of one run."""

    until: date
    seed: int = 1
    progress: Path | None = None
    stop_after: int | None = None


@dataclass(slots=True)
class Walk:
    """One run of a history."""

    firm: Built
    story: Story
    sessions: list[date]
    clock: VirtualClock
    lanes: dict[str, Lane]
    has_breaks: bool = True
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the block's time to a stage."""
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def sessions_of(opened_on: date, until: date) -> list[date]:
    """Return the sessions of a history: the day the accounts were opened, and all that follow."""
    return calendars.sessions_between(EXCHANGE, opened_on, until)


def days_done(firm_id: int) -> date | None:
    """Return the last day that was lived to its end."""
    found: date | None = rows(firm_id, "SELECT max(as_of) AS day FROM accounts_equitysnapshot")[0]["day"]
    return found


def live_history(*, firm_id: int, plan: FirmPlan, options: HistoryOptions, tell: Callable[[str], None]) -> Walk | None:
    """Live what is left of the firm's history; None when nothing is. Its scheduled work rests meanwhile."""
    firm = load_firm(firm_id=firm_id, plan=plan)
    sessions = sessions_of(firm.opened_on, options.until)
    done = days_done(firm_id)
    left = [day for day in sessions if done is None or day > done]
    progress = Progress(options.progress, firm_id, len(sessions), len(sessions) - len(left), done)
    if not left:
        return None
    with governance.resting(firm_id):
        progress.tell("running", "the market's past is loaded")
        started = time.perf_counter()
        story = story_of(sessions, options.seed)
        load_past(sessions, story)
        clock = VirtualClock(morning_of(left[0]))
        lanes = open_lanes(firm_id=firm_id, codes=[lane.code for lane in plan.lanes], clock=clock, until=evening_of(sessions[-1]))
        walk = Walk(firm, story, sessions, clock, lanes, seconds={"set-up": time.perf_counter() - started})
        continue_release(firm_id=firm_id, now=clock.now())
        try:
            for day in left[: options.stop_after]:
                _live_day(walk, day)
                progress.done, progress.day = progress.done + 1, day
                progress.tell("running")
                tell(f"{day}: {progress.done} of {progress.of} sessions")
        finally:
            for lane in lanes.values():
                lane.close()
    return walk


def _live_day(walk: Walk, day: date) -> None:
    firm_id = walk.firm.firm_id
    _until(walk, morning_of(day))
    for lane in walk.lanes.values():
        lane.session.line.renew()
    if walk.has_breaks:
        with walk.stage("close-only"), tenancy.firm(firm_id):
            reconciliation.block_unresolved(now=walk.clock.now())
    decisions = walk.story.decisions[day] if day != walk.sessions[0] else ()
    if decisions:
        _trade(walk, day, decisions)
    for event in walk.story.events[day]:  # after the close: a custodian's charge is of the day that has begun
        _until(walk, calendars.session_close(EXCHANGE, day) + timedelta(minutes=5))
        with walk.stage("events"):
            happen(event, walk.firm, walk.lanes, walk.clock.now())
    _evening(walk, day)
    if walk.sessions.index(day) in COUNTED_AFTER:
        analyse()


def _until(walk: Walk, instant: datetime) -> None:
    """Move the clock forward to the instant; one that a history started again has passed already stays passed."""
    walk.clock.move_to(max(walk.clock.now(), instant))


def _trade(walk: Walk, day: date, decisions: tuple[Decision, ...]) -> None:
    at = decides_at(day)
    for decision in decisions:
        _until(walk, at)
        with walk.stage("signal to orders"):
            _signal(walk, decision)
    with walk.stage("orders to booking"):
        _live(walk, at + LONGEST)
        _until(walk, calendars.session_close(EXCHANGE, day) + timedelta(minutes=1))
        _step(walk, session_ended=True)


def _signal(walk: Walk, decision: Decision) -> None:
    only = tuple(walk.firm.accounts[code] for code in decision.only)
    body = SignalBody(strategy=decision.strategy, symbol=decision.symbol, method=decision.method, figure=decision.figure, accounts=only)
    try:
        run_signal(
            firm_id=walk.firm.firm_id,
            source="history",
            idempotency_key=decision.key,
            body=body,
            actor=walk.firm.desk,
            now=walk.clock.now(),
        )
    except Refused as error:  # as on any day: some intents cannot be sized or released, and the trail says why
        log.info("%s %s: %s", decision.key, decision.symbol, error.message)


def _live(walk: Walk, until: datetime) -> None:
    """Let the session go on until everything released has ended: just behind each minute's end, when bars fill orders."""
    while _step(walk) and walk.clock.now() < until:
        walk.clock.move_to(walk.clock.now().replace(second=0, microsecond=0) + timedelta(minutes=1, seconds=1))


def _step(walk: Walk, *, session_ended: bool = False) -> bool:
    """Do once what workers and gateways do all day. Returns whether orders are still alive."""
    now, firm_id = walk.clock.now(), walk.firm.firm_id
    for lane in walk.lanes.values():
        lane.service.tick()
    release_due_slices(firm_id=firm_id, now=now)
    release_held(firm_id=firm_id, now=now)
    for lane in walk.lanes.values() if session_ended else _busy(walk):
        while lane.session.step().any:
            pass
    if session_ended:
        with tenancy.firm(firm_id):
            finish_parents(now=now, session_ended=True)
    return bool(rows(firm_id, OPEN)[0]["n"])


def _busy(walk: Walk) -> list[Lane]:
    """Return the lanes whose orders still live: the others have nothing to hear or to send."""
    codes = {row["code"] for row in rows(walk.firm.firm_id, _BUSY)}
    return [lane for code, lane in walk.lanes.items() if code in codes]


def _evening(walk: Walk, day: date) -> None:
    """Reconcile with every custodian, then value every account: the day is done."""
    _until(walk, evening_of(day))
    now, firm_id = walk.clock.now(), walk.firm.firm_id
    left = 0
    with walk.stage("reconciliation"):
        for code, custodian in walk.firm.custodians.items():
            with tenancy.firm(firm_id):
                taken = reconciliation.take_snapshot_from_gateway(
                    custodian_id=custodian, as_of=day, gateway=walk.lanes[code].gateway, now=now
                )
                run = reconciliation.reconcile_custodian(custodian_id=custodian, as_of=day, now=now, taken=taken)
            left += run.open + run.closed
    walk.has_breaks = left > 0
    with walk.stage("snapshots"), tenancy.firm(firm_id):
        if day not in walk.sessions[-SIGHT:]:
            see_to_alerts(walk.firm, now)
        if day.weekday() == 4:
            governance.warn_of_expiring_authorities(now=now)
        governance.seal_audit(now=now)
        accounts.snapshot_equity(as_of=day, now=now)
