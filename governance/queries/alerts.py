"""Open alerts, for the bell and the escalation (RSK-10)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Case, Q, Value, When

from ..core.subjects import Subject
from ..enums import AlertTier, Role, SubjectKind
from ..models import Alert

LOUDNESS = Case(*(When(tier=tier, then=Value(place)) for place, tier in enumerate(reversed(AlertTier))))  # 0 = the loudest


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """An alert. occurrences: how often it was raised while open."""

    id: UUID
    tier: AlertTier
    audience: frozenset[Role]
    rule: str
    subject: Subject
    message: str
    raised_at: datetime
    last_seen_at: datetime
    occurrences: int
    acknowledged_by: int | None
    acknowledged_at: datetime | None
    escalated_at: datetime | None
    ended_at: datetime | None
    journey_id: UUID | None


def open_alerts(*, roles: Collection[Role] | None = None, limit: int = 500) -> list[AlertFacts]:
    """Return the alerts that any of these roles must hear (None = all): the open ones, and the Critical without a name.

    First those without a name, loudest first and newest first within a tier; then the acknowledged, newest first.
    """
    rows = Alert.objects.filter(Q(ended_at__isnull=True) | Q(tier=AlertTier.CRITICAL, acknowledged_at__isnull=True))
    if roles is not None:
        rows = rows.filter(audience__overlap=[str(role) for role in roles])
    unanswered = Case(When(acknowledged_at=None, then=LOUDNESS), default=Value(len(AlertTier)))
    return [alert_facts(row) for row in rows.order_by(unanswered, "-raised_at", "-id")[:limit]]


def alert_facts(row: Alert) -> AlertFacts:
    """Return a row as what people are told."""
    return AlertFacts(
        row.id,
        AlertTier(row.tier),
        frozenset(Role(role) for role in row.audience),
        row.rule,
        Subject(SubjectKind(row.subject_kind), row.subject_id),
        row.message,
        row.raised_at,
        row.last_seen_at,
        row.occurrences,
        row.acknowledged_by_id,
        row.acknowledged_at,
        row.escalated_at,
        row.ended_at,
        row.journey_id,
    )
