"""An account's own page: positions, lots, cash, orders, fills, charts, mandate and authority, breaks, statements, audit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render

from accounts import queries as accounts
from accounts.queries.books import EquityPoint
from accounts.queries.sheet import blocks_on
from base.csv_export import csv_response
from base.errors import NotFound
from execution.queries.levels import LevelLine
from governance import queries as governance
from governance import services
from governance.core.subjects import Subject
from governance.enums import AuditAction, SubjectKind
from governance.permissions import DEALERS, STAFF
from governance.queries.account_papers import authorities_naming, mandate_sheet
from governance.queries.trail_names import trail_names
from governance.web import Request, Visit, page
from reconciliation.queries.visible import visible_breaks
from reporting.charts.equity import equity_and_drawdown
from reporting.charts.theme import DARK, LIGHT
from reporting.core.drawdown import drawdown_curve
from reporting.core.performance import ValuedDay, daily_return, time_weighted_return, unit_values
from reporting.queries import account_sheet as sheet
from reporting.queries.documents import visible_statements
from reporting.services.portrait import LONGEST_CLOSURE
from reporting.views.wash_sales import recent_wash_sales

TABS = ("overview", "positions", "lots", "cash", "orders", "fills", "mandate", "breaks", "statements", "audit")
YEAR = timedelta(days=366)


@page
def account(request: Request, account_id: UUID) -> HttpResponse:
    """Show one account; `tab` chooses the part, `format=csv` downloads positions, lots, orders or fills."""
    visit = request.visit
    row = accounts.visible_to(visit.user_id).select_related("custodian", "connection", "owner").filter(pk=account_id).first()
    if row is None:
        raise NotFound("account")
    tab = request.GET.get("tab", "overview")
    tab = tab if tab in TABS else "overview"
    if request.GET.get("format") == "csv" and tab in _CSV:
        return _download(request, row, tab)
    context: dict[str, Any] = {"account": row, "tab": tab, "tabs": TABS, "blocks": blocks_on(account_id=account_id, now=visit.now)}
    context |= _orders(row, visit, _id(request.GET.get("before", ""))) if tab == "orders" else _PARTS[tab](row, visit)
    context["may_trade"] = visit.holds(DEALERS) and accounts.tradable_by(visit.user_id).filter(pk=account_id).exists()
    return render(request, "reporting/_account.html" if request.htmx else "reporting/account.html", context)


def _overview(row: Any, visit: Visit) -> dict[str, Any]:
    today = visit.now.date()
    evenings = sheet.evenings_of(account_id=row.pk, since=today - YEAR, until=today)
    days = sheet.days_between(evenings)
    falls = _drawdowns(days)
    holdings, _ = sheet.holdings_now(account_id=row.pk, now=visit.now)
    papers = authorities_naming(account_id=row.pk)
    return {
        "evenings": evenings,
        "last": evenings[-1] if evenings else None,
        "chart": _chart(evenings, falls),
        "year_return": time_weighted_return(days) if days else None,
        "return_since": evenings[0].as_of if evenings and evenings[0].as_of - (today - YEAR) > LONGEST_CLOSURE else None,
        "drawdown": falls[-1] if days and falls else None,
        "holdings": holdings[:8],
        "holding_count": len(holdings),
        "ladder": sheet.cash_ladder(account_id=row.pk, on=today),
        "breaks": list(visible_breaks(visit.viewer).filter(account_id=row.pk, closed_at=None).order_by("-opened_on")[:5]),
        "papers": [paper for paper in papers if paper.holds(visit.now)],
        "any_paper": bool(papers),
    }


def _chart(evenings: list[EquityPoint], falls: list[float] | None) -> dict[str, Any] | None:
    if len(evenings) < 2:
        return None
    dates, minor = [evening.as_of for evening in evenings], [int(evening.equity * 100) for evening in evenings]
    return {name: equity_and_drawdown(dates, minor, falls, theme=theme, height=220) for name, theme in (("light", LIGHT), ("dark", DARK))}


def _drawdowns(days: list[ValuedDay]) -> list[float] | None:
    """Return n + 1 drawdowns; None where a day had no money to earn on: what has no unit value has no fall either."""
    if any(daily_return(day) is None for day in days):
        return None
    return [float(fall) for fall in drawdown_curve(unit_values(days))]


def _positions(row: Any, visit: Visit) -> dict[str, Any]:
    holdings, _ = sheet.holdings_now(account_id=row.pk, now=visit.now)
    return {"holdings": holdings}


def _lots(row: Any, visit: Visit) -> dict[str, Any]:
    washed = recent_wash_sales(visit, account_id=row.pk)
    return {"lots": sheet.holdings_now(account_id=row.pk, now=visit.now)[1], "washed": washed}


def _cash(row: Any, visit: Visit) -> dict[str, Any]:
    return {"ladder": sheet.cash_ladder(account_id=row.pk, on=visit.now.date())}


def _orders(row: Any, visit: Visit, before: UUID | None = None) -> dict[str, Any]:
    """Return a page of orders, and the id after which the next begins. before: the id after which this one does."""
    of = {"account_id": row.pk, "connection_id": row.connection_id, "viewer": visit.viewer}
    found = sheet.orders_of(**of, before=before, most=sheet.PAGE + 1)
    return {
        "orders": found[: sheet.PAGE],
        "older": found[sheet.PAGE - 1].pk if len(found) > sheet.PAGE else None,
        "is_later": before is not None,
    }


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _fills(row: Any, visit: Visit) -> dict[str, Any]:
    return {"fills": sheet.fills_of(account_id=row.pk, viewer=visit.viewer)}


def _mandate(row: Any, visit: Visit) -> dict[str, Any]:
    papers = [(paper, paper.holds(visit.now)) for paper in authorities_naming(account_id=row.pk)]
    return {"mandate": mandate_sheet(mandate_id=row.mandate_id, now=visit.now), "papers": papers}


def _breaks(row: Any, visit: Visit) -> dict[str, Any]:
    return {"breaks": list(visible_breaks(visit.viewer).filter(account_id=row.pk).order_by("-opened_on", "-id")[: sheet.MOST])}


def _statements(row: Any, visit: Visit) -> dict[str, Any]:
    return {"documents": visible_statements(visit.user).filter(account_id=row.pk)}


def _audit(row: Any, visit: Visit) -> dict[str, Any]:
    events = governance.trail_of_subject(Subject(SubjectKind.ACCOUNT, str(row.pk)))
    names = trail_names(visit.viewer, events)
    return {
        "events": [(event, names.who(event.actor_id), names.fields(event.before), names.fields(event.after)) for event in reversed(events)]
    }


_PARTS: dict[str, Callable[[Any, Visit], dict[str, Any]]] = {
    "overview": _overview,
    "positions": _positions,
    "lots": _lots,
    "cash": _cash,
    "orders": _orders,
    "fills": _fills,
    "mandate": _mandate,
    "breaks": _breaks,
    "statements": _statements,
    "audit": _audit,
}


def _position_lines(row: Any, visit: Visit) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    header = ("symbol", "quantity", "price", "currency", "value", "basis", "gain", "stops", "targets")
    holdings, _ = sheet.holdings_now(account_id=row.pk, now=visit.now)
    return header, [
        (h.instrument.symbol, h.quantity, h.price, h.instrument.currency, h.value, h.basis, h.gain, _prices(h.stops), _prices(h.targets))
        for h in holdings
    ]


def _prices(lines: Sequence[LevelLine]) -> str:
    return " ".join(f"{line.price.normalize():f}" for line in lines)


def _lot_lines(row: Any, visit: Visit) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    header = ("symbol", "acquired_on", "quantity", "original_quantity", "currency", "basis", "gain")
    _, lots = sheet.holdings_now(account_id=row.pk, now=visit.now)
    rows = [
        (x.instrument.symbol, x.lot.acquired_on, x.lot.quantity, x.lot.original_quantity, x.lot.currency, x.lot.basis, x.gain) for x in lots
    ]
    return header, rows


def _order_lines(row: Any, visit: Visit) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Return the newest orders: quantity and filled_qty are the account's part, filled_qty empty while it is not known or not shared.

    Why a block ended is told to who sees all of it, as on the page.
    """
    header = ("created_at", "client_order_id", "symbol", "side", "quantity", "filled_qty", "limit_price", "state", "is_block", "reason")
    found = sheet.orders_of(account_id=row.pk, connection_id=row.connection_id, viewer=visit.viewer)
    rows = [
        (
            o.created_at,
            o.client_order_id,
            o.instrument.symbol,
            o.side,
            o.part,
            None if o.state == "UNKNOWN" else o.got,
            o.limit_price,
            o.state,
            o.is_block,
            o.reason if o.is_whole or not o.is_part else "",
        )
        for o in found
    ]
    return header, rows


def _fill_lines(row: Any, visit: Visit) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    header = ("at", "symbol", "side", "quantity", "price", "fee", "currency", "share_of_block")
    fills = sheet.fills_of(account_id=row.pk, viewer=visit.viewer)
    return header, [(f.at, f.symbol, f.side, f.quantity, f.price, f.fee, f.currency, f.is_share) for f in fills]


_CSV: dict[str, Callable[[Any, Visit], tuple[tuple[str, ...], list[tuple[Any, ...]]]]] = {
    "positions": _position_lines,
    "lots": _lot_lines,
    "orders": _order_lines,
    "fills": _fill_lines,
}


def _download(request: Request, row: Any, tab: str) -> HttpResponse:
    header, lines = _CSV[tab](row, request.visit)
    services.audit(
        action=AuditAction.EXPORTED,
        subject=Subject(SubjectKind.ACCOUNT, str(row.pk)),
        actor=request.visit.actor(STAFF),
        now=request.visit.now,
        after={"what": tab, "rows": len(lines)},
        rule="GOV-7",
    )
    return csv_response(f"{row.code}-{tab}", header, lines)
