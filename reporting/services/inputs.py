"""From the books of an account to the inputs of its statement.

Entry point: `statement_inputs`. Everything is read first (a constant number of queries), then computed by the core.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from base.core.money import round_money
from reporting.core.bookings import Terms, prove_fees, transactions
from reporting.core.books import ZERO, AccountRow, Booking, Books, InstrumentRow, PriceRow
from reporting.core.lot_bases import LotBases, lot_bases
from reporting.core.statement import FLOWS, build_statement
from reporting.core.statement_inputs import (
    Account,
    Accrual,
    CashBalance,
    Custodian,
    FxRate,
    Position,
    RealisedGain,
    StatementInputs,
    Transaction,
)
from reporting.core.statement_proofs import UnableToState
from reporting.core.valued_days import valued_days
from reporting.enums import AccrualKind, HoldingTerm, TransactionKind
from reporting.queries import valuation
from reporting.queries.books import books_of

SHOWN_DIGITS = 4


@dataclass(frozen=True, slots=True)
class _Facts:
    """Everything read, and what depends on it alone. before: the last day of the previous period."""

    books: Books
    start: date
    end: date
    instruments: dict[int, InstrumentRow]
    prices: dict[tuple[int, date], PriceRow]
    rates: valuation.Rates

    @property
    def before(self) -> date:
        return self.start - timedelta(days=1)

    @property
    def base(self) -> str:
        return self.books.account.base_currency

    def price(self, instrument_id: int, day: date) -> PriceRow:
        found = self.prices.get((instrument_id, day))
        if found is None:
            raise UnableToState("PRICE_MISSING", instrument=self.instruments[instrument_id].symbol, date=day)
        return found

    def value(self, instrument_id: int, quantity: Decimal, day: date) -> Decimal:
        """Return market value in base currency, rounded once."""
        i = self.instruments[instrument_id]
        exact = quantity * self.price(instrument_id, day).price * i.multiplier * self.rates.rate(i.currency, day)
        return round_money(exact, self.base)


def statement_inputs(*, account_id: UUID, start: date, end: date, prepared: date) -> StatementInputs:
    """Return the facts of one account's period, valued days included.

    Raises NotFound; UnableToState as `build_statement`, and NO_STATEMENT (a clearing account), PRICE_MISSING, FX_MISSING,
    ENTRY_PRICE_MISSING (an open margined position, whose entry price the ledger does not hold), LOTS_DIFFER, FEES_DIFFER.
    Wash sales are not computed: the books hold none, and the statement says so.
    """
    facts = _read(account_id, start, end)
    books, account = facts.books, facts.books.account
    if account.is_clearing:
        raise UnableToState("NO_STATEMENT", reason="a clearing account belongs to no investor")
    bases = lot_bases(
        books.bookings,
        books.lots,
        books.closures,
        base_currency=facts.base,
        start=start,
        average=account.lot_method == "AVERAGE",
        rate=facts.rates.rate,
    )
    terms = Terms(str(account.id), facts.base, facts.instruments, bases.moved_in_kind, facts.rates.rate, facts.value)
    moved = [b for b in books.bookings if b.trade_date >= start and not b.internal]
    shown = transactions(moved, terms)
    prove_fees(moved, shown)
    inputs = StatementInputs(
        account=_account(facts),
        custodian=Custodian(account.custodian, _masked(account.custodian_account), _lines(account.custodian_contact)),
        period_start=start,
        period_end=end,
        prepared_date=prepared,
        opening_positions=_positions(facts, bases, closing=False),
        closing_positions=_positions(facts, bases, closing=True),
        cash=_cash(facts, shown),
        transactions=shown,
        realised=_realised(facts, bases),
        accruals=_accruals(facts),
        fx_rates=_fx_rates(facts, shown),
        inception_date=account.opened_on,
    )
    late = tuple(t for t in transactions(books.late_flows(start), terms) if t.kind in FLOWS)
    return replace(inputs, days=valued_days(build_statement(inputs), books.snapshots, _fees_by_day(facts), late))


def _read(account_id: UUID, start: date, end: date) -> _Facts:
    books = books_of(account_id=account_id, start=start, end=end)
    before = start - timedelta(days=1)
    moved = {b.instrument_id for b in books.bookings if b.instrument_id is not None}
    ids = {*books.positions, *moved}
    instruments = valuation.instruments(ids) if ids else {}
    flowed = [*(b for b in books.bookings if b.trade_date >= start), *books.late_flows(start)]
    in_kind = {b.trade_date for b in flowed if b.quantity and not b.cash}
    prices = valuation.prices({before, end, *in_kind}, ids) if ids else {}
    currencies = {*books.cash, *books.receivables, *(i.currency for i in instruments.values())}
    currencies |= {currency for b in books.bookings for part in (b.cash, b.trading, b.fees, b.withheld) for currency in part}
    days = {before, end, *(b.trade_date for b in books.bookings)}
    return _Facts(books, start, end, instruments, prices, valuation.rates(days, currencies, books.account.base_currency))


def _account(facts: _Facts) -> Account:
    a: AccountRow = facts.books.account
    held = [facts.instruments[n] for n, balance in facts.books.positions.items() if balance.opening or balance.closing]
    traded = [
        facts.instruments[b.instrument_id] for b in facts.books.bookings if b.instrument_id is not None and b.trade_date >= facts.start
    ]
    words = [part.replace("_", " ").capitalize() for part in (a.registration, a.tax_classification) if part]
    return Account(
        id=str(a.id),
        name=a.name,
        number=a.code,
        base_currency=a.base_currency,
        holder=a.holder,
        address=_lines(a.address),
        registration=", ".join([*words[:1], *(word.lower() for word in words[1:])]),
        manager=a.firm,
        mandate=a.mandate,
        simulated=a.is_paper or any(i.is_simulated for i in (*held, *traded)),
    )


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _masked(number: str) -> str:
    """Return a custodian's account number with its middle hidden; short ones have none."""
    return number if len(number) <= SHOWN_DIGITS + 1 else number[0] + "••••" + number[-SHOWN_DIGITS:]


