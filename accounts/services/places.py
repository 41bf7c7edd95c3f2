"""Where accounts are kept and what part of them a strategy runs: custodians, broker connections, sleeves.

Entry points: `open_custodian`, `open_connection`, `open_sleeve`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction as database

from accounts.enums import AccountClass, LeverageRegime, Registration, TaxClassification
from base.errors import Conflict, NotFound
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, SubjectKind
from governance.queries import firm_settings
from governance.services import audit

from ..models import BrokerConnection, Custodian, Sleeve
from .opening import NewAccount, open_accounts


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
    clearing_number: str = "",
    actor: Actor | None = None,
) -> tuple[UUID, str]:
    """Record a connection to a broker with its clearing account; return its id and the number the custodian has for that account.

    clearing_number: "<code>-CLEARING" unless given. Raises CodeTaken, NotFound for an unknown custodian, UnableToOpen for a number in use.
    """
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
    number = clearing_number or f"{code}-CLEARING"
    open_accounts(new=[_clearing(connection, number, now)], actor=actor, now=now)
    after = {"code": code, "gateway": gateway, "is_paper": is_paper, "pools_blocks": pools_blocks, "clearing": number}
    subject = Subject(SubjectKind.BROKER_CONNECTION, str(connection.id))
    audit(action=AuditAction.CREATED, subject=subject, actor=actor, now=now, after=after)
    return connection.id, number


def _clearing(connection: BrokerConnection, number: str, now: datetime) -> NewAccount:
    return NewAccount(
        code=number,
        name=f"Clearing of {connection.code}",
        account_class=AccountClass.PROP,
        registration=Registration.PROP_DESK,
        tax_classification=TaxClassification.FIRM,
        leverage_regime=LeverageRegime.CASH,
        base_currency=firm_settings().reporting_currency,
        custodian_id=connection.custodian_id,
        custodian_account=number,
        connection_id=connection.id,
        opened_on=now.date(),
        is_clearing=True,
    )


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
