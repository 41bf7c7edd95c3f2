"""GOV-11, PRF-1, PRF-4: two accounts' October worked out with pen and paper, through ledger, snapshots and statement to the text of the PDF.

Dollars for one euro: 1.25 until 5 October, 1.28 from the 6th, 1.25 from the 15th, 1.28 on the 30th; euros for one dollar: 0.80, 0.78125, 0.80,
0.78125. US is a share in dollars, DE one in euros.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from pypdf import PdfReader

from accounts.core import entries
from accounts.services import snapshot_equity
from base import tenancy
from reporting.core.statement import Statement, build_statement
from reporting.models import StatementDocument
from reporting.services import make_statement
from reporting.services.inputs import statement_inputs
from reporting.statements.figures import MINUS
from tests.factories import make_account, make_connection, make_firm, make_instrument, make_sleeve
from tests.reporting.ledger import fixing, holder, next_day, quote, stamp, write

pytestmark = pytest.mark.django_db
D = Decimal
START, END, OPENED = date(2026, 10, 1), date(2026, 10, 31), date(2026, 9, 1)
NOW = datetime(2026, 11, 2, 6, 30, tzinfo=UTC)
RATES = {
    date(2026, 9, 1): "1.25",
    date(2026, 9, 30): "1.25",
    date(2026, 10, 6): "1.28",
    date(2026, 10, 8): "1.28",
    date(2026, 10, 15): "1.25",
    date(2026, 10, 20): "1.25",
    date(2026, 10, 30): "1.28",
}
PRICES = {
    "US": {
        date(2026, 9, 30): "110",
        date(2026, 10, 7): "118",
        date(2026, 10, 8): "116",
        date(2026, 10, 20): "115",
        date(2026, 10, 30): "112",
    },
    "DE": {date(2026, 9, 30): "49", date(2026, 10, 20): "51", date(2026, 10, 30): "53"},
}


def october(day: int) -> date:
    return date(2026, 10, day)


@dataclass
class Books:
    """Two accounts over one connection, booked day by day."""

    euro: Any
    dollar: Any
    sleeve: Any
    us: Any
    de: Any
    days: dict[date, list[Any]] = field(default_factory=dict)

    def on(self, day: date, transaction: Any) -> None:
        self.days.setdefault(day, []).append(transaction)

    def trade(self, account: Any, instrument: Any, day: date, quantity: int, price: str, fee: str) -> None:
        made = entries.trade(
            holder(account, self.sleeve),
            stamp(day, next_day(day)),
            instrument_id=instrument.id,
            quantity=D(quantity),
            price=D(price),
            currency_code=instrument.currency,
            fee=D(fee),
        )
        self.on(day, made)

    def flow(self, account: Any, day: date, amount: str) -> None:
        made = entries.flow(holder(account, self.sleeve), stamp(day), amount=D(amount), currency_code=account.base_currency)
        self.on(day, made)

    def fee(self, account: Any, day: date, amount: str, currency: str, kind: str) -> None:
        made = entries.fee(holder(account, self.sleeve), stamp(day, kind=kind), amount=D(amount), currency_code=currency)
        self.on(day, made)

    def write(self) -> None:
        """Book in the order of days, and value every account after some of them, as the evening does."""
        valued = [date(2026, 9, 30), october(2), october(7), october(8), october(20), END]
        for day in sorted({*self.days, *valued}):
            write(self.days.get(day, []), now=datetime.combine(day, time(20), UTC))
            if day in valued:
                snapshot_equity(as_of=day, now=datetime.combine(day, time(21), UTC))


@pytest.fixture
def books(db) -> Any:
    for day, rate in RATES.items():
        fixing(day, {"USD": rate})
    us, de = make_instrument(name="American Share"), make_instrument(name="Deutsche Aktie", currency="EUR")
    for instrument, prices in ((us, PRICES["US"]), (de, PRICES["DE"])):
        for day, price in prices.items():
            quote(instrument.id, day, price)
    with tenancy.firm(make_firm().id):
        over = {"connection": make_connection(), "opened_on": OPENED}
        euro = make_account(base_currency="EUR", name="Euro account", code="EURO-1", **over)
        dollar = make_account(base_currency="USD", name="Dollar account", code="DOLLAR-1", **over)
        made = Books(euro, dollar, make_sleeve(), us, de)
        _book_euro(made)
        _book_dollar(made)
        made.write()
        yield made


def _book_euro(b: Books) -> None:
    me = holder(b.euro, b.sleeve)
    b.on(OPENED, entries.opening_cash(me, stamp(OPENED), amount=D(100_000), currency_code="EUR"))
    exchange = entries.fx_conversion(me, stamp(OPENED), bought=D(50_000), bought_currency="USD", sold=D(40_000), sold_currency="EUR")
    b.on(OPENED, exchange)
    b.trade(b.euro, b.us, OPENED, 200, "100", "10")
    b.trade(b.euro, b.us, october(6), -50, "120", "4")
    b.flow(b.euro, october(8), "10000")
    b.trade(b.euro, b.de, october(12), 100, "50", "5")
    accrual = entries.dividend_accrual(
        me, stamp(october(13), october(15)), prior_close_quantity=D(150), rate=D("0.40"), currency_code="USD"
    )
    b.on(october(13), accrual)
    b.on(october(15), entries.dividend_payment(accrual, stamp(october(15)), gross=D(60), withheld=D(9)))
    b.fee(b.euro, october(16), "100", "EUR", "management-fee")
    b.fee(b.euro, october(19), "12.50", "USD", "custody")
    b.flow(b.euro, october(20), "-5000")


def _book_dollar(b: Books) -> None:
    me = holder(b.dollar, b.sleeve)
    b.on(OPENED, entries.opening_cash(me, stamp(OPENED), amount=D(50_000), currency_code="USD"))
    exchange = entries.fx_conversion(me, stamp(OPENED), bought=D(8_000), bought_currency="EUR", sold=D(10_000), sold_currency="USD")
    b.on(OPENED, exchange)
    b.trade(b.dollar, b.de, OPENED, 100, "48", "2")
    b.trade(b.dollar, b.de, october(6), -100, "51", "2")
    b.fee(b.dollar, october(16), "25", "USD", "management-fee")
    b.flow(b.dollar, october(20), "-2000")


def stated(account: Any) -> Statement:
    return build_statement(statement_inputs(account_id=account.id, start=START, end=END, prepared=NOW.date()))


def paper(account: Any) -> str:
    """Return the text of the account's PDF, blanks of every kind made one space."""
    document = StatementDocument.objects.get(pk=make_statement(account_id=account.id, period_start=START, period_end=END, now=NOW))
    pages = PdfReader(io.BytesIO(bytes(document.pdf))).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


