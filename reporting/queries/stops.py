"""What open risk is measured by: each position's quantity by sleeve, its stop, its mandate's stress move (RSK-8b).

Entry point: `stopped_positions`. Inside the caller's tenancy block; three statements, whatever the number of accounts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from accounts.queries.columns import fetch_rows, uuid_literal
from accounts.queries.standing import Accounts
from governance.queries.mandates import stress_moves

_POSITIONS = """
SELECT p.account_id, p.instrument_id, p.quantity, l.price
FROM (SELECT account_id, sleeve_id, instrument_id, sum(quantity) AS quantity FROM accounts_position
      WHERE account_id = ANY(%(ids)s::uuid[]) GROUP BY 1, 2, 3 HAVING sum(quantity) <> 0) p
LEFT JOIN execution_protectivelevel l ON l.account_id = p.account_id AND l.sleeve_id = p.sleeve_id AND l.instrument_id = p.instrument_id
    AND l.level = 'STOP' AND l.state = 'ACTIVE' AND l.is_long = (p.quantity > 0)
ORDER BY 1, 2
"""
_MANDATES = "SELECT id, mandate_id FROM accounts_account WHERE id = ANY(%(ids)s::uuid[]) AND mandate_id IS NOT NULL"


@dataclass(frozen=True, slots=True)
class StoppedPosition:
    """An account's position in one sleeve. stop: its active stop's price; stress: the mandate's move; None where there is none."""

    account_id: UUID
    instrument_id: int
    quantity: Decimal
    stop: Decimal | None
    stress: Decimal | None


def stopped_positions(*, accounts: Accounts, now: datetime) -> list[StoppedPosition]:
    """Return the accounts' positions with what their open risk is measured by."""
    ids = {"ids": uuid_literal(accounts.ids)}
    mandates = dict(fetch_rows(_MANDATES, ids))
    moves = stress_moves(now=now)
    rows = fetch_rows(_POSITIONS, ids)
    return [
        StoppedPosition(account, instrument, quantity, stop, moves.get(mandates[account]) if account in mandates else None)
        for account, instrument, quantity, stop in rows
    ]
