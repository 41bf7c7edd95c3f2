"""Runs and breaks as people see them: only of accounts they may see (DESIGN §6).

Entry points: `runs`, `breaks`, `break_seen`; for the operator at the console `custodian_id_of`, `breaks_of_custodian`.
Invariant: a fixed number of statements, whatever the number of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.queries import visible_to
from base.errors import NotFound
from market.core import calendars

from ..core.aging import age
from ..core.matching import STANDARD
from ..core.tolerance_words import tolerance_words
from ..enums import BreakState, BreakType, ItemKind, RunState
from ..models import Break, ReconciliationRun
from .columns import execute

PAGE = 200


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run. late: it ended after its 60 minutes."""

    id: UUID
    custodian: str
    as_of: date
    state: RunState
    reasons: tuple[str, ...]
    items: int
    due_at: datetime
    finished_at: datetime | None
    late: bool


@dataclass(frozen=True, slots=True)
class BreakRow:
    """One break. ours, theirs: a number, or the dates of a timing break; age: business days of the custodian's calendar."""

    id: UUID
    account_id: UUID
    account: str
    custodian: str
    item: ItemKind
    type: BreakType
    symbol: str
    their_symbol: str
    currency: str
    exec_id: str
    booked_on: date | None
    ours: Decimal | date | None
    theirs: Decimal | date | None
    difference: Decimal | None
    value_difference: Decimal | None
    value_currency: str
    is_material: bool
    rule: str
    state: BreakState
    owner_id: int | None
    opened_on: date
    closed_at: datetime | None
    age: int
    account_name: str = ""

    @property
    def is_money(self) -> bool:
        """Tell whether both sides are amounts of money; of a price and a quantity they are not."""
        return self.item not in {ItemKind.POSITION, ItemKind.TRADE}

    @property
    def tolerance(self) -> tuple[str, str]:
        """Return the tolerance it was measured by, and what that means."""
        return tolerance_words(self.rule, STANDARD)

    @property
    def is_dates(self) -> bool:
        """Tell whether both sides are dates."""
        return isinstance(self.ours or self.theirs, date)


def runs(*, user: Any, since: date | None = None, custodian_id: UUID | None = None) -> list[RunRow]:
    """Return the newest runs of custodians at which the person may see an account."""
    rows = ReconciliationRun.objects.filter(custodian_id__in=visible_to(user).values("custodian_id"))
    if since is not None:
        rows = rows.filter(as_of__gte=since)
    if custodian_id is not None:
        rows = rows.filter(custodian_id=custodian_id)
    return [
        RunRow(
            id=row.id,
            custodian=row.custodian.code,
            as_of=row.as_of,
            state=RunState(row.state),
            reasons=tuple(row.reasons),
            items=row.items,
            due_at=row.due_at,
            finished_at=row.finished_at,
            late=row.finished_at is not None and row.finished_at > row.due_at,
        )
        for row in rows.select_related("custodian").order_by("-as_of", "-started_at", "-id")[:PAGE]
    ]


def breaks(
    *,
    user: Any,
    today: date,
    open_only: bool = True,
    types: frozenset[BreakType] = frozenset(),
    account_id: UUID | None = None,
    run_id: UUID | None = None,
    limit: int = PAGE,
) -> list[BreakRow]:
    """Return breaks of accounts the person may see, material ones first, then the oldest."""
    wanted = Q()
    if open_only:
        wanted &= Q(closed_at=None)
    if types:
        wanted &= Q(break_type__in=sorted(types))
    if account_id is not None:
        wanted &= Q(account_id=account_id)
    if run_id is not None:
        wanted &= Q(run_id=run_id)
    rows = _seen(user).filter(wanted).order_by("-is_material", "opened_on", "id")
    return [break_row(row, today) for row in rows.select_related("account__custodian")[:limit]]


def break_seen(*, user: Any, break_id: UUID, today: date) -> BreakRow:
    """Return one break. Raises NotFound also where the person may not see its account."""
    row = _seen(user).filter(id=break_id).select_related("account__custodian").first()
    if row is None:
        raise NotFound("break")
    return break_row(row, today)


def custodian_id_of(*, code: str) -> UUID:
    """Return the id of a custodian of the open block's firm. Raises NotFound."""
    found = execute("SELECT id FROM accounts_custodian WHERE code = %(code)s", {"code": code}).fetchone()
    if found is None:
        raise NotFound(f"custodian {code}")
    return UUID(str(found[0]))


def breaks_of_custodian(*, custodian_id: UUID, today: date) -> list[BreakRow]:
    """Return every open break of a custodian, for somebody who runs the machine itself."""
    rows = Break.objects.filter(closed_at=None, account__custodian_id=custodian_id).order_by("-is_material", "opened_on", "id")
    return [break_row(row, today) for row in rows.select_related("account__custodian")]


def _seen(user: Any) -> QuerySet[Break]:
    return Break.objects.filter(account__in=visible_to(user))


def break_row(row: Break, today: date) -> BreakRow:
    """Return a break, read with its account and custodian, as people see it on `today`."""
    return BreakRow(
        id=row.id,
        account_id=row.account_id,
        account=row.account.code,
        custodian=row.account.custodian.code,
        item=ItemKind(row.item_kind),
        type=BreakType(row.break_type),
        symbol=row.symbol,
        their_symbol=row.their_symbol,
        currency=row.currency,
        exec_id=row.exec_id,
        booked_on=row.booked_on,
        ours=row.our_date or row.ours,
        theirs=row.their_date or row.theirs,
        difference=row.difference,
        value_difference=row.value_difference,
        value_currency=row.value_currency,
        is_material=row.is_material,
        rule=row.rule,
        state=BreakState(row.state),
        owner_id=row.owner_id,
        opened_on=row.opened_on,
        closed_at=row.closed_at,
        age=_age(row.account.custodian.calendar, row.opened_on, today),
        account_name=row.account.name,
    )


def _age(calendar: str, opened_on: date, today: date) -> int:
    return age(opened_on, today, lambda day: calendars.is_session(calendar, day))
