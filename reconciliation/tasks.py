"""Scheduled work of reconciliation, over all firms: evening runs with the sweep for late files, and close-only before the open.

Tasks are hints that may come twice or late: repeating one changes nothing. `SCHEDULE` is what beat runs.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from celery import shared_task

from governance.tasks import for_every_firm

from . import services


@shared_task(name="reconciliation.reconcile_due")
def reconcile_due() -> int:
    """Reconcile new snapshots; mark INCOMPLETE what did not come within 60 minutes of the close (REC-1)."""
    return for_every_firm(services.reconcile_due)


@shared_task(name="reconciliation.close_only")
def close_only() -> int:
    """Hold accounts with unresolved material breaks to close-only before the open, and lift what is resolved (REC-6)."""
    return for_every_firm(block_unresolved)


def block_unresolved(*, now: datetime) -> int:
    """Return how many accounts were blocked or opened again."""
    facts = services.block_unresolved(now=now)
    return len(facts.blocked) + len(facts.lifted)


SCHEDULE: dict[str, dict[str, Any]] = {
    "reconciliation.reconcile_due": {"task": "reconciliation.reconcile_due", "schedule": 60.0, "options": {"expires": 120}},
    "reconciliation.close_only": {"task": "reconciliation.close_only", "schedule": 60.0, "options": {"expires": 120}},
}
