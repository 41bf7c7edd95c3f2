"""Orders that were sent and not heard of: ask, never send again; absence needs proof (RTE-7, I2).

Entry points: `ask_unknowns` (by a session), `hold_class_c`, `alarm_unanswered` (by a sweeper), `resolve_as_absent` and `resolve_as_found`
(by a person).

Invariants:
1. SENDING is never sent again, by nobody: whoever finds it asks.
2. UNKNOWN becomes absent only after a quiet period and two complete answers that do not know it (classes A and B); that is reversible.
3. Where the venue cannot be asked by our reference (class C), the account and instrument are closed until a person has resolved it.
4. A SENDING or UNKNOWN older than 60 s has a Critical alert, and so has what works on 60 s after its cancel was asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Q

from accounts import services as accounts
from accounts.enums import BlockMode
from base.errors import NotFound, Refused
from governance.core.subjects import Actor, Subject
from governance.enums import AlertTier, AuditAction, SubjectKind
from governance.services import audit

from ..core.lifecycle import LIVE
from ..enums import OrderState
from ..gateways.base import GatewayError
from ..gateways.enums import VenueClass
from ..gateways.reports import OrderRef, OrderReport
from ..models import ChildOrder, GatewayLease
from .alarms import alert_order
from .evidence import Evidence, absent, ended, of_order_report, unanswered
from .line import Line
from .listening import Heard
from .reports import process
from .telling import tell_orders

QUIET = timedelta(seconds=30)
ASK_EVERY = timedelta(seconds=5)
ANSWER_WITHIN = timedelta(seconds=60)
NEGATIVES = 2
MOST_ASKED = 200
# A cancel that was sent so often, or a minute ago, and has not ended the order is no mere delay of ours.
CANCELS = 3


class UnableToResolve(Refused):
    """The order is not UNKNOWN."""


@dataclass(frozen=True, slots=True)
class _Open:
    id: UUID
    client_order_id: str
    broker_order_id: str
    session_epoch: int
    state: str
    account_id: UUID
    instrument_id: int
    asked_at: datetime | None


def hold_class_c(line: Line) -> bool:
    """Return whether an UNKNOWN order here can be cleared by a person alone."""
    return line.gateway.capabilities.venue_class is VenueClass.C


def ask_unknowns(line: Line, *, now: datetime, at_start: bool = False) -> Heard:
    """Ask about orders without an answer; declare absent what two complete answers do not know. Raises GatewayError, LeaseLost.

    at_start: every one, not only those whose turn it is.
    """
    with line.transaction():
        waiting = _waiting(line, now, at_start)
    heard = Heard()
    for start in range(0, len(waiting), MOST_ASKED):
        _ask(line, waiting[start : start + MOST_ASKED], now, heard)
        line.renew()
    return heard


def _waiting(line: Line, now: datetime, at_start: bool) -> list[_Open]:
    lost = Q(state=OrderState.UNKNOWN) | Q(state=OrderState.SENDING) & (Q() if at_start else ~Q(claimed_epoch=line.epoch))
    due = Q() if at_start else Q(asked_at=None) | Q(asked_at__lte=now - ASK_EVERY)
    rows = ChildOrder.objects.filter(lost, due, connection_id=line.connection_id).order_by("asked_at", "id")
    names = ("id", "client_order_id", "broker_order_id", "session_epoch", "state", "account_id", "instrument_id", "asked_at")
    found = [_Open(*row) for row in rows.values_list(*names)]
    return found if at_start else found[:MOST_ASKED]


def _ask(line: Line, waiting: Sequence[_Open], now: datetime, heard: Heard) -> None:
    told: list[OrderReport] = []
    negative: list[UUID] = []
    unaskable: list[_Open] = []
    for order in waiting:
        try:
            answer = line.gateway.order_status(_ref(line, order))
        except GatewayError as error:
            if not error.permanent:
                raise
            unaskable.append(order)
            continue
        told += answer.items
        if answer.complete and not answer.items:
            negative.append(order.id)
    with line.transaction():
        evidence: list[Evidence] = [unanswered(o.client_order_id) for o in waiting if o.state == OrderState.SENDING]
        evidence += [of_order_report(report) for report in told]
        heard.add(process(connection_id=line.connection_id, evidence=evidence, now=now), len(told))
        _close_trading([order for order in unaskable if order.asked_at is None], now)
        gone = _count_negatives([order.id for order in waiting], negative, now)
        if gone:
            evidence = [absent(name, "two complete answers of the broker do not know it") for name in gone]
            heard.add(process(connection_id=line.connection_id, evidence=evidence, now=now), 0)


def _ref(line: Line, order: _Open) -> OrderRef:
    if hold_class_c(line):
        return OrderRef("", order.broker_order_id, order.session_epoch)
    return OrderRef(order.client_order_id)


def _count_negatives(asked: list[UUID], negative: list[UUID], now: datetime) -> list[str]:
    """Remember who was asked about; return the references that now have proof of absence."""
    sql = """UPDATE execution_childorder SET absent_answers = absent_answers + 1
             WHERE id = ANY(%s) AND state = 'UNKNOWN' AND unknown_since <= %s RETURNING client_order_id, absent_answers"""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE execution_childorder SET asked_at = %s WHERE id = ANY(%s)", [now, asked])
        if not negative:
            return []
        cursor.execute(sql, [negative, now - QUIET])
        return [name for name, count in cursor.fetchall() if count >= NEGATIVES]


def _close_trading(orders: Sequence[_Open], now: datetime) -> None:
    for order in orders:
        accounts.block_trading(
            account_id=order.account_id,
            instrument_id=order.instrument_id,
            mode=BlockMode.CLOSED,
            rule="RTE-7",
            reason=f"order {order.client_order_id} is UNKNOWN and its venue cannot be asked; a person has to resolve it",
            source_id=order.id,
            now=now,
        )


def alarm_unanswered(*, now: datetime) -> int:
    """Alarm what has been SENDING or UNKNOWN for a minute, whether its gateway lives or not, and what works though its cancel was sent again and again.

    Returns how many there are. Source: I2.
    """
    late = Q(state=OrderState.SENDING, claimed_at__lte=now - ANSWER_WITHIN) | Q(
        state=OrderState.UNKNOWN, unknown_since__lte=now - ANSWER_WITHIN
    )
    rows = list(ChildOrder.objects.filter(late).order_by("id").values_list("id", "client_order_id", "journey_id", "state")[:500])
    for pk, name, journey_id, state in rows:
        message = f"No answer from the broker for more than a minute: order {name} is {state}"
        alert_order(pk, tier=AlertTier.CRITICAL, rule="RTE-7", message=message, now=now, journey_id=journey_id, what="UNANSWERED")
    return len(rows) + _alarm_uncanceled(now)


def _alarm_uncanceled(now: datetime) -> int:
    """A person, or a kill switch, takes it for stopped, and it may still fill."""
    asked = ChildOrder.objects.filter(state__in=[state.value for state in LIVE], cancel_requested_at__lte=now - ANSWER_WITHIN)
    late = asked.filter(Q(cancels_sent__gte=CANCELS) | Q(cancel_sent_at__lte=now - ANSWER_WITHIN))
    rows = list(late.order_by("id").values_list("id", "client_order_id", "journey_id")[:500])
    for pk, name, journey_id in rows:
        message = f"Still working more than a minute after its cancel was asked: order {name}. It may still fill; ask the broker"
        alert_order(pk, tier=AlertTier.CRITICAL, rule="I2", message=message, now=now, journey_id=journey_id, what="NOT_CANCELED")
    return len(rows)


def resolve_as_absent(*, order_id: UUID, actor: Actor, now: datetime, reason: str) -> None:
    """Take a person's word that the broker does not have the order; what it is known to have filled stays. Raises NotFound, UnableToResolve."""
    order = _unknown(order_id)
    gone = ended if order.filled_qty else absent  # what has filled cannot never have been there
    process(connection_id=order.connection_id, evidence=[gone(order.client_order_id, reason)], now=now, silent=True)
    _resolved(order, actor, now, reason, "ABSENT")


