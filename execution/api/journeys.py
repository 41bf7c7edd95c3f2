"""`GET journeys/{id}`: the story of one decision, from intent to executions, as far as the person may see it."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Count
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import queries as accounts
from allocation.api.plans import PLAN, PLAN_SHAPE
from allocation.api.signals import SIGNAL, SIGNAL_SHAPE
from allocation.queries.visible import visible_signals, visible_statements
from base.api import shapes
from base.api.pages import MAX_PAGE, values_of
from base.api.schema import Operation
from base.api.views import FirmView, now
from base.errors import NotFound
from governance import queries as governance
from governance.core.subjects import Viewer
from governance.permissions import STAFF, viewer_of
from risk import queries as risk

from ..enums import OrderState
from ..models import ChildOrder, Execution, ParentOrder
from ..queries.sight import SEEN, parents_in_sight
from ..queries.visible import visible_executions, visible_orders
from .orders import EXECUTION, ORDER, PARENT

_DECISION = shapes.record(
    {
        "gate": shapes.INTEGER,
        "outcome": shapes.TEXT,
        "orders": shapes.INTEGER,
        "rule": shapes.TEXT,
        "number": shapes.nullable(shapes.DECIMAL),
        "limit": shapes.nullable(shapes.DECIMAL),
        "message": shapes.TEXT,
        "decided_at": shapes.INSTANT,
    }
)
_EVENT = shapes.record(
    {"recorded_at": shapes.INSTANT, "action": shapes.TEXT, "subject": shapes.TEXT, "actor_role": shapes.TEXT, "rule": shapes.TEXT}
)
JOURNEY = shapes.record(
    {
        "journey_id": shapes.UUID,
        "signal": SIGNAL_SHAPE,
        "plans": shapes.many(PLAN_SHAPE),
        "gates": shapes.many(_DECISION),
        "parents": shapes.many(shapes.record(shapes.columns_of(ParentOrder, PARENT))),
        "orders_by_state": {"type": "object", "additionalProperties": shapes.INTEGER},
        "orders": shapes.many(shapes.record(shapes.columns_of(ChildOrder, ORDER))),
        "executions": shapes.many(shapes.record(shapes.columns_of(Execution, EXECUTION))),
        "events": shapes.many(_EVENT),
    }
)


class JourneyDetail(FirmView):
    """One journey. Its latest 500 orders and executions stand here; the lists have them all."""

    roles: ClassVar = {"GET": STAFF}
    operations: ClassVar = {"GET": Operation("The story of one decision; orders and executions: the latest 500", {200: JOURNEY})}

    def get(self, request: Request, *, journey_id: UUID) -> Response:
        """Answer the journey. A fixed number of statements, whatever its size."""
        who = viewer_of(request, now())
        with self.firm():
            signal = values_of(visible_signals(who).filter(journey_id=journey_id)[:1], SIGNAL)
            if not signal:
                raise NotFound("journey")
            orders = visible_orders(who).filter(journey_id=journey_id)
            states = {str(s): n for s, n in orders.values_list("state").annotate(n=Count("id")).order_by("state")}
            return Response(
                {
                    "journey_id": journey_id,
                    "signal": signal[0],
                    "plans": values_of(visible_statements(who).filter(journey_id=journey_id).order_by("revision"), PLAN),
                    "gates": _gates(journey_id, who),
                    "parents": values_of(parents_in_sight(who).filter(journey_id=journey_id).order_by("id"), {**PARENT, **SEEN}),
                    "orders_by_state": {state: states[state] for state in map(str, OrderState) if state in states},
                    "orders": values_of(orders.order_by("-id")[:MAX_PAGE], ORDER),
                    "executions": values_of(visible_executions(who).filter(journey_id=journey_id).order_by("-id")[:MAX_PAGE], EXECUTION),
                    "events": _events(journey_id),
                }
            )


def _gates(journey_id: UUID, who: Viewer) -> list[dict[str, Any]]:
    """Return what the gates decided; decisions about accounts only where the person sees one of them."""
    decisions = risk.gate_decisions(journey_id=journey_id)
    seen = named = {account_id for decision in decisions for account_id in decision.account_ids}
    if named and not who.oversight:
        seen = set(accounts.visible_to(who.user_id, on=who.on).filter(pk__in=named).values_list("id", flat=True))
    shown = [d for d in decisions if not d.account_ids or seen.intersection(d.account_ids)]
    return [{name: getattr(d, name) for name in _DECISION["properties"]} for d in shown]


def _events(journey_id: UUID) -> list[dict[str, Any]]:
    return [
        {
            "recorded_at": event.recorded_at,
            "action": event.action,
            "subject": str(event.subject),
            "actor_role": event.actor_role,
            "rule": event.rule,
        }
        for event in governance.trail_of_journey(journey_id)
    ]
