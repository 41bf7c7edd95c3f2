"""The accounts dashboard: rows, groups and totals, and what lies below them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from base.core.figures import percent, signed_percent
from execution.queries import gateway_states
from governance.permissions import DEALERS
from governance.queries import AlertFacts, alert_places, open_alerts
from governance.web import Request, Visit, page
from reporting import services
from reporting.charts.lines import equity_chart, sector_chart
from reporting.core.account_filter import GROUPS, JOINED, AccountFilter, Cursor
from reporting.queries import figure_charts, figures
from reporting.queries.figure_page import page_of_rows
from reporting.queries.figures import Sight
from reporting.services.figure_totals import drawdown_of
from risk.enums import FirmLimitKind
from risk.queries import limits_in_force

from .accounts_export import download
from .accounts_table import NO_EVENING, Lamps, drawdown_text, rows_html, total_cells, total_spark
from .saved_views import sight_of, state_of

COLUMNS = (
    ("code", "Account", ""),
    ("custodian", "Connection", ""),
    ("equity", "Equity, own currency", "num"),
    ("equity_to", "Equity {to}", "num"),
    ("day_pnl", "Day P&L {to}", "num"),
    ("day_rate", "Day %", "num"),
    ("open_pnl", "Open P&L {to}", "num"),
    ("margin_rate", "Margin used", "num"),
    ("open_risk_to", "Open risk\N{NO-BREAK SPACE}{to}", "num"),
    ("drawdown", "Drawdown", "num"),
    ("positions", "Pos.", "num"),
    ("fills", "Orders / fills", "num"),
    ("", "30 days", ""),
    ("attention", "Flags", ""),
)
EXPLAINED = {
    "open_risk_to": "What open positions lose down to their stops; without a stop, in the adverse move the mandate states (RSK-8b). "
    "A dash: neither is known.",
    "margin_rate": "Margin in use, as a part of the account's equity",
    "drawdown": "Fall from the highest value so far",
    "fills": "Orders and fills of today",
}


@page
def accounts(request: Request) -> HttpResponse:
    """Show the dashboard; `after` answers with the next rows alone, `format=csv` downloads what is in sight."""
    sight, view = sight_of(request)
    if request.GET.get("format") == "csv":
        return download(request, sight)
    services.note_visit(now=request.visit.now)
    after = Cursor.read(request.GET.get("after", ""), sight.chosen.sort)
    context = _table(request, sight, after)
    if not context["totals"] and services.work_out_first(now=request.visit.now):
        context = _table(request, sight, after)
    if after is not None and request.htmx:
        return render(request, "reporting/accounts/_rows.html", context)
    context |= {"view": view, "groups": GROUPS, "deals": request.visit.holds(DEALERS), "state": state_of(sight.chosen, but="q")}
    context["groupings"] = [(key, title, sight.chosen.query(by=key, collapsed=())) for key, title in {"": "None", **GROUPS}.items()]
    context["skeletons"] = ("Equity and drawdown", "Exposure by sector", "Needs attention")
    context |= _kpis(context["totals"], request.visit.now) if context["totals"] else {}
    context["unknown"] = _unknown(sight) if not (context["totals"] and context["totals"].accounts) else []
    if request.htmx:
        return render(request, "reporting/accounts/_table.html", context)
    return render(request, "reporting/accounts.html", context | {"layout": request.GET.get("layout") or sight.chosen.layout})


def _unknown(sight: Sight) -> list[tuple[str, str]]:
    """Return the groups the filter names that no account in sight is of, each with its kind's title."""
    named = sight.chosen.labels
    choices = figures.choices_of(sight) if named else {}
    return [(GROUPS[kind], label) for kind, label in named.items() if not {label, *label.split(JOINED)} & {*choices[kind]}]


def _table(request: Request, sight: Sight, after: Cursor | None) -> dict[str, Any]:
    limit = _limit(request) if after is None else figures.PAGE
    rows, following = page_of_rows(sight, after=after, limit=limit)
    totals = figures.totals_of(sight) if after is None else None
    lamps = Lamps({one.connection_id: one for one in gateway_states()}, figures.synced_states(now=request.visit.now))
    chosen = sight.chosen
    to = rows[0].currency_to if rows else totals.currency if totals else "USD"
    return {
        "chosen": chosen,
        "query": chosen.query(),
        "blocks": _blocks(sight, rows, lamps, after, following),
        "next": following.text() if following else "",
        "totals": totals,
        "sum": total_cells(totals) if totals else None,
        "mark": chosen.mark if totals and not totals.whole else "",
        "columns": [
            (key, title.format(to=to), kind, chosen.sorted_by(key).query() if key else "", EXPLAINED.get(key, ""))
            for key, title, kind in COLUMNS
        ],
        "rates": _rates(rows),
        "to": to,
    }


def firm_figures(visit: Visit) -> dict[str, Any]:
    """Return what `_kpis.html` shows of every account in the visitor's sight, worked out now where nobody ever has."""
    services.note_visit(now=visit.now)
    sight = Sight(visit.viewer, AccountFilter())
    totals = figures.totals_of(sight)
    if totals is None and services.work_out_first(now=visit.now):
        totals = figures.totals_of(sight)
    if totals is None or not totals.accounts:
        return {"totals": None}
    return {"totals": totals, "sum": total_cells(totals), "to": totals.currency, "chosen": sight.chosen, **_kpis(totals, visit.now)}


