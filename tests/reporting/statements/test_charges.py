"""GOV-11: fees, commissions and wash sales on paper: itemised, summed to the bridge, and said plainly where there is nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from reporting.core.fees import management_fee
from reporting.core.statement import build_statement
from reporting.core.statement_inputs import Accrual, FeeLine, StatementInputs
from reporting.enums import AccrualKind, TransactionKind
from reporting.statements.page import page_context
from reporting.statements.render import render_html
from tests.reporting.samples import Book, empty_month, many_currencies, normal_month, yen_month

D = Decimal


def charged_month() -> StatementInputs:
    """Two trades with commissions of 2.00 USD and 3.00 EUR (at 1.10), fees of 12.00, 7.50 and −0.50 (a refund), 3.00 more owed than before."""
    book = Book("USD", {"EUR": ("1.10", "1.20")})
    book.fund("USD", "1000")
    book.hold("XYZ", "XYZ Corporation", "USD", 100, "50", "4000")
    book.hold("SAP", "SAP SE", "EUR", 10, "100", "1000")
    book.open()
    book.trade("XYZ", -40, "55", on=5, commission="2")
    book.trade("SAP", 10, "101", on=6, commission="3")
    book.book(TransactionKind.MANAGEMENT_FEE, "September", "-12", on=2)
    book.book(TransactionKind.OTHER_FEE, "custody", "-7.50", on=9)
    book.book(TransactionKind.OTHER_FEE, "custody, reversal", "0.50", on=10)
    owed = Accrual("GE-09", AccrualKind.FEE, "Management fee", D(-10), D(-13))
    return book.close({"XYZ": "52", "SAP": "110"}, accruals=(owed,))


def groups(inputs: StatementInputs) -> dict[str, tuple[list[tuple[str, str]], str]]:
    found = page_context(build_statement(inputs))["groups"]
    return {title: ([(words, amount) for _, words, amount in rows], total) for title, rows, total, _ in found}


def test_gov_11_every_fee_is_itemised_and_they_sum_to_the_line_of_the_bridge():
    rows, total = groups(charged_month())["Fees"]
    assert rows == [
        ("Management fee, September", "−12.00"),
        ("Fee, custody", "−7.50"),
        ("Fee, custody, reversal", "+0.50"),
        ("Fees, owed and not yet charged, change", "−3.00"),
    ]
    assert total == "−22.00" and build_statement(charged_month()).bridge.fees == D(-22)


@pytest.mark.parametrize("inputs", [charged_month(), normal_month(10), many_currencies(), yen_month(), empty_month()])
def test_gov_11_each_list_sums_to_its_line_of_the_bridge(inputs):
    statement = build_statement(inputs)
    rows = groups(inputs)
    sums = {title: sum((D(amount.replace("−", "-").replace(",", "")) for _, amount in part), D(0)) for title, (part, _) in rows.items()}
    b = statement.bridge
    assert sums == {"Income": b.income, "Fees": b.fees, "Deposits, withdrawals and transfers": b.flows}


def test_gov_11_every_commission_stands_beside_its_trade_and_is_summed():
    statement = build_statement(charged_month())
    assert statement.commissions == (("EUR", D(3)), ("USD", D(2))) and statement.trading_costs == D("5.30")
    html = render_html(statement)
    assert "which were 3.00 EUR, 2.00 USD in all (5.30 USD together); they are part of the gains, not of the fees." in html
    lines = [line for _, _, _, line, _, _ in page_context(statement)["transactions"]["rows"]]
    assert [line.split()[2] for line in lines if len(line.split()) == 3] == ["2.00", "3.00"]


def test_gov_11_a_fee_without_a_computation_says_so_and_one_with_it_shows_it():
    assert "The books hold the amounts of the fees above, and no computation of them." in render_html(build_statement(charged_month()))
    fee = management_fee([D(6000)] * 31, rate=D("0.02"), currency="USD")  # 6,000 × 2% × 31/365 = 10.19
    with_line = replace(charged_month(), fees=(FeeLine("GE-09", "Management fee, October", fee),))
    html = render_html(build_statement(with_line))
    assert "6,000.00 mean daily value × 2.00% × 31/365" in html and "10.19" in html and "no computation of them" not in html


def test_wash_15_where_nobody_looked_for_wash_sales_no_column_speaks_of_them():
    html = render_html(build_statement(charged_month()))
    assert "Wash-sale adjustments were not computed for this period" in html
    assert '<th class="n">Wash sale</th>' not in html and "For tax" not in html


def test_wash_15_where_somebody_looked_and_found_none_it_says_so():
    html = render_html(build_statement(replace(charged_month(), wash_sales_computed=True)))
    assert "No wash sale was found in this period." in html and "not computed" not in html and "For tax" in html


def test_gov_11_an_empty_month_has_a_sentence_in_every_section_and_no_empty_table():
    html = render_html(build_statement(empty_month()))
    for words in (
        "Nothing was held.",
        "There was no cash.",
        "Nothing was waiting to be paid.",
        "Everything is in USD: no exchange rate was used.",
        "Nothing was traded or booked.",
        "No income was booked.",
        "No fee was charged or is owed.",
        "Nothing was paid in or out.",
        "Nothing was sold.",
        "Wash-sale adjustments were not computed for this period",
        "A dash: there is no return",
    ):
        assert words in html, words
    for table in html.split("<table")[1:]:
        body = table.split("</table>")[0]
        assert "<td" in body and "<tbody>\n</tbody>" not in body


def test_gov_11_a_month_without_commissions_says_so():
    book = Book()
    book.fund("USD", "1")
    book.book(TransactionKind.DEPOSIT, "bank", "1")
    assert "No commission was charged." in render_html(build_statement(book.close({})))
