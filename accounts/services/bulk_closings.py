"""Close lots of many accounts at once: the arithmetic of `core.lots`, by column.

Entry points: `ClosingRows`, `LotTable`, `load_lot_table`, `close_lots`, `write_closings`.
For trades that close what is held, wholly or in part, under FIFO, LIFO, or whatever method where there is one lot alone.
Invariants: 1. the outcome is the core's, to the share and the cent; 2. what leaves lots is in closures: quantity, basis, and the whole
proceeds, split by largest remainder (CON-2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from base import bulk
from base.core.money import minor_exponent

from ..core.holding_period import last_long_term_purchase
from ..core.scaled import EXPONENT
from ..models import LotClosure
from ..queries.columns import DAY, SCALED, Ids, Ints, as_integers, as_uuids, execute, fetch_row, uuid_literal

_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True, eq=False)
class ClosingRows:
    """m trades of different positions, each against what it holds. key: V40[m], ascending (account, sleeve, instrument).

    quantity: int64[m] > 0, what is closed; net: int64[m], what it brought (sale) or cost (cover), fees included; both 10⁻⁸. transaction:
    V16[m]; traded, settled: days since 1970. last_in: bool[m], LIFO. unit: int64[m], the minor unit in 10⁻⁸.
    """

    key: Ids
    account: Ids
    transaction: Ids
    traded: Ints
    settled: Ints
    quantity: Ints
    net: Ints
    last_in: NDArray[np.bool_]
    unit: Ints


@dataclass(frozen=True, slots=True, eq=False)
class LotTable:
    """k open lots in order of acquisition. key: V40[k]; quantity signed, basis: 10⁻⁸; acquired: days since 1970; unit: minor unit in 10⁻⁸."""

    key: Ids
    id: Ids
    acquired: Ints
    quantity: Ints
    basis: Ints
    unit: Ints

    def take(self, rows: NDArray[Any]) -> LotTable:
        """Return the lots at `rows`."""
        return LotTable(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


_LOTS = f"""
SELECT string_agg(uuid_send(account_id) || uuid_send(sleeve_id) || int8send(instrument_id), ''), string_agg(uuid_send(id), ''),
    string_agg({DAY.format("acquired_on")}, ''), string_agg({SCALED.format("quantity")}, ''), string_agg({SCALED.format("basis")}, ''),
    array_agg(currency::text)
FROM (SELECT l.* FROM accounts_taxlot l JOIN accounts_ledgertransaction t ON t.id = l.transaction_id
    WHERE l.quantity <> 0 AND l.leg_id IS NULL AND l.account_id = ANY(%(accounts)s::uuid[]) AND l.instrument_id = ANY(%(instruments)s)
    ORDER BY l.acquired_on, t.trade_date, l.transaction_id) l
"""


def load_lot_table(accounts: Ids, instruments: Ints) -> LotTable:
    """Return the open lots of these accounts in these instruments; one statement."""
    row = fetch_row(_LOTS, {"accounts": uuid_literal(np.unique(accounts)), "instruments": np.unique(instruments).tolist()})
    names, place = np.unique(np.array(row[5] or [], "U8"), return_inverse=True)
    units = np.array([minor_unit_scaled(name) for name in names.tolist()], np.int64)
    key = np.frombuffer(bytes(row[0] or b""), "V40")
    acquired, quantity, basis = (as_integers(value) for value in row[2:5])
    return LotTable(key, as_uuids(row[1]), acquired, quantity, basis, units[place] if len(units) else np.zeros(0, np.int64))


def minor_unit_scaled(currency: str) -> int:
    """Return the currency's minor unit in 10⁻⁸."""
    return int(10 ** max(EXPONENT - minor_exponent(currency), 0))


@dataclass(frozen=True, slots=True, eq=False)
class Closings:
    """c parts of lots that are closed: columns of LotClosure, quantity signed like the lot."""

    lot: Ids
    account: Ids
    transaction: Ids
    closed: Ints
    recognised: Ints
    quantity: Ints
    proceeds: Ints
    basis: Ints
    carried: Ints
    is_long_term: NDArray[np.bool_]


