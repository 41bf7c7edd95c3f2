"""One signal's whole way, from intent to booking, as one list (DESIGN §4.1).

Entry points: `journey`, `Step`. Inside the caller's tenancy block; whoever may see the journey is the caller's to decide.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from base.core.ids import plain_decimal

MOST = 5_000

# One row a step: instant, rank among steps of one instant, kind, subject, facts. Every table is read by its journey index.
_SQL = """
    SELECT at, rank, kind, id, facts FROM (
        SELECT s.received_at AS at, 0 AS rank, 'SIGNAL' AS kind, s.id AS id, jsonb_build_object('source', s.source, 'method', s.method,
               'figure', s.figure, 'symbol', i.symbol) AS facts
        FROM allocation_signal s JOIN market_instrument i ON i.id = s.instrument_id WHERE s.journey_id = %(journey)s
        UNION ALL
        SELECT t.decided_at, 1, 'STATEMENT', t.id, jsonb_build_object('hash', t.hash, 'revision', t.revision, 'policy', t.share_policy,
               'accounts', (SELECT count(*) FROM allocation_allocationline l WHERE l.statement_id = t.id))
        FROM allocation_allocationstatement t WHERE t.journey_id = %(journey)s
        UNION ALL
        SELECT d.decided_at, 2, 'GATE', d.id, jsonb_build_object('gate', d.gate, 'outcome', d.outcome, 'orders', d.orders, 'rule', d.rule,
               'message', d.message)
        FROM risk_gatedecision d WHERE d.journey_id = %(journey)s
        UNION ALL
        SELECT p.created_at, 3, 'PARENT', p.id, jsonb_build_object('side', p.side, 'quantity', p.quantity, 'route', p.route,
               'state', p.state, 'filled', p.filled_qty)
        FROM execution_parentorder p WHERE p.journey_id = %(journey)s
        UNION ALL
        SELECT c.created_at, 4, 'ORDER', c.id, jsonb_build_object('account', a.code, 'block', c.is_block, 'side', c.side,
               'quantity', c.quantity, 'limit', c.limit_price, 'state', c.state, 'reference', c.client_order_id)
        FROM execution_childorder c JOIN execution_parentorder p ON p.id = c.parent_id JOIN accounts_account a ON a.id = c.account_id
        WHERE p.journey_id = %(journey)s
        UNION ALL
        SELECT c.claimed_at, 5, 'SENT', c.id, jsonb_build_object('reference', c.client_order_id, 'epoch', c.claimed_epoch)
        FROM execution_childorder c JOIN execution_parentorder p ON p.id = c.parent_id
        WHERE p.journey_id = %(journey)s AND c.claimed_at IS NOT NULL
        UNION ALL
        SELECT c.answered_at, 6, 'ANSWERED', c.id, jsonb_build_object('reference', c.client_order_id, 'broker_order_id', c.broker_order_id)
        FROM execution_childorder c JOIN execution_parentorder p ON p.id = c.parent_id
        WHERE p.journey_id = %(journey)s AND c.answered_at IS NOT NULL
        UNION ALL
        SELECT e.executed_at, 7, 'EXECUTION', e.id, jsonb_build_object('kind', e.kind, 'execution', e.broker_exec_id,
               'revision', e.revision, 'side', e.side, 'quantity', e.last_qty, 'price', e.last_px, 'fee', e.fee)
        FROM execution_execution e WHERE e.journey_id = %(journey)s
        UNION ALL
        SELECT b.booked_at, 8, 'BOOKING', b.id, jsonb_build_object('revision', b.revision, 'quantity', b.quantity, 'notional', b.notional,
               'fee', b.fee, 'accounts', (SELECT count(*) FROM execution_share h WHERE h.booking_id = b.id))
        FROM execution_booking b WHERE b.journey_id = %(journey)s
        UNION ALL
        SELECT n.answered_at, 9, 'ALLOCATED', n.id, jsonb_build_object('state', n.state, 'notice', n.notice_id, 'reason', n.reason)
        FROM execution_allocationnotice n JOIN execution_booking b ON b.id = n.booking_id
        WHERE b.journey_id = %(journey)s AND n.answered_at IS NOT NULL
        UNION ALL
        SELECT p.done_at, 10, 'DONE', p.id, jsonb_build_object('state', p.state, 'filled', p.filled_qty, 'quantity', p.quantity)
        FROM execution_parentorder p WHERE p.journey_id = %(journey)s AND p.done_at IS NOT NULL
    ) steps ORDER BY at, rank, id LIMIT %(most)s"""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened. kind: SIGNAL, STATEMENT, GATE, PARENT, ORDER, SENT, ANSWERED, EXECUTION, BOOKING, ALLOCATED or DONE."""

    at: datetime
    kind: str
    subject_id: UUID
    facts: dict[str, Any] = field(default_factory=dict)


def journey(journey_id: UUID) -> list[Step]:
    """Return what happened to one signal, in the order in which it happened (at most 5,000 steps)."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL, {"journey": journey_id, "most": MOST})
        return list(_steps(cursor.fetchall()))


def _steps(rows: list[tuple[Any, ...]]) -> Iterator[Step]:
    for at, _, kind, subject_id, facts in rows:
        yield Step(at, kind, subject_id, {name: _plain(value) for name, value in _parsed(facts).items()})


def _parsed(facts: Any) -> dict[str, Any]:
    """Read jsonb exactly: Django's cursor hands it over as text."""
    return json.loads(facts, parse_float=Decimal) if isinstance(facts, str) else facts


def _plain(value: Any) -> Any:
    return plain_decimal(value) if isinstance(value, Decimal) else value
