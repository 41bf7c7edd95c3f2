"""Background work of reporting."""

from __future__ import annotations

import logging

from celery import shared_task

from base.core.clock import SystemClock
from reporting.services import state_month

logger = logging.getLogger(__name__)


@shared_task(name="reporting.make_statements")
def make_statements(*, firm: int, month: str) -> list[str]:
    """Make a month's statements; it may come twice, and makes nothing twice. Return the accounts that failed."""
    failed = []
    for progress in state_month(firm=firm, month=month, clock=SystemClock().now):
        if progress.document_id is None:
            logger.error("statement %s of account %s failed: %s", month, progress.account, progress.problem)
            failed.append(progress.account)
    return failed
