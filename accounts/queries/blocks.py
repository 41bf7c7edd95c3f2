"""Which accounts in sight may only reduce, or not trade at all, by which rule and until when (REC-6, CON-5).

Entry points: `blocks_in_sight`, `BlockedAccount`. Inside the caller's tenancy block; one statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from ..enums import BlockMode
from ..models import TradingBlock
from .visibility import visible_to


@dataclass(frozen=True, slots=True)
class BlockedAccount:
    """A block that stands. symbol: "" for the whole account; source_id: the break or run behind it; ends_at None: until its reason is gone."""

    account_id: UUID
    code: str
    name: str
    mode: BlockMode
    rule: str
    reason: str
    symbol: str
    starts_at: datetime
    ends_at: datetime | None
    source_id: UUID | None


def blocks_in_sight(*, user: Any, now: datetime, on: date | None = None, limit: int = 200) -> list[BlockedAccount]:
    """Return the blocks that stand at `now` on accounts the person sees, by account and beginning."""
    rows = TradingBlock.objects.filter(Q(ends_at=None) | Q(ends_at__gt=now), starts_at__lte=now, account__in=visible_to(user, on=on))
    columns = (
        "account_id",
        "account__code",
        "account__name",
        "mode",
        "rule",
        "reason",
        "instrument__symbol",
        "starts_at",
        "ends_at",
        "source_id",
    )
    found = rows.order_by("account__code", "starts_at", "id").values_list(*columns)[:limit]
    return [
        BlockedAccount(pk, code, name, BlockMode(mode), rule, reason, symbol or "", starts_at, ends_at, source_id)
        for pk, code, name, mode, rule, reason, symbol, starts_at, ends_at, source_id in found
    ]
