"""Plans: allocation statements as frozen at release. `GET plans`, `plans/{id}`, `plans/{id}/lines`."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db import models
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import queries as accounts
from base.api import pages, parameters, shapes
from base.api.schema import Operation
from base.api.views import DetailView, ListView, now
from base.errors import NotFound
from governance.permissions import STAFF, viewer_of

from ..enums import Reason, Rule
from ..models import AllocationLine, AllocationStatement
from ..queries.visible import visible_lines, visible_statements
from .previews import EXCLUDED

PLAN = {
    "id": "id",
    "journey_id": "journey_id",
    "signal_id": "signal_id",
    "strategy": "signal__strategy__code",
    "symbol": "signal__instrument__symbol",
    "revision": "revision",
    "hash": "hash",
    "share_policy": "share_policy",
    "price_scope": "price_scope",
    "decision_price": "decision_price",
    "decided_at": "decided_at",
}
PLAN_SHAPE = shapes.record(shapes.columns_of(AllocationStatement, PLAN))


class PlanList(ListView):
    """Plans that hold an account the person sees."""

    summary = "Plans (frozen allocation statements)"
    roles: ClassVar = {"GET": STAFF}
    model = AllocationStatement
    columns = PLAN
    filters: ClassVar = {
        "journey": parameters.uuid("journey_id"),
        "signal": parameters.uuid("signal_id"),
        "strategy": parameters.code("signal__strategy__code"),
        "symbol": parameters.symbol("signal__instrument__symbol"),
        "decided_from": parameters.instant("decided_at__gte"),
        "decided_before": parameters.instant("decided_at__lt"),
    }

    def rows(self, **path: Any) -> models.QuerySet[Any]:
        """Return the plans this person may see."""
        return visible_statements(viewer_of(self.request, now()))


class PlanDetail(DetailView):
    """One plan, with those of its left-out accounts that the person sees."""

    summary = "A plan"
    what = "plan"
    roles: ClassVar = {"GET": STAFF}
    model = AllocationStatement
    columns = PLAN
    more: ClassVar = {"excluded": EXCLUDED}

    def rows(self, **path: Any) -> models.QuerySet[Any]:
        """Return the plans this person may see."""
        return visible_statements(viewer_of(self.request, now()))

    def one(self, *, id: UUID, **path: Any) -> dict[str, Any]:  # the address calls it so
        """Return the plan. Raises NotFound."""
        found = pages.values_of(self.rows().filter(pk=id)[:1], {**PLAN, "excluded": "excluded"})
        if not found:
            raise NotFound("plan")
        left_out = {UUID(row["account_id"]): row for row in found[0]["excluded"]}
        seen = accounts.visible_to(self.user_id, on=now().date()).filter(pk__in=left_out).values_list("id", flat=True) if left_out else ()
        shown = [left_out[account_id] for account_id in seen]
        rows = [{"account_id": e["account_id"], "account": e["code"], "finding": e["finding"], "reason": e["reason"]} for e in shown]
        return {**found[0], "excluded": rows}


LINE = {
    "id": "id",
    "account_id": "account_id",
    "account": "account__code",
    "raw": "raw",
    "after_rules": "after_rules",
    "binding_rule": "binding_rule",
    "reason": "reason",
    "quantity": "quantity",
    "rules": "statement__rules",
}
_LINE_SHAPE = shapes.record(
    {
        **shapes.columns_of(AllocationLine, {name: path for name, path in LINE.items() if name not in {"rules", "after_rules"}}),
        "after_rules": shapes.many(shapes.record({"rule": shapes.TEXT, "lots": shapes.INTEGER})),
    }
)


class PlanLineList(ListView):
    """A plan's lines, of the accounts the person sees."""

    summary = "What a plan gives each account"
    roles: ClassVar = {"GET": STAFF}
    model = AllocationLine
    columns = LINE
    filters: ClassVar = {
        "account": parameters.uuid("account_id"),
        "binding_rule": parameters.word(Rule, "binding_rule"),
        "reason": parameters.word(Reason, "reason"),
    }
    operations: ClassVar = {"GET": Operation("What a plan gives each account", {200: shapes.page(_LINE_SHAPE)})}

    def rows(self, *, plan_id: UUID | None = None, **path: Any) -> models.QuerySet[Any]:
        """Return the lines. Raises NotFound for a plan this person may not see."""
        if plan_id is None or not visible_statements(viewer_of(self.request, now())).filter(pk=plan_id).exists():
            raise NotFound("plan")
        return visible_lines(viewer_of(self.request, now())).filter(statement_id=plan_id)

    def get(self, request: Request, **path: Any) -> Response:
        """Answer one page, the rules beside what each left."""
        answer = super().get(request, **path)
        for row in answer.data["results"]:
            row["after_rules"] = [{"rule": r, "lots": n} for r, n in zip(row.pop("rules"), row["after_rules"], strict=True)]
        return answer
