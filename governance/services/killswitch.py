"""The kill switch over rows (GOV-10).

Invariants
1. A trip is one INSERT of a new row and one of its audit event; neither reads, locks or waits for any row of anybody else.
2. Re-arming names the trips it ends, by the hash of their ids: a trip that comes after the request goes on blocking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from base.core.ids import digest, new_id
from base.errors import NotFound, Refused
from base.live import Topic, announce

from ..core import killswitch as core
from ..core.subjects import Actor, Subject
from ..enums import ApprovalAction, AuditAction, KillScope, KillState, SubjectKind
from ..models import Approval, KillSwitch
from ..queries.killswitch import switch_value
from .approvals import approve, request_approval, use_approval
from .audit_trail import audit
from .permission import STAFF

_MESSAGES = {
    "NOT_PERMITTED": "this role may not move the kill switch",
    "NOT_TRIPPED": "the switch is not tripped",
    "NOT_REQUESTED": "nobody has asked to re-arm",
    "SAME_PERSON": "a second person must confirm",
    "REQUEST_EXPIRED": "the request to re-arm has expired",
    "BAD_SUBJECT": "a firm's switch has no subject, every other has one",
}


class UnableToMoveSwitch(Refused):
    """A move the kill switch refuses. code: NOT_PERMITTED, NOT_TRIPPED, NOT_REQUESTED, SAME_PERSON, REQUEST_EXPIRED, BAD_SUBJECT."""

    def __init__(self, code: str) -> None:
        super().__init__(code, _MESSAGES[code])
        self.status = 403 if code in {"NOT_PERMITTED", "SAME_PERSON"} else 422


def trip_kill_switch(*, scope: KillScope, subject_id: str, actor: Actor, now: datetime, reason: str, press: UUID | None = None) -> UUID:
    """Stop, at once and without a second person; returns the trip's id. subject_id: "" for the firm.

    press: names one press of a button, so that pressing it twice trips once; after a re-arm the same press stops again.
    Takes no lock that anybody but the same press waits for. Raises UnableToMoveSwitch for a role that may not, or a scope without its subject.
    """
    try:
        value = core.trip(core.KillSwitch(scope, str(subject_id)), actor, now, reason)
    except core.UnableToMoveSwitch as refused:
        raise UnableToMoveSwitch(refused.code) from refused
    except ValueError as error:
        raise UnableToMoveSwitch("BAD_SUBJECT") from error
    row = KillSwitch(id=press or new_id(), scope=scope, subject_id=value.subject_id, state=value.state, reason=value.reason[:200])
    row.tripped_by_id, row.tripped_at = int(actor.user_id), now
    if press is None:
        row.save(force_insert=True)
    elif not _pressed_first(row):
        if _standing(scope, value.subject_id).filter(id=press).exists():
            return press
        row.id = new_id()
        row.save(force_insert=True)
    after = {"scope": scope, "subject": value.subject_id}
    _audit(AuditAction.KILL_TRIPPED, row.id, actor, now, after, value.reason)
    return row.id


def confirm_flatten(*, switch_id: UUID, actor: Actor, now: datetime, reason: str = "") -> None:
    """Confirm, apart from tripping, that what this trip covers is to be closed out. Raises NotFound, UnableToMoveSwitch."""
    _let_flatten(_locked([switch_id]), actor, now, reason)


def confirm_flattening(*, scope: KillScope, subject_id: str, actor: Actor, now: datetime, reason: str) -> int:
    """Confirm it for every trip of this scope and subject that stands now; returns how many. Raises UnableToMoveSwitch if none does."""
    ids = list(_standing(scope, str(subject_id)).values_list("id", flat=True))
    if not ids:
        raise UnableToMoveSwitch("NOT_TRIPPED")
    _let_flatten(_locked(ids), actor, now, reason)
    return len(ids)


def _let_flatten(rows: Sequence[KillSwitch], actor: Actor, now: datetime, reason: str) -> None:
    for row in rows:
        value = _moved(core.confirm_flatten, row, actor, now)
        row.flatten_confirmed_by_id, row.flatten_confirmed_at = int(actor.user_id), value.flatten_confirmed_at
        row.save(update_fields=["flatten_confirmed_by_id", "flatten_confirmed_at"])
        _audit(AuditAction.KILL_FLATTEN_CONFIRMED, row.id, actor, now, {}, reason)


def request_rearm(*, scope: KillScope, subject_id: str, actor: Actor, now: datetime, reason: str) -> UUID:
    """Ask to trade again; returns the id of the approval that a second person confirms within 15 minutes.

    It covers the trips of this scope and subject that stand now. A later request replaces an earlier one. Raises UnableToMoveSwitch.
    """
    ids = list(_standing(scope, str(subject_id)).values_list("id", flat=True))
    rows = _locked(ids) if ids else []
    if not rows:
        raise UnableToMoveSwitch("NOT_TRIPPED")
    values = [_moved(core.request_rearm, row, actor, now) for row in rows]
    approval_id = request_approval(
        action=ApprovalAction.REARM_KILL_SWITCH,
        subject=_subject(scope, str(subject_id)),
        content_hash=_content(ids),
        actor=actor,
        now=now,
        reason=reason,
    )
    for row, value in zip(rows, values, strict=True):
        row.state, row.rearm_approval_id = value.state, approval_id
        row.rearm_requested_by_id, row.rearm_requested_at = int(actor.user_id), now
        row.save(update_fields=["state", "rearm_approval_id", "rearm_requested_by_id", "rearm_requested_at"])
        _audit(AuditAction.KILL_REARM_REQUESTED, row.id, actor, now, {"state": value.state}, reason, approval_id)
    return approval_id


def confirm_rearm(*, approval_id: UUID, actor: Actor, now: datetime, reason: str = "confirmed") -> None:
    """Re-arm, as another person, exactly the trips the request covered.

    Raises NotFound, UnableToMoveSwitch, and UnableToApprove with CONTENT_CHANGED if the switch was tripped again since.
    """
    request = Approval.objects.filter(id=approval_id, action=ApprovalAction.REARM_KILL_SWITCH).first()
    if request is None:
        raise NotFound("request to re-arm")
    scope, _, subject_id = request.subject_id.partition("|")
    standing = list(_standing(KillScope(scope), subject_id).values_list("id", flat=True))
    rows = _locked(standing) if standing else []
    requested = [row for row in rows if row.rearm_approval_id == approval_id]
    if not requested:
        raise UnableToMoveSwitch("NOT_REQUESTED")
    values = [_moved(core.confirm_rearm, row, actor, now) for row in requested]
    approve(approval_id=approval_id, actor=actor, now=now, reason=reason)
    use_approval(
        approval_id=approval_id,
        action=ApprovalAction.REARM_KILL_SWITCH,
        subject=_subject(KillScope(scope), subject_id),
        content_hash=_content(standing),
        actor=actor,
        now=now,
    )
    for row, value in zip(requested, values, strict=True):
        row.state, row.rearmed_by_id, row.rearmed_at = value.state, int(actor.user_id), value.rearmed_at
        row.save(update_fields=["state", "rearmed_by_id", "rearmed_at"])
        _audit(AuditAction.KILL_REARMED, row.id, actor, now, {"state": KillState.ARMED}, reason, approval_id)


def _pressed_first(row: KillSwitch) -> bool:
    """Insert the row; False where a row with its id is there already."""
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return False
    return True


def _standing(scope: KillScope, subject_id: str) -> QuerySet[KillSwitch]:
    return KillSwitch.objects.filter(scope=scope, subject_id=subject_id, rearmed_at__isnull=True).order_by("id")


def _locked(ids: Sequence[UUID]) -> list[KillSwitch]:
    rows = list(KillSwitch.objects.select_for_update().filter(id__in=ids).order_by("id"))
    if len(rows) != len(ids):
        raise NotFound("kill switch")
    return rows


def _moved(
    move: Callable[[core.KillSwitch, Actor, datetime], core.KillSwitch], row: KillSwitch, actor: Actor, now: datetime
) -> core.KillSwitch:
    try:
        return move(switch_value(row), actor, now)
    except core.UnableToMoveSwitch as refused:
        raise UnableToMoveSwitch(refused.code) from refused


def _subject(scope: KillScope, subject_id: str) -> Subject:
    return Subject(SubjectKind.KILL_SWITCH, f"{scope}|{subject_id}")


def _content(ids: Sequence[UUID]) -> str:
    return digest(["rearm", sorted(map(str, ids))])


def _audit(
    action: AuditAction,
    switch_id: UUID,
    actor: Actor,
    now: datetime,
    after: Mapping[str, object],
    reason: str,
    approval_id: UUID | None = None,
) -> None:
    """Record a move, and let the staff know of it."""
    announce(Topic.SWITCHES, [switch_id], roles=STAFF)
    subject = Subject(SubjectKind.KILL_SWITCH, str(switch_id))
    audit(action=action, subject=subject, actor=actor, now=now, after=after, reason=reason, rule="GOV-10", approval_id=approval_id)
