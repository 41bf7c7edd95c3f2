"""Ask what became of an order nobody knows of, and take a person's word on it (RTE-7)."""

from __future__ import annotations

import json
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render

from base.errors import Refused
from governance.permissions import RESOLVERS
from governance.web import Request, page

from ..services.desk import resolve_order_seen
from .blotter import one_row
from .cancels import reason_of

LONGEST = 64
MOST_EPOCH = 2**31 - 1


@page(roles=RESOLVERS, methods=("GET", "POST"))
def order(request: Request, order_id: UUID) -> HttpResponse:
    """Ask whether the broker has it, then end it or let its gateway ask about the broker's own number."""
    visit = request.visit
    if request.method != "POST":
        return render(request, "execution/_resolve.html", {"row": one_row(request, "orders", order_id)})
    number, epoch = _named(request)
    resolve_order_seen(
        order_id=order_id,
        viewer=visit.viewer,
        broker_order_id=number,
        session_epoch=epoch,
        actor=visit.actor(RESOLVERS),
        now=visit.now,
        reason=reason_of(request),
    )
    note = "The broker is asked about its own number" if number else "It has ended; what it held is free, and its account may trade again"
    answer = HttpResponse(status=204)
    toast = {"kind": "pass", "text": "Resolved", "note": note, "rule": "RTE-7"}
    answer["HX-Trigger"] = json.dumps({"toast": toast, "dialog:done": True, "live:orders": {"ids": [str(order_id)]}})
    return answer


def _named(request: Request) -> tuple[str, int]:
    """Return the broker's number and session, "" for an order it does not have. Raises Refused for anything else."""
    found = request.POST.get("found", "")
    if found not in ("yes", "no"):
        raise Refused("found", "say whether the broker has it", field="found", value=found[:LONGEST])
    if found == "no":
        return "", 0
    number, epoch = request.POST.get("broker_order_id", "").strip(), request.POST.get("session_epoch", "").strip() or "0"
    if not number or len(number) > LONGEST or not number.isprintable():
        rule = f"the broker's number of the order, at most {LONGEST} characters"
        raise Refused("broker_order_id", rule, field="broker_order_id", value=number[:LONGEST])
    if not (epoch.isascii() and epoch.isdecimal() and len(epoch) <= 10 and int(epoch) <= MOST_EPOCH):
        raise Refused("session_epoch", "the number of the broker's session is a whole number", field="session_epoch", value=epoch[:LONGEST])
    return number, int(epoch)
