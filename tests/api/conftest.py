"""The API at a known instant."""

from __future__ import annotations

from typing import Any

import pytest

from base.core.clock import VirtualClock
from tests.api.scene import NOW, Scene, make_scene


@pytest.fixture(autouse=True)
def clock(settings: Any) -> VirtualClock:
    settings.CLOCK = VirtualClock(NOW)
    return settings.CLOCK


@pytest.fixture
def scene(db: None) -> Scene:
    return make_scene()
