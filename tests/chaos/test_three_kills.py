"""I1–I7 in short: three kills against running processes; `make chaos` does twenty."""

from __future__ import annotations

import pytest

from .kills import run_kills, verdict
from .stage import stage


@pytest.mark.xdist_group("chaos")
def test_i1_to_i7_after_three_kills(django_db_blocker):
    with django_db_blocker.unblock(), stage("three", accounts=12, seed=3) as here:
        done = run_kills(here, numbers=range(3), seed=3)
        assert verdict(here) == []
        assert sum(1 for kill in done if kill.sending) * 2 >= len(done)