# The euro account --------------------------------------------------------------------------------------------------------------------
# 1 Sep   100,000 EUR come in; 40,000 EUR buy 50,000 USD; 200 US at 100, fee 10: 20,010 USD, × 0.80 = 16,008.00 EUR of cost.
#         Cash: 60,000 EUR and 50,000 − 20,010 = 29,990 USD.
# 30 Sep  60,000 + 29,990 × 0.80 (23,992.00) + 200 × 110 × 0.80 (17,600.00) = 101,592.00 EUR
# 6 Oct   50 US sold at 120, fee 4: 5,996 USD × 0.78125 = 4,684.375 → 4,684.38; cost 16,008 × 50/200 = 4,002.00; gain 682.38
# 8 Oct   10,000 EUR come in
# 12 Oct  100 DE at 50, fee 5: 5,005.00 EUR
# 15 Oct  dividend 150 × 0.40 = 60 USD × 0.80 = 48.00; withheld 9 USD × 0.80 = 7.20
# 16 Oct  management fee 100.00 EUR;  19 Oct custody 12.50 USD × 0.80 = 10.00 EUR;  20 Oct 5,000 EUR go out
# Cash    EUR 60,000 + 10,000 − 5,005 − 100 − 5,000 = 59,895.00;  USD 29,990 + 5,996 + 51 − 12.50 = 36,024.50
# 31 Oct  59,895 + 36,024.50 × 0.78125 (28,144.140625 → 28,144.14) + 150 × 112 × 0.78125 (13,125.00) + 100 × 53 (5,300.00) = 106,464.14


