"""Strategies and who follows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import numpy as np

from base import bulk
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, SubjectKind
from governance.services import audit

from ..enums import CapBasis, Rounding
from ..models import Strategy, StrategyAccount


def create_strategy(
    *,
    code: str,
    name: str,
    sleeve_id: UUID,
    actor: Actor | None,
    now: datetime,
    rounding: Rounding = Rounding.FLOOR,
    cap_basis: CapBasis = CapBasis.NOTIONAL,
    capacity_quantity: Decimal | None = None,
) -> UUID:
    """Create a strategy that trades in one sleeve; `capacity_quantity` bounds the total of a signal (GOV-6)."""
    strategy = Strategy.objects.create(
        code=code, name=name, sleeve_id=sleeve_id, rounding=rounding, cap_basis=cap_basis, capacity_quantity=capacity_quantity
    )
    after = {"code": code, "rounding": rounding, "capacity_quantity": str(capacity_quantity)}
    audit(action=AuditAction.CREATED, subject=Subject(SubjectKind.STRATEGY, str(strategy.id)), actor=actor, now=now, after=after)
    return strategy.id


def subscribe(
    *, strategy_id: UUID, account_ids: Sequence[UUID], actor: Actor | None, now: datetime, multiplier: Decimal = Decimal(1)
) -> int:
    """Let accounts follow a strategy, each with this multiplier; accounts that follow it already keep theirs. Returns how many are new."""
    ids = np.frombuffer(b"".join(account.bytes for account in account_ids), dtype="V16")
    columns = {"strategy_id": strategy_id, "account_id": bulk.Uuids(ids), "multiplier": multiplier}
    added = bulk.insert(StrategyAccount, len(ids), columns, on_conflict="ON CONFLICT (firm_id, strategy_id, account_id) DO NOTHING")
    subject = Subject(SubjectKind.STRATEGY, str(strategy_id))
    audit(action=AuditAction.CHANGED, subject=subject, actor=actor, now=now, after={"subscribed": added, "multiplier": str(multiplier)})
    return added
