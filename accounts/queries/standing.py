"""Where accounts stand: what they hold, owe and have reserved, in one currency each (ACC-3, ACC-4).

Entry points: `Accounts`, `Holdings`, `Money`, `Standing`, `standing_of`; `converted`, `position_values` and `market_value` for other sums.
Invariants: 1. a fixed number of statements, whatever the number of accounts; 2. an account one of whose holdings has no price, or one of
whose currencies no rate, has no equity and nothing available: `MISSING`, never a guess (CON-5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from base.core.money import minor_exponent
from governance.queries import firm_settings

from ..core.posting_arrays import sum_by
from .columns import SCALED, Ids, Ints, as_integers, as_uuids, fetch_row, places, uuid_literal
from .valuation import MISSING, Prices, Rates, convert, prices_of, rates_between


@dataclass(frozen=True, slots=True, eq=False)
class Accounts:
    """n accounts by id. ids: V16[n], ascending; currency: int64[n], places in `currencies`; paper, proceeds_count: bool[n]."""

    ids: Ids
    currency: Ints
    currencies: tuple[str, ...]
    paper: NDArray[np.bool_]
    proceeds_count: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Holdings:
    """Positions of all sleeves. account: int64[p], places in the accounts; quantity: 10⁻⁸; in_sleeve: what of it the asked sleeve holds."""

    account: Ints
    instrument: Ints
    quantity: Ints
    in_sleeve: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """All int64[n], minor units of each account's base currency, MISSING where it cannot be known.

    equity: ACC-3. available: ACC-4. balance: trade-date cash. market_value: signed. holdings, prices, rates: what it was made of.
    """

    equity: Ints
    available: Ints
    balance: Ints
    market_value: Ints
    holdings: Holdings
    prices: Prices
    rates: Rates


def standing_of(*, accounts: Accounts, sleeve_id: Any, also: Sequence[int], now: datetime) -> Standing:
    """Value accounts as of `now`: settled means settled by that date (UTC). also: instruments to be priced besides what is held."""
    ids = uuid_literal(accounts.ids)
    held_units, money_held, held_by_orders = _books(ids, sleeve_id, now.date())
    holdings = _holdings(accounts, held_units)
    prices = prices_of(instrument_ids=[*np.unique(holdings.instrument).tolist(), *also], now=now)
    cash, reserved = money_of(accounts, money_held), money_of(accounts, held_by_orders)
    into = {(accounts.currencies[c], bool(p)) for c, p in set(zip(accounts.currency.tolist(), accounts.paper.tolist(), strict=True))}
    spoken = {*prices.currencies, *cash.currencies, *reserved.currencies}
    rates = rates_between(currencies=sorted(spoken), into=sorted(into), now=now)
    value, unpriced = market_value(accounts, holdings, prices, rates)
    money = [converted(accounts, cash, column, rates) for column in cash.columns]
    held, unreserved = converted(accounts, reserved, reserved.columns[0], rates, round_up=True)
    unknown_cash = money[0][1]
    total, settled, inflow, outflow, receivable, owed = (column for column, _ in money)
    equity = total + receivable + value
    rate = firm_settings().cash_buffer_rate
    buffer = _share(np.maximum(equity, 0), rate)
    proceeds = np.where(accounts.proceeds_count, inflow, 0)
    available = settled + proceeds - outflow - held - owed - buffer
    unknown = unknown_cash | unpriced
    return Standing(
        equity=np.where(unknown, MISSING, equity),
        available=np.where(unknown | unreserved, MISSING, available),
        balance=np.where(unknown_cash, MISSING, total),
        market_value=np.where(unpriced, MISSING, value),
        holdings=holdings,
        prices=prices,
        rates=rates,
    )


_HOLDINGS = f"""
SELECT string_agg(uuid_send(account_id), ''), string_agg(int8send(instrument_id), ''), string_agg({SCALED.format("quantity")}, ''),
    string_agg(int8send((sleeve_id = %(sleeve)s)::int::bigint), '')
FROM accounts_position WHERE quantity <> 0 AND account_id = ANY(%(ids)s::uuid[])
"""


def _holdings(accounts: Accounts, row: tuple[Any, ...]) -> Holdings:
    """Sleeves and legs are summed here: the database would sort fifty thousand rows for it."""
    raw, *columns = row
    instrument, quantity, own = (as_integers(value) for value in columns)
    keys = [places(accounts.ids, as_uuids(raw))[0], instrument]
    (account, held), total = sum_by(keys, quantity)
    return Holdings(account, held, total, sum_by(keys, quantity * own)[1])


@dataclass(frozen=True, slots=True, eq=False)
class Money:
    """r rows of (account, currency) and their columns in 10⁻⁸."""

    account: Ints
    currency: Ints
    currencies: tuple[str, ...]
    columns: tuple[Ints, ...]


_CASH = f"""
SELECT string_agg(uuid_send(account_id), ''), array_agg(currency::text), string_agg({SCALED.format("total")}, ''),
    string_agg({SCALED.format("settled")}, ''), string_agg({SCALED.format("inflow")}, ''), string_agg({SCALED.format("outflow")}, ''),
    string_agg({SCALED.format("receivable")}, ''), string_agg({SCALED.format("owed")}, '')
