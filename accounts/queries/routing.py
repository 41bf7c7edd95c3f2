"""Where accounts' orders go, and in whose turn: connections, owners, classes, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from ..enums import AccountClass
from ..models import Account, BrokerConnection

CLASSES: tuple[str, ...] = tuple(member.value for member in AccountClass)
_NOBODY = bytes(16)


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """A broker connection and the clearing account its blocks rest in."""

    id: UUID
    code: str
    gateway: str
    is_paper: bool
    pools_blocks: bool
    is_enabled: bool
    clearing_account_id: UUID | None
    custodian_id: UUID
    settings: dict[str, Any]


@dataclass(frozen=True)
class RoutingFacts:
    """Rows of accounts. connection: int64[n], positions in `connections`. owner_ids: V16[n], zero bytes where none. classes: int64[n] in
    `class_legend`."""

    connection: NDArray[np.int64]
    connections: tuple[ConnectionFacts, ...]
    owner_ids: NDArray[Any]
    classes: NDArray[np.int64]
    class_legend: tuple[str, ...] = CLASSES

    @cached_property
    def is_own(self) -> NDArray[np.bool_]:
        """Tell which accounts are the firm's own (RTE-4): its trading desk's."""
        own: NDArray[np.bool_] = self.classes == CLASSES.index(AccountClass.PROP)
        return own

    def take(self, rows: NDArray[np.int64]) -> RoutingFacts:
        """Return the facts of these rows."""
        return RoutingFacts(self.connection[rows], self.connections, self.owner_ids[rows], self.classes[rows], self.class_legend)


def connections() -> tuple[ConnectionFacts, ...]:
    """Return the firm's connections by code."""
    clearing = dict(Account.objects.filter(is_clearing=True).values_list("connection_id", "id"))
    fields = ("id", "code", "gateway", "is_paper", "pools_blocks", "is_enabled", "custodian_id", "settings")
    rows = BrokerConnection.objects.order_by("code").values(*fields)
    return tuple(ConnectionFacts(**row, clearing_account_id=clearing.get(row["id"])) for row in rows)


def connection(*, code: str) -> ConnectionFacts | None:
    """Return the connection of this name, None if the firm has none."""
    return next((each for each in connections() if each.code == code), None)


def routing_facts(*, account_ids: NDArray[Any]) -> RoutingFacts:
    """Return the routing of accounts (V16[n]) in the order given. Raises KeyError for an account the firm does not have."""
    known = connections()
    place = {each.id: number for number, each in enumerate(known)}
    rows = Account.objects.filter(pk__in=[UUID(bytes=raw) for raw in account_ids.tolist()])
    found = {pk.bytes: (place[lane], owner.bytes if owner else _NOBODY, CLASSES.index(kind)) for pk, lane, owner, kind in _columns(rows)}
    columns = [found[raw] for raw in account_ids.tolist()]
    lanes, owners, classes = zip(*columns, strict=True) if columns else ((), (), ())
    owner_ids = np.frombuffer(b"".join(owners), dtype="V16")
    return RoutingFacts(np.array(lanes, dtype=np.int64), known, owner_ids, np.array(classes, dtype=np.int64))


def _columns(rows: Any) -> Any:
    return rows.values_list("id", "connection_id", "owner_id", "account_class").iterator(chunk_size=20_000)
