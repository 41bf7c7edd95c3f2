"""What execution lets browsers know, by who may see it (`queries.visible`, DESIGN §4.11).

Entry points: `tell_orders`, `tell_parents`, `tell_connection`. Inside the caller's transaction; told once it has committed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from base.live import Behind, Topic, announce
from governance.permissions import STAFF


def tell_orders(rows: Iterable[tuple[UUID, UUID, UUID | None]], topic: Topic = Topic.ORDERS) -> None:
    """Tell of orders, or of what belongs to them: id, account, and the parent of a block, which whoever sees the parent sees too."""
    singles: list[tuple[UUID, UUID]] = []
    blocks: dict[UUID, list[tuple[UUID, UUID]]] = {}
    for pk, account_id, parent_id in rows:
        (singles if parent_id is None else blocks.setdefault(parent_id, [])).append((pk, account_id))
    if singles:
        announce(topic, [pk for pk, _ in singles], accounts=[account for _, account in singles])
    for parent_id, found in blocks.items():
        announce(topic, [pk for pk, _ in found], accounts=[account for _, account in found], behind=Behind("parent", parent_id))


def tell_parents(parents: Sequence[tuple[UUID, UUID]], *, with_children: bool = False) -> None:
    """Tell of parents (id, journey), as orders and by their journeys. with_children: many of their orders changed with them."""
    for parent_id, journey_id in parents:
        behind = Behind("parent", parent_id)
        announce(Topic.ORDERS, [parent_id], behind=behind, many=with_children)
        announce(Topic.JOURNEYS, [journey_id], behind=behind)


def tell_connection(connection_id: UUID) -> None:
    """Tell the staff that a connection has another holder, or may trade, or may not."""
    announce(Topic.CONNECTIONS, [connection_id], roles=STAFF)