def test_gov_11_euro_account_opening_bridge_and_closing_by_hand(books):
    b = stated(books.euro).bridge
    assert (b.opening, b.closing) == (D("101592.00"), D("106464.14"))
    assert (b.deposits, b.withdrawals) == (D(10_000), D(-5_000))
    assert b.income == D("40.80")  # 48.00 − 7.20
    assert b.fees == D("-110.00")  # 100.00 + 10.00
    assert b.realised == D("682.38")
    # US now 13,125 − 12,006 = 1,119, DE 5,300 − 5,005 = 295; before 17,600 − 16,008 = 1,592: 1,414 − 1,592
    assert b.unrealised == D("-178.00")
    # 29,990 × −0.01875 = −562.3125; dividend 51 × −0.01875 = −0.95625; custody 12.50 × 0.01875 = 0.234375; the sale's rounding −0.005;
    # the closing's −0.000625: −563.04
    assert b.currency == D("-563.04")


def test_gov_11_euro_account_cash_holdings_and_gains_by_hand(books):
    s = stated(books.euro)
    cash = {c.balance.currency: (c.balance.opening, c.balance.closing, c.value_base) for c in s.cash}
    assert cash == {"EUR": (D(60_000), D(59_895), D(59_895)), "USD": (D(29_990), D("36024.50"), D("28144.14"))}
    held = {h.position.name: (h.position.quantity, h.position.basis_base, h.value_base, h.gain_base) for h in s.holdings}
    assert held == {
        "American Share": (D(150), D("12006.00"), D("13125.00"), D("1119.00")),
        "Deutsche Aktie": (D(100), D("5005.00"), D("5300.00"), D("295.00")),
    }
    assert [(r.proceeds, r.basis, r.quantity) for r in s.inputs.realised] == [(D("4684.38"), D("4002.00"), D(50))]
    assert s.commissions == (("EUR", D(5)), ("USD", D(4)))
    assert s.trading_costs == D("8.13")  # 5 + 4 × 0.78125 = 3.125 → 3.13


def test_prf_1_euro_account_returns_by_hand(books):
    """Evenings: 2 Oct 101,592.00 (nothing moved). 7 Oct 60,000 + (35,986 + 150 × 118) × 0.78125 = 101,942.19. 8 Oct 70,000 + (35,986 +
    150 × 116) × 0.78125 = 111,707.81. 20 Oct 59,895 + (36,024.50 + 150 × 115) × 0.80 + 100 × 51 = 107,614.60. 31 Oct 106,464.14.

    r: 0; 101,942.19/101,592.00; 111,707.81/(101,942.19 + 10,000); (107,614.60 + 5,000)/111,707.81; 106,464.14/107,614.60.
    Net 1.0034470 × 0.9979062 × 1.0081175 × 0.9893094 − 1 = −0.13%. Before fees the third has 100 more: −0.04%.
    """
    s = stated(books.euro)
    assert [(d.date.day, d.end, d.inflow, d.outflow, d.fees) for d in s.inputs.days if d.date >= START] == [
        (2, D("101592.00"), D(0), D(0), D(0)),
        (7, D("101942.19"), D(0), D(0), D(0)),
        (8, D("111707.81"), D(10_000), D(0), D(0)),
        (20, D("107614.60"), D(0), D(5_000), D(100)),
        (31, D("106464.14"), D(0), D(0), D(0)),
    ]
    period = s.returns[0]
    assert period.net is not None and period.gross is not None
    assert (round(period.net, 7), round(period.gross, 7)) == (D("-0.0013174"), D("-0.0004305"))
    # (106,464.14 − 101,592.00 − 5,000) / (101,592 + 10,000 × 24/31 − 5,000 × 12/31) = −127.86 / 107,398.45
    assert s.money_weighted is not None and round(float(s.money_weighted), 7) == -0.0011905
    assert s.returns[1].net is None  # "This year": nothing was valued in September


def test_gov_11_euro_account_on_paper_by_hand(books):
    text = paper(books.euro).replace(MINUS, "-")
    for words in (
        "106,464.14 EUR",
        "+4,872.14 since 1 October 2026",  # 106,464.14 − 101,592.00
        "This period -0.13% -0.04%",
        "Money-weighted return of the period: -0.12%",
        "Value before 1 October 2026 101,592.00",
        "Deposits and transfers in +10,000.00",
        "Withdrawals and transfers out -5,000.00",
        "Dividends, interest and other income +40.80",
        "Fees -110.00",
        "Realised gains and losses +682.38",
        "Change in unrealised gains -178.00",
        "Currency effect on cash -563.04",
        "Holdings 18,425.00, cash 88,039.14, accruals 0.00: together 106,464.14 EUR",
        "150 112.00 12,006.00 13,125.00 +1,119.00",
        "100 53.00 5,005.00 5,300.00 +295.00",
        "Holdings 17,011.00 18,425.00 +1,414.00",
        "USD 29,990.00 36,024.50 0.00 36,024.50 0.78125 28,144.14",
        "EUR 60,000.00 59,895.00 0.00 59,895.00 59,895.00",
        "-50 120.00 4.00 5,996.00 USD 4,684.38",
        "100 50.00 5.00 -5,005.00 EUR -5,005.00",
        "which were 5.00 EUR, 4.00 USD in all (8.13 EUR together)",
        "Management fee -100.00",
        "Fee -10.00",
        "4,684.38 4,002.00 +682.38",
        "USD 0.80 0.78125 ECB reference rate, 30 Oct",
        "SIMULATED",
    ):
        assert words in text, words


