"""What became of a release, account by account, live."""

from __future__ import annotations

import json
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render

from allocation.core.words import BY_METHOD
from base.errors import NotFound
from governance.permissions import DEALERS, STAFF
from governance.web import Request, page

from ..queries.release_rows import ReleaseStory
from ..queries.releases import release_story
from ..queries.visible import visible_orders
from ..services.cancel import Canceled
from ..services.desk import cancel_order_seen, cancel_parent_seen

CANCELED_BY_HAND = "canceled on the release page"


@page(roles=STAFF)
def released(request: Request, journey_id: UUID) -> HttpResponse:
    """Show the saga of a release."""
    return render(request, "execution/released.html", _context(request, journey_id))


@page(roles=STAFF)
def outcomes(request: Request, journey_id: UUID) -> HttpResponse:
    """Show the part of it that lives."""
    return render(request, "execution/_outcomes.html", _context(request, journey_id))


@page(roles=DEALERS, methods=("POST",))
def cancel(request: Request, journey_id: UUID) -> HttpResponse:
    """Cancel one order of the release, or all that still works; what was filled stays."""
    visit = request.visit
    actor = visit.actor(DEALERS)
    story = release_story(journey_id=journey_id, viewer=visit.viewer)
    named = request.POST.get("order", "")
    if named:
        order_id = _order(request, journey_id, named)
        each = [cancel_order_seen(order_id=order_id, viewer=visit.viewer, actor=actor, now=visit.now, reason=CANCELED_BY_HAND)]
    else:
        each = [
            cancel_parent_seen(parent_id=parent, viewer=visit.viewer, actor=actor, now=visit.now, reason=CANCELED_BY_HAND)
            for parent in story.parents
        ]
    done = Canceled(sum(one.done.canceled for one in each), sum(one.done.requested for one in each))
    answer = render(request, "execution/_outcomes.html", _context(request, journey_id))
    note = f"{done.canceled} ended at once, {done.requested} asked of the broker"
    answer["HX-Trigger"] = json.dumps({"toast": {"kind": "pass", "text": "Cancel asked for", "note": note}})
    return answer


def _order(request: Request, journey_id: UUID, named: str) -> UUID:
    """Return the order that was named, if it is of this release and in sight."""
    try:
        order_id = UUID(named)
    except ValueError:
        raise NotFound("order") from None
    if not visible_orders(request.visit.viewer).filter(pk=order_id, journey_id=journey_id).exists():
        raise NotFound("order")
    return order_id


def _context(request: Request, journey_id: UUID) -> dict[str, object]:
    show_all = request.GET.get("show") == "all"
    story = release_story(journey_id=journey_id, viewer=request.visit.viewer, **({"most": None} if show_all else {}))
    return {"story": story, "title": title_of(story), "show_all": show_all, "may_cancel": request.visit.holds(DEALERS)}


def title_of(story: ReleaseStory) -> str:
    """Return a release as one line: what was done with what, by which figure."""
    words = BY_METHOD[story.method]
    verb = words.sides[(story.figure or 0) < 0] if words.sides else "Close" if words.is_rate else "Trade"
    figure = ""
    if story.figure is not None:
        shown = abs(story.figure) * (100 if words.is_rate else 1)
        figure = f", {shown.normalize():f}{'%' if words.is_rate else ''} {words.name.removeprefix('% ').lower() if words.is_rate else ''}".rstrip()
    return f"{verb} {story.symbol}{figure}"
