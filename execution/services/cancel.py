"""Stop orders: one, a parent, or everything under a tripped kill switch (GOV-10: block new, then cancel open).

Entry points: `cancel_order`, `cancel_parent`, `cancel_killed` (inside the caller's tenancy block), `send_cancels` (by the gateway session).

Invariants:
1. What has not been sent is canceled at once; what has been sent is canceled when the broker says so, and a fill may win.
2. A cancel is recorded before it is transmitted, and repeated until the order has ended; it can never make a second order.
3. What is canceled for good is not sent again under another limit, though a replacement had been asked for before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import F, Q

from accounts import services as accounts
from base.errors import NotFound
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, SubjectKind
from governance.queries import kill_switch_parent_sql, kill_switch_sql
from governance.services import audit

from ..core.intents import request_id
from ..core.lifecycle import LIVE, TERMINAL
from ..enums import OrderState, ParentState, SliceState
from ..gateways.reports import OrderRef
from ..models import ChildOrder, ParentOrder, Slice
from .evidence import Evidence, of_order_report
from .line import Line
from .reports import Processed, process
from .telling import tell_orders, tell_parents

RESEND_AFTER = timedelta(seconds=10)
MOST_AT_ONCE = 100
KILLED = "GOV-10 kill switch"
_ENDED = [state.value for state in TERMINAL]
_NOT_WORKING = [*_ENDED, OrderState.PENDING.value]


@dataclass(frozen=True, slots=True)
class Canceled:
    """canceled: had not been sent, and have ended. requested: are at the broker, which will be asked."""

    canceled: int = 0
    requested: int = 0


def cancel_order(*, order_id: UUID, actor: Actor | None, now: datetime, reason: str) -> Canceled:
    """Cancel one order. Raises NotFound."""
    order = ChildOrder.objects.filter(pk=order_id).values("id", "journey_id").first()
    if order is None:
        raise NotFound("order")
    done = _cancel("o.id = %s", [order_id], now, reason)
    _audit(SubjectKind.CHILD_ORDER, order_id, order["journey_id"], actor, now, reason, done)
    return done


def cancel_parent(*, parent_id: UUID, actor: Actor | None, now: datetime, reason: str) -> Canceled:
    """Cancel a parent: its slices, what waits, and what works. Raises NotFound. What was filled stays and is booked."""
    parent = ParentOrder.objects.select_for_update(of=("self",), no_key=True).filter(pk=parent_id).first()
    if parent is None:
        raise NotFound("parent order")
    if parent.done_at is None:
        Slice.objects.filter(parent_id=parent_id, state=SliceState.PENDING).update(state=SliceState.CANCELED)
        parent.cancel_requested_at = parent.cancel_requested_at or now
        if parent.state in (ParentState.HELD, ParentState.RELEASING):
            parent.state = ParentState.WORKING
        parent.save(update_fields=["cancel_requested_at", "state"])
        tell_parents([(parent.id, parent.journey_id)])
    done = _cancel("o.parent_id = %s", [parent_id], now, reason)
    _audit(SubjectKind.PARENT_ORDER, parent_id, parent.journey_id, actor, now, reason, done)
    return done


def cancel_killed(*, now: datetime, connection_id: UUID | None = None) -> Canceled:
    """Cancel every order that a tripped kill switch stops, of one connection or of all.

    A block that works is canceled for any account behind it. One that waits for the sake of one account is gate 2's to deny by name.
    A parent that is stopped as a whole is canceled with its slices: what was cut off does not go on by itself once the switch is re-armed.
    """
    stopped = [cancel_parent(parent_id=pk, actor=None, now=now, reason=KILLED) for pk in _stopped_parents()]
    lane, params = ("TRUE", []) if connection_id is None else ("o.connection_id = %s", [connection_id])
    waiting, working = (f"{lane} AND {kill_switch_sql(members=members)}" for members in (False, True))
    found = _cancel(waiting, params, now, KILLED, working=working)
    return Canceled(found.canceled + sum(one.canceled for one in stopped), found.requested + sum(one.requested for one in stopped))


def _stopped_parents() -> list[UUID]:
    """Return the parents that still have something to order and that a tripped switch stops, in the order of their ids."""
    sql = f"""SELECT p.id FROM execution_parentorder p WHERE p.done_at IS NULL AND p.cancel_requested_at IS NULL AND {kill_switch_parent_sql()}
              AND (p.state IN ('HELD', 'RELEASING')
                   OR EXISTS (SELECT 1 FROM execution_slice s WHERE s.parent_id = p.id AND s.state = 'PENDING')
                   OR EXISTS (SELECT 1 FROM execution_childorder c WHERE c.parent_id = p.id AND c.to_resend))
              ORDER BY p.id"""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [row[0] for row in cursor.fetchall()]


def _cancel(where: str, params: Sequence[UUID], now: datetime, reason: str, *, working: str = "") -> Canceled:
    """End what waits and ask about what works; working: the condition of the latter, where it is another."""
    ended = """UPDATE execution_childorder SET state = 'CANCELED', cancel_requested_at = %s, reason = %s
               WHERE id IN (SELECT o.id FROM execution_childorder o WHERE o.state = 'PENDING' AND {where} ORDER BY o.id FOR UPDATE OF o)
               RETURNING id, slice_id, account_id, CASE WHEN is_block THEN parent_id END"""
    asked = """UPDATE execution_childorder SET cancel_requested_at = %s
               WHERE id IN (SELECT o.id FROM execution_childorder o WHERE o.state <> ALL(%s) AND o.cancel_requested_at IS NULL AND {where}
                            ORDER BY o.id FOR UPDATE OF o)
               RETURNING id, account_id, CASE WHEN is_block THEN parent_id END"""
    final = """UPDATE execution_childorder SET to_resend = FALSE
               WHERE id IN (SELECT o.id FROM execution_childorder o WHERE o.to_resend AND {where} ORDER BY o.id FOR UPDATE OF o)
               RETURNING id, slice_id, account_id, CASE WHEN is_block THEN parent_id END, state, filled_qty"""
    with connection.cursor() as cursor:
        cursor.execute(ended.format(where=where), [now, reason[:200], *params])
        gone = cursor.fetchall()
        cursor.execute(asked.format(where=working or where), [now, _NOT_WORKING if working else _ENDED, *params])
        requested = cursor.fetchall()
        cursor.execute(final.format(where=working or where), params)
        final_now = cursor.fetchall()
    ended_before = [row for row in final_now if row[4] in _ENDED]
    tell_orders([*((pk, account, parent) for pk, _, account, parent, *_ in [*gone, *final_now]), *requested])
    own = [pk for pk, slice_id, _, _ in gone if slice_id is None]
    own += [pk for pk, slice_id, _, block_of, _, filled in ended_before if slice_id is None and (block_of is None or not filled)]
    if own:
        accounts.release_reservations(order_ids=own, now=now)
    return Canceled(len(gone) + len(ended_before), len(requested) + len(final_now) - len(ended_before))


def _audit(kind: SubjectKind, subject_id: UUID, journey_id: UUID, actor: Actor | None, now: datetime, reason: str, done: Canceled) -> None:
    audit(
        action=AuditAction.CANCEL_REQUESTED,
        subject=Subject(kind, str(subject_id)),
        actor=actor,
        now=now,
        after={"canceled": done.canceled, "requested": done.requested},
        reason=reason,
        journey_id=journey_id,
    )


def send_cancels(line: Line, *, now: datetime) -> Processed | None:
    """Ask the broker to cancel what is to be canceled; repeat what was asked 10 s ago. Raises GatewayError, LeaseLost."""
    with line.transaction():
        wanted = _wanted(line, now)
    if not wanted:
        return None
    evidence: list[Evidence] = []
    for name, broker_id, epoch, sent in wanted:
        outcome = line.gateway.cancel(OrderRef(name, broker_id, epoch), request_id(name, sent + 1))
        if outcome.report is not None:
            evidence.append(of_order_report(outcome.report))
    if not evidence:
        return None
    with line.transaction():
        return process(connection_id=line.connection_id, evidence=evidence, now=now)


def _wanted(line: Line, now: datetime) -> list[tuple[str, str, int, int]]:
    """Return what is to be sent, recorded as sent before it is."""
    working = [state.value for state in LIVE - {OrderState.PENDING_CANCEL}]
    waited = Q(cancel_sent_at=None) | Q(cancel_sent_at__lte=now - RESEND_AFTER)
    rows = ChildOrder.objects.filter(waited, connection_id=line.connection_id, state__in=working, cancel_requested_at__isnull=False)
    found = list(
        rows.order_by("id").values_list("id", "client_order_id", "broker_order_id", "session_epoch", "cancels_sent")[:MOST_AT_ONCE]
    )
    ChildOrder.objects.filter(pk__in=[row[0] for row in found]).update(cancels_sent=F("cancels_sent") + 1, cancel_sent_at=now)
    return [row[1:] for row in found]
