"""Consolidated positions and exposure: net and gross along five dimensions, down to the accounts."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from accounts.queries.consolidated import holder_counts, holders_of
from base.csv_export import csv_response
from governance import services as governance
from governance.core.subjects import Subject
from governance.enums import AuditAction, SubjectKind
from governance.permissions import STAFF
from governance.web import Request, page
from market import queries as market
from reporting.core.account_filter import AccountFilter
from reporting.queries.exposure import DIMENSIONS, Consolidated, consolidated
from reporting.queries.figures import Sight, totals_of
from risk.core.consolidated import Bar
from risk.core.gate_one import UNLIMITED
from risk.queries.firm import rounded
from risk.queries.limits import limits_in_force

HOLDERS = 50
_WIDTH = 100


@page
def exposure(request: Request) -> HttpResponse:
    """Show the exposure of all accounts in sight; `by` and `of` list the instruments of one place; `format=csv` downloads what is listed."""
    within = _within(request)
    found = consolidated(request.visit.viewer, now=request.visit.now, within=within)
    if request.GET.get("format") == "csv":
        return _download(request, found, within)
    limits = limits_in_force(now=request.visit.now) if _sees_all(request) else {}
    context = {
        "found": found,
        "lines": [(line, figures_of(found, line.bar)) for line in found.listed],
        "cards": [(name, bars_of(found, name)) for name in DIMENSIONS],
        "within": within,
        "query": urlencode({"by": within[0], "of": within[1]}) if within else "",
        "sleeve": _name_in(within, "strategy"),
        "total": figures_of(found, found.total),
        "limits": {kind.value: fact.limit for kind, fact in limits.items() if fact.limit < UNLIMITED},
    }
    return render(request, "reporting/_exposure.html" if request.htmx else "reporting/exposure.html", context)


@page
def holders(request: Request, instrument_id: int) -> HttpResponse:
    """Show which accounts hold an instrument, a page at a time."""
    one = market.instrument(instrument_id)
    after = request.GET.get("after", "").replace("\0", "")[:40]
    sleeve = _plain(request.GET.get("strategy", ""))
    rows = holders_of(request.visit.viewer, instrument_id=instrument_id, sleeve=sleeve, after=after, limit=HOLDERS + 1)
    more = urlencode({"strategy": sleeve, "after": rows[HOLDERS - 1].code}) if len(rows) > HOLDERS else ""
    return render(request, "reporting/_holders.html", {"instrument": one, "rows": rows[:HOLDERS], "more": more})


def _sees_all(request: Request) -> bool:
    """Tell whether the firm's limits say anything beside these figures: next to those of a part they would be taken for the part's."""
    viewer = request.visit.viewer
    if viewer.oversight:
        return True
    totals = totals_of(Sight(viewer, AccountFilter()))
    return totals is not None and totals.whole


def _within(request: Request) -> tuple[str, str] | None:
    """Return the place the address names, None for none."""
    by, of = request.GET.get("by", ""), _plain(request.GET.get("of", ""))
    return (by, of) if by in DIMENSIONS and of else None


def _name_in(within: tuple[str, str] | None, dimension: str) -> str:
    return within[1] if within and within[0] == dimension else ""


def _plain(text: str) -> str:
    return "".join(char for char in text if char.isprintable())[:200]


def figures_of(found: Consolidated, bar: Bar) -> dict[str, Any]:
    """Return a bar's figures as they are shown."""
    return {
        "label": bar.label,
        "long": None if bar.long is None else rounded(bar.long),
        "short": None if bar.short is None else rounded(bar.short),
        "net": None if bar.net is None else rounded(bar.net),
        "gross": None if bar.gross is None else rounded(bar.gross),
        "net_rate": found.of_equity(bar.net),
        "gross_rate": found.of_equity(bar.gross),
        "unpriced": ", ".join(bar.unpriced),
    }


def bars_of(found: Consolidated, dimension: str, most: int | None = None) -> list[dict[str, Any]]:
    """Return a dimension's bars with the places of their two halves on a common scale of 2 × 100 units, zero in the middle.

    Each leads to what stands behind it: a custodian to its accounts, any other to its instruments, whose rows open to their accounts.
    """
    bars = found.dimensions[dimension][:most]
    widest = max((max(bar.long, -bar.short) for bar in bars if bar.long is not None and bar.short is not None), default=None)
    rows = []
    for bar in bars:
        figures = figures_of(found, bar) | {"href": _behind(dimension, bar.label)}
        if bar.long is not None and bar.short is not None and widest:
            figures["long_width"] = round(float(bar.long / widest) * _WIDTH, 1)
            figures["short_width"] = round(float(-bar.short / widest) * _WIDTH, 1)
            figures["short_x"] = round(_WIDTH - figures["short_width"], 1)
        rows.append(figures)
    return rows


def _behind(dimension: str, label: str) -> str:
    if dimension == "custodian":
        return f"{reverse('reporting:accounts')}?{urlencode({'custodian': label})}"
    return f"{reverse('reporting:exposure')}?{urlencode({'by': dimension, 'of': label})}#instruments"


def _download(request: Request, found: Consolidated, within: tuple[str, str] | None) -> HttpResponse:
    holders = holder_counts(request.visit.viewer, sleeve=_name_in(within, "strategy"), custodian=_name_in(within, "custodian"))
    governance.audit(
        action=AuditAction.EXPORTED,
        subject=Subject(SubjectKind.FIRM, str(request.visit.firm_id)),
        actor=request.visit.actor(STAFF),
        now=request.visit.now,
        after={"what": "exposure", "rows": len(found.listed)},
        rule="GOV-7",
    )
    header = ("symbol", "name", "kind", "long", "short", "net", f"net_{found.currency}", f"gross_{found.currency}", "accounts")
    rows = []
    for line in found.listed:
        figures = figures_of(found, line.bar)
        one = line.instrument
        rows.append(
            (
                one.symbol,
                one.name,
                one.kind,
                line.long,
                line.short,
                line.net_quantity,
                figures["net"],
                figures["gross"],
                holders.get(one.id, 0),
            )
        )
    return csv_response("exposure", header, rows)
