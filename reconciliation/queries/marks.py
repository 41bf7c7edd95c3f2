"""Marks, conversion rates and equity as of the end of a business date: what tolerances are measured by (REC-2).

Entry points: `marks_at`, `rates_at`, `equity_at`.
Invariants: 1. nothing after the instant is read; 2. an unknown price or rate stays unknown, and an account that cannot be valued has an
equity of zero, so that every difference of it is material (CON-5).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

import numpy as np

from ..core.expectation import LedgerState
from ..core.fixed import NO_PRICE, SCALE, Ints
from ..core.materiality import Rates
from .codebook import Codebook
from .columns import execute, fetch_columns

_CENTS = 100
Floats = np.ndarray[tuple[int], np.dtype[np.float64]]


def marks_at(book: Codebook, instant: datetime) -> Ints:
    """Return int64[n_instruments] in 10⁻⁸: the middle of the latest two-sided quote, else its last price, else the latest bar's close."""
    places, price = fetch_columns(
        ["i.place - 1", "round(coalesce((q.bid + q.ask) / 2, q.last, b.close) * 100000000)"],
        "FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY i(id, place) "
        "LEFT JOIN LATERAL (SELECT bid, ask, last FROM market_quote WHERE instrument_id = i.id AND as_of <= %(at)s "
        "ORDER BY as_of DESC LIMIT 1) q ON true "
        "LEFT JOIN LATERAL (SELECT close FROM market_bar WHERE q.bid IS NULL AND q.last IS NULL AND instrument_id = i.id "
        "AND starts_at + make_interval(secs => interval_seconds) <= %(at)s ORDER BY starts_at DESC LIMIT 1) b ON true "
        "WHERE coalesce(q.bid + q.ask, q.last, b.close) IS NOT NULL",
        {"ids": book.instrument_ids.tolist(), "at": instant},
    )
    marks = np.full(len(book.instrument_ids), NO_PRICE, np.int64)
    marks[places] = price
    return marks


def rates_at(book: Codebook, instant: datetime) -> Rates:
    """Return (currency, account currency) → price of one unit, from the latest rates: quoted, inverted, or crossed through one third."""
    rows = execute(
        "SELECT DISTINCT ON (base, quote) base, quote, rate FROM market_fxrate WHERE as_of <= %(at)s ORDER BY base, quote, as_of DESC, id",
        {"at": instant},
    ).fetchall()
    known: dict[tuple[str, str], Decimal] = {}
    for base, quote, rate in rows:
        known[base, quote] = rate
    for base, quote, rate in rows:
        known.setdefault((quote, base), 1 / rate)
    names = book.directory.currencies
    wanted = {names[code] for code in set(book.base_currency.tolist())}
    return {(one, to): rate for to in wanted for one in names if one != to and (rate := _rate(known, one, to)) is not None}


def _rate(known: Mapping[tuple[str, str], Decimal], one: str, to: str) -> Decimal | None:
    if (one, to) in known:
        return known[one, to]
    through = sorted(middle for first, middle in known if first == one and (middle, to) in known)
    return known[one, through[0]] * known[through[0], to] if through else None


def equity_at(book: Codebook, as_of: date, state: LedgerState, marks: Ints, rates: Rates) -> Ints:
    """Return int64[n_accounts], 10⁻⁸ of the base currency, to the cent: as recorded for the date, else cash, accruals and
    holdings as marked.

    Floats are rounded to the cent for each holding before they are summed; figures above ±9 × 10¹³ cents are beyond them.
    """
    table = _conversion(book, rates)
    cash = _in_cents(table, book, state.cash_td.account, state.cash_td.currency, state.cash_td.amount / SCALE)
    held = state.positions
    valued = ~book.margined[held.instrument]
    sizes = np.array([float(value) for value in book.directory.multiplier])
    price = np.where(held.price == NO_PRICE, np.nan, held.price / SCALE)
    value = held.quantity / SCALE * price * (sizes[held.instrument] if len(held) else 1.0)
    worth = _in_cents(table, book, held.account[valued], held.currency[valued], value[valued])
    total = np.zeros(len(book.account_ids))
    np.add.at(total, state.cash_td.account, cash)
    np.add.at(total, held.account[valued], worth)
    account, currency, amount = _receivable(book)
    np.add.at(total, account, _in_cents(table, book, account, currency, amount / SCALE))
    computed = np.where(np.isnan(total), 0, total).astype(np.int64) * (SCALE // _CENTS)
    recorded, equity = _recorded(book, as_of)
    computed[recorded] = equity
    return computed


def _conversion(book: Codebook, rates: Rates) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    names = book.directory.currencies
    table = np.full((len(names), len(names)), np.nan)
    for to in set(book.base_currency.tolist()):
        for one in range(len(names)):
            rate = 1 if one == to else rates.get((names[one], names[to]))
            table[one, to] = np.nan if rate is None else float(rate)
    return table


def _in_cents(
    table: np.ndarray[tuple[int, int], np.dtype[np.float64]], book: Codebook, account: Ints, currency: Ints, amount: Floats
) -> Floats:
    return np.asarray(np.rint(amount * table[currency, book.base_currency[account]] * _CENTS))


def _receivable(book: Codebook) -> tuple[Ints, Ints, Ints]:
    """Return what is accrued and not paid (negative: owed), by account and currency (ACC-3)."""
    account, currency, amount = fetch_columns(
        ["a.code", "m.place - 1", "c.receivable * 100000000"],
        "FROM accounts_cashbalance c JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS code FROM accounts_account "
        "WHERE custodian_id = %(custodian)s) a ON a.id = c.account_id "
        "JOIN unnest(%(currencies)s::text[]) WITH ORDINALITY m(name, place) ON m.name = c.currency WHERE c.receivable <> 0",
        {"custodian": book.custodian_id, "currencies": list(book.directory.currencies)},
    )
    return account, currency, amount


def _recorded(book: Codebook, as_of: date) -> tuple[Ints, Ints]:
    account, equity = fetch_columns(
        ["a.code", "s.equity * 100000000"],
        "FROM accounts_equitysnapshot s JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS code FROM accounts_account "
        "WHERE custodian_id = %(custodian)s) a ON a.id = s.account_id WHERE s.as_of = %(as_of)s",
        {"custodian": book.custodian_id, "as_of": as_of},
    )
    return account, equity