def _positions(facts: _Facts, bases: LotBases, *, closing: bool) -> tuple[Position, ...]:
    day, costs = (facts.end, bases.closing) if closing else (facts.before, bases.opening)
    rows = []
    for instrument_id, balance in facts.books.positions.items():
        quantity, i = balance.closing if closing else balance.opening, facts.instruments[instrument_id]
        if not quantity:
            continue
        if instrument_id in bases.unpriced:
            raise UnableToState("ENTRY_PRICE_MISSING", instrument=i.symbol, date=day)
        price = facts.price(instrument_id, day)
        cost = costs.get(instrument_id, ZERO)
        rows.append(
            Position(
                str(facts.books.account.id),
                str(i.id),
                i.symbol,
                i.name,
                i.currency,
                quantity,
                price.price,
                price.source,
                cost,
                i.multiplier,
            )
        )
    return tuple(sorted(rows, key=lambda p: p.symbol))


def _cash(facts: _Facts, shown: tuple[Transaction, ...]) -> tuple[CashBalance, ...]:
    """Return the balances of the account's own currency first, then of every other that was held or moved."""
    moved = {t.currency for t in shown if t.amount}
    kept = {c: b for c, b in facts.books.cash.items() if b.opening or b.closing or c in moved}
    order = sorted(kept, key=lambda code: (code != facts.base, code))
    return tuple(
        CashBalance(str(facts.books.account.id), code, kept[code].opening, kept[code].closing, kept[code].settled) for code in order
    )


def _realised(facts: _Facts, bases: LotBases) -> tuple[RealisedGain, ...]:
    return tuple(
        RealisedGain(
            account_id=str(facts.books.account.id),
            sold_date=gain.closure.closed_on,
            acquired_date=gain.lot.acquired_on,
            symbol=facts.instruments[gain.lot.instrument_id].symbol,
            quantity=gain.closure.quantity,
            proceeds=gain.proceeds,
            basis=gain.basis,
            term=HoldingTerm.LONG if gain.closure.is_long_term else HoldingTerm.SHORT,
        )
        for gain in bases.gains
    )


def _accruals(facts: _Facts) -> tuple[Accrual, ...]:
    rows = []
    for currency, balance in facts.books.receivables.items():
        opening = _worth(facts, balance.opening, currency, facts.before)
        closing = _worth(facts, balance.closing, currency, facts.end)
        if opening or closing:
            words = "Dividends" + ("" if currency == facts.base else f" in {currency}")
            rows.append(Accrual(str(facts.books.account.id), AccrualKind.INCOME, words, opening, closing))
    return tuple(rows)


def _worth(facts: _Facts, amount: Decimal, currency: str, day: date) -> Decimal:
    return round_money(amount * facts.rates.rate(currency, day), facts.base) if amount else ZERO


def _fx_rates(facts: _Facts, shown: tuple[Transaction, ...]) -> tuple[FxRate, ...]:
    """Return the rates at both ends; the opening one only of what was there to be valued."""
    before = {facts.instruments[n].currency for n, b in facts.books.positions.items() if b.opening}
    before |= {c for part in (facts.books.cash, facts.books.receivables) for c, b in part.items() if b.opening}
    after = {facts.instruments[n].currency for n, b in facts.books.positions.items() if b.closing}
    after |= {c for c, b in facts.books.receivables.items() if b.closing}
    used = {*before, *after, *(c.currency for c in _cash(facts, shown))} - {facts.base}
    r = facts.rates
    return tuple(
        FxRate(c, r.rate(c, facts.before) if c in before else None, r.rate(c, facts.end), r.source(c, facts.end)) for c in sorted(used)
    )


def _fees_by_day(facts: _Facts) -> dict[date, Decimal]:
    charged: dict[date, Decimal] = {}
    kinds = (TransactionKind.MANAGEMENT_FEE, TransactionKind.PERFORMANCE_FEE)
    bookings: list[Booking] = [b for b in facts.books.bookings if b.entry_type == "FEE" and b.fee_kind in kinds]
    for b in bookings:
        for currency, amount in b.cash.items():
            paid = round_money(-amount * facts.rates.rate(currency, b.trade_date), facts.base)
            charged[b.trade_date] = charged.get(b.trade_date, ZERO) + paid
    return charged
