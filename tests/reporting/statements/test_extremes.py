"""GOV-11 at the edges of paper: nothing runs out of its cell or off the page, and nothing is printed as an empty box."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from weasyprint import CSS, HTML
from weasyprint.formatting_structure import boxes

from reporting.core.statement import build_statement
from reporting.core.statement_inputs import StatementInputs
from reporting.core.statement_proofs import UnableToState
from reporting.statements.figures import MINUS
from reporting.statements.render import STATIC, BundledAssets, render_html, render_pdf
from reporting.statements.typefaces import typefaces
from tests.reporting import extremes, samples

DEJAVU = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
SLACK = 1.0  # CSS pixels
LAID_OUT = {
    "normal": lambda: samples.normal_month(10),
    "currencies": samples.many_currencies,
    "yen": samples.yen_month,
    "empty": samples.empty_month,
    "positions": lambda: extremes.many_positions(60),
    "debt": extremes.in_debt,
    "trillions": extremes.trillions,
    "trillions of yen": lambda: extremes.trillions("JPY"),
    "unbroken": extremes.unbroken_words,
    "greek": lambda: extremes.foreign_names(1),
}


def texts(inputs: StatementInputs, **more: Any) -> list[str]:
    pdf = render_pdf(build_statement(inputs), with_chart=False, **more)
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(pdf)).pages]


def overflowing(inputs: StatementInputs) -> Iterator[str]:
    """Yield every line of text that leaves its table cell or the page."""
    fetcher = BundledAssets()
    style = CSS(string=(STATIC / "statement.css").read_text(), base_url="asset:", url_fetcher=fetcher)
    document = HTML(string=render_html(build_statement(inputs)), base_url="asset:", url_fetcher=fetcher).render(stylesheets=[style])
    for page in document.pages:
        for cell in page._page_box.descendants():
            if isinstance(cell, boxes.LineBox) and cell.position_x + cell.width > page.width + SLACK:
                yield f"off the page: {_words(cell)}"
            if isinstance(cell, boxes.TableCellBox):
                left, right = cell.position_x, cell.position_x + cell.border_width()
                lines = [line for line in cell.descendants() if isinstance(line, boxes.LineBox)]
                yield from (f"{_words(line)}" for line in lines for end in _ends(line) if end[0] < left - SLACK or end[1] > right + SLACK)


def _ends(line: Any) -> list[tuple[float, float]]:
    return [
        (box.position_x, box.position_x + box.width) for box in line.descendants() if isinstance(box, boxes.TextBox) and box.text.strip()
    ]


def _words(line: Any) -> str:
    return "".join(box.text for box in line.descendants() if isinstance(box, boxes.TextBox))


@pytest.mark.parametrize("sample", LAID_OUT)
def test_gov_11_no_text_leaves_its_cell_or_the_page(sample):
    assert list(overflowing(LAID_OUT[sample]())) == []


def test_gov_11_two_hundred_positions_repeat_their_head_and_number_their_pages():
    pages = texts(extremes.many_positions(200))
    assert [f"Page {n} of {len(pages)}" in text for n, text in enumerate(pages, 1)] == [True] * len(pages) and len(pages) > 6
    whole = " ".join(pages)
    held = [text for text in pages if "SYM" in text.split("Every transaction")[0].split("Income, fees")[0]]
    assert all("Holding Quantity Price Cost Value Gain" in text for text in held[:5])
    assert all(f"SYM{n:03d}" in whole for n in range(200))
    assert sum(text.count("Date and activity") for text in pages) >= 2


def test_gov_11_more_owed_than_owned_is_said_with_a_minus():
    text = " ".join(texts(extremes.in_debt())).replace(MINUS, "-")
    assert "-26,512.50 USD" in text and "-31,512.50 since 1 October 2026" in text
    assert "-100 61.00 -4,800.00 -6,100.00 -1,300.00" in text


def test_gov_11_thirteen_digits_and_hundred_millionths_are_printed_exactly():
    text = " ".join(texts(extremes.trillions()))
    for figure in ("13,810,784,548,821.13 USD", "987,654,321.12345678", "0.00000001", "+2,659,132,707,408.65", "10,181,237,652,661"):
        assert figure in text, figure


@pytest.mark.parametrize("which", [1, 2])
def test_gov_11_greek_and_cyrillic_names_are_printed(which):
    text = " ".join(texts(extremes.foreign_names(which)))
    assert all(word in text for word in extremes.NON_LATIN[which])


@pytest.mark.parametrize("which", [0, 3, 4, 5, 6, 7])
def test_gov_11_a_name_that_no_typeface_has_refuses_the_statement_and_says_what_to_do(which):
    with pytest.raises(UnableToState, match="CHARACTERS_MISSING") as refused:
        render_pdf(build_statement(extremes.foreign_names(which)))
    assert "U+" in str(refused.value.context["characters"]) and "var/fonts" in str(refused.value.context["remedy"])


@pytest.mark.skipif(not DEJAVU.exists(), reason="DejaVu Sans, used as a further typeface, is not installed here")
@pytest.mark.parametrize("which", [3, 6])
def test_gov_11_a_further_typeface_prints_what_the_bundled_one_lacks(tmp_path, which):
    (tmp_path / "DejaVuSans.ttf").write_bytes(DEJAVU.read_bytes())
    pdf = render_pdf(build_statement(extremes.foreign_names(which)), faces=typefaces(tmp_path))
    fonts = {
        font["/BaseFont"]
        for page in PdfReader(io.BytesIO(pdf)).pages
        for font in (f.get_object() for f in page["/Resources"]["/Font"].values())
    }
    assert any("Further" in name or "DejaVu" in name for name in fonts)
    assert pdf == render_pdf(build_statement(extremes.foreign_names(which)), faces=typefaces(tmp_path))


def test_a_folder_without_typefaces_changes_nothing(tmp_path):
    (tmp_path / "notes.txt").write_text("no typeface")
    assert typefaces(tmp_path).families == "Inter" and typefaces(tmp_path).characters == typefaces().characters
