"""Parties, and the gates that accounts have passed (ACC-1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from base import bulk
from base.core.ids import new_id, uuid_texts
from base.errors import Conflict

from ..core.id_columns import id_column
from ..core.subjects import Actor, Subject
from ..enums import AccountGate, AuditAction, SubjectKind
from ..models import GateRecord, Party
from .audit_trail import audit, audit_each
from .permission import RECORDS, require_role


class UnableToRecord(Conflict):
    """What is to be recorded contradicts what is on file or itself."""

    status = 422


def record_party(
    *,
    code: str,
    name: str,
    actor: Actor | None,
    now: datetime,
    is_entity: bool = False,
    statement_address: str = "",
    user_id: int | None = None,
) -> UUID:
    """Record a person or legal entity and return its id. Raises UnableToRecord for a code in use, NotPermitted."""
    require_role(actor, RECORDS)
    after = {"code": code, "name": name, "is_entity": is_entity, "statement_address": statement_address, "user": user_id}
    row = Party(id=new_id(), code=code, name=name, is_entity=is_entity, statement_address=statement_address, user_id=user_id)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise UnableToRecord("code", "there is a party of this code already", field="code", value=code) from error
    audit(action=AuditAction.CREATED, subject=Subject(SubjectKind.PARTY, str(row.id)), actor=actor, now=now, after=after)
    return row.id


def record_gate(
    *,
    subject: Subject,
    gate: AccountGate,
    evidence: str,
    actor: Actor | None,
    now: datetime,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
) -> UUID:
    """Record that a subject has passed a gate from `valid_from` (None = now) on, with the evidence for it; returns the record's id."""
    require_role(actor, RECORDS)
    _check(evidence, valid_from or now, valid_until)
    row = GateRecord.objects.create(
        subject_kind=subject.kind,
        subject_id=UUID(subject.id),
        gate=gate,
        valid_from=valid_from or now,
        valid_until=valid_until,
        evidence=evidence,
    )
    after = {"gate": gate, "evidence": evidence, "valid_from": row.valid_from, "valid_until": valid_until}
    audit(action=AuditAction.CHANGED, subject=subject, actor=actor, now=now, after=after, rule="ACC-1")
    return row.id


def record_gates(
    *,
    account_ids: Sequence[UUID],
    gate: AccountGate,
    evidence: str,
    actor: Actor | None,
    now: datetime,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
) -> int:
    """Record one gate for many accounts at once, on the same evidence; returns how many."""
    require_role(actor, RECORDS)
    _check(evidence, valid_from or now, valid_until)
    ids = id_column(account_ids)
    facts = {"gate": gate, "valid_from": valid_from or now, "valid_until": valid_until, "evidence": evidence}
    columns = {**facts, "subject_kind": SubjectKind.ACCOUNT, "subject_id": bulk.Uuids(ids)}
    written = bulk.insert(GateRecord, len(ids), columns)
    texts = uuid_texts(ids)
    audit_each(action=AuditAction.CHANGED, kind=SubjectKind.ACCOUNT, subject_ids=texts, actor=actor, now=now, after=facts, rule="ACC-1")
    return written


def _check(evidence: str, valid_from: datetime, valid_until: datetime | None) -> None:
    if not evidence.strip():
        raise UnableToRecord("evidence", "a gate is passed on evidence", field="evidence", value="")
    if valid_until is not None and valid_until <= valid_from:
        raise UnableToRecord("valid_until", "the record ends before it begins", field="valid_until", value=valid_until)
