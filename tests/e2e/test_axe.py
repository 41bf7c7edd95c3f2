"""No page has a serious or critical finding of axe-core, in the light or in the dark."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.e2e.conftest import Running
from tests.e2e.visited import ROLES, pages_of

pytestmark = pytest.mark.xdist_group("e2e")

GRAVE = {"serious", "critical"}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("role", ROLES)
def test_axe_finds_nothing_grave(running: Running, filed: dict[str, str], role: str, theme: str) -> None:
    page, axe, found = running.open(role, theme=theme), Axe(), []
    for address in pages_of(role, filed):
        page.goto(address, wait_until="load")
        for violation in axe.run(page).response["violations"]:
            if violation["impact"] in GRAVE:
                found += [f"{address} {violation['id']}: {node['target']} {node['html'][:160]}" for node in violation["nodes"]]
    assert found == []
