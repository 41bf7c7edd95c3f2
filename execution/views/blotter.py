"""The blotter: parents, orders and fills on one screen, live; cancels; downloads."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render

from accounts import queries as accounts
from allocation.queries.visible import visible_strategies
from base.errors import NotFound
from governance.permissions import DEALERS, RESOLVERS
from governance.web import Request, page
from market.enums import Side

from ..queries.blotter import Filters, children_of, page_of, rows_of, totals
from ..queries.blotter_rows import Row, shown
from .blotter_export import download
from .blotter_filters import RANGES, STATES, TABS, query_of, read_filters

COLUMNS = {
    "parents": (
        ("time", "Time, UTC", ""), ("instrument", "Instrument", ""), ("", "Side", ""), ("quantity", "Quantity", "num wide-only"), ("filled", "Filled", "num"),
        ("", "Leaves", "num wide-only"), ("", "Avg. price", "num wide-only"), ("", "Limit", "num wide-only"), ("state", "State", ""),
        ("", "Orders", "num wide-only"), ("", "Route", "wide-only"), ("", "Strategy", "wide-only"), ("", "Note", "wide-only"),
    ),
    "orders": (
        ("time", "Time, UTC", ""), ("account", "Account", ""), ("instrument", "Instrument", ""), ("", "Side", ""), ("quantity", "Quantity", "num wide-only"),
        ("filled", "Filled", "num"), ("", "Leaves", "num wide-only"), ("", "Avg. price", "num wide-only"), ("", "Limit", "num wide-only"), ("state", "State", ""),
        ("", "Connection", "wide-only"), ("", "Broker order id", "wide-only"), ("", "Rule or reason", "wide-only"),
    ),
    "fills": (
        ("time", "Time, UTC", ""), ("account", "Account", ""), ("instrument", "Instrument", ""), ("", "Side", ""), ("quantity", "Quantity", "num"),
        ("price", "Price", "num"), ("", "Value", "num wide-only"), ("", "Fee", "num wide-only"), ("state", "Kind", ""), ("", "Settles", "num wide-only"),
        ("", "Connection", "wide-only"), ("", "Execution", "wide-only"),
    ),
}  # fmt: skip


@page
def blotter(request: Request) -> HttpResponse:
    """Show the blotter; htmx gets the table with its tabs and totals, `format=csv` a download."""
    filters = read_filters(request.GET, request.visit)
    if request.GET.get("format") == "csv":
        return download(request, filters)  # type: ignore[return-value]  # a streamed answer is one as well
    context = _listed(request, filters) | {
        "totals": totals(request.visit.viewer, filters),
        "tabs": [(tab, query_of(request.GET, tab=tab, state="", sort="")) for tab in TABS],
        "columns": [_heading(request, filters, *column) for column in COLUMNS[filters.tab]],
    }
    if request.htmx:
        return render(request, "execution/_blotter.html", context)
    return render(request, "execution/blotter.html", context | _choices(request, filters))


@page
def rows(request: Request) -> HttpResponse:
    """Show the rows that `ids` name, or the page that begins at `cursor`; `totals=1` adds the totals."""
    filters = read_filters(request.GET, request.visit)
    context = _listed(request, filters)
    if request.GET.get("totals") == "1":
        context["totals"] = totals(request.visit.viewer, read_filters(_without_ids(request), request.visit))
    return render(request, "execution/_rows.html", context)


@page
def inside(request: Request, parent_id: UUID) -> HttpResponse:
    """Show the orders and fills of one parent."""
    parts: dict[str, Any] = {}
    for tab in ("orders", "fills"):
        filters = Filters(tab=tab, within=parent_id)
        found = page_of(rows_of(request.visit.viewer, filters), filters, size=30)
        parts[tab], parts[f"{tab}_more"] = shown(filters.tab, found.rows, {}), bool(found.cursor)
    if not parts["orders"] and not rows_of(request.visit.viewer, Filters(ids=(parent_id,))).exists():
        raise NotFound("parent order")
    span = len(COLUMNS["parents"]) + 2
    return render(request, "execution/_inside.html", parts | {"parent_id": parent_id, "span": span, "now": request.visit.now})


def _listed(request: Request, filters: Filters) -> dict[str, Any]:
    viewer = request.visit.viewer
    found = page_of(rows_of(viewer, filters), filters, "" if filters.ids else request.GET.get("cursor", ""))
    counts = children_of(viewer, [row.pk for row in found.rows]) if filters.tab == "parents" and found.rows else {}
    may = request.visit.holds(DEALERS)
    return {
        "rows": shown(filters.tab, found.rows, counts),
        "cursor": "" if filters.ids else found.cursor,
        "filters": filters,
        "query": query_of(request.GET, tab=filters.tab),
        "may_cancel": may and filters.tab != "fills",
        "may_resolve": filters.tab == "orders" and request.visit.holds(RESOLVERS),
        "span": len(COLUMNS[filters.tab]) + 1 + (filters.tab == "parents"),
        "now": request.visit.now,
    }


def _choices(request: Request, filters: Filters) -> dict[str, Any]:
    viewer = request.visit.viewer
    return {
        "given": request.GET,
        "states": STATES[filters.tab],
        "sides": tuple(Side),
        "ranges": RANGES,
        "range": request.GET.get("range", "today"),
        "connections": sorted(one.code for one in accounts.connections()),
        "strategies": list(visible_strategies(viewer).order_by("code").values_list("code", flat=True)[:200]),
        "narrowed": sum(
            bool(request.GET.get(name)) for name in ("state", "side", "instrument", "account", "connection", "strategy", "mine")
        ),
    }


def _heading(request: Request, filters: Filters, sort: str, title: str, css: str) -> dict[str, str]:
    is_sorted = sort and sort == filters.sort
    other = f"{'' if is_sorted and filters.is_descending else '-'}{sort}"
    order = ("descending" if filters.is_descending else "ascending") if is_sorted else ""
    return {"title": title, "css": css, "order": order, "query": query_of(request.GET, sort=other) if sort else ""}


def _without_ids(request: Request) -> Any:
    given = request.GET.copy()
    given.pop("ids", None)
    return given


def one_row(request: Request, tab: str, row_id: UUID) -> Row:
    """Return one parent or order in sight. Raises NotFound."""
    filters = Filters(tab=tab)
    row = rows_of(request.visit.viewer, filters).filter(pk=row_id).first()
    if row is None:
        raise NotFound("parent order" if tab == "parents" else "order")
    counts = children_of(request.visit.viewer, [row_id]) if tab == "parents" else {}
    return shown(tab, [row], counts)[0]
