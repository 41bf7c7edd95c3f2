"""The kill switch: what is stopped now, and stopping, flattening and trading again, each with its own confirmation (GOV-10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from base.core.ids import new_id
from base.core.validation import InvalidInput
from base.errors import NotFound
from base.parts import render_part
from base.posted import NotAccepted, filter_word, posted_text, posted_uuid, posted_word
from governance.core.killswitch import REARM_ROLES, TRIP_ROLES
from governance.core.killswitch import KillSwitch as Switch
from governance.core.subjects import Subject
from governance.enums import ApprovalAction, KillScope, KillState, SubjectKind
from governance.queries.approval_desk import DeskRow, approval_desk
from governance.queries.names import name_subjects, people_names
from governance.services import confirm_flattening, request_rearm, trip_kill_switch
from governance.web import Request, Visit, page

from ..queries.switches import Reach, check_subject, reach_of, spelled, switches_in_sight, targets

SCOPES = (
    (KillScope.FIRM, "The whole firm", "Nothing new is sent for any account."),
    (KillScope.BROKER, "A broker connection", "Nothing new is sent over it."),
    (KillScope.STRATEGY, "A strategy", "Nothing new is sent for it, in any account."),
    (KillScope.INSTRUMENT, "An instrument", "Nothing new is sent in it, for any account."),
    (KillScope.ACCOUNT, "An account", "Nothing new is sent for it; blocks it is part of are canceled."),
)
MOST = 200
_PARTS = {"stopped": "execution/_stopped.html"}


@page
def kill_switch(request: Request) -> HttpResponse:
    """Show what is stopped now, and the place to stop something."""
    visit = request.visit
    scope = filter_word(request.GET, "scope", KillScope) or KillScope.FIRM
    context = {
        "stopped": _stopped(visit),
        "scopes": SCOPES,
        "scope": scope,
        "targets": targets(visit.viewer, scope),
        "may_rearm": visit.holds(REARM_ROLES),
    }
    return render_part(request, "execution/kill_switch.html", _PARTS, context)


@page(roles=TRIP_ROLES)
def confirm(request: Request) -> HttpResponse:
    """Ask before stopping, flattening or trading again: say exactly what it will do. `what` = trip, flatten or rearm."""
    visit = request.visit
    what = request.GET.get("what", "trip")
    if what not in {"trip", "flatten", "rearm"}:
        raise NotFound("confirmation")
    scope, subject_id = _named(request.GET, visit)
    reach = reach_of(scope, subject_id) if what == "trip" else Reach(0, 0)
    context = {
        "what": what,
        "scope": scope,
        "subject_id": subject_id,
        "name": _name(visit, scope, subject_id),
        "reach": reach,
        "press": new_id(),
    }
    return render_part(request, "execution/kill_confirm.html", {"dialogs": "execution/_kill_confirm.html"}, context)


@page(roles=TRIP_ROLES, methods=("POST",))
def trip(request: Request) -> HttpResponse:
    """Stop, without a second person. The same press twice trips once."""
    visit = request.visit
    scope, subject_id = _named(request.POST, visit)
    trip_kill_switch(
        scope=scope,
        subject_id=subject_id,
        actor=visit.actor(TRIP_ROLES),
        now=visit.now,
        reason=posted_text(request.POST, "reason", most=MOST),
        press=posted_uuid(request.POST, "press"),
    )
    messages.warning(request, f"Stopped: {_name(visit, scope, subject_id)}. Nothing new is sent; working orders are being canceled")
    return redirect("execution:kill-switch")


@page(roles=TRIP_ROLES, methods=("POST",))
def flatten(request: Request) -> HttpResponse:
    """Confirm, apart from stopping, that orders which only close positions may pass."""
    visit = request.visit
    scope, subject_id = _named(request.POST, visit)
    if request.POST.get("sure") != "yes":
        raise NotAccepted("required", "tick that positions may be closed out", field="sure")
    reason = posted_text(request.POST, "reason", most=MOST)
    confirm_flattening(scope=scope, subject_id=subject_id, actor=visit.actor(TRIP_ROLES), now=visit.now, reason=reason)
    messages.warning(request, f"Closing out is allowed: {_name(visit, scope, subject_id)}")
    return redirect("execution:kill-switch")


@page(roles=REARM_ROLES, methods=("POST",))
def rearm(request: Request) -> HttpResponse:
    """Ask to trade again; a second person confirms within 15 minutes."""
    visit = request.visit
    scope, subject_id = _named(request.POST, visit)
    if any(row.facts.subject == _subject(scope, subject_id) and row.is_own for row in _requests(visit)):
        messages.info(request, "You have asked already; a second person confirms")
        return redirect("execution:kill-switch")
    reason = posted_text(request.POST, "reason", most=MOST)
    request_rearm(scope=scope, subject_id=subject_id, actor=visit.actor(REARM_ROLES), now=visit.now, reason=reason)
    messages.info(request, f"Asked to trade again: {_name(visit, scope, subject_id)}. A second person has 15 minutes")
    return redirect("execution:kill-switch")


def _named(fields: Mapping[str, str], visit: Visit) -> tuple[KillScope, str]:
    """Return the scope and subject that fields name, in the gates' spelling. Raises NotAccepted, NotFound."""
    scope = posted_word(fields, "scope", KillScope)
    try:
        subject_id = spelled(scope, fields.get("subject_id", ""))
    except InvalidInput as error:
        raise NotAccepted(error.rule, "choose what is to be stopped", field=error.field, value=error.value) from error
    check_subject(visit.viewer, scope, subject_id)
    return scope, subject_id


def _subject(scope: KillScope, subject_id: str) -> Subject:
    return Subject(SubjectKind.KILL_SWITCH, f"{scope}|{subject_id}")


def _name(visit: Visit, scope: KillScope, subject_id: str) -> str:
    subject = _subject(scope, subject_id)
    found = name_subjects(visit.viewer, [subject]).get(subject)
    return found.text.removeprefix("Kill switch of ") if found else scope.lower()


def _requests(visit: Visit) -> list[DeskRow]:
    rows = approval_desk(viewer=visit.viewer, roles=visit.roles, now=visit.now)
    return [row for row in rows if row.facts.action is ApprovalAction.REARM_KILL_SWITCH and row.facts.state == "REQUESTED"]


def _stopped(visit: Visit) -> list[dict[str, Any]]:
    """Return one entry a subject that is stopped, with its trips and the newest request to trade again."""
    trips: dict[Subject, list[Switch]] = {}
    for switch in switches_in_sight(visit.viewer):
        trips.setdefault(_subject(switch.scope, switch.subject_id), []).append(switch)
    requests = {row.facts.subject: row for row in _requests(visit)}
    names = name_subjects(visit.viewer, trips)
    people = people_names(int(pk) for rows in trips.values() for row in rows for pk in (row.tripped_by, row.flatten_confirmed_by) if pk)
    scopes = {scope: title for scope, title, _ in SCOPES}
    return [
        {
            "scope": rows[0].scope,
            "scope_words": scopes[rows[0].scope],
            "subject_id": rows[0].subject_id,
            "name": names[subject].text.removeprefix("Kill switch of ") if subject in names else rows[0].scope.lower(),
            "trips": [(row, people.get(int(row.tripped_by), "")) for row in rows],
            "flattens": all(row.flatten_confirmed_at is not None for row in rows),
            "flattened_by": people.get(int(rows[0].flatten_confirmed_by or 0), ""),
            "may_flatten": all(row.state is KillState.TRIPPED for row in rows),
            "request": requests.get(subject),
        }
        for subject, rows in trips.items()
    ]
