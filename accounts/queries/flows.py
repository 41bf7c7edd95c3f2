"""External flows of accounts: what came in or went out as capital (PRF-1).

Entry points: `Flows`, `flows_until`.
A flow is a transaction against CAPITAL: deposits, withdrawals, transfers, openings; its assets count at their worth, not at their tax basis.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from .columns import SCALED, Ints, as_integers, as_uuids, fetch_row, places, uuid_literal
from .standing import Accounts, Holdings, Money, converted, market_value, money_of
from .valuation import prices_of, rates_between


@dataclass(frozen=True, slots=True, eq=False)
class Flows:
    """Money and units that came in, by account."""

    money: Money
    units: Holdings

    @property
    def instruments(self) -> list[int]:
        """The instruments that came in kind."""
        found: list[int] = np.unique(self.units.instrument).tolist()
        return found

    def worth(self, accounts: Accounts, now: datetime) -> tuple[Ints, NDArray[np.bool_]]:
        """Return each account's flow in minor units of its currency, and which cannot be valued."""
        prices = prices_of(instrument_ids=self.instruments, now=now)
        into = sorted({(accounts.currencies[c], bool(p)) for c, p in zip(accounts.currency.tolist(), accounts.paper.tolist(), strict=True)})
        rates = rates_between(currencies=sorted({*prices.currencies, *self.money.currencies}), into=into, now=now)
        cash, unknown_cash = converted(accounts, self.money, self.money.columns[0], rates)
        value, unpriced = market_value(accounts, self.units, prices, rates)
        return cash + value, unknown_cash | unpriced


# Account by account over the indexes: a test against the whole list of ids may be made once a row, which is quadratic.
_FLOWS = """
WITH flows AS MATERIALIZED (
    SELECT DISTINCT e.transaction_id, e.account_id FROM unnest(%(ids)s::uuid[]) AS a (id)
    JOIN accounts_ledgerentry e ON e.account_id = a.id AND e.book = 'CAPITAL'
    JOIN accounts_ledgertransaction t ON t.id = e.transaction_id
    LEFT JOIN LATERAL (SELECT s.as_of, s.valued_at FROM accounts_equitysnapshot s WHERE s.account_id = a.id AND s.as_of < %(as_of)s
        ORDER BY s.as_of DESC LIMIT 1) before ON TRUE
    WHERE t.trade_date <= %(as_of)s AND (before.as_of IS NULL OR t.trade_date > before.as_of OR t.recorded_at > before.valued_at)
)
"""
_FLOWED = f"""
{_FLOWS} SELECT m.*, u.* FROM (
    SELECT string_agg(uuid_send(account_id), ''), array_agg(currency::text), string_agg({SCALED.format("amount")}, '')
    FROM (SELECT e.account_id, e.currency, sum(e.amount) AS amount FROM flows f JOIN accounts_ledgerentry e USING (transaction_id, account_id)
        WHERE e.book = 'CASH' GROUP BY 1, 2) c) m
CROSS JOIN (
    SELECT string_agg(uuid_send(account_id), ''), string_agg(int8send(instrument_id), ''), string_agg({SCALED.format("amount")}, '')
    FROM (SELECT e.account_id, e.instrument_id, sum(e.amount) AS amount FROM flows f
        JOIN accounts_ledgerentry e USING (transaction_id, account_id) WHERE e.book = 'POSITION' GROUP BY 1, 2) c) u
"""


def flows_until(*, accounts: Accounts, as_of: date) -> Flows:
    """Return what came in since each account's last snapshot before `as_of`, up to and including that day; one statement.

    By trade date; what was booked late, for a day that had been valued, counts with the first snapshot that holds it (ACC-3, PRF-1).
    """
    row = fetch_row(_FLOWED, {"ids": uuid_literal(accounts.ids), "as_of": as_of})
    owner, instrument, amount = row[3:]
    quantity = as_integers(amount)
    units = Holdings(places(accounts.ids, as_uuids(owner))[0], as_integers(instrument), quantity, np.zeros_like(quantity))
    return Flows(money_of(accounts, row[:3]), units)
