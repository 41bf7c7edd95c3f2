"""The restricted list (CST-5). Anybody in control may restrict at once; lifting takes a second person (GOV-4)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from base.core.ids import digest
from base.errors import NotFound

from ..core.restrictions import Restriction as Entry
from ..core.subjects import Actor, Subject
from ..enums import ApprovalAction, AuditAction, RestrictionState, SubjectKind
from ..models import Restriction
from .approvals import use_approval
from .audit_trail import audit
from .parties import UnableToRecord
from .permission import CONTROL, require_role


def restrict(
    *,
    state: RestrictionState,
    reason: str,
    actor: Actor | None,
    now: datetime,
    issuer_id: int | None = None,
    instrument_id: int | None = None,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
) -> UUID:
    """Put an issuer or an instrument (exactly one) on the list from `valid_from` (None = now) on; returns the entry's id.

    Raises UnableToRecord, NotPermitted.
    """
    require_role(actor, CONTROL)
    begins = valid_from or now
    issuer, instrument = (None if id_ is None else str(id_) for id_ in (issuer_id, instrument_id))
    try:
        Entry("new", state, begins, reason, issuer, instrument, valid_until)
    except ValueError as error:
        raise UnableToRecord("restriction", "name one issuer or one instrument, and an end after the start", field="valid_until") from error
    row = Restriction.objects.create(
        issuer_id=issuer_id, instrument_id=instrument_id, state=state, reason=reason, valid_from=begins, valid_until=valid_until
    )
    after = {"issuer": issuer_id, "instrument": instrument_id, "state": state, "valid_from": begins, "valid_until": valid_until}
    audit(action=AuditAction.RESTRICTION_CHANGED, subject=_subject(row.id), actor=actor, now=now, after=after, reason=reason, rule="CST-5")
    return row.id


def lifting_hash(restriction_id: UUID) -> str:
    """Return the content hash that a request to lift this entry names."""
    return digest(["lift", restriction_id])


def lift_restriction(*, restriction_id: UUID, actor: Actor | None, now: datetime, approval_id: UUID, reason: str = "") -> None:
    """End an entry now, on an approval of LIFT_RESTRICTION for its `lifting_hash`. Raises NotFound, UnableToApprove, NotPermitted."""
    require_role(actor, CONTROL)
    row = Restriction.objects.select_for_update().filter(id=restriction_id).first()
    if row is None or (row.valid_until is not None and row.valid_until <= now):
        raise NotFound("restriction in force")
    content = lifting_hash(row.id)
    use_approval(
        approval_id=approval_id,
        action=ApprovalAction.LIFT_RESTRICTION,
        subject=_subject(row.id),
        content_hash=content,
        actor=actor,
        now=now,
    )
    before = {"valid_until": row.valid_until}
    row.valid_until = now
    row.save(update_fields=["valid_until"])
    audit(
        action=AuditAction.RESTRICTION_CHANGED,
        subject=_subject(row.id),
        actor=actor,
        now=now,
        before=before,
        after={"valid_until": now},
        reason=reason,
        rule="CST-5",
        approval_id=approval_id,
    )


def _subject(restriction_id: UUID) -> Subject:
    return Subject(SubjectKind.RESTRICTION, str(restriction_id))
