"""Everything sizing must know of thousands of accounts, as arrays (SIZ-1…7, CON-5).

Entry points: `AccountArrays`, `account_arrays`.
Invariants: 1. rows are in the order of ids; 2. a fixed number of statements, whatever the number of accounts; 3. what is not known is MISSING.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from accounts.enums import DEFAULT_POSITION_CAPS, AccountClass, BlockMode, SettlementMode
from market.queries import InstrumentFacts

from .columns import NO_ID, SCALED, Ids, Ints, as_integers, as_uuids, fetch_row, fetch_rows, places, raw_ids, to_uuids, uuid_literal
from .routing import CLASSES, ConnectionFacts, RoutingFacts, facts_of
from .standing import Accounts, Holdings, exponents_of, standing_of
from .valuation import MISSING

UNIT = 10**8
OPEN, CLOSE_ONLY, CLOSED = 0, 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class AccountArrays:
    """n accounts by id, ascending.

    ids: V16[n]; codes: n names; currency: int64[n], places in `currencies`, whose decimals are `exponents`; classes: int64[n], places in
    `class_legend`. equity, available, balance (trade-date cash): int64[n], minor units of the account's currency, MISSING where unknown.
    position, open_buy, open_sell: int64[n] of the sleeve and instrument, 1/UNIT. class_cap: int64[n], 1/UNIT of equity, MISSING without
    one. blocked: int8[n], 0 open, 1 close-only, 2 closed. connection: int64[n], places in `connections`. prices, rates: what was used.
    """

    ids: Ids
    codes: tuple[str, ...]
    currency: Ints
    currencies: tuple[str, ...]
    exponents: Ints
    classes: Ints
    class_legend: tuple[str, ...]
    equity: Ints
    available: Ints
    balance: Ints
    position: Ints
    open_buy: Ints
    open_sell: Ints
    class_cap: Ints
    blocked: NDArray[np.int8]
    routing: RoutingFacts
    mandate_ids: list[UUID | None]
    prices: dict[int, str]
    rates: dict[str, str]

    @property
    def connection(self) -> Ints:
        return self.routing.connection

    @property
    def connections(self) -> tuple[ConnectionFacts, ...]:
        return self.routing.connections

    @property
    def uuids(self) -> list[UUID]:
        """The ids as UUIDs."""
        return to_uuids(self.ids)

    @property
    def class_names(self) -> list[str]:
        """The class of each account, as a word."""
        return [self.class_legend[code] for code in self.classes.tolist()]

    def take(self, rows: NDArray[Any]) -> AccountArrays:
        """Return the accounts at `rows` (a mask or places)."""
        at = np.arange(len(self.ids))[rows]
        changed: dict[str, Any] = {"routing": self.routing.take(at)}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in _BY_ROW:
                changed[field.name] = value[at]
        changed["codes"] = tuple(self.codes[i] for i in at.tolist())
        changed["mandate_ids"] = [self.mandate_ids[i] for i in at.tolist()]
        return replace(self, **changed)


_BY_ROW = frozenset(
    ["ids", "currency", "classes", "equity", "available", "balance", "position", "open_buy", "open_sell", "class_cap", "blocked"]
)


def account_arrays(*, account_ids: Sequence[UUID] | None, sleeve_id: UUID, instrument: InstrumentFacts, now: datetime) -> AccountArrays:
    """Return these accounts (None: all but clearing accounts) as of `now`; ids the firm does not have are left out.

    Figures rest on the last quotes and rates known at `now`, on today's books, and on blocks in force at `now`. Source: ACC-3, ACC-4, CON-5.
    """
    rows = _records(account_ids)
    accounts = rows.accounts
    standing = standing_of(accounts=accounts, sleeve_id=sleeve_id, also=[instrument.id], now=now)
    open_buy, open_sell = _working(rows.ids, sleeve_id, instrument.id)
    return AccountArrays(
        ids=rows.ids,
        codes=rows.codes,
        currency=rows.currency,
        currencies=rows.currencies,
        exponents=exponents_of(rows.currencies),
        classes=rows.classes,
        class_legend=CLASSES,
        equity=standing.equity,
        available=standing.available,
        balance=standing.balance,
        position=_position(standing.holdings, instrument.id, len(rows.ids)),
        open_buy=open_buy,
        open_sell=open_sell,
        class_cap=np.where(rows.own_cap != MISSING, rows.own_cap, _DEFAULT_CAPS[rows.classes]),
        blocked=_blocked(rows, instrument.id, now),
        routing=facts_of(rows.lanes, rows.owners, rows.classes, np.array(rows.codes, np.object_)),
        mandate_ids=_mandates(rows.mandates),
        prices=standing.prices.sources,
        rates=standing.rates.used,
    )


_DEFAULT_CAPS = np.array([MISSING if (cap := DEFAULT_POSITION_CAPS[AccountClass(name)]) is None else int(cap * UNIT) for name in CLASSES])


@dataclass(frozen=True, slots=True, eq=False)
class _Records:
    """The accounts' own rows, by column. opened, closed: days since 1970. complete: bool[n], classified as ACC-2 asks."""

    ids: Ids
    codes: tuple[str, ...]
    currency: Ints
    currencies: tuple[str, ...]
    classes: Ints
    own_cap: Ints
    lanes: Ids
    owners: Ids
    mandates: Ids
    opened: Ints
    closed: Ints
    complete: NDArray[np.bool_]
    paper: NDArray[np.bool_]
    proceeds_count: NDArray[np.bool_]

    @property
    def accounts(self) -> Accounts:
        """What valuing them needs."""
        return Accounts(self.ids, self.currency, self.currencies, self.paper, self.proceeds_count)


