"""Change what an account, a connection or a custodian is, with the difference in the audit trail (ACC-1, GOV-7).

Entry points: `change_account`, `change_connection`, `change_custodian`. Invariant: books, numbers at the custodian and classes are never changed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import models, transaction

from base.errors import NotFound, Refused
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, Role, SubjectKind
from governance.services import audit, require_role

from ..models import Account, BrokerConnection, Custodian

CHANGERS = frozenset({Role.RISK, Role.COMPLIANCE})


class UnableToChange(Refused):
    """A figure that an account cannot have."""


def change_account(
    *,
    account_id: UUID,
    name: str,
    owner_id: UUID | None,
    mandate_id: UUID | None,
    position_cap_rate: Decimal | None,
    actor: Actor,
    now: datetime,
    reason: str,
) -> None:
    """Give an account this name, owner, mandate and cap (of equity; None = its class's). Raises NotFound, Forbidden, UnableToChange."""
    if position_cap_rate is not None and not 0 < position_cap_rate <= 1:
        raise UnableToChange(
            "position_cap_rate", "a cap is a rate above 0 and at most 1", field="position_cap_rate", value=position_cap_rate
        )
    facts = {"name": name, "owner_id": owner_id, "mandate_id": mandate_id, "position_cap_rate": position_cap_rate}
    _change(Account, account_id, facts, SubjectKind.ACCOUNT, actor, now, reason)


def change_connection(*, connection_id: UUID, is_enabled: bool, actor: Actor, now: datetime, reason: str) -> None:
    """Enable or disable a broker connection; whether it is live or paper never changes. Raises NotFound, Forbidden."""
    _change(BrokerConnection, connection_id, {"is_enabled": is_enabled}, SubjectKind.BROKER_CONNECTION, actor, now, reason)


def change_custodian(*, custodian_id: UUID, name: str, contact: str, actor: Actor, now: datetime, reason: str) -> None:
    """Give a custodian this name and contact. Raises NotFound, Forbidden."""
    _change(Custodian, custodian_id, {"name": name, "contact": contact}, SubjectKind.FIRM, actor, now, reason)


def _change(
    model: type[models.Model], pk: UUID, facts: Mapping[str, Any], kind: SubjectKind, actor: Actor, now: datetime, reason: str
) -> None:
    require_role(actor, CHANGERS)
    with transaction.atomic():
        row = model._default_manager.select_for_update(no_key=True).filter(pk=pk).first()
        if row is None:
            raise NotFound(str(model._meta.verbose_name))
        before = {field: getattr(row, field) for field in facts}
        if before == facts:
            return
        for field, value in facts.items():
            setattr(row, field, value)
        row.save(update_fields=list(facts))
        named = {"custodian": str(pk)} if kind is SubjectKind.FIRM else {}
        subject = Subject(kind, str(row.firm_id if kind is SubjectKind.FIRM else pk))  # type: ignore[attr-defined]
        audit(action=AuditAction.CHANGED, subject=subject, actor=actor, now=now, before=before, after={**facts, **named}, reason=reason)
