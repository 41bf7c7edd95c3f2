"""The home page: widgets a person arranges, each a fragment that loads by itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render

from accounts.queries.consolidated import blocked_accounts
from execution.enums import OrderState
from execution.queries.visible import visible_orders
from governance import queries as governance
from governance.core.subjects import Subject
from governance.enums import SubjectKind
from governance.queries.names import name_subjects
from governance.web import Request, Visit, page
from reconciliation.queries.visible import visible_breaks
from reporting.core.home import WIDGETS, filled
from reporting.queries.exposure import consolidated
from reporting.services.home import forget_layout, keep_layout, layout_of
from reporting.views.accounts import firm_figures
from reporting.views.exposure import bars_of, figures_of
from reporting.views.wash_sales import wash_facts
from risk.queries.decisions import limit_alerts

ROWS = 8
_WORKING = [
    state.value
    for state in OrderState
    if state in {"PENDING", "SENDING", "ACKED", "PARTIALLY_FILLED", "UNKNOWN", "PENDING_CANCEL", "PENDING_REPLACE"}
]
_TROUBLE = ["UNKNOWN", "DENIED", "REJECTED"]


@page
def home(request: Request) -> HttpResponse:
    """Show the visitor's widgets; each is fetched on its own."""
    visit = request.visit
    placed = layout_of(user_id=visit.user_id, roles=visit.roles)
    names = {one.widget.name for one in placed}
    others = [one for one in WIDGETS.values() if one.name not in names and not one.roles.isdisjoint(visit.roles)]
    shown = list(zip(placed, filled([one.width for one in placed]), strict=True))
    return render(request, "reporting/home.html", {"placed": shown, "others": others})


@page(methods=("POST",))
def arrange(request: Request) -> HttpResponse:
    """Keep the order and widths the visitor chose, or with `default` go back to their role's."""
    visit = request.visit
    if "default" in request.POST:
        forget_layout(user_id=visit.user_id)
        return redirect("reporting:home")
    try:
        stated = json.loads(request.POST.get("layout", ""))
    except (ValueError, RecursionError):
        stated = None
    keep_layout(user_id=visit.user_id, roles=visit.roles, stated=stated)
    return HttpResponse(status=204)


@page
def widget(request: Request, name: str) -> HttpResponse:
    """Answer what one widget shows."""
    one = WIDGETS.get(name)
    if one is None or one.roles.isdisjoint(request.visit.roles):
        raise Http404
    return render(request, f"reporting/widgets/{name}.html", _FACTS[name](request.visit))


def _positions(visit: Visit) -> dict[str, Any]:
    found = consolidated(visit.viewer, now=visit.now)
    return {"found": found, "lines": [(line, figures_of(found, line.bar)) for line in found.lines[:ROWS]], "count": len(found.lines)}


def _exposure(visit: Visit) -> dict[str, Any]:
    found = consolidated(visit.viewer, now=visit.now)
    return {"found": found, "bars": bars_of(found, "sector", ROWS)}


def _blotter(visit: Visit) -> dict[str, Any]:
    rows = visible_orders(visit.viewer).filter(state__in=_WORKING).select_related("instrument", "account", "connection").order_by("-id")
    return {"orders": rows[:ROWS]}


def _exceptions(visit: Visit) -> dict[str, Any]:
    since = visit.now - timedelta(hours=24)
    rows = visible_orders(visit.viewer).filter(state__in=_TROUBLE, created_at__gte=since)
    return {"orders": rows.select_related("instrument", "account", "connection").order_by("-id")[:ROWS]}


def _alerts(visit: Visit) -> dict[str, Any]:
    rows = governance.open_alerts(roles=visit.roles, viewer=visit.viewer)
    places = governance.alert_places(visit.viewer, rows[:ROWS])
    return {"alerts": [(row, place, visit.now - row.raised_at) for row, place in zip(rows, places, strict=False)], "count": len(rows)}


def _constrained(visit: Visit) -> dict[str, Any]:
    return {"rows": blocked_accounts(visit.viewer, now=visit.now)[:ROWS]}


def _breaks(visit: Visit) -> dict[str, Any]:
    rows = visible_breaks(visit.viewer).filter(closed_at=None).select_related("account").order_by("opened_on", "id")
    return {"rows": rows[:ROWS]}


def _approvals(visit: Visit) -> dict[str, Any]:
    return {"rows": [(row, row.expires_at - visit.now) for row in governance.pending_approvals(now=visit.now, viewer=visit.viewer)[:ROWS]]}


def _authorities(visit: Visit) -> dict[str, Any]:
    rows = sorted(governance.ending_authorities_seen(now=visit.now, viewer=visit.viewer), key=lambda row: row.expires_at or visit.now)
    ids = [Subject(SubjectKind.AUTHORITY, str(row.authority_id)) for row in rows[:ROWS]]
    names = name_subjects(visit.viewer, ids)
    ended = [row.expires_at is not None and row.expires_at <= visit.now for row in rows[:ROWS]]
    return {"rows": [(row, names.get(one), is_over) for row, one, is_over in zip(rows, ids, ended, strict=False)]}


def _limits(visit: Visit) -> dict[str, Any]:
    return {"rows": limit_alerts()[:ROWS]}


def _wash(visit: Visit) -> dict[str, Any]:
    return wash_facts(visit, most=ROWS // 2)


_FACTS: dict[str, Callable[[Visit], dict[str, Any]]] = {
    "firm": firm_figures,
    "positions": _positions,
    "exposure": _exposure,
    "blotter": _blotter,
    "exceptions": _exceptions,
    "alerts": _alerts,
    "constrained": _constrained,
    "breaks": _breaks,
    "approvals": _approvals,
    "authorities": _authorities,
    "limits": _limits,
    "wash": _wash,
}
