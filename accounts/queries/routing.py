"""Which broker connection an account trades over, and what sequencing must know of its owner (RTE-4).

Entry points: `ConnectionFacts`, `RoutingFacts`, `routing_facts`, `connection`, `connection_facts`, `accounts_by_number`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import orjson
from numpy.typing import NDArray

from accounts.enums import AccountClass
from base.errors import NotFound

from .columns import NO_ID, Ids, Ints, as_integers, as_uuids, fetch_row, fetch_rows, places, uuid_literal

CLASSES: tuple[str, ...] = tuple(str(one) for one in AccountClass)
_PROP = CLASSES.index(AccountClass.PROP)


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """One broker connection. clearing_account_id, clearing_custodian_account: where its blocks rest, None and "" without such an account.
    venue: whose names for instruments it speaks, the code of its custodian (`market.queries.venue_symbols`)."""

    id: UUID
    code: str
    gateway: str
    pools_blocks: bool
    clearing_account_id: UUID | None
    custodian_id: UUID
    is_paper: bool
    clearing_custodian_account: str
    settings: Mapping[str, Any]
    is_enabled: bool
    venue: str


@dataclass(frozen=True, slots=True, eq=False)
class RoutingFacts:
    """n accounts, in the order asked for.

    connection: int64[n], places in `connections`. owner_ids: V16[n], zero bytes where no owner is recorded. is_own: bool[n], the firm's own
    money (PROP). classes: int64[n], places in `class_legend`. codes: object[n], the accounts' codes, by which ties are broken (CON-2).
    """

    connection: Ints
    connections: tuple[ConnectionFacts, ...]
    owner_ids: Ids
    is_own: NDArray[np.bool_]
    classes: Ints
    class_legend: tuple[str, ...]
    codes: NDArray[np.object_]

    def take(self, rows: NDArray[Any]) -> RoutingFacts:
        """Return the accounts at `rows` (a mask or places)."""
        return RoutingFacts(
            self.connection[rows],
            self.connections,
            self.owner_ids[rows],
            self.is_own[rows],
            self.classes[rows],
            self.class_legend,
            self.codes[rows],
        )


_CONNECTIONS = """
SELECT c.id, c.code, c.gateway, c.pools_blocks, a.id, c.custodian_id, c.is_paper, coalesce(a.custodian_account, ''), c.settings::text,
    c.is_enabled, k.code
FROM accounts_brokerconnection c JOIN accounts_custodian k ON k.id = c.custodian_id
LEFT JOIN accounts_account a ON a.connection_id = c.id AND a.is_clearing
WHERE {which} ORDER BY c.id
"""


def connections(*, ids: Collection[UUID] | None = None) -> tuple[ConnectionFacts, ...]:
    """Return the firm's connections (or those of `ids`), by id."""
    which = "true" if ids is None else "c.id = ANY(%(ids)s)"
    return tuple(_facts(row) for row in fetch_rows(_CONNECTIONS.format(which=which), {"ids": list(ids or ())}))


def connection(*, code: str) -> ConnectionFacts | None:
    """Return the connection of a code, None if the firm has none."""
    rows = fetch_rows(_CONNECTIONS.format(which="c.code = %(code)s"), {"code": code})
    return _facts(rows[0]) if rows else None


def connection_facts(*, connection_id: UUID) -> ConnectionFacts:
    """Return one connection. Raises NotFound."""
    found = connections(ids=[connection_id])
    if not found:
        raise NotFound("connection")
    return found[0]


def _facts(row: tuple[Any, ...]) -> ConnectionFacts:
    settings = row[8] if isinstance(row[8], Mapping) else orjson.loads(row[8])
    return ConnectionFacts(*row[:8], settings, *row[9:])  # type: ignore[call-arg]  # eight columns, in the order of the fields


_ROUTING = """
SELECT string_agg(uuid_send(id), ''), string_agg(uuid_send(connection_id), ''), string_agg(uuid_send(coalesce(owner_id, %(none)s::uuid)), ''),
    string_agg(int8send(array_position(%(classes)s::text[], account_class::text)::bigint), ''), array_agg(code::text)
FROM (SELECT * FROM accounts_account WHERE id = ANY(%(ids)s::uuid[]) ORDER BY id) a
"""


def routing_facts(*, account_ids: NDArray[Any]) -> RoutingFacts:
    """Return how these accounts (V16[n], in any order) are routed; two statements. Raises NotFound if one is not the firm's."""
    row = fetch_row(_ROUTING, {"ids": uuid_literal(account_ids), "none": UUID(bytes=NO_ID), "classes": list(CLASSES)})
    known, lanes, owners = (as_uuids(value) for value in row[:3])
    at, found = places(known, account_ids)
    if not np.all(found):
        raise NotFound("account")
    codes = np.array(row[4] or [], np.object_)[at]
    return facts_of(lanes[at], owners[at], (as_integers(row[3]) - 1)[at] if len(at) else np.zeros(0, np.int64), codes)


def facts_of(lanes: Ids, owners: Ids, classes: Ints, codes: NDArray[np.object_]) -> RoutingFacts:
    """Return routing facts of columns that are at hand; one statement."""
    used = np.unique(lanes)
    facts = connections(ids=[UUID(bytes=one) for one in used.tolist()])
    order = np.argsort(np.array([one.id.bytes for one in facts], "V16"))
    return RoutingFacts(
        connection=np.searchsorted(used, lanes).astype(np.int64),
        connections=tuple(facts[int(i)] for i in order),
        owner_ids=owners,
        is_own=classes == _PROP,
        classes=classes,
        class_legend=CLASSES,
        codes=codes,
    )


def accounts_by_number(*, connection_id: UUID, numbers: Collection[str]) -> dict[str, UUID]:
    """Return the accounts that the custodian of a connection calls by these numbers; what nobody knows is left out."""
    sql = (
        "SELECT a.custodian_account, a.id FROM accounts_account a JOIN accounts_brokerconnection c ON c.custodian_id = a.custodian_id "
        "WHERE c.id = %(connection)s AND a.custodian_account = ANY(%(numbers)s)"
    )
    return dict(fetch_rows(sql, {"connection": connection_id, "numbers": list(numbers)}))