def resolve_as_found(*, order_id: UUID, broker_order_id: str, session_epoch: int, actor: Actor, now: datetime, reason: str) -> None:
    """Take a person's word which of the broker's orders it is; the gateway then asks about that one. Raises NotFound, UnableToResolve.

    What it has filled was recorded as a stranger's: all executions are fetched once more, and those that were its own are booked.
    """
    order = _unknown(order_id)
    GatewayLease.objects.filter(connection_id=order.connection_id).update(executions_cursor="")
    ChildOrder.objects.filter(pk=order.pk).update(broker_order_id=broker_order_id, session_epoch=session_epoch, asked_at=None)
    tell_orders([(order.id, order.account_id, order.parent_id if order.is_block else None)])
    _resolved(order, actor, now, reason, f"{broker_order_id} of session {session_epoch}")


def _unknown(order_id: UUID) -> ChildOrder:
    order = ChildOrder.objects.select_for_update(of=("self",), no_key=True).filter(pk=order_id).first()
    if order is None:
        raise NotFound("order")
    if order.state != OrderState.UNKNOWN:
        raise UnableToResolve("RTE-7", f"the order is {order.state}, not UNKNOWN", value=order.state)
    return order


def _blocks_of(order_id: UUID) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM accounts_tradingblock WHERE source_id = %s AND ends_at IS NULL", [order_id])
        return [row[0] for row in cursor.fetchall()]


def _resolved(order: ChildOrder, actor: Actor, now: datetime, reason: str, found: str) -> None:
    for block_id in _blocks_of(order.id):
        accounts.lift_block(block_id=block_id, reason=reason, now=now, actor=actor)
    subject = Subject(SubjectKind.CHILD_ORDER, str(order.id))
    before, after = {"state": "UNKNOWN"}, {"resolved_as": found}
    audit(
        action=AuditAction.CHANGED,
        subject=subject,
        actor=actor,
        now=now,
        before=before,
        after=after,
        reason=reason,
        rule="RTE-7",
        journey_id=order.journey_id,
    )
