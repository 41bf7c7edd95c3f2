"""One session of one gateway: the loop's body, the same for the real process and for a virtual clock (DESIGN §2, §7).

Entry points: `GatewaySession`, `Activity`.

Invariants:
1. The only way in is connect → lease → reconcile → trade; whatever goes wrong with the broker leads back to its beginning.
2. A step does one thing after the other: hear, ask, follow what was replaced, cancel, send, share out, tell. The order of the steps is the safety argument.
3. A session that has lost its lease never writes again; `LeaseLost` ends it.
4. A step looks first what waits: one with nothing to do is one short transaction and one question to the broker.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from accounts.queries import connection_facts
from base import tenancy
from base.core.clock import Clock
from base.core.ids import new_id
from governance.enums import AlertTier

from ..gateways.base import Gateway, GatewayError
from .alarms import alert_connection, end_connection_alert
from .booking import finish_parents
from .cancel import cancel_killed, send_cancels
from .lease import LEASE_SECONDS
from .line import Line
from .listening import Heard, hear_reports
from .notices import send_notices
from .pulse import Pulse, take_pulse
from .recovery import recover, settle, sweep
from .resending import send_again
from .sending import claim_and_send
from .unknowns import ask_unknowns

log = logging.getLogger(__name__)
SWEEP_EVERY = timedelta(seconds=60)
ALARM_AFTER = timedelta(seconds=30)


@dataclass(slots=True)
class Activity:
    """What a step did. is_connected: the broker answers and the session may trade."""

    is_connected: bool = True
    recovered: bool = False
    reports: int = 0
    executions: int = 0
    claimed: int = 0
    denied: int = 0
    canceled: int = 0
    resent: int = 0
    notices: int = 0
    booked: tuple[UUID, ...] = ()
    done: tuple[UUID, ...] = ()
    error: str = ""

    @property
    def any(self) -> bool:
        """Return whether anything happened that may lead to more."""
        return bool(
            self.recovered
            or self.reports
            or self.executions
            or self.claimed
            or self.denied
            or self.canceled
            or self.resent
            or self.notices
            or self.done
        )


@dataclass(slots=True)
class GatewaySession:
    """Serves one connection. gateway: not connected yet. clock: domain time, asked once a step unless `now` is given.

    sweep_every: how often it asks about every working order, though nothing is missing.
    """

    firm_id: int
    connection_id: UUID
    gateway: Gateway
    clock: Clock
    lease_seconds: float = LEASE_SECONDS
    sweep_every: timedelta = SWEEP_EVERY
    holder: str = ""
    _line: Line | None = None
    _is_ready: bool = False
    _down_since: datetime | None = None
    _swept_at: datetime | None = field(default=None)

    @property
    def line(self) -> Line:
        """Return the line to the broker."""
        if self._line is None:
            with tenancy.firm(self.firm_id):
                connection = connection_facts(connection_id=self.connection_id)
            holder = self.holder or f"{socket.gethostname()}:{os.getpid()}:{new_id().hex[-8:]}"
            self._line = Line(self.firm_id, connection, self.gateway, holder, self.lease_seconds)
        return self._line

    def start(self, now: datetime | None = None) -> Activity:
        """Take the lease, connect and reconcile. Raises LeaseHeld while another process serves the connection, LeaseLost."""
        now = now or self.clock.now()
        if not self.line.epoch:
            self.line.take()
        return self._guarded(now, self._recover)

    def step(self, now: datetime | None = None) -> Activity:
        """Do everything there is to do now, once. Raises LeaseLost.

        A broker that does not answer ends the step, not the session: the next step starts again from connect and reconcile.
        """
        now = now or self.clock.now()
        if not self.line.epoch:
            return self.start(now)
        self.line.renew()
        if not self._is_ready:
            activity = self._guarded(now, self._recover)
            if not activity.is_connected:
                return activity
        return self._guarded(now, self._work)

    def stop(self) -> None:
        """Close the connection and let the lease go, so that a successor starts at once."""
        self._is_ready = False
        self.gateway.close()
        if self.line.epoch:
            self.line.end()

    def _guarded(self, now: datetime, work: Callable[[datetime, Activity], bool]) -> Activity:
        """Do the work, which says whether it may have left something to finish."""
        activity, is_finishing = Activity(), True
        try:
            is_finishing = work(now, activity)
        except GatewayError as error:
            self._went_down(now, error, activity)
        else:
            self._down_since, self.line.is_hearing = None, True
        if is_finishing:
            self._finish(now, activity)
        return activity

    def _recover(self, now: datetime, activity: Activity) -> bool:
        self.gateway.connect()
        _count(activity, recover(self.line, now=now))
        with self.line.transaction():
            end_connection_alert(self.line.connection_id, what="DOWN", now=now)
        activity.recovered = self._is_ready = True
        self._swept_at = now
        return True

    def _pulse(self, now: datetime) -> Pulse:
        with self.line.transaction():
            return take_pulse(connection_id=self.line.connection_id, epoch=self.line.epoch, now=now)

    def _work(self, now: datetime, activity: Activity) -> bool:
        line = self.line
        pulse = self._pulse(now)
        heard = hear_reports(line, now=now, since=pulse.reports_cursor)
        settle(line, heard, now=now)
        _count(activity, heard)
        if pulse.asks:
            _count(activity, ask_unknowns(line, now=now))
        is_swept = self._swept_at is None or heard.has_gap or now - self._swept_at >= self.sweep_every
        if is_swept:
            _count(activity, sweep(line, now=now))
            self._swept_at = now
        if activity.any:
            pulse = self._pulse(now)
        if pulse.resends:
            activity.resent = send_again(line, now=now)
            pulse = self._pulse(now)
        if pulse.kills or pulse.cancels:
            self._cancel(now, activity)
        if pulse.sends:
            self._send(now, activity)
        if pulse.notices:
            activity.notices += send_notices(line, now=now)
        return is_swept or activity.any or not pulse.is_idle

    def _cancel(self, now: datetime, activity: Activity) -> None:
        with self.line.transaction():
            killed = cancel_killed(now=now, connection_id=self.line.connection_id)
        activity.canceled += killed.canceled + killed.requested
        if (canceled := send_cancels(self.line, now=now)) is not None:
            activity.canceled += len(canceled.ended)

    def _send(self, now: datetime, activity: Activity) -> None:
        """Send batch after batch until nothing waits."""
        while True:
            self.line.renew()
            sent = claim_and_send(self.line, now=now)
            activity.claimed += sent.claimed
            activity.denied += sent.denied
            if not sent.claimed and not sent.denied:
                return
            if sent.processed is not None and sent.processed.ask:
                heard = Heard()
                heard.add(sent.processed, 0)
                settle(self.line, heard, now=now)

    def _finish(self, now: datetime, activity: Activity) -> None:
        with self.line.transaction():
            finished = finish_parents(now=now)
        activity.booked, activity.done = activity.booked + finished.booked, activity.done + finished.done

    def _went_down(self, now: datetime, error: GatewayError, activity: Activity) -> None:
        log.warning("connection %s: %s", self.line.connection.code, error.message)
        self._is_ready = self.line.is_hearing = False
        self.gateway.close()
        activity.is_connected, activity.error = False, error.message
        self._down_since = self._down_since or now
        if now - self._down_since >= ALARM_AFTER:
            message = f"No connection to {self.line.connection.code} since {self._down_since:%H:%M:%S} UTC: {error.message}"
            with self.line.transaction():
                alert_connection(self.line.connection_id, tier=AlertTier.CRITICAL, rule="R8", message=message, now=now, what="DOWN")


def _count(activity: Activity, heard: Heard) -> None:
    activity.reports += heard.reports
    activity.executions += heard.executions
