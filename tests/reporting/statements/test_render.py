"""GOV-11, S13: the statement on paper, read back with pypdf."""

import gc
import io
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from pypdf import PdfReader

from reporting.core.statement import build_statement
from reporting.core.statement_inputs import StatementInputs
from reporting.enums import TransactionKind
from reporting.statements.figures import money, percent, period, price, quantity
from reporting.statements.page import chart_of
from reporting.statements.render import AssetRefused, render_html, render_pdf, write_pdf
from tests.reporting.samples import Book, account, empty_month, many_currencies, normal_month, yen_month


def pages(inputs: StatementInputs) -> list[str]:
    pdf = render_pdf(build_statement(inputs), with_chart=False)
    return [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]


@pytest.fixture(scope="module")
def normal() -> bytes:
    return render_pdf(build_statement(normal_month(10)))


def test_gov_11_a_normal_month_takes_two_pages_and_says_everything(normal):
    reader = PdfReader(io.BytesIO(normal))
    text = "\n".join(page.extract_text() for page in reader.pages)
    assert len(reader.pages) == 2
    for part in (
        "Holdings on 31 October 2026",
        "prices: closing price",
        "Cash on 31 October 2026",
        "Every transaction",
        "Income, fees and payments",
        "How the fees were computed",
        "Deposits, withdrawals and transfers",
        "Realised gains and losses",
        "Earned or owed, not yet paid",
        "After fees",
        "Before fees",
        "1,190,000.00 mean daily value × 1.00% × 31/365",
        "Interactive Brokers LLC",
        "Client services +1 877 442 2757",
    ):
        assert part in text, part
    for number, page in enumerate(reader.pages, start=1):
        assert f"Page {number} of 2" in page.extract_text()
        assert "Compare with your custodian's statement." in page.extract_text()
    assert "SIMULATED" not in text and "R. Halloran · GE-09 · 1 to 31 October 2026" in reader.pages[1].extract_text()


def test_gov_11_the_document_names_itself_its_language_and_its_structure(normal):
    reader = PdfReader(io.BytesIO(normal))
    root = reader.trailer["/Root"]
    assert reader.metadata.title == "Account statement GE-09, 1 to 31 October 2026"
    assert reader.metadata.author == "Northlight Capital"
    assert root["/Lang"] == "en" and root["/MarkInfo"]["/Marked"]
    fonts = {font["/BaseFont"] for page in reader.pages for font in (f.get_object() for f in page["/Resources"]["/Font"].values())}
    assert fonts and all("Inter" in font for font in fonts)


def test_gov_11_figures_on_paper_equal_figures_by_hand():
    book = Book()
    book.fund("USD", "1000")
    book.hold("XYZ", "XYZ Corporation", "USD", 100, "50", "4000")
    book.open()
    book.trade("XYZ", -40, "55", on=5, commission="2")
    book.book(TransactionKind.DIVIDEND, "XYZ Corporation", "30", on=9)
    book.book(TransactionKind.DEPOSIT, "bank", "500", on=16)
    text = "\n".join(pages(book.close({"XYZ": "52"})))
    assert "6,848.00 USD" in text  # 60 × 52 + 1,000 + 2,198 + 30 + 500
    assert "+848.00 since 1 October 2026" in text
    assert "Holdings 3,120.00, cash 3,728.00, accruals 0.00: together 6,848.00 USD" in text
    for row in ("+500.00", "+30.00", "+598.00", "\N{MINUS SIGN}280.00", "2,198.00", "1,600.00", "2,400.00", "+720.00"):
        assert row in text, row
    assert "which were 2.00 USD in all" in text


def test_gov_11_sixty_trades_run_over_pages_with_their_heading():
    texts = pages(normal_month(60))
    assert len(texts) > 2 and all(f"of {len(texts)}" in text for text in texts)
    assert sum(text.count("settles") for text in texts) == 60
    assert sum("Date and activity" in text for text in texts) >= 2


def test_gov_11_five_hundred_rows_are_printed_to_the_last():
    book = Book()
    book.fund("USD", "0")
    for n in range(500):
        book.book(TransactionKind.DEPOSIT, f"payment {n:03d}", "1.00", on=1 + n % 31)
    text = "\n".join(pages(book.close({})))
    assert all(text.count(f"payment {n:03d}") == 2 for n in (0, 1, 250, 499))
    assert "500.00 USD" in text


def test_gov_11_an_empty_month_is_one_page_with_dashes_for_what_does_not_exist():
    texts = pages(empty_month())
    assert len(texts) == 1
    for words in ("Nothing was held.", "There was no cash.", "Nothing was traded or booked.", "Nothing was sold."):
        assert words in texts[0]
    assert "This period – –" in texts[0].replace("\n", " ")


def test_gov_11_yen_has_no_decimals_and_losses_a_true_minus():
    text = "\n".join(pages(yen_month()))
    assert "11,033,450 JPY" in text
    assert "\N{MINUS SIGN}450,300" in text and "450,300.00" not in text


