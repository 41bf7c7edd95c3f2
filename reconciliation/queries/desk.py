"""Breaks as the desk lists them: filtered, the loudest first; and all that belongs to one of them.

Entry points: `DeskFilter`, `desk_breaks`, `open_by_custodian`, `open_by_type`, `runs_of_days`, `custodians_in_sight`, `proposals_of`, `sleeves_of`, `sleeve_codes`, `document_seen`.
Invariant: only breaks, runs and documents of accounts in sight; a fixed number of statements, whatever the number of rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from accounts.queries import visible_to
from base.errors import NotFound
from governance.core.subjects import Viewer
from governance.queries import approval
from governance.queries.approvals import ApprovalFacts
from market.core import calendars

from ..enums import BreakState, BreakType
from ..models import Adjustment, Break, Evidence, Proposal, ReconciliationRun, Waiver
from .columns import execute
from .listing import BreakRow, break_row
from .visible import visible_breaks

ROWS = 100


@dataclass(frozen=True, slots=True)
class CustodianFacts:
    """A custodian that keeps an account in sight."""

    id: UUID
    code: str
    name: str
    calendar: str


@dataclass(frozen=True, slots=True)
class DeskFilter:
    """What is shown. age: 0, 1, or 2 for two business days and more; account: part of a code or name; state None = everything open.
    custodian: its code, as the address has it.
    """

    custodian_id: UUID | None = None
    type: BreakType | None = None
    age: int | None = None
    account: str = ""
    state: BreakState | None = None
    material: bool | None = None
    custodian: str = ""


@dataclass(frozen=True, slots=True)
class ProposalFacts:
    """A proposal and where its request stands."""

    row: Proposal
    request: ApprovalFacts


def custodians_in_sight(viewer: Viewer) -> list[CustodianFacts]:
    """Return the custodians of accounts in sight, by code."""
    columns = ("custodian_id", "custodian__code", "custodian__name", "custodian__calendar")
    seen = visible_to(viewer.user_id, on=viewer.on).filter(is_clearing=False)
    return [CustodianFacts(*row) for row in seen.order_by("custodian__code").values_list(*columns).distinct()]


def desk_breaks(
    *, viewer: Viewer, wanted: DeskFilter, calendar_names: Collection[str], now: datetime, limit: int = ROWS
) -> tuple[list[BreakRow], int]:
    """Return the breaks of a filter, material ones first, then the oldest; and how many there are in all."""
    rows = _filtered(viewer, wanted, calendar_names, now)
    ordered = rows.order_by("closed_at", "-is_material", "opened_on", "id").select_related("account__custodian")
    found = list(ordered[:limit])
    total = len(found) if len(found) < limit else rows.count()
    return [seen_now(row, now) for row in found], total


def break_of(*, viewer: Viewer, break_id: UUID) -> Break:
    """Return one break with its run, account and custodian. Raises NotFound also where the account is out of sight."""
    row = visible_breaks(viewer).filter(id=break_id).select_related("account__custodian", "run").first()
    if row is None:
        raise NotFound("break")
    return row


def seen_now(row: Break, now: datetime) -> BreakRow:
    """Return a break with its age on the day that runs now in its custodian's calendar."""
    return break_row(row, calendars.trade_date(row.account.custodian.calendar, now))


def open_by_custodian(viewer: Viewer) -> dict[UUID, tuple[int, int]]:
    """Return how many breaks are open at each custodian, and how many of those are material."""
    rows = visible_breaks(viewer).filter(closed_at=None).values_list("account__custodian_id")
    counted = rows.annotate(n=Count("id"), loud=Count("id", filter=Q(is_material=True))).order_by()
    return {pk: (n, loud) for pk, n, loud in counted}


def open_by_type(viewer: Viewer, now: datetime) -> dict[BreakType, tuple[int, int, int]]:
    """Return how many breaks of each type are open: since the last session, since the one before, for longer. Types without one are left out.

    The same ages that `DeskFilter.age` filters by, each in the calendar of its custodian.
    """
    rows = visible_breaks(viewer).filter(closed_at=None).values_list("break_type", "account__custodian__calendar", "opened_on")
    first_days: dict[str, tuple[date, date]] = {}
    found: dict[BreakType, list[int]] = {}
    for kind, calendar, opened_on, count in rows.annotate(n=Count("id")).order_by():
        last, before = first_days.setdefault(calendar, _last_sessions(calendar, now))
        age = 0 if opened_on >= last else 1 if opened_on >= before else 2
        found.setdefault(BreakType(kind), [0, 0, 0])[age] += count
    return {kind: (new, young, old) for kind, (new, young, old) in found.items()}


