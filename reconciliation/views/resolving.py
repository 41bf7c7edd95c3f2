"""What people do about breaks and runs: propose an entry or a waiver, name an owner, load a custodian's file, run a day again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from base.addresses import back_to
from base.errors import NotFound
from base.posted import NotAccepted, posted_text, posted_uuid, posted_word
from governance.permissions import OVERSIGHT, STAFF
from governance.queries.names import people_in
from governance.web import Request, page
from market.core import calendars

from ..enums import AdjustmentKind
from ..models import Evidence
from ..queries.desk import break_of, custodians_in_sight, sleeves_of
from ..services import (
    MAX_FILE_BYTES,
    RunFacts,
    UnableToReconcile,
    UnableToTakeSnapshot,
    assign_break,
    reconcile_custodian,
    reconcile_file,
)
from ..services.evidence import MAX_DOCUMENT_BYTES, UnableToKeep, keep_document
from ..services.proposing import propose_adjustment, propose_waiver

FILE_TYPES = frozenset({"text/csv", "text/plain", "application/csv", "application/vnd.ms-excel", "application/octet-stream"})
LONGEST_WAIVER = 7


@page(methods=("POST",))
def adjust(request: Request, break_id: UUID) -> HttpResponse:
    """Ask a second person for a typed entry with its reason and evidence."""
    visit = request.visit
    row = break_of(viewer=visit.viewer, break_id=break_id)
    kept = _document(request, break_id)
    propose_adjustment(
        break_id=break_id,
        kind=posted_word(request.POST, "kind", AdjustmentKind),
        reason=posted_text(request.POST, "reason"),
        evidence=posted_text(request.POST, "evidence", most=200, required=kept is None),
        actor=visit.actor(STAFF),
        now=visit.now,
        document=kept,
        sleeve_id=_sleeve(request, row.account_id),
    )
    messages.success(request, "Sent for approval: a second person has 15 minutes")
    return _back(request, break_id)


@page(methods=("POST",))
def waive(request: Request, break_id: UUID) -> HttpResponse:
    """Ask a second person to set a break aside for some days."""
    visit = request.visit
    break_of(viewer=visit.viewer, break_id=break_id)
    days = request.POST.get("days", "")
    if days not in {str(n) for n in range(1, LONGEST_WAIVER + 1)}:
        raise NotAccepted("choice", "a waiver lasts 1 to 7 days", field="days", value=days[:20])
    propose_waiver(
        break_id=break_id,
        reason=posted_text(request.POST, "reason"),
        expires_at=visit.now + timedelta(days=int(days)),
        actor=visit.actor(STAFF),
        now=visit.now,
    )
    messages.success(request, "Sent for approval: a second person has 15 minutes")
    return _back(request, break_id)


@page(methods=("POST",))
def assign(request: Request, break_id: UUID) -> HttpResponse:
    """Name the member of the staff who works on a break, or nobody."""
    visit = request.visit
    break_of(viewer=visit.viewer, break_id=break_id)
    asked = request.POST.get("owner", "")
    owner_id = next((pk for pk, _ in people_in(STAFF) if str(pk) == asked), None)
    if asked and owner_id is None:
        raise NotAccepted("choice", "that person is not of the staff", field="owner", value=asked[:20])
    assign_break(break_id=break_id, owner_id=owner_id, actor=visit.actor(STAFF), now=visit.now)
    return _back(request, break_id)


@page(roles=OVERSIGHT, methods=("POST",))
def load(request: Request) -> HttpResponse:
    """Take a custodian's file by hand and reconcile its day; a file that is refused is told line and field, and nothing of it is kept."""
    visit = request.visit
    custodian_id = _custodian(request)
    try:
        data = _file(request)
        with transaction.atomic():
            facts = reconcile_file(custodian_id=custodian_id, data=data, now=visit.now, actor=visit.actor(OVERSIGHT))
    except (UnableToTakeSnapshot, UnableToReconcile) as error:
        name = getattr(request.FILES.get("file"), "name", "")
        return render(request, "reconciliation/refused_file.html", {"error": error, "name": name}, status=422)
    _tell(request, facts)
    return redirect("reconciliation:desk")


@page(roles=OVERSIGHT, methods=("POST",))
def run(request: Request) -> HttpResponse:
    """Compare a custodian's last closed day again with what is on file."""
    visit = request.visit
    custodian_id = _custodian(request)
    calendar = next(one.calendar for one in custodians_in_sight(visit.viewer) if one.id == custodian_id)
    as_of = calendars.last_closed_session(calendar, visit.now)
    _tell(request, reconcile_custodian(custodian_id=custodian_id, as_of=as_of, now=visit.now, actor=visit.actor(OVERSIGHT)))
    return redirect(back_to(request, reverse("reconciliation:desk")))


def _custodian(request: Request) -> UUID:
    """Return the custodian named in the form. Raises NotFound for one that keeps no account in sight."""
    asked = posted_uuid(request.POST, "custodian")
    if asked not in {one.id for one in custodians_in_sight(request.visit.viewer)}:
        raise NotFound("custodian")
    return asked


def _file(request: Request) -> bytes:
    given: Any = request.FILES.get("file")
    if given is None:
        raise UnableToTakeSnapshot("NO_FILE", "choose a file", field="file")
    if not given.name.lower().endswith(".csv") or given.content_type not in FILE_TYPES:
        raise UnableToTakeSnapshot(
            "WRONG_TYPE", "a custodian's file is a .csv in the documented form", field="file", value=given.name[-40:]
        )
    if given.size > MAX_FILE_BYTES:
        raise UnableToTakeSnapshot("TOO_LARGE", f"a file has at most {MAX_FILE_BYTES // 1024 // 1024} MB", field="file", value=given.size)
    return bytes(given.read())


def _document(request: Request, break_id: UUID) -> Evidence | None:
    given: Any = request.FILES.get("document")
    if given is None:
        return None
    if given.size > MAX_DOCUMENT_BYTES:
        raise UnableToKeep("TOO_LARGE", "a document has at most 10 MB", field="document", value=given.size)
    visit = request.visit
    return keep_document(break_id=break_id, name=given.name, data=given.read(), actor=visit.actor(STAFF), now=visit.now)


def _sleeve(request: Request, account_id: UUID) -> UUID | None:
    if not request.POST.get("sleeve"):
        return None
    asked = posted_uuid(request.POST, "sleeve")
    if asked not in {pk for pk, _ in sleeves_of(account_id=account_id)}:
        raise NotFound("sleeve", field="sleeve")
    return asked


def _tell(request: Request, facts: RunFacts) -> None:
    state = "complete" if facts.state == "COMPLETE" else "incomplete: " + "; ".join(facts.reasons[:3])
    again = ", nothing new" if facts.repeated else f", {facts.opened} new, {facts.closed} closed"
    messages.info(request, f"{facts.as_of}: {state}, {facts.items} items, {facts.open} open breaks{again}")


def _back(request: Request, break_id: UUID) -> HttpResponse:
    return redirect(back_to(request, f"{reverse('reconciliation:desk')}?break={break_id}"))
