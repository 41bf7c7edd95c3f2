"""The API at a known instant."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.house import House
from tests.api.scene import NOW, Scene, make_scene


@pytest.fixture(autouse=True)
def _at_a_known_instant(settings: object) -> None:
    """Stop the clock of this process."""
    settings.REHEARSAL_CLOCK = f"{NOW.isoformat()}@{NOW.isoformat()}*0"  # type: ignore[attr-defined]


@pytest.fixture
def scene(db: None) -> Scene:
    return make_scene()


@pytest.fixture
def house(db: None, settings: Any) -> House:
    return House(settings)
