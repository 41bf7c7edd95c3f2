"""I8: the same seed tells the same day."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Teller, Told

pytestmark = pytest.mark.xdist_group("tour")

# What names a row of this database, or hashes such names; everything else is the day itself.
OWN_NAMES = {"id", "account_id", "journey_id", "parent_id", "hash", "statement_hash", "client_order_id", "seconds"}


def without_names(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_names(item) for key, item in value.items() if key not in OWN_NAMES}
    return [without_names(item) for item in value] if isinstance(value, list) else value


def test_i8_same_seed_same_day_but_for_ids_and_seconds(tell: Teller, told: Told) -> None:
    again = tell(accounts=8, seed=1)
    assert again.record["signals"][0]["journey_id"] != told.record["signals"][0]["journey_id"]
    assert without_names(again.record) == without_names(told.record)


def test_i8_another_seed_is_another_day(tell: Teller, told: Told) -> None:
    other = tell(accounts=8, seed=2)
    assert without_names(other.record) != without_names(told.record)
    assert other.record["failures"] == []
