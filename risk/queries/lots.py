"""From the rows of a batch to the arrays gate 2 checks: fresh prices, money, positions, caps, blocks, authority, kill switch.

Entry point: `load_lots`.

Invariants:
1. A lot's own reservation (its part of one, for a slice) does not stand in its way: its cash counts as available, its quantity not as a
   working order.
2. Working orders of the other side never make room: they may never fill.
3. What is not known is marked missing, and an account that does not answer has neither equity nor authority (CON-5).
4. Statements: a constant number for the batch, and four for each distinct instrument (mandates, authority, restricted list).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from market.queries import FIXING_MAX_AGE
from risk.core.exact import Bools, Ints
from risk.core.gate_two import MAX_AGE
from risk.core.lots import LotBatch, scaled
from risk.enums import LiquidityClass, Missing, Restriction

from . import batch_books, facts, verdicts
from .facts import MISSING, AccountFacts
from .rows import UNIT, Gate2Rows

if TYPE_CHECKING:
    from market.queries import InstrumentFacts, QuoteFacts

_LIMIT = 2**62
_MICROSECOND = timedelta(microseconds=1)
_LIQUIDITY = {
    "FX": LiquidityClass.FX_CRYPTO,
    "CRYPTO_SPOT": LiquidityClass.FX_CRYPTO,
    "OPTION": LiquidityClass.ILLIQUID,
    "BOND": LiquidityClass.ILLIQUID,
}


@dataclass(frozen=True, slots=True, eq=False)
class LoadedLots:
    """batch: what `check_lots` takes. said: what governance said, with its reasons for the messages."""

    batch: LotBatch
    said: verdicts.Said


def load_lots(
    *,
    rows: Gate2Rows,
    quotes: Mapping[int, QuoteFacts],
    now: datetime,
    fx_max_age: timedelta = FIXING_MAX_AGE,
    max_age: Mapping[LiquidityClass, timedelta] = MAX_AGE,
) -> LoadedLots:
    """Return the batch as gate 2 checks it. quotes: fresh ones by instrument id; an instrument without one has no price."""
    instruments = facts.instruments([order.instrument_id for order in rows.orders])
    unique, at = np.unique(rows.account, return_inverse=True)
    accounts = facts.account_facts(ids=unique, now=now, instrument=instruments[rows.orders[0].instrument_id])
    prices = _prices(rows, instruments, quotes, now, max_age)
    fx, fx_scale, no_rate = _rates(rows, instruments, accounts, at, now, fx_max_age)
    positions, own = _positions(rows, unique, at)
    missing = prices.missing | np.where(no_rate, Missing.FX.value, 0).astype(np.uint8) | _lost(accounts, at)
    money_scale = 10 ** accounts.exponent[at]
    value = _order_values(rows.quantity, prices.price, prices.price_scale, fx, fx_scale, money_scale)
    said = verdicts.ask(
        rows=rows, instruments=instruments, accounts=accounts, at=at, position=positions, notional=value, missing=missing, now=now
    )
    cap = np.where(said.cap != MISSING, np.minimum(said.cap, accounts.class_cap[at]), accounts.class_cap[at])
    size = len(rows)
    batch = LotBatch(
        delta=rows.delta,
        position=positions,
        lot=rows.of_orders([max(1, int(instruments[o.instrument_id].lot_step * UNIT)) for o in rows.orders]),
        quantity_scale=np.full(size, UNIT, np.int64),
        price=prices.price,
        sized_price=prices.sized_price,
        price_scale=prices.price_scale,
        price_age_us=prices.age,
        max_age_us=prices.max_age,
        fx=fx,
        fx_scale=fx_scale,
        equity=_known(accounts.equity[at]),
        available=_known(accounts.available[at]) + _own_cash(own, accounts, at, now, fx_max_age),
        money_scale=money_scale,
        cap_rate=_known(cap),
        margin_rate=np.full(size, UNIT, np.int64),
        killed=said.killed,
        flattening=np.zeros(size, np.bool_),
        authorised=said.authorised,
        instructed=np.zeros(size, np.bool_),
        forbidden=said.forbidden,
        restriction=said.restriction,
        block=_blocks(rows, unique, at, now),
        missing=missing,
    )
    return LoadedLots(batch, said)


@dataclass(frozen=True, slots=True, eq=False)
class _Prices:
    price: Ints
    sized_price: Ints
    price_scale: Ints
    age: Ints
    max_age: Ints
    missing: NDArray[np.uint8]


def _prices(
    rows: Gate2Rows,
    instruments: Mapping[int, InstrumentFacts],
    quotes: Mapping[int, QuoteFacts],
    now: datetime,
    max_age: Mapping[LiquidityClass, timedelta],
) -> _Prices:
    """Lay fresh and sized prices over the rows: one exact conversion for each distinct pair of instrument and sized price."""
    ids = rows.of_orders([order.instrument_id for order in rows.orders])
    pairs, at = np.unique(np.stack([ids, rows.sized_price]), axis=1, return_inverse=True)
    columns = [_price(instruments[int(key)], quotes.get(int(key)), int(sized), now, max_age) for key, sized in pairs.T]
    table = np.array(columns, np.int64).reshape(-1, len(fields(_Prices)))[at.reshape(-1)].T
    price, sized_price, scale, age, oldest, missing = np.ascontiguousarray(table)
    return _Prices(price, sized_price, scale, age, oldest, missing.astype(np.uint8))


def _price(
    instrument: InstrumentFacts, quote: QuoteFacts | None, sized: int, now: datetime, max_age: Mapping[LiquidityClass, timedelta]
) -> tuple[int, ...]:
    oldest = max_age[_LIQUIDITY.get(instrument.kind, LiquidityClass.LIQUID)] // _MICROSECOND
    fair = None if quote is None else facts.price_of(quote)
    if quote is None or fair is None or fair <= 0 or sized <= 0:
        return 0, 0, 1, 0, oldest, Missing.PRICE.value
    (price, then), scale = scaled(fair * instrument.multiplier, Decimal(sized).scaleb(-8) * instrument.multiplier)
    if max(price, then, scale) >= _LIMIT:
        return 0, 0, 1, 0, oldest, Missing.PRICE.value
    return price, then, scale, (now - quote.as_of) // _MICROSECOND, oldest, 0


def _rates(
    rows: Gate2Rows, instruments: Mapping[int, InstrumentFacts], accounts: AccountFacts, at: NDArray[Any], now: datetime, max_age: timedelta
) -> tuple[Ints, Ints, Bools]:
    """Return the exact rate of each row's quote currency into its account's currency, as numerator, denominator, missing."""
    quoted = list(dict.fromkeys(instruments[order.instrument_id].currency for order in rows.orders))
    places = rows.of_orders([quoted.index(instruments[order.instrument_id].currency) for order in rows.orders])
    num, den, lost = facts.rate_tables(from_=quoted, to=accounts.currencies, now=now, max_age=max_age)
    cells = (accounts.currency[at], places)
    return num[cells], den[cells], lost[cells] | ~accounts.known[at]


def _positions(rows: Gate2Rows, unique: NDArray[Any], at: NDArray[Any]) -> tuple[Ints, _Own]:
    """Return each row's account position with other working orders of its side, and the row's own reservations."""
    ids = np.array(sorted({order.instrument_id for order in rows.orders}), np.int64)
    pairs = batch_books.held(accounts=unique, instrument_ids=ids.tolist())
    held = np.zeros((3, len(unique), len(ids)), np.int64)
    place = np.minimum(np.searchsorted(unique, pairs.account), len(unique) - 1)
    ours = unique[place] == pairs.account
    cells = (place[ours], np.searchsorted(ids, pairs.instrument[ours]))
    for plane, values in enumerate((pairs.position, pairs.open_buy, pairs.open_sell)):
        held[plane][cells] = values[ours]
    row_cells = (at, np.searchsorted(ids, rows.of_orders([order.instrument_id for order in rows.orders])))
    own = _own(rows)
    working = np.where(rows.side > 0, held[1][row_cells], held[2][row_cells])
    working = np.maximum(working - own.quantity, 0)
    return held[0][row_cells] + rows.side.astype(np.int64) * working, own


@dataclass(frozen=True, slots=True, eq=False)
class _Own:
    """By row: the quantity and cash (1/UNIT) that the row's own reservation holds, and the position of its currency in `currencies`."""

    quantity: Ints
    cash: Ints
    currency: Ints
    currencies: list[str]


