"""Authorities: who may do what for which accounts until when, and the mandates behind them. Read only; the admin site records and revokes."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render

from base.addresses import address
from base.csv_export import csv_response
from base.posted import filter_text, filter_word

from ..core.subjects import Subject
from ..enums import AuditAction, AuthorityKind, SubjectKind
from ..permissions import STAFF
from ..queries.audit_trail import trail_of_subject
from ..queries.authority_desk import (
    ROWS,
    AuthorityFilter,
    AuthorityState,
    authority_calendar,
    authority_counts,
    authority_page,
    authority_sheet,
    mandate_list,
    mandate_page,
)
from ..queries.names import people_names
from ..services import audit
from ..web import Request, page


@page
def authorities(request: Request) -> HttpResponse:
    """List the authorities over accounts in sight; `state`, `kind`, `q` filter, `format=csv` downloads the page's rows."""
    visit = request.visit
    wanted = AuthorityFilter(
        state=filter_word(request.GET, "state", AuthorityState),
        kind=filter_word(request.GET, "kind", AuthorityKind),
        text=filter_text(request.GET, "q"),
    )
    number = request.GET.get("page", "1")
    at = int(number) if number.isascii() and number.isdigit() and len(number) < 7 else 1
    rows, total = authority_page(viewer=visit.viewer, wanted=wanted, now=visit.now, page=at)
    if request.GET.get("format") == "csv":
        return _download(request, wanted)
    months = authority_calendar(viewer=visit.viewer, now=visit.now)
    tallest = max((count for _, count in months), default=0)
    context = {
        "rows": rows,
        "total": total,
        "page": at,
        "pages": max(-(-total // ROWS), 1),
        "counts": authority_counts(viewer=visit.viewer, now=visit.now),
        "states": list(AuthorityState),
        "kinds": list(AuthorityKind),
        "state": wanted.state or "",
        "kind": wanted.kind or "",
        "q": wanted.text,
        "query": _query(wanted),
        "months": [(month, count, round(100 * count / tallest) if tallest else 0) for month, count in months],
        "mandates": mandate_list(viewer=visit.viewer, now=visit.now),
    }
    return render(request, "governance/authorities.html", context)


@page
def authority(request: Request, authority_id: UUID) -> HttpResponse:
    """Show one authority with its accounts, powers, signatures, clauses and mandate."""
    visit = request.visit
    sheet = authority_sheet(viewer=visit.viewer, authority_id=authority_id, now=visit.now)
    events = trail_of_subject(Subject(SubjectKind.AUTHORITY, str(authority_id)))
    people = people_names(event.actor_id for event in events)
    context = {
        "sheet": sheet,
        "row": sheet.row,
        "events": [(event, people.get(event.actor_id or 0, "The system")) for event in reversed(events)],
        "edit": address("admin:governance_authority_change", authority_id),
    }
    return render(request, "governance/authority.html", context)


@page
def mandate(request: Request, mandate_id: UUID) -> HttpResponse:
    """Show one version of a mandate with its clauses."""
    sheet, versions = mandate_page(viewer=request.visit.viewer, mandate_id=mandate_id, now=request.visit.now)
    return render(request, "governance/mandate.html", {"sheet": sheet, "versions": versions})


def _query(wanted: AuthorityFilter) -> str:
    given = {"state": str(wanted.state or "").lower(), "kind": str(wanted.kind or ""), "q": wanted.text}
    return urlencode({name: value for name, value in given.items() if value})


def _download(request: Request, wanted: AuthorityFilter) -> HttpResponse:
    visit, rows, at = request.visit, [], 1
    while True:
        found, total = authority_page(viewer=visit.viewer, wanted=wanted, now=visit.now, page=at)
        rows += found
        if len(rows) >= total or not found:
            break
        at += 1
    firm = Subject(SubjectKind.FIRM, str(visit.firm_id))
    after = {"what": "authorities", "rows": len(rows)}
    audit(action=AuditAction.EXPORTED, subject=firm, actor=visit.actor(STAFF), now=visit.now, after=after, rule="GOV-7")
    header = ("code", "kind", "from", "to", "state", "valid_from", "ends", "powers", "accounts_in_sight", "signed", "to_sign")
    lines = [
        (
            row.code,
            row.kind,
            row.grantor,
            row.grantee,
            row.state,
            row.begins_at,
            row.ends_at,
            " ".join(row.powers),
            row.accounts,
            row.signed,
            row.to_sign,
        )
        for row in rows
    ]
    return csv_response("authorities", header, lines)
