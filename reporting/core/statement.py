"""The monthly investor statement as a value, every total computed and proved (GOV-11).

Entry point: `build_statement`. Errors: `UnableToState(code, context)`; a statement that does not add up is not made.
Invariants:
1. Opening value + flows + income − fees + gains = closing value, to the minor unit, and the gains come from lots and rates, not from the
   rest.
2. Every total is the sum of its parts as shown: each part is rounded before it is added.
3. Per currency opening cash + bookings = closing cash; per instrument opening quantity + bookings = closing quantity.
4. Only the account's own rows enter; one row of another account refuses the whole statement.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from base.core.money import round_money
from reporting.core.performance import modified_dietz, time_weighted_return
from reporting.core.statement_inputs import ZERO, CashBalance, Position, StatementInputs, Transaction
from reporting.core.statement_proofs import (
    UnableToState,
    prove_cash,
    prove_days,
    prove_quantities,
    refuse_foreign_rows,
    refuse_other_periods,
)
from reporting.enums import AccrualKind, TransactionKind

_K = TransactionKind
TRADES = frozenset({_K.BUY, _K.SELL, _K.CORPORATE_ACTION})
INCOME = frozenset({_K.DIVIDEND, _K.INTEREST, _K.FUNDING, _K.WITHHOLDING_TAX, _K.ADJUSTMENT})
FEES = frozenset({_K.MANAGEMENT_FEE, _K.PERFORMANCE_FEE, _K.OTHER_FEE})
FLOWS = frozenset({_K.DEPOSIT, _K.WITHDRAWAL, _K.TRANSFER_IN, _K.TRANSFER_OUT})
_LONGEST_CLOSURE = timedelta(days=5)  # a series that starts later than this after a period's first day does not cover it


@dataclass(frozen=True, slots=True)
class Holding:
    """A closing position, valued. value: in its own currency; value_base and gain_base: base currency, rounded."""

    position: Position
    value: Decimal
    value_base: Decimal
    gain_base: Decimal
    weight: Fraction | None


@dataclass(frozen=True, slots=True)
class CashLine:
    """A closing cash balance by trade date, its unsettled part, and its worth in base currency."""

    balance: CashBalance
    unsettled: Decimal
    rate: Decimal
    value_base: Decimal


@dataclass(frozen=True, slots=True)
class ValueBridge:
    """How the opening value became the closing value, base currency; the parts add up exactly."""

    opening: Decimal
    deposits: Decimal
    withdrawals: Decimal
    income: Decimal
    fees: Decimal
    realised: Decimal
    unrealised: Decimal
    currency: Decimal
    closing: Decimal

    @property
    def flows(self) -> Decimal:
        """Return deposits and withdrawals together."""
        return self.deposits + self.withdrawals

    @property
    def gains(self) -> Decimal:
        """Return realised, unrealised and currency gains together."""
        return self.realised + self.unrealised + self.currency

    @property
    def difference(self) -> Decimal:
        """Return what is left unexplained; zero in every statement."""
        return self.closing - (self.opening + self.flows + self.income + self.fees + self.gains)


@dataclass(frozen=True, slots=True)
class PeriodReturn:
    """Time-weighted returns of one period; None where no return exists (PRF-1, PRF-4)."""

    label: str
    start: date
    net: Decimal | None
    gross: Decimal | None


@dataclass(frozen=True, slots=True)
class RealisedTotals:
    """Sums over the realised lots; allowed = gain + deferred + forfeited."""

    proceeds: Decimal
    basis: Decimal
    gain: Decimal
    deferred: Decimal
    forfeited: Decimal
    allowed: Decimal


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that adds up. `inputs` are the facts, the rest is computed from them.

    accrued_income, accrued_fees: change of what is earned or owed and not yet paid; with the bookings they make the bridge's lines.
    trading_costs: commissions of the period, within the amounts of the trades and so within the gains.
    """

    inputs: StatementInputs
    holdings: tuple[Holding, ...]
    cash: tuple[CashLine, ...]
    holdings_value: Decimal
    holdings_basis: Decimal
    holdings_gain: Decimal
    cash_value: Decimal
    accrued: Decimal
    bridge: ValueBridge
    income: tuple[Transaction, ...]
    fees_charged: tuple[Transaction, ...]
    flows: tuple[Transaction, ...]
    realised: RealisedTotals
    returns: tuple[PeriodReturn, ...]
    money_weighted: Fraction | None
    commissions: tuple[tuple[str, Decimal], ...]
    trading_costs: Decimal
    accrued_income: Decimal
    accrued_fees: Decimal