FROM (SELECT account_id, currency, sum(amount) AS total,
        coalesce(sum(amount) FILTER (WHERE settle_date <= %(today)s), 0) AS settled,
        coalesce(sum(amount + outflow) FILTER (WHERE settle_date > %(today)s), 0) AS inflow,
        coalesce(sum(outflow) FILTER (WHERE settle_date > %(today)s), 0) AS outflow,
        sum(receivable) AS receivable, sum(greatest(-receivable, 0)) AS owed
    FROM accounts_cashbalance WHERE account_id = ANY(%(ids)s::uuid[]) GROUP BY 1, 2) c
"""
_RESERVED = f"""
SELECT string_agg(uuid_send(account_id), ''), array_agg(cash_currency::text), string_agg({SCALED.format("cash")}, '')
FROM (SELECT account_id, cash_currency, sum(cash) AS cash FROM accounts_reservation
    WHERE released_at IS NULL AND cash > 0 AND account_id = ANY(%(ids)s::uuid[]) GROUP BY 1, 2) r
"""


_WIDTHS = (4, 8)


def _books(ids: str, sleeve_id: Any, today: date) -> tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]:
    """Return what is held, the money, and what orders hold of it, as of one moment: a fill booked between would be in the one and not in the other."""
    sql = f"SELECT h.*, c.*, r.* FROM ({_HOLDINGS}) h CROSS JOIN ({_CASH}) c CROSS JOIN ({_RESERVED}) r"
    row = fetch_row(sql, {"ids": ids, "sleeve": sleeve_id, "today": today})
    units, money = _WIDTHS
    return row[:units], row[units : units + money], row[units + money :]


def money_of(accounts: Accounts, row: tuple[Any, ...]) -> Money:
    names = row[1] or []
    legend, currency = np.unique(np.array(names, dtype="U8"), return_inverse=True)
    account = places(accounts.ids, as_uuids(row[0]))[0]
    return Money(account, currency.astype(np.int64), tuple(legend.tolist()), tuple(as_integers(value) for value in row[2:]))


def converted(accounts: Accounts, money: Money, column: Ints, rates: Rates, *, round_up: bool = False) -> tuple[Ints, NDArray[np.bool_]]:
    """Return Σ of the column in each account's base currency, and which accounts have an amount that cannot be converted."""
    total, unknown = np.zeros(len(accounts.ids), np.int64), np.zeros(len(accounts.ids), np.bool_)
    for rows, name, base, paper in _groups(accounts, money.account, money.currency, money.currencies):
        rate = rates.rate.get((name, base, paper))
        if rate is None:
            # All columns of a row share its fate: a balance of zero with something unsettled beside it is not nothing.
            relevant = np.zeros(len(rows), np.bool_)
            for other in money.columns:
                relevant |= other[rows] != 0
            unknown[money.account[rows[relevant]]] = True
        else:
            np.add.at(total, money.account[rows], convert(column[rows], rate, base, round_up=round_up))
    return total, unknown


def _groups(accounts: Accounts, account: Ints, currency: Ints, legend: Sequence[str]) -> list[tuple[Ints, str, str, bool]]:
    """Return rows by (their currency, the account's currency, paper)."""
    if not len(account):
        return []
    base, paper = accounts.currency[account], accounts.paper[account].astype(np.int64)
    code = (currency * len(accounts.currencies) + base) * 2 + paper
    found = []
    for one in np.unique(code).tolist():
        rest, is_paper = divmod(one, 2)
        name, base_place = divmod(rest, len(accounts.currencies))
        found.append((np.flatnonzero(code == one), legend[name], accounts.currencies[base_place], bool(is_paper)))
    return found


def market_value(accounts: Accounts, holdings: Holdings, prices: Prices, rates: Rates) -> tuple[Ints, NDArray[np.bool_]]:
    """Return Σ quantity × price × multiplier × rate, each position rounded once, and which accounts hold what cannot be valued."""
    total, unknown = np.zeros(len(accounts.ids), np.int64), np.zeros(len(accounts.ids), np.bool_)
    values = position_values(accounts, holdings, prices, rates)
    valued = values != MISSING
    unknown[holdings.account[~valued]] = True
    np.add.at(total, holdings.account[valued], values[valued])
    return total, unknown


def position_values(accounts: Accounts, holdings: Holdings, prices: Prices, rates: Rates) -> Ints:
    """Return each position's value in minor units of its account's currency, rounded once; MISSING without a price or a rate."""
    values = np.full(len(holdings.account), MISSING, np.int64)
    at = np.searchsorted(prices.ids, holdings.instrument)
    legend = [str(one) for one in prices.ids.tolist()]
    for rows, name, base, paper in _groups(accounts, holdings.account, at, legend):
        place = int(np.searchsorted(prices.ids, int(name)))
        worth, rate = prices.worth[place], rates.rate.get((prices.currencies[int(prices.currency[place])], base, paper))
        if worth is not None and rate is not None:
            values[rows] = convert(holdings.quantity[rows], worth * rate, base)
    return values


def _share(amount: Ints, rate: Decimal) -> Ints:
    """Return amount × rate, rounded half-up; amounts ≥ 0."""
    exact = Fraction(rate)
    scaled = amount.astype(object) * (2 * exact.numerator) + exact.denominator
    result: Ints = (scaled // (2 * exact.denominator)).astype(np.int64)
    return result


def exponents_of(currencies: Sequence[str]) -> Ints:
    """Return how many decimals each currency's minor unit has."""
    return np.array([minor_exponent(name) for name in currencies], np.int64)
