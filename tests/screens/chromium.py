"""Debian's Chromium, as root and without asking anybody outside for anything."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
# Parts of every console page that are asked for again without a click.
ASK_BY_THEMSELVES = ("frame/*", "connections/lamps")


def lands(page: Page, address: str, timeout: float = 30_000) -> None:
    """Wait until the page is where the address, a pattern, says. A script's way there may be overtaken by another's to the same place, which
    `Page.wait_for_url` would call a failure."""
    expect(page).to_have_url(re.compile(address), timeout=timeout)
    page.wait_for_load_state()
