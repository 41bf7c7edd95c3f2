"""Stop, and trade again with two people. `GET|POST kill-switches`, `POST kill-switches/flatten`, `kill-switches/rearm-requests`, `…/{id}/confirm`.

The addresses stand here, above governance, because what a switch names is an account, strategy, instrument or connection.
"""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from base.api import bodies, shapes
from base.api.schema import Operation
from base.api.views import FirmView, now
from base.core.validation import InvalidInput, InvalidInputs, parse_enum, parse_text
from governance import services
from governance.core.killswitch import REARM_ROLES, TRIP_ROLES
from governance.core.killswitch import KillSwitch as Switch
from governance.enums import KillScope, KillState
from governance.permissions import STAFF, actor_of, viewer_of

from ..queries.switches import check_request, check_subject, spelled, switches_in_sight

_TEXT = {"type": "string", "minLength": 1, "maxLength": 200}
_SUBJECT = {"type": "string", "maxLength": 40}
_MOVE = shapes.record({"scope": shapes.choice(KillScope), "subject_id": _SUBJECT, "reason": _TEXT}, required=["scope", "reason"])
SWITCH = shapes.record(
    {
        "scope": shapes.choice(KillScope),
        "subject_id": shapes.TEXT,
        "state": shapes.choice(KillState),
        "reason": shapes.TEXT,
        "tripped_by": shapes.TEXT,
        "tripped_at": shapes.INSTANT,
        "rearm_requested_by": shapes.TEXT,
        "rearm_requested_at": shapes.nullable(shapes.INSTANT),
    }
)


class KillSwitches(FirmView):
    """The switches that stop something now, and the place to trip one."""

    roles: ClassVar = {"GET": STAFF, "POST": TRIP_ROLES}
    stops: ClassVar = frozenset({"POST"})
    operations: ClassVar = {
        "GET": Operation("Tripped kill switches", {200: shapes.record({"results": shapes.many(SWITCH)})}),
        "POST": Operation(
            "Stop at once: an account, strategy, instrument, broker connection or the firm",
            {201: shapes.record({"id": shapes.UUID})},
            body=_MOVE,
            refusals=(404,),
        ),
    }

    def get(self, request: Request) -> Response:
        """Answer every trip that has not been re-armed."""
        with self.firm():
            return Response({"results": [_row(switch) for switch in switches_in_sight(viewer_of(request, now()))]})

    def post(self, request: Request) -> Response:
        """Trip, without a second person."""
        scope, subject_id, reason = _move(request)
        with self.firm():
            check_subject(viewer_of(request, now()), scope, subject_id)
            actor = actor_of(request, TRIP_ROLES)
            switch_id = services.trip_kill_switch(scope=scope, subject_id=subject_id, actor=actor, now=now(), reason=reason)
        return Response({"id": switch_id}, status=201)


class Flattening(FirmView):
    """Let what a tripped switch covers be closed out."""

    roles: ClassVar = {"POST": TRIP_ROLES}
    stops: ClassVar = frozenset({"POST"})
    operations: ClassVar = {
        "POST": Operation(
            "Confirm that signals to close may pass this tripped switch",
            {200: shapes.record({"confirmed": shapes.INTEGER})},
            body=_MOVE,
            refusals=(404,),
        )
    }

    def post(self, request: Request) -> Response:
        """Answer how many standing trips of the subject now let orders pass that only close positions."""
        scope, subject_id, reason = _move(request)
        with self.firm():
            check_subject(viewer_of(request, now()), scope, subject_id)
            actor = actor_of(request, TRIP_ROLES)
            return Response(
                {"confirmed": services.confirm_flattening(scope=scope, subject_id=subject_id, actor=actor, now=now(), reason=reason)}
            )


class RearmRequests(FirmView):
    """Ask to trade again."""

    roles: ClassVar = {"POST": REARM_ROLES}
    operations: ClassVar = {
        "POST": Operation(
            "Ask to re-arm what is tripped on a subject; a second person confirms within 15 minutes",
            {201: shapes.record({"id": shapes.UUID})},
            body=_MOVE,
        )
    }

    def post(self, request: Request) -> Response:
        """Answer the id that the second person confirms."""
        scope, subject_id, reason = _move(request)
        with self.firm():
            check_subject(viewer_of(request, now()), scope, subject_id)
            actor = actor_of(request, REARM_ROLES)
            request_id = services.request_rearm(scope=scope, subject_id=subject_id, actor=actor, now=now(), reason=reason)
        return Response({"id": request_id}, status=201)


class RearmConfirmation(FirmView):
    """Trade again, as a second person."""

    roles: ClassVar = {"POST": REARM_ROLES}
    operations: ClassVar = {
        "POST": Operation(
            "Confirm somebody else's request to re-arm", {200: shapes.record({"state": shapes.TEXT})}, body=shapes.record({"reason": _TEXT})
        )
    }

    def post(self, request: Request, *, id: UUID) -> Response:  # the address calls it so
        """Re-arm exactly the trips the request covered."""
        reader = bodies.fields_of(request, {"reason"})
        reason = reader.required("reason", parse_text, max_length=200)
        reader.finish()
        with self.firm():
            check_request(viewer_of(request, now()), id, now())
            services.confirm_rearm(approval_id=id, actor=actor_of(request, REARM_ROLES), now=now(), reason=reason or "")
        return Response({"state": KillState.ARMED})


def _move(request: Request) -> tuple[KillScope, str, str]:
    reader = bodies.fields_of(request, {"scope", "subject_id", "reason"})
    scope = reader.required("scope", parse_enum, KillScope)
    subject_id = reader.optional("subject_id", parse_text, max_length=40) or ""
    reason = reader.required("reason", parse_text, max_length=200)
    if scope is not None and (scope is KillScope.FIRM) == bool(subject_id) and "subject_id" not in {p.field for p in reader.problems}:
        reader.problems.append(InvalidInput("subject_id", subject_id, "only a firm's switch has no subject"))
    reader.finish()
    if scope is None or reason is None:
        raise InvalidInputs(reader.problems)
    return scope, spelled(scope, subject_id), reason


def _row(switch: Switch) -> dict[str, Any]:
    return {name: getattr(switch, name) for name in SWITCH["properties"]}
