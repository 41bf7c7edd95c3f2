"""The values a monthly statement is made from (GOV-11).

Entry point: `StatementInputs`, which holds everything else. Rows that belong to an account carry its id, so that a row of another
account can
be refused. Amounts are signed as the account sees them: what comes in is positive. `_base` means the account's base currency.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from reporting.core.fees import ManagementFee, PerformanceFee
from reporting.core.performance import ValuedDay
from reporting.enums import AccrualKind, HoldingTerm, TransactionKind

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Account:
    """Whose statement it is. simulated: the account trades on paper, and every page says so."""

    id: str
    name: str
    number: str
    base_currency: str
    holder: str
    address: tuple[str, ...] = ()
    registration: str = ""
    manager: str = ""
    mandate: str = ""
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Custodian:
    """Who holds the assets, and how the investor reaches them."""

    name: str
    account_number: str
    contact: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FxRate:
    """Units of base currency for one unit of `currency`, at the opening and the closing of the period; opening: None if not needed."""

    currency: str
    opening: Decimal | None
    closing: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class Position:
    """A holding at the opening or the closing.

    quantity: signed, short is negative. price: per unit in `currency`. multiplier: units a contract. basis_base: signed cost in base
    currency,
    wash-sale adjustments included; zero for margined contracts, whose `value` (in `currency`) is their floating profit.
    """

    account_id: str
    instrument_id: str
    symbol: str
    name: str
    currency: str
    quantity: Decimal
    price: Decimal
    price_source: str
    basis_base: Decimal
    multiplier: Decimal = Decimal(1)
    margined_value: Decimal | None = None


@dataclass(frozen=True, slots=True)
class CashBalance:
    """Cash of one currency, opening and closing, by trade date; `closing_settled` by settlement date."""

    account_id: str
    currency: str
    opening: Decimal
    closing: Decimal
    closing_settled: Decimal


@dataclass(frozen=True, slots=True)
class Transaction:
    """One booking of the period.

    amount: net cash in `currency`, commission and taxes included. amount_base: the same at the booking's rate. quantity: signed change
    of the
    holding. commission, commission_base: what was charged with a trade, exchange fees included, > 0 paid; it is within `amount`.
    in_kind_value_base, in_kind_basis_base: market value and cost of assets moved in or out in kind, signed like the quantity.
    journey_id: the intent it comes from (CON-4); in the figures, not on paper. recorded_at: when it was booked, None unknown.
    """

    account_id: str
    booked_date: date
    kind: TransactionKind
    description: str
    currency: str
    amount: Decimal
    amount_base: Decimal
    settle_date: date | None = None
    instrument_id: str | None = None
    symbol: str = ""
    quantity: Decimal = ZERO
    price: Decimal | None = None
    commission: Decimal = ZERO
    commission_base: Decimal = ZERO
    in_kind_value_base: Decimal = ZERO
    in_kind_basis_base: Decimal = ZERO
    journey_id: str = ""
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RealisedGain:
    """One lot disposed of, in base currency (TAX-1, WASH-8 to WASH-10).

    deferred: loss disallowed and carried into a replacement lot; forfeited: disallowed for good; both ≥ 0. final_on: until then a later
    purchase can still change the adjustment (WASH-15), None when it is final.
    """

    account_id: str
    sold_date: date
    acquired_date: date | None
    symbol: str
    quantity: Decimal
    proceeds: Decimal
    basis: Decimal
    term: HoldingTerm
    deferred: Decimal = ZERO
    forfeited: Decimal = ZERO
    final_on: date | None = None


@dataclass(frozen=True, slots=True)
class Accrual:
    """Earned or owed but not yet paid, in base currency; a receivable is positive, what is owed negative."""

    account_id: str
    kind: AccrualKind
    description: str
    opening: Decimal
    closing: Decimal


@dataclass(frozen=True, slots=True)
class FeeLine:
    """A fee with its computation. charged_date: None while it is accrued and not yet taken."""

    account_id: str
    description: str
    computation: ManagementFee | PerformanceFee
    charged_date: date | None = None


@dataclass(frozen=True, slots=True)
class StatementInputs:
    """Everything a statement of one account for one period says.

    period_start, period_end: first and last day, both included. prepared_date: printed, and the document's creation date.
    days: valued days up to period_end, from as early as the chart and the longer returns should reach.
    wash_sales_computed: whether somebody looked for wash sales; without that, no adjustment means nothing. wash_basis_added: deferred losses,
    the account's own or of others of its tax unit, added to the basis of its lots in the period, base currency.
    """

    account: Account
    custodian: Custodian
    period_start: date
    period_end: date
    prepared_date: date
    opening_positions: tuple[Position, ...] = ()
    closing_positions: tuple[Position, ...] = ()
    cash: tuple[CashBalance, ...] = ()
    transactions: tuple[Transaction, ...] = ()
    realised: tuple[RealisedGain, ...] = ()
    accruals: tuple[Accrual, ...] = ()
    fees: tuple[FeeLine, ...] = ()
    fx_rates: tuple[FxRate, ...] = ()
    days: tuple[ValuedDay, ...] = ()
    wash_sales_computed: bool = False
    wash_basis_added: Decimal = ZERO
    inception_date: date | None = None
