"""Four-eyes approvals over rows (GOV-4): the row is locked, the core decides, the row is saved with its audit event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from base.core.ids import new_id
from base.errors import NotFound, Refused
from base.live import Topic, announce

from ..core import approvals as core
from ..core.subjects import Actor, Subject
from ..enums import ApprovalAction, AuditAction, SubjectKind
from ..models import Approval
from ..queries.approvals import approval_value
from .audit_trail import audit
from .permission import STAFF

_MESSAGES = {
    "NEVER_OVERRIDABLE": "nobody may override this rule",
    "NOT_PERMITTED": "this role may not do this",
    "NO_REASON": "a reason must be given",
    "BAD_HASH": "the content is named by its SHA-256",
    "SAME_PERSON": "a second person must decide",
    "EXPIRED": "the request has expired",
    "NOT_REQUESTED": "the request has been decided already",
    "NOT_APPROVED": "nobody has approved this",
    "ALREADY_USED": "the approval has been used",
    "CONTENT_CHANGED": "the content is not what was approved",
    "WRONG_SUBJECT": "the approval is for something else",
}
_FORBIDDEN = frozenset({"NOT_PERMITTED", "SAME_PERSON", "NEVER_OVERRIDABLE"})


class UnableToApprove(Refused):
    """A step of an approval that is refused; the codes are those of the core's error of the same name."""

    def __init__(self, refused: core.UnableToApprove) -> None:
        super().__init__(refused.code, _MESSAGES[refused.code], **{name: str(value) for name, value in refused.context.items()})
        self.status = 403 if refused.code in _FORBIDDEN else 409 if refused.code in {"EXPIRED", "ALREADY_USED", "CONTENT_CHANGED"} else 422


def request_approval(
    *,
    action: ApprovalAction,
    subject: Subject,
    content_hash: str,
    actor: Actor,
    now: datetime,
    reason: str,
    rules: tuple[str, ...] = (),
    journey_id: UUID | None = None,
) -> UUID:
    """Ask for a second person and return the request's id; it lives 15 minutes. Raises UnableToApprove."""
    try:
        value = core.request_approval(new_id(), action, subject, content_hash=content_hash, actor=actor, at=now, reason=reason, rules=rules)
    except core.UnableToApprove as refused:
        raise UnableToApprove(refused) from refused
    Approval.objects.create(
        id=value.approval_id,
        action=action,
        subject_kind=subject.kind,
        subject_id=subject.id,
        content_hash=content_hash,
        rules=list(rules),
        reason=value.reason[:400],
        state=value.state,
        requested_by_id=int(actor.user_id),
        requested_at=now,
        expires_at=value.expires_at,
    )
    after = {"action": action, "subject": asdict(subject), "content_hash": content_hash, "rules": rules, "expires_at": value.expires_at}
    _audit(AuditAction.APPROVAL_REQUESTED, value, actor, now, after, value.reason, journey_id)
    return value.approval_id


def approve(*, approval_id: UUID, actor: Actor, now: datetime, reason: str) -> None:
    """Say yes, as another person in a role that may. Raises NotFound, UnableToApprove."""
    _decide(approval_id, actor, now, reason, yes=True)


def refuse(*, approval_id: UUID, actor: Actor, now: datetime, reason: str) -> None:
    """Say no; the request is closed for good. Raises NotFound, UnableToApprove."""
    _decide(approval_id, actor, now, reason, yes=False)


def use_approval(
    *,
    approval_id: UUID,
    action: ApprovalAction,
    subject: Subject,
    content_hash: str,
    now: datetime,
    actor: Actor | None = None,
    journey_id: UUID | None = None,
) -> None:
    """Spend the approval on exactly this content, in the transaction of the act itself. Raises NotFound, UnableToApprove."""
    row = _locked(approval_id)
    try:
        value = core.use(approval_value(row), action, subject, content_hash, now)
    except core.UnableToApprove as refused:
        raise UnableToApprove(refused) from refused
    row.state, row.used_at = value.state, value.used_at
    row.save(update_fields=["state", "used_at"])
    _audit(AuditAction.APPROVAL_USED, value, actor, now, {"content_hash": content_hash}, "", journey_id)


def _decide(approval_id: UUID, actor: Actor, now: datetime, reason: str, *, yes: bool) -> None:
    row = _locked(approval_id)
    try:
        value = (core.approve if yes else core.refuse)(approval_value(row), actor, now, reason)
    except core.UnableToApprove as refused:
        raise UnableToApprove(refused) from refused
    row.state, row.decided_by_id, row.decided_at = value.state, int(actor.user_id), now
    row.decision_reason = value.decision_reason[:400]
    row.save(update_fields=["state", "decided_by_id", "decided_at", "decision_reason"])
    action = AuditAction.APPROVAL_GIVEN if yes else AuditAction.APPROVAL_REFUSED
    _audit(action, value, actor, now, {"state": value.state, "content_hash": value.content_hash}, value.decision_reason, None)


def _locked(approval_id: UUID) -> Approval:
    row = Approval.objects.select_for_update().filter(id=approval_id).first()
    if row is None:
        raise NotFound("approval")
    return row


def _audit(
    action: AuditAction,
    value: core.Approval,
    actor: Actor | None,
    now: datetime,
    after: Mapping[str, object],
    reason: str,
    journey_id: UUID | None,
) -> None:
    """Record a step of a request, and let the staff know of it."""
    announce(Topic.APPROVALS, [value.approval_id], roles=STAFF)
    audit(
        action=action,
        subject=Subject(SubjectKind.APPROVAL, str(value.approval_id)),
        actor=actor,
        now=now,
        after=after,
        reason=reason,
        rule="GOV-4",
        journey_id=journey_id,
        approval_id=value.approval_id,
    )
