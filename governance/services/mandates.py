"""Mandates: a new version takes the place of the one before; nothing is changed (GOV-1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import IntegrityError, transaction

from base.core.ids import new_id

from ..core.mandates import MandateRule as CoreRule
from ..core.subjects import Actor, Subject
from ..enums import AuditAction, MandateRuleKind, SubjectKind
from ..models import Mandate, MandateRule
from .audit_trail import audit
from .parties import UnableToRecord
from .permission import CONTROL, require_role


@dataclass(frozen=True, slots=True)
class MandateRuleSpec:
    """A rule to record. rate, lower_rate: bounds (0.02 = 2%, or multiples of equity); words: kinds, sectors, issuers or instruments."""

    kind: MandateRuleKind
    clause: str
    rate: Decimal | None = None
    lower_rate: Decimal | None = None
    words: tuple[str, ...] = ()


def record_mandate(
    *,
    code: str,
    name: str,
    rules: Sequence[MandateRuleSpec],
    valid_from: datetime,
    actor: Actor | None,
    now: datetime,
    valid_until: datetime | None = None,
    document_sha256: str = "",
    approval_id: UUID | None = None,
) -> UUID:
    """Record a mandate, or the next version of one, and return its id. It speaks for every earlier id of its code from `valid_from` on.

    Raises UnableToRecord for rules that bound or name nothing, or a clash with a version recorded at the same moment; NotPermitted.
    """
    require_role(actor, CONTROL)
    if valid_until is not None and valid_until <= valid_from:
        raise UnableToRecord("valid_until", "the mandate ends before it begins", field="valid_until", value=valid_until)
    for rule in rules:
        _check(rule)
    last = Mandate.objects.filter(code=code).order_by("-version").values_list("version", flat=True).first() or 0
    facts = {"name": name, "valid_from": valid_from, "valid_until": valid_until, "document_sha256": document_sha256}
    mandate = Mandate(id=new_id(), code=code, version=last + 1, **facts)
    try:
        with transaction.atomic():
            mandate.save(force_insert=True)
    except IntegrityError as error:
        raise UnableToRecord("version", "somebody recorded this mandate at the same moment", field="code", value=code) from error
    MandateRule.objects.bulk_create(
        MandateRule(
            id=new_id(),
            mandate=mandate,
            kind=rule.kind,
            rate=rule.rate,
            lower_rate=rule.lower_rate,
            words=sorted(rule.words),
            clause=rule.clause,
        )
        for rule in rules
    )
    after = {"code": code, "version": mandate.version, **facts, "rules": [asdict(rule) for rule in rules]}
    subject = Subject(SubjectKind.MANDATE, str(mandate.id))
    audit(action=AuditAction.CREATED, subject=subject, actor=actor, now=now, after=after, rule="GOV-1", approval_id=approval_id)
    return mandate.id


def _check(rule: MandateRuleSpec) -> None:
    try:
        CoreRule(rule.kind, rule.kind, rule.clause, rule.rate, rule.lower_rate, frozenset(rule.words))
    except ValueError as error:
        raise UnableToRecord("rules", f"{error}, not {_written(rule)}", field="rules", value=_written(rule)) from error
    if not rule.clause.strip():
        raise UnableToRecord("clause", f"the rule {rule.kind} names no clause", field="rules")


def _written(rule: MandateRuleSpec) -> str:
    bounds = [f"{bound:f}" for bound in (rule.rate, rule.lower_rate) if bound is not None]
    return " and ".join(bounds) or "an empty one"
