"""Lots of many accounts at once: which trades only open, and which must go through the core.

Entry points: `TradeRows`, `Held`, `held_before`, `split_rows`.
Invariant: a trade goes the short way only if nothing is there to close, nothing of the same position comes with it on the other side, and
none taken before is dated later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from base.core.money import minor_exponent

from ..core.lot_events import LotEvent
from ..core.lots import Trade
from ..core.scaled import EXPONENT, from_scaled
from ..queries.columns import DAY, SCALED, Ids, Ints, as_integers, fetch_row, uuid_literal
from .batches import Head
from .lot_rows import LotKey
from .lots import OpeningRows

_EPOCH = date(1970, 1, 1).toordinal()
_NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True, eq=False)
class TradeRows:
    """m trades without legs. account, sleeve: V16[m]; quantity signed, cost (signed like it) and fee: 10⁻⁸; head: place in the heads."""

    account: Ids
    sleeve: Ids
    instrument: Ints
    head: Ints
    quantity: Ints
    cost: Ints
    fee: Ints
    currency: Ints
    legend: Sequence[str]


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """For each trade row: what its position held before (10⁻⁸) and its last trade date (days since 1970, −2⁶³ for none)."""

    quantity: Ints
    last: Ints


def held_before(rows: TradeRows) -> Held:
    """Read the positions of these rows in one statement."""
    sql = (
        f"SELECT string_agg(uuid_send(account_id) || uuid_send(sleeve_id) || int8send(instrument_id), ''), "
        f"string_agg({SCALED.format('quantity')}, ''), string_agg({DAY.format('last_traded_on')}, '') FROM accounts_position "
        "WHERE account_id = ANY(%(accounts)s::uuid[]) AND instrument_id = ANY(%(instruments)s) AND leg_id IS NULL"
    )
    parameters = {"accounts": uuid_literal(np.unique(rows.account)), "instruments": np.unique(rows.instrument).tolist()}
    keys, quantity, last = fetch_row(sql, parameters)
    known = np.frombuffer(bytes(keys or b""), "V40")
    quantity, last = as_integers(quantity), as_integers(last)
    order = np.argsort(known)
    known, quantity, last = known[order], quantity[order], last[order]
    held, days = np.zeros(len(rows.quantity), np.int64), np.full(len(rows.quantity), _NEVER)
    if len(known):
        wanted = _keys(rows)
        at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        found = known[at] == wanted
        held[found], days[found] = quantity[at[found]], last[at[found]]
    return Held(held, days)


def _keys(rows: TradeRows) -> Ids:
    """Return account, sleeve and instrument of each row as 40 bytes that sort."""
    table = np.empty(len(rows.quantity), np.dtype([("account", "V16"), ("sleeve", "V16"), ("instrument", ">i8")]))
    table["account"], table["sleeve"], table["instrument"] = rows.account, rows.sleeve, rows.instrument
    return np.frombuffer(table.tobytes(), "V40")


def split_rows(rows: TradeRows, heads: Sequence[Head]) -> tuple[OpeningRows, list[tuple[LotKey, LotEvent]]]:
    """Return the lots that open straight away, and the events of every other position, in ledger order, for `lots.apply_events`.

    Raises ValueError for a cost or fee finer than the currency's minor unit.
    """
    _check_minor_units(rows)
    held = held_before(rows)
    days = np.array([head.trade_date.toordinal() - _EPOCH for head in heads], np.int64)[rows.head]
    sign = np.sign(rows.quantity)
    plain = (np.sign(held.quantity) * sign >= 0) & (held.last <= days) & ~_mixed(rows, sign, days)
    chosen = np.flatnonzero(plain)
    ids = np.frombuffer(b"".join(head.id for head in heads), "V16")
    acquired = np.array([head.acquired_on.toordinal() - _EPOCH for head in heads], np.int64)
    paid = np.where(sign > 0, rows.cost + rows.fee, -rows.cost - rows.fee)
    opening = OpeningRows(
        rows.account, rows.sleeve, ids[rows.head], rows.instrument, acquired[rows.head], rows.quantity, paid, rows.currency, rows.legend
    )
    return opening.take(chosen), [_event(rows, heads, i) for i in np.argsort(rows.head, kind="stable").tolist() if not plain[i]]


def _mixed(rows: TradeRows, sign: Ints, days: Ints) -> NDArray[np.bool_]:
    """Tell which rows share their position with one of the other side, or of another date, in the same batch."""
    _, place = np.unique(_keys(rows), return_inverse=True)
    size = int(place.max(initial=-1)) + 1
    lowest, highest = np.full(size, 2), np.full(size, -2)
    first, last = np.full(size, np.iinfo(np.int64).max), np.full(size, _NEVER)
    np.minimum.at(lowest, place, sign)
    np.maximum.at(highest, place, sign)
    np.minimum.at(first, place, days)
    np.maximum.at(last, place, days)
    mixed: NDArray[np.bool_] = ((lowest != highest) | (first != last))[place]
    return mixed


def _check_minor_units(rows: TradeRows) -> None:
    units = np.array([10 ** max(EXPONENT - minor_exponent(name), 0) for name in rows.legend], np.int64)[rows.currency]
    off = np.flatnonzero((rows.cost % units != 0) | (rows.fee % units != 0))
    if len(off):
        raise ValueError(f"{len(off)} amounts are finer than the minor unit, the first {from_scaled(int(rows.cost[off[0]]))}")


def _event(rows: TradeRows, heads: Sequence[Head], i: int) -> tuple[LotKey, LotEvent]:
    head, quantity = heads[int(rows.head[i])], from_scaled(int(rows.quantity[i]))
    cost = from_scaled(int(rows.cost[i]))
    trade = Trade(
        trade_id=head.source_key,
        trade_date=head.trade_date,
        settle_date=head.settle_date,
        quantity=quantity,
        amount=cost if quantity > 0 else -cost,
        currency=rows.legend[int(rows.currency[i])],
        fee=from_scaled(int(rows.fee[i])),
        acquired_date=head.acquired_on,
    )
    key = LotKey(UUID(bytes=bytes(rows.account[i])), UUID(bytes=bytes(rows.sleeve[i])), None, int(rows.instrument[i]))
    return key, LotEvent(head.source_key, trade)
