"""Open accounts, one or ten thousand at once (ACC-1, ACC-2).

Entry points: `open_account`, `open_accounts`, `NewAccount`, `UnableToOpen`.
Invariants: 1. what contradicts its class is refused; what is recorded later (a mandate, an owner) is not assumed: the gates ask for it.
2. Of two that open accounts under one code or number in the same instant, the second is told that it is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
from django.db import IntegrityError
from django.db import transaction as database

from accounts.enums import AccountClass, LeverageRegime, LotMethod, PositionMode, Registration, SettlementMode, TaxClassification
from base import bulk
from base.core.ids import new_id
from base.errors import NotFound, Refused
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, SubjectKind
from governance.services import audit, audit_each, require_role

from ..core.classification import AccountRecord, record_gaps
from ..models import Account, BrokerConnection
from ..queries.columns import fetch_rows, raw_ids
from .changing import CHANGERS


class UnableToOpen(Refused):
    """An account whose facts contradict each other, or whose names are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """What an account is opened with (ACC-2). position_cap_rate: of equity, in place of its class's; a PROP account's contract states it."""

    code: str
    name: str
    account_class: AccountClass
    registration: Registration
    tax_classification: TaxClassification
    leverage_regime: LeverageRegime
    base_currency: str
    custodian_id: UUID
    custodian_account: str
    connection_id: UUID
    opened_on: date
    id: UUID = field(default_factory=new_id)
    settlement_mode: SettlementMode = SettlementMode.SETTLED_ONLY
    lot_method: LotMethod = LotMethod.FIFO
    position_mode: PositionMode = PositionMode.NETTING
    owner_id: UUID | None = None
    mandate_id: UUID | None = None
    position_cap_rate: Decimal | None = None
    is_clearing: bool = False


def open_account(*, now: datetime, actor: Actor | None = None, reason: str = "", **facts: Any) -> UUID:
    """Open one account with the facts of `NewAccount` and return its id. Raises as `open_accounts`, and Forbidden for other roles than CHANGERS.

    The refusal's `fields` are words by the field they belong to.
    """
    require_role(actor, CHANGERS)
    return open_accounts(new=[NewAccount(**facts)], actor=actor, now=now, reason=reason)[0]


@database.atomic
def open_accounts(*, new: Sequence[NewAccount], now: datetime, actor: Actor | None = None, reason: str = "") -> list[UUID]:
    """Open accounts, all or none, and return their ids in the order given.

    Raises UnableToOpen naming the first account that is wrong and how many are; NotFound for an unknown connection, or one of another
    custodian. Source: ACC-1, ACC-2.
    """
    if not new:
        return []
    _check_places(new)
    _check_facts(new, now.date())
    _check_names(new)
    columns: dict[str, Any] = {
        "id": bulk.Uuids(raw_ids(one.id for one in new)),
        "code": _texts(one.code for one in new),
        "name": _texts(one.name for one in new),
        "custodian_account": _texts(one.custodian_account for one in new),
        "owner_id": bulk.OptionalUuids(raw_ids(one.owner_id for one in new)),
        "mandate_id": bulk.OptionalUuids(raw_ids(one.mandate_id for one in new)),
        "custodian_id": bulk.Uuids(raw_ids(one.custodian_id for one in new)),
        "connection_id": bulk.Uuids(raw_ids(one.connection_id for one in new)),
        "is_clearing": bulk.Booleans(np.array([one.is_clearing for one in new], np.bool_)),
        "opened_on": bulk.Dates(np.array([one.opened_on for one in new], "datetime64[D]").astype(np.int64)),
        "position_cap_rate": bulk.Integers(
            np.array([0 if one.position_cap_rate is None else int(one.position_cap_rate * _RATE) for one in new]),
            f"(NULLIF({{}}, 0)::numeric / {_RATE})",
        ),
    }
    columns |= {name: _words([str(getattr(one, name)) for one in new]) for name in _WORDS}
    try:
        with database.atomic():
            bulk.insert(Account, len(new), columns)
    except IntegrityError:
        _check_names(new)  # somebody took one of them since
        raise
    if len(new) == 1:
        subject = Subject(SubjectKind.ACCOUNT, str(new[0].id))
        after = {field.name: getattr(new[0], field.name) for field in fields(NewAccount) if field.name != "id"}
        audit(action=AuditAction.CREATED, subject=subject, actor=actor, now=now, before={}, after=after, reason=reason)
    else:
        ids = [str(one.id) for one in new]
        audit_each(action=AuditAction.CREATED, kind=SubjectKind.ACCOUNT, subject_ids=ids, actor=actor, now=now, reason=reason)
    return [one.id for one in new]


