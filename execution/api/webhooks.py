"""`POST webhooks/{firm}/{source}`: signals from programs that sign what they send (S7).

The body is a signal as `POST signals` takes it, or a charting platform's alert; `"release": true` releases it at once, without it a person
or program previews and releases. Who may send is the person the key signs for: the signal reaches the accounts they may trade.

Invariants
1. Nothing is read before the signature over id, time and exact bytes holds; which part was wrong is not told.
2. A message is taken once: the unique row of (source, message id) is written in the transaction that writes the signal.
3. A message that is refused takes nothing, so a sender may mend it and send it again under its id.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response

from allocation import services as signals
from allocation.api.signals import SIGNAL_BODY
from allocation.core.alert_payloads import parse_alert
from allocation.core.alert_signals import signal_of_alert, unread_fields
from allocation.core.signal_body import SignalBody, parse_signal
from allocation.permissions import check_may_state
from allocation.services import SignalFacts
from base import tenancy
from base.api import limits, shapes
from base.api.schema import Operation
from base.api.views import FirmView, now
from base.core.validation import FieldReader, InvalidInput, InvalidInputs, parse_json
from base.core.webhooks import MAX_BODY_BYTES, Webhook, WebhookRefused, verify
from base.errors import Conflict, Refused
from base.origin import name_key
from governance import queries as governance
from governance import services
from governance.core.subjects import Actor
from governance.permissions import dealer

from ..services.release import run_signal
from .release import blocked, released

TAKEN = shapes.record(
    {
        "id": shapes.UUID,
        "journey_id": shapes.UUID,
        "released": shapes.BOOLEAN,
        "not_read": shapes.many(shapes.TEXT),
        "plan_id": shapes.nullable(shapes.UUID),
        "parents": shapes.many(shapes.UUID),
    }
)
_BODY = {"anyOf": [{**SIGNAL_BODY, "additionalProperties": True}, shapes.ANY_OBJECT]}
_HEADERS = {
    "webhook-id": "required: your id of this message",
    "webhook-timestamp": "required: Unix seconds, at most 5 minutes from now",
    "webhook-signature": 'required: "v1," and base64 of HMAC-SHA256 over "<id>.<timestamp>.<body>"',
}
# Refusals that tell a sender how to mend the message; the others all look like a wrong signature.
_TOLD = {"STALE", "FROM_THE_FUTURE", "MISSING_HEADER", "BAD_ID", "BAD_TIMESTAMP"}
_SILENT = ("BAD_SIGNATURE", "webhook-signature", "")


class Replayed(Conflict):
    """The message was taken before; nothing was done."""


class NotAccepted(Refused):
    """Nothing shows that the message comes from a sender we know, now."""

    status = 401

    def __init__(self, code: str, field: str, value: str) -> None:
        super().__init__(code, "the message is not accepted", field=field, value=value)


class SignedWebhook(FirmView):
    """A signal from a sender that signs."""

    authentication_classes = []
    permission_classes = []
    operations: ClassVar = {
        "POST": Operation(
            "Take a signed signal or alert, once", {201: TAKEN}, body=_BODY, refusals=(401, 403, 404, 409, 413), headers=_HEADERS
        )
    }

    def count_unknown(self) -> None:
        """Count nothing yet: who signed is counted by key, who did not by address."""

    def post(self, request: Request, *, firm_id: int, source: str) -> Response:
        """Verify, take, and release if the message says so."""
        if (request.content_type or "").split(";")[0].strip().lower() not in {"application/json", "text/plain"}:
            raise UnsupportedMediaType(request.content_type or "")
        body = request._request.read(MAX_BODY_BYTES + 1)
        instant = now()
        try:
            message = _verified(request, body, firm_id, source, instant)
        except (NotAccepted, InvalidInputs):
            limits.spend(("anonymous", limits.address_of_caller()))
            raise
        name_key(message.key_id)
        limits.spend(("webhook", message.key_id))
        with tenancy.firm(firm_id):
            actor = dealer(governance.webhook_user(message.key_id))
            signal, release, not_read = _read(message.body, instant)
            facts = _take(message, signal, actor, instant)
        answer: dict[str, Any] = {"id": facts.id, "journey_id": facts.journey_id, "not_read": list(not_read)}
        if not release:
            return Response({**answer, "released": False, "plan_id": None, "parents": []}, status=201)
        key = _source_key(message)
        left = run_signal(firm_id=firm_id, source=key, idempotency_key=message.message_id, body=signal, actor=actor, now=instant)
        if left.blocked:
            with tenancy.firm(firm_id):
                return blocked(left, instant)
        done = released(left)
        return Response({**answer, "released": True, "plan_id": done["plan_id"], "parents": done["parents"]}, status=201)


def _verified(request: Request, body: bytes, firm_id: int, source: str, at: datetime) -> Webhook:
    """Return the message if a key of the source signed it. Raises NotAccepted, InvalidInputs for a body too large."""
    if not 0 < firm_id < 2**63:
        raise NotAccepted(*_SILENT)
    with tenancy.firm(firm_id):
        keys = governance.webhook_keys(source)
    try:
        return verify(dict(request.headers), body, keys, at, source=source)
    except WebhookRefused as refused:
        if refused.code == "BODY_TOO_LARGE":
            raise InvalidInputs([InvalidInput("body", f"over {MAX_BODY_BYTES} bytes", "max_bytes")]) from None
        raise NotAccepted(*((refused.code, refused.field, refused.value) if refused.code in _TOLD else _SILENT)) from None


def _read(body: bytes, at: datetime) -> tuple[SignalBody, bool, tuple[str, ...]]:
    """Return the signal, whether to release it, and the names of fields without effect. Raises InvalidInput, InvalidInputs."""
    fields = dict(FieldReader(parse_json(body)).fields)
    release = fields.pop("release", False)
    if not isinstance(release, bool):
        raise InvalidInputs([InvalidInput("release", str(release), "true or false")])
    if "method" in fields:
        return parse_signal(fields, now=at), release, ()
    alert = parse_alert(body)
    return signal_of_alert(alert), release, tuple(name for name in unread_fields(alert) if name != "release")


def _take(message: Webhook, signal: SignalBody, actor: Actor, at: datetime) -> SignalFacts:
    """Take the message and its signal in the open transaction. Raises Replayed."""
    if not services.take_message(source=message.source, message_id=message.message_id, now=at):
        raise Replayed("replayed", "this message was taken before; nothing was done", field="webhook-id", value=message.message_id)
    check_may_state(user_id=int(actor.user_id), body=signal)
    return signals.receive_signal(source=_source_key(message), idempotency_key=message.message_id, body=signal, actor=actor, now=at)


def _source_key(message: Webhook) -> str:
    return f"webhook:{message.source}"
