"""What sizing and the gates need of many accounts, as arrays (ACC-3, ACC-4, SIZ-1).

Entry point: `account_arrays`. A constant number of statements, whatever the number of accounts.
Invariants: 1. equity and cash are exact to 10⁻⁸ of each currency before they are rounded once to the base currency's minor unit.
2. an account with a holding or cash that has no price or no rate has MISSING equity and available cash, never a guess (CON-5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from base.core.ids import uuid_texts
from base.core.money import minor_exponent
from market import queries as market
from market.queries import InstrumentFacts

from ..enums import DEFAULT_POSITION_CAPS, AccountClass, SettlementMode
from .routing import CLASSES, RoutingFacts, connections

UNIT = 10**8
MISSING = -(2**63)
PAPER_FX_AGE = timedelta(hours=96)
LIVE_FX_AGE = timedelta(seconds=60)
# ACC-4 [D]: what stays untouched of every account's equity.
BUFFER = (5, 1000)
Ints = NDArray[np.int64]

_ACCOUNTS = """
SELECT id, code, account_class, base_currency, connection_id, owner_id, mandate_id, settlement_mode,
       coalesce((position_cap_rate * 100000000)::bigint, -1)
FROM accounts_account WHERE id = ANY(%s) AND closed_on IS NULL ORDER BY id"""
_CASH = """
SELECT account_id, currency, (sum(amount) * 100000000)::bigint,
       (coalesce(sum(amount) FILTER (WHERE settle_date <= %s), 0) * 100000000)::bigint,
       (coalesce(sum(outflow) FILTER (WHERE settle_date > %s), 0) * 100000000)::bigint
FROM accounts_cashbalance WHERE account_id = ANY(%s) GROUP BY 1, 2"""
_RECEIVABLE = """
SELECT account_id, currency, (sum(receivable) * 100000000)::bigint FROM accounts_cashbalance
WHERE receivable <> 0 AND account_id = ANY(%s) GROUP BY 1, 2"""
_HELD = """
SELECT account_id, instrument_id, (sum(quantity) * 100000000)::bigint,
       (coalesce(sum(quantity) FILTER (WHERE sleeve_id = %s), 0) * 100000000)::bigint
FROM accounts_position WHERE account_id = ANY(%s) AND quantity <> 0 GROUP BY 1, 2"""
_RESERVED = """
SELECT account_id, cash_currency, (sum(cash) * 100000000)::bigint,
       (coalesce(sum(quantity) FILTER (WHERE instrument_id = %s AND sleeve_id = %s AND side LIKE 'BUY%%'), 0) * 100000000)::bigint,
       (coalesce(sum(quantity) FILTER (WHERE instrument_id = %s AND sleeve_id = %s AND side LIKE 'SELL%%'), 0) * 100000000)::bigint
