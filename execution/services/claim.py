"""Claim orders for sending: once ever, in sequence, under the lease and below the kill switch (DESIGN §2, I1).

Entry points: `candidates`, `claim`, `deny`, `retire`. All inside the caller's tenancy block.

Invariants:
1. A row leaves PENDING by one conditional UPDATE; two sessions never get the same row.
2. Lease epoch, reconciliation and kill switch are read inside that statement: a switch tripped before it stops the row, and a block
   with the account it names.
3. What will never be sent any more (denied, canceled, out of time) releases its reservations in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from accounts import services as accounts
from governance.queries import kill_switch_sql
from market.enums import Side
from market.queries import venue_symbols

from ..enums import OrderState, OrderType, TimeInForce
from ..gateways.reports import OrderRequest
from .telling import tell_orders

BATCH = 500
# [D] An immediate order was priced off the quote of its making; what waited longer than this is not worth its limit any more (RTE-2).
IMMEDIATE_LIFE = timedelta(minutes=5)
DAY_LIFE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A PENDING order that may be claimed, with what gate 2 and the gateway need to know of it.

    symbol: ours, for people. venue_symbol: what the venue calls the instrument, "" where it has no name for it.
    """

    id: UUID
    journey_id: UUID
    parent_id: UUID
    statement_id: UUID
    strategy_id: UUID
    account_id: UUID
    is_block: bool
    instrument_id: int
    symbol: str
    side: Side
    quantity: Decimal
    order_type: OrderType
    time_in_force: TimeInForce
    limit_price: Decimal | None
    stop_price: Decimal | None
    decision_price: Decimal
    arrival_price: Decimal | None
    slice_id: UUID | None
    client_order_id: str
    account_number: str
    flattens: bool = False
    venue_symbol: str = ""

    @property
    def reservation_id(self) -> UUID:
        """Return what its reservations are filed under: a sliced parent reserves once for all its slices."""
        return self.id if self.slice_id is None else self.parent_id

    def request(self) -> OrderRequest:
        """Return what is sent."""
        return OrderRequest(
            client_order_id=self.client_order_id,
            account=self.account_number,
            symbol=self.venue_symbol,
            side=self.side,
            quantity=_plain(self.quantity),
            order_type=self.order_type,
            time_in_force=self.time_in_force,
            limit_price=None if self.limit_price is None else _plain(self.limit_price),
            stop_price=None if self.stop_price is None else _plain(self.stop_price),
        )


def candidates(*, connection_id: UUID, hold_unknown: bool, limit: int = BATCH) -> list[Candidate]:
    """Return what could be claimed next, in sequence.

    hold_unknown: leave out orders in an account and instrument in which an order of ours is UNKNOWN (venues of class C, RTE-7).
    """
    held = (
        "AND NOT EXISTS (SELECT 1 FROM execution_childorder u WHERE u.connection_id = o.connection_id AND u.state = 'UNKNOWN' "
        "AND u.account_id = o.account_id AND u.instrument_id = o.instrument_id)"
    )
    sql = f"""
        SELECT o.id, o.journey_id, o.parent_id, p.statement_id, p.strategy_id, o.account_id, o.is_block, o.instrument_id, i.symbol, o.side,
               o.quantity, o.order_type, o.time_in_force, o.limit_price, o.stop_price, p.decision_price, p.arrival_price, o.slice_id,
               o.client_order_id, a.custodian_account, p.flattens, k.code
        FROM execution_childorder o
        JOIN execution_parentorder p ON p.id = o.parent_id
        JOIN market_instrument i ON i.id = o.instrument_id
        JOIN accounts_account a ON a.id = o.account_id
        JOIN accounts_brokerconnection b ON b.id = o.connection_id
        JOIN accounts_custodian k ON k.id = b.custodian_id
        WHERE o.connection_id = %s AND o.state = 'PENDING' AND o.cancel_requested_at IS NULL
          AND NOT ({kill_switch_sql()}) {held if hold_unknown else ""}
        ORDER BY o.sequence, o.id LIMIT %s"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [connection_id, limit])
        rows = cursor.fetchall()
    names = venue_symbols(venue=rows[0][-1], instrument_ids=[row[7] for row in rows]) if rows else {}
    return [_candidate(row, names.get(row[7], "")) for row in rows]


def _candidate(row: tuple[Any, ...], venue_symbol: str) -> Candidate:
    """Read a row in the order of `Candidate`'s fields; the last column is the venue."""
    values: list[Any] = [*row[:9], Side(row[9]), row[10], OrderType(row[11]), TimeInForce(row[12]), *row[13:-1], venue_symbol]
    return Candidate(*values)


