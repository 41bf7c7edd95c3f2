"""Ask before canceling, and cancel: an order or a whole parent."""

from __future__ import annotations

import json
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render

from base.errors import Refused
from governance.permissions import DEALERS
from governance.web import Request, page

from ..services.desk import Asked, cancel_order_seen, cancel_parent_seen
from .blotter import one_row

MOST = 200


@page(roles=DEALERS, methods=("GET", "POST"))
def order(request: Request, order_id: UUID) -> HttpResponse:
    """Ask for the reason, then cancel one order; a second press changes nothing."""
    if request.method != "POST":
        return render(request, "execution/_cancel.html", {"row": one_row(request, "orders", order_id)})
    visit = request.visit
    asked = cancel_order_seen(order_id=order_id, viewer=visit.viewer, actor=visit.actor(DEALERS), now=visit.now, reason=reason_of(request))
    return _told(asked, order_id)


@page(roles=DEALERS, methods=("GET", "POST"))
def parent(request: Request, parent_id: UUID) -> HttpResponse:
    """Ask for the reason, then cancel a parent with its slices and orders."""
    if request.method != "POST":
        return render(request, "execution/_cancel.html", {"row": one_row(request, "parents", parent_id)})
    visit = request.visit
    asked = cancel_parent_seen(
        parent_id=parent_id, viewer=visit.viewer, actor=visit.actor(DEALERS), now=visit.now, reason=reason_of(request)
    )
    return _told(asked, parent_id)


def reason_of(request: Request) -> str:
    """Return the reason that was given. Raises Refused without one."""
    reason = request.POST.get("reason", "").strip()
    if not reason or len(reason) > MOST or "\0" in reason:
        raise Refused("reason", f"say why, in at most {MOST} characters", field="reason", value=reason[:MOST])
    return reason


def _told(asked: Asked, row_id: UUID) -> HttpResponse:
    done = asked.done
    if not asked.is_new:
        toast = {"kind": "warn", "text": "Nothing left to cancel", "note": "It has ended, or was asked to be canceled before"}
    else:
        parts = [f"{done.canceled} ended at once"] if done.canceled else []
        parts += [f"the broker is asked about {done.requested}; a fill may still come"] if done.requested else []
        toast = {"kind": "pass", "text": "Cancel asked", "note": "; ".join(parts) or "Nothing more will be sent"}
    answer = HttpResponse(status=204)
    answer["HX-Trigger"] = json.dumps({"toast": toast, "dialog:done": True, "live:orders": {"ids": [str(row_id)]}})
    return answer
