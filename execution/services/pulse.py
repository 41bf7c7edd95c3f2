"""One look at what waits for a gateway session, so that a step with nothing to do costs one short transaction.

Entry points: `Pulse`, `take_pulse`. Inside the caller's tenancy block, which holds the connection's lease.

Invariants:
1. It decides nothing: what it finds is looked at again, and judged, by the part of the step that does it.
2. What it does not see yet (committed a moment later) the next step sees; the kill switch is read by the claim itself all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from governance.queries import kill_switch_sql

from .booking import ready_sql
from .cancel import RESEND_AFTER as CANCEL_AGAIN
from .notices import RESEND_AFTER as TELL_AGAIN
from .unknowns import ASK_EVERY

_OPEN = "('SENDING', 'ACKED', 'PARTIALLY_FILLED', 'PENDING_CANCEL', 'PENDING_REPLACE', 'UNKNOWN')"


@dataclass(frozen=True, slots=True)
class Pulse:
    """What there is to do. reports_cursor: how far the broker's reports have been booked."""

    reports_cursor: str
    asks: bool
    kills: bool
    cancels: bool
    resends: bool
    sends: bool
    notices: bool
    finishes: bool

    @property
    def is_idle(self) -> bool:
        """Return whether nothing waits."""
        return not (self.asks or self.kills or self.cancels or self.resends or self.sends or self.notices or self.finishes)


def take_pulse(*, connection_id: UUID, epoch: int, now: datetime) -> Pulse:
    """Return what waits for this session at `now`, in one statement."""
    parameters: dict[str, Any] = {
        "lane": connection_id,
        "epoch": epoch,
        "ask": now - ASK_EVERY,
        "cancel": now - CANCEL_AGAIN,
        "tell": now - TELL_AGAIN,
        "session_ended": False,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SQL, parameters)
        row = cursor.fetchone()
    return Pulse(*row) if row is not None else Pulse("", *[True] * 7)


_SQL = f"""
SELECT l.reports_cursor,
    EXISTS (SELECT 1 FROM execution_childorder o WHERE o.connection_id = l.connection_id AND o.state IN {_OPEN}
        AND (o.state = 'UNKNOWN' OR (o.state = 'SENDING' AND o.claimed_epoch IS DISTINCT FROM %(epoch)s))
        AND (o.asked_at IS NULL OR o.asked_at <= %(ask)s)),
    EXISTS (SELECT 1 FROM governance_killswitch WHERE rearmed_at IS NULL)
        AND EXISTS (SELECT 1 FROM execution_childorder o WHERE o.connection_id = l.connection_id
            AND (o.state = 'PENDING' OR o.state IN {_OPEN}) AND o.cancel_requested_at IS NULL AND {kill_switch_sql(members=True)}),
    EXISTS (SELECT 1 FROM execution_childorder o WHERE o.connection_id = l.connection_id AND o.state IN {_OPEN}
        AND o.cancel_requested_at IS NOT NULL AND (o.cancel_sent_at IS NULL OR o.cancel_sent_at <= %(cancel)s)),
    EXISTS (SELECT 1 FROM execution_childorder o WHERE o.connection_id = l.connection_id AND o.to_resend
        AND o.state IN ('FILLED', 'CANCELED', 'EXPIRED', 'REJECTED', 'DENIED')),
    EXISTS (SELECT 1 FROM execution_childorder o WHERE o.connection_id = l.connection_id AND o.state = 'PENDING'),
    EXISTS (SELECT 1 FROM execution_allocationnotice n WHERE n.connection_id = l.connection_id AND n.state = 'PENDING'
        AND (n.sent_at IS NULL OR n.sent_at <= %(tell)s)),
    EXISTS (SELECT 1 FROM execution_parentorder p WHERE {ready_sql()})
FROM execution_gatewaylease l WHERE l.connection_id = %(lane)s"""
