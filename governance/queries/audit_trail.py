"""The audit trail as people read it: by journey and by subject, oldest first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from base.origin import Origin

from ..core.redaction import Json
from ..core.subjects import Subject
from ..enums import AuditAction, SubjectKind
from ..models import AuditEvent

PAGE = 500


@dataclass(frozen=True, slots=True)
class AuditFacts:
    """One event. actor_id None = the system. before/after: redacted JSON."""

    id: UUID
    recorded_at: datetime
    actor_id: int | None
    actor_role: str
    action: AuditAction
    subject: Subject
    before: Json
    after: Json
    reason: str
    rule: str
    journey_id: UUID | None
    approval_id: UUID | None
    origin: Origin


def trail_of_journey(journey_id: UUID, *, limit: int = PAGE) -> list[AuditFacts]:
    """Return what happened on a journey, from the intent on."""
    return _facts(AuditEvent.objects.filter(journey_id=journey_id), limit)


def trail_of_subject(subject: Subject, *, limit: int = PAGE) -> list[AuditFacts]:
    """Return what happened to one thing."""
    return _facts(AuditEvent.objects.filter(subject_kind=subject.kind, subject_id=subject.id), limit)


def spent_by(approval_ids: Collection[UUID]) -> dict[UUID, int | None]:
    """Return who used these approvals, None = the system; one statement."""
    rows = AuditEvent.objects.filter(
        action=AuditAction.APPROVAL_USED, subject_kind=SubjectKind.APPROVAL, subject_id__in=[str(pk) for pk in approval_ids]
    )
    return {UUID(pk): actor_id for pk, actor_id in rows.values_list("subject_id", "actor_id")} if approval_ids else {}


def _facts(rows: QuerySet[AuditEvent], limit: int) -> list[AuditFacts]:
    return [
        AuditFacts(
            row.id,
            row.recorded_at,
            row.actor_id,
            row.actor_role,
            AuditAction(row.action),
            Subject(SubjectKind(row.subject_kind), row.subject_id),
            row.before,
            row.after,
            row.reason,
            row.rule,
            row.journey_id,
            row.approval_id,
            Origin(row.source_ip or "", row.api_key),
        )
        for row in rows.order_by("recorded_at", "id")[:limit]
    ]
