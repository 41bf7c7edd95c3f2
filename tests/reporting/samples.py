"""Accounts whose months are booked lot by lot, so that their statements must close. Used by the tests and by bench/statements.py."""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from base.core.money import round_money
from reporting.core.fees import management_fee
from reporting.core.performance import ValuedDay
from reporting.core.statement_inputs import (
    Account,
    Accrual,
    CashBalance,
    Custodian,
    FeeLine,
    FxRate,
    Position,
    RealisedGain,
    StatementInputs,
    Transaction,
)
from reporting.enums import AccrualKind, HoldingTerm, TransactionKind

START, END, PREPARED = date(2026, 10, 1), date(2026, 10, 31), date(2026, 11, 2)
NAMES = [
    ("XYZ", "XYZ Corporation"),
    ("ABC", "ABC Industries"),
    ("NVDA", "NVIDIA Corporation"),
    ("MSFT", "Microsoft Corporation"),
    ("JNJ", "Johnson & Johnson"),
    ("KO", "The Coca-Cola Company"),
    ("VTI", "Vanguard Total Stock Market ETF"),
    ("BND", "Vanguard Total Bond Market ETF"),
    ("GLD", "SPDR Gold Shares"),
    ("PFE", "Pfizer Inc."),
    ("UNP", "Union Pacific Corporation"),
    ("CAT", "Caterpillar Inc."),
]
CUSTODIAN = Custodian("Interactive Brokers LLC", "U••••4417", ("Client services +1 877 442 2757", "www.interactivebrokers.com/help"))


def account(currency: str = "USD", **facts: object) -> Account:
    return Account(
        **{
            "id": "GE-09",
            "name": "R. Halloran",
            "number": "GE-09",
            "base_currency": currency,
            "holder": "Robert Halloran",
            "address": ("14 Ferry Lane", "Old Saybrook, CT 06475", "United States"),
            "registration": "Individual, taxable",
            "manager": "Northlight Capital",
            "mandate": "Global Equity Core",
            **facts,
        }
    )


@dataclass
class Book:
    """One account's month, booked by hand: lots first in, first out, in `base`."""

    base: str = "USD"
    rates: dict[str, tuple[str, str]] = field(default_factory=dict)
    positions: dict[str, list] = field(default_factory=dict)
    opened: tuple[Position, ...] = ()
    cash: dict[str, list[Decimal]] = field(default_factory=dict)
    rows: list[Transaction] = field(default_factory=list)
    gains: list[RealisedGain] = field(default_factory=list)

    def rate(self, currency: str, *, closing: bool = True) -> Decimal:
        return Decimal(1) if currency == self.base else Decimal(self.rates[currency][closing])

    def fund(self, currency: str, amount: object) -> None:
        self.cash[currency] = [Decimal(str(amount)), Decimal(str(amount))]

    def hold(
        self, symbol: str, name: str, currency: str, count: object, unit: object, basis: object, source: str = "closing price"
    ) -> None:
        self.positions[symbol] = [name, currency, Decimal(str(count)), Decimal(str(unit)), Decimal(str(basis)), source]

    def open(self) -> None:
        self.opened = self.snapshot()

    def snapshot(self) -> tuple[Position, ...]:
        return tuple(
            Position("GE-09", symbol, symbol, name, currency, count, unit, source, basis)
            for symbol, (name, currency, count, unit, basis, source) in self.positions.items()
            if count
        )

    def book(self, kind: TransactionKind, words: str, amount: object, currency: str | None = None, *, on: int = 15, **more: object) -> None:
        currency = currency or self.base
        cash = Decimal(str(amount))
        self.cash.setdefault(currency, [Decimal(0), Decimal(0)])[1] += cash
        in_base = round_money(cash * self.rate(currency, closing=False), self.base)
        self.rows.append(Transaction("GE-09", START + timedelta(on - 1), kind, words, currency, cash, in_base, **more))

    def trade(self, symbol: str, count: int, unit: object, *, on: int, commission: object = "1.00") -> None:
        name, currency, held, _, basis, _ = self.positions[symbol]
        fee, price = Decimal(str(commission)), Decimal(str(unit))
        cash = round_money(-count * price, currency) - fee
        kind = TransactionKind.BUY if count > 0 else TransactionKind.SELL
        more = {"instrument_id": symbol, "symbol": symbol, "quantity": Decimal(count), "price": price, "commission": fee}
        self.book(kind, name, cash, currency, on=on, settle_date=START + timedelta(on), **more)
        in_base = self.rows[-1].amount_base
        sold = Decimal(0) if count > 0 else round_money(basis * -count / held, self.base)
        self.positions[symbol][2] += count
        self.positions[symbol][4] += -in_base if count > 0 else -sold
        if count < 0:
            day = START + timedelta(on - 1)
            self.gains.append(RealisedGain("GE-09", day, date(2024, 3, 18), symbol, Decimal(-count), in_base, sold, HoldingTerm.LONG))

    def close(self, moves: dict[str, object], **more: object) -> StatementInputs:
        for symbol, unit in moves.items():
            self.positions[symbol][3] = Decimal(str(unit))
        rows = tuple(sorted(self.rows, key=lambda t: t.booked_date))
        return StatementInputs(
            account=more.pop("account", account(self.base)),
            custodian=CUSTODIAN,
            period_start=START,
            period_end=END,
            prepared_date=PREPARED,
            opening_positions=self.opened,
            closing_positions=self.snapshot(),
            cash=tuple(CashBalance("GE-09", currency, before, now, now) for currency, (before, now) in self.cash.items()),
            transactions=rows,
            realised=tuple(sorted(self.gains, key=lambda r: r.sold_date)),
            fx_rates=tuple(FxRate(c, Decimal(a), Decimal(b), "ECB reference rate") for c, (a, b) in self.rates.items()),
            **more,
        )


