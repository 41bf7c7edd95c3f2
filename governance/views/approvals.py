"""Approvals: what waits for a second person, in plain words; the visitor's own requests; what was decided (GOV-4)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from base.addresses import back_to
from base.core.row_keys import key_of, read_key
from base.csv_export import csv_response
from base.errors import NotFound
from base.parts import render_part
from base.posted import NotAccepted, posted_text

from ..core.approval_words import HARD_LIMITS, answered, asked, effect
from ..core.approvals import APPROVERS
from ..core.subjects import Actor, Subject
from ..enums import ApprovalState, AuditAction, SubjectKind
from ..permissions import PRECEDENCE, STAFF
from ..queries import approval
from ..queries.approval_desk import DeskRow, approval_desk, approval_history
from ..queries.names import sees_subject
from ..services import audit
from ..services.carrying_out import acts_at_once, decide
from ..web import Request, Visit, page

SHOWN = ("waiting", "mine", "history")
EXPORT = 10_000
_PARTS = {"approval-list": "governance/_approvals.html"}


@page
def approvals(request: Request) -> HttpResponse:
    """List requests; `show` = waiting, mine or history; `format=csv` downloads mine or history."""
    visit = request.visit
    show = request.GET.get("show", "")
    show = show if show in SHOWN else "waiting"
    if request.GET.get("format") == "csv":
        return _download(request, own=show == "mine")
    waiting = approval_desk(viewer=visit.viewer, roles=visit.roles, now=visit.now)
    rows, last = waiting, None
    if show != "waiting":
        after = read_key(request.GET.get("after", "")[:80])
        rows, last = approval_history(viewer=visit.viewer, roles=visit.roles, now=visit.now, own=show == "mine", after=after)
    context = {
        "show": show,
        "tabs": SHOWN,
        "rows": [_row(row) for row in rows],
        "overrides": [_row(row) for row in waiting if row.is_override],
        "waiting": sum(row.facts.state is ApprovalState.REQUESTED for row in waiting),
        "for_you": sum(not row.why_not for row in waiting),
        "hard_limits": HARD_LIMITS,
        "next": urlencode({"show": show, "after": key_of(last.requested_at, last.id)}) if last else "",
    }
    return render_part(request, "governance/approvals.html", _PARTS, context)


@page(methods=("POST",))
def answer(request: Request, approval_id: UUID) -> HttpResponse:
    """Say yes or no, as a second person, with a reason. A yes carries the act out at once where the act is known here."""
    visit = request.visit
    facts = approval(approval_id=approval_id, now=visit.now)
    if not sees_subject(visit.viewer, facts.subject):
        raise NotFound("approval")
    verdict = request.POST.get("answer", "")
    if verdict not in {"approve", "refuse"}:
        raise NotAccepted("choice", "say approve or refuse", field="answer", value=verdict[:20])
    reason = posted_text(request.POST, "reason")
    yes, actor = verdict == "approve", _actor(visit, APPROVERS[facts.action])
    done = decide(approval_id=approval_id, yes=yes, actor=actor, now=visit.now, reason=reason)
    messages.success(request, answered(facts.action, yes=yes, done=done))
    return redirect(back_to(request, reverse("governance:approvals")))


def _actor(visit: Visit, approvers: Any) -> Actor:
    """Return the person in a role that may answer, else in one of theirs: the core says why not."""
    return (
        visit.actor(approvers)
        if visit.holds(approvers)
        else Actor(str(visit.user_id), next(role for role in PRECEDENCE if role in visit.roles))
    )


def _row(row: DeskRow) -> dict[str, Any]:
    action = row.facts.action
    return {"row": row, "facts": row.facts, "what": asked(action), "effect": effect(action), "at_once": acts_at_once(action)}


def _download(request: Request, *, own: bool) -> HttpResponse:
    visit = request.visit
    rows, _ = approval_history(viewer=visit.viewer, roles=visit.roles, now=visit.now, own=own, limit=EXPORT)
    after = {"what": "approvals", "rows": len(rows)}
    firm = Subject(SubjectKind.FIRM, str(visit.firm_id))
    audit(action=AuditAction.EXPORTED, subject=firm, actor=visit.actor(STAFF), now=visit.now, after=after, rule="GOV-7")
    header = (
        "requested_at",
        "what",
        "about",
        "asked_by",
        "reason",
        "rules",
        "content_hash",
        "state",
        "decided_by",
        "decision_reason",
        "used_by",
        "used_at",
    )
    lines = [
        (
            row.facts.requested_at,
            asked(row.facts.action),
            row.where.text,
            row.asked_by,
            row.facts.reason,
            " ".join(row.facts.rules),
            row.facts.content_hash,
            row.facts.state,
            row.decided_by,
            row.facts.decision_reason,
            row.used_by,
            row.facts.used_at or "",
        )
        for row in rows
    ]
    return csv_response("approvals", header, lines)
