"""Broker connections as their gateways need them: what to speak, where, and what the broker calls our accounts.

Entry points: `connection_facts`, `enabled_connections`, `accounts_by_number`. Inside the caller's tenancy block.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from base.errors import NotFound

_SELECT = """
    SELECT c.id, c.code, c.gateway, c.settings::text, c.is_paper, c.is_enabled, c.pools_blocks,
           (SELECT a.id FROM accounts_account a WHERE a.connection_id = c.id AND a.is_clearing),
           (SELECT a.custodian_account FROM accounts_account a WHERE a.connection_id = c.id AND a.is_clearing)
    FROM accounts_brokerconnection c"""


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """One connection. clearing_number: what the custodian calls the block account; "" where there is none."""

    id: UUID
    code: str
    gateway: str
    settings: dict[str, Any]
    is_paper: bool
    is_enabled: bool
    pools_blocks: bool
    clearing_account_id: UUID | None
    clearing_number: str


def connection_facts(*, connection_id: UUID | None = None, code: str = "") -> ConnectionFacts:
    """Return one connection, by id or by code. Raises NotFound."""
    found = _fetch("WHERE c.id = %s", [connection_id]) if connection_id is not None else _fetch("WHERE c.code = %s", [code])
    if not found:
        raise NotFound("broker connection")
    return found[0]


def enabled_connections() -> list[ConnectionFacts]:
    """Return the firm's enabled connections by code."""
    return _fetch("WHERE c.is_enabled ORDER BY c.code", [])


def accounts_by_number(*, connection_id: UUID, numbers: Iterable[str]) -> dict[str, UUID]:
    """Return account ids by the custodian's account number."""
    sql = "SELECT custodian_account, id FROM accounts_account WHERE connection_id = %s AND custodian_account = ANY(%s)"
    with connection.cursor() as cursor:
        cursor.execute(sql, [connection_id, sorted(set(numbers))])
        return dict(cursor.fetchall())


def _fetch(where: str, params: list[object]) -> list[ConnectionFacts]:
    with connection.cursor() as cursor:
        cursor.execute(f"{_SELECT} {where}", params)
        rows = cursor.fetchall()
    return [ConnectionFacts(*row[:3], orjson.loads(row[3]), *row[4:8], row[8] or "") for row in rows]