def open_accounts_on(*, account_ids: Sequence[UUID] | None, on: date) -> Accounts:
    """Return these accounts (None: all but clearing accounts) as far as they are open on that day."""
    rows = _records(account_ids)
    day = np.datetime64(on, "D").astype(np.int64)
    kept = np.flatnonzero((rows.opened <= day) & (rows.closed > day))
    return Accounts(rows.ids[kept], rows.currency[kept], rows.currencies, rows.paper[kept], rows.proceeds_count[kept])


_RECORDS = f"""
SELECT string_agg(uuid_send(id), ''), array_agg(code::text), array_agg(base_currency::text),
    string_agg(int8send(array_position(%(classes)s::text[], account_class::text) - 1::bigint), ''),
    string_agg(coalesce({SCALED.format("position_cap_rate")}, int8send((-1)::bigint)), ''),
    string_agg(uuid_send(connection_id), ''), string_agg(uuid_send(coalesce(owner_id, %(none)s::uuid)), ''),
    string_agg(uuid_send(coalesce(mandate_id, %(none)s::uuid)), ''), string_agg(int8send((opened_on - DATE '1970-01-01')::bigint), ''),
    string_agg(int8send(coalesce(closed_on - DATE '1970-01-01', %(never)s)::bigint), ''),
    string_agg(int8send((registration <> '')::int::bigint), ''), string_agg(int8send(is_paper::int::bigint), ''),
    string_agg(int8send((settlement_mode = %(proceeds)s)::int::bigint), '')
FROM (SELECT a.*, c.is_paper FROM accounts_account a JOIN accounts_brokerconnection c ON c.id = a.connection_id
    WHERE {{which}} ORDER BY a.id) a
"""
_NEVER = 10**7


