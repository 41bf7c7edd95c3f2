"""A firm's open block and a world in it for every test; no journal stays open behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from base import tenancy
from tests.execution.services.order_world import OrderWorld, make_world
from tests.execution.venue.world import close_journals
from tests.factories import make_firm


@pytest.fixture
def open_world(tmp_path: Path, db: None) -> Iterator[Callable[..., OrderWorld]]:
    """Make worlds in one firm's block."""

    def make(**settings: Any) -> OrderWorld:
        return make_world(tmp_path / "venue.journal", **settings)

    with tenancy.firm(make_firm().id):
        yield make
    close_journals()


@pytest.fixture
def world(open_world: Callable[..., OrderWorld]) -> OrderWorld:
    """Return a started world."""
    made = open_world()
    made.session.start()
    return made
