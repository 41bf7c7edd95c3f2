"""Ask for another limit, and change it: of a parent order, with all its orders."""

from __future__ import annotations

import json
from decimal import Decimal
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render

from base.core.validation import InvalidInput, parse_decimal
from base.errors import Refused
from governance.permissions import DEALERS
from governance.web import Request, page

from ..forms import WORDS
from ..services.desk import replace_offer, replace_parent_seen
from ..services.replace import Replaced
from .blotter import one_row
from .cancels import reason_of


@page(roles=DEALERS, methods=("GET", "POST"))
def parent(request: Request, parent_id: UUID) -> HttpResponse:
    """Ask for the limit and the reason, then change it; a second press changes nothing."""
    visit = request.visit
    if request.method != "POST":
        offer = replace_offer(parent_id=parent_id, viewer=visit.viewer, now=visit.now)
        return render(request, "execution/_replace.html", {"row": one_row(request, "parents", parent_id), "offer": offer})
    done = replace_parent_seen(
        parent_id=parent_id,
        viewer=visit.viewer,
        limit=_limit(request, "limit_price") if request.POST.get("order_type") == "LIMIT" else None,
        shown=_limit(request, "shown") if request.POST.get("shown") else None,
        actor=visit.actor(DEALERS),
        now=visit.now,
        reason=reason_of(request),
    )
    return _told(done, parent_id)


def _limit(request: Request, field: str) -> Decimal:
    text = request.POST.get(field, "").strip()
    try:
        return parse_decimal(text, field, positive=True)
    except InvalidInput as problem:
        raise Refused(problem.rule, f"The limit {WORDS.get(problem.rule, problem.rule)}", field=field, value=problem.value) from None


def _told(done: Replaced, parent_id: UUID) -> HttpResponse:
    if not done.is_new:
        toast = {"kind": "warn", "text": "Nothing changed", "note": "That limit stands already"}
    else:
        parts = [f"{done.exchanged} not sent yet stand{'s' if done.exchanged == 1 else ''} anew"] if done.exchanged else []
        parts += [f"the broker is asked to cancel {done.requested}; what is left is sent again"] if done.requested else []
        text = "Limit changed" if done.is_limit_stated else "At best price from now on"
        toast = {"kind": "pass", "text": text, "note": "; ".join(parts) or "For all that is still to be sent"}
    answer = HttpResponse(status=204)
    answer["HX-Trigger"] = json.dumps({"toast": toast, "dialog:done": True, "live:orders": {"ids": [str(parent_id)]}})
    return answer
