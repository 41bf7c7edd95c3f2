"""Close an account or an instrument to trading, or let it only reduce (REC-6, CST-5).

Entry points: `block_trading`, `lift_block` for whatever made a block, `lift_by_hand` for people, `UnableToBlock`, `UnableToLift`.
Invariant: what was made for a source (a break, an order) ends with its source; nobody lifts it by hand (REC-6).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction as database

from accounts.enums import BlockMode
from base.errors import Conflict, NotFound, Refused
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, SubjectKind
from governance.services import audit

from ..models import Account, TradingBlock


class UnableToBlock(Refused):
    """A block that names nothing."""


class UnableToLift(Conflict):
    """A block that is not a person's to lift, or has ended."""


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


@database.atomic
def lift_by_hand(*, block_id: UUID, actor: Actor, now: datetime, reason: str) -> None:
    """End a block that somebody put by hand. Raises NotFound, UnableToLift for one made for a source (REC-6) or one that has ended."""
    block = TradingBlock.objects.select_for_update().filter(pk=block_id).first()
    if block is None:
        raise NotFound("trading block")
    if block.source_id is not None:
        raise UnableToLift("REC-6", "the block ends when what it was made for is resolved, or waived by two people", value=block.rule)
    if block.ends_at is not None:
        raise UnableToLift("block", "the block has ended already", value=block.ends_at)
    lift_block(block_id=block_id, now=now, reason=reason, actor=actor)


def _subject(block: TradingBlock) -> Subject:
    if block.account_id is not None:
        return Subject(SubjectKind.ACCOUNT, str(block.account_id))
    return Subject(SubjectKind.INSTRUMENT, str(block.instrument_id))