def build_statement(inputs: StatementInputs) -> Statement:
    """Compute and prove a statement (GOV-11).

    Raises UnableToState: FOREIGN_DATA, OUTSIDE_PERIOD, FX_MISSING, CASH_DIFFERS, QUANTITY_DIFFERS, EQUITY_DIFFERS (the valued days
    disagree),
    VALUE_DIFFERS (the bridge does not close).
    """
    refuse_foreign_rows(inputs)
    refuse_other_periods(inputs)
    prove_cash(inputs)
    prove_quantities(inputs)
    base = inputs.account.base_currency
    rates = _rates(inputs, closing=True)
    cash = tuple(
        CashLine(c, c.closing - c.closing_settled, rates[c.currency], _in_base(c.closing, rates[c.currency], base)) for c in inputs.cash
    )
    cash_value, accrued = _total(c.value_base for c in cash), _total(a.closing for a in inputs.accruals)
    values = [(p, *_value(p, rates, base)) for p in inputs.closing_positions]
    holdings_value = _total(value_base for _, _, value_base in values)
    closing = holdings_value + cash_value + accrued
    holdings = tuple(Holding(p, v, vb, vb - p.basis_base, Fraction(vb) / Fraction(closing) if closing > 0 else None) for p, v, vb in values)
    bridge = _bridge(inputs, closing)
    prove_days(inputs, opening=bridge.opening, closing=bridge.closing, flows=bridge.flows)
    return Statement(
        inputs=inputs,
        holdings=holdings,
        cash=cash,
        holdings_value=holdings_value,
        holdings_basis=_total(h.position.basis_base for h in holdings),
        holdings_gain=_total(h.gain_base for h in holdings),
        cash_value=cash_value,
        accrued=accrued,
        bridge=bridge,
        income=_of(inputs, INCOME),
        fees_charged=_of(inputs, FEES),
        flows=_of(inputs, FLOWS),
        realised=_realised(inputs),
        returns=_returns(inputs),
        money_weighted=_money_weighted(inputs, bridge),
        commissions=_commissions(inputs.transactions),
        trading_costs=_total(t.commission_base for t in inputs.transactions),
        accrued_income=_accrued(inputs, AccrualKind.INCOME),
        accrued_fees=_accrued(inputs, AccrualKind.FEE),
    )


def _total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)


def _of(inputs: StatementInputs, kinds: frozenset[TransactionKind]) -> tuple[Transaction, ...]:
    return tuple(t for t in inputs.transactions if t.kind in kinds)


def _accrued(inputs: StatementInputs, kind: AccrualKind) -> Decimal:
    return _total(a.closing - a.opening for a in inputs.accruals if a.kind is kind)


def _in_base(amount: Decimal, rate: Decimal, base: str) -> Decimal:
    return round_money(amount * rate, base)


def _rates(inputs: StatementInputs, *, closing: bool) -> dict[str, Decimal]:
    found = {fx.currency: fx.closing if closing else fx.opening for fx in inputs.fx_rates} | {inputs.account.base_currency: Decimal(1)}
    rates = {currency: rate for currency, rate in found.items() if rate is not None}
    positions = inputs.closing_positions if closing else inputs.opening_positions
    used = {p.currency for p in positions} | {c.currency for c in inputs.cash if closing or c.opening}
    if missing := sorted(currency for currency in used if not rates.get(currency, ZERO) > 0):
        raise UnableToState("FX_MISSING", currencies=missing)
    return rates


def _value(position: Position, rates: dict[str, Decimal], base: str) -> tuple[Decimal, Decimal]:
    exact = position.margined_value
    if exact is None:
        exact = position.quantity * position.price * position.multiplier
    return round_money(exact, position.currency), _in_base(exact, rates[position.currency], base)