def _limit(request: Request) -> int:
    try:
        wanted = int(request.GET.get("shown", "0"))
    except ValueError:
        wanted = 0
    return min(max(wanted, figures.PAGE), figures.MOST_ROWS)


def _rates(rows: list[Any]) -> list[Any]:
    """Return one row a converted currency: what its popover tells."""
    found = {row.currency: row for row in rows if row.currency != row.currency_to and row.equity_to is not None}
    return list(found.values())


def _blocks(sight: Sight, rows: list[Any], lamps: Lamps, after: Cursor | None, following: Cursor | None) -> list[dict[str, Any]]:
    """Return the rows under the groups they belong to; closed groups stand with their totals alone."""
    by = sight.chosen.by
    if not by:
        return [{"head": None, "rows": rows_html(rows, lamps, indent=False)}]
    under: dict[str, list[Any]] = {}
    for row in rows:
        under.setdefault(getattr(row, by), []).append(row)
    began = None if after is None else after.label
    labels = figures.labels_between(sight, after=began, until=following.label if following else None)
    totals = figures.group_totals(sight, labels=labels)
    blocks: list[dict[str, Any]] = []
    if began is not None and began in under:
        blocks.append({"head": None, "rows": rows_html(under[began], lamps, indent=True)})
    for label in labels:
        if label in totals:
            inside = rows_html(under.get(label, []), lamps, indent=True)
            is_closed = label in sight.chosen.collapsed
            blocks.append(
                {"head": total_cells(totals[label]), "rows": inside, "closed": is_closed, "toggle": sight.chosen.toggled(label).query()}
            )
    return blocks


def _kpis(totals: figures.Totals, now: datetime) -> dict[str, Any]:
    limits = limits_in_force(now=now) if totals.whole else {}
    shares = {
        name: value / totals.equity_to if totals.equity_to > 0 else None for name, value in (("gross", totals.gross), ("net", totals.net))
    }

    def limit(kind: FirmLimitKind) -> str:
        found = limits.get(kind)
        if found is None or not found.limit.is_finite() or totals.equity_to <= 0 or found.limit / totals.equity_to > 100:
            return ""
        return percent(found.limit / totals.equity_to)

    stopped = [(totals.closed, "close-only"), (totals.unauthorised, "no authority")]
    return {
        "gross": percent(shares["gross"]),
        "net": signed_percent(shares["net"], 1),
        "gross_limit": limit(FirmLimitKind.GROSS),
        "net_limit": limit(FirmLimitKind.NET),
        "able": totals.accounts - totals.stopped,
        "stopped": ", ".join(f"{count} {word}" for count, word in stopped if count) or "none stopped",
        "day_rate": signed_percent(totals.day_rate),
    }


@page
def below(request: Request) -> HttpResponse:
    """Show the charts and what needs attention, of what is in sight."""
    sight, _ = sight_of(request)
    now = request.visit.now
    curve, totals = figure_charts.curve_of(sight, now=now), figures.totals_of(sight)
    days = [date.fromisoformat(day) for day in curve.get("days", [])]
    selected = _selected(sight, totals, curve) if totals is not None and not totals.whole and days else None
    to = totals.currency if totals else "USD"
    alerts = open_alerts(roles=request.visit.roles, viewer=request.visit.viewer)
    places = alert_places(request.visit.viewer, alerts[:6])
    return render(
        request,
        "reporting/accounts/_below.html",
        {
            "selected": selected,
            "charts": [equity_chart(days, curve["equity"], curve["drawdown"], unit=to, phone=phone) for phone in (False, True)]
            if len(days) > 1
            else [],
            "too_many": totals is not None and totals.accounts > figure_charts.MOST_CURVES,
            "span": f"{len(days)} evening{'' if len(days) == 1 else 's'}",
            "sectors": sector_chart(figure_charts.sectors_of(sight, now=now), totals.equity_to if totals else Decimal(0)),
            "alerts": [(alert, place, _tone(alert), now - alert.raised_at) for alert, place in zip(alerts, places, strict=False)],
            "alert_count": len(alerts),
            "to": to,
        },
    )


def _selected(sight: Sight, totals: figures.Totals, curve: dict[str, list[Any]]) -> dict[str, Any]:
    """Return what the row of totals of a selection waits for: from the chart's own curve, as a stored total has it from its."""
    grown, before = figures.growth_of(sight)
    unit, peak = (Decimal(repr(float(curve[name][0]))) for name in ("unit", "peak"))
    drawdown = drawdown_of(unit=unit, peak=peak, grown=grown, before=before)
    return {
        "mark": sight.chosen.mark,
        "drawdown": drawdown_text(drawdown, NO_EVENING),
        "spark": total_spark(totals, curve["points"]),
    }


_TONES = {"CRITICAL": ("blocked", "critical"), "WARNING": ("stale", "warning"), "INFO": ("off", "info")}


def _tone(alert: AlertFacts) -> tuple[str, str]:
    lamp, word = _TONES[str(alert.tier)]
    return (lamp, word) if alert.acknowledged_at is None else ("off", f"{word}, acknowledged")
