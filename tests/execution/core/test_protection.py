"""SIZ-8: bulk changes of stops and targets."""

from decimal import Decimal as D
from fractions import Fraction as F

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.core.protection import LevelChange, OpenPosition, move_levels, outcome_of
from execution.enums import ChangeOutcome, Level, LevelFinding


def held(name="A", quantity="100", entry="50", tick="0.01", least="0"):
    return OpenPosition(name, D(quantity), D(entry), D(tick), D(least))


def placed(positions, level, **wish):
    return {c.account_id: (None if c.price is None else str(c.price), c.finding) for c in move_levels(positions, level, **wish)}


def test_siz_8_one_absolute_price_for_all():
    both = [held("A", entry="50"), held("B", entry="50.20", tick="0.05")]
    assert placed(both, Level.STOP, market=D("50.10"), price=D("49.52")) == {
        "A": ("49.52", LevelFinding.PLACED),
        "B": ("49.55", LevelFinding.PLACED),
    }


def test_siz_8_each_account_keeps_its_offset_from_its_own_entry():
    both = [held("A", entry="50"), held("B", entry="50.20"), held("S", quantity="-7", entry="50.20")]
    assert placed(both, Level.STOP, market=D("50.10"), offset=D("-0.50")) == {
        "A": ("49.50", LevelFinding.PLACED),
        "B": ("49.70", LevelFinding.PLACED),
        "S": ("50.70", LevelFinding.PLACED),
    }
    assert placed(both, Level.TARGET, market=D("50.10"), offset=D("1.25")) == {
        "A": ("51.25", LevelFinding.PLACED),
        "B": ("51.45", LevelFinding.PLACED),
        "S": ("48.95", LevelFinding.PLACED),
    }


def test_siz_8_a_level_too_close_goes_to_the_minimum_distance_and_says_so():
    one = [held(tick="0.05", least="0.32")]
    assert placed(one, Level.STOP, market=D("50.10"), price=D("49.99"))["A"] == ("49.75", LevelFinding.MOVED_AWAY)
    assert placed(one, Level.TARGET, market=D("50.10"), price=D("50.11"))["A"] == ("50.45", LevelFinding.MOVED_AWAY)


@pytest.mark.parametrize(
    ("quantity", "level", "price"), [("1", Level.STOP, "51"), ("1", Level.TARGET, "49"), ("-1", Level.STOP, "49"), ("1", Level.STOP, "50")]
)
def test_siz_8_a_level_that_would_trigger_at_once_is_refused(quantity, level, price):
    assert placed([held(quantity=quantity)], level, market=D(50), price=D(price))["A"] == (None, LevelFinding.WRONG_SIDE)


def test_siz_8_no_position_and_no_price_left_are_reasons():
    assert move_levels([held(quantity="0")], Level.STOP, market=D(50), price=D(49)) == [LevelChange("A", None, LevelFinding.NO_POSITION)]
    assert placed([held(least="60")], Level.STOP, market=D(50), price=D(49))["A"] == (None, LevelFinding.NO_PRICE)


@pytest.mark.parametrize("wish", [{}, {"price": D(1), "offset": D(1)}, {"price": D(1), "market": D(0)}])
def test_siz_8_an_unclear_wish_is_refused(wish):
    with pytest.raises(ValueError):
        move_levels([held()], Level.STOP, **{"market": D(50), **wish})


def test_siz_8_the_outcome_of_an_account():
    assert [outcome_of(a) for a in ([True], [True, False], [False, False], [False, None])] == list(ChangeOutcome)


@settings(max_examples=200)
@given(
    cents=st.integers(1, 20_000),
    market=st.integers(1, 20_000),
    tick=st.sampled_from(["0.01", "0.05", "0.25"]),
    least=st.integers(0, 200),
    quantity=st.sampled_from(["1", "-1"]),
    level=st.sampled_from(Level),
)
def test_siz_8_a_level_is_on_its_side_on_the_tick_at_its_distance_and_never_riskier_than_asked(cents, market, tick, least, quantity, level):
    one = held(quantity=quantity, tick=tick, least=str(D(least) / 100))
    at, wanted = D(market) / 100, D(cents) / 100
    (change,) = move_levels([one], level, market=at, price=wanted)
    above = (quantity == "1") == (level is Level.TARGET)
    if change.price is None:
        assert (wanted > at) != above or wanted == at or not above
        return
    assert F(change.price) % F(one.tick) == 0 and (change.price > at) is above
    assert abs(change.price - at) >= one.minimum_distance
    further = change.price > wanted if above else change.price < wanted
    assert further is (change.finding is LevelFinding.MOVED_AWAY)
