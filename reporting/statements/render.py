"""A statement as a PDF.

Entry points: `render_pdf`, and its halves `render_html` and `write_pdf`.
Invariants:
1. Only typefaces named by `typefaces` are ever read; any other address ends the rendering (S13).
2. Text from the outside is escaped: it is printed, never obeyed.
3. Equal statements give equal bytes, whatever the day and the machine's clock.
4. Nothing is printed as an empty box: a character that no typeface has refuses the document.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from html import unescape
from pathlib import Path

from django.template import Context, Engine
from weasyprint import CSS, HTML
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

from reporting.charts.svg import svg
from reporting.core.statement import Statement
from reporting.core.statement_proofs import UnableToState
from reporting.statements.page import chart_of, page_context
from reporting.statements.typefaces import Typefaces, typefaces

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "static" / "reporting"


class AssetRefused(FatalURLFetchingError):
    """The document asked for something that is not bundled with it."""


class BundledAssets(URLFetcher):  # type: ignore[misc]
    """A fetcher that knows typefaces by name and refuses every other address, local or remote."""

    def __init__(self, assets: Mapping[str, Path] | None = None) -> None:
        super().__init__()
        self._assets = typefaces().assets if assets is None else assets

    def fetch(self, url: str, headers: object = None) -> URLFetcherResponse:
        if url not in self._assets:
            raise AssetRefused(f"refused {url[:200]!r}")
        return URLFetcherResponse(url, _content(self._assets[url]), {"Content-Type": "font/otf"})


def render_pdf(statement: Statement, *, with_chart: bool = True, tagged: bool = True, faces: Typefaces | None = None) -> bytes:
    """Return the statement as a PDF.

    with_chart: draw equity and drawdown where the statement has valued days. tagged: PDF/UA-1, readable by screen readers. faces: None is
    the bundled typeface alone (Latin, Greek, Cyrillic).
    Raises UnableToState CHARACTERS_MISSING; AssetRefused if the document asks for anything but these typefaces.
    """
    faces = faces or typefaces()
    spec = chart_of(statement) if with_chart else None
    html = render_html(statement, chart="" if spec is None else svg(spec))
    if missing := faces.missing(unescape(html)):
        named = " ".join(f"{character} U+{ord(character):04X}" for character in missing[:8])
        raise UnableToState(
            "CHARACTERS_MISSING", characters=named, count=len(missing), remedy="put a typeface that has them into var/fonts"
        )
    return write_pdf(html, tagged=tagged, faces=faces)


def render_html(statement: Statement, *, chart: str = "") -> str:
    """Return the statement as HTML for `write_pdf`. chart: an SVG of our own making, placed as it is."""
    return _engine().get_template("reporting/statement.html").render(Context({**page_context(statement), "chart": chart}))


def write_pdf(html: str, *, tagged: bool = True, faces: Typefaces | None = None) -> bytes:
    """Return the HTML as a PDF with the statement's style, the garbage collector at rest meanwhile."""
    faces = faces or typefaces()
    options = {"pdf_variant": "pdf/ua-1"} if tagged else {}
    identifier = sha256(html.encode()).hexdigest()[:32].encode()
    with _without_garbage_collection():
        fetcher = BundledAssets(faces.assets)
        style = CSS(string=_style(faces), base_url="asset:", url_fetcher=fetcher)
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


def _style(faces: Typefaces) -> str:
    """Return the style sheet with every further typeface behind Inter."""
    style = _style_sheet()
    return style if faces.families == "Inter" else style.replace(" Inter;", f" {faces.families};") + faces.faces


@cache
def _style_sheet() -> str:
    return (STATIC / "statement.css").read_text(encoding="utf-8")


@cache
def _content(path: Path) -> bytes:
    return path.read_bytes()
