"""How many statements a minute one core prints (PERFORMANCE P6), beside WeasyPrint as it comes.

Entry points: `rows` (for the performance table), `two_process_gain`. Run as `python -m bench.statements`.
The floor prints the same document the way a first template does: the same words and figures in the same sections, the same typeface and
sizes, one cell a fact, automatic column widths, the collector on, `write_pdf` and nothing else. Both start from the same proved value and
end as the bytes of a PDF of as many pages without a chart (ours tagged for screen readers, stock not); both are read back and searched
for every booking. Runs alternate; the ratio is the median over the rounds, in processor time, so that neighbours on the machine count
less; wall time is there too.
"""

from __future__ import annotations

import io
import json
import statistics
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from html import escape
from time import perf_counter, process_time

from pypdf import PdfReader
from weasyprint import CSS, HTML

from reporting.core.statement import Statement, build_statement
from reporting.enums import TransactionKind
from reporting.statements.page import page_context
from reporting.statements.render import BundledAssets, render_pdf
from tests.reporting.samples import Book

HELD = 3
ROWS = 46  # bookings: 56 rows with the holdings and the seven lines from opening to closing value
STOCK_STYLE = """
@font-face { font-family: "Inter"; font-weight: 400; src: url("asset:Inter-Regular.otf"); }
@font-face { font-family: "Inter"; font-weight: 600; src: url("asset:Inter-SemiBold.otf"); }
@page { size: A4; margin: 13mm 17mm 15mm; @bottom-left { content: "Compare with your custodian's statement."; font: 7pt Inter }
  @bottom-right { content: "Page " counter(page) " of " counter(pages); font: 7pt Inter } }
body { font: 8pt/1.3 Inter; font-variant-numeric: tabular-nums }
h1, h2 { font-size: 9.5pt; margin: 2mm 0 1mm }
table { width: 100%; border-collapse: collapse }
td, th { border-bottom: .35pt solid #e0e4e9; padding: .3mm 1mm; text-align: left }
td + td { text-align: right }
"""