def _bridge(inputs: StatementInputs, closing: Decimal) -> ValueBridge:
    base, before, after = inputs.account.base_currency, _rates(inputs, closing=False), _rates(inputs, closing=True)
    opening_cash = _total(_in_base(c.opening, before[c.currency], base) for c in inputs.cash if c.opening)
    closing_cash = _total(_in_base(c.closing, after[c.currency], base) for c in inputs.cash)
    opening_holdings = _total(_value(p, before, base)[1] for p in inputs.opening_positions)
    opening = opening_holdings + opening_cash + _total(a.opening for a in inputs.accruals)
    flows = _of(inputs, FLOWS)
    moved = [t.amount_base + t.in_kind_value_base for t in flows]
    carried_in = _total(t.in_kind_value_base - t.in_kind_basis_base for t in flows)
    floating = _total(_value(p, after, base)[1] - p.basis_base for p in inputs.closing_positions)
    floating -= opening_holdings - _total(p.basis_base for p in inputs.opening_positions)
    bridge = ValueBridge(
        opening=opening,
        deposits=_total(amount for amount in moved if amount > 0),
        withdrawals=_total(amount for amount in moved if amount < 0),
        income=_total(t.amount_base for t in _of(inputs, INCOME)) + _accrued(inputs, AccrualKind.INCOME),
        fees=_total(t.amount_base for t in _of(inputs, FEES)) + _accrued(inputs, AccrualKind.FEE),
        realised=_total(r.proceeds - r.basis for r in inputs.realised),
        unrealised=floating + inputs.wash_basis_added - carried_in,
        currency=closing_cash - opening_cash - _total(t.amount_base for t in inputs.transactions if t.kind is not _K.FX),
        closing=closing,
    )
    if bridge.difference:
        raise UnableToState("VALUE_DIFFERS", difference=bridge.difference, opening=bridge.opening, closing=bridge.closing)
    return bridge


def _realised(inputs: StatementInputs) -> RealisedTotals:
    rows = inputs.realised
    proceeds, basis = _total(r.proceeds for r in rows), _total(r.basis for r in rows)
    deferred, forfeited = _total(r.deferred for r in rows), _total(r.forfeited for r in rows)
    return RealisedTotals(proceeds, basis, proceeds - basis, deferred, forfeited, proceeds - basis + deferred + forfeited)


def _returns(inputs: StatementInputs) -> tuple[PeriodReturn, ...]:
    end = inputs.period_end
    starts = [("This period", inputs.period_start), ("This year", date(end.year, 1, 1)), ("12 months", _a_year_before(end))]
    if inputs.inception_date is not None and inputs.inception_date <= inputs.period_start:
        starts.append(("Since inception", inputs.inception_date))
    return tuple(_return_since(inputs, label, start) for label, start in starts)


def _a_year_before(end: date) -> date:
    """Return the first day of the twelve months that end on `end`, the end of a month."""
    return date(end.year - 1, end.month + 1, 1) if end.month < 12 else date(end.year, 1, 1)


def _return_since(inputs: StatementInputs, label: str, start: date) -> PeriodReturn:
    days = [day for day in inputs.days if start <= day.date <= inputs.period_end]
    first = start if inputs.inception_date is None or label == "12 months" else max(start, inputs.inception_date)
    if not days or days[0].date - first > _LONGEST_CLOSURE:
        return PeriodReturn(label, start, None, None)
    return PeriodReturn(label, start, time_weighted_return(days), time_weighted_return(days, gross=True))


def _money_weighted(inputs: StatementInputs, bridge: ValueBridge) -> Fraction | None:
    length = (inputs.period_end - inputs.period_start).days + 1
    flows = [((t.booked_date - inputs.period_start).days, t.amount_base + t.in_kind_value_base) for t in _of(inputs, FLOWS)]
    return modified_dietz(begin=bridge.opening, end=bridge.closing, flows=flows, days=length)


def _commissions(transactions: Iterable[Transaction]) -> tuple[tuple[str, Decimal], ...]:
    totals: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for t in transactions:
        totals[t.currency] += t.commission
    return tuple(sorted((currency, amount) for currency, amount in totals.items() if amount))
