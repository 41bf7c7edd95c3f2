"""Alerts as their page shows them: open, acknowledged, history, filtered and paged by key (RSK-10).

Entry points: `AlertFilter`, `alert_page`, `alert_counts`, `alert_told`, `acknowledged_since`, `heading_of`, `read_place`.

Invariants
1. Only what the person is told (`alerts.told`).
2. Every alert stands under one heading: OPEN = nobody's name is on it and it has not ended, or it is Critical; ACKNOWLEDGED = a name, and its cause
   remains; HISTORY = over.
3. A page is one statement, whatever came before it, from behind the last row's place. Open alerts stand loudest first (Critical, Warning, Info) and
   newest first within a tier; under the other headings time alone orders them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db.models import Count, Q, Value

from base.core.row_keys import key_of, read_key
from base.errors import NotFound

from ..core.subjects import Viewer
from ..enums import AlertTier, Role
from ..models import Alert
from .alerts import LOUDNESS, AlertFacts, alert_facts, told

ROWS = 50
_PLACES = [str(place) for place in range(len(AlertTier))]


class AlertHeading(StrEnum):
    """Where an alert stands on the page."""

    OPEN = "OPEN"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    HISTORY = "HISTORY"


_UNANSWERED = Q(acknowledged_at=None) & (Q(ended_at=None) | Q(tier=AlertTier.CRITICAL))
_WHERE = {
    AlertHeading.OPEN: _UNANSWERED,
    AlertHeading.ACKNOWLEDGED: Q(ended_at=None, acknowledged_at__isnull=False),
    AlertHeading.HISTORY: Q(ended_at__isnull=False) & ~Q(tier=AlertTier.CRITICAL, acknowledged_at=None),
}


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """What is shown. text: part of the message or rule. after: the place of the last row of the page before (`read_place`)."""

    heading: AlertHeading = AlertHeading.OPEN
    tier: AlertTier | None = None
    text: str = ""
    after: tuple[int, datetime, UUID] | None = None


@dataclass(frozen=True, slots=True)
class AlertPage:
    """Rows, and the key of the next page ("" = this is the last)."""

    rows: list[AlertFacts]
    next_key: str


def alert_page(*, roles: Collection[Role], viewer: Viewer, wanted: AlertFilter, limit: int = ROWS) -> AlertPage:
    """Return one page: of what is open the loudest first, newest first within."""
    rows = Alert.objects.filter(told(roles, viewer), _WHERE[wanted.heading])
    if wanted.tier is not None:
        rows = rows.filter(tier=wanted.tier)
    if wanted.text:
        rows = rows.filter(Q(message__icontains=wanted.text) | Q(rule__icontains=wanted.text))
    rows = rows.annotate(place=LOUDNESS if wanted.heading is AlertHeading.OPEN else Value(0))
    if wanted.after is not None:
        place, instant, pk = wanted.after
        rows = rows.filter(Q(place__gt=place) | Q(place=place, raised_at__lt=instant) | Q(place=place, raised_at=instant, id__lt=pk))
    found = list(rows.order_by("place", "-raised_at", "-id")[: limit + 1])
    last = found[limit - 1] if len(found) > limit else None
    return AlertPage([alert_facts(row) for row in found[:limit]], f"{last.place}~{key_of(last.raised_at, last.id)}" if last else "")


def read_place(text: str) -> tuple[int, datetime, UUID] | None:
    """Return the place of an alert a text names (its tier's, loudest 0, before its key), None for one that names none."""
    place, _, key = text.partition("~")
    found = read_key(key)
    return (int(place), *found) if found is not None and place in _PLACES else None


def alert_counts(*, roles: Collection[Role], viewer: Viewer) -> dict[AlertHeading, int]:
    """Return how many alerts stand under each heading."""
    asked = {str(heading): Count("id", filter=where) for heading, where in _WHERE.items()}
    found = Alert.objects.filter(told(roles, viewer)).aggregate(**asked)
    return {heading: found[str(heading)] for heading in AlertHeading}


def alert_told(*, alert_id: UUID, roles: Collection[Role], viewer: Viewer) -> AlertFacts:
    """Return one alert. Raises NotFound also where the person is not told."""
    row = Alert.objects.filter(told(roles, viewer), id=alert_id).first()
    if row is None:
        raise NotFound("alert")
    return alert_facts(row)


def acknowledged_since(*, roles: Collection[Role], viewer: Viewer, since: datetime, limit: int = 20) -> list[AlertFacts]:
    """Return what was acknowledged since an instant, the latest first."""
    rows = Alert.objects.filter(told(roles, viewer), acknowledged_at__gte=since).order_by("-acknowledged_at", "-id")
    return [alert_facts(row) for row in rows[:limit]]


def heading_of(alert: AlertFacts) -> AlertHeading:
    """Return where an alert stands."""
    if alert.acknowledged_at is None and (alert.ended_at is None or alert.tier is AlertTier.CRITICAL):
        return AlertHeading.OPEN
    return AlertHeading.ACKNOWLEDGED if alert.ended_at is None else AlertHeading.HISTORY