_RATE = 10**10
_EARLIEST, _AHEAD = date(1900, 1, 1), timedelta(days=366)
_WORDS = (
    "account_class",
    "registration",
    "tax_classification",
    "leverage_regime",
    "settlement_mode",
    "lot_method",
    "position_mode",
    "base_currency",
)


def _texts(values: Iterable[str]) -> bulk.Texts:
    return bulk.Texts(np.array([value.encode() for value in values]))


def _words(values: Sequence[str]) -> bulk.Codes:
    legend = sorted(set(values))
    place = {word: i for i, word in enumerate(legend)}
    return bulk.Codes(np.array([place[value] for value in values]), legend)


def _check_places(new: Sequence[NewAccount]) -> None:
    wanted = {(one.connection_id, one.custodian_id) for one in new}
    known = set(BrokerConnection.objects.filter(pk__in={pair[0] for pair in wanted}).values_list("id", "custodian_id"))
    if wanted - known:
        raise NotFound("connection of this custodian")


def _check_facts(new: Sequence[NewAccount], today: date) -> None:
    wrong = [(one, found) for one in new if (found := (*_gaps(one), *_slips(one, today)))]
    if wrong:
        first, named = wrong[0]
        gaps = [words for _, words in named]
        by_field = {name: [words for at, words in named if at == name] for name, _ in named} if len(new) == 1 else {}
        more = f" (and {len(wrong) - 1} more accounts)" if len(wrong) > 1 else ""
        raise UnableToOpen(
            "ACC-2", f"account {first.code}: {'; '.join(gaps)}{more}", field="account", value=first.code, gaps=gaps, fields=by_field
        )


def _check_names(new: Sequence[NewAccount]) -> None:
    codes, numbers = [one.code for one in new], [one.custodian_account for one in new]
    custodians = [one.custodian_id for one in new]
    if len({code.casefold() for code in codes}) < len(new) or len(set(zip(custodians, numbers, strict=True))) < len(new):
        raise UnableToOpen("ACC-2", "a code, or a custodian's account number, is given twice", field="code")
    sql = (
        "SELECT code, custodian_account FROM accounts_account a WHERE lower(code) = ANY(%(folded)s) OR EXISTS (SELECT 1 FROM "
        "unnest(%(custodians)s::uuid[], %(numbers)s::text[]) v (c, n) WHERE v.c = a.custodian_id AND v.n = a.custodian_account) LIMIT 1"
    )
    taken = fetch_rows(sql, {"folded": [code.lower() for code in codes], "custodians": custodians, "numbers": numbers})
    if taken:
        code, account = taken[0]
        field = "code" if code.lower() in {one.lower() for one in codes} else "custodian_account"
        raise UnableToOpen("ACC-2", f"account {code} ({account}) exists already", field=field, value=code)


def _gaps(one: NewAccount) -> tuple[tuple[str, str], ...]:
    """Return, by field, what is missing or contradicts, leaving out the mandate and the owner edges, which are recorded once the account stands."""
    record = AccountRecord(
        custodian=str(one.custodian_id),
        account_number=one.custodian_account,
        account_class=one.account_class,
        registration=one.registration,
        tax_classification=one.tax_classification,
        leverage_regime=one.leverage_regime,
        base_currency=one.base_currency,
        settlement_mode=one.settlement_mode,
        lot_method=one.lot_method,
        mandate_id="recorded later",
        owner_ids=frozenset({"recorded later"}),
        contract_cap_rate=Decimal(0) if one.is_clearing else one.position_cap_rate,
    )
    cap = one.position_cap_rate
    fits = cap is None or (0 < cap <= 1 and cap * _RATE == int(cap * _RATE))
    odd = () if fits else (("position_cap_rate", f"position cap {cap} is not a positive rate of at most 1"),)
    own = {"account_number": "custodian_account", "contract_cap_rate": "position_cap_rate"}
    found = ((own.get(name, name), words) for name, words in record_gaps(record))
    return (*([] if one.code else [("code", "code is missing")]), *found, *odd)


def _slips(one: NewAccount, today: date) -> Iterator[tuple[str, str]]:
    """Yield, by field, what can only be a slip of the hand. None of it can be changed once the account stands."""
    for name, words in (("code", "code"), ("custodian_account", "number at the custodian")):
        if not getattr(one, name).isprintable():
            yield name, f"the {words} holds a character nobody can see"
    if not _EARLIEST <= one.opened_on <= today + _AHEAD:
        yield "opened_on", f"{one.opened_on} is no day an account is opened on: {_EARLIEST} at the earliest, at most a year from today"
