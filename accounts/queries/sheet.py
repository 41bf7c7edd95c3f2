"""What stands on one account beside its books: cash that is spoken for, and blocks.

Entry points: `reserved_of`, `blocks_on`. Inside the caller's tenancy block.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from ..enums import BlockMode
from .columns import fetch_rows


@dataclass(frozen=True, slots=True)
class BlockFacts:
    """An account, or an instrument in it, that is closed or may only reduce. symbol: "" for the whole account."""

    mode: BlockMode
    rule: str
    reason: str
    symbol: str
    starts_at: datetime
    ends_at: datetime | None


def reserved_of(*, account_id: UUID) -> dict[str, Decimal]:
    """Return the cash that live orders hold, by currency."""
    sql = (
        "SELECT cash_currency, sum(cash) FROM accounts_reservation WHERE account_id = %(id)s AND released_at IS NULL AND cash <> 0 "
        "GROUP BY 1 ORDER BY 1"
    )
    return dict(fetch_rows(sql, {"id": account_id}))


def blocks_on(*, account_id: UUID, now: datetime) -> list[BlockFacts]:
    """Return the blocks in force on the account, oldest first."""
    sql = (
        "SELECT b.mode, b.rule, b.reason, coalesce(i.symbol, ''), b.starts_at, b.ends_at FROM accounts_tradingblock b "
        "LEFT JOIN market_instrument i ON i.id = b.instrument_id "
        "WHERE b.account_id = %(id)s AND b.starts_at <= %(now)s AND (b.ends_at IS NULL OR b.ends_at > %(now)s) ORDER BY b.starts_at, b.id"
    )
    return [BlockFacts(BlockMode(row[0]), *row[1:]) for row in fetch_rows(sql, {"id": account_id, "now": now})]
