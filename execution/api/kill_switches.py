"""Stop, and trade again with two people. `GET|POST kill-switches`, `POST kill-switches/flatten`, `kill-switches/rearm-requests`, `…/{id}/confirm`.

The addresses stand here, above governance, because what a switch names is an account, strategy, instrument or connection.
"""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import queries as accounts
from allocation.queries.visible import visible_strategies
from base.api import bodies, shapes
from base.api.parameters import parse_id
from base.api.schema import Operation
from base.api.views import FirmView, now
from base.core.validation import InvalidInput, InvalidInputs, parse_enum, parse_text, parse_uuid
from base.errors import NotFound
from governance import queries as governance
from governance import services
from governance.core.killswitch import REARM_ROLES, TRIP_ROLES
from governance.core.killswitch import KillSwitch as Switch
from governance.enums import KillScope, KillState
from governance.permissions import STAFF, actor_of, viewer_of
from market import queries as market

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
            return Response({"results": [_row(switch) for switch in self._shown(governance.tripped_switches())]})

    def post(self, request: Request) -> Response:
        """Trip, without a second person."""
        scope, subject_id, reason = _move(request)
        with self.firm():
            _check_subject(request, scope, subject_id)
            actor = actor_of(request, TRIP_ROLES)
            switch_id = services.trip_kill_switch(scope=scope, subject_id=subject_id, actor=actor, now=now(), reason=reason)
        return Response({"id": switch_id}, status=201)

    def _shown(self, switches: list[Switch]) -> list[Switch]:
        """Leave out the switches of accounts that this person does not see."""
        named = [switch.subject_id for switch in switches if switch.scope is KillScope.ACCOUNT]
        seen = (
            {str(pk) for pk in accounts.visible_to(self.user_id, on=now().date()).filter(pk__in=named).values_list("id", flat=True)}
            if named
            else set()
        )
        return [switch for switch in switches if switch.scope is not KillScope.ACCOUNT or switch.subject_id in seen]


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
            _check_subject(request, scope, subject_id)
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
            _check_subject(request, scope, subject_id)
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
            _check_request(request, id)
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
    return scope, _spelled(scope, subject_id), reason


def _spelled(scope: KillScope, subject_id: str) -> str:
    """Return the id as the gates compare it: one spelling of each."""
    if scope is KillScope.FIRM:
        return ""
    return str(parse_id(subject_id, "subject_id") if scope is KillScope.INSTRUMENT else parse_uuid(subject_id, "subject_id"))


def _check_subject(request: Request, scope: KillScope, subject_id: str) -> None:
    """Raise NotFound for a subject this person may not see: a switch on something mistyped would stop nothing."""
    who = viewer_of(request, now())
    if scope is KillScope.ACCOUNT:
        found = accounts.visible_to(who.user_id, on=who.on).filter(pk=subject_id).exists()
    elif scope is KillScope.STRATEGY:
        found = visible_strategies(who).filter(pk=subject_id).exists()
    elif scope is KillScope.INSTRUMENT:
        found = bool(market.instruments([int(subject_id)]))
    else:
        found = scope is KillScope.FIRM or any(str(lane.id) == subject_id for lane in accounts.connections())
    if not found:
        raise NotFound(scope.value.lower(), field="subject_id", value=subject_id)


def _check_request(request: Request, approval_id: UUID) -> None:
    """Raise NotFound for a request to re-arm something this person may not see."""
    scope, _, subject_id = governance.approval(approval_id=approval_id, now=now()).subject.id.partition("|")
    if scope not in set(KillScope):
        raise NotFound("request to re-arm")
    _check_subject(request, KillScope(scope), subject_id)


def _row(switch: Switch) -> dict[str, Any]:
    return {name: getattr(switch, name) for name in SWITCH["properties"]}
