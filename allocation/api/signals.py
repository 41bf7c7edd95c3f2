"""`GET strategies`, `GET|POST signals`, `GET signals/{id}`, `POST signals/{id}/preview`."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db import models
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import queries as accounts
from base.api import bodies, pages, parameters, shapes
from base.api.schema import Operation
from base.api.views import DetailView, FirmView, ListView, now
from base.errors import NotFound
from governance.permissions import DEALERS, STAFF, actor_of, viewer_of

from .. import services
from ..core.signal_body import parse_signal
from ..enums import SignalOrderType, SignalRoute, SignalState, SignalTimeInForce, SizingMethod
from ..models import Signal, Strategy
from ..permissions import check_may_state
from ..queries.visible import visible_signals, visible_strategies
from .previews import PREVIEW, preview_answer

SIGNAL = {
    "id": "id",
    "journey_id": "journey_id",
    "source": "source",
    "idempotency_key": "idempotency_key",
    "strategy": "strategy__code",
    "symbol": "instrument__symbol",
    "method": "method",
    "figure": "figure",
    "stop_price": "stop_price",
    "order_type": "order_type",
    "limit_price": "limit_price",
    "time_in_force": "time_in_force",
    "route": "route",
    "take_profit_price": "take_profit_price",
    "protect": "protect",
    "state": "state",
    "received_at": "received_at",
}
SIGNAL_SHAPE = shapes.record(shapes.columns_of(Signal, SIGNAL))
RECEIVED = shapes.record({"id": shapes.UUID, "journey_id": shapes.UUID, "state": shapes.choice(SignalState), "repeated": shapes.BOOLEAN})
_CUSTOM = shapes.record(
    {"account": shapes.UUID, "kind": {"type": "string", "enum": ["quantity", "weight", "risk"]}, "figure": shapes.DECIMAL}
)
SIGNAL_BODY = shapes.record(
    {
        "strategy": {"type": "string", "maxLength": 40},
        "symbol": {"type": "string", "maxLength": 40},
        "method": shapes.choice(SizingMethod),
        "figure": shapes.DECIMAL,
        "stop_price": shapes.DECIMAL,
        "order_type": shapes.choice(SignalOrderType),
        "limit_price": shapes.DECIMAL,
        "time_in_force": shapes.choice(SignalTimeInForce),
        "route": shapes.choice(SignalRoute),
        "take_profit_price": shapes.DECIMAL,
        "protect": shapes.BOOLEAN,
        "accounts": shapes.many(shapes.UUID),
        "per_account": shapes.many(_CUSTOM),
        "decided_at": shapes.INSTANT,
        "idempotency_key": {"type": "string", "maxLength": 128},
    },
    required=["strategy", "symbol", "method"],
)


class StrategyList(ListView):
    """Strategies that an account the person sees follows."""

    summary = "Strategies"
    roles: ClassVar = {"GET": STAFF}
    model = Strategy
    columns: ClassVar = {
        "id": "id",
        "code": "code",
        "name": "name",
        "sleeve": "sleeve__code",
        "rounding": "rounding",
        "cap_basis": "cap_basis",
        "is_active": "is_active",
    }
    filters: ClassVar = {"code": parameters.code("code"), "is_active": parameters.flag("is_active")}

    def rows(self, **path: Any) -> models.QuerySet[Any]:
        """Return the strategies this person may see."""
        return visible_strategies(viewer_of(self.request, now()))


class SignalList(ListView):
    """Signals, and the place to state one."""

    summary = "Signals"
    roles: ClassVar = {"GET": STAFF, "POST": DEALERS}
    model = Signal
    columns = SIGNAL
    filters: ClassVar = {
        "strategy": parameters.code("strategy__code"),
        "symbol": parameters.symbol("instrument__symbol"),
        "state": parameters.word(SignalState, "state"),
        "journey": parameters.uuid("journey_id"),
        "received_from": parameters.instant("received_at__gte"),
        "received_before": parameters.instant("received_at__lt"),
    }
    operations: ClassVar = {
        "POST": Operation(
            "State a signal, once: the same key and body again answers the first one",
            {201: RECEIVED, 200: RECEIVED},
            body=SIGNAL_BODY,
            example={"strategy": "CORE", "symbol": "XYZ", "method": "target_weight", "figure": "0.03"},
            refusals=(404, 409),
            headers={"Idempotency-Key": "your own name for this intent, at most 128 characters; or the field idempotency_key"},
        )
    }

    def rows(self, **path: Any) -> models.QuerySet[Any]:
        """Return the signals this person may see."""
        return visible_signals(viewer_of(self.request, now()))

    def post(self, request: Request) -> Response:
        """Take a signal: 201, 200 for a repeat, 409 for another body under the same key."""
        instant = now()
        fields, key = bodies.with_key(request)
        body = parse_signal(fields, now=instant)
        actor = actor_of(request, DEALERS)
        with self.firm():
            check_may_state(user_id=self.user_id, body=body)
            source = f"api:{self.user_id}"
            facts = services.receive_signal(source=source, idempotency_key=key, body=body, actor=actor, now=instant)
        answer = {"id": facts.id, "journey_id": facts.journey_id, "state": facts.state, "repeated": facts.repeated}
        return Response(answer, status=200 if facts.repeated else 201)


class SignalDetail(DetailView):
    """One signal, with those of its accounts that the person sees."""

    summary = "A signal"
    what = "signal"
    roles: ClassVar = {"GET": STAFF}
    model = Signal
    columns = SIGNAL
    more: ClassVar = {
        "accounts": shapes.many(shapes.UUID),
        "per_account": shapes.many(shapes.record({"account": shapes.UUID, "kind": shapes.TEXT, "figure": shapes.TEXT})),
    }

    def rows(self, **path: Any) -> models.QuerySet[Any]:
        """Return the signals this person may see."""
        return visible_signals(viewer_of(self.request, now()))

    def one(self, *, id: UUID, **path: Any) -> dict[str, Any]:  # the address calls it so
        """Return the signal. Raises NotFound."""
        row = pages.values_of(self.rows().filter(pk=id)[:1], {**SIGNAL, "accounts": "account_ids", "per_account": "per_account"})
        if not row:
            raise NotFound("signal")
        named = {*row[0]["accounts"], *map(UUID, row[0]["per_account"])}
        seen = set(accounts.visible_to(self.user_id, on=now().date()).filter(pk__in=named).values_list("id", flat=True)) if named else set()
        custom = [(UUID(account), *wish) for account, wish in row[0]["per_account"].items()]
        shown = [{"account": account, "kind": kind, "figure": figure} for account, kind, figure in custom if account in seen]
        return {**row[0], "accounts": [account for account in row[0]["accounts"] if account in seen], "per_account": shown}


class SignalPreview(FirmView):
    """What a release would freeze now."""

    roles: ClassVar = {"POST": DEALERS}
    operations: ClassVar = {"POST": Operation("Size a signal for every account; the hash is good for 60 seconds", {200: PREVIEW})}

    def post(self, request: Request, *, id: UUID) -> Response:  # the address calls it so
        """Answer the preview with every line and every account left out."""
        bodies.empty(request)
        instant = now()
        with self.firm():
            if not visible_signals(viewer_of(request, instant)).filter(pk=id).exists():
                raise NotFound("signal")
            facts = services.preview_signal(signal_id=id, actor=actor_of(request, DEALERS), now=instant)
            return Response(preview_answer(facts))
