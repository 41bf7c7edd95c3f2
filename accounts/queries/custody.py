"""Our books as a custodian would keep them: by its own account numbers and symbols."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from base.core.ids import plain_decimal

from .columns import fetch_rows

_NUMBERS = "SELECT custodian_account FROM accounts_account WHERE connection_id = %(connection)s"
_CASH = """
SELECT a.custodian_account, b.currency, sum(b.amount) FROM accounts_cashbalance b JOIN accounts_account a ON a.id = b.account_id
WHERE a.connection_id = %(connection)s AND NOT a.is_clearing GROUP BY 1, 2 HAVING sum(b.amount) <> 0"""
_POSITIONS = """
SELECT a.custodian_account, i.symbol, sum(p.quantity) FROM accounts_position p JOIN accounts_account a ON a.id = p.account_id
JOIN market_instrument i ON i.id = p.instrument_id
WHERE a.connection_id = %(connection)s AND NOT a.is_clearing GROUP BY 1, 2 HAVING sum(p.quantity) <> 0"""


def custody_books(*, connection_id: UUID) -> dict[str, dict[str, dict[str, Any]]]:
    """Return account number → {"cash": currency → amount, "positions": symbol → quantity}, decimals as text; clearing accounts are empty."""
    parameters = {"connection": connection_id}
    books: dict[str, dict[str, dict[str, Any]]] = {number: {"cash": {}, "positions": {}} for (number,) in fetch_rows(_NUMBERS, parameters)}
    for what, sql in (("cash", _CASH), ("positions", _POSITIONS)):
        for number, name, amount in fetch_rows(sql, parameters):
            books[number][what][name] = plain_decimal(amount)
    return books
