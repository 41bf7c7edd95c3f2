"""Real PostgreSQL and Valkey, as the runtime role."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.database import cloned_database

# A slow machine is no finding, and continuous integration draws the same examples every time.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=bool(os.environ.get("CI")))
settings.load_profile("house")


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Give this worker a database of its own, in place of pytest-django's."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with django_db_blocker.unblock(), cloned_database(f"test_{worker}_{os.getpid()}"):
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let every database test write market reference as the loader does (on connections of its own, see `factories.as_loader`)."""
    for item in items:
        marker = item.get_closest_marker("django_db")
        if marker and "databases" not in marker.kwargs:
            item.add_marker(pytest.mark.django_db(*marker.args, **{**marker.kwargs, "databases": ["default", "loader"]}), append=False)