def _records(account_ids: Sequence[UUID] | None) -> _Records:
    which = "NOT a.is_clearing" if account_ids is None else "a.id = ANY(%(ids)s::uuid[])"
    parameters = {
        "ids": "{}" if account_ids is None else uuid_literal(raw_ids(account_ids)),
        "classes": list(CLASSES),
        "none": UUID(bytes=NO_ID),
        "never": _NEVER,
        "proceeds": SettlementMode.UNSETTLED_PROCEEDS.value,
    }
    row = fetch_row(_RECORDS.format(which=which), parameters)
    legend, currency = np.unique(np.array(row[2] or [], dtype="U8"), return_inverse=True)
    opened, closed, complete, paper, proceeds = (as_integers(value) for value in row[8:13])
    return _Records(
        ids=as_uuids(row[0]),
        codes=tuple(row[1] or ()),
        currency=currency.astype(np.int64),
        currencies=tuple(legend.tolist()),
        classes=as_integers(row[3]),
        own_cap=np.where(as_integers(row[4]) < 0, MISSING, as_integers(row[4])),
        lanes=as_uuids(row[5]),
        owners=as_uuids(row[6]),
        mandates=as_uuids(row[7]),
        opened=opened,
        closed=closed,
        complete=complete == 1,
        paper=paper == 1,
        proceeds_count=proceeds == 1,
    )


def _position(holdings: Holdings, instrument_id: int, n: int) -> Ints:
    held = np.zeros(n, np.int64)
    rows = holdings.instrument == instrument_id
    held[holdings.account[rows]] = holdings.in_sleeve[rows]
    return held


_WORKING = f"""
SELECT string_agg(uuid_send(account_id), ''), string_agg({SCALED.format("buys")}, ''), string_agg({SCALED.format("sells")}, '')
FROM (SELECT account_id, sum(CASE WHEN side IN ('BUY', 'BUY_TO_COVER') THEN quantity ELSE 0 END) AS buys,
        sum(CASE WHEN side IN ('BUY', 'BUY_TO_COVER') THEN 0 ELSE quantity END) AS sells
    FROM accounts_reservation WHERE released_at IS NULL AND instrument_id = %(instrument)s AND sleeve_id = %(sleeve)s
        AND account_id = ANY(%(ids)s::uuid[]) GROUP BY 1) r
"""


def _working(ids: Ids, sleeve_id: UUID, instrument_id: int) -> tuple[Ints, Ints]:
    row = fetch_row(_WORKING, {"ids": uuid_literal(ids), "sleeve": sleeve_id, "instrument": instrument_id})
    at, found = places(ids, as_uuids(row[0]))
    buys, sells = np.zeros(len(ids), np.int64), np.zeros(len(ids), np.int64)
    buys[at[found]], sells[at[found]] = as_integers(row[1])[found], as_integers(row[2])[found]
    return buys, sells


_BLOCKS = """
SELECT account_id, mode FROM accounts_tradingblock
WHERE starts_at <= %(now)s AND (ends_at IS NULL OR ends_at > %(now)s) AND (instrument_id IS NULL OR instrument_id = %(instrument)s)
"""
_MODES = {BlockMode.CLOSE_ONLY: CLOSE_ONLY, BlockMode.CLOSED: CLOSED}


def _blocked(rows: _Records, instrument_id: int, now: datetime) -> NDArray[np.int8]:
    """ACC-2: an account that is not classified may only reduce. Before it is opened, and once it is closed, it is closed."""
    state = np.where(rows.complete, OPEN, CLOSE_ONLY).astype(np.int8)
    today = np.datetime64(now.date(), "D").astype(np.int64)
    state[(rows.opened > today) | (rows.closed <= today)] = CLOSED
    found = fetch_rows(_BLOCKS, {"now": now, "instrument": instrument_id})
    named = raw_ids(account for account, _ in found if account is not None)
    modes = np.array([_MODES[BlockMode(mode)] for account, mode in found if account is not None], np.int8)
    at, known = places(rows.ids, named)
    np.maximum.at(state, at[known], modes[known])
    everybody = [_MODES[BlockMode(mode)] for account, mode in found if account is None]
    return np.maximum(state, np.int8(max(everybody, default=OPEN)))


def _mandates(ids: Ids) -> list[UUID | None]:
    distinct, place = np.unique(ids, return_inverse=True)
    named = [None if one == NO_ID else UUID(bytes=one) for one in distinct.tolist()]
    return [named[i] for i in place.tolist()]
