"""A statement as a PDF.

Entry points: `render_pdf`, and its halves `render_html` and `write_pdf`.
Invariants:
1. Only the assets bundled here are ever read; any other address ends the rendering (S13).
2. Text from the outside is escaped: it is printed, never obeyed.
3. Equal statements give equal bytes, whatever the day and the machine's clock.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path

from django.template import Context, Engine
from weasyprint import CSS, HTML
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

from reporting.charts.svg import svg
from reporting.core.statement import Statement
from reporting.statements.page import chart_of, page_context

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "static" / "reporting"
ASSETS = {f"asset:{path.name}": path for path in (STATIC / "fonts" / "Inter-Regular.otf", STATIC / "fonts" / "Inter-SemiBold.otf")}


class AssetRefused(FatalURLFetchingError):
    """The document asked for something that is not bundled with it."""


class BundledAssets(URLFetcher):  # type: ignore[misc]
    """A fetcher that knows the bundled assets by name and refuses every other address, local or remote."""

    def fetch(self, url: str, headers: object = None) -> URLFetcherResponse:
        if url not in ASSETS:
            raise AssetRefused(f"refused {url[:200]!r}")
        return URLFetcherResponse(url, _asset(url), {"Content-Type": "font/otf"})


def render_pdf(statement: Statement, *, with_chart: bool = True, tagged: bool = True) -> bytes:
    """Return the statement as a PDF.

    with_chart: draw equity and drawdown where the statement has valued days. tagged: PDF/UA-1, readable by screen readers.
    Raises AssetRefused if the document asks for anything that is not bundled.
    """
    spec = chart_of(statement) if with_chart else None
    return write_pdf(render_html(statement, chart="" if spec is None else svg(spec)), tagged=tagged)


def render_html(statement: Statement, *, chart: str = "") -> str:
    """Return the statement as HTML for `write_pdf`. chart: an SVG of our own making, placed as it is."""
    return _engine().get_template("reporting/statement.html").render(Context({**page_context(statement), "chart": chart}))


def write_pdf(html: str, *, tagged: bool = True) -> bytes:
    """Return the HTML as a PDF with the statement's style, the garbage collector at rest meanwhile."""
    options = {"pdf_variant": "pdf/ua-1"} if tagged else {}
    identifier = sha256(html.encode()).hexdigest()[:32].encode()
    with _without_garbage_collection():
        fetcher = BundledAssets()
        style = CSS(string=_style(), base_url="asset:", url_fetcher=fetcher)
        document = HTML(string=html, base_url="asset:", url_fetcher=fetcher)
        pdf: bytes = document.write_pdf(stylesheets=[style], pdf_identifier=identifier, **options)
    return pdf


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@cache
def _engine() -> Engine:
    """Return a template engine of our own, so that paper needs neither settings nor a database."""
    return Engine(dirs=[str(ROOT / "templates")], autoescape=True)


@cache
def _style() -> str:
    return (STATIC / "statement.css").read_text(encoding="utf-8")


@cache
def _asset(url: str) -> bytes:
    return ASSETS[url].read_bytes()
