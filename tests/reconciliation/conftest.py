"""Leaves no venue journal open behind a test."""

from collections.abc import Iterator

import pytest

from tests.execution.venue.world import close_journals


@pytest.fixture(autouse=True)
def _closed_journals() -> Iterator[None]:
    yield
    close_journals()
