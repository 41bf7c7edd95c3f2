"""What adjustments put right on a date, as the trades and movements they stand for (REC-7).

Entry point: `adjusted_on`.
Invariant: a fill and the adjustments that name its execution are one trade; if they cancel out there is none, so that a repeated run of
the date finds the break gone.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from ..core.fixed import SCALE, Ints, to_day, to_fixed
from ..core.snapshot import AmountTable, TradeTable, make_table, take
from ..enums import AdjustmentKind, ItemKind, MovementKind
from .codebook import Codebook
from .columns import execute
from .daybook import KIND_CODE

_MOVEMENT = {
    AdjustmentKind.FEE: MovementKind.OTHER_FEE,
    AdjustmentKind.COMMISSION: MovementKind.COMMISSION,
    AdjustmentKind.DIVIDEND: MovementKind.DIVIDEND,
    AdjustmentKind.TAX: MovementKind.TAX,
    AdjustmentKind.CORPORATE_ACTION: MovementKind.CORPORATE_ACTION,
    AdjustmentKind.TRANSFER: MovementKind.TRANSFER,
}
_SQL = """
SELECT j.id, j.kind, b.item_kind, b.exec_id, b.instrument_id, b.kind, a.custodian_account, t.settle_date,
       coalesce(sum(e.amount) FILTER (WHERE e.book = 'POSITION'), 0), coalesce(sum(e.amount) FILTER (WHERE e.book = 'CASH'), 0),
       max(e.currency), b.price
FROM reconciliation_adjustment j
JOIN reconciliation_break b ON b.id = j.of_break_id
JOIN accounts_ledgertransaction t ON t.id = j.transaction_id
JOIN accounts_ledgerentry e ON e.transaction_id = t.id AND e.account_id = b.account_id
JOIN accounts_account a ON a.id = b.account_id
WHERE a.custodian_id = %(custodian)s AND t.trade_date = %(as_of)s AND NOT a.is_clearing
GROUP BY j.id, j.kind, b.item_kind, b.exec_id, b.instrument_id, b.kind, a.custodian_account, t.settle_date, b.price
ORDER BY j.id
"""


@dataclass(frozen=True, slots=True)
class _Row:
    kind: AdjustmentKind
    item: ItemKind
    exec_id: bytes
    instrument: int
    movement: str
    account: int
    settles: int
    quantity: int
    cash: int
    currency: int
    price: int


def adjusted_on(book: Codebook, as_of: date, trades: TradeTable, movements: AmountTable) -> tuple[TradeTable, AmountTable]:
    """Return trades and movements of a date with its adjustments taken in."""
    found = [_row(book, row) for row in execute(_SQL, {"custodian": book.custodian_id, "as_of": as_of}).fetchall()]
    if not found:
        return trades, movements
    fills = [row for row in found if row.item is ItemKind.TRADE]
    fees = [row for row in found if row.item is ItemKind.FEE and row.kind in _MOVEMENT]
    return _with_fills(book, trades, fills, to_day(as_of)), _with_fees(movements, fees, to_day(as_of))


def _row(book: Codebook, row: Any) -> _Row:
    directory = book.directory
    _, kind, item, exec_id, instrument_id, movement, account, settles, quantity, cash, currency, price = row
    place = int(np.searchsorted(book.instrument_ids, instrument_id)) if instrument_id is not None else -1
    return _Row(
        AdjustmentKind(kind),
        ItemKind(item),
        exec_id.encode(),
        place,
        movement,
        directory.account_code[account],
        to_day(settles),
        to_fixed(quantity),
        to_fixed(cash),
        directory.currency_code[currency] if currency else int(directory.instrument_currency[place]),
        0 if price is None else to_fixed(price),
    )


def _with_fills(book: Codebook, trades: TradeTable, fills: list[_Row], day: int) -> TradeTable:
    rows: dict[tuple[Any, ...], list[Any]] = {}
    names = ("account", "instrument", "currency", "quantity", "price", "amount", "trade_day", "settle_day", "exec_id")
    touched = {(row.account, row.exec_id) for row in fills}
    mine = [
        i
        for i, (account, exec_id) in enumerate(zip(trades.account.tolist(), trades.exec_id.tolist(), strict=True))
        if (account, exec_id) in touched
    ]
    kept = np.ones(len(trades), np.bool_)
    kept[mine] = False
    given = [tuple(getattr(trades, name)[i] for name in names) for i in mine]
    given += [(r.account, r.instrument, r.currency, r.quantity, r.price, r.cash, day, r.settles, r.exec_id) for r in fills]
    for values in given:
        account, instrument, currency, quantity, price, amount, traded, settles, exec_id = values
        merged = rows.setdefault(
            (int(account), int(instrument), int(currency), bytes(exec_id)), [0, 0, int(price), int(traded), int(settles)]
        )
        merged[0], merged[1] = merged[0] + int(quantity), merged[1] + int(amount)
    extra = []
    for (account, instrument, currency, exec_id), (quantity, amount, price, traded, settles) in rows.items():
        if quantity or amount:
            money = abs(amount) * SCALE
            size = book.directory.multiplier[instrument]
            average = round(money / (abs(quantity) * size)) if quantity else price
            extra.append(
                (
                    account,
                    instrument,
                    currency,
                    quantity,
                    average if abs(average - price) > 10**4 else price,
                    amount,
                    traded,
                    settles,
                    exec_id,
                )
            )
    return _joined(take(trades, kept), make_table(TradeTable, extra))


def _joined(first: TradeTable, second: TradeTable) -> TradeTable:
    if len(second) == 0:
        return first
    columns = {name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in TradeTable.__dataclass_fields__}
    return TradeTable(**columns)


def _with_fees(movements: AmountTable, fees: list[_Row], day: int) -> AmountTable:
    totals: defaultdict[tuple[int, int, int], int] = defaultdict(int)
    for row in fees:
        kind = MovementKind(row.movement) if row.movement else _MOVEMENT[row.kind]
        totals[row.account, KIND_CODE[kind], row.currency] += row.cash
    extra = [(account, kind, currency, day, amount) for (account, kind, currency), amount in totals.items() if amount]
    if not extra:
        return movements
    added = make_table(AmountTable, extra)
    columns: dict[str, Ints] = {
        name: np.concatenate([getattr(movements, name), getattr(added, name)]) for name in AmountTable.__dataclass_fields__
    }
    return AmountTable(**columns)
