"""The investor's portal: their own accounts, in plain words. Nothing of anybody else is anywhere in it.

Staff may look at an account's portal as its investor sees it, if they may see the account.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render

from accounts import queries as accounts
from base.core import figures
from base.csv_export import csv_response
from base.errors import NotFound
from base.streams import file_response
from governance import services as governance
from governance.core.subjects import Subject
from governance.enums import AuditAction, SubjectKind
from governance.permissions import EVERYBODY
from governance.web import Request, page
from reporting.charts.equity import equity_chart
from reporting.core.statement_proofs import UnableToState
from reporting.enums import TransactionKind
from reporting.queries.documents import visible_statements
from reporting.services.download import download_statement
from reporting.services.portrait import PERIODS, TOPICS, Portrait, portrait
from reporting.statements.activity import activity as in_words

_TRADED = {TransactionKind.BUY, TransactionKind.SELL}
_MOVED = {TransactionKind.TRANSFER_IN, TransactionKind.TRANSFER_OUT}
_PERIOD_WORDS = {"3m": "3 months", "year": "This year", "all": "Since start"}
_TOPIC_WORDS = {"": "Everything", "trades": "Bought and sold", "flows": "Deposits and withdrawals", "income": "Income", "fees": "Fees"}


@dataclass(frozen=True, slots=True)
class _Shown:
    """The account a page is about, the visitor's other ones, the period looked at, and since when the account is closed."""

    account: Any
    others: list[Any]
    period: str
    closed_on: date | None

    def context(self, tab: str) -> dict[str, Any]:
        """Return what every page of the portal is drawn from."""
        return {"account": self.account, "accounts": self.others, "tab": tab, "closed_on": self.closed_on}


def _shown(request: Request, account_id: UUID) -> _Shown:
    """Return what the visitor may see. Raises NotFound."""
    mine = list(_mine(request))
    account = next((one for one in mine if one.pk == account_id), None)
    if account is None:
        raise NotFound("account")
    period = request.GET.get("period", "year")
    closed = account.closed_on if account.closed_on and account.closed_on <= request.visit.now.date() else None
    return _Shown(account, mine, period if period in PERIODS else "year", closed)


def _mine(request: Request) -> QuerySet[Any]:
    return accounts.visible_to(request.visit.user_id).filter(is_clearing=False).select_related("custodian").order_by("code")


def _portrait(request: Request, shown: _Shown) -> tuple[Portrait | None, str]:
    """Return the portrait and, where its figures do not prove, why there is none."""
    today, one = request.visit.now.date(), shown.account
    try:
        return portrait(account_id=one.pk, opened_on=one.opened_on, today=today, closed_on=one.closed_on, period=shown.period), ""
    except UnableToState:
        return None, "We are checking last night's figures. They are shown here as soon as they agree with your custodian."


def _context(request: Request, shown: _Shown, tab: str) -> dict[str, Any]:
    found, problem = _portrait(request, shown)
    return shown.context(tab) | {
        "period": shown.period,
        "periods": [(value, _PERIOD_WORDS[value]) for value in PERIODS],
        "portrait": found,
        "problem": problem,
        "currency": shown.account.base_currency,
    }


@page(roles=EVERYBODY)
def start(request: Request) -> HttpResponse:
    """Open the visitor's first account."""
    first = _mine(request).first()
    if first is None:
        return render(request, "portal/nothing.html", {"tab": "overview"})
    return redirect("reporting:portal-account", first.pk)


@page(roles=EVERYBODY)
def overview(request: Request, account_id: UUID) -> HttpResponse:
    """Show value, returns, what is owned, what happened lately, documents."""
    shown = _shown(request, account_id)
    context = _context(request, shown, "overview")
    found: Portrait | None = context["portrait"]
    context["documents"] = visible_statements(request.visit.user).filter(account_id=account_id)[:3]
    if found:
        context["lately"] = _told(found, "")[:5]
        days = found.days if shown.period == "all" else [day for day in found.days if day.date >= found.statement.inputs.period_start]
        context["chart"] = (
            equity_chart([day.date for day in days], [int(day.end * 100) for day in days], height=200) if len(days) > 1 else None
        )
        context["chart_words"] = f"Value of the account from {days[0].date} to {days[-1].date}" if days else ""
    return render(request, "portal/overview.html", context)


@page(roles=EVERYBODY)
def holdings(request: Request, account_id: UUID) -> HttpResponse:
    """Show every holding with its value and gain, then cash."""
    return render(request, "portal/holdings.html", _context(request, _shown(request, account_id), "holdings"))


@page(roles=EVERYBODY)
def activity(request: Request, account_id: UUID) -> HttpResponse:
    """Show what was booked; `topic` chooses, `format=csv` downloads."""
    shown = _shown(request, account_id)
    topic = request.GET.get("topic", "")
    context = _context(request, shown, "activity")
    found: Portrait | None = context["portrait"]
    rows = _told(found, topic if topic in TOPICS else "") if found else []
    if request.GET.get("format") == "csv":
        _exported(request, account_id)
        lines = [(row["on"], row["words"], row["quantity"], row["price"], row["currency"], row["amount"]) for row in rows]
        return csv_response(f"activity-{shown.account.code}", ("date", "what", "quantity", "price", "currency", "amount"), lines)
    context |= {"rows": rows, "topic": topic, "topics": list(_TOPIC_WORDS.items())}
    return render(request, "portal/activity.html", context)


@page(roles=EVERYBODY)
def documents(request: Request, account_id: UUID) -> HttpResponse:
    """Show the account's statements, newest first."""
    shown = _shown(request, account_id)
    rows = visible_statements(request.visit.user).filter(account_id=account_id)
    return render(request, "portal/documents.html", shown.context("documents") | {"documents": rows})


@page(roles=EVERYBODY)
def statement_pdf(request: Request, document_id: UUID) -> HttpResponseBase:
    """Answer a statement's PDF, to read (`?read`) or to keep; who took it is in the audit trail."""
    visit = request.visit
    file = download_statement(document_id=document_id, user=visit.user, now=visit.now, is_taken=request.method != "HEAD")
    is_read = "read" in request.GET
    return file_response(
        request, file.pieces(), name=file.name, size=file.size, tag=file.sha256, content_type="application/pdf", inline=is_read
    )


def _told(found: Portrait, topic: str) -> list[dict[str, Any]]:
    """Return bookings in plain words."""
    rows = []
    for row in found.activity(topic):
        words, remark = in_words(row)
        if row.kind in _TRADED and row.price is not None:
            words = f"{words.split()[0]} {figures.number(abs(row.quantity))} {row.description or row.symbol}"
            remark = ", ".join(part for part in (f"at {figures.price(round(row.price, 4))} each", remark) if part)
        elif row.kind in _MOVED and row.quantity:
            words = f"{words.split(',')[0]}, {figures.number(abs(row.quantity))} {row.description or row.symbol}"
        rows.append(
            {
                "on": row.booked_date,
                "words": words,
                "remark": remark,
                "quantity": abs(row.quantity) if row.quantity else None,
                "price": row.price,
                "currency": row.currency,
                "amount": row.amount,
            }
        )
    return rows


def _exported(request: Request, account_id: UUID) -> None:
    governance.audit(
        action=AuditAction.EXPORTED,
        subject=Subject(SubjectKind.ACCOUNT, str(account_id)),
        actor=request.visit.actor(EVERYBODY),
        now=request.visit.now,
        after={"what": "activity"},
        rule="GOV-7",
    )