def _own(rows: Gate2Rows) -> _Own:
    found = batch_books.own_reservations(order_ids=list({order.reserved_as for order in rows.orders}))
    size = len(rows)
    quantity, cash, currency = np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64)
    if len(found.order):
        orders = np.frombuffer(b"".join(order.reserved_as.bytes for order in rows.orders), "V16")
        keys = _joined(orders[rows.order], rows.account)
        reserved = _joined(found.order, found.account)
        order = np.argsort(reserved)
        place = np.minimum(np.searchsorted(reserved[order], keys), len(reserved) - 1)
        hit = reserved[order][place] == keys
        source = order[place]
        for target, values in ((quantity, found.quantity), (cash, found.cash), (currency, found.currency)):
            target[hit] = values[source][hit]
    part = np.minimum(rows.quantity, quantity)
    shares = cash.astype(object) * part.astype(object) // np.maximum(quantity, 1).astype(object)
    return _Own(part, shares.astype(np.int64), currency, found.currencies)


def _joined(left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    """Return pairs of ids as one sortable column, V32[n]."""
    both = np.empty((len(left), 2), "V16")
    both[:, 0], both[:, 1] = left, right
    return both.view("V32").reshape(-1)


def _order_values(quantity: Ints, price: Ints, price_scale: Ints, fx: Ints, fx_scale: Ints, money_scale: Ints) -> Ints:
    """Return what each lot is worth in minor units of the account's currency, rounded up: int64[n], the largest number where it is more."""
    top = quantity.astype(object) * price.astype(object) * fx.astype(object) * money_scale.astype(object)
    bottom = price_scale.astype(object) * fx_scale.astype(object) * UNIT
    return np.minimum(-(-top // bottom), _LIMIT).astype(np.int64)


def _own_cash(own: _Own, accounts: AccountFacts, at: NDArray[Any], now: datetime, max_age: timedelta) -> Ints:
    """Return the row's own reserved cash in minor units of the account's currency, rounded down; nothing where there is no rate."""
    if not own.currencies:
        return np.zeros(len(at), np.int64)
    num, den, lost = facts.rate_tables(from_=own.currencies, to=accounts.currencies, now=now, max_age=max_age)
    cells = (accounts.currency[at], own.currency)
    top = own.cash.astype(object) * num[cells].astype(object) * (10 ** accounts.exponent[at]).astype(object)
    bottom = den[cells].astype(object) * UNIT
    return np.where(lost[cells], 0, (top // bottom).astype(np.int64))


def _blocks(rows: Gate2Rows, unique: NDArray[Any], at: NDArray[Any], now: datetime) -> NDArray[np.int8]:
    """Return the strictest trading block on each row's account, instrument, or the pair."""
    ids = sorted({order.instrument_id for order in rows.orders})
    instrument = rows.of_orders([order.instrument_id for order in rows.orders])
    strictest = np.full(len(rows), Restriction.NONE.value, np.int8)
    for account_id, instrument_id, mode in batch_books.blocks(instrument_ids=ids, now=now):
        hit = np.ones(len(rows), np.bool_)
        if account_id is not None:
            named = np.frombuffer(account_id.bytes, "V16")
            place = int(np.searchsorted(unique, named)[0])
            hit &= (at == place) & (place < len(unique) and bool(unique[place] == named[0]))
        if instrument_id is not None:
            hit &= instrument == instrument_id
        strictest[hit] = np.maximum(strictest[hit], mode.value)
    return strictest


def _lost(accounts: AccountFacts, at: NDArray[Any]) -> NDArray[np.uint8]:
    lost = np.zeros(len(at), np.uint8)
    for flag, column in ((Missing.EQUITY, accounts.equity), (Missing.CUSTODIAN, accounts.available), (Missing.LIMIT, accounts.class_cap)):
        lost[(column == MISSING)[at]] |= flag.value
    return lost


def _known(values: Ints) -> Ints:
    return np.where(values == MISSING, 0, values)
