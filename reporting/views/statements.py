"""The firm's statements, for staff: which are made, and their PDFs."""

from __future__ import annotations

from datetime import datetime

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render

from governance.web import Request, page
from reporting.queries.documents import visible_statements

ROWS = 50


@page
def statements(request: Request) -> HttpResponse:
    """List statements of the accounts in sight; `q` an account's code or name, `month` as YYYY-MM."""
    text, month = request.GET.get("q", "").strip()[:80], request.GET.get("month", "")
    rows = visible_statements(request.visit.user).select_related("account")
    if text and "\0" not in text:
        rows = rows.filter(Q(account__code__icontains=text) | Q(account__name__icontains=text))
    try:
        first = datetime.strptime(month, "%Y-%m").date() if month else None  # noqa: DTZ007 - a month has no time zone
    except ValueError:
        first = None
    if first:
        rows = rows.filter(period_start=first)
    shown = Paginator(rows, ROWS).get_page(request.GET.get("page"))
    context = {"shown": shown, "q": text, "month": month if first else ""}
    return render(request, "reporting/_statements.html" if request.htmx else "reporting/statements.html", context)
