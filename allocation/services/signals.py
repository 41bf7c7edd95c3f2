"""Take an intent in, once (idempotency key), and give it its journey."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from base.core.ids import new_id
from base.core.validation import InvalidInputs
from base.errors import Conflict, NotFound
from base.live import Behind, Topic, announce
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, SubjectKind
from governance.services import audit
from market import queries as market

from ..core.order_terms import off_tick
from ..core.signal_body import SignalBody
from ..models import Signal, Strategy

# The journey of a draft: it has none.
NOWHERE = UUID(int=0)


class UnableToReceive(Conflict):
    """The idempotency key came before with a different body."""


@dataclass(frozen=True, slots=True)
class SignalFacts:
    """id, journey and state of a signal. repeated: the same key and body came before, and nothing new was written."""

    id: UUID
    journey_id: UUID
    state: str
    repeated: bool


def receive_signal(
    *,
    source: str,
    idempotency_key: str,
    body: SignalBody,
    actor: Actor | None,
    now: datetime,
    stated_at: datetime | None = None,
    reason: str = "",
) -> SignalFacts:
    """Record a signal and its audit event; the same (source, key, body) again returns the first one.

    stated_at: when the person stated what they now release (a ticket's preview); ties are drawn by it. reason: kept in the audit trail.

    Raises UnableToReceive (409) for another body under the same key, NotFound for an unknown strategy or symbol. Source: DESIGN §4.1.
    """
    known = Signal.objects.filter(source=source, idempotency_key=idempotency_key).first()
    if known is None:
        fresh = signal_of(source=source, idempotency_key=idempotency_key, body=body, actor=actor, stated_at=stated_at or now)
        fresh.journey_id = new_id()
        # Two of the same key at once: the database lets one in, and the other finds it.
        written = Signal.objects.bulk_create([fresh], ignore_conflicts=True)
        known = Signal.objects.get(source=source, idempotency_key=idempotency_key)
        if known.id == written[0].id:
            subject = Subject(SubjectKind.SIGNAL, str(known.id))
            after = {"source": source, "key": idempotency_key, "strategy": body.strategy, "symbol": body.symbol, "method": body.method}
            after |= {"figure": str(body.figure), "body_sha256": body.sha256}
            audit(
                action=AuditAction.SIGNAL_RECEIVED,
                subject=subject,
                actor=actor,
                now=now,
                after=after,
                reason=reason,
                journey_id=known.journey_id,
            )
            announce(Topic.JOURNEYS, [known.journey_id], behind=Behind("signal", known.id))
            return SignalFacts(known.id, known.journey_id, known.state, repeated=False)
    if known.body_sha256 != body.sha256:
        raise UnableToReceive(
            "idempotency_key", "this key came before with a different body", field="idempotency_key", value=idempotency_key
        )
    return SignalFacts(known.id, known.journey_id, known.state, repeated=True)


def signal_of(*, source: str, idempotency_key: str, body: SignalBody, actor: Actor | None, stated_at: datetime) -> Signal:
    """Return the row a body makes, not written, without a journey. Raises NotFound for an unknown strategy or symbol, InvalidInputs for a
    price that is not on the instrument's tick."""
    strategy = Strategy.objects.filter(code=body.strategy, is_active=True).first()
    if strategy is None:
        raise NotFound(f"active strategy {body.strategy}", field="strategy", value=body.strategy)
    instrument = market.instrument_by_symbol(body.symbol)
    _refuse_off_tick(body, instrument.tick)
    return Signal(
        journey_id=NOWHERE,
        source=source,
        idempotency_key=idempotency_key,
        body_sha256=body.sha256,
        strategy=strategy,
        instrument_id=instrument.id,
        method=body.method,
        figure=body.figure,
        stop_price=body.stop_price,
        order_type=body.order_type or "",
        limit_price=body.limit_price,
        time_in_force=body.time_in_force or "",
        route=body.route or "",
        take_profit_price=body.take_profit_price,
        protect=body.protect,
        account_ids=list(body.accounts),
        per_account={str(account): [kind, str(figure)] for account, (kind, figure) in body.per_account.items()},
        received_at=stated_at,
        received_by_id=int(actor.user_id) if actor else None,
    )


def _refuse_off_tick(body: SignalBody, tick: Decimal) -> None:
    """Refuse what an order could not be placed at; a stop that only sizes a risk is no order."""
    levels = {"stop_price": body.stop_price, "take_profit_price": body.take_profit_price} if body.protect else {}
    problems = off_tick({"limit_price": body.limit_price, **levels}, tick)
    if problems:
        raise InvalidInputs(problems)


def lock_signal(*, signal_id: UUID) -> Signal:
    """Return the signal with its row locked, so that it is released once. Raises NotFound."""
    signal = Signal.objects.select_for_update(of=("self",)).select_related("strategy").filter(pk=signal_id).first()
    if signal is None:
        raise NotFound("signal")
    return signal


def refuse_signal(*, signal: Signal, actor: Actor | None, now: datetime, rule: str, reason: str) -> None:
    """Record that the gates refused the signal; it can be previewed and released again when the reason is gone."""
    announce(Topic.JOURNEYS, [signal.journey_id], behind=Behind("signal", signal.id))
    subject = Subject(SubjectKind.SIGNAL, str(signal.id))
    audit(action=AuditAction.DENIED, subject=subject, actor=actor, now=now, reason=reason[:400], rule=rule, journey_id=signal.journey_id)
