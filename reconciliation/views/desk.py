"""The reconciliation desk: each custodian's hour, the open breaks, one of them open beside with both sides, and what it blocks."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from accounts.queries.blocks import BlockedAccount, blocks_in_sight
from base.core.words import words
from base.csv_export import csv_response
from base.errors import NotFound
from base.parts import render_part
from base.posted import filter_text, filter_uuid, filter_word
from base.streams import file_response
from governance.core.subjects import Subject
from governance.enums import ApprovalState, AuditAction, SubjectKind
from governance.permissions import OVERSIGHT, STAFF
from governance.queries.approval_desk import why_not
from governance.queries.audit_trail import trail_of_subject
from governance.queries.names import people_in, people_names
from governance.services import audit
from governance.web import Request, Visit, page

from ..core.resolution_words import choices
from ..enums import AdjustmentKind, BreakState, BreakType, ItemKind, MarginKind, MovementKind
from ..models import Break
from ..queries.desk import (
    CustodianFacts,
    DeskFilter,
    adjustments_of,
    break_of,
    custodians_in_sight,
    desk_breaks,
    document_seen,
    documents_of,
    open_by_custodian,
    open_by_type,
    proposals_of,
    seen_now,
    sleeves_of,
    waivers_standing,
)
from ..queries.listing import BreakRow
from ..services import side_by_side
from ..services.asked_for import books_of
from ..services.desk_clock import custodian_days
from ..services.evidence import TYPES, read_document
from ..services.rows import to_value

EXPORT = 10_000
AGES = ((0, "Today"), (1, "1 business day"), (2, "2 and more"))
WAIVER_DAYS = range(1, 8)
_MOVED = {*MovementKind, *MarginKind}
_PARTS = {
    "break-list": "reconciliation/_breaks.html",
    "break-ages": "reconciliation/_ages.html",
    "desk-runs": "reconciliation/_runs.html",
    "desk": "reconciliation/_desk.html",
}


@page
def desk(request: Request) -> HttpResponse:
    """List breaks; `custodian`, `type`, `age`, `account`, `state`, `material` filter, `break` opens one, `format=csv` downloads."""
    visit = request.visit
    custodians = custodians_in_sight(visit.viewer)
    wanted = _wanted(request, custodians)
    calendar_names = [one.calendar for one in custodians]
    if request.GET.get("format") == "csv":
        return _download(request, wanted, calendar_names)
    rows, total = desk_breaks(viewer=visit.viewer, wanted=wanted, calendar_names=calendar_names, now=visit.now)
    blocks = blocks_in_sight(user=visit.user_id, now=visit.now, on=visit.viewer.on)
    blocked: dict[UUID, BlockedAccount] = {block.account_id: block for block in reversed(blocks)}
    counts = open_by_custodian(visit.viewer)
    opened = _opened(request, rows)
    context = {
        "days": custodian_days(custodians=custodians, counts=counts, now=visit.now),
        "rows": [(row, blocked.get(row.account_id)) for row in rows],
        "total": total,
        "material": sum(loud for _, loud in counts.values()),
        "open": sum(count for count, _ in counts.values()),
        "blocks": blocks,
        "custodians": custodians,
        "types": list(BreakType),
        "states": list(BreakState),
        "ages": AGES,
        "aged": _aged(visit),
        "wanted": wanted,
        "query": _query(wanted),
        "is_filtered": wanted != DeskFilter(),
        "may_run": visit.holds(OVERSIGHT),
        "ours_and_theirs": _detail(opened, visit) if opened else None,
    }
    return render_part(request, "reconciliation/desk.html", _PARTS, context)


@page
def sides(request: Request, break_id: UUID) -> HttpResponse:
    """Show every item of the break's account and day, ours beside the custodian's."""
    visit = request.visit
    row = break_of(viewer=visit.viewer, break_id=break_id)
    try:
        lines = side_by_side(user=visit.user_id, account_id=row.account_id, as_of=row.run.as_of)
    except NotFound:
        lines = []
    titles = {
        ItemKind.POSITION: "Positions",
        ItemKind.CASH_TD: "Cash, trade date",
        ItemKind.CASH_SD: "Cash, settled",
        ItemKind.TRADE: "Trades",
        ItemKind.FEE: "Fees and movements",
        ItemKind.MARGIN: "Margin",
    }
    groups = [(title, [_line(line) for line in lines if line.item is item]) for item, title in titles.items()]
    context = {"groups": [group for group in groups if group[1]], "row": row, "differ": sum(not line.agrees for line in lines)}
    return render(request, "reconciliation/_sides.html", context)


@page
def document(request: Request, document_id: UUID) -> HttpResponseBase:
    """Hand out a document of evidence as a download."""
    visit = request.visit
    row = document_seen(viewer=visit.viewer, document_id=document_id)
    data = read_document(row)
    if request.method != "HEAD":  # who asks only what it is gets none of it
        subject = Subject(SubjectKind.BREAK, str(row.of_break_id))
        after = {"document": row.name, "sha256": row.sha256}
        audit(action=AuditAction.VIEWED, subject=subject, actor=visit.actor(STAFF), now=visit.now, after=after, rule="GOV-7")
    ending = next((end for end, (media, _) in TYPES.items() if media == row.media_type), "")
    name = f"evidence-{row.sha256[:12]}{ending}"
    return file_response(request, iter([data]), name=name, size=len(data), tag=row.sha256, content_type=row.media_type)


def _wanted(request: Request, custodians: list[CustodianFacts]) -> DeskFilter:
    asked = request.GET.get("custodian", "")
    age, material = request.GET.get("age", ""), request.GET.get("material", "")
    return DeskFilter(
        custodian_id=next((one.id for one in custodians if one.code == asked), None),
        type=filter_word(request.GET, "type", BreakType),
        age=int(age) if age in {"0", "1", "2"} else None,
        account=filter_text(request.GET, "account"),
        state=filter_word(request.GET, "state", BreakState),
        material={"yes": True, "no": False}.get(material),
        custodian=asked if any(one.code == asked for one in custodians) else "",
    )


def _aged(visit: Visit) -> list[tuple[BreakType, list[tuple[int, int]], int]]:
    """Return each type that has open breaks: how many of each age, and in all; the most first."""
    counted = open_by_type(visit.viewer, visit.now)
    rows = [(kind, list(enumerate(counts)), sum(counts)) for kind, counts in counted.items()]
    return sorted(rows, key=lambda row: (-row[2], row[0]))


def _query(wanted: DeskFilter) -> str:
    """Return the filter as it stands in an address."""
    given = {
        "custodian": wanted.custodian,
        "type": wanted.type or "",
        "age": "" if wanted.age is None else str(wanted.age),
        "account": wanted.account,
        "state": wanted.state or "",
        "material": "" if wanted.material is None else "yes" if wanted.material else "no",
    }
    return urlencode({name: str(value) for name, value in given.items() if value})


def _opened(request: Request, rows: list[BreakRow]) -> Break | None:
    """Return the break that is open beside the list: the one named, else the first."""
    named = filter_uuid(request.GET, "break") or (rows[0].id if rows else None)
    return break_of(viewer=request.visit.viewer, break_id=named) if named else None


def _line(line: Any) -> dict[str, Any]:
    both = line.ours is not None and line.theirs is not None
    difference = (line.theirs or 0) - (line.ours or 0)
    is_money = line.item not in {ItemKind.POSITION, ItemKind.TRADE}
    return {
        "line": line,
        "what": " ".join(words(part) if part in _MOVED else part for part in line.what.split()),
        "difference": difference,
        "currency": line.what.split()[-1] if is_money else "",
        "word": "" if both or line.item in {ItemKind.CASH_TD, ItemKind.CASH_SD} else "missing",
    }


def _detail(row: Break, visit: Visit) -> dict[str, Any]:
    proposals = proposals_of(break_id=row.pk, now=visit.now)
    waiting = next((one for one in proposals if one.request.state is ApprovalState.REQUESTED), None)
    events = trail_of_subject(Subject(SubjectKind.BREAK, str(row.pk)))
    documents = list(documents_of(break_id=row.pk))
    people = people_names(
        [
            row.owner_id,
            *(event.actor_id for event in events),
            *(one.row.proposed_by_id for one in proposals),
            *(one.request.decided_by for one in proposals),
            *(one.uploaded_by_id for one in documents),
        ]
    )
    is_open = row.closed_at is None
    return {
        "row": row,
        "seen": seen_now(row, visit.now),
        "is_open": is_open,
        "choices": choices(to_value(row, row.account.custodian_account)) if is_open else [],
        "sleeves": sleeves_of(account_id=row.account_id) if is_open and row.instrument_id else [],
        "waiting": waiting,
        "waiting_books": books_of(row, AdjustmentKind(waiting.row.kind)) if waiting and waiting.row.kind else "",
        "why_not": why_not(waiting.request, visit.user_id, visit.roles) if waiting else "",
        "asked_by": people.get(waiting.row.proposed_by_id, "") if waiting else "",
        "past": [(one, people.get(one.request.decided_by or 0, "")) for one in proposals if one is not waiting],
        "adjustments": list(adjustments_of(break_id=row.pk)),
        "waivers": list(waivers_standing(break_id=row.pk, now=visit.now)),
        "documents": documents,
        "events": [(event, people.get(event.actor_id or 0, "The system")) for event in reversed(events)],
        "owner": people.get(row.owner_id or 0, ""),
        "people": people_in(STAFF) if is_open else [],
        "waiver_days": WAIVER_DAYS,
        "endings": ",".join(TYPES),
    }


def _download(request: Request, wanted: DeskFilter, calendar_names: list[str]) -> HttpResponse:
    visit = request.visit
    rows, _ = desk_breaks(viewer=visit.viewer, wanted=wanted, calendar_names=calendar_names, now=visit.now, limit=EXPORT)
    firm = Subject(SubjectKind.FIRM, str(visit.firm_id))
    after = {"what": "breaks", "rows": len(rows), "filter": _query(wanted)}
    audit(action=AuditAction.EXPORTED, subject=firm, actor=visit.actor(STAFF), now=visit.now, after=after, rule="GOV-7")
    names = [
        "custodian",
        "account",
        "account_name",
        "item",
        "type",
        "symbol",
        "their_symbol",
        "currency",
        "exec_id",
        "booked_on",
        "ours",
        "theirs",
        "difference",
        "value_difference",
        "value_currency",
        "is_material",
        "rule",
        "state",
        "opened_on",
        "age",
        "closed_at",
    ]
    lines = [[*(getattr(row, name) for name in names), row.tolerance[0]] for row in rows]
    return csv_response("breaks", [*names, "tolerance"], lines)
