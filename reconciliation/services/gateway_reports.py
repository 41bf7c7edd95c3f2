"""A broker's custody reports as a custodian's snapshot.

Entry points: `Reports`, `snapshot_of`.
Invariants: 1. trades and charges of clearing accounts are left out: what a block still holds shows in its position and cash; 2. several
charges of one account, kind, currency and day are one row; 3. a broker that reports no margin delivers no margin section.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from execution.gateways.reports import CashReport, CustodyTradeReport, FeeReport, PositionReport
from market.enums import Side

from ..core.fixed import NO_PRICE, to_day, to_fixed
from ..core.snapshot import AmountTable, PositionTable, Snapshot, TradeTable, make_table
from ..enums import ItemKind, MovementKind
from ..queries.codebook import Codebook

_KINDS = tuple(MovementKind)


@dataclass(frozen=True, slots=True)
class Reports:
    """What a broker listed, whole. covered: accounts it spoke of, by its own numbers."""

    positions: Sequence[PositionReport]
    cash: Sequence[CashReport]
    trades: Sequence[CustodyTradeReport]
    fees: Sequence[FeeReport]
    covered: frozenset[str]


def snapshot_of(book: Codebook, as_of: date, reports: Reports) -> Snapshot:
    """Return the reports as a snapshot. Raises KeyError for an account, symbol or currency that we do not know; ValueError for a number
    finer than 10⁻⁸."""
    directory = book.directory
    account, symbol, currency = directory.account_code, directory.symbol_code, directory.currency_code
    clearing = {directory.accounts[code] for code in np.flatnonzero(book.clearing)}
    held = [
        (account[row.account], symbol[row.symbol], int(directory.instrument_currency[symbol[row.symbol]]), to_fixed(row.quantity), NO_PRICE)
        for row in reports.positions
    ]
    return Snapshot(
        custodian=book.code,
        as_of=as_of,
        covered=np.array([name in reports.covered for name in directory.accounts], np.bool_),
        sections=frozenset(ItemKind) - {ItemKind.MARGIN},
        positions=make_table(PositionTable, held),
        cash_td=make_table(
            AmountTable, [(account[row.account], 0, currency[row.currency], 0, to_fixed(row.trade_date_balance)) for row in reports.cash]
        ),
        cash_sd=make_table(
            AmountTable, [(account[row.account], 0, currency[row.currency], 0, to_fixed(row.settled_balance)) for row in reports.cash]
        ),
        trades=make_table(TradeTable, [_trade(book, row) for row in reports.trades if row.account not in clearing]),
        fees=make_table(AmountTable, _charges(book, as_of, [row for row in reports.fees if row.account not in clearing])),
        margins=make_table(AmountTable, []),
    )


def _trade(book: Codebook, row: CustodyTradeReport) -> tuple[object, ...]:
    directory = book.directory
    quantity = row.quantity if row.side is Side.BUY else -row.quantity
    return (
        directory.account_code[row.account],
        directory.symbol_code[row.symbol],
        directory.currency_code[row.currency],
        to_fixed(quantity),
        to_fixed(row.price),
        to_fixed(row.amount),
        to_day(row.trade_date),
        to_day(row.settle_date),
        row.trade_id.encode("ascii"),
    )


def _charges(book: Codebook, as_of: date, rows: Sequence[FeeReport]) -> list[tuple[int, int, int, int, int]]:
    totals: defaultdict[tuple[int, int, int], Decimal] = defaultdict(Decimal)
    for row in rows:
        key = (book.directory.account_code[row.account], _kind(row.text), book.directory.currency_code[row.currency])
        totals[key] -= row.amount
    day = to_day(as_of)
    return [(account, kind, currency, day, to_fixed(amount)) for (account, kind, currency), amount in sorted(totals.items())]


def _kind(text: str) -> int:
    word = text.strip().upper().replace(" ", "_")
    return _KINDS.index(MovementKind(word) if word in _KINDS else MovementKind.OTHER_FEE)