def claim(*, connection_id: UUID, epoch: int, order_ids: Sequence[UUID], now: datetime) -> set[UUID]:
    """Turn PENDING orders into SENDING; return those that are now ours to send, each for the only time in its life."""
    sql = f"""
        UPDATE execution_childorder c SET state = 'SENDING', claimed_epoch = %s, claimed_at = %s
        WHERE c.id = ANY(ARRAY(
            SELECT o.id FROM execution_childorder o
            WHERE o.connection_id = %s AND o.state = 'PENDING' AND o.id = ANY(%s) AND o.cancel_requested_at IS NULL
              AND EXISTS (SELECT 1 FROM execution_gatewaylease l WHERE l.connection_id = o.connection_id AND l.epoch = %s
                          AND l.reconciled_epoch = l.epoch AND l.expires_at > clock_timestamp())
              AND NOT ({kill_switch_sql(members=True)})
            ORDER BY o.sequence, o.id LIMIT %s FOR UPDATE OF o SKIP LOCKED))
        RETURNING c.id, c.account_id, CASE WHEN c.is_block THEN c.parent_id END"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [epoch, now, connection_id, list(order_ids), epoch, BATCH])
        rows = cursor.fetchall()
    tell_orders(rows)
    return {row[0] for row in rows}


def deny(*, reasons: Mapping[UUID, str], now: datetime) -> list[UUID]:
    """Let PENDING orders end as DENIED, with their reasons; their reservations are released."""
    ids = sorted(reasons)
    sql = """UPDATE execution_childorder o SET state = %s, reason = v.reason
             FROM unnest(%s::uuid[], %s::text[]) AS v (id, reason) WHERE o.id = v.id AND o.state = 'PENDING'
             RETURNING o.id, o.slice_id, o.account_id, CASE WHEN o.is_block THEN o.parent_id END"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [OrderState.DENIED.value, ids, [reasons[pk][:200] for pk in ids]])
        return _released(cursor.fetchall(), now)


def retire(*, connection_id: UUID, now: datetime) -> tuple[list[UUID], list[UUID]]:
    """End what waits in vain. Returns (canceled on request, expired by time in force)."""
    canceled = """
        UPDATE execution_childorder SET state = 'CANCELED', reason = 'canceled before it was sent'
        WHERE connection_id = %s AND state = 'PENDING' AND cancel_requested_at IS NOT NULL
        RETURNING id, slice_id, account_id, CASE WHEN is_block THEN parent_id END"""
    expired = """
        UPDATE execution_childorder o SET state = 'EXPIRED', reason = 'its time in force had passed before it was sent'
        FROM execution_parentorder p
        WHERE o.connection_id = %s AND o.state = 'PENDING' AND p.id = o.parent_id AND (
            p.expires_at <= %s OR (o.time_in_force IN ('IOC', 'FOK') AND o.created_at <= %s)
            OR (o.time_in_force = 'DAY' AND o.created_at <= %s))
        RETURNING o.id, o.slice_id, o.account_id, CASE WHEN o.is_block THEN o.parent_id END"""
    with connection.cursor() as cursor:
        cursor.execute(canceled, [connection_id])
        first = cursor.fetchall()
        cursor.execute(expired, [connection_id, now, now - IMMEDIATE_LIFE, now - DAY_LIFE])
        second = cursor.fetchall()
    return _released(first, now), _released(second, now)


def _released(rows: Sequence[tuple[UUID, UUID | None, UUID, UUID | None]], now: datetime) -> list[UUID]:
    """Release what the orders held, and tell; slices' holds belong to their parent."""
    tell_orders((pk, account, parent) for pk, _, account, parent in rows)
    own = [pk for pk, slice_id, _, _ in rows if slice_id is None]
    if own:
        accounts.release_reservations(order_ids=own, now=now)
    return [row[0] for row in rows]


def _plain(number: Decimal) -> Decimal:
    """Drop trailing zeros, so that the wire shows 100 and not 100.00000000."""
    whole = number.normalize()
    return whole.quantize(Decimal(1)) if whole == whole.to_integral_value() else whole