FROM accounts_reservation WHERE released_at IS NULL AND account_id = ANY(%s) GROUP BY 1, 2"""
_BLOCKED = """
SELECT account_id, instrument_id, max(CASE mode WHEN 'CLOSED' THEN 2 ELSE 1 END) FROM accounts_tradingblock
WHERE starts_at <= %s AND (ends_at IS NULL OR ends_at > %s) AND (account_id IS NULL OR account_id = ANY(%s))
  AND (instrument_id IS NULL OR instrument_id = %s) GROUP BY 1, 2"""


@dataclass(frozen=True)
class AccountArrays:
    """n accounts by ascending id. Money: int64[n], minor units of the account's base currency, MISSING where it is not known.

    ids: V16[n]. currency: int64[n] in `currencies`. exponents: int64[c]. position, open_buy, open_sell: of the sleeve and instrument,
    UNIT = 1. class_cap: UNIT = 100%, MISSING where a contract must state it and does not. blocked: 0 none, 1 close-only, 2 closed.
    """

    ids: NDArray[Any]
    codes: list[str]
    currencies: tuple[str, ...]
    currency: Ints
    exponents: Ints
    equity: Ints
    available: Ints
    balance: Ints
    position: Ints
    open_buy: Ints
    open_sell: Ints
    class_cap: Ints
    blocked: Ints
    mandate_ids: list[UUID | None]
    routing: RoutingFacts

    @property
    def connections(self) -> tuple[Any, ...]:
        return self.routing.connections

    @property
    def connection(self) -> Ints:
        return self.routing.connection

    @property
    def classes(self) -> Ints:
        return self.routing.classes

    @property
    def class_legend(self) -> tuple[str, ...]:
        return self.routing.class_legend

    @cached_property
    def class_names(self) -> list[str]:
        """The class of each row by name."""
        return [CLASSES[number] for number in self.classes.tolist()]

    @cached_property
    def uuids(self) -> list[UUID]:
        """The ids as UUIDs."""
        return [UUID(bytes=raw) for raw in self.ids.tolist()]

    @cached_property
    def texts(self) -> list[str]:
        """The ids as text."""
        return uuid_texts(self.ids)

    def take(self, rows: Ints) -> AccountArrays:
        """Return these rows."""
        picked: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name == "routing":
                value = value.take(rows)
            elif isinstance(value, list):
                value = [value[i] for i in rows.tolist()]
            elif item.name not in {"currencies", "exponents"}:
                value = value[rows]
            picked[item.name] = value
        return AccountArrays(**picked)


def account_arrays(*, account_ids: Sequence[UUID], sleeve_id: UUID, instrument: InstrumentFacts, now: datetime) -> AccountArrays:
    """Return the accounts' arrays as of `now` for one sleeve and instrument; closed accounts are left out."""
    wanted = list(account_ids)
    rows = _rows(_ACCOUNTS, [wanted])
    place = {row[0]: i for i, row in enumerate(rows)}
    lanes = connections()
    lane_of = {lane.id: number for number, lane in enumerate(lanes)}
    currencies = tuple(sorted({row[3] for row in rows}))
    code_of = {code: number for number, code in enumerate(currencies)}
    currency = np.array([code_of[row[3]] for row in rows], dtype=np.int64)
    today = now.date()
    is_paper = all(lane.is_paper for lane in lanes)
    book = _Book(len(rows), currencies, currency, now, PAPER_FX_AGE if is_paper else LIVE_FX_AGE)
    position, open_buy, open_sell = (np.zeros(len(rows), dtype=np.int64) for _ in range(3))
    _add_cash(book, place, rows, wanted, today)
    _add_holdings(book, place, wanted, sleeve_id, instrument, position)
    for account, code, cash, buys, sells in _rows(_RESERVED, [instrument.id, sleeve_id, instrument.id, sleeve_id, wanted]):
        if (i := place.get(account)) is not None:
            book.add_spendable(i, code, -cash)
            open_buy[i] += buys
            open_sell[i] += sells
    equity, available, balance = book.totals()
    routing = RoutingFacts(
        np.array([lane_of[row[4]] for row in rows], dtype=np.int64),
        lanes,
        np.frombuffer(b"".join(row[5].bytes if row[5] else bytes(16) for row in rows), dtype="V16"),
        np.array([CLASSES.index(row[2]) for row in rows], dtype=np.int64),
    )
    return AccountArrays(
        ids=np.frombuffer(b"".join(row[0].bytes for row in rows), dtype="V16"),
        codes=[row[1] for row in rows],
        currencies=currencies,
        currency=currency,
        exponents=np.array([minor_exponent(code) for code in currencies], dtype=np.int64),
        equity=equity,
        available=available,
        balance=balance,
        position=position,
        open_buy=open_buy,
        open_sell=open_sell,
        class_cap=_caps(rows),
        blocked=_blocked(place, wanted, instrument.id, now),
        mandate_ids=[row[6] for row in rows],
        routing=routing,
    )


