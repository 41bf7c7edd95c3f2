"""A ticket's preview as one types: the sizing a release would freeze, and nothing written.

Entry points: `size_draft`, `shown_hash`.
Invariants: 1. no row is written, whatever is typed. 2. what `shown_hash` names is everything that decides a quantity; only the journey, which a
draft does not have, is left out of it. 3. a draft and the signal made of it at the same instant size alike, ties included.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from governance.core.subjects import Actor

from ..core.signal_body import SignalBody
from ..enums import SignalState
from ..models import Signal
from ..permissions import refuse_untradable
from .previews import tradable_ids
from .signals import signal_of
from .sizing import SizedSignal, size_signal


def size_draft(*, source: str, idempotency_key: str, body: SignalBody, actor: Actor, now: datetime) -> SizedSignal:
    """Size a body as of `now`, as `receive_signal` and `preview_signal` would, without writing anything.

    A signal that was received under this key with this body (and waits for an approval) is sized as it stands.
    Raises NotFound, InvalidInputs for accounts the person may not trade, UnableToSize. Source: DESIGN §4.5.
    """
    signal = waiting_signal(source=source, idempotency_key=idempotency_key, body=body)
    if signal is None:
        signal = signal_of(source=source, idempotency_key=idempotency_key, body=body, actor=actor, stated_at=now)
    tradable = tradable_ids(actor, signal) or []
    refuse_untradable(body=body, followers=set(tradable))
    return size_signal(signal=signal, now=now, tradable=tradable)


def waiting_signal(*, source: str, idempotency_key: str, body: SignalBody) -> Signal | None:
    """Return the signal that was received under this key with this body and is not released."""
    rows = Signal.objects.select_related("strategy").exclude(state=SignalState.RELEASED)
    return rows.filter(source=source, idempotency_key=idempotency_key, body_sha256=body.sha256).first()


def released_journey(*, source: str, idempotency_key: str) -> UUID | None:
    """Return the journey of the signal that was released under this key, None if none was."""
    rows = Signal.objects.filter(source=source, idempotency_key=idempotency_key, state=SignalState.RELEASED)
    return rows.values_list("journey_id", flat=True).first()


def is_taken(*, source: str, idempotency_key: str, body_sha256: str) -> bool:
    """Return whether the key names another body, or a signal that was released."""
    rows = Signal.objects.filter(source=source, idempotency_key=idempotency_key).values_list("body_sha256", "state")
    return any(sha256 != body_sha256 or state == SignalState.RELEASED for sha256, state in rows)


def shown_hash(sized: SizedSignal) -> str:
    """Return the hash of what a sizing rests on and comes to, without the journey: what a ticket shows and its release compares."""
    statement = sized.statement()
    return replace(statement, header={**statement.header, "journey_id": ""}).preview_hash
