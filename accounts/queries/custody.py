"""Our books as a custodian would keep them: by its own account numbers and symbols.

Entry point: `custody_books`.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from base.core.ids import plain_decimal
from base.errors import Refused
from market.queries import instrument, venue_symbols

from .columns import fetch_rows
from .routing import connection_facts

_NUMBERS = "SELECT custodian_account FROM accounts_account WHERE connection_id = %(connection)s"
_CASH = """
SELECT a.custodian_account, b.currency, sum(b.amount) FROM accounts_cashbalance b JOIN accounts_account a ON a.id = b.account_id
WHERE a.connection_id = %(connection)s AND NOT a.is_clearing GROUP BY 1, 2 HAVING sum(b.amount) <> 0"""
_POSITIONS = """
SELECT a.custodian_account, p.instrument_id, sum(p.quantity) FROM accounts_position p JOIN accounts_account a ON a.id = p.account_id
WHERE a.connection_id = %(connection)s AND NOT a.is_clearing GROUP BY 1, 2 HAVING sum(p.quantity) <> 0"""


class Nameless(Refused):
    """The custodian uses our symbol of an instrument for another one, and nobody has said what it calls this one."""


def custody_books(*, connection_id: UUID) -> dict[str, dict[str, dict[str, Any]]]:
    """Return account number → {"cash": currency → amount, "positions": symbol → quantity}, decimals as text; clearing accounts are empty.

    Raises Nameless where an instrument that is held has no name at the custodian.
    """
    parameters = {"connection": connection_id}
    books: dict[str, dict[str, dict[str, Any]]] = {number: {"cash": {}, "positions": {}} for (number,) in fetch_rows(_NUMBERS, parameters)}
    for number, currency, amount in fetch_rows(_CASH, parameters):
        books[number]["cash"][currency] = plain_decimal(amount)
    held = fetch_rows(_POSITIONS, parameters)
    names = venue_symbols(venue=connection_facts(connection_id=connection_id).venue, instrument_ids=[row[1] for row in held])
    for number, instrument_id, quantity in held:
        if instrument_id not in names:
            raise Nameless("ACC-2", f"account {number} holds {instrument(instrument_id).symbol}, which the custodian has no name for")
        books[number]["positions"][names[instrument_id]] = plain_decimal(quantity)
    return books
