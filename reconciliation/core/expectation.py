"""What a custodian ought to say: the last reconciled state plus our journal since (REC-1).

Entry points: `LedgerState`, `Journal`, `roll_forward`, `Expectation`, `pending_of`.
Invariants: 1. positions and trade-date cash take every entry traded by the date, settled cash every entry settled by it (REC-4);
2. what is traded but not settled stays in `pending` and reaches settled cash on its own day; 3. nothing of the opening state is changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from ..enums import ItemKind
from .fixed import NO_PRICE, Bools, Ints, to_day
from .joins import pack, sum_by_key
from .snapshot import AmountTable, PositionTable, TradeTable, _Columns, make_table, take

ALL_SECTIONS = frozenset(ItemKind)


@dataclass(frozen=True, slots=True, eq=False)
class PendingTable(_Columns):
    """Cash traded and not yet settled: one row per amount."""

    account: Ints
    currency: Ints
    amount: Ints
    settle_day: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Journal(_Columns):
    """Ledger entries since the last reconciled state: fills, corporate actions, flows, fees.

    instrument ≥ 0 and currency −1 for a quantity entry; instrument −1 and currency ≥ 0 for money. amount: int64, 10⁻⁸.
    """

    account: Ints
    instrument: Ints
    currency: Ints
    amount: Ints
    trade_day: Ints
    settle_day: Ints


@dataclass(frozen=True, slots=True, eq=False)
class LedgerState:
    """Balances at the end of a business date."""

    as_of: date
    positions: PositionTable
    cash_td: AmountTable
    cash_sd: AmountTable
    pending: PendingTable


@dataclass(frozen=True, slots=True, eq=False)
class TimingTable(_Columns):
    """Settle-date differences still open from earlier runs: the same trade's cash, settled on one day here and on another there (REC-4)."""

    account: Ints
    currency: Ints
    our_amount: Ints
    their_amount: Ints
    our_settle_day: Ints
    their_settle_day: Ints


NO_TIMING = make_table(TimingTable, [])


@dataclass(frozen=True, slots=True, eq=False)
class Expectation:
    """Our side of a run for one custodian and business date.

    expected: bool[n_accounts], accounts the custodian must report. equity: int64[n_accounts], 10⁻⁸ of the account's base currency;
    base_currency: int64[n_accounts], codes. required: sections without which the run is incomplete. action_ratio: announced split ratios by
    instrument code (numerator, denominator), only to name the cause of a difference.
    """

    as_of: date
    expected: Bools
    equity: Ints
    base_currency: Ints
    positions: PositionTable
    cash_td: AmountTable
    cash_sd: AmountTable
    trades: TradeTable
    fees: AmountTable
    margins: AmountTable
    required: frozenset[ItemKind] = ALL_SECTIONS
    open_timing: TimingTable = NO_TIMING
    action_ratio: tuple[tuple[int, int, int], ...] = ()


def roll_forward(
    opening: LedgerState, journal: Journal, as_of: date, prices: Ints, instrument_currency: Ints, n_currencies: int
) -> LedgerState:
    """Return the state expected at the end of `as_of`.

    prices: int64[n_instruments], our closing marks (NO_PRICE where unknown); instrument_currency: int64[n_instruments]. Entries traded
    after `as_of` are left out. Zero positions and zero cash are dropped.

    Raises ValueError if `as_of` lies before the opening state.
    """
    if as_of < opening.as_of:
        raise ValueError(f"{as_of} lies before the opening state of {opening.as_of}")
    day = to_day(as_of)
    booked = take(journal, journal.trade_day <= day)
    holdings, money = take(booked, booked.instrument >= 0), take(booked, booked.instrument < 0)
    now, due = money.settle_day <= day, opening.pending.settle_day <= day
    settled = take(money, now)
    pending_due = take(opening.pending, due)
    return LedgerState(
        as_of,
        _positions(opening.positions, holdings, prices, instrument_currency),
        _cash(
            [(opening.cash_td.account, opening.cash_td.currency, opening.cash_td.amount), (money.account, money.currency, money.amount)],
            n_currencies,
        ),
        _cash(
            [
                (opening.cash_sd.account, opening.cash_sd.currency, opening.cash_sd.amount),
                (settled.account, settled.currency, settled.amount),
                (pending_due.account, pending_due.currency, pending_due.amount),
            ],
            n_currencies,
        ),
        _pending(take(opening.pending, ~due), take(money, ~now)),
    )


def _positions(opening: PositionTable, entries: Journal, prices: Ints, instrument_currency: Ints) -> PositionTable:
    account = np.concatenate([opening.account, entries.account])
    instrument = np.concatenate([opening.instrument, entries.instrument])
    size = max(len(prices), 1)
    keys, quantity, _ = sum_by_key(pack([account, instrument], [_span(account), size]), np.concatenate([opening.quantity, entries.amount]))
    keys, quantity = keys[quantity != 0], quantity[quantity != 0]
    held = keys % size
    marks = prices[held] if len(prices) else np.full(len(held), NO_PRICE)
    return PositionTable(keys // size, held, instrument_currency[held], quantity, marks)


def _cash(parts: list[tuple[Ints, Ints, Ints]], n_currencies: int) -> AmountTable:
    account, currency, amount = (np.concatenate(column) for column in zip(*parts, strict=True))
    keys, total, _ = sum_by_key(pack([account, currency], [_span(account), n_currencies]), amount)
    keys, total = keys[total != 0], total[total != 0]
    zero = np.zeros(len(keys), np.int64)
    return AmountTable(keys // n_currencies, zero, keys % n_currencies, zero, total)


def _pending(open_rows: PendingTable, fresh: Journal) -> PendingTable:
    return PendingTable(
        np.concatenate([open_rows.account, fresh.account]),
        np.concatenate([open_rows.currency, fresh.currency]),
        np.concatenate([open_rows.amount, fresh.amount]),
        np.concatenate([open_rows.settle_day, fresh.settle_day]),
    )


def _span(codes: Ints) -> int:
    return int(codes.max()) + 1 if len(codes) else 1
