"""Set the firm's limits (RSK-1 gate 1).

Entry points: `set_firm_limit`; `change_firm_limit`, where a second person must agree to a looser one; `request_limit` to ask them.
Invariants: 1. at most one limit of a kind is in force; earlier ones stay, with the time they ended. 2. What a person loosens at a desk two people
have agreed to (GOV-4): exactly that figure, once, within 15 minutes.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from base.core.figures import number
from base.core.ids import digest, plain_decimal
from base.core.words import words
from base.errors import Conflict, Forbidden, Refused
from governance import services as governance
from governance.core.subjects import Actor, Subject
from governance.enums import ApprovalAction, AuditAction, Role, SubjectKind
from risk.core.gate_one import UNLIMITED
from risk.enums import FirmLimitKind
from risk.models import FirmLimit

LIMIT_ROLES = frozenset({Role.RISK, Role.COMPLIANCE})
_LARGEST = Decimal(10) ** 20


class UnableToSetLimit(Refused):
    """The limit is no figure that can be a limit."""


@transaction.atomic
def set_firm_limit(
    *, kind: FirmLimitKind, limit: Decimal, actor: Actor, now: datetime, reason: str = "", approval_id: UUID | None = None
) -> UUID:
    """Put a limit in force from `now` on and end the one before; the same figure again changes nothing. Return the id of its row.

    limit: reporting currency, ADV_RATE as a rate; positive, at most eight places. `UNLIMITED` says that there is none, which is not the
    same as saying nothing: without a row the gate blocks (CON-5).
    Raises Forbidden unless the actor is of risk or compliance, UnableToSetLimit, Conflict for a `now` not after the limit in force.
    """
    if actor.role not in LIMIT_ROLES:
        raise Forbidden("not_permitted", "only risk and compliance set the firm's limits", role=str(actor.role))
    figure = _checked(limit)
    before = FirmLimit.objects.select_for_update().filter(kind=kind, valid_until=None).first()
    if before is not None and before.limit == figure:
        return before.id
    if before is not None and now <= before.valid_from:
        raise Conflict("limit_in_force", f"a limit of {kind} is in force since {before.valid_from.isoformat()}", kind=str(kind))
    if before is not None:
        before.valid_until = now
        before.save(update_fields=["valid_until"])
    after = FirmLimit.objects.create(kind=kind, limit=figure, valid_from=now)
    governance.audit(
        action=AuditAction.CREATED if before is None else AuditAction.CHANGED,
        subject=Subject(SubjectKind.LIMIT, kind.value),
        actor=actor,
        now=now,
        before={} if before is None else {"limit": _shown(before.limit)},
        after={"limit": _shown(figure)},
        reason=reason,
        rule="RSK-1",
        approval_id=approval_id,
    )
    return after.id


class NeedsSecondPerson(Refused):
    """The limit would be looser than the one in force: ask with `request_limit` first."""


@transaction.atomic
def change_firm_limit(
    *, kind: FirmLimitKind, limit: Decimal, actor: Actor, now: datetime, reason: str, approval_id: UUID | None = None
) -> UUID:
    """Put a limit in force like `set_firm_limit`; a looser one than that in force spends an approval of exactly this figure.

    Raises NeedsSecondPerson without one, UnableToApprove, and what `set_firm_limit` raises.
    """
    if not _is_looser(kind, _checked(limit)):
        return set_firm_limit(kind=kind, limit=limit, actor=actor, now=now, reason=reason)
    if approval_id is None:
        raise NeedsSecondPerson("GOV-4", "a second person must agree to a looser limit", field="limit", value=limit)
    governance.use_approval(
        approval_id=approval_id,
        action=ApprovalAction.CHANGE_LIMIT,
        subject=Subject(SubjectKind.LIMIT, kind.value),
        content_hash=limit_hash(kind, limit),
        now=now,
        actor=actor,
    )
    return set_firm_limit(kind=kind, limit=limit, actor=actor, now=now, reason=reason, approval_id=approval_id)


def request_limit(*, kind: FirmLimitKind, limit: Decimal, actor: Actor, now: datetime, reason: str) -> UUID:
    """Ask a second person for this limit and return the request's id. Raises UnableToSetLimit, UnableToApprove, Forbidden."""
    if actor.role not in LIMIT_ROLES:
        raise Forbidden("not_permitted", "only risk and compliance set the firm's limits", role=str(actor.role))
    figure = _checked(limit)
    return governance.request_approval(
        action=ApprovalAction.CHANGE_LIMIT,
        subject=Subject(SubjectKind.LIMIT, kind.value),
        content_hash=limit_hash(kind, limit),
        actor=actor,
        now=now,
        reason=f"{words(kind)} {'without a limit' if figure is None else f'to {number(figure)}'}: {reason}",
        rules=("RSK-1",),
    )


def limit_hash(kind: FirmLimitKind, limit: Decimal) -> str:
    """Return the content hash that a request for this limit names."""
    return digest(["limit", kind.value, _shown(_checked(limit))])


def _is_looser(kind: FirmLimitKind, figure: Decimal | None) -> bool:
    standing = FirmLimit.objects.filter(kind=kind, valid_until=None).first()
    if standing is None or standing.limit is None:
        return False
    return figure is None or figure > standing.limit


def _checked(limit: Decimal) -> Decimal | None:
    if limit == UNLIMITED:
        return None
    if not limit.is_finite() or not 0 < limit < _LARGEST or limit != round(limit, 8):
        raise UnableToSetLimit("limit", f"{limit} is not a positive figure of at most eight places", field="limit", value=limit)
    return limit


def _shown(limit: Decimal | None) -> str:
    return "UNLIMITED" if limit is None else plain_decimal(limit)
