"""`POST signals/{id}/release`: what was previewed, and nothing else."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from allocation.queries.visible import visible_signals
from base.api import bodies, shapes
from base.api.problems import problem
from base.api.schema import Operation
from base.api.views import FirmView, now
from base.core.validation import parse_text
from base.errors import NotFound
from governance.permissions import DEALERS, actor_of, viewer_of
from risk import queries as risk
from risk.enums import GateOutcome

from ..services.release import ReleaseFacts, release

RELEASED = shapes.record(
    {
        "journey_id": shapes.UUID,
        "plan_id": shapes.UUID,
        "parents": shapes.many(shapes.UUID),
        "excluded": shapes.many(shapes.TEXT),
        "repeated": shapes.BOOLEAN,
    }
)
_BODY = shapes.record({"preview_hash": {"type": "string", "minLength": 64, "maxLength": 64}})


class SignalRelease(FirmView):
    """Freeze the previewed plan and write its orders."""

    roles: ClassVar = {"POST": DEALERS}
    operations: ClassVar = {
        "POST": Operation("Release what the named preview shows; 409 lists the differences", {200: RELEASED}, body=_BODY, refusals=(409,))
    }

    def post(self, request: Request, *, id: UUID) -> Response:  # the address calls it so
        """Answer the journey, the plan and the parents; 409 with the differences; 422 with what gate 1 found."""
        instant = now()
        reader = bodies.fields_of(request, {"preview_hash"})
        preview_hash = reader.required("preview_hash", parse_text, max_length=64)
        reader.finish()
        with self.firm():
            if not visible_signals(viewer_of(request, instant)).filter(pk=id).exists():
                raise NotFound("signal")
        # The release opens its own blocks, one a commit: its first holds the statement, the following ones the orders.
        facts = release(
            firm_id=self.token.firm_id, signal_id=id, preview_hash=preview_hash or "", actor=actor_of(request, DEALERS), now=instant
        )
        if facts.blocked:
            with self.firm():
                return blocked(facts, instant)
        return Response(released(facts))


def released(facts: ReleaseFacts) -> dict[str, Any]:
    """Return what a release left as plain values."""
    return {
        "journey_id": facts.journey_id,
        "plan_id": facts.statement_id,
        "parents": list(facts.parents),
        "excluded": list(facts.excluded),
        "repeated": facts.repeated,
    }


def blocked(facts: ReleaseFacts, at: datetime) -> Response:
    """Return what gate 1 refused at this instant: rule, number and limit of each finding. Inside the tenancy block."""
    decisions = [
        {"rule": d.rule, "number": d.number, "limit": d.limit, "message": d.message}
        for d in risk.gate_decisions(journey_id=facts.journey_id)
        if d.gate == 1 and d.outcome is GateOutcome.BLOCKED and d.decided_at == at
    ]
    errors = [{"field": "", "value": text, "rule": text.split(" ", 1)[0]} for text in facts.blocked]
    context = {"journey_id": facts.journey_id, "findings": decisions}
    return problem(422, "gate 1 refused the release", errors, code="gate_one", context=context)
