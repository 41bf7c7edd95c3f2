"""Scheduled work of execution, over all firms. Every task may run twice, late, or beside itself: rows decide, not the schedule.

`SCHEDULE` is what beat runs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from celery import shared_task

from base.clock import process_clock
from governance.enums import AlertTier
from governance.queries import awake_firm_ids
from governance.tasks import for_every_firm

from .queries.gateways import gateway_states
from .services.alarms import alert_connection
from .services.booking import finish_parents
from .services.cancel import cancel_killed
from .services.ended_authority import cancel_unauthorised
from .services.level_watch import release_triggered
from .services.release import continue_release
from .services.slices import release_due_slices, release_held
from .services.unknowns import alarm_unanswered

logger = logging.getLogger(__name__)
# A gateway that has held no lease for this long is down (R8: disconnect alarmed within 60 s).
SILENT_SECONDS = 30.0


@shared_task(name="execution.release_orders")
def release_orders() -> int:
    """Finish interrupted releases, order slices that have fallen due, let held parents go."""
    return sum(_each_firm(work) for work in (continue_release, release_due_slices, release_held))


@shared_task(name="execution.watch_levels")
def watch_levels() -> int:
    """Close what stops and targets that are reached cover."""
    return _each_firm(release_triggered)


@shared_task(name="execution.watch_orders")
def watch_orders() -> int:
    """Alarm what is not answered, cancel what a kill switch or an ended authority stops, close what has ended; with or without living gateways."""
    return for_every_firm(watch) + _each_firm(cancel_unauthorised)


def watch(*, now: datetime) -> int:
    """Do the watch's round for one firm, in the caller's block. Returns how many things it found."""
    canceled = cancel_killed(now=now)
    finished = finish_parents(now=now)
    return alarm_unanswered(now=now) + alarm_silent_gateways(now=now) + canceled.canceled + canceled.requested + len(finished.done)


def alarm_silent_gateways(*, now: datetime) -> int:
    """Alarm enabled connections that once were served and are not any more (R8)."""
    silent = [state for state in gateway_states() if state.holder and not state.is_alive and state.silent_seconds >= SILENT_SECONDS]
    for state in silent:
        message = f"No gateway serves the connection {state.code}"
        alert_connection(state.connection_id, tier=AlertTier.CRITICAL, rule="R8", message=message, now=now, what="DOWN")
    return len(silent)


def _each_firm(work: Callable[..., int]) -> int:
    """Run work that opens its own blocks, firm by firm; one that fails stops no other."""
    now = process_clock().now()
    done = 0
    for firm_id in awake_firm_ids():
        try:
            done += work(firm_id=firm_id, now=now)
        except Exception:
            logger.exception("%s failed for firm %s", work.__name__, firm_id)
    return done


SCHEDULE: dict[str, dict[str, Any]] = {
    "execution.release_orders": {"task": "execution.release_orders", "schedule": 2.0, "options": {"expires": 10}},
    "execution.watch_levels": {"task": "execution.watch_levels", "schedule": 2.0, "options": {"expires": 4}},
    "execution.watch_orders": {"task": "execution.watch_orders", "schedule": 5.0, "options": {"expires": 15}},
}
