"""Append to the audit trail (GOV-7). One insert, no lock: the sealer chains what has been committed.

Entry points: `audit` for one event, `audit_each` for the same event about many things.
Invariants: 1 what is stored has passed the redaction, no secret reaches a row; 2 every event carries the origin of the door it came in by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np

from base import bulk
from base.core.ids import new_id
from base.origin import Origin, current_origin

from ..core.redaction import change, redact
from ..core.subjects import Actor, Subject
from ..enums import AuditAction, SubjectKind
from ..models import AuditEvent


def audit(
    *,
    action: AuditAction,
    subject: Subject,
    actor: Actor | None,
    now: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    rule: str = "",
    rule_version: str = "",
    journey_id: UUID | None = None,
    origin: Origin | None = None,
    approval_id: UUID | None = None,
) -> UUID:
    """Record one event in the caller's transaction and return its id. With `before` and `after` only the differences are kept.

    origin: where from; without it, what the door that is open has said (`base.origin`).

    Raises TypeError for values that cannot be audited (floats, naive instants).
    """
    event = AuditEvent(id=new_id(), subject_kind=subject.kind, subject_id=subject.id)
    facts = _facts(action, actor, now, before, after, reason, rule, rule_version, journey_id, origin, approval_id)
    for name, value in facts.items():
        setattr(event, name, value)
    event.save(force_insert=True)
    return event.id


def audit_each(
    *,
    action: AuditAction,
    kind: SubjectKind,
    subject_ids: Sequence[str],
    actor: Actor | None,
    now: datetime,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    rule: str = "",
    journey_id: UUID | None = None,
    origin: Origin | None = None,
    approval_id: UUID | None = None,
) -> int:
    """Record the same event about each of these things in one statement; returns how many. subject_ids: ASCII."""
    facts = _facts(action, actor, now, None, after, reason, rule, "", journey_id, origin, approval_id)
    subjects = bulk.Texts(np.array([id_.encode("ascii") for id_ in subject_ids], dtype=np.bytes_))
    return bulk.insert(AuditEvent, len(subject_ids), {**facts, "subject_kind": kind, "subject_id": subjects})


def _facts(
    action: AuditAction,
    actor: Actor | None,
    now: datetime,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    reason: str,
    rule: str,
    rule_version: str,
    journey_id: UUID | None,
    origin: Origin | None,
    approval_id: UUID | None,
) -> dict[str, Any]:
    was, became = (redact(before), redact(after)) if before is None or after is None else change(before, after)
    origin = origin or current_origin()
    return {
        "recorded_at": now,
        "actor_id": None if actor is None else int(actor.user_id),
        "actor_role": "" if actor is None else str(actor.role),
        "action": action,
        "before": was,
        "after": became,
        "reason": redact(reason),
        "rule": rule,
        "rule_version": rule_version,
        "journey_id": journey_id,
        "source_ip": origin.source_ip or None,
        "api_key": origin.api_key,
        "approval_id": approval_id,
    }
