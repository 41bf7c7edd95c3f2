"""What comes to an open page by itself."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

PATIENCE_MS = 60_000


def mark(page: Page) -> None:
    """Remember this document: `arrives` tells that it was never loaded anew."""
    page.evaluate("window.sameDocument = true")


def arrives(page: Page, locator: Locator, timeout: float = PATIENCE_MS) -> None:
    """Wait until it is seen, pushed to the document that was marked."""
    expect(locator).to_be_visible(timeout=timeout)
    assert page.evaluate("window.sameDocument"), "the page was loaded anew"
