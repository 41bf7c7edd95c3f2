"""What waits for the people who oversee."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from .. import queries
from ..core.authority import Authority
from ..core.subjects import Subject
from ..enums import AlertTier, SubjectKind
from ..queries.names import name_subjects
from ..web import Visit

SHOWN = 8


def waiting(visit: Visit) -> dict[str, Any]:
    """Return approvals, authorities that end, critical alerts without a name, and how many audit events are not sealed yet."""
    requests = queries.pending_approvals(now=visit.now)
    endings = queries.ending_authorities(now=visit.now)
    alerts = queries.open_alerts(roles=visit.roles, viewer=visit.viewer)
    critical = [alert for alert in alerts if alert.tier is AlertTier.CRITICAL and alert.acknowledged_at is None]
    soonest = sorted(endings, key=lambda one: one.expires_at or visit.now)[:SHOWN]
    names = name_subjects(visit.viewer, (_subject(one) for one in soonest))
    stopped, unsealed = queries.tripped_switches(), queries.unsealed_count()
    tiles = (
        ("Approvals", len(requests), "governance_approval", "each lives 15 minutes", False),
        ("Authorities that end", len(endings), "governance_authority", "within 60 days, or have ended", False),
        ("Critical alerts", len(critical), "governance_alert", "nobody has put a name to", bool(critical)),
        ("Kill switches", len(stopped), "governance_killswitch", "stop trading now", bool(stopped)),
        ("Events not sealed", unsealed, "governance_auditevent", "sealing takes about a second", unsealed > 10_000),
    )
    return {
        "waiting": [
            {"title": title, "count": count, "link": reverse(f"admin:{where}_changelist"), "note": note, "loud": loud}
            for title, count, where, note, loud in tiles
        ],
        "requests": requests[:SHOWN],
        "endings": [(one, names.get(_subject(one))) for one in soonest],
        "critical": list(zip(critical[:SHOWN], queries.alert_places(visit.viewer, critical[:SHOWN]), strict=True)),
    }


def _subject(document: Authority) -> Subject:
    return Subject(SubjectKind.AUTHORITY, str(document.authority_id))
