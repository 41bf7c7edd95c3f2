"""A day without a mouse, a theme that stays, and a telephone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Running
from tests.screens.chromium import lands

pytestmark = pytest.mark.xdist_group("e2e")

PHONE = 390


def _home(running: Running, width: int = 1440) -> Page:
    page = running.open("MANAGER", width=width)
    page.goto("/home/", wait_until="load")
    return page


def test_the_palette_finds_an_account(running: Running) -> None:
    page, person = _home(running), running.stage.firm.people[0]
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Search or jump to")
    expect(palette).to_be_visible()
    page.keyboard.type(person.code)
    expect(palette.get_by_role("option", name=re.compile(person.code))).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    lands(page, f"/accounts/{running.stage.firm.accounts[person.code]}/$")
    expect(page.get_by_role("heading", level=1)).to_contain_text(person.name)


def test_escape_closes_the_palette(running: Running) -> None:
    page = _home(running)
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()
    page.keyboard.type("nothing of that name")
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()


def test_the_sheet_of_keys(running: Running) -> None:
    page = _home(running)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("New ticket")


@pytest.mark.parametrize(("keys", "where"), [("gp", "/positions/"), ("gb", "/blotter/"), ("t", "/ticket/")])
def test_letters_lead_somewhere(running: Running, keys: str, where: str) -> None:
    page = _home(running)
    for key in keys:
        page.keyboard.press(key)
    expect(page).to_have_url(re.compile(f"{where}$"))


def test_the_theme_stays(running: Running) -> None:
    page = _home(running)
    page.get_by_role("button", name="Switch theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto("/positions/")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_menu_opens_on_a_telephone(running: Running) -> None:
    page = _home(running, width=PHONE)
    link = page.get_by_role("navigation", name="Main").get_by_role("link", name="Positions")
    expect(link).not_to_be_in_viewport()
    page.get_by_role("button", name="Menu", exact=True).click()
    expect(link).to_be_in_viewport()
    link.click()
    lands(page, "/positions/$")


def test_enter_in_the_palette_waits_for_the_answer_to_what_is_typed(running: Running) -> None:
    page, person = _home(running), running.stage.firm.people[0]
    page.keyboard.press("Control+k")
    expect(page.get_by_role("option", name="Blotter")).to_be_visible()
    page.keyboard.type(person.code)
    page.keyboard.press("Enter")
    lands(page, f"/accounts/{running.stage.firm.accounts[person.code]}/$")


def test_escape_closes_the_menu_of_a_telephone_and_the_search_stands_in_it(running: Running) -> None:
    page = _home(running, width=PHONE)
    menu, link = page.get_by_role("button", name="Menu", exact=True), page.get_by_role("link", name="Positions")
    menu.click()
    expect(menu).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(link).not_to_be_in_viewport()
    expect(menu).to_be_focused()
    menu.click()
    page.get_by_role("navigation", name="Main").get_by_role("button", name="Search or jump to").click()
    expect(page.get_by_role("dialog", name="Search or jump to")).to_be_visible()
    expect(link).not_to_be_in_viewport()


def test_a_removed_widget_is_offered_again_at_once(running: Running) -> None:
    page = _home(running)
    page.get_by_role("button", name="Arrange").click()
    page.get_by_role("button", name="Remove Live blotter").press("Enter")
    expect(page.get_by_role("button", name="Remove Needs attention")).to_be_focused()
    page.get_by_role("button", name="Add", exact=True).click()
    with page.expect_navigation():
        page.locator("[data-add=blotter]").click()
    expect(page.locator("[data-widget=blotter]")).to_be_visible()
