"""Alerts: what is open, what was acknowledged by whom, what is over; one in detail with what it means and what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from base.addresses import address, back_to
from base.csv_export import csv_response
from base.errors import NotFound
from base.parts import render_part
from base.posted import filter_text, filter_uuid, filter_word, posted_text

from ..core.alert_words import advice
from ..core.alerts import ESCALATE_AFTER
from ..core.subjects import Subject
from ..enums import AlertTier, AuditAction, SubjectKind
from ..permissions import STAFF
from ..queries.alert_desk import (
    AlertFilter,
    AlertHeading,
    acknowledged_since,
    alert_counts,
    alert_page,
    alert_told,
    heading_of,
    read_place,
)
from ..queries.alerts import AlertFacts
from ..queries.audit_trail import trail_of_subject
from ..queries.names import name_subjects, people_names
from ..services import acknowledge_alert, audit
from ..services.closing_alerts import CLOSERS, close_alert
from ..web import Request, Visit, page

EXPORT = 10_000
_PARTS = {"alert-list": "governance/_alert_list.html", "alert-desk": "governance/_alert_desk.html"}


@page
def alerts(request: Request) -> HttpResponse:
    """List the alerts the visitor's roles are told; `show` chooses the heading, `alert` opens one, `format=csv` downloads."""
    visit, wanted = request.visit, _wanted(request)
    if request.GET.get("format") == "csv":
        return _download(request, wanted)
    found = alert_page(roles=visit.roles, wanted=wanted)
    opened = _opened(request, found.rows, wanted)
    today = acknowledged_since(roles=visit.roles, since=visit.now.replace(hour=0, minute=0, second=0, microsecond=0))
    counts = alert_counts(roles=visit.roles)
    shown = [*found.rows, *today, *([opened] if opened else [])]
    people = people_names(alert.acknowledged_by for alert in shown)
    names = name_subjects(visit.viewer, (alert.subject for alert in shown))
    context = {
        "rows": [_row(alert, names, people) for alert in found.rows],
        "today": [_row(alert, names, people) for alert in today],
        "opened": _detail(opened, names, people, visit) if opened else None,
        "heading": wanted.heading,
        "headings": [(heading, counts[heading]) for heading in AlertHeading],
        "tiers": list(AlertTier),
        "tier": wanted.tier or "",
        "q": wanted.text,
        "query": _query(wanted),
        "next_key": found.next_key,
        "is_first": wanted.after is None,
        "counts": counts,
        "connections": address("execution:connections"),
    }
    return render_part(request, "governance/alerts.html", _PARTS, context)


@page(methods=("POST",))
def acknowledge(request: Request, alert_id: UUID) -> HttpResponse:
    """Put the visitor's name and the time to an alert; a second press changes nothing."""
    visit = request.visit
    alert = alert_told(alert_id=alert_id, roles=visit.roles)
    note = posted_text(request.POST, "note", required=False)
    acknowledge_alert(alert_id=alert_id, actor=visit.actor(alert.audience), now=visit.now, note=note)
    messages.success(request, f"Acknowledged: {alert.message}")
    return redirect(back_to(request, reverse("governance:alerts")))


@page(roles=CLOSERS, methods=("POST",))
def end(request: Request, alert_id: UUID) -> HttpResponse:
    """End an acknowledged alert whose cause is gone."""
    visit = request.visit
    alert = alert_told(alert_id=alert_id, roles=visit.roles)
    if not visit.holds(alert.audience & CLOSERS):
        raise NotFound("alert")
    close_alert(alert_id=alert_id, actor=visit.actor(alert.audience & CLOSERS), now=visit.now, reason=posted_text(request.POST, "reason"))
    messages.success(request, f"Ended: {alert.message}")
    return redirect(f"{reverse('governance:alerts')}?show=history&alert={alert_id}")


def _wanted(request: Request) -> AlertFilter:
    return AlertFilter(
        heading=filter_word(request.GET, "show", AlertHeading) or AlertHeading.OPEN,
        tier=filter_word(request.GET, "tier", AlertTier),
        text=filter_text(request.GET, "q"),
        after=read_place(request.GET.get("after", "")[:80]),
    )


def _query(wanted: AlertFilter) -> str:
    """Return the filter as it stands in an address."""
    return urlencode(
        {"show": wanted.heading.lower(), **({"tier": wanted.tier} if wanted.tier else {}), **({"q": wanted.text} if wanted.text else {})}
    )


def _opened(request: Request, rows: list[AlertFacts], wanted: AlertFilter) -> AlertFacts | None:
    """Return the alert that is open beside the list: the one named, else the first."""
    named = filter_uuid(request.GET, "alert")
    if named is not None:
        return alert_told(alert_id=named, roles=request.visit.roles)
    return rows[0] if rows else None


def _row(alert: AlertFacts, names: dict[Any, Any], people: dict[int, str]) -> dict[str, Any]:
    return {
        "alert": alert,
        "where": names.get(alert.subject),
        "by": people.get(alert.acknowledged_by or 0, ""),
        "heading": heading_of(alert),
        "journey": address("reporting:journey", alert.journey_id) if alert.journey_id else "",
    }


def _detail(alert: AlertFacts, names: dict[Any, Any], people: dict[int, str], visit: Visit) -> dict[str, Any]:
    trail = trail_of_subject(Subject(SubjectKind.ALERT, str(alert.id)))
    note = next((event.reason for event in reversed(trail) if event.action is AuditAction.ALERT_ACKNOWLEDGED), "")
    ended = next((event for event in reversed(trail) if event.action is AuditAction.ALERT_ENDED), None)
    heading = heading_of(alert)
    waits = alert.tier is AlertTier.CRITICAL and alert.acknowledged_at is None and alert.escalated_at is None
    return {
        **_row(alert, names, people),
        "advice": advice(alert.rule),
        "note": note,
        "end_reason": ended.reason if ended else "",
        "may_acknowledge": alert.acknowledged_at is None,
        "may_end": heading is AlertHeading.ACKNOWLEDGED and visit.holds(alert.audience & CLOSERS),
        "escalates_at": alert.raised_at + ESCALATE_AFTER if waits else None,
        "audience": sorted(alert.audience),
    }


def _download(request: Request, wanted: AlertFilter) -> HttpResponse:
    visit = request.visit
    rows = alert_page(roles=visit.roles, wanted=replace(wanted, after=None), limit=EXPORT).rows
    people = people_names(alert.acknowledged_by for alert in rows)
    names = name_subjects(visit.viewer, (alert.subject for alert in rows))
    after = {"what": "alerts", "rows": len(rows), "show": wanted.heading}
    firm = Subject(SubjectKind.FIRM, str(visit.firm_id))
    audit(action=AuditAction.EXPORTED, subject=firm, actor=visit.actor(STAFF), now=visit.now, after=after, rule="GOV-7")
    header = ("severity", "what", "where", "rule", "first", "last", "seen", "acknowledged_by", "acknowledged_at", "ended_at", "journey_id")
    lines = [
        (
            alert.tier,
            alert.message,
            names[alert.subject].text if alert.subject in names else "",
            alert.rule,
            alert.raised_at,
            alert.last_seen_at,
            alert.occurrences,
            people.get(alert.acknowledged_by or 0, ""),
            alert.acknowledged_at,
            alert.ended_at,
            alert.journey_id or "",
        )
        for alert in rows
    ]
    return csv_response(f"alerts-{wanted.heading.lower()}", header, lines)
