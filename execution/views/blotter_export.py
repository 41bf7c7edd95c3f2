"""The blotter as a download: everything the filters keep, read in keyset chunks while it is sent, and noted in the trail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.http.response import HttpResponseBase

from base import tenancy
from base.csv_export import csv_stream
from governance import services as governance
from governance.core.subjects import Subject, Viewer
from governance.enums import AuditAction, SubjectKind
from governance.permissions import STAFF
from governance.web import Request

from ..queries.blotter import Filters, page_of, rows_of
from ..queries.blotter_rows import Row, shown

CHUNK = 1_000
_ORDERS = {
    "created_at": "at", "account": "account", "is_block": "is_block", "symbol": "symbol", "side": "side", "quantity": "quantity",
    "filled_qty": "filled", "leaves_qty": "leaves", "avg_px": "avg_px", "limit_price": "limit", "currency": "currency", "state": "state",
    "connection": "connection", "client_order_id": "client_id", "broker_order_id": "broker_id", "reason": "note", "strategy": "strategy",
    "journey_id": "journey_id", "order_id": "id",
}  # fmt: skip
HEADERS: dict[str, dict[str, str]] = {
    "orders": _ORDERS,
    "parents": {
        "created_at": "at", "symbol": "symbol", "side": "side", "quantity": "quantity", "filled_qty": "filled", "leaves_qty": "leaves",
        "limit_price": "limit", "currency": "currency", "state": "state", "route": "route", "strategy": "strategy", "journey_id": "journey_id",
        "is_limit_stated": "is_limit_stated", "parent_id": "id", "is_part": "is_part",
    },
    "fills": {
        "executed_at": "at", "account": "account", "is_block": "is_block", "symbol": "symbol", "side": "side", "last_qty": "quantity",
        "last_px": "avg_px", "value": "value", "fee": "fee", "currency": "currency", "kind": "state", "settle_date": "settles",
        "connection": "connection", "client_order_id": "client_id", "broker_exec_id": "broker_id", "journey_id": "journey_id",
        "execution_id": "id",
    },
}  # fmt: skip


def download(request: Request, filters: Filters) -> HttpResponseBase:
    """Return the rows as CSV. The trail says who took what, before the first row is read."""
    visit = request.visit
    asked = {name: str(value) for name, value in asdict(filters).items() if value not in ("", None, (), False)}
    governance.audit(
        action=AuditAction.EXPORTED,
        subject=Subject(SubjectKind.FIRM, str(visit.firm_id)),
        actor=visit.actor(STAFF),
        now=visit.now,
        after={"what": f"blotter {filters.tab}", "filters": asked},
        rule="GOV-7",
    )
    header = HEADERS[filters.tab]
    return csv_stream(
        request, f"{filters.tab}-{visit.now:%Y%m%d-%H%M%S}", tuple(header), lambda: _chunks(visit.firm_id, visit.viewer, filters)
    )


def _chunks(firm_id: int, viewer: Viewer, filters: Filters) -> Iterator[list[list[Any]]]:
    names, cursor = list(HEADERS[filters.tab].values()), ""
    while True:
        with tenancy.firm(firm_id):
            found = page_of(rows_of(viewer, filters), filters, cursor, CHUNK)
            lines = [_line(row, names) for row in shown(filters.tab, found.rows, {})]
        yield lines
        cursor = found.cursor
        if not cursor:
            return


def _line(row: Row, names: list[str]) -> list[Any]:
    return [getattr(row, name) for name in names]
