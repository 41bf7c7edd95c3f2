"""What a toast tells can be read and put away wherever it is told: over a dialog, after it, and when the dialog has been taken away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.api.scene import make_scene
from tests.factories import as_loader
from tests.screens.chromium import CHROMIUM
from tests.web.listening import cookie_of, serving

pytestmark = [
    pytest.mark.xdist_group("embedded"),
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM}"),
]
TELL = "text => document.body.dispatchEvent(new CustomEvent('toast', { detail: { kind: 'fail', text } }))"


def test_a_toast_is_told_over_a_dialog(browser: Browser, django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        scene = as_loader(make_scene)
        with serving() as port:
            address = f"http://127.0.0.1:{port}"
            context = browser.new_context()
            context.add_cookies([{"name": "sessionid", "value": cookie_of(scene.risk.user, scene.firm.id), "url": address}])
            page = context.new_page()
            page.goto(f"{address}/alerts/")
            page.keyboard.press("?")
            expect(page.locator("#keys")).to_be_visible()
            for text in ("Refused", "Refused again"):
                page.evaluate(TELL, text)
            toasts = page.locator(".toast")
            toasts.filter(has_text="again").get_by_label("Close").click()
            expect(toasts).to_have_count(1)
            page.locator("#keys form").get_by_role("button", name="Close").click()
            expect(page.locator("body > #toasts .toast")).to_have_text("Refused×")
            page.keyboard.press("?")
            page.evaluate(TELL, "At the end")
            page.evaluate("keys.remove(); document.body.dispatchEvent(new CustomEvent('htmx:afterSwap'))")
            expect(page.locator("body > #toasts .toast")).to_have_count(2)
        context.close()
