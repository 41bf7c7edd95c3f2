"""What must hold before a statement is made (GOV-11): only the account's own rows, of the period, that add up.

Entry points: `refuse_foreign_rows`, `refuse_other_periods`, `prove_cash`, `prove_quantities`, `prove_days`; each raises `UnableToState`
or returns nothing.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from reporting.core.statement_inputs import (
    ZERO,
    Accrual,
    CashBalance,
    FeeLine,
    Position,
    RealisedGain,
    StatementInputs,
    Transaction,
)


class UnableToState(Exception):
    """The statement cannot be made. `code` names why; `context` holds the figures that show it."""

    def __init__(self, code: str, **context: object) -> None:
        super().__init__(f"{code}: " + ", ".join(f"{key}={value}" for key, value in context.items()))
        self.code, self.context = code, context


def refuse_foreign_rows(inputs: StatementInputs) -> None:
    """Refuse rows of another account (GOV-11 [H]). Raises UnableToState FOREIGN_DATA."""
    rows: tuple[Position | CashBalance | Transaction | RealisedGain | Accrual | FeeLine, ...] = (
        *inputs.opening_positions,
        *inputs.closing_positions,
        *inputs.cash,
        *inputs.transactions,
        *inputs.realised,
        *inputs.accruals,
        *inputs.fees,
    )
    for row in rows:
        if row.account_id != inputs.account.id:
            raise UnableToState("FOREIGN_DATA", account=inputs.account.id, row=type(row).__name__)


def refuse_other_periods(inputs: StatementInputs) -> None:
    """Refuse bookings outside the period. Raises UnableToState OUTSIDE_PERIOD."""
    for day in (*(t.booked_date for t in inputs.transactions), *(r.sold_date for r in inputs.realised)):
        if not inputs.period_start <= day <= inputs.period_end:
            raise UnableToState("OUTSIDE_PERIOD", date=day, start=inputs.period_start, end=inputs.period_end)


def prove_cash(inputs: StatementInputs) -> None:
    """Prove per currency that opening cash + bookings = closing cash. Raises UnableToState CASH_DIFFERS."""
    moved: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for t in inputs.transactions:
        moved[t.currency] += t.amount
    for c in inputs.cash:
        expected = c.opening + moved.pop(c.currency, ZERO)
        if expected != c.closing:
            raise UnableToState("CASH_DIFFERS", currency=c.currency, expected=expected, closing=c.closing)
    if left := {currency: amount for currency, amount in moved.items() if amount}:
        raise UnableToState("CASH_DIFFERS", without_balance=left)


def prove_quantities(inputs: StatementInputs) -> None:
    """Prove per instrument that opening quantity + bookings = closing quantity. Raises UnableToState QUANTITY_DIFFERS."""
    expected: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for p in inputs.opening_positions:
        expected[p.instrument_id] += p.quantity
    for t in inputs.transactions:
        if t.quantity and t.instrument_id is not None:
            expected[t.instrument_id] += t.quantity
    for p in inputs.closing_positions:
        expected[p.instrument_id] -= p.quantity
    if wrong := {instrument: quantity for instrument, quantity in expected.items() if quantity}:
        raise UnableToState("QUANTITY_DIFFERS", missing=wrong)


def prove_days(inputs: StatementInputs, *, opening: Decimal, closing: Decimal, flows: Decimal) -> None:
    """Prove that the valued days open, close and flow as the statement does. Raises UnableToState EQUITY_DIFFERS, OUTSIDE_PERIOD."""
    days = [day for day in inputs.days if inputs.period_start <= day.date <= inputs.period_end]
    if inputs.days and inputs.days[-1].date > inputs.period_end:
        raise UnableToState("OUTSIDE_PERIOD", date=inputs.days[-1].date, start=inputs.period_start, end=inputs.period_end)
    if not days:
        return
    valued = (days[0].begin, days[-1].end, sum((day.inflow - day.outflow for day in days), ZERO))
    if valued != (opening, closing, flows):
        raise UnableToState("EQUITY_DIFFERS", valued=valued, stated=(opening, closing, flows))
