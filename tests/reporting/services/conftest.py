"""Statements worked out by hand rest on the rates of the test alone."""

from __future__ import annotations

import pytest

from market.models import FxRate
from tests.factories import as_loader


@pytest.fixture(autouse=True)
def _only_own_rates(request: pytest.FixtureRequest) -> None:
    """Take away the rates that other tests have left: rates are global reference, and what is committed outlives its test."""
    if request.node.get_closest_marker("django_db"):
        request.getfixturevalue("db")
        as_loader(lambda: FxRate.objects.using("loader").all().delete())
