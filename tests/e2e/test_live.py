"""The live push in a browser: a critical alert comes as a banner and a tone, a hidden tab draws nothing until it is seen again, and a number that
changed flashes once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from playwright.sync_api import Page

from base import tenancy
from base.clock import process_clock
from governance.core.subjects import Subject
from governance.enums import AlertTier, ApprovalAction, Role, SubjectKind
from governance.services import acknowledge_alert, end_alert, raise_alert, refuse, request_approval
from tests.e2e.conftest import Running
from tests.e2e.live import arrives, mark

pytestmark = pytest.mark.xdist_group("e2e")
SOON_MS = 15_000
_COUNT_TONES = """
    window.tones = 0;
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...at) { window.tones += 1; return start.apply(this, at); };
"""
_COUNT_FLASHES = """() => {
    window.flashed = [];
    new MutationObserver((changes) => {
        for (const { target } of changes) if (target.classList?.contains("flash") && target.id) window.flashed.push(target.id);
    }).observe(document.body, { subtree: true, attributes: true, attributeFilter: ["class"] });
}"""


def _show(page: Page, *, hidden: bool) -> None:
    """Let the document believe it is hidden, or seen again."""
    page.evaluate(
        """(hidden) => {
            for (const [name, value] of [["hidden", hidden], ["visibilityState", hidden ? "hidden" : "visible"]])
                Object.defineProperty(document, name, { configurable: true, get: () => value });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def _listens(page: Page, path: str) -> None:
    """Open a page and wait until its socket is there."""
    page.goto(path)
    page.locator("[data-live-lamp=live]").wait_for()
    mark(page)


@contextmanager
def _critical(running: Running, message: str) -> Iterator[UUID]:
    """Raise a critical alert for risk, and end it afterwards: other days look at the same firm."""
    with tenancy.firm(running.firm_id):
        alert = raise_alert(
            tier=AlertTier.CRITICAL,
            audience={Role.RISK},
            rule="RSK-10",
            subject=Subject(SubjectKind.FIRM, str(running.firm_id)),
            message=message,
            now=process_clock().now(),
            dedupe_key=message,
        )
    try:
        yield alert
    finally:
        with tenancy.firm(running.firm_id):
            now = process_clock().now()
            acknowledge_alert(alert_id=alert, actor=running.stage.firm.actors["RISK"], now=now)
            end_alert(alert_id=alert, now=now)


def test_rsk_10_a_critical_alert_comes_as_a_banner_and_one_tone_for_who_wants_it(running: Running) -> None:
    page = running.open("RISK")
    page.add_init_script(_COUNT_TONES)
    _listens(page, "/kill-switch/")
    with _critical(running, "A silent test"):
        arrives(page, page.locator("#banner", has_text="A silent test"), SOON_MS)
        assert page.evaluate("window.tones") == 0
        page.evaluate("window.choices.keep('sound', 'on')")
        with _critical(running, "A test of the siren"):
            arrives(page, page.locator("#banner", has_text="A test of the siren"), SOON_MS)
            assert page.evaluate("window.tones") == 1


def test_a_hidden_tab_draws_nothing_but_alerts_until_it_is_seen_again(running: Running) -> None:
    page, actors = running.open("RISK"), running.stage.firm.actors
    _listens(page, "/approvals/")
    page.wait_for_load_state("networkidle")  # what the socket's first frame asks for is no drawing behind a hidden tab
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/approvals/") else None)
    _show(page, hidden=True)
    with tenancy.firm(running.firm_id):
        request = request_approval(
            action=ApprovalAction.LIFT_RESTRICTION,
            subject=Subject(SubjectKind.FIRM, str(running.firm_id)),
            content_hash="d" * 64,
            actor=actors["TRADER"],
            now=process_clock().now(),
            reason="asked behind a hidden tab",
        )
    wanted = page.get_by_text("asked behind a hidden tab")
    with _critical(running, "Heard although hidden"):
        # Frames come in their order: who shows the alert has been told of the request before.
        arrives(page, page.locator("#banner", has_text="Heard although hidden"), SOON_MS)
        assert wanted.count() == 0 and asked == []
        _show(page, hidden=False)
        arrives(page, wanted, SOON_MS)
        assert asked, "it asked for what it missed"
    with tenancy.firm(running.firm_id):
        refuse(approval_id=request, actor=actors["COMPLIANCE"], now=process_clock().now(), reason="a test")


def test_a_number_that_changed_flashes_once_and_others_do_not(running: Running, filed: dict[str, str]) -> None:
    page = running.open("RISK")
    _listens(page, "/exposure/")
    page.locator("#x-gross").wait_for()
    page.evaluate(_COUNT_FLASHES)
    page.evaluate("document.getElementById('x-gross').textContent = 'another figure'")
    with page.expect_response(lambda answer: "/exposure/" in answer.url):
        page.evaluate("document.body.dispatchEvent(new CustomEvent('live:resync', { detail: { ids: [] } }))")
    page.wait_for_function("window.flashed.includes('x-gross')")
    assert page.locator("#x-gross").inner_text() != "another figure"
