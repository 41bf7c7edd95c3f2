"""The running stack, once for all days, and a browser.

The house is the kill test's: two paper venues, two gateways, worker and beat on one rehearsal clock, with fifty accounts and a web process.
"""

from __future__ import annotations

import os
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from accounts.services import grant_account
from base import tenancy
from base.clock import process_clock
from governance.web import FIRM_KEY
from mamweb.assets import make_assets
from tests.chaos.stage import Stage, stage, wait_for
from tests.e2e.papers import evening_before, file_papers, state_february
from tests.screens.chromium import CHROMIUM, FLAGS

ACCOUNTS = 50
SPEED = 5.0  # of the market: prices wait for a browser on a busy machine
SLOWEST_MS = 20_000  # what a page may take on a machine that does much else
EXPECTED = ("status of 409", "status of 422", "Error Code 409", "Error Code 422", "htmx:sendAbort", "htmx:afterRequest")


@dataclass
class Running:
    """The stack and its address."""

    stage: Stage
    address: str
    browser: Browser
    complaints: list[str] = field(default_factory=list)

    @property
    def firm_id(self) -> int:
        return self.stage.firm.firm_id

    def cookie(self, role: str, *, is_fresh: bool = False) -> str:
        """Return a session of the firm's person in the role, in the firm."""
        return self.cookie_of(int(self.stage.firm.actors[role].user_id), self.firm_id, is_fresh=is_fresh)

    def cookie_of(self, user_id: int, firm_id: int, *, is_fresh: bool = False) -> str:
        """Return a session of a person, in a firm of theirs. is_fresh: they have shown a password just now."""
        client = Client()
        user = get_user_model().objects.get(pk=user_id)
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        session = client.session
        session[FIRM_KEY] = firm_id
        if is_fresh:
            session["account_authentication_methods"] = [{"method": "password", "at": time.time()}]
        session.save()
        return str(client.cookies["sessionid"].value)

    def open(self, role: str, width: int = 1440, theme: str = "light") -> Page:
        """Return a page of a new browser session, signed in as the role; what the browser complains of fails the test at the end."""
        return self.visit(self.cookie(role) if role else "", width, theme)

    def visit(self, cookie: str, width: int = 1440, theme: str = "light", address: str = "") -> Page:
        """Return a page of a new browser session with the cookie. address: another name of the same stack."""
        context: BrowserContext = self.browser.new_context(
            base_url=address or self.address,
            viewport={"width": width, "height": 900},
            color_scheme=theme,  # type: ignore[arg-type]
            reduced_motion="reduce",
            accept_downloads=True,
        )
        if cookie:
            context.add_cookies([{"name": "sessionid", "value": cookie, "url": self.address}])
        page = context.new_page()
        page.set_default_timeout(SLOWEST_MS)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        """Keep errors. A form that is told 409 or 422 has its answer; a request that a next page overtook is nobody's loss."""
        if message.type == "error" and not any(word in message.text for word in EXPECTED):
            self.complaints.append(f"{message.text} {message.location.get('url', '')}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture(scope="package")
def running(django_db_blocker: Any) -> Iterator[Running]:
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # playwright keeps a loop in this thread
    make_assets()
    with (
        django_db_blocker.unblock(),
        stage("e2e", accounts=ACCOUNTS, seed=5, opened=date(2026, 1, 20), speed=SPEED) as here,
        sync_playwright() as playwright,
    ):
        try:
            evening_before(here)
            _let_people_see(here)
            port = _free_port()
            address = f"http://127.0.0.1:{port}"
            here.start("web", [sys.executable, "-m", "uvicorn", "mamweb.asgi:application", "--port", str(port), "--log-level", "warning"])
            wait_for(lambda: _answers(address), "the web process to answer")
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            yield Running(here, address, browser)
            browser.close()
        finally:
            connections.close_all()  # those of playwright's loop are not those of this thread


@pytest.fixture(autouse=True)
def _browsers_are_content(running: Running) -> Iterator[None]:
    """Close the test's browser sessions; an error on a console, or a policy that was violated, fails the test."""
    yield
    for context in running.browser.contexts:
        context.close()
    heard, running.complaints = running.complaints, []
    assert heard == []


def _let_people_see(here: Stage) -> None:
    """Give the investor two accounts of the firm, in dollars."""
    with tenancy.firm(here.firm.firm_id):
        investor = int(here.firm.actors["INVESTOR"].user_id)
        for code in investors_codes(here):
            grant_account(account_id=here.firm.accounts[code], user_id=investor, now=process_clock().now())


@pytest.fixture(scope="package")
def filed(running: Running) -> dict[str, str]:
    """Let every account buy a little, put one of each paper on the desks, and return the ids of what pages show."""
    here, codes = running.stage, investors_codes(running.stage)
    body = '{"strategy": "CORE", "symbol": "ABC", "method": "fixed", "figure": "10"}'
    fills, working = "SELECT count(*) FROM execution_execution", "SELECT count(*) FROM execution_parentorder WHERE done_at IS NULL"
    state_february(here, codes)  # before anything is bought: nothing has a price in February
    for attempt in range(5):  # the price may leave an order behind
        if here.state_signal(f"filed-{attempt}", body):
            raise RuntimeError(here.tail("signals"))
        here.wait_for(lambda: here.rows(fills)[0][0] > 0 or here.rows(working)[0][0] == 0, "orders to end")
        if here.rows(fills)[0][0]:
            break
    return file_papers(here, codes[0])


def investors_codes(here: Stage) -> list[str]:
    """Return the codes of the investor's accounts."""
    return [person.code for person in here.firm.people if person.currency == "USD"][:2]


expect.set_options(timeout=SLOWEST_MS)
assert settings.MODE == "test"
