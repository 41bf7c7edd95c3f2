"""Cash by settle date, equity, and what may be spent (ACC-3, ACC-4).

Entry points: `cash_ladder`, `CashLadder`, `equity`, `SpendableInputs`, `available_cash`.

Invariants:
1. Trade-date cash = Σ all cash postings; settled cash = those with settle date ≤ today; the rest is unsettled proceeds or unsettled debits.
2. Debits of trades done always count against what may be spent, credits only once settled, unless the account's mode lets proceeds count.
3. A dividend is in equity from its ex-date, in buying power only once paid; one owed on a short reduces buying power from the ex-date.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from accounts.enums import Book, SettlementMode
from base.core.money import round_money

from .ledger import Id, Posting, Unit

ZERO = Decimal(0)
DEFAULT_BUFFER_RATE = Decimal("0.005")


@dataclass(frozen=True, slots=True)
class Rung:
    """Cash of one settle date. inflow ≥ 0 and outflow ≥ 0 are kept apart, for an unsettled sale must not hide an unsettled buy."""

    settle_date: date
    inflow: Decimal
    outflow: Decimal


@dataclass(frozen=True, slots=True)
class CashLadder:
    """One account's cash in one currency, one rung a settle date, in order."""

    rungs: tuple[Rung, ...] = ()

    def trade_date_cash(self) -> Decimal:
        """Return Σ of all rungs."""
        return sum((r.inflow - r.outflow for r in self.rungs), ZERO)

    def settled_cash(self, today: date) -> Decimal:
        """Return Σ of the rungs whose settle date has come."""
        return sum((r.inflow - r.outflow for r in self.rungs if r.settle_date <= today), ZERO)

    def unsettled_proceeds(self, today: date) -> Decimal:
        """Return what is still to come in, ≥ 0."""
        return sum((r.inflow for r in self.rungs if r.settle_date > today), ZERO)

    def unsettled_debits(self, today: date) -> Decimal:
        """Return what is still to go out, ≥ 0."""
        return sum((r.outflow for r in self.rungs if r.settle_date > today), ZERO)


def cash_ladder(postings: Iterable[Posting], *, account_id: Id, unit: Unit) -> CashLadder:
    """Return the ladder of an account's CASH postings in one currency (all sleeves)."""
    rungs: dict[date, tuple[Decimal, Decimal]] = {}
    for posting in postings:
        if (posting.account_id, posting.book, posting.unit) == (account_id, Book.CASH, unit):
            inflow, outflow = rungs.get(posting.settle_date, (ZERO, ZERO))
            rungs[posting.settle_date] = (inflow + max(posting.amount, ZERO), outflow + max(-posting.amount, ZERO))
    return CashLadder(tuple(Rung(day, *rungs[day]) for day in sorted(rungs)))


def equity(
    *,
    trade_date_cash: Decimal,
    market_value: Decimal,
    receivables: Decimal = ZERO,
    payables: Decimal = ZERO,
    floating: Decimal = ZERO,
    accrued_swap: Decimal = ZERO,
) -> Decimal:
    """Return E = trade-date cash + market value + receivables − payables; for FX accounts also + floating P&L ± accrued swap.

    All in the account's base currency; market_value: signed (shorts < 0), of margined instruments 0. Source: ACC-3.
    """
    return trade_date_cash + market_value + receivables - payables + floating + accrued_swap


@dataclass(frozen=True, slots=True)
class SpendableInputs:
    """What available cash is made of, in base currency. Everything but `settled_cash` and `equity` is ≥ 0.

    open_buy_reserve: Σ of live orders' cash reservations. dividends_owed: on shorts, from ex-date to pay date.
    buffer_rate: of equity ([D] 0.005).
    """

    settled_cash: Decimal
    equity: Decimal
    unsettled_proceeds: Decimal = ZERO
    unsettled_debits: Decimal = ZERO
    open_buy_reserve: Decimal = ZERO
    pending_withdrawals: Decimal = ZERO
    accrued_fees: Decimal = ZERO
    dividends_owed: Decimal = ZERO
    buffer_rate: Decimal = DEFAULT_BUFFER_RATE


def available_cash(inputs: SpendableInputs, currency_code: str, mode: SettlementMode = SettlementMode.SETTLED_ONLY) -> Decimal:
    """Return what may still be spent; negative when commitments exceed it.

    Settled cash (+ unsettled proceeds if `mode` permits) − unsettled debits − open-buy reserve − pending withdrawals − accrued fees −
    dividends owed − buffer. A negative equity asks for no negative buffer. Source: ACC-3, ACC-4, ACC-6 (default mode).
    """
    committed = inputs.unsettled_debits + inputs.open_buy_reserve + inputs.pending_withdrawals + inputs.accrued_fees + inputs.dividends_owed
    proceeds = inputs.unsettled_proceeds if mode is SettlementMode.UNSETTLED_PROCEEDS else ZERO
    buffer = round_money(max(inputs.equity, ZERO) * inputs.buffer_rate, currency_code)
    return inputs.settled_cash + proceeds - committed - buffer
