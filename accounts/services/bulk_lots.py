"""Lots of many accounts at once: which trades only open, which only close, and which must go through the core.

Entry points: `TradeRows`, `LotPlan`, `plan_lots`, `carry_out`.
Invariant: a trade goes a short way only if it opens or closes but not both, nothing of the same position comes with it on the other side or
another date, and none taken before is dated later; closing, besides, only where `bulk_closings` knows the order of the lots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from accounts.enums import LotMethod

from ..core.lot_events import LotEvent
from ..core.lots import Trade
from ..core.scaled import from_scaled
from ..queries.columns import DAY, SCALED, Ids, Ints, as_integers, as_uuids, fetch_row, uuid_literal
from .batches import Head
from .bulk_closings import ClosingRows, Closings, close_lots, legend_units, load_lot_table, single_lots, write_closings
from .lot_rows import LotKey
from .lots import LotState, OpeningRows, apply_events, load_state, open_in_bulk

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


@dataclass(frozen=True, slots=True, eq=False)
class LotPlan:
    """What trades do to lots: rows that open, parts that close, and the events of every other position for the core."""

    opening: OpeningRows
    closing: Closings | None
    events: list[tuple[LotKey, LotEvent]]
    state: LotState


def plan_lots(rows: TradeRows, heads: Sequence[Head]) -> LotPlan:
    """Work out what the trades open and close, before they are written. A fixed number of statements.

    Raises ValueError for a cost or fee finer than the currency's minor unit.
    """
    _check_minor_units(rows)
    held = held_before(rows)
    days, settled = _days(heads, rows.head, "trade_date"), _days(heads, rows.head, "settle_date")
    sign, keys = np.sign(rows.quantity), _keys(rows)
    paid = np.where(sign > 0, rows.cost + rows.fee, -rows.cost - rows.fee)
    in_order, alone = _in_order(rows, keys, sign, days, held)
    opens = in_order & (np.sign(held.quantity) * sign >= 0)
    closes = np.flatnonzero(in_order & alone & (np.sign(held.quantity) * sign < 0) & (np.abs(rows.quantity) <= np.abs(held.quantity)))
    ids = np.frombuffer(b"".join(head.id for head in heads), "V16")[rows.head]
    closing, done = _plan_closings(rows, keys, ids, days, settled, paid, closes)
    chosen = np.flatnonzero(opens)
    opening = OpeningRows(
        rows.account,
        rows.sleeve,
        ids,
        rows.instrument,
        _days(heads, rows.head, "acquired_on"),
        rows.quantity,
        paid,
        rows.currency,
        rows.legend,
    )
    others = ~opens
    others[done] = False
    events = [_event(rows, heads, i) for i in np.argsort(rows.head, kind="stable").tolist() if others[i]]
    return LotPlan(opening.take(chosen), closing, events, load_state(key for key, _ in events))


def carry_out(plan: LotPlan, heads: Sequence[Head]) -> None:
    """Store what was planned, once the ledger is written."""
    if len(plan.opening.quantity):
        open_in_bulk(plan.opening)
    if plan.closing is not None:
        write_closings(plan.closing)
    if plan.events:
        apply_events(plan.events, plan.state, {head.source_key: UUID(bytes=head.id) for head in heads})


def _days(heads: Sequence[Head], head: Ints, name: str) -> Ints:
    days: Ints = np.array([getattr(one, name).toordinal() - _EPOCH for one in heads], np.int64)[head]
    return days


def _plan_closings(
    rows: TradeRows, keys: Ids, ids: Ids, days: Ints, settled: Ints, paid: Ints, closes: Ints
) -> tuple[Closings | None, Ints]:
    """Return what closes in bulk, and which rows that settles."""
    if not len(closes):
        return None, closes
    closes = closes[np.argsort(keys[closes])]
    lots = load_lot_table(rows.account[closes], rows.instrument[closes])
    methods = _methods_of(rows.account[closes])
    ordered = np.isin(methods, (LotMethod.FIFO, LotMethod.LIFO, LotMethod.SPECIFIC)) | single_lots(keys[closes], lots)
    closes, methods = closes[ordered], methods[ordered]
    if not len(closes):
        return None, closes
    closing = ClosingRows(
        key=keys[closes],
        account=rows.account[closes],
        transaction=ids[closes],
        traded=days[closes],
        settled=settled[closes],
        quantity=np.abs(rows.quantity[closes]),
        net=paid[closes],
        last_in=methods == LotMethod.LIFO,
        unit=legend_units(rows.legend)[rows.currency[closes]],
    )
    return close_lots(closing, lots), closes


def _methods_of(accounts: Ids) -> NDArray[np.str_]:
    sql = "SELECT string_agg(uuid_send(id), ''), array_agg(lot_method::text) FROM accounts_account WHERE id = ANY(%(ids)s::uuid[])"
    raw, methods = fetch_row(sql, {"ids": uuid_literal(np.unique(accounts))})
    known = as_uuids(raw)
    order = np.argsort(known)
    found: NDArray[np.str_] = np.array(methods, "U16")[order][np.searchsorted(known[order], accounts)]
    return found


def _in_order(rows: TradeRows, keys: Ids, sign: Ints, days: Ints, held: Held) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which rows come after all their position has seen, with nothing of another side or date beside them; and which come alone."""
    _, place, counts = np.unique(keys, return_inverse=True, return_counts=True)
    size = len(counts)
    lowest, highest = np.full(size, 2), np.full(size, -2)
    first, last = np.full(size, np.iinfo(np.int64).max), np.full(size, _NEVER)
    np.minimum.at(lowest, place, sign)
    np.maximum.at(highest, place, sign)
    np.minimum.at(first, place, days)
    np.maximum.at(last, place, days)
    same: NDArray[np.bool_] = ((lowest == highest) & (first == last))[place]
    return same & (held.last <= days), counts[place] == 1


def _check_minor_units(rows: TradeRows) -> None:
    units = legend_units(rows.legend)[rows.currency]
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
