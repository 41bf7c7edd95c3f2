"""The relationship graphs as the core's edges (CON-3).

Entry points: `edges`, `control_groups`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from accounts.enums import NodeKind, RelationshipKind

from ..core.relationships import Edge, Node, group_labels
from ..models import Relationship

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
