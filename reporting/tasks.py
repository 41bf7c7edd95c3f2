"""Background work of reporting. Every task may run twice, late, or beside itself: what is stated is not stated again.

`SCHEDULE` is what beat runs.
"""

from __future__ import annotations

import logging
from typing import Any

from celery import shared_task
from celery.schedules import crontab

from accounts import services as accounts
from base import tenancy
from base.clock import process_clock
from governance.queries import awake_firm_ids, firm_ids
from governance.tasks import for_every_firm

from .services import last_month, refresh_where_watched, state_month

logger = logging.getLogger(__name__)


@shared_task(name="reporting.make_statements")
def make_statements(*, firm: int, month: str, only_missing: bool = False) -> list[str]:
    """Make a month's statements; it may come twice, and makes nothing twice. Return the accounts that failed."""
    failed = []
    for progress in state_month(firm=firm, month=month, clock=process_clock().now, only_missing=only_missing):
        if progress.document_id is None:
            logger.error("statement %s of account %s failed: %s", month, progress.account, progress.problem)
            failed.append(progress.account)
    return failed


@shared_task(name="reporting.state_last_month")
def state_last_month() -> int:
    """Make what is missing of every firm's statements for the month before (GOV-11). Return how many accounts still lack theirs."""
    month = last_month(process_clock().now().date())
    lacking = 0
    for firm_id in awake_firm_ids():
        try:
            lacking += len(make_statements(firm=firm_id, month=month, only_missing=True))
        except Exception:
            logger.exception("statements of %s failed for firm %s", month, firm_id)
    return lacking


@shared_task(name="reporting.refresh_watched_figures")
def refresh_watched_figures() -> int:
    """Work out what has changed of the figures of firms whose dashboard somebody looks at, and those an evening has come to. Return how many."""
    done = 0
    for firm_id in firm_ids():
        try:
            with tenancy.firm(firm_id):
                done += refresh_where_watched(now=process_clock().now())
        except Exception:
            logger.exception("figures of firm %s failed", firm_id)
    return done


@shared_task(name="reporting.value_evenings")
def value_evenings() -> int:
    """Value every account whose evening has come (ACC-3). Return how many were."""
    return for_every_firm(accounts.value_evenings)


# Hourly, from the first morning of a month on: a run that was cut short, or failed for a price that has come since, is made up for.
SCHEDULE: dict[str, dict[str, Any]] = {
    "reporting.state_last_month": {
        "task": "reporting.state_last_month",
        "schedule": crontab(minute=40, hour="6-23"),
        "options": {"expires": 3600},
    },
    "reporting.refresh_watched_figures": {
        "task": "reporting.refresh_watched_figures",
        "schedule": 2.0,
        "options": {"expires": 10},
    },
    "reporting.value_evenings": {"task": "reporting.value_evenings", "schedule": 60.0, "options": {"expires": 120}},
}
