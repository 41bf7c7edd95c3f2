"""The kill switches a person sees, and what tripping one would do (GOV-10).

Entry points: `switches_in_sight`, `check_subject`, `check_request`, `spelled`, `targets`, `Reach`, `reach_of`.

Invariants: 1. a switch on something mistyped would stop nothing, so an unknown subject is refused. 2. a subject has one spelling, that of the gates.
3. what is told before a trip is counted by the condition the cancel itself uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from accounts import queries as accounts
from allocation.queries.visible import visible_strategies
from base.api.parameters import parse_id
from base.core.validation import parse_uuid
from base.errors import NotFound
from governance import queries as governance
from governance.core.killswitch import KillSwitch as Switch
from governance.core.subjects import Viewer
from governance.enums import KillScope
from governance.queries.names import uuids_of
from market import queries as market

from ..core.lifecycle import TERMINAL

_LISTED = 1_000
_ENDED = [state.value for state in TERMINAL]
_WHERE = {
    KillScope.FIRM: "TRUE",
    KillScope.BROKER: "o.connection_id::text = %(subject)s",
    KillScope.STRATEGY: "p.strategy_id::text = %(subject)s",
    KillScope.INSTRUMENT: "o.instrument_id::text = %(subject)s",
    KillScope.ACCOUNT: (
        "(o.account_id::text = %(subject)s OR (o.is_block AND EXISTS (SELECT 1 FROM allocation_allocationline l "
        "JOIN accounts_account a ON a.id = l.account_id AND a.connection_id = o.connection_id "
        "WHERE l.statement_id = p.statement_id AND l.account_id::text = %(subject)s "
        "AND (CASE WHEN o.side = 'BUY' THEN l.quantity > 0 ELSE l.quantity < 0 END))))"
    ),
}


@dataclass(frozen=True, slots=True)
class Reach:
    """What a trip would do: orders that wait are ended, orders at a broker are asked to be canceled; positions stay."""

    waiting: int
    working: int

    @property
    def orders(self) -> int:
        """Return how many orders in all."""
        return self.waiting + self.working


def switches_in_sight(who: Viewer) -> list[Switch]:
    """Return every trip that stands, but those of accounts this person does not see."""
    switches = governance.tripped_switches()
    named = [switch.subject_id for switch in switches if switch.scope is KillScope.ACCOUNT]
    seen = set()
    if named:
        rows = accounts.visible_to(who.user_id, on=who.on).filter(pk__in=uuids_of(named))  # a trip of what was never there shows nothing
        seen = {str(pk) for pk in rows.values_list("id", flat=True)}
    return [switch for switch in switches if switch.scope is not KillScope.ACCOUNT or switch.subject_id in seen]


def spelled(scope: KillScope, subject_id: str) -> str:
    """Return the id as the gates compare it: one spelling of each. Raises InvalidInput."""
    if scope is KillScope.FIRM:
        return ""
    if scope is KillScope.INSTRUMENT:
        return str(parse_id(subject_id, "subject_id"))
    return str(parse_uuid(subject_id, "subject_id"))


def check_subject(who: Viewer, scope: KillScope, subject_id: str) -> None:
    """Raise NotFound for a subject this person may not see."""
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


def check_request(who: Viewer, approval_id: UUID, now: datetime) -> None:
    """Raise NotFound for a request to re-arm something this person may not see."""
    scope, _, subject_id = governance.approval(approval_id=approval_id, now=now).subject.id.partition("|")
    if scope not in set(KillScope):
        raise NotFound("request to re-arm")
    check_subject(who, KillScope(scope), subject_id)


def targets(who: Viewer, scope: KillScope) -> list[tuple[str, str]]:
    """Return what a switch of this scope may name, as id and words; instruments are those with an order that has not ended."""
    if scope is KillScope.BROKER:
        return [(str(lane.id), lane.code) for lane in accounts.connections()]
    if scope is KillScope.STRATEGY:
        rows = visible_strategies(who).order_by("code").values_list("id", "code", "name")[:_LISTED]
        return [(str(pk), f"{code} {name}".strip()) for pk, code, name in rows]
    if scope is KillScope.ACCOUNT:
        seen = (
            accounts.visible_to(who.user_id, on=who.on)
            .filter(is_clearing=False)
            .order_by("code")
            .values_list("id", "code", "name")[:_LISTED]
        )
        return [(str(pk), f"{code} {name}".strip()) for pk, code, name in seen]
    if scope is KillScope.INSTRUMENT:
        held = "SELECT instrument_id FROM accounts_position WHERE quantity <> 0 UNION SELECT instrument_id FROM execution_childorder WHERE state <> ALL(%(ended)s)"
        ids = [row[0] for row in _rows(held, {"ended": _ENDED})]
        return sorted(((str(row.id), row.symbol) for row in market.instruments(ids).values()), key=lambda one: one[1])
    return []


def reach_of(scope: KillScope, subject_id: str) -> Reach:
    """Return how many orders a trip would end or ask to be canceled now, those already being canceled excepted."""
    sql = f"""SELECT count(*) FILTER (WHERE o.state = 'PENDING'), count(*) FILTER (WHERE o.state <> 'PENDING')
              FROM execution_childorder o JOIN execution_parentorder p ON p.id = o.parent_id
              WHERE o.state <> ALL(%(ended)s) AND o.cancel_requested_at IS NULL AND {_WHERE[scope]}"""
    ((waiting, working),) = _rows(sql, {"ended": _ENDED, "subject": subject_id})
    return Reach(waiting, working)


def _rows(sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())