def close_lots(rows: ClosingRows, lots: LotTable) -> Closings:
    """Return what the trades take from lots. Raises ValueError where lots hold less than is closed. Source: TAX-1, TAX-2, TAX-3."""
    at, found = _places(rows.key, lots.key)
    lots, at = lots.take(found), at[found]
    # In closing order: by position, first in first (or last in first), lots of one day as they stand.
    order = np.lexsort((np.arange(len(at)), np.where(rows.last_in[at], -lots.acquired, lots.acquired), at))
    lots, at = lots.take(order), at[order]
    held = np.abs(lots.quantity)
    starts = np.searchsorted(at, np.arange(len(rows.key)))
    running = np.cumsum(held) - held
    before = running - running[np.minimum(starts, max(len(at) - 1, 0))][at] if len(at) else running
    taken = np.clip(rows.quantity[at] - before, 0, held)
    sums = np.zeros(len(rows.key), np.int64)
    np.add.at(sums, at, taken)
    if np.any(sums != rows.quantity):
        raise ValueError(f"the lots of {np.count_nonzero(sums != rows.quantity)} positions hold less than is closed")
    part = taken > 0
    lots, at, taken = lots.take(part), at[part], taken[part]
    amount = split_net(rows.net // rows.unit, at, taken) * rows.unit[at]
    carried = _share(lots.basis // lots.unit, taken, np.abs(lots.quantity)) * lots.unit
    is_long = lots.quantity > 0
    proceeds, basis = np.where(is_long, amount, carried), np.where(is_long, carried, amount)
    traded = rows.traded[at]
    return Closings(
        lot=lots.id,
        account=rows.account[at],
        transaction=rows.transaction[at],
        closed=traded,
        recognised=np.where(is_long | (proceeds >= basis), traded, rows.settled[at]),
        quantity=np.where(is_long, taken, -taken),
        proceeds=proceeds,
        basis=basis,
        carried=carried,
        is_long_term=is_long & (lots.acquired <= _last_long_term(traded)),
    )


def split_net(net: Ints, group: Ints, weight: Ints) -> Ints:
    """Split whole units over the parts of each group by largest remainder (CON-2), ties to the larger weight, then to the earlier part.

    net: int64[groups], may be negative (mirrored). group: int64[c], ascending; weight: int64[c] > 0. Returns int64[c].
    """
    wholes = np.zeros(len(net), np.int64)
    np.add.at(wholes, group, weight)
    size, whole = np.abs(net)[group].astype(object), wholes[group]
    product = size * weight
    parts = (product // whole).astype(np.int64) if len(group) else np.zeros(0, np.int64)
    rest = (product % whole).astype(np.int64) if len(group) else parts
    left = np.abs(net).copy()
    np.subtract.at(left, group, parts)
    order = np.lexsort((np.arange(len(group)), -weight, -rest, group))
    place = np.arange(len(group)) - np.searchsorted(group, group[order])
    parts[order[place < left[group[order]]]] += 1
    return np.where(net[group] < 0, -parts, parts)


def _share(basis: Ints, taken: Ints, held: Ints) -> Ints:
    """Return basis × taken / held in whole units, rounded half-up away from zero; all of it where the whole lot goes."""
    partial = np.flatnonzero(taken != held)
    result = basis.copy()
    if len(partial):
        size, whole = np.abs(basis[partial]).astype(object), held[partial].astype(object)
        rounded = ((2 * size * taken[partial] + whole) // (2 * whole)).astype(np.int64)
        result[partial] = np.where(basis[partial] < 0, -rounded, rounded)
    return result


def _last_long_term(traded: Ints) -> Ints:
    days, place = np.unique(traded, return_inverse=True)
    last = [last_long_term_purchase(date.fromordinal(int(day) + _EPOCH)).toordinal() - _EPOCH for day in days]
    found: Ints = np.array(last, np.int64)[place]
    return found


def _places(known: Ids, wanted: Ids) -> tuple[Ints, NDArray[np.bool_]]:
    at = np.minimum(np.searchsorted(known, wanted), max(len(known) - 1, 0))
    return at.astype(np.int64), known[at] == wanted if len(known) else np.zeros(len(wanted), np.bool_)


def write_closings(closings: Closings) -> None:
    """Insert the closures and take what they closed out of their lots: two statements."""
    if not len(closings.lot):
        return
    columns = {
        "lot_id": bulk.Uuids(closings.lot),
        "transaction_id": bulk.Uuids(closings.transaction),
        "account_id": bulk.Uuids(closings.account),
        "closed_on": bulk.Dates(closings.closed),
        "recognised_on": bulk.Dates(closings.recognised),
        "quantity": bulk.Decimals(closings.quantity),
        "proceeds": bulk.Decimals(closings.proceeds),
        "basis": bulk.Decimals(closings.basis),
        "is_long_term": bulk.Booleans(closings.is_long_term),
    }
    bulk.insert(LotClosure, len(closings.lot), columns)
    execute(
        "UPDATE accounts_taxlot t SET quantity = t.quantity - v.quantity * 0.00000001, basis = t.basis - v.basis * 0.00000001 "
        "FROM unnest(%(ids)s::uuid[], %(quantity)s::bigint[], %(basis)s::bigint[]) AS v (id, quantity, basis) WHERE t.id = v.id",
        {"ids": uuid_literal(closings.lot), "quantity": closings.quantity.tolist(), "basis": closings.carried.tolist()},
    )


def single_lots(keys: Ids, lots: LotTable) -> NDArray[np.bool_]:
    """Tell for each key (V40, ascending) whether one open lot alone is there."""
    at, found = _places(keys, lots.key)
    counts = np.zeros(len(keys), np.int64)
    np.add.at(counts, at[found], 1)
    return counts == 1


def legend_units(legend: Sequence[str]) -> Ints:
    """Return the minor unit of each currency in 10⁻⁸."""
    return np.array([minor_unit_scaled(name) for name in legend], np.int64)
