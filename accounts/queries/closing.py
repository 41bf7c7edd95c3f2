"""What stands in one account against closing it, as the books know it. Entry point: `standing_of_account`. Inside the caller's tenancy block."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from ..core.closing import Standing
from ..models import Account
from .columns import fetch_rows

_POSITIONS = """
SELECT i.symbol, sum(p.quantity), sum(abs(p.quantity)) FROM accounts_position p JOIN market_instrument i ON i.id = p.instrument_id
WHERE p.account_id = %(id)s AND p.quantity <> 0 GROUP BY 1
"""
_CASH = """
SELECT currency, coalesce(sum(amount) FILTER (WHERE settle_date <= %(on)s), 0), coalesce(sum(amount) FILTER (WHERE settle_date > %(on)s), 0),
    sum(receivable), coalesce(sum(abs(amount)) FILTER (WHERE settle_date > %(on)s), 0), sum(abs(receivable))
FROM accounts_cashbalance WHERE account_id = %(id)s GROUP BY 1
"""
_HOLDS = "SELECT count(*) FROM accounts_reservation WHERE account_id = %(id)s AND released_at IS NULL"
_LAST = """
SELECT max(t.trade_date) FROM accounts_ledgerentry e JOIN accounts_ledgertransaction t ON t.id = e.transaction_id WHERE e.account_id = %(id)s
"""


def standing_of_account(account: Account, *, on: date, others: tuple[str, ...] = ()) -> Standing:
    """Return what stands in the account; cash that settles after `on` has not settled.

    Legs, sleeves or days that cancel each other out still stand: of those the sum of what is there is told.
    """
    asked = {"id": account.pk, "on": on}
    cash = fetch_rows(_CASH, asked)
    return Standing(
        opened_on=account.opened_on,
        closed_on=account.closed_on,
        is_clearing=account.is_clearing,
        last_booked_on=fetch_rows(_LAST, asked)[0][0],
        positions=_either(fetch_rows(_POSITIONS, asked)),
        cash={row[0]: row[1] for row in cash},
        unsettled=_either((row[0], row[2], row[4]) for row in cash),
        accrued=_either((row[0], row[3], row[5]) for row in cash),
        live_holds=fetch_rows(_HOLDS, asked)[0][0],
        others=others,
    )


def _either(rows: Any) -> dict[str, Decimal]:
    return {name: net or gross for name, net, gross in rows}
