"""Where accounts are kept and what part of them a strategy runs: custodians, broker connections, sleeves.

Entry points: `open_custodian`, `open_connection`, `open_sleeve`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction as database

from base.errors import Conflict, NotFound
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, SubjectKind
from governance.services import audit

from ..models import BrokerConnection, Custodian, Sleeve


class CodeTaken(Conflict):
    """Another thing of this firm has the code."""


@database.atomic
def open_custodian(*, code: str, name: str, now: datetime, contact: str = "", calendar: str = "XNYS", actor: Actor | None = None) -> UUID:
    """Record a custodian and return its id. Raises CodeTaken."""
    _refuse_taken(Custodian, code)
    custodian = Custodian.objects.create(code=code, name=name, contact=contact, calendar=calendar)
    subject = Subject(SubjectKind.FIRM, str(custodian.firm_id or ""))
    audit(action=AuditAction.CREATED, subject=subject, actor=actor, now=now, after={"custodian": code, "id": str(custodian.id)})
    return custodian.id


@database.atomic
def open_connection(
    *,
    code: str,
    gateway: str,
    custodian_id: UUID,
    now: datetime,
    is_paper: bool = True,
    pools_blocks: bool = False,
    settings: Mapping[str, Any] | None = None,
    actor: Actor | None = None,
) -> UUID:
    """Record a connection to a broker and return its id. Raises CodeTaken, NotFound for an unknown custodian."""
    _refuse_taken(BrokerConnection, code)
    if not Custodian.objects.filter(pk=custodian_id).exists():
        raise NotFound("custodian")
    connection = BrokerConnection.objects.create(
        code=code,
        gateway=gateway,
        custodian_id=custodian_id,
        is_paper=is_paper,
        pools_blocks=pools_blocks,
        settings=dict(settings or {}),
    )
    after = {"code": code, "gateway": gateway, "is_paper": is_paper, "pools_blocks": pools_blocks}
    subject = Subject(SubjectKind.BROKER_CONNECTION, str(connection.id))
    audit(action=AuditAction.CREATED, subject=subject, actor=actor, now=now, after=after)
    return connection.id


@database.atomic
def open_sleeve(*, code: str, name: str, now: datetime, actor: Actor | None = None) -> UUID:
    """Record a sleeve and return its id. Raises CodeTaken."""
    _refuse_taken(Sleeve, code)
    sleeve = Sleeve.objects.create(code=code, name=name)
    audit(action=AuditAction.CREATED, subject=Subject(SubjectKind.STRATEGY, str(sleeve.id)), actor=actor, now=now, after={"sleeve": code})
    return sleeve.id


def _refuse_taken(model: type[Custodian] | type[BrokerConnection] | type[Sleeve], code: str) -> None:
    if model.objects.filter(code=code).exists():
        raise CodeTaken("code", f"{model._meta.verbose_name} {code} exists already", field="code", value=code)
