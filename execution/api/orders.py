"""`GET parents|orders|executions`, one of them, `POST …/cancel`, and `POST parents/…/replace`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from django.db import models
from rest_framework.request import Request
from rest_framework.response import Response

from base.api import bodies, parameters, shapes
from base.api.schema import Operation
from base.api.views import DetailView, FirmView, ListView, RowsView, now
from base.core.validation import parse_decimal, parse_text
from base.errors import NotFound
from governance.permissions import DEALERS, STAFF, actor_of, viewer_of
from market.enums import Side

from ..enums import ExecutionKind, OrderState, ParentState, RouteKind
from ..models import ChildOrder, Execution, ParentOrder
from ..queries.sight import SEEN, parents_in_sight
from ..queries.visible import visible_executions, visible_orders, visible_parents
from ..services.cancel import Canceled, cancel_order, cancel_parent
from ..services.replace import replace_parent

PARENT = {
    "id": "id",
    "journey_id": "journey_id",
    "plan_id": "statement_id",
    "strategy": "strategy__code",
    "symbol": "instrument__symbol",
    "side": "side",
    "quantity": "quantity",
    "filled_qty": "filled_qty",
    "state": "state",
    "route": "route",
    "order_type": "order_type",
    "time_in_force": "time_in_force",
    "limit_price": "limit_price",
    "is_limit_stated": "is_limit_stated",
    "decision_price": "decision_price",
    "arrival_price": "arrival_price",
    "is_paper": "is_paper",
    "created_at": "created_at",
    "cancel_requested_at": "cancel_requested_at",
    "done_at": "done_at",
}
ORDER = {
    "id": "id",
    "journey_id": "journey_id",
    "parent_id": "parent_id",
    "account_id": "account_id",
    "account": "account__code",
    "is_block": "is_block",
    "connection": "connection__code",
    "symbol": "instrument__symbol",
    "side": "side",
    "quantity": "quantity",
    "filled_qty": "filled_qty",
    "filled_notional": "filled_notional",
    "state": "state",
    "reason": "reason",
    "order_type": "order_type",
    "time_in_force": "time_in_force",
    "limit_price": "limit_price",
    "client_order_id": "client_order_id",
    "broker_order_id": "broker_order_id",
    "created_at": "created_at",
    "answered_at": "answered_at",
    "cancel_requested_at": "cancel_requested_at",
}
EXECUTION = {
    "id": "id",
    "journey_id": "journey_id",
    "order_id": "order_id",
    "account_id": "account_id",
    "account": "account__code",
    "connection": "connection__code",
    "symbol": "instrument__symbol",
    "broker_exec_id": "broker_exec_id",
    "revision": "revision",
    "kind": "kind",
    "side": "side",
    "last_qty": "last_qty",
    "last_px": "last_px",
    "fee": "fee",
    "currency": "currency",
    "trade_date": "trade_date",
    "settle_date": "settle_date",
    "executed_at": "executed_at",
    "recorded_at": "recorded_at",
}
_SINCE = {"created_from": parameters.instant("created_at__gte"), "created_before": parameters.instant("created_at__lt")}
CANCEL_BODY = shapes.record({"reason": {"type": "string", "maxLength": 200}})
CANCELED = shapes.record({"canceled": shapes.INTEGER, "requested": shapes.INTEGER})
REPLACE_BODY = shapes.record({"limit_price": shapes.nullable(shapes.DECIMAL), "reason": {"type": "string", "maxLength": 200}})
REPLACED = shapes.record(
    {
        "limit_price": shapes.nullable(shapes.DECIMAL),
        "is_limit_stated": shapes.BOOLEAN,
        "exchanged": shapes.INTEGER,
        "requested": shapes.INTEGER,
        "is_new": shapes.BOOLEAN,
    }
)


class _Parents(RowsView):
    model = ParentOrder
    columns = PARENT
    read = SEEN
    roles: ClassVar = {"GET": STAFF}

    def rows(self, **path: Any) -> models.QuerySet[Any]:
        """Return the parents this person may see, with the figures of the accounts they see."""
        return parents_in_sight(viewer_of(self.request, now()))


class ParentList(_Parents, ListView):
    """Parent orders: one per instrument and side of a plan."""

    summary = "Parent orders"
    filters: ClassVar = {
        "journey": parameters.uuid("journey_id"),
        "plan": parameters.uuid("statement_id"),
        "strategy": parameters.code("strategy__code"),
        "symbol": parameters.symbol("instrument__symbol"),
        "side": parameters.word(Side, "side"),
        "state": parameters.word(ParentState, "state"),
        "route": parameters.word(RouteKind, "route"),
        **_SINCE,
    }


class ParentDetail(_Parents, DetailView):
    """One parent order."""

    summary = "A parent order"
    what = "parent order"


class _Orders(RowsView):
    model = ChildOrder
    columns = ORDER
    roles: ClassVar = {"GET": STAFF}

    def rows(self, **path: Any) -> models.QuerySet[Any]:
        """Return the orders this person may see."""
        return visible_orders(viewer_of(self.request, now()))


class OrderList(_Orders, ListView):
    """Orders as brokers see them."""

    summary = "Orders"
    filters: ClassVar = {
        "journey": parameters.uuid("journey_id"),
        "parent": parameters.uuid("parent_id"),
        "account": parameters.uuid("account_id"),
        "connection": parameters.code("connection__code"),
        "symbol": parameters.symbol("instrument__symbol"),
        "side": parameters.word(Side, "side"),
        "state": parameters.word(OrderState, "state"),
        "client_order_id": parameters.code("client_order_id"),
        **_SINCE,
    }


class OrderDetail(_Orders, DetailView):
    """One order."""

    summary = "An order"
    what = "order"


class ExecutionList(ListView):
    """Executions as brokers reported them; a correction is a further revision."""

    summary = "Executions"
    roles: ClassVar = {"GET": STAFF}
    model = Execution
    columns = EXECUTION
    filters: ClassVar = {
        "journey": parameters.uuid("journey_id"),
        "order": parameters.uuid("order_id"),
        "account": parameters.uuid("account_id"),
        "connection": parameters.code("connection__code"),
        "symbol": parameters.symbol("instrument__symbol"),
        "kind": parameters.word(ExecutionKind, "kind"),
        "trade_date": parameters.day("trade_date"),
        "executed_from": parameters.instant("executed_at__gte"),
        "executed_before": parameters.instant("executed_at__lt"),
    }

    def rows(self, **path: Any) -> models.QuerySet[Any]:
        """Return the executions this person may see."""
        return visible_executions(viewer_of(self.request, now()))


def _reason(request: Request) -> str:
    reader = bodies.fields_of(request, {"reason"})
    reason = reader.required("reason", parse_text, max_length=200)
    reader.finish()
    return reason or ""


def _answer(done: Canceled) -> Response:
    return Response({"canceled": done.canceled, "requested": done.requested})


class OrderCancel(FirmView):
    """Cancel one order."""

    roles: ClassVar = {"POST": DEALERS}
    stops: ClassVar = frozenset({"POST"})
    operations: ClassVar = {"POST": Operation("Cancel an order", {200: CANCELED}, body=CANCEL_BODY)}

    def post(self, request: Request, *, id: UUID) -> Response:  # the address calls it so
        """Answer how many ended at once, and how many the broker will be asked about."""
        reason, instant = _reason(request), now()
        with self.firm():
            if not visible_orders(viewer_of(request, instant)).filter(pk=id).exists():
                raise NotFound("order")
            return _answer(cancel_order(order_id=id, actor=actor_of(request, DEALERS), now=instant, reason=reason))


class ParentCancel(FirmView):
    """Cancel a parent order: what waits, what works, and the slices to come."""

    roles: ClassVar = {"POST": DEALERS}
    stops: ClassVar = frozenset({"POST"})
    operations: ClassVar = {"POST": Operation("Cancel a parent order", {200: CANCELED}, body=CANCEL_BODY)}

    def post(self, request: Request, *, id: UUID) -> Response:  # the address calls it so
        """Answer how many orders ended at once, and how many the broker will be asked about."""
        reason, instant = _reason(request), now()
        with self.firm():
            if not visible_parents(viewer_of(request, instant)).filter(pk=id).exists():
                raise NotFound("parent order")
            return _answer(cancel_parent(parent_id=id, actor=actor_of(request, DEALERS), now=instant, reason=reason))


class ParentReplace(FirmView):
    """Give a parent order that works another limit."""

    roles: ClassVar = {"POST": DEALERS}
    operations: ClassVar = {
        "POST": Operation(
            "Replace the limit of a parent order; null is the house's best price",
            {200: REPLACED},
            body=REPLACE_BODY,
            refusals=(409,),
            example={"limit_price": "47.10", "reason": "closer to the market"},
        )
    }

    def post(self, request: Request, *, id: UUID) -> Response:  # the address calls it so
        """Answer the limit that stands, how many orders stand anew, and how many the broker is asked to cancel first."""
        instant = now()
        limit, reason = _new_limit(request)
        with self.firm():
            if not visible_parents(viewer_of(request, instant)).filter(pk=id).exists():
                raise NotFound("parent order")
            done = replace_parent(parent_id=id, limit=limit, actor=actor_of(request, DEALERS), now=instant, reason=reason)
        return Response(
            {
                "limit_price": done.limit_price,
                "is_limit_stated": done.is_limit_stated,
                "exchanged": done.exchanged,
                "requested": done.requested,
                "is_new": done.is_new,
            }
        )


def _new_limit(request: Request) -> tuple[Decimal | None, str]:
    reader = bodies.fields_of(request, {"limit_price", "reason"})
    reason = reader.required("reason", parse_text, max_length=200)
    limit = reader.required("limit_price", _parse_limit)
    reader.finish()
    return limit, reason or ""


def _parse_limit(value: object, field: str) -> Decimal | None:
    return None if value is None else parse_decimal(value, field, positive=True)
