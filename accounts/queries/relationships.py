"""The relationship graphs as the core's edges (CON-3).

Entry points: `edges`, `control_groups`, `meeting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from accounts.enums import Meeting, NodeKind, RelationshipKind

from ..core.relationships import Edge, Node, find_meeting, group_labels
from ..models import Account, Relationship
from .columns import Ids, to_uuids

_COLUMNS = ("kind", "from_kind", "from_id", "to_kind", "to_id", "valid_from", "valid_until", "share_rate")


def edges(*, kinds: Sequence[RelationshipKind] = tuple(RelationshipKind)) -> list[Edge]:
    """Return the recorded edges of these graphs, past ones too: each question of the core names its day. Ids are UUIDs."""
    rows = Relationship.objects.filter(kind__in=kinds).order_by("id").values_list(*_COLUMNS)
    return [
        Edge(RelationshipKind(kind), Node(NodeKind(a), a_id), Node(NodeKind(b), b_id), valid_from, valid_until, share)
        for kind, a, a_id, b, b_id, valid_from, valid_until, share in rows
    ]


def control_groups(*, account_ids: Sequence[UUID], on: date) -> NDArray[np.int64]:
    """Return each account's control group as int64[n_accounts]; accounts with equal labels are one group (CST-6, RTE-1)."""
    return group_labels(edges(kinds=[RelationshipKind.CONTROL_GROUP]), RelationshipKind.CONTROL_GROUP, account_ids, on)


def meeting(*, ones: Ids, others: Ids, on: date) -> Meeting | None:
    """Return why orders of `ones` and `others` (V16[n] each) may not meet on that day, None if they may (RTE-5); two statements."""
    left, right = to_uuids(ones), to_uuids(others)
    graphs = edges(kinds=[RelationshipKind.CONTROL_GROUP, RelationshipKind.OWNER])
    owned = Account.objects.filter(pk__in=[*left, *right], owner__isnull=False).values_list("id", "owner_id")
    return find_meeting(graphs, left, right, on, owned_by=dict(owned))
