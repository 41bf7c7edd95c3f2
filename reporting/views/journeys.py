"""Decisions: the list, one decision's story, and what unfolds under its steps."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render

from allocation.queries.story import LineSummary, line_page
from allocation.queries.visible import visible_signals, visible_strategies
from base.core.row_keys import key_of, read_key
from base.errors import NotFound
from execution.core.states import average
from execution.queries import story as execution
from execution.queries.blotter import Filters, page_of
from execution.queries.blotter_rows import shown
from governance.permissions import DEALERS
from governance.web import Request, page
from reporting.core.journey_words import cost
from reporting.queries.journey_steps import steps_of
from reporting.queries.journey_story import Story, gates_in_sight, journeys, sight_of, story

ROWS = 40
STATES = {
    "": "Any state",
    "working": "Working",
    "unknown": "With unknown orders",
    "denied": "With denied orders",
    "received": "Stated only",
    "refused": "Refused",
}
RANGES = {"": "30 days", "today": "Today", "week": "7 days", "all": "All time"}
_SPANS = {"": 30, "today": 0, "week": 7}
_KEPT = ("q", "state", "range", "strategy", "mine")


@page
def decisions(request: Request) -> HttpResponse:
    """List decisions, newest first; htmx gets the rows alone."""
    viewer = request.visit.viewer
    given = {name: _text(request.GET.get(name)) for name in _KEPT}
    rows = _filtered(request, given).select_related("instrument", "strategy")
    before = read_key(request.GET.get("before", ""))
    if before is not None:
        rows = rows.filter(Q(received_at__lt=before[0]) | Q(received_at=before[0], pk__lt=before[1]))
    found = list(rows.order_by("-received_at", "-pk")[: ROWS + 1])
    last = found[ROWS - 1] if len(found) > ROWS else None
    context = {
        "rows": journeys(viewer, found[:ROWS]),
        "before": key_of(last.received_at, last.pk) if last else "",
        "query": urlencode({name: value for name, value in given.items() if value}),
        "given": given,
        "now": request.visit.now,
    }
    if request.htmx:
        part = "reporting/journey/_decision_rows.html" if before else "reporting/journey/_decisions.html"
        return render(request, part, context)
    codes = list(visible_strategies(viewer).order_by("code").values_list("code", flat=True)[:200])
    return render(request, "reporting/journey/decisions.html", context | {"states": STATES, "ranges": RANGES, "strategies": codes})


@page
def journey(request: Request, journey_id: UUID) -> HttpResponse:
    """Tell one decision's story; htmx gets it without the frame, for the live refresh."""
    told = story(request.visit.viewer, journey_id)
    results, more = _results(request, journey_id, told.summary, "")
    context = {
        "story": told,
        "signal": told.signal,
        "steps": steps_of(told),
        "kpis": _kpis(told),
        "results": results,
        "more": more,
        "may_cancel": told.may_cancel if request.visit.holds(DEALERS) else [],
        "now": request.visit.now,
    }
    return render(request, "reporting/journey/_story.html" if request.htmx else "reporting/journey/journey.html", context)


