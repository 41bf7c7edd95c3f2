"""Accounts whose months are booked lot by lot, so that their statements must close. Used by the tests and by bench/statements.py."""

import random
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal

from base.core.money import round_money
from reporting.core.fees import management_fee, performance_fee
from reporting.core.performance import ValuedDay
from reporting.core.statement import build_statement
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
        more["commission_base"] = round_money(fee * self.rate(currency, closing=False), self.base)
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
        fee = (values[n] * Decimal("0.01") / 365).quantize(Decimal("0.01"))
        days.append(ValuedDay(day, values[n], values[n + 1], max(flow, Decimal(0)), max(-flow, Decimal(0)), fee))
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
    book.book(TransactionKind.INTEREST, "cash balance", "41.07", on=30)
    book.book(TransactionKind.WITHHOLDING_TAX, "ABC Industries", "-24.36", on=9)
    book.book(TransactionKind.MANAGEMENT_FEE, "September", "-990.14", on=2)
    book.book(TransactionKind.DEPOSIT, "Citibank ••••0912", "10000.00", on=12)
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
    built = build_statement(inputs)
    flows: dict[date, Decimal] = {}
    for t in built.flows:
        flows[t.booked_date] = flows.get(t.booked_date, Decimal(0)) + t.amount_base + t.in_kind_value_base
    return replace(inputs, days=equity_days(built.bridge.opening, built.bridge.closing, flows), inception_date=date(2025, 11, 1))


def many_currencies() -> StatementInputs:
    """A euro account with dollars, yen, pounds and francs, long names, a short, a margined contract, a wash sale and an exchange."""
    book = Book(
        "EUR",
        {
            "USD": ("0.921659", "0.917011"),
            "JPY": ("0.006112", "0.006087"),
            "GBP": ("1.171800", "1.168200"),
            "CHF": ("1.063500", "1.070100"),
        },
    )
    for currency, amount in (("EUR", "120450.10"), ("USD", "-3120.55"), ("JPY", "1250000"), ("GBP", "800.00"), ("CHF", "0.00")):
        book.fund(currency, amount)
    long_name = "Société Générale d’Investissements Internationaux et de Participations Industrielles S.C.A., registered shares class B"
    book.hold("SGIIPI.PA", long_name, "EUR", 1200, "84.125", "98400.00", "Euronext close")
    book.hold("7203", "Toyota Motor Corporation", "JPY", 1500, "2481", "21950.00", "Tokyo close")
    book.hold("TSLA", "Tesla Inc.", "USD", -120, "251.44", "-24180.00", "Nasdaq close")
    book.hold("NESN", "Nestlé S.A.", "CHF", 250, "91.26", "26010.00", "SIX close")
    book.hold("BTC", "Bitcoin, held in custody", "USD", "0.41370255", "63120.5", "18110.00", "Kraken 00:00 UTC")
    book.hold("ULVR", "Unilever plc", "GBP", 400, "46.915", "23990.00", "LSE close")
    book.open()
    book.trade("7203", 500, "2466", on=6, commission="250")
    book.trade("ULVR", -150, "45.105", on=8, commission="3.00")
    book.trade("SGIIPI.PA", -300, "79.85", on=13, commission="4.50")
    book.book(TransactionKind.DIVIDEND, "Nestlé S.A.", "687.50", "CHF", on=14)
    book.book(TransactionKind.WITHHOLDING_TAX, "Nestlé S.A.", "-240.63", "CHF", on=14)
    book.book(TransactionKind.FX, "sold GBP for EUR", "-5000.00", "GBP", on=20)
    book.book(TransactionKind.FX, "bought EUR with GBP", "5853.10", on=20)
    book.book(TransactionKind.WITHDRAWAL, "Deutsche Bank ••••7731", "-15000.00", on=22)
    book.book(TransactionKind.PERFORMANCE_FEE, "third quarter", "-1800.00", on=3)
    ulvr = next(n for n, g in enumerate(book.gains) if g.symbol == "ULVR")
    book.gains[ulvr] = replace(book.gains[ulvr], deferred=Decimal("310.20"), forfeited=Decimal("95.00"), final_on=date(2026, 11, 8))
    held = book.positions["SGIIPI.PA"]
    held[4] += Decimal("310.20")
    fee = performance_fee(nav=Decimal("125000"), high_water_mark=Decimal("116000"), rate=Decimal("0.20"), currency="EUR")
    moves = {"SGIIPI.PA": "78.40", "7203": "2502", "TSLA": "268.12", "NESN": "88.9", "BTC": "58940.25", "ULVR": "44.2"}
    holder = account(
        "EUR",
        holder="Freifrau Maximiliane-Theodora von Hohenstein-Schwarzenberg und Partner Vermögensverwaltungsgesellschaft mbH & Co. KG",
        name="Hohenstein-Schwarzenberg Familienstiftung, diskretionäres Mandat",
        address=("Großherzog-Friedrich-Allee 117", "76131 Karlsruhe", "Deutschland"),
        simulated=True,
    )
    lines = (FeeLine("GE-09", "Performance fee, third quarter", fee, START + timedelta(2)),)
    return with_days(book.close(moves, account=holder, fees=lines, wash_sales_computed=True, wash_basis_added=Decimal("310.20")))


def empty_month(currency: str = "USD") -> StatementInputs:
    """An account with neither holdings nor cash nor bookings."""
    return Book(currency).close({})


def yen_month() -> StatementInputs:
    """A yen account: no decimals anywhere, and a fall in value."""
    book = Book("JPY")
    book.fund("JPY", 4250000)
    book.hold("7203", "Toyota Motor Corporation", "JPY", 1500, "2481", "3150000", "Tokyo close")
    book.hold("6758", "Sony Group Corporation", "JPY", 900, "3902.5", "3300750", "Tokyo close")
    book.open()
    book.trade("6758", -200, "3855", on=7, commission="550")
    return with_days(book.close({"7203": "2310", "6758": "3640"}))