# The dollar account ------------------------------------------------------------------------------------------------------------------
# 1 Sep   50,000 USD come in; 10,000 USD buy 8,000 EUR; 100 DE at 48, fee 2: 4,802 EUR, × 1.25 = 6,002.50 USD of cost.
#         Cash: 40,000 USD and 8,000 − 4,802 = 3,198 EUR.
# 30 Sep  40,000 + 3,198 × 1.25 (3,997.50) + 100 × 49 × 1.25 (6,125.00) = 50,122.50 USD
# 6 Oct   all 100 DE sold at 51, fee 2: 5,098 EUR × 1.28 = 6,525.44; gain 522.94
# 16 Oct  management fee 25.00;  20 Oct 2,000 USD go out.  Cash: 37,975.00 USD and 8,296 EUR
# 31 Oct  37,975 + 8,296 × 1.28 (10,618.88) = 48,593.88 USD


def test_gov_11_dollar_account_without_holdings_by_hand(books):
    s = stated(books.dollar)
    b = s.bridge
    assert (b.opening, b.closing) == (D("50122.50"), D("48593.88"))
    assert (b.deposits, b.withdrawals, b.income, b.fees) == (D(0), D(-2_000), D(0), D(-25))
    assert b.realised == D("522.94") and b.unrealised == D("-122.50")  # 0 − (6,125.00 − 6,002.50)
    assert b.currency == D("95.94")  # 3,198 × 0.03; the sale came in at the closing rate
    assert s.holdings == () and (s.holdings_value, s.cash_value) == (D(0), D("48593.88"))
    cash = {c.balance.currency: (c.balance.opening, c.balance.closing, c.value_base) for c in s.cash}
    assert cash == {"USD": (D(40_000), D(37_975), D(37_975)), "EUR": (D(3_198), D(8_296), D("10618.88"))}


def test_prf_1_dollar_account_return_by_hand(books):
    """2 Oct 50,122.50. 7 and 8 Oct 40,000 + 8,296 × 1.28 = 50,618.88. 20 Oct 37,975 + 8,296 × 1.25 = 48,345.00. 31 Oct 48,593.88.

    50,618.88/50,122.50 × (48,345 + 2,000)/50,618.88 × 48,593.88/48,345 − 1 = 1.0044391 × 1.0051480 − 1 = 0.96%; before fees 25 more: 1.01%.
    """
    period = stated(books.dollar).returns[0]
    assert period.net is not None and period.gross is not None
    assert (round(period.net, 6), round(period.gross, 6)) == (D("0.009610"), D("0.010111"))


def test_gov_11_dollar_account_on_paper_by_hand(books):
    text = paper(books.dollar).replace(MINUS, "-")
    for words in (
        "48,593.88 USD",
        "-1,528.62 since 1 October 2026",
        "This period +0.96% +1.01%",
        "Nothing was held.",
        "Holdings 0.00, cash 48,593.88, accruals 0.00: together 48,593.88 USD",
        "6,525.44 6,002.50 +522.94",
        "Withdrawals and transfers out -2,000.00",
        "Income No income was booked. 0.00",
        "Currency effect on cash +95.94",
        "Wash-sale adjustments were not computed for this period",
    ):
        assert words in text, words


def test_gov_11_neither_account_says_anything_of_the_other(books):
    for mine, other in ((books.euro, books.dollar), (books.dollar, books.euro)):
        text, figures = paper(mine), json.dumps(StatementDocument.objects.get(account=mine).figures)
        for foreign in (other.code, other.name, other.custodian_account, str(other.id)):
            assert foreign not in text and foreign not in figures