class _Book:
    """Adds up money in many currencies per account, in units of 10⁻⁸ of the account's base currency."""

    def __init__(self, n: int, currencies: tuple[str, ...], currency: Ints, now: datetime, max_age: timedelta) -> None:
        self.currencies, self.currency, self.now, self.max_age = currencies, currency, now, max_age
        self.lane = currency.tolist()
        self.equity, self.spendable, self.balance = ([0] * n for _ in range(3))
        self.unknown = np.zeros(n, dtype=bool)
        self._rates: dict[str, list[tuple[int, int] | None]] = {}

    def add_cash(self, i: int, code: str, total: int, spendable: int) -> None:
        if (rate := self._rate(code, self.lane[i])) is None:
            self.unknown[i] |= bool(total or spendable)
            return
        value = _times(total, rate)
        self.equity[i] += value
        self.balance[i] += value
        self.spendable[i] += _times(spendable, rate)

    def add_value(self, i: int, code: str, amount: int) -> None:
        if (rate := self._rate(code, self.lane[i])) is None:
            self.unknown[i] = True
            return
        self.equity[i] += _times(amount, rate)

    def add_spendable(self, i: int, code: str, amount: int) -> None:
        if (rate := self._rate(code, self.lane[i])) is None:
            self.unknown[i] |= bool(amount)
            return
        self.spendable[i] += _times(amount, rate)

    def _rate(self, code: str, lane: int) -> tuple[int, int] | None:
        if code not in self._rates:
            self._rates[code] = [self._ratio(code, base) for base in self.currencies]
        return self._rates[code][lane]

    def _ratio(self, code: str, base: str) -> tuple[int, int] | None:
        if code == base:
            return 1, 1
        ratios = market.fx_ratios(currencies=[code], to=base, now=self.now, max_age=self.max_age)
        return None if ratios.missing[0] else (int(ratios.num[0]), int(ratios.den[0]))

    def totals(self) -> tuple[Ints, Ints, Ints]:
        """Return equity, available cash and balance in minor units; what is not known is MISSING."""
        scale = [10 ** (8 - minor_exponent(code)) for code in self.currencies]
        kept = [max(e, 0) * BUFFER[0] // BUFFER[1] for e in self.equity]
        columns = [self.equity, [s - k for s, k in zip(self.spendable, kept, strict=True)], self.balance]
        found = [np.array([_round(v, scale[c]) for v, c in zip(column, self.lane, strict=True)], dtype=np.int64) for column in columns]
        for column in found:
            column[self.unknown] = MISSING
        return found[0], found[1], found[2]


def _times(amount: int, rate: tuple[int, int]) -> int:
    return amount if rate == (1, 1) else _round(amount * rate[0], rate[1])


def _round(amount: int, divisor: int) -> int:
    """Divide half away from zero, in integers."""
    magnitude = (2 * abs(amount) + divisor) // (2 * divisor)
    return magnitude if amount >= 0 else -magnitude


def _add_cash(book: _Book, place: dict[UUID, int], rows: list[Any], wanted: list[UUID], today: date) -> None:
    proceeds = [row[7] == SettlementMode.UNSETTLED_PROCEEDS for row in rows]
    for account, code, total, settled, outflow in _rows(_CASH, [today, today, wanted]):
        if (i := place.get(account)) is not None:
            book.add_cash(i, code, total, total if proceeds[i] else settled - outflow)
    for account, code, amount in _rows(_RECEIVABLE, [wanted]):
        if (i := place.get(account)) is not None:
            book.add_value(i, code, amount)
            book.add_spendable(i, code, min(amount, 0))


def _add_holdings(
    book: _Book, place: dict[UUID, int], wanted: list[UUID], sleeve_id: UUID, instrument: InstrumentFacts, position: Ints
) -> None:
    held = _rows(_HELD, [sleeve_id, wanted])
    ids = sorted({row[1] for row in held})
    facts = market.instruments(ids)
    quotes = market.latest_quotes(instrument_ids=ids, now=book.now)
    prices = {}
    for pk, quote in quotes.items():
        price = quote.last if quote.last is not None else quote.mid
        prices[pk] = int(price * facts[pk].multiplier * UNIT * 100)
    for account, pk, quantity, mine in held:
        if (i := place.get(account)) is None:
            continue
        if pk == instrument.id:
            position[i] += mine
        if pk not in prices:
            book.unknown[i] = True
        else:
            book.add_value(i, facts[pk].currency, _round(quantity * prices[pk], UNIT * 100))


def _caps(rows: list[Any]) -> Ints:
    """ACC-1: the account's own cap, else its class's; a desk without a contract has none to trade under."""
    defaults = {kind.value: int(cap * UNIT) if cap is not None else 0 for kind, cap in DEFAULT_POSITION_CAPS.items()}
    return np.array([row[8] if row[8] >= 0 else defaults[AccountClass(row[2])] for row in rows], dtype=np.int64)


def _blocked(place: dict[UUID, int], wanted: list[UUID], instrument_id: int, now: datetime) -> Ints:
    blocked = np.zeros(len(place), dtype=np.int64)
    for account, _, mode in _rows(_BLOCKED, [now, now, wanted, instrument_id]):
        if account is None:
            blocked = np.maximum(blocked, mode)
        elif account in place:
            blocked[place[account]] = max(int(blocked[place[account]]), mode)
    return blocked


def _rows(sql: str, parameters: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()
