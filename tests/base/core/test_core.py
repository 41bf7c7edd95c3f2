"""CON-1, CON-2: money, splitting, ids, clock."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.core.clock import VirtualClock
from base.core.ids import canonical, derived_id, digest, new_id
from base.core.money import round_money
from base.core.splitting import largest_remainder, split_money, tie_keys

WEIGHTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=30).filter(any)


@given(total=st.integers(-(10**9), 10**9), weights=WEIGHTS)
def test_con_2_parts_sum_to_the_whole_and_lie_within_one_of_the_quota(total, weights):
    parts = largest_remainder(total, weights, tie_keys("B", [str(i) for i in range(len(weights))]))
    assert sum(parts) == total
    whole = sum(weights)
    assert all(abs(part - Fraction(total * weight, whole)) < 1 for part, weight in zip(parts, weights, strict=True))


@given(total=st.integers(0, 10**6), weights=WEIGHTS, data=st.data())
def test_con_2_order_of_accounts_changes_nothing(total, weights, data):
    names = [f"acct-{i}" for i in range(len(weights))]
    keys = dict(zip(names, tie_keys("B", names), strict=True))
    first = dict(zip(names, largest_remainder(total, weights, [keys[n] for n in names]), strict=True))
    order = data.draw(st.permutations(range(len(names))))
    shuffled = largest_remainder(total, [weights[i] for i in order], [keys[names[i]] for i in order])
    assert {names[i]: part for i, part in zip(order, shuffled, strict=True)} == first


def test_con_2_equal_weights_never_fall_back_on_insertion_order():
    assert largest_remainder(1, [5, 5], ["b", "a"]) == [0, 1]


def test_con_2_refuses_weights_that_cannot_carry_the_total():
    with pytest.raises(ValueError, match="all zero"):
        largest_remainder(3, [0, 0], ["a", "b"])
    with pytest.raises(ValueError, match="negative"):
        largest_remainder(3, [1, -1], ["a", "b"])


def test_con_1_money_finer_than_the_minor_unit_is_refused():
    with pytest.raises(ValueError, match="finer"):
        split_money(Decimal("1.001"), [1], ["a"], "USD")
    with pytest.raises(ValueError, match="not finite"):
        round_money(Decimal("NaN"), "USD")


def test_i8_equal_values_have_equal_digests_and_floats_none():
    assert digest({"a": Decimal("1.50"), "b": [1]}) == digest({"b": (1,), "a": Decimal("1.5")})
    with pytest.raises(TypeError, match="float"):
        canonical({"a": 1.5})
    with pytest.raises(TypeError):
        canonical(Decimal("NaN"))


def test_con_6_ids_sort_by_time_and_derived_ids_repeat():
    ids = [new_id() for _ in range(1000)]
    assert ids == sorted(ids) and len(set(ids)) == 1000
    assert derived_id("a", 1) == derived_id("a", 1) != derived_id("a", 2)


def test_con_6_virtual_clock_never_goes_back():
    clock = VirtualClock(datetime(2026, 1, 5, tzinfo=UTC))
    assert clock.advance(timedelta(seconds=1)) == clock.now()
    with pytest.raises(ValueError, match="back"):
        clock.move_to(datetime(2026, 1, 4, tzinfo=UTC))
