"""Open accounts, one by one or ten thousand at once (ACC-1, ACC-2).

Entry points: `open_account`, `open_accounts_many`, `AccountOpening`, `UnableToOpen`.
Invariant: what contradicts its class is refused; what is still missing (a mandate, an owner) is not assumed: the gates ask for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import numpy as np
from django.db import transaction as database

from accounts.enums import (
    AccountClass,
    LeverageRegime,
    LotMethod,
    PositionMode,
    Registration,
    SettlementMode,
    TaxClassification,
)
from base import bulk
from base.core.ids import new_ids
from base.errors import NotFound, Refused
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, SubjectKind
from governance.services import audit

from ..core.classification import AccountRecord, routing_gaps
from ..models import Account, BrokerConnection
from ..queries.columns import Ids, fetch_rows, raw_ids


class UnableToOpen(Refused):
    """An account whose facts contradict each other, or whose names are taken."""


@dataclass(frozen=True, slots=True)
class AccountOpening:
    """What an account is opened with (ACC-2). position_cap_rate: of equity, in place of its class's; a PROP account's contract states it."""

    code: str
    name: str
    account_class: AccountClass
    registration: Registration
    tax_classification: TaxClassification
    leverage_regime: LeverageRegime
    base_currency: str
    custodian_account: str
    settlement_mode: SettlementMode = SettlementMode.SETTLED_ONLY
    lot_method: LotMethod = LotMethod.FIFO
    position_mode: PositionMode = PositionMode.NETTING
    owner_id: UUID | None = None
    mandate_id: UUID | None = None
    position_cap_rate: Decimal | None = None
    is_clearing: bool = False


@database.atomic
def open_account(*, opening: AccountOpening, connection_id: UUID, opened_on: date, now: datetime, actor: Actor | None = None) -> UUID:
    """Open one account and return its id. Raises UnableToOpen, NotFound for an unknown connection. Source: ACC-1, ACC-2."""
    (one,) = open_accounts_many(openings=[opening], connection_id=connection_id, opened_on=opened_on, now=now, actor=actor).tolist()
    return UUID(bytes=bytes(one))


@database.atomic
def open_accounts_many(
    *, openings: Sequence[AccountOpening], connection_id: UUID, opened_on: date, now: datetime, actor: Actor | None = None
) -> Ids:
    """Open accounts on one connection and return their ids, V16[n] in the order given; all or none.

    Raises UnableToOpen naming the first account that is wrong and how many are; NotFound for an unknown connection.
    """
    connection = BrokerConnection.objects.filter(pk=connection_id).first()
    if connection is None:
        raise NotFound("connection")
    _check(openings, connection)
    n, ids = len(openings), new_ids(len(openings))
    columns = {
        "id": bulk.Uuids(ids),
        "code": _texts(o.code for o in openings),
        "name": _texts(o.name for o in openings),
        "custodian_account": _texts(o.custodian_account for o in openings),
        "base_currency": _words([o.base_currency for o in openings]),
        "owner_id": bulk.OptionalUuids(raw_ids(o.owner_id for o in openings)),
        "mandate_id": bulk.OptionalUuids(raw_ids(o.mandate_id for o in openings)),
        "is_clearing": bulk.Booleans(np.array([o.is_clearing for o in openings], np.bool_)),
        "custodian_id": connection.custodian_id,
        "connection_id": connection.id,
        "opened_on": opened_on,
    }
    for name in _VOCABULARIES:
        columns[name] = _words([str(getattr(o, name)) for o in openings])
    bulk.insert(Account, n, columns)
    capped = [(one, o.position_cap_rate) for one, o in zip(ids.tolist(), openings, strict=True) if o.position_cap_rate is not None]
    for rate in sorted({rate for _, rate in capped}):
        Account.objects.filter(pk__in=[UUID(bytes=one) for one, theirs in capped if theirs == rate]).update(position_cap_rate=rate)
    _audit(openings, ids, connection, now, actor)
    return ids


_VOCABULARIES = (
    "account_class",
    "registration",
    "tax_classification",
    "leverage_regime",
    "settlement_mode",
    "lot_method",
    "position_mode",
)


def _texts(values: Iterable[str]) -> bulk.Texts:
    return bulk.Texts(np.array([value.encode() for value in values]))


def _words(values: Sequence[str]) -> bulk.Codes:
    legend = sorted(set(values))
    place = {word: i for i, word in enumerate(legend)}
    return bulk.Codes(np.array([place[value] for value in values]), legend)


def _check(openings: Sequence[AccountOpening], connection: BrokerConnection) -> None:
    wrong = [(o, gaps) for o in openings if (gaps := _gaps(o, connection))]
    if wrong:
        first, gaps = wrong[0]
        more = f" (and {len(wrong) - 1} more accounts)" if len(wrong) > 1 else ""
        raise UnableToOpen("ACC-2", f"account {first.code}: {'; '.join(gaps)}{more}", field="account", value=first.code, gaps=list(gaps))
    taken = fetch_rows(
        "SELECT code FROM accounts_account WHERE code = ANY(%(codes)s) OR (custodian_id = %(custodian)s AND custodian_account = ANY(%(numbers)s))",
        {
            "codes": [o.code for o in openings],
            "custodian": connection.custodian_id,
            "numbers": [o.custodian_account for o in openings],
        },
    )
    names, numbers = {o.code for o in openings}, {o.custodian_account for o in openings}
    if taken or len(names) < len(openings) or len(numbers) < len(openings):
        told = f"account {taken[0][0]} exists already" if taken else "a code or account number is given twice"
        raise UnableToOpen("ACC-2", told, field="code", value=taken[0][0] if taken else "")


def _gaps(o: AccountOpening, connection: BrokerConnection) -> tuple[str, ...]:
    """Return what is missing or contradicts, leaving out the mandate and the owner, which are recorded after the account stands."""
    if o.is_clearing:
        return () if o.code and o.custodian_account and o.base_currency else ("a clearing account needs a code, a number and a currency",)
    record = AccountRecord(
        custodian=str(connection.custodian_id),
        account_number=o.custodian_account,
        account_class=o.account_class,
        registration=o.registration,
        tax_classification=o.tax_classification,
        leverage_regime=o.leverage_regime,
        base_currency=o.base_currency,
        settlement_mode=o.settlement_mode,
        lot_method=o.lot_method,
        mandate_id="recorded later",
        owner_ids=frozenset({"recorded later"}),
        contract_cap_rate=o.position_cap_rate,
    )
    gaps = routing_gaps(record)
    return gaps if o.position_cap_rate is None or o.position_cap_rate > 0 else (*gaps, "the position cap is not positive")


def _audit(openings: Sequence[AccountOpening], ids: Ids, connection: BrokerConnection, now: datetime, actor: Actor | None) -> None:
    after: dict[str, object] = {"connection": connection.code, "accounts": len(openings)}
    if len(openings) == 1:
        subject = Subject(SubjectKind.ACCOUNT, str(UUID(bytes=bytes(ids[0]))))
        after |= {"code": openings[0].code, "class": str(openings[0].account_class), "registration": str(openings[0].registration)}
    else:
        subject = Subject(SubjectKind.BROKER_CONNECTION, str(connection.id))
        after |= {"first": openings[0].code, "last": openings[-1].code} if openings else {}
    audit(action=AuditAction.CREATED, subject=subject, actor=actor, now=now, after=after)
