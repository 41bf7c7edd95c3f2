"""No page and nothing that opens on one has a serious or critical finding of axe-core, in the light or in the dark, and no page is wider than a
telephone: the pages of every role, every table, row, act and refusal of the admin, and the console's dialogs, menus and sheets."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.e2e.axed import DESK, findings, findings_in_turn, findings_inside
from tests.e2e.conftest import Running
from tests.e2e.opened import OPENED, Opened
from tests.e2e.papers import fill_the_admin, rest_an_order
from tests.e2e.visited import ROLES, admin_pages, pages_of

pytestmark = pytest.mark.xdist_group("e2e")


@pytest.mark.parametrize("role", ROLES)
def test_axe_finds_nothing_grave_and_a_telephone_is_wide_enough(running: Running, filed: dict[str, str], role: str) -> None:
    page = running.open(role)
    found = [one for address in pages_of(role, filed) for one in findings(page, address)]
    assert found == []


@pytest.mark.parametrize("role", OPENED)
def test_axe_finds_nothing_grave_in_what_opens(running: Running, filed: dict[str, str], role: str) -> None:
    if role == "MANAGER":
        rest_an_order(running.stage)
    page = running.open(role)
    page.set_viewport_size(DESK)
    assert [one for opened in OPENED[role] for one in _look(page, opened, filed)] == []


def test_axe_finds_nothing_grave_in_the_admin(running: Running, filed: dict[str, str]) -> None:
    fill_the_admin(running.stage)
    page = running.visit(running.cookie("COMPLIANCE", is_fresh=True))
    found = findings_in_turn(page, admin_pages(running.stage))
    page.goto("/admin/accounts/account/do/open")
    page.locator(".act form").evaluate("form => { form.noValidate = true; form.querySelector('button').click() }")
    page.locator(".act__refused").first.wait_for()
    assert found + [f"a refused form {one}" for one in findings_inside(page, "#main")] == []


def _look(page: Page, opened: Opened, ids: dict[str, str]) -> list[str]:
    """Return what is wrong with what opens after the steps."""
    if opened.path:
        page.goto(opened.path.format(**ids), wait_until="load")
    for step in opened.steps:
        step(page)
    return [f"{page.url} {opened.inside} {one}" for one in findings_inside(page, opened.inside)]
