"""How the firm's connections are: three lamps each, for the top bar, the connections page and whoever shows an account.

Entry points: `connection_health`, `ConnectionHealth`, `lamp_words`. Inside the caller's tenancy block; three statements, however many connections.

Invariants
1. Ages are of the database's wall clock, as the lease is.
2. Counts are of orders the viewer may see; without a viewer, of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q

from accounts import queries as accounts
from base.core import figures
from governance import queries as governance
from governance.core.subjects import Viewer
from governance.enums import KillScope

from ..core.health import Signs, judge, worst
from ..enums import Lamp, OrderState
from ..models import ChildOrder
from .visible import visible_orders

_LEASE_SECONDS = 5.0
_WORKING = ("SENDING", "ACKED", "PARTIALLY_FILLED", "PENDING_CANCEL", "PENDING_REPLACE", "UNKNOWN")
_LEASES = """
    SELECT c.id, c.code, c.gateway, c.is_paper, COALESCE(l.expires_at > clock_timestamp(), false),
           COALESCE(l.reconciled_epoch = l.epoch, false),
           CASE WHEN l.expires_at IS NOT NULL THEN GREATEST(extract(epoch FROM clock_timestamp() - l.expires_at) + %s, 0)::float END,
           CASE WHEN l.heard_at IS NOT NULL THEN GREATEST(extract(epoch FROM clock_timestamp() - l.heard_at), 0)::float END
    FROM accounts_brokerconnection c LEFT JOIN execution_gatewaylease l ON l.connection_id = c.id AND l.firm_id = c.firm_id
    WHERE c.is_enabled ORDER BY c.code"""


@dataclass(frozen=True, slots=True)
class ConnectionHealth:
    """One enabled connection. heartbeat_age: seconds since its gateway renewed its lease, None without one. waiting: orders not sent yet.

    note: what the worst lamp means, "" when all is well; brief: the same in two or three words.
    """

    connection_id: UUID
    code: str
    gateway: str
    is_paper: bool
    socket: Lamp
    broker: Lamp
    synced: Lamp
    heartbeat_age: float | None
    working: int
    waiting: int
    unknown: int
    note: str
    brief: str

    @property
    def worst(self) -> Lamp:
        """Return the lamp that needs somebody first."""
        return worst((self.socket, self.broker, self.synced))

    @property
    def heartbeat(self) -> str:
        """Return how long ago the gateway was heard, "" for never."""
        if self.heartbeat_age is None:
            return ""
        return f"{self.heartbeat_age:.1f} s" if self.heartbeat_age < 60 else figures.age(timedelta(seconds=self.heartbeat_age))

    @property
    def lamps(self) -> tuple[tuple[str, Lamp], ...]:
        """Return the three lamps with their names."""
        return (("Socket", self.socket), ("Broker", self.broker), ("Synced", self.synced))


def connection_health(viewer: Viewer | None = None) -> list[ConnectionHealth]:
    """Return how every enabled connection is, by code. viewer: whose orders are counted; None = all."""
    with connection.cursor() as cursor:
        cursor.execute(_LEASES, [_LEASE_SECONDS])
        rows = cursor.fetchall()
    counts, stopped = _counts(viewer), _stopped()
    return [_health(row, counts.get(row[0], (0, 0, 0)), bool(stopped & {"", str(row[0])})) for row in rows]


def lamp_words(health: Sequence[ConnectionHealth]) -> tuple[Lamp, str, str]:
    """Return the worst lamp of all connections, what stands beside it, and the longer words of its title."""
    count = f"{len(health)} connection{'' if len(health) == 1 else 's'}"
    loudest = worst(one.worst for one in health)
    ill = sorted((one for one in health if one.worst is not Lamp.LIVE), key=lambda one: one.worst is not loudest)
    if not health:
        return Lamp.OFF, "No connections", "No connection is enabled"
    if not ill:
        return Lamp.LIVE, count, f"{count}; every one answers and agrees"
    first = ill[0]
    if len(ill) == len(health) > 1 and {one.brief for one in ill} == {first.brief}:
        return first.worst, f"{count} {first.brief}", f"{count}: {first.note}"
    more = f", {len(ill) - 1} more" if len(ill) > 1 else ""
    return first.worst, f"{first.code} {first.brief}{more}", f"{count}; {first.code}: {first.note}"


def _counts(viewer: Viewer | None) -> dict[UUID, tuple[int, int, int]]:
    """Return (working, waiting, unknown) by connection."""
    rows = ChildOrder.objects.all() if viewer is None else visible_orders(viewer)
    found = (
        rows.filter(state__in=[*_WORKING, OrderState.PENDING.value])
        .values_list("connection_id")
        .annotate(
            working=Count("id", filter=~Q(state=OrderState.PENDING)),
            waiting=Count("id", filter=Q(state=OrderState.PENDING)),
            unknown=Count("id", filter=Q(state=OrderState.UNKNOWN)),
        )
        .order_by()
    )
    return {row[0]: (row[1], row[2], row[3]) for row in found}


def _stopped() -> set[str]:
    """Return the connections that a tripped switch stops, "" for all of them."""
    switches = governance.tripped_switches()
    return {one.subject_id for one in switches if one.scope in (KillScope.BROKER, KillScope.FIRM)}


def _health(row: tuple[Any, ...], counts: tuple[int, int, int], is_stopped: bool) -> ConnectionHealth:
    connection_id, code, gateway, is_paper, is_held, is_reconciled, heartbeat, heard = row
    working, waiting, unknown = counts
    verdict = judge(Signs(is_held, is_reconciled, heartbeat, heard, unknown, is_stopped))
    return ConnectionHealth(
        connection_id, code, gateway, is_paper, verdict.socket, verdict.broker, verdict.synced, heartbeat, working, waiting, unknown,
        verdict.note, verdict.brief,
    )  # fmt: skip


def account_counts(viewer: Viewer) -> dict[UUID, int]:
    """Return how many accounts the viewer sees on each connection."""
    seen = accounts.visible_to(viewer.user_id, on=viewer.on).filter(is_clearing=False)
    return dict(seen.values_list("connection_id").annotate(n=Count("id")).order_by())
