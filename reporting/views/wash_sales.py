"""Wash-sale flags: what was sold at a loss and bought again, in the accounts in sight. Flags only: no book, lot or statement changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render

from accounts.enums import WashState
from accounts.queries.wash_sales import WashSale, WashSales, wash_sales
from base.csv_export import csv_response
from governance import services as governance
from governance.core.subjects import Subject
from governance.enums import AuditAction, SubjectKind
from governance.permissions import STAFF
from governance.web import Request, Visit, page

LOOK_BACK = timedelta(days=61)
"""WASH-3, WASH-15: longer than any sale stays provisional, so that each is seen to become final."""
ROWS = 50
_ZERO = Decimal(0)
_HEADER = (
    "account",
    "name",
    "symbol",
    "sold_on",
    "quantity",
    "currency",
    "loss",
    "deferred",
    "forfeited",
    "allowed",
    "replaced_by",
    "outside_view",
    "state",
    "final_from",
    "rules",
    "is_estimate",
)


@dataclass(frozen=True, slots=True)
class WashTotal:
    """What the losses of one currency come to; loss = deferred + permanent + allowed."""

    currency: str
    loss: Decimal
    deferred: Decimal
    permanent: Decimal

    @property
    def allowed(self) -> Decimal:
        """Return what may be deducted."""
        return self.loss - self.deferred - self.permanent


def recent_wash_sales(visit: Visit, *, account_id: UUID | None = None) -> WashSales:
    """Return the wash sales of the last 61 days in the accounts in sight, or in one of them."""
    today = visit.now.date()
    only = None if account_id is None else [account_id]
    return wash_sales(visit.viewer, since=today - LOOK_BACK, until=today, account_ids=only)


def totals_of(rows: Sequence[WashSale]) -> list[WashTotal]:
    """Return the sums by currency: amounts of different currencies are never added."""
    found = []
    for currency in sorted({row.currency for row in rows}):
        own = [row for row in rows if row.currency == currency]
        loss, deferred, permanent = (sum((getattr(row, name) for row in own), _ZERO) for name in ("loss", "deferred", "permanent"))
        found.append(WashTotal(currency, loss, deferred, permanent))
    return found


@page
def wash_sale_list(request: Request) -> HttpResponse:
    """List wash sales; `q` an account or instrument, `state` provisional or final; `format=csv` downloads what they keep."""
    found = recent_wash_sales(request.visit)
    text, state = request.GET.get("q", "").strip()[:80], request.GET.get("state", "").upper()
    state = state if state in set(WashState) else ""
    rows = [row for row in found.rows if _is_wanted(row, text.casefold(), state)]
    if request.GET.get("format") == "csv":
        return _download(request, rows)
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "shown": Paginator(rows, ROWS).get_page(request.GET.get("page")),
        "totals": totals_of(rows),
        "provisional": sum(row.state is WashState.PROVISIONAL for row in rows),
        "exposed": found.exposed,
        "q": text,
        "state": state,
        "states": list(WashState),
        "query": query.urlencode(),
        "is_filtered": bool(text or state),
    }
    return render(request, "reporting/wash_sales.html", context)


def wash_facts(visit: Visit, *, most: int) -> dict[str, Any]:
    """Return what the home page's widget shows: the newest flags that can still change, else the newest."""
    found = recent_wash_sales(visit)
    rows = sorted(found.rows, key=lambda row: row.state is WashState.FINAL)
    open_ = sum(row.state is WashState.PROVISIONAL for row in rows)
    return {"rows": rows[:most], "count": len(rows), "open": open_, "totals": totals_of(rows), "exposed": found.exposed}


def _is_wanted(row: WashSale, text: str, state: str) -> bool:
    return (not state or row.state == state) and any(text in one.casefold() for one in (row.code, row.name, row.symbol))


def _download(request: Request, rows: Sequence[WashSale]) -> HttpResponse:
    governance.audit(
        action=AuditAction.EXPORTED,
        subject=Subject(SubjectKind.FIRM, str(request.visit.firm_id)),
        actor=request.visit.actor(STAFF),
        now=request.visit.now,
        after={"what": "wash sales", "rows": len(rows)},
        rule="GOV-7",
    )
    return csv_response("wash-sales", _HEADER, [_cells(row) for row in rows])


def _cells(row: WashSale) -> tuple[Any, ...]:
    bought = "; ".join(f"{one.code} {one.bought_on} {one.quantity.normalize():f} {one.fate}" for one in row.replacements)
    figures = (row.loss, row.deferred, row.permanent, row.allowed)
    return (
        row.code,
        row.name,
        row.symbol,
        row.sale_date,
        row.quantity,
        row.currency,
        *figures,
        bought,
        row.unseen,
        row.state,
        row.final_from,
        " ".join(row.rules),
        row.is_estimated,
    )
