"""Firms, the people who sign in, and their roles."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from base import tenancy
from base.errors import Conflict, NotFound
from base.live import Topic, announce

from ..core.subjects import Actor, Subject
from ..enums import AuditAction, Role, SubjectKind
from ..models import ApiToken, Firm, FirmSettings, Membership, User
from .audit_trail import audit
from .permission import MEMBERS, refuse_oneself, require_role
from .signing_in import record_signing


class UnableToCreate(Conflict):
    """There is a firm of this name, or a person with this address, already."""


def create_firm(*, name: str, reporting_currency: str = "USD", now: datetime | None = None) -> int:
    """Create a firm with its settings and return its id. Opens the new firm's block itself, so no other may be open.

    now: the instant for the audit trail; without it the firm's trail begins with the next event. Raises UnableToCreate.
    """
    try:
        with transaction.atomic():
            firm = Firm.objects.create(name=name)
    except IntegrityError as error:
        raise UnableToCreate("name", "there is a firm of this name already", field="name", value=name) from error
    with tenancy.firm(firm.id):
        FirmSettings.objects.create(reporting_currency=reporting_currency)
        if now is not None:
            after = {"name": name, "reporting_currency": reporting_currency}
            audit(action=AuditAction.CREATED, subject=Subject(SubjectKind.FIRM, str(firm.id)), actor=None, now=now, after=after)
    return firm.id


def create_user(*, email: str, name: str, password: str | None = None) -> int:
    """Create a person and return their id; without a password nobody can sign in as them. People belong to no firm until added.

    Raises UnableToCreate if somebody has this address.
    """
    try:
        with transaction.atomic():
            return User.objects.create_user(email, password, name=name).id
    except IntegrityError as error:
        raise UnableToCreate("email", "somebody has this address already", field="email", value=email) from error


def rename_person(*, user_id: int, name: str, now: datetime) -> None:
    """Change a person's own name, told to each of their firms. Opens its blocks itself. Raises NotFound."""
    before = User.objects.filter(id=user_id).values_list("name", flat=True).first()
    if before is None:
        raise NotFound("person")
    if before != name:
        User.objects.filter(id=user_id).update(name=name)
        record_signing(user_id=user_id, action=AuditAction.CHANGED, now=now, before={"name": before}, after={"name": name})


def add_member(*, user_id: int, role: Role, actor: Actor | None, now: datetime, reason: str = "") -> None:
    """Give somebody else this role in the current firm. Raises NotFound, Forbidden."""
    require_role(actor, MEMBERS)
    refuse_oneself(actor, user_id)
    if not User.objects.filter(id=user_id).exists():
        raise NotFound("person")
    row, created = Membership.objects.get_or_create(user_id=user_id, role=role, firm_id=tenancy.current_firm() or 0)
    if created or not row.is_active:
        row.is_active = True
        row.save(update_fields=["is_active"])
        audit(action=AuditAction.GRANTED, subject=_subject(user_id), actor=actor, now=now, after={"role": role}, reason=reason)
        announce(Topic.SIGHT)


def remove_member(*, user_id: int, role: Role, actor: Actor | None, now: datetime, reason: str = "") -> None:
    """Take the role away, with effect on the next request; with the last role go the person's tokens for this firm.

    Raises NotFound, NotPermitted.
    """
    require_role(actor, MEMBERS)
    held = (
        Membership.objects.select_for_update().filter(user_id=user_id, is_active=True, firm_id=tenancy.current_firm() or 0).order_by("id")
    )
    rows = {row.role: row for row in held}
    if role not in rows:
        raise NotFound("member of this firm")
    rows[role].is_active = False
    rows[role].save(update_fields=["is_active"])
    tokens = 0
    if len(rows) == 1:
        tokens, _ = ApiToken.objects.filter(user_id=user_id, firm_id=tenancy.current_firm() or 0).delete()
    before = {"role": role, "tokens_count": tokens}
    audit(action=AuditAction.GRANT_REVOKED, subject=_subject(user_id), actor=actor, now=now, before=before, reason=reason)
    announce(Topic.SIGHT)


def _subject(user_id: int) -> Subject:
    return Subject(SubjectKind.MEMBERSHIP, str(user_id))
