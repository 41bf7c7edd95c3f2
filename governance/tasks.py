"""Scheduled work of governance, over all firms. Each task opens a block for each firm; a firm that fails stops no other.

`SCHEDULE` is what beat runs.
"""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.schedules import crontab

from . import services
from .services.every_firm import for_every_firm

__all__ = ["SCHEDULE", "escalate_alerts", "for_every_firm", "seal_audit", "warn_of_expiring_authorities"]


@shared_task(name="governance.seal_audit")
def seal_audit() -> int:
    """Seal what every firm has committed."""
    return for_every_firm(services.seal_audit)


@shared_task(name="governance.warn_of_expiring_authorities")
def warn_of_expiring_authorities() -> int:
    """Warn 60, 30 and 7 days before an authority ends (GOV-2)."""
    return for_every_firm(services.warn_of_expiring_authorities)


@shared_task(name="governance.escalate_alerts")
def escalate_alerts() -> int:
    """Announce tripped kill switches, and send up what nobody has acknowledged for 5 minutes (RSK-10)."""
    return for_every_firm(services.announce_kill_switches) + for_every_firm(services.escalate_alerts)


SCHEDULE: dict[str, dict[str, Any]] = {
    "governance.seal_audit": {"task": "governance.seal_audit", "schedule": 1.0, "options": {"expires": 5}},
    "governance.escalate_alerts": {"task": "governance.escalate_alerts", "schedule": 10.0, "options": {"expires": 30}},
    "governance.warn_of_expiring_authorities": {"task": "governance.warn_of_expiring_authorities", "schedule": crontab(hour=5, minute=0)},
}
