"""Share out what blocks have filled and bring parents to their end (ALC-3, ALC-4, DESIGN §4.10).

Entry point: `finish_parents`. Inside the caller's tenancy block; parents that somebody else works on are skipped.

Invariants:
1. A booking is computed from the newest revisions of all executions of its block; a correction afterwards is a new revision: the old one is
   reversed and the new one booked, in one transaction.
2. Σ shares = executed quantity, Σ money = exact notional rounded once, Σ fees = fees; the clearing account ends at zero in each book.
3. What was filled above all targets stays with the clearing account as its own position, never with clients (ALC-8), and is alarmed.
4. Shares of a working block are provisional; nothing is booked before the parent is terminal or the session has ended (ALC-3).
5. The stops and targets a signal states stand with the booking that makes the position (SIZ-8).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from accounts import services as accounts
from allocation.queries.protection import protections_of
from base.errors import Refused
from governance.core.subjects import Subject
from governance.enums import AlertTier, Role, SubjectKind
from governance.services import raise_alert

from ..core.sharing import UnableToShare
from ..enums import OrderState, ParentState
from ..gateways.crash import crash_point
from ..models import ChildOrder, ParentOrder
from ..queries.blocks import FilledBlock, filled_blocks
from .block_booking import book_connection
from .level_signals import protect_filled
from .telling import tell_parents

log = logging.getLogger(__name__)
AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Finished:
    """What was brought to its end. booked: parents with a new booking revision. done: parents that are DONE, CANCELED or DENIED now."""

    booked: tuple[UUID, ...] = ()
    done: tuple[UUID, ...] = ()


def finish_parents(*, now: datetime, session_ended: bool = False) -> Finished:
    """Book and close every parent whose slices are out and whose orders have all ended.

    session_ended: also book what working blocks have filled so far; they stay open.
    """
    booked: list[UUID] = []
    done: list[UUID] = []
    ready = _ready(session_ended)
    wanted = protections_of(journey_ids={parent.journey_id for parent in ready}) if ready else {}
    for parent in ready:
        try:
            with transaction.atomic():
                if _book_blocks(parent, now):
                    booked.append(parent.id)
                if parent.journey_id in wanted:
                    protect_filled(parents=[(parent.id, parent.journey_id)], now=now)
                if parent.has_ended:
                    _release(parent, now)
                if parent.has_ended and parent.done_at is None:
                    _close(parent, now)
                    done.append(parent.id)
        except (ValueError, UnableToShare, Refused) as error:
            log.exception("parent %s cannot be booked", parent.id)
            _alert(parent, AlertTier.CRITICAL, f"The block cannot be shared out: {error}", now, "UNBOOKED")
    return Finished(tuple(booked), tuple(done))


@dataclass(frozen=True, slots=True)
class _Parent:
    id: UUID
    journey_id: UUID
    needs_booking: bool
    done_at: datetime | None
    has_ended: bool
    was_canceled: bool


_ENDED = """NOT EXISTS (SELECT 1 FROM execution_childorder c WHERE c.parent_id = p.id
                 AND c.state NOT IN ('FILLED', 'CANCELED', 'EXPIRED', 'REJECTED', 'DENIED'))
               AND NOT EXISTS (SELECT 1 FROM execution_childorder c WHERE c.parent_id = p.id AND c.to_resend)
               AND NOT EXISTS (SELECT 1 FROM execution_slice s WHERE s.parent_id = p.id AND s.state = 'PENDING')"""


def ready_sql() -> str:
    """Return an SQL condition over an execution_parentorder row aliased `p`: true when it can be booked or closed.

    Its one parameter is `session_ended`.
    """
    return f"""(p.done_at IS NULL OR p.needs_booking) AND (p.state = 'WORKING' OR p.needs_booking)
        AND ({_ENDED} OR (%(session_ended)s AND p.needs_booking))"""


def _ready(session_ended: bool) -> list[_Parent]:
    sql = f"""
        SELECT p.id, p.journey_id, p.needs_booking, p.done_at, {_ENDED}, p.cancel_requested_at IS NOT NULL
        FROM execution_parentorder p WHERE {ready_sql()}
        ORDER BY p.id LIMIT %(most)s FOR NO KEY UPDATE OF p SKIP LOCKED"""
    with connection.cursor() as cursor:
        cursor.execute(sql, {"session_ended": session_ended, "most": AT_ONCE})
        return [_Parent(*row) for row in cursor.fetchall()]


def _book_blocks(parent: _Parent, now: datetime) -> bool:
    """Book every connection's block anew if anything has changed. Returns whether something was booked."""
    if not parent.needs_booking:
        return False
    jobs = filled_blocks(parent_id=parent.id)
    written = [job for job in jobs if _book(parent, job, now)]
    ParentOrder.objects.filter(pk=parent.id).update(needs_booking=False)
    tell_parents([(parent.id, parent.journey_id)])
    return bool(written)


def _book(parent: _Parent, job: FilledBlock, now: datetime) -> bool:
    outcome = book_connection(job=job, now=now)
    if outcome.excess:
        message = f"Filled above all targets: {outcome.excess:f} stay with the clearing account"
        _alert(parent, AlertTier.CRITICAL, message, now, f"EXCESS {job.connection_id}")
    if outcome.unborne:
        message = f"{outcome.unborne:f} {job.currency} of fees for executions that were all taken back stay with the clearing account"
        _alert(parent, AlertTier.CRITICAL, message, now, f"UNBORNE {job.connection_id}")
    if outcome.is_out_of_step:
        message = "A booking that the custodian has been told was corrected; the custodian's split must be amended"
        _alert(parent, AlertTier.CRITICAL, message, now, f"AMEND {job.connection_id}")
    crash_point("between_booking_and_commit")
    return outcome.is_new


def _release(parent: _Parent, now: datetime) -> None:
    """Give back what a parent's orders still hold: the remainder is not carried, it is canceled (ALC-5)."""
    own = ChildOrder.objects.filter(parent_id=parent.id, slice=None).values_list("id", flat=True)
    accounts.release_reservations(order_ids=[*own, parent.id], now=now)


def _close(parent: _Parent, now: datetime) -> None:
    """Let the parent end."""
    states = list(ChildOrder.objects.filter(parent_id=parent.id).values_list("state", "filled_qty"))
    filled = any(quantity for _, quantity in states)
    ParentOrder.objects.filter(pk=parent.id).update(state=_end_state(parent, [row[0] for row in states], filled), done_at=now)
    tell_parents([(parent.id, parent.journey_id)])


def _end_state(parent: _Parent, states: Sequence[str], filled: bool) -> ParentState:
    if filled:
        return ParentState.DONE
    if parent.was_canceled:
        return ParentState.CANCELED
    return ParentState.DENIED if states and all(state == OrderState.DENIED for state in states) else ParentState.DONE


def _alert(parent: _Parent, tier: AlertTier, message: str, now: datetime, what: str) -> None:
    subject = Subject(SubjectKind.PARENT_ORDER, str(parent.id))
    raise_alert(
        tier=tier,
        audience=Role.OPERATIONS,
        rule="ALC-3",
        subject=subject,
        message=message[:400],
        now=now,
        dedupe_key=f"{what}|{subject}"[:160],
        journey_id=parent.journey_id,
    )
