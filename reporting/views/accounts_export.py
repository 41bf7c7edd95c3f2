"""The accounts in sight as a download. Entry point: `download`."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse

from base.csv_export import csv_response
from governance import services as governance
from governance.core.subjects import Subject
from governance.enums import AuditAction, SubjectKind
from governance.permissions import STAFF
from governance.web import Request
from reporting.core.account_filter import AccountFilter
from reporting.queries.figure_page import page_of_rows
from reporting.queries.figures import Sight

from .accounts_table import day_pnl_own, flags_of

MOST_LINES = 20_000
_HEADER = (
    "code", "name", "strategy", "investor", "custodian", "class", "account_group", "currency", "equity", "reporting_currency", "rate", "rate_as_of",
    "equity_reporting", "day_pnl", "day_pnl_own", "day_rate", "open_pnl", "open_pnl_own", "margin_used", "margin_rate", "open_risk", "open_risk_reporting", "drawdown", "positions", "orders", "fills", "flags", "reason",
    "computed_at",
)  # fmt: skip


def download(request: Request, sight: Sight) -> HttpResponse:
    """Return the accounts a filter leaves as CSV, closed groups opened; the trail says who took what (GOV-7)."""
    whole = Sight(sight.viewer, AccountFilter(**_opened(sight.chosen)))
    rows, _ = page_of_rows(whole, limit=MOST_LINES, whole=True)
    lines = [
        (
            r.code,
            r.name,
            r.strategy,
            r.investor,
            r.custodian,
            r.account_class,
            r.account_group,
            r.currency,
            r.equity,
            r.currency_to,
            r.rate,
            r.rate_as_of,
            r.equity_to,
            r.day_pnl,
            day_pnl_own(r),
            r.day_rate,
            r.open_pnl,
            r.open_pnl_own,
            r.margin_used,
            r.margin_rate,
            r.open_risk,
            r.open_risk_to,
            r.drawdown,
            r.positions,
            r.orders,
            r.fills,
            "; ".join(word for _, word, _ in flags_of(r)),
            r.reason,
            r.computed_at,
        )
        for r in rows
    ]
    governance.audit(
        action=AuditAction.EXPORTED,
        subject=Subject(SubjectKind.FIRM, str(request.visit.firm_id)),
        actor=request.visit.actor(STAFF),
        now=request.visit.now,
        after={"what": "accounts", "rows": len(lines), "filter": sight.chosen.query()},
        rule="GOV-7",
    )
    return csv_response("accounts", _HEADER, lines)


def _opened(chosen: AccountFilter) -> dict[str, Any]:
    return {name: value for name, value in chosen.as_json().items() if name != "collapsed"}
