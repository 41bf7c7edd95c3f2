"""The loop of a gateway process: crash-only, woken by the database, stopped cleanly (DESIGN §2).

Entry points: `serve`, `WakeUp`, `BrokerClock`.

Invariants:
1. NOTIFY only wakes it up sooner: it looks for itself at least once a second.
2. It never outlives its lease: `LeaseLost` ends the session, and the process with it.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime

from django.db import connection

from base.clock import process_clock
from base.core.clock import Clock

from ..gateways.base import Gateway, GatewayError
from .gateway_session import GatewaySession
from .lease import LeaseHeld

log = logging.getLogger(__name__)
LONGEST_WAIT = 1.0
CHANNEL = "mamweb_orders"
# A frozen process must not hold row locks for longer than its successor waits for the lease (R5).
IDLE_IN_TRANSACTION = "4s"


class WakeUp:
    """Waits for the database to say that there is something to claim."""

    def __init__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
            cursor.execute("SELECT set_config('idle_in_transaction_session_timeout', %s, false)", [IDLE_IN_TRANSACTION])

    def wait(self, seconds: float) -> bool:
        """Return whether something came within `seconds`."""
        return any(True for _ in connection.connection.notifies(timeout=seconds, stop_after=1))


class BrokerClock:
    """Domain time as the broker tells it: for a paper venue that lives at another time or speed. Before its first word: the machine's."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._last: datetime | None = None

    def now(self) -> datetime:
        with suppress(GatewayError):
            self._last = self._gateway.now()
        return self._last or process_clock().now()


def clock_for(settings: Mapping[str, object], gateway: Gateway) -> Clock:
    """Return the clock a connection asks for: `"clock": "broker"` in its settings, else the machine's."""
    return BrokerClock(gateway) if settings.get("clock") == "broker" else process_clock()


def serve(session: GatewaySession, *, should_stop: Callable[[], bool], wake_up: WakeUp) -> None:
    """Serve a connection until told to stop. Raises LeaseLost, and whatever the database raises: the process then starts anew."""
    if not _become_holder(session, should_stop):
        return
    failures = 0
    while not should_stop():
        activity = session.step()
        if activity.is_connected:
            failures = 0
            if not activity.any:
                wake_up.wait(LONGEST_WAIT)
        else:
            failures += 1
            time.sleep(_pause(failures))
    session.stop()


def _become_holder(session: GatewaySession, should_stop: Callable[[], bool]) -> bool:
    """Wait for the lease of a predecessor to run out."""
    while not should_stop():
        try:
            session.start()
        except LeaseHeld:
            time.sleep(LONGEST_WAIT / 4)
        else:
            return True
    return False


def _pause(failures: int) -> float:
    """Return a growing pause with jitter, never so long that the lease runs out."""
    return min(LONGEST_WAIT, 0.1 * 2**failures) * random.uniform(0.5, 1.0)  # noqa: S311  (no secret)