def test_gov_11_many_currencies_long_names_and_wash_sales():
    text = " ".join("\n".join(pages(many_currencies())).split())
    for part in ("+405.20†", "Provisional: a purchase up to 8 November 2026", "6,762.75 GBP", "1.1682", "ECB reference rate", "0.41370255"):
        assert part in text, part
    assert "Freifrau Maximiliane-Theodora von" in text
    assert "310.20 of losses is deferred" in text and "95.00 of losses is lost for tax" in text


def test_gov_11_paper_accounts_say_simulated_on_every_page():
    texts = pages(many_currencies())
    assert len(texts) > 1 and all("SIMULATED" in text for text in texts)
    assert "no money was at risk" in texts[0]


def test_i8_equal_statements_give_equal_bytes():
    statement = build_statement(yen_month())
    assert render_pdf(statement) == render_pdf(statement)
    assert render_pdf(statement) != render_pdf(build_statement(replace(yen_month(), prepared_date=date(2026, 11, 3))))


PAYLOADS = [
    "<script>alert(1)</script>",
    '<img src="http://127.0.0.1:9/x.png">',
    '<link rel="attachment" href="file:///etc/passwd">',
    '"><iframe src="file:///etc/passwd"></iframe>',
    "<style>*{background:url(http://127.0.0.1:9/)}</style>",
    "{{ account }}{% include '/etc/passwd' %}",
    "]]><svg><image href='file:///etc/passwd'/></svg>",
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_s13_injected_markup_is_printed_not_obeyed(payload):
    book = Book()
    book.fund("USD", "10")
    book.hold(payload, payload, "USD", 1, "1", "1", payload)
    book.open()
    book.book(TransactionKind.DEPOSIT, payload, "1")
    mine = account(name=payload, holder=payload, address=(payload,), manager=payload, registration=payload, mandate=payload, number=payload)
    pdf = render_pdf(build_statement(book.close({payload: "2"}, account=mine)), with_chart=False)
    reader = PdfReader(io.BytesIO(pdf))
    text = "".join("".join(page.extract_text() for page in reader.pages).split())
    assert text.count("".join(payload.split())) >= 5
    assert not reader.attachments and "root:x:0" not in text
    assert not any("/Annots" in page for page in reader.pages)


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:9/x.png",
        "https://example.org/x.css",
        "file:///etc/passwd",
        "/etc/passwd",
        "asset:../settings.py",
        "asset:statement.css",
        "data:image/svg+xml,<svg/>",
        "ftp://127.0.0.1/x",
    ],
)
@pytest.mark.parametrize(
    "markup", ['<img src="{}">', '<link rel=stylesheet href="{}">', '<p style="background:url({})">x</p>', '<object data="{}"></object>']
)
def test_s13_only_bundled_assets_are_ever_read(address, markup):
    with pytest.raises(AssetRefused):
        write_pdf(f"<html lang=en><title>x</title><body>{markup.format(address)}</body></html>")


def test_s13_the_collector_is_back_after_a_failure():
    with pytest.raises(AssetRefused):
        write_pdf("<html lang=en><title>x</title><img src='http://127.0.0.1:9/'></html>")
    assert gc.isenabled()


def test_gov_11_the_page_has_no_leftover_placeholders():
    html = render_html(build_statement(many_currencies()))
    assert "{{" not in html and "None" not in html and "{%" not in html


def test_figures_are_signed_grouped_and_exact():
    assert money(Decimal("-0.004"), "USD", signed=True) == "0.00"
    assert money(None, "USD") == "–" and percent(Fraction(0)) == "0.00%"
    assert money(Decimal("1234567890.125"), "USD") == "1,234,567,890.13"
    assert percent(Decimal("-0.00001")) == "0.00%"
    assert (quantity(Decimal("-1000000")), price(Decimal("0.00001234"), "USD")) == ("\N{MINUS SIGN}1,000,000", "0.00001234")
    assert period(date(2026, 9, 15), date(2026, 10, 14)) == "15 September to 14 October 2026"


def test_the_curve_of_a_new_account_begins_with_its_first_evening_and_not_with_nothing():
    inputs = normal_month()
    first = inputs.days[0]
    funded = replace(first, begin=Decimal(0), inflow=first.begin)
    found = chart_of(replace(build_statement(inputs), inputs=replace(inputs, days=(funded, *inputs.days[1:]))))
    assert found is not None
    values = [row["v"] for row in _curve(found)]
    assert len(values) == len(inputs.days) and min(values) > 0.5 * max(values)


def _curve(spec: dict) -> list[dict]:
    """Return the rows of the equity curve, which has the larger figures."""
    rows = [part["data"]["values"] for part in spec["vconcat"]]
    return max(rows, key=lambda part: max(row["v"] for row in part))
