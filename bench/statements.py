"""How many statements a minute one core prints (PERFORMANCE P6), beside WeasyPrint as it comes.

Entry points: `statements_per_minute`, `two_process_gain`. Run as `python -m bench.statements`.
The floor prints the same facts (summary, holdings, cash, the same 60 bookings) the way a first template does: one cell a fact,
automatic column widths, the collector on. Both start from the same value and end as the bytes of a PDF, without a chart. Runs alternate,
time
is the process's own, and the ratio is the median over the rounds, so that neighbours on the machine count less.
"""

from __future__ import annotations

import io
import json
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor
from html import escape
from time import perf_counter, process_time

from pypdf import PdfReader
from weasyprint import HTML

from reporting.core.statement import Statement, build_statement
from reporting.enums import TransactionKind
from reporting.statements.render import render_pdf
from tests.reporting.samples import Book

ROWS, HELD = 60, 3


def sample(rows: int = ROWS) -> Statement:
    """Return a statement of three holdings and `rows` bookings."""
    book = Book()
    book.fund("USD", "500000")
    for n in range(HELD):
        book.hold(f"SYM{n}", f"Company number {n} Incorporated", "USD", 400, f"{50 + n}.25", f"{18000 + n}.50")
    book.open()
    for n in range(rows - 2):
        book.trade(f"SYM{n % HELD}", 10 + n, f"{50 + n % HELD}.{10 + n}", on=1 + n // 2)
    book.book(TransactionKind.DIVIDEND, "Company number 1 Incorporated", "162.40", on=30)
    book.book(TransactionKind.DEPOSIT, "bank", "10000.00", on=31)
    return build_statement(book.close({f"SYM{n}": f"{51 + n}.50" for n in range(HELD)}))


def stock_pdf(statement: Statement) -> bytes:
    """Print the same facts with WeasyPrint as it comes."""
    i, b = statement.inputs, statement.bridge
    facts = {"Account": i.account.name, "Number": i.account.number, "Custodian": i.custodian.name, "Holder": i.account.holder}
    bridge = {"Opening": b.opening, "Flows": b.flows, "Income": b.income, "Fees": b.fees, "Gains": b.gains, "Closing": b.closing}
    holdings = [
        (
            h.position.symbol,
            h.position.name,
            h.position.quantity,
            h.position.price,
            h.position.price_source,
            h.position.basis_base,
            h.value_base,
        )
        for h in statement.holdings
    ]
    bookings = [
        (t.booked_date, t.settle_date, t.kind, t.symbol, t.description, t.quantity, t.price, t.commission, t.amount) for t in i.transactions
    ]
    cash = [(c.balance.currency, c.balance.opening, c.balance.closing_settled, c.balance.closing, c.value_base) for c in statement.cash]
    tables = "".join(map(_table, (facts.items(), bridge.items(), holdings, cash, bookings)))
    style = "@page{size:A4;margin:15mm}body{font:8pt Inter,sans-serif}table{width:100%;border-collapse:collapse;margin:4mm 0}"
    style += "td{border-bottom:.5pt solid #ccc;padding:.8mm}"
    pdf: bytes = HTML(string=f"<html lang=en><title>Statement</title><style>{style}</style><h1>Statement</h1>{tables}").write_pdf()
    return pdf


def _table(rows: object) -> str:
    assert hasattr(rows, "__iter__")
    return f"<table>{''.join('<tr>' + ''.join(f'<td>{escape(str(cell))}</td>' for cell in row) + '</tr>' for row in rows)}</table>"


def statements_per_minute(*, repeats: int = 7, rows: int = ROWS) -> dict[str, float | int]:
    """Return statements a minute and core: ours (tagged, as sent), ours untagged, stock, and ours ÷ stock (P6.tables).

    Raises AssertionError if either document misses a booking.
    """
    statement = sample(rows)
    makers = {
        "stock": lambda: stock_pdf(statement),
        "ours": lambda: render_pdf(statement, with_chart=False),
        "ours_untagged": lambda: render_pdf(statement, with_chart=False, tagged=False),
    }
    pages = {name: _pages(make()) for name, make in makers.items()}
    taken: dict[str, list[float]] = {name: [] for name in makers}
    for _ in range(repeats):
        for name, make in makers.items():
            start = process_time()
            make()
            taken[name].append(process_time() - start)
    rate = {name: 60 / statistics.median(times) for name, times in taken.items()}
    return {
        **{f"{name}_per_minute": round(value, 1) for name, value in rate.items()},
        **{f"{name}_pages": count for name, count in pages.items()},
        "P6.tables": _ratio(taken["stock"], taken["ours"]),
        "P6.tables_untagged": _ratio(taken["stock"], taken["ours_untagged"]),
    }


def _ratio(theirs: list[float], ours: list[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(theirs, ours, strict=True)), 3)


def _pages(pdf: bytes) -> int:
    reader = PdfReader(io.BytesIO(pdf))
    text = "".join(page.extract_text() for page in reader.pages)
    if text.count("Company number") < ROWS:
        raise AssertionError("a booking is missing on paper")
    return len(reader.pages)


def two_process_gain(*, count: int = 12) -> float:
    """Return how many times faster two processes print `count` statements than one (P6)."""
    seconds = {}
    for workers in (1, 2):
        with ProcessPoolExecutor(workers, initializer=_one) as pool:
            list(pool.map(_one, range(workers)))
            start = perf_counter()
            list(pool.map(_one, range(count)))
            seconds[workers] = perf_counter() - start
    return round(seconds[1] / seconds[2], 2)


def _one(_: int = 0) -> int:
    return len(render_pdf(sample(), with_chart=False))


if __name__ == "__main__":
    json.dump({**statements_per_minute(), "P6.two_processes": two_process_gain()}, sys.stdout, indent=1)
