"""A desk for every test, in the test's own transaction."""

from __future__ import annotations

import pytest

from tests.desk import Desk, make_desk


@pytest.fixture
def desk(db: None) -> Desk:
    return make_desk()
