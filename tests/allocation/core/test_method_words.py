"""What a method's sides are called on the ticket."""

from __future__ import annotations

from allocation.core.words import BY_METHOD
from allocation.enums import SizingMethod


def test_siz_3_what_brings_a_position_to_a_size_is_long_or_short_and_not_a_trade() -> None:
    targets = {method for method, words in BY_METHOD.items() if words.sides == ("Long", "Short")}
    assert {SizingMethod.TARGET_WEIGHT, SizingMethod.RISK} <= targets
