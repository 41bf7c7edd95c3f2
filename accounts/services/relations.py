"""Record how accounts and parties relate: four graphs, effective-dated, never merged (CON-3).

Entry points: `relate`, `end_relationship`, `UnableToRelate`.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction as database

from accounts.enums import NodeKind, RelationshipKind
from base.errors import NotFound, Refused
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, SubjectKind
from governance.services import audit

from ..core.relationships import Node
from ..models import Account, Relationship
from ..queries.columns import fetch_row


class UnableToRelate(Refused):
    """An edge that its graph does not have."""


@database.atomic
def relate(
    *,
    kind: RelationshipKind,
    source: Node,
    target: Node,
    valid_from: date,
    now: datetime,
    share: Decimal | None = None,
    reason: str = "",
    actor: Actor | None = None,
) -> UUID:
    """Record one edge and return its id; the same edge from the same day again returns the first one.

    source, target: nodes with UUIDs. An OWNER edge goes from an account to a party. share: rate owned, 0 < share ≤ 1.
    Raises UnableToRelate, NotFound for an account or party the firm does not have. Source: CON-3.
    """
    if kind is RelationshipKind.OWNER and (source.kind, target.kind) != (NodeKind.ACCOUNT, NodeKind.PARTY):
        raise UnableToRelate("CON-3", "an owner edge goes from an account to a party", field="target")
    if source == target:
        raise UnableToRelate("CON-3", "nothing is related to itself", field="target", value=target.id)
    if share is not None and not 0 < share <= 1:
        raise UnableToRelate("CON-3", f"share {share} is not between 0 and 1", field="share", value=share)
    _check_known(source)
    _check_known(target)
    ends = {"from_kind": source.kind, "from_id": source.id, "to_kind": target.kind, "to_id": target.id}
    edge, is_new = Relationship.objects.get_or_create(
        kind=kind, **ends, valid_from=valid_from, defaults={"share_rate": share, "reason": reason[:200]}
    )
    if is_new:
        after = {"kind": str(kind), "to": f"{target.kind}:{target.id}", "from_day": valid_from, "share": share}
        audit(action=AuditAction.CREATED, subject=_subject(source), actor=actor, now=now, after=after, reason=reason[:200])
    elif edge.share_rate != share:
        raise UnableToRelate("CON-3", "the edge stands from that day with another share; end it first", field="share", value=share)
    return edge.id


@database.atomic
def end_relationship(*, relationship_id: UUID, valid_until: date, now: datetime, reason: str = "", actor: Actor | None = None) -> None:
    """Let an edge hold up to, not including, `valid_until`. Raises NotFound; UnableToRelate for a day not after its first."""
    edge = Relationship.objects.select_for_update().filter(pk=relationship_id).first()
    if edge is None:
        raise NotFound("relationship")
    if valid_until <= edge.valid_from:
        raise UnableToRelate("CON-3", f"the edge begins on {edge.valid_from}", field="valid_until", value=valid_until)
    before = {"valid_until": edge.valid_until}
    edge.valid_until = valid_until
    edge.save(update_fields=["valid_until"])
    subject = _subject(Node(NodeKind(edge.from_kind), edge.from_id))
    audit(action=AuditAction.ENDED, subject=subject, actor=actor, now=now, before=before, after={"valid_until": valid_until}, reason=reason)


def _check_known(node: Node) -> None:
    if node.kind is NodeKind.ACCOUNT:
        known = Account.objects.filter(pk=str(node.id)).exists()
    else:
        known = fetch_row("SELECT EXISTS (SELECT 1 FROM governance_party WHERE id = %(id)s)", {"id": node.id})[0]
    if not known:
        raise NotFound(str(node.kind).lower())


def _subject(node: Node) -> Subject:
    return Subject(SubjectKind.ACCOUNT if node.kind is NodeKind.ACCOUNT else SubjectKind.PARTY, str(node.id))