def sample(bookings: int = ROWS) -> Statement:
    """Return a statement of three holdings and `bookings` bookings."""
    book = Book()
    book.fund("USD", "500000")
    for n in range(HELD):
        book.hold(f"SYM{n}", f"Company number {n} Incorporated", "USD", 400, f"{50 + n}.25", f"{18000 + n}.50")
    book.open()
    for n in range(bookings - 2):
        book.trade(f"SYM{n % HELD}", 10 + n, f"{50 + n % HELD}.{10 + n}", on=1 + n // 2)
    book.book(TransactionKind.DIVIDEND, "Company number 1 Incorporated", "162.40", on=30)
    book.book(TransactionKind.DEPOSIT, "bank", "10000.00", on=31)
    return build_statement(book.close({f"SYM{n}": f"{51 + n}.50" for n in range(HELD)}))


def stock_pdf(statement: Statement) -> bytes:
    """Print the same document with WeasyPrint as it comes."""
    fetcher = BundledAssets()
    style = CSS(string=STOCK_STYLE, base_url="asset:", url_fetcher=fetcher)
    pdf: bytes = HTML(string=stock_html(statement), base_url="asset:", url_fetcher=fetcher).write_pdf(stylesheets=[style])
    return pdf


def stock_html(statement: Statement) -> str:
    """Return the statement's words and figures as plain tables."""
    c = page_context(statement)
    i, account, custodian = statement.inputs, c["account"], c["custodian"]
    facts = [("Account", f"{account.name}, {account.number}"), ("Registration", account.registration), ("Mandate", account.mandate)]
    facts += [("Held at", f"{custodian.name}, {custodian.account_number}"), ("Currency", c["base"]), ("Prepared", c["prepared"])]
    bridge = [("Opening", c["opening"]), *((label, amount) for label, amount, _ in c["bridge"]), ("Closing", c["closing"])]
    holdings = [(symbol, name, *line.split(), gain) for symbol, name, _, line, _, gain in c["holdings"]]
    bookings = []
    for t, (day, words, settles, line, _, _) in zip(i.transactions, c["transactions"]["rows"], strict=True):
        figures = line.split()
        bookings.append((day.strip(), t.kind, words, settles, *[""] * (4 - len(figures)), *figures))
    sections: list[tuple[str, Iterable[Iterable[object]]]] = [
        ("Account statement " + c["period"], [(line,) for line in (account.holder, *account.address)]),
        ("Account", facts),
        ("Value", [(c["closing"], c["change"][1])]),
        ("Returns", [(label, net, gross) for label, net, _, gross, _ in c["returns"]]),
        ("How the value changed", bridge),
        ("Holdings", [*holdings, ("Holdings", "", "", "", c["holdings_basis"], c["holdings_value"], c["holdings_gain"][1])]),
        ("Cash", [row[:5] for row in c["cash"]] + [("Cash", "", "", "", c["cash_total"])]),
        ("Every transaction", bookings),
        *((title, [*((day, words, amount) for day, words, amount in rows), (title, "", total)]) for title, rows, total, _ in c["groups"]),
        ("Realised gains and losses", [(words,) for words in ("Nothing was sold.", *c["realised_notes"])]),
        ("Compare with your custodian's statement", [(custodian.name, *custodian.contact)]),
    ]
    body = "".join(f"<h2>{escape(title)}</h2>{_table(rows)}" for title, rows in sections)
    return f"<html lang=en><title>Account statement</title><h1>{escape(account.manager)}</h1>{body}"


def _table(rows: Iterable[Iterable[object]]) -> str:
    return f"<table>{''.join('<tr>' + ''.join(f'<td>{escape(str(cell))}</td>' for cell in row) + '</tr>' for row in rows)}</table>"


def measure(repeats: int) -> dict[str, dict[str, list[float]]]:
    """Return processor and wall seconds of every run, by maker: stock, ours as sent, ours untagged.

    Raises AssertionError if a document misses a booking or the two differ in pages.
    """
    statement = sample()
    makers: dict[str, Callable[[], bytes]] = {
        "stock": lambda: stock_pdf(statement),
        "ours": lambda: render_pdf(statement, with_chart=False),
        "ours_untagged": lambda: render_pdf(statement, with_chart=False, tagged=False),
    }
    pages = {name: _pages(make(), statement) for name, make in makers.items()}
    if len(set(pages.values())) > 1:
        raise AssertionError(f"not the same length: {pages}")
    taken: dict[str, dict[str, list[float]]] = {name: {"processor": [], "wall": []} for name in makers}
    for _ in range(repeats):
        for name, make in makers.items():
            wall, processor = perf_counter(), process_time()
            make()
            taken[name]["processor"].append(process_time() - processor)
            taken[name]["wall"].append(perf_counter() - wall)
    return taken


def rows(*, repeats: int = 7) -> list[dict[str, object]]:
    """Return the row of the performance table: as sent, by processor time."""
    taken = measure(repeats)
    return [_row("P6.tables", "statement of 56 rows on two pages, as sent, processor time", taken, "ours", "processor")]


def _row(name: str, what: str, taken: dict[str, dict[str, list[float]]], maker: str, clock: str) -> dict[str, object]:
    ours, floor = taken[maker][clock], taken["stock"][clock]
    return {
        "id": name,
        "what": what,
        "ours_ms": round(1000 * statistics.median(ours), 1),
        "floor_ms": round(1000 * statistics.median(floor), 1),
        "ratio": round(statistics.median(a / b for a, b in zip(floor, ours, strict=True)), 3),
        "better": "higher",
        "n": len(ours),
    }


def _pages(pdf: bytes, statement: Statement) -> int:
    reader = PdfReader(io.BytesIO(pdf))
    text = " ".join("".join(page.extract_text() for page in reader.pages).split())
    for t in statement.inputs.transactions:
        if f"{abs(t.amount):,.2f}" not in text:
            raise AssertionError(f"the booking of {t.amount} is missing on paper")
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
    json.dump({"rows": rows(), "P6.two_processes": two_process_gain()}, sys.stdout, indent=1)
