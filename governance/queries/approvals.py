"""Four-eyes requests as people see them (GOV-4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from base.errors import NotFound

from ..core.approvals import Approval as Value
from ..core.approvals import state_at
from ..core.subjects import Subject, Viewer
from ..enums import ApprovalAction, ApprovalState, SubjectKind
from ..models import Approval
from .names import name_subjects


@dataclass(frozen=True, slots=True)
class ApprovalFacts:
    """state: as it stands at the instant asked about, EXPIRED included."""

    id: UUID
    action: ApprovalAction
    subject: Subject
    content_hash: str
    rules: tuple[str, ...]
    reason: str
    state: ApprovalState
    requested_by: int
    requested_at: datetime
    expires_at: datetime
    decided_by: int | None
    decision_reason: str
    used_at: datetime | None = None


def approval(*, approval_id: UUID, now: datetime) -> ApprovalFacts:
    """Return one request. Raises NotFound."""
    row = Approval.objects.filter(id=approval_id).first()
    if row is None:
        raise NotFound("approval")
    return approval_facts(row, now)


def pending_approvals(*, now: datetime, viewer: Viewer | None = None) -> list[ApprovalFacts]:
    """Return what still waits for a second person, the most urgent first; for a viewer, of what they see."""
    rows = Approval.objects.filter(state=ApprovalState.REQUESTED, expires_at__gt=now, requested_at__lte=now)
    found = [approval_facts(row, now) for row in rows.order_by("expires_at", "id")]
    if viewer is None or viewer.oversight or not found:
        return found
    seen = name_subjects(viewer, (facts.subject for facts in found))
    return [facts for facts in found if facts.subject in seen]


def latest_approval(*, action: ApprovalAction, subject: Subject, content_hash: str, now: datetime) -> ApprovalFacts | None:
    """Return the newest unexpired request for exactly this content, None if there is none."""
    rows = Approval.objects.filter(action=action, subject_kind=subject.kind, subject_id=subject.id, content_hash=content_hash)
    row = rows.filter(expires_at__gt=now).order_by("-requested_at", "-id").first()
    return None if row is None else approval_facts(row, now)


def was_approved(*, action: ApprovalAction, subject: Subject) -> bool:
    """Return whether a second person's yes of this kind was spent on this subject."""
    return Approval.objects.filter(action=action, subject_kind=subject.kind, subject_id=subject.id, used_at__isnull=False).exists()


def approvals_given(*, action: ApprovalAction, now: datetime) -> list[ApprovalFacts]:
    """Return the approvals of this kind that somebody has given and nobody has used, while they live."""
    rows = Approval.objects.filter(action=action, state=ApprovalState.APPROVED, expires_at__gt=now)
    return [approval_facts(row, now) for row in rows.order_by("expires_at", "id")]


def approval_value(row: Approval) -> Value:
    """Return the row as the core's value."""
    return Value(
        approval_id=row.id,
        action=ApprovalAction(row.action),
        subject=Subject(SubjectKind(row.subject_kind), row.subject_id),
        content_hash=row.content_hash,
        requested_by=str(row.requested_by_id),
        requested_at=row.requested_at,
        reason=row.reason,
        rules=tuple(row.rules),
        state=ApprovalState(row.state),
        decided_by="" if row.decided_by_id is None else str(row.decided_by_id),
        decided_at=row.decided_at,
        decision_reason=row.decision_reason,
        used_at=row.used_at,
    )


def approval_facts(row: Approval, now: datetime) -> ApprovalFacts:
    """Return a row as people see it at `now`."""
    value = approval_value(row)
    return ApprovalFacts(
        row.id,
        value.action,
        value.subject,
        value.content_hash,
        value.rules,
        value.reason,
        state_at(value, now),
        row.requested_by_id,
        value.requested_at,
        value.expires_at,
        row.decided_by_id,
        value.decision_reason,
        value.used_at,
    )
