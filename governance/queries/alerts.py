"""Open alerts, for the bell and the escalation (RSK-10).

Entry points: `open_alerts`, `alert_places`, `told`, `alert_facts`; for other apps, from their `ready`: `register_seen`.
Invariant: an alert about something reaches only who sees the thing, whatever the role it is for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Case, Exists, OuterRef, Q, QuerySet, TextField, UUIDField, Value, When
from django.db.models.functions import Cast

from ..core.subjects import Subject, Viewer
from ..enums import AlertTier, KillScope, Role, SubjectKind
from ..models import Alert, AuthoritySubject, KillSwitch
from .names import SubjectName, accounts_in_sight, has_names, name_subjects

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


Seen = Callable[[Viewer], QuerySet[Any]]
_SEEN: dict[SubjectKind, Seen] = {}


def register_seen(kind: SubjectKind, seen: Seen) -> None:
    """Let alerts about things of a kind reach only who sees the thing: a queryset of its rows, by UUID."""
    _SEEN[kind] = seen


def told(roles: Collection[Role], viewer: Viewer | None) -> Q:
    """Return which alerts reach a person: those for one of the roles; of an account, its authority, its kill switch or an order only who sees that."""
    heard = Q(audience__overlap=[str(role) for role in roles])
    if viewer is None or viewer.oversight:
        return heard
    seen = accounts_in_sight(viewer)
    papers = AuthoritySubject.objects.filter(subject_kind=SubjectKind.ACCOUNT, subject_id__in=seen)
    of_account = Q(subject_kind=SubjectKind.ACCOUNT) & ~Q(subject_id__in=_texts(seen, "id"))
    of_paper = Q(subject_kind=SubjectKind.AUTHORITY) & ~Q(subject_id__in=_texts(papers, "authority_id"))
    stops = KillSwitch.objects.filter(scope=KillScope.ACCOUNT).exclude(subject_id__in=_texts(seen, "id"))
    of_switch = Q(subject_kind=SubjectKind.KILL_SWITCH, subject_id__in=_texts(stops, "id"))
    for kind, things in _SEEN.items():  # an alert at a time by the thing's key; only alerts of the kind name such a key
        thing = things(viewer).filter(pk=Cast(OuterRef("subject_id"), UUIDField()))
        heard &= Q(Case(When(subject_kind=kind, then=Exists(thing)), default=Value(True), output_field=BooleanField()))
    return heard & ~of_account & ~of_paper & ~of_switch


def _texts(rows: QuerySet[Any], column: str) -> QuerySet[Any]:
    return rows.annotate(as_text=Cast(column, TextField())).values("as_text")


def open_alerts(*, roles: Collection[Role] | None = None, viewer: Viewer | None = None, limit: int = 500) -> list[AlertFacts]:
    """Return the alerts that any of these roles must hear (None = all): the open ones, and the Critical without a name.

    First those without a name, loudest first and newest first within a tier; then the acknowledged, newest first.
    """
    rows = Alert.objects.filter(Q(ended_at__isnull=True) | Q(tier=AlertTier.CRITICAL, acknowledged_at__isnull=True))
    if roles is not None:
        rows = rows.filter(told(roles, viewer))
    unanswered = Case(When(acknowledged_at=None, then=LOUDNESS), default=Value(len(AlertTier)))
    return [alert_facts(row) for row in rows.order_by(unanswered, "-raised_at", "-id")[:limit]]


def alert_places(viewer: Viewer, alerts: Sequence[AlertFacts]) -> list[SubjectName | None]:
    """Return what each alert is about, as the viewer knows it; None where that has no name of its own, or the message says it."""
    names = name_subjects(viewer, (alert.subject for alert in alerts if has_names(alert.subject.kind)))
    found = (names.get(alert.subject) for alert in alerts)
    return [name if name and name.text not in alert.message else None for alert, name in zip(alerts, found, strict=True)]


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
