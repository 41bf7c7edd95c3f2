"""No page has a serious or critical finding of axe-core, in the light or in the dark, and none is wider than a telephone."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.e2e.conftest import Running
from tests.e2e.visited import ROLES, pages_of

pytestmark = pytest.mark.xdist_group("e2e")

GRAVE = {"serious", "critical"}


LIGHT = {"resultTypes": ["violations"]}
DARK = {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 900}


@pytest.mark.parametrize("role", ROLES)
def test_axe_finds_nothing_grave_and_a_telephone_is_wide_enough(running: Running, filed: dict[str, str], role: str) -> None:
    page, axe, found = running.open(role), Axe(), []
    for address in pages_of(role, filed):
        page.set_viewport_size(DESK)
        page.emulate_media(color_scheme="light")
        page.goto(address, wait_until="load")
        violations = axe.run(page, options=LIGHT).response["violations"]
        page.emulate_media(color_scheme="dark")
        violations += axe.run(page, options=DARK).response["violations"]
        grave = [one for one in violations if one["impact"] in GRAVE]
        found += [f"{address} {one['id']}: {node['target']} {node['html'][:160]}" for one in grave for node in one["nodes"]]
        page.set_viewport_size(PHONE)
        if (over := page.evaluate("document.documentElement.scrollWidth - window.innerWidth")) > 1:
            found.append(f"{address} is {over} px wider than a telephone")
    assert found == []
