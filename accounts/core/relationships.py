"""The four effective-dated relationship graphs (CON-3).

Entry points: `Edge`, `account`, `party`, `group_of`, `group_labels`, `group_sums`, `are_related`, `owners`, `same_owner`,
`find_meeting`.

Invariants:
1. Graphs are never mixed: every question names its graph and its date.
2. CONTROL_GROUP and TAX_UNIT connect: a group is everything reachable, so that two links through a common controller make one group.
3. RELATED_PARTY does not: a sibling's sibling-in-law is not related; only the direct edge counts (IRC 267; attribution is an edge too).
4. OWNER is a set of parties for each account; two accounts have the same owner only if their sets are equal and not empty.
5. An account whose controller is not recorded may be in anybody's control group (CON-5).
6. An edge holds from `valid_from` up to, not including, `valid_to`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accounts.enums import Meeting, NodeKind, RelationshipKind

from .ledger import Id

CONTROL_OWNERSHIP_RATE = Decimal("0.10")
"""CON-3: owning this share or more makes a control group even without deciding the trading."""


class Node(NamedTuple):
    """An account or a party."""

    kind: NodeKind
    id: Id


def account(account_id: Id) -> Node:
    """Return the node of an account."""
    return Node(NodeKind.ACCOUNT, account_id)


def party(party_id: Id) -> Node:
    """Return the node of a party."""
    return Node(NodeKind.PARTY, party_id)


@dataclass(frozen=True, slots=True)
class Edge:
    """One recorded relationship. share: rate owned (0.10 = 10%), None where the link is not one of ownership."""

    kind: RelationshipKind
    source: Node
    target: Node
    valid_from: date
    valid_to: date | None = None
    share: Decimal | None = None

    def holds(self, on: date) -> bool:
        """Tell whether the edge is in force on that day."""
        return self.valid_from <= on and (self.valid_to is None or on < self.valid_to)


def edges_on(edges: Iterable[Edge], kind: RelationshipKind, on: date) -> list[Edge]:
    """Return the edges of one graph in force on that day; in CONTROL_GROUP, ownership below 10% does not connect."""
    found = [edge for edge in edges if edge.kind is kind and edge.holds(on)]
    if kind is RelationshipKind.CONTROL_GROUP:
        return [edge for edge in found if edge.share is None or edge.share >= CONTROL_OWNERSHIP_RATE]
    return found


class _Components:
    """Union-find over nodes."""

    def __init__(self) -> None:
        self._parent: dict[Node, Node] = {}

    def root(self, node: Node) -> Node:
        top = node
        while (above := self._parent.get(top, top)) != top:
            top = above
        while node != top:
            self._parent[node], node = top, self._parent.get(node, top)
        return top

    def join(self, one: Node, other: Node) -> None:
        self._parent[self.root(one)] = self.root(other)


_CONNECTING = frozenset({RelationshipKind.CONTROL_GROUP, RelationshipKind.TAX_UNIT})


def _components(edges: Iterable[Edge], kind: RelationshipKind, on: date) -> _Components:
    if kind not in _CONNECTING:
        raise ValueError(f"{kind} does not make groups")
    components = _Components()
    for edge in edges_on(edges, kind, on):
        components.join(edge.source, edge.target)
    return components


def group_of(edges: Sequence[Edge], kind: RelationshipKind, member: Node, on: date) -> frozenset[Id]:
    """Return the ids of all accounts in `member`'s group on that day, its own included if it is an account.

    member: an account, or a party (TaxUnit(M) is `group_of(edges, TAX_UNIT, party("M"), on)`).

    Raises ValueError for OWNER and RELATED_PARTY, which make no groups (invariants 3, 4). Source: CON-3.
    """
    components = _components(edges, kind, on)
    top = components.root(member)
    nodes = {node for edge in edges_on(edges, kind, on) for node in (edge.source, edge.target)} | {member}
    return frozenset(node.id for node in nodes if node.kind is NodeKind.ACCOUNT and components.root(node) == top)


def group_labels(edges: Iterable[Edge], kind: RelationshipKind, account_ids: Sequence[Id], on: date) -> NDArray[np.int64]:
    """Return each account's group as int64[n_accounts]: 0, 1, … in order of first appearance; an account without edges is alone.

    Accounts linked only through accounts or parties that are not in the list still share a label. Raises ValueError as `group_of`.
    """
    components = _components(edges, kind, on)
    labels: dict[Node, int] = {}
    roots = (components.root(account(account_id)) for account_id in account_ids)
    return np.fromiter((labels.setdefault(root, len(labels)) for root in roots), np.int64, len(account_ids))


def group_sums(labels: NDArray[np.int64], amounts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each account the sum over its whole group, int64[n_accounts] (CST-6, RTE-1: limits bind the group's sum)."""
    totals = np.zeros(int(labels.max()) + 1 if len(labels) else 0, np.int64)
    np.add.at(totals, labels, amounts)
    return totals[labels]


def are_related(edges: Iterable[Edge], one: Node, other: Node, on: date) -> bool:
    """Tell whether a RELATED_PARTY edge joins the two directly, either way round (REL-1)."""
    return any({edge.source, edge.target} == {one, other} for edge in edges_on(edges, RelationshipKind.RELATED_PARTY, on))


def owners(edges: Iterable[Edge], account_id: Id, on: date) -> frozenset[Id]:
    """Return the parties that own the account on that day; empty if none is recorded."""
    node = account(account_id)
    return frozenset(edge.target.id for edge in edges_on(edges, RelationshipKind.OWNER, on) if edge.source == node)


def same_owner(edges: Sequence[Edge], one: Id, other: Id, on: date) -> bool:
    """Tell whether exactly the same parties own both accounts; unknown owners are never the same (CON-5, GOV-5)."""
    theirs = owners(edges, one, on)
    return bool(theirs) and theirs == owners(edges, other, on)


def find_meeting(
    edges: Sequence[Edge], ones: Iterable[Id], others: Iterable[Id], on: date, *, owned_by: Mapping[Id, Id] | None = None
) -> Meeting | None:
    """Tell why orders of `ones` and of `others` may not meet in the market on that day; None if they may.

    owned_by: owner by account, where one is recorded beside the OWNER graph. The gravest reason comes first: one account or one beneficial
    owner on both sides, one control group on both sides, an account on either side whose controller is not recorded (invariant 5).
    Guarantees: the same answer with `ones` and `others` exchanged. Source: RTE-5, CON-3, CON-5.
    """
    left, right = frozenset(ones), frozenset(others)
    if not left or not right:
        return None
    if left & right or _owners_of(edges, left, on, owned_by or {}) & _owners_of(edges, right, on, owned_by or {}):
        return Meeting.SAME_OWNER
    components = _components(edges, RelationshipKind.CONTROL_GROUP, on)
    if {components.root(account(a)) for a in left} & {components.root(account(b)) for b in right}:
        return Meeting.CONTROL_GROUP
    recorded = {node for edge in edges_on(edges, RelationshipKind.CONTROL_GROUP, on) for node in (edge.source, edge.target)}
    return None if all(account(a) in recorded for a in left | right) else Meeting.UNRECORDED


def _owners_of(edges: Iterable[Edge], accounts: frozenset[Id], on: date, owned_by: Mapping[Id, Id]) -> set[Id]:
    """Return everybody who owns a part of one of the accounts."""
    graph = edges_on(edges, RelationshipKind.OWNER, on)
    parties = {edge.target.id for edge in graph if edge.source.kind is NodeKind.ACCOUNT and edge.source.id in accounts}
    return parties | {owned_by[one] for one in accounts if one in owned_by}
