"""How the gateways are: who serves a connection, and whether it may trade.

Entry point: `gateway_states`. Inside the caller's tenancy block.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import connection


@dataclass(frozen=True, slots=True)
class GatewayState:
    """One enabled connection. is_alive: somebody holds its lease. is_ready: reconciled with the broker, so orders go out (R8)."""

    connection_id: UUID
    code: str
    is_alive: bool
    is_ready: bool
    silent_seconds: float
    holder: str


def gateway_states() -> list[GatewayState]:
    """Return the state of every enabled connection by code. A lease is judged by the database's wall clock, as it is when it is taken."""
    sql = """
        SELECT c.id, c.code, COALESCE(l.expires_at > clock_timestamp(), false),
               COALESCE(l.expires_at > clock_timestamp() AND l.reconciled_epoch = l.epoch, false),
               COALESCE(GREATEST(extract(epoch FROM clock_timestamp() - l.expires_at), 0), 0)::float, COALESCE(l.holder, '')
        FROM accounts_brokerconnection c LEFT JOIN execution_gatewaylease l ON l.connection_id = c.id AND l.firm_id = c.firm_id
        WHERE c.is_enabled ORDER BY c.code"""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [GatewayState(*row) for row in cursor.fetchall()]