@page
def inset(request: Request, journey_id: UUID, part: str) -> HttpResponse:
    """Show a page of what unfolds under a step: lines, orders, fills, gates, shares or results."""
    viewer = request.visit.viewer
    signal, summary = sight_of(viewer, journey_id)
    is_whole = summary is None or summary.is_whole
    after = _text(request.GET.get("after"), 200)
    context: dict[str, Any] = {"signal": signal, "name": part, "now": request.visit.now, "is_more": bool(after)}
    if part == "lines" and summary is not None:
        context["rows"], context["after"] = line_page(viewer, statement_id=summary.statement_id, is_whole=is_whole, after=after)
    elif part == "shares":
        context["rows"], context["after"] = execution.share_page(viewer, journey_id=journey_id, is_whole=is_whole, after=after)
    elif part in ("orders", "fills"):
        filters = Filters(tab=part, is_descending=False)
        rows: Any = (
            execution.orders_in_sight(viewer, is_whole=is_whole).filter(parent__journey_id=journey_id)
            if part == "orders"
            else execution.executions_in_sight(viewer, journey_id=journey_id, is_whole=is_whole)
        )
        related = ("parent__strategy",) if part == "orders" else ("order",)
        found = page_of(rows.select_related("instrument", "account", "connection", *related), filters, after)
        context["rows"], context["after"] = shown(part, found.rows, {}), found.cursor
    elif part == "results":
        context["results"], context["more"] = _results(request, journey_id, summary, after)
    elif part == "gates":
        context["rows"] = [one for one in gates_in_sight(viewer, journey_id=journey_id) if one.outcome != "PASSED"][:200]
    else:
        raise NotFound("part")
    return render(request, f"reporting/journey/_{part}.html", context)


def _filtered(request: Request, given: dict[str, str]) -> Any:
    viewer, now = request.visit.viewer, request.visit.now
    rows = visible_signals(viewer)
    if given["q"]:
        text = given["q"]
        rows = rows.filter(
            Q(instrument__symbol__icontains=text)
            | Q(strategy__code__icontains=text)
            | Q(source__icontains=text)
            | Q(idempotency_key__iexact=text)
        )
    if given["range"] in _SPANS:
        rows = rows.filter(received_at__gte=datetime.combine(now.date(), time(), UTC) - timedelta(days=_SPANS[given["range"]]))
    if given["strategy"]:
        rows = rows.filter(strategy__code=given["strategy"])
    if given["mine"] == "1":
        rows = rows.filter(received_by_id=request.visit.user_id)
    if given["state"] == "working":
        rows = rows.filter(journey_id__in=execution.working_journeys(viewer))
    elif given["state"] in ("unknown", "denied"):
        rows = rows.filter(journey_id__in=execution.journeys_with(viewer, state=given["state"].upper()))
    elif given["state"] in ("received", "refused"):
        rows = rows.filter(state=given["state"])
    return rows


def _results(request: Request, journey_id: UUID, summary: LineSummary | None, after: str) -> tuple[list[Any], str]:
    """Return a page of (line, filled, value), and where the next one begins."""
    if summary is None:
        return [], ""
    viewer, is_whole = request.visit.viewer, summary.is_whole
    lines, more = line_page(viewer, statement_id=summary.statement_id, is_whole=is_whole, after=after, size=14, ordered=True)
    got = execution.results_of(viewer, journey_id=journey_id, is_whole=is_whole, codes=[line.account for line in lines])
    return [(line, *got.get(line.account, (None, None))) for line in lines], more


def _kpis(told: Story) -> dict[str, Any]:
    done, summary, statement = told.progress, told.summary, told.statement
    one_side = summary is not None and bool(summary.bought) != bool(summary.sold)
    multiplier = told.signal.instrument.multiplier
    paid = (
        cost(
            is_buy=bool(summary.bought),
            filled=done.filled,
            notional=done.notional,
            decision_price=statement.decision_price,
            multiplier=multiplier,
        )
        if one_side and summary is not None and statement is not None
        else None
    )
    last = told.fills.last_at
    seconds = Decimal((last - told.signal.received_at).total_seconds()).quantize(Decimal("0.001")) if last else None
    return {
        "avg_px": average(done.notional / multiplier, done.filled) if one_side else None,
        "cost": paid,
        "seconds": seconds,
        "left_out": len(statement.excluded) if statement else 0,
        "idle": summary.lines - summary.ordered if summary else 0,
        "of": (summary.lines if summary else 0) + (len(statement.excluded) if statement else 0),
        "rest": max(told.quantity - done.filled, Decimal(0)),
    }


def _text(value: str | None, most: int = 80) -> str:
    text = (value or "").strip()[:most]
    return "" if "\0" in text else text
