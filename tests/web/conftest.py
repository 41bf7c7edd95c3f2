"""Pages at a known instant, asked by people who have signed in, and a browser for those that live."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.api.scene import NOW, Scene, make_scene
from tests.desk import make_desk
from tests.screens.chromium import CHROMIUM, FLAGS
from tests.web.ticket_room import Room, role_client, stop_clock


@pytest.fixture(autouse=True)
def _at_a_known_instant(settings: Any) -> None:
    """Stop the clock of this process."""
    settings.REHEARSAL_CLOCK = f"{NOW.isoformat()}@{NOW.isoformat()}*0"


@pytest.fixture
def scene(db: None) -> Scene:
    return make_scene()


@pytest.fixture
def room(settings: Any, db: None) -> Room:
    desk = make_desk()
    stop_clock(settings, desk.now)
    return Room(desk, role_client(desk, "TRADER"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # playwright keeps a loop in this thread
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
