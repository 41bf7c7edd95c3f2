"""When a level is reached, where it is placed, when a refused release is tried again (SIZ-8)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.core.levels import LONGEST_WAIT, is_reached, keeps_its_side, snap, tried_again_at
from execution.enums import Level

PRICES = st.decimals("0.01", "10000", places=4)
NOW = datetime(2026, 1, 5, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("level", "is_long", "price", "trades_at", "reached"),
    [
        (Level.STOP, True, "50", "50.01", False), (Level.STOP, True, "50", "50", True), (Level.STOP, True, "50", "42", True),
        (Level.STOP, False, "50", "49.99", False), (Level.STOP, False, "50", "50", True), (Level.STOP, False, "50", "58", True),
        (Level.TARGET, True, "50", "49.99", False), (Level.TARGET, True, "50", "50", True), (Level.TARGET, False, "50", "50.01", False),
        (Level.TARGET, False, "50", "50", True),
    ],
)  # fmt: skip
def test_siz_8_a_level_is_reached_at_its_price_and_past_it(level: Level, is_long: bool, price: str, trades_at: str, reached: bool) -> None:
    assert is_reached(level, is_long=is_long, price=D(price), trades_at=D(trades_at)) is reached


@settings(max_examples=60)
@given(price=PRICES, at=PRICES, level=st.sampled_from(Level), is_long=st.booleans())
def test_siz_8_what_keeps_its_side_of_the_market_is_not_reached(price: D, at: D, level: Level, is_long: bool) -> None:
    assert keeps_its_side(price, level, is_long=is_long, of=at) is not is_reached(level, is_long=is_long, price=price, trades_at=at)


@settings(max_examples=60)
@given(price=PRICES, tick=st.sampled_from([D("0.01"), D("0.05"), D("0.25"), D("1")]), level=st.sampled_from(Level), is_long=st.booleans())
def test_siz_8_a_snapped_stop_loses_no_more_and_a_target_is_reached_no_later(price: D, tick: D, level: Level, is_long: bool) -> None:
    found = snap(price, tick, level, is_long=is_long)
    assert found % tick == 0 and abs(found - price) < tick
    assert (found <= price) if is_long == (level is Level.TARGET) else (found >= price)


def test_snap_refuses_a_tick_that_is_none() -> None:
    with pytest.raises(ValueError, match="not positive"):
        snap(D(50), D(0), Level.STOP, is_long=True)


@given(tries=st.integers(1, 500))
def test_a_refused_release_waits_longer_each_time_and_never_for_ever(tries: int) -> None:
    first, then = tried_again_at(NOW, tries), tried_again_at(NOW, tries + 1)
    assert first is not None and then is not None
    assert timedelta(0) < first - NOW <= then - NOW <= LONGEST_WAIT
    assert tried_again_at(None, tries) is None and tried_again_at(NOW, 0) is None