def equity_days(
    opening: Decimal, closing: Decimal, flows: dict[date, Decimal], *, months: int = 12, seed: int = 7
) -> tuple[ValuedDay, ...]:
    """A year of valued days that ends with a month from `opening` to `closing`."""
    rng, first = random.Random(seed), date(2025, 11, 1)
    dates = [first + timedelta(n) for n in range((END - first).days + 1)]
    values = [opening]
    for _ in [d for d in dates if d < START]:
        values.append((values[-1] / Decimal(str(1 + rng.gauss(0.0003, 0.005)))).quantize(Decimal("0.01")))
    values.reverse()
    october = [d for d in dates if d >= START]
    earned = closing - opening - sum(flows.values(), Decimal(0))
    for n, day in enumerate(october, start=1):
        wave = Decimal(str(rng.gauss(0, 0.003))) * opening if n < len(october) else Decimal(0)
        paid = sum((amount for when, amount in flows.items() if when <= day), Decimal(0))
        values.append((opening + earned * n / len(october) + paid + wave).quantize(Decimal("0.01")))
    days = []
    for n, day in enumerate(dates):
        flow = flows.get(day, Decimal(0))
        days.append(ValuedDay(day, values[n], values[n + 1], max(flow, Decimal(0)), max(-flow, Decimal(0))))
    return tuple(days)


def normal_month(trades: int = 16, *, seed: int = 3, **facts: object) -> StatementInputs:
    """A dozen holdings in dollars, `trades` trades, a deposit, income, a fee and its computation."""
    rng, book = random.Random(seed), Book()
    book.fund("USD", "61283.37")
    for n, (symbol, name) in enumerate(NAMES):
        unit = Decimal(rng.randrange(3000, 40000)).scaleb(-2)
        book.hold(symbol, name, "USD", 400 + 40 * n, unit, round_money(unit * (400 + 40 * n) * Decimal(str(rng.uniform(0.7, 1.1))), "USD"))
    book.open()
    for n in range(trades):
        symbol = NAMES[rng.randrange(len(NAMES))][0]
        unit = book.positions[symbol][3] * Decimal(str(round(rng.uniform(0.97, 1.03), 3)))
        book.trade(symbol, rng.choice([10, 20, 40, -15, -25]), unit.quantize(Decimal("0.01")), on=1 + n * 29 // max(trades, 1))
    book.book(TransactionKind.DIVIDEND, "ABC Industries", "162.40", on=9)
    book.book(TransactionKind.INTEREST, "on cash", "41.07", on=30)
    book.book(TransactionKind.WITHHOLDING_TAX, "ABC Industries", "-24.36", on=9)
    book.book(TransactionKind.MANAGEMENT_FEE, "September", "-990.14", on=2)
    book.book(TransactionKind.DEPOSIT, "from Citibank ••••0912", "10000.00", on=12)
    fee = management_fee([Decimal("1190000.00")] * 31, rate=Decimal("0.01"), currency="USD")
    accruals = (
        Accrual("GE-09", AccrualKind.FEE, "Management fee", Decimal("-990.14"), -fee.fee),
        Accrual("GE-09", AccrualKind.INCOME, "Dividend KO, paid 2 November", Decimal(0), Decimal("97.00")),
    )
    moves = {
        symbol: (v[3] * Decimal(str(round(rng.uniform(0.95, 1.07), 3)))).quantize(Decimal("0.01")) for symbol, v in book.positions.items()
    }
    inputs = book.close(moves, accruals=accruals, fees=(FeeLine("GE-09", "Management fee, October", fee),), account=account(**facts))
    return with_days(inputs)


def with_days(inputs: StatementInputs) -> StatementInputs:
    """Add a year of valued days that agree with the statement's own opening, closing and flows."""
    from dataclasses import replace

    from reporting.core.statement import build_statement

    built = build_statement(inputs)
    flows: dict[date, Decimal] = {}
    for t in built.flows:
        flows[t.booked_date] = flows.get(t.booked_date, Decimal(0)) + t.amount_base + t.in_kind_value_base
    return replace(inputs, days=equity_days(built.bridge.opening, built.bridge.closing, flows), inception_date=date(2025, 11, 1))
