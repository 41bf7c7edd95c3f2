"""Pages at a known instant, asked by people who have signed in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.scene import NOW, Scene, make_scene
from tests.desk import make_desk
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
