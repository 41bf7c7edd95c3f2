"""Close an account or an instrument to trading, or let it only reduce (REC-6, CST-5).

Entry points: `block_trading`, `lift_block`, `UnableToBlock`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction as database

from accounts.enums import BlockMode
from base.errors import NotFound, Refused
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, SubjectKind
from governance.services import audit

from ..models import Account, TradingBlock


class UnableToBlock(Refused):
    """A block that names nothing."""


@database.atomic
def block_trading(
    *,
    account_id: UUID | None,
    instrument_id: int | None,
    mode: BlockMode,
    rule: str,
    reason: str,
    now: datetime,
    source_id: UUID | None = None,
    actor: Actor | None = None,
) -> UUID:
    """Block an account, an instrument, or one instrument in one account; return the block's id.

    source_id: what it was made for (a break). A block of the same source, mode and target that is in force is returned as it is.
    Raises UnableToBlock when both targets are missing, NotFound for an unknown account.
    """
    if account_id is None and instrument_id is None:
        raise UnableToBlock("REC-6", "a block names an account, an instrument, or both", field="account_id")
    if account_id is not None and not Account.objects.select_for_update(no_key=True).filter(pk=account_id).exists():
        raise NotFound("account")
    target: dict[str, Any] = {"account_id": account_id, "instrument_id": instrument_id}
    same = TradingBlock.objects.filter(**target, mode=mode, source_id=source_id, ends_at=None)
    standing = same.first() if source_id is not None else None
    if standing is not None:
        return standing.id
    block = TradingBlock.objects.create(
        account_id=account_id, instrument_id=instrument_id, mode=mode, rule=rule, reason=reason[:400], source_id=source_id, starts_at=now
    )
    after = {"mode": str(mode), "account": str(account_id or ""), "instrument": str(instrument_id or "")}
    audit(action=AuditAction.CREATED, subject=_subject(block), actor=actor, now=now, after=after, reason=reason[:400], rule=rule)
    return block.id


@database.atomic
def lift_block(
    *, now: datetime, block_id: UUID | None = None, source_id: UUID | None = None, reason: str = "", actor: Actor | None = None
) -> int:
    """End a block, or all that were made for one source; return how many were in force. Raises NotFound for an unknown block id."""
    if block_id is None and source_id is None:
        raise UnableToBlock("REC-6", "name the block, or the source it was made for", field="block_id")
    rows = TradingBlock.objects.select_for_update().order_by("id")
    chosen = list(rows.filter(pk=block_id) if block_id is not None else rows.filter(source_id=source_id))
    if block_id is not None and not chosen:
        raise NotFound("trading block")
    standing = [block for block in chosen if block.ends_at is None]
    for block in standing:
        block.ends_at = now
        block.save(update_fields=["ends_at"])
        audit(action=AuditAction.ENDED, subject=_subject(block), actor=actor, now=now, reason=reason[:400], rule=block.rule)
    return len(standing)


def _subject(block: TradingBlock) -> Subject:
    if block.account_id is not None:
        return Subject(SubjectKind.ACCOUNT, str(block.account_id))
    return Subject(SubjectKind.INSTRUMENT, str(block.instrument_id))