def runs_of_days(days: Mapping[UUID, date]) -> dict[UUID, ReconciliationRun]:
    """Return the newest run of a day for each custodian that has one."""
    wanted = Q(pk__in=[])
    for custodian_id, day in days.items():
        wanted |= Q(custodian_id=custodian_id, as_of=day)
    rows = ReconciliationRun.objects.filter(wanted).order_by("custodian_id", "-started_at", "-id").distinct("custodian_id")
    return {row.custodian_id: row for row in rows}


def proposals_of(*, break_id: UUID, now: datetime) -> list[ProposalFacts]:
    """Return what was proposed for a break, newest first, with where each request stands."""
    rows = Proposal.objects.filter(of_break_id=break_id).order_by("-proposed_at", "-id")[:10]
    return [ProposalFacts(row, approval(approval_id=row.approval_id, now=now)) for row in rows]


def adjustments_of(*, break_id: UUID) -> QuerySet[Adjustment]:
    """Return the entries made for a break, oldest first."""
    return Adjustment.objects.filter(of_break_id=break_id).order_by("recorded_at", "id")


def waivers_standing(*, break_id: UUID, now: datetime) -> QuerySet[Waiver]:
    """Return the waivers of a break that have not run out."""
    return Waiver.objects.filter(of_break_id=break_id, expires_at__gt=now).order_by("-approved_at")


def documents_of(*, break_id: UUID) -> QuerySet[Evidence]:
    """Return the documents kept for a break, oldest first."""
    return Evidence.objects.filter(of_break_id=break_id).order_by("uploaded_at", "id")


def document_seen(*, viewer: Viewer, document_id: UUID) -> Evidence:
    """Return a document of a break in sight. Raises NotFound."""
    row = Evidence.objects.filter(id=document_id, of_break__in=visible_breaks(viewer)).first()
    if row is None:
        raise NotFound("document")
    return row


def sleeves_of(*, account_id: UUID) -> list[tuple[UUID, str]]:
    """Return the sleeves an account has books in, as id and code."""
    sql = (
        "SELECT s.id, s.code FROM accounts_sleeve s WHERE s.id IN (SELECT sleeve_id FROM accounts_position WHERE account_id = %(id)s "
        "UNION SELECT sleeve_id FROM accounts_ledgerentry WHERE account_id = %(id)s AND sleeve_id IS NOT NULL) ORDER BY s.code"
    )
    return [(UUID(str(pk)), code) for pk, code in execute(sql, {"id": account_id}).fetchall()]


def sleeve_codes(ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the codes of sleeves by id."""
    if not ids:
        return {}
    rows = execute("SELECT id, code FROM accounts_sleeve WHERE id = ANY(%(ids)s)", {"ids": list(ids)}).fetchall()
    return {UUID(str(pk)): code for pk, code in rows}


def _filtered(viewer: Viewer, wanted: DeskFilter, calendar_names: Collection[str], now: datetime) -> QuerySet[Break]:
    rows = visible_breaks(viewer)
    rows = rows.filter(closed_at=None) if wanted.state is None else rows.filter(state=wanted.state)
    if wanted.custodian_id is not None:
        rows = rows.filter(account__custodian_id=wanted.custodian_id)
    if wanted.type is not None:
        rows = rows.filter(break_type=wanted.type)
    if wanted.material is not None:
        rows = rows.filter(is_material=wanted.material)
    if wanted.account:
        rows = rows.filter(Q(account__code__icontains=wanted.account) | Q(account__name__icontains=wanted.account))
    if wanted.age is not None:
        aged = Q(pk__in=[])
        for name in set(calendar_names):
            aged |= Q(account__custodian__calendar=name) & _opened(name, wanted.age, now)
        rows = rows.filter(aged)
    return rows


def _opened(calendar: str, age: int, now: datetime) -> Q:
    """Return which first days make a break that old: 0 = since the last session, 1 = the session before, 2 = earlier."""
    last, before = _last_sessions(calendar, now)
    if age <= 0:
        return Q(opened_on__gte=last)
    return Q(opened_on__gte=before, opened_on__lt=last) if age == 1 else Q(opened_on__lt=before)


def _last_sessions(calendar: str, now: datetime) -> tuple[date, date]:
    """Return the session that runs now or was the last, and the one before it."""
    today = calendars.trade_date(calendar, now)
    last = today if calendars.is_session(calendar, today) else calendars.previous_session(calendar, today)
    return last, calendars.previous_session(calendar, last)
