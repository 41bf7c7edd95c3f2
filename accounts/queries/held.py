"""What accounts hold of one instrument in one sleeve, with their own average entry (SIZ-8).

Entry points: `held_positions`, `quantities_held`. Inside the caller's tenancy block.
Invariant: one statement each, however many accounts.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from .columns import fetch_rows


@dataclass(frozen=True, slots=True)
class HeldPosition:
    """quantity: signed, legs together. cost: signed cost of the open lots, in the instrument's currency; lots: their signed quantity.

    settings: of the connection the account trades over.
    """

    account_id: UUID
    code: str
    name: str
    is_paper: bool
    settings: dict[str, Any]
    quantity: Decimal
    lots: Decimal
    cost: Decimal

    def entry(self, multiplier: Decimal) -> Decimal | None:
        """Return the average price of entry, None where the lots are not known or cost nothing."""
        if not self.lots or self.cost / self.lots <= 0:
            return None
        return self.cost / self.lots / multiplier


_HELD = """
SELECT a.id, a.code, a.name, c.is_paper, c.settings::text, p.quantity, coalesce(l.quantity, 0), coalesce(l.cost, 0)
FROM (SELECT account_id, sum(quantity) AS quantity FROM accounts_position
      WHERE account_id = ANY(%(ids)s::uuid[]) AND sleeve_id = %(sleeve)s AND instrument_id = %(instrument)s GROUP BY 1) p
JOIN accounts_account a ON a.id = p.account_id
JOIN accounts_brokerconnection c ON c.id = a.connection_id
LEFT JOIN (SELECT account_id, sum(quantity) AS quantity, sum(CASE WHEN quantity > 0 THEN basis ELSE -basis END) AS cost FROM accounts_taxlot
           WHERE account_id = ANY(%(ids)s::uuid[]) AND sleeve_id = %(sleeve)s AND instrument_id = %(instrument)s AND quantity <> 0
           GROUP BY 1) l ON l.account_id = p.account_id
WHERE p.quantity <> 0 ORDER BY a.code
"""


def held_positions(*, account_ids: Collection[UUID], sleeve_id: UUID, instrument_id: int) -> list[HeldPosition]:
    """Return which of these accounts hold the instrument in the sleeve, by code."""
    if not account_ids:
        return []
    rows = fetch_rows(_HELD, {"ids": list(account_ids), "sleeve": sleeve_id, "instrument": instrument_id})
    return [HeldPosition(pk, code, name, paper, orjson.loads(settings), *rest) for pk, code, name, paper, settings, *rest in rows]


def quantities_held(*, account_ids: Collection[UUID], instrument_ids: Collection[int]) -> dict[tuple[UUID, UUID, int], Decimal]:
    """Return signed quantities by account, sleeve and instrument; what is flat is left out."""
    sql = (
        "SELECT account_id, sleeve_id, instrument_id, sum(quantity) FROM accounts_position "
        "WHERE account_id = ANY(%(ids)s::uuid[]) AND instrument_id = ANY(%(instruments)s::bigint[]) GROUP BY 1, 2, 3 HAVING sum(quantity) <> 0"
    )
    rows = fetch_rows(sql, {"ids": list(account_ids), "instruments": list(instrument_ids)})
    return {(account, sleeve, instrument): quantity for account, sleeve, instrument, quantity in rows}
