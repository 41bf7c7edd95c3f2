"""RTE-3: a parent over time."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.core.slicing import cumulative_targets, plan_twap

START = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)


def plan(quantity, volume=12_000, seed="BLK-1", **more):
    return plan_twap(quantity, volume, start=START, seed=seed, **more)


def test_rte_3_worked_slices():
    assert [row.quantity for row in plan(9_000).slices] == [1125] * 8
    assert [row.quantity for row in plan(10_000).slices] == [1112] + [1111] * 8
    assert len(plan(600).slices) == 5


def test_rte_3_what_does_not_fit_fifteen_minutes_is_carried():
    long = plan(30_000)
    assert (long.needed_minutes, sum(row.quantity for row in long.slices), long.carry, len(long.slices)) == (25, 18_000, 12_000, 15)
    assert plan(30_000, participation=Fraction(1, 5)).carry == 0


def test_rte_3_a_tiny_parent_has_no_empty_slices():
    assert [row.quantity for row in plan(3).slices] == [1, 1, 1]


def test_i8_same_seed_same_plan_and_another_seed_other_times():
    assert plan(10_000) == plan(10_000)
    assert [r.due_at for r in plan(10_000).slices] != [r.due_at for r in plan(10_000, seed="BLK-2").slices]


@given(quantity=st.integers(1, 10**6), volume=st.integers(1, 10**5), seed=st.text(max_size=6))
def test_rte_3_slices_sum_to_the_parent_and_stay_within_their_jitter(quantity, volume, seed):
    made = plan(quantity, volume, seed)
    assert sum(row.quantity for row in made.slices) + made.carry == quantity
    assert max(r.quantity for r in made.slices) - min(r.quantity for r in made.slices) <= 1
    assert made.slices[-1].cumulative == quantity - made.carry
    for row in made.slices:
        assert row.due_at >= START and abs(row.due_at - START - timedelta(minutes=row.number)) <= timedelta(seconds=12)
    assert [r.due_at for r in made.slices] == sorted({r.due_at for r in made.slices})


@pytest.mark.parametrize(("quantity", "volume"), [(0, 10), (10, 0), (-1, 10)])
def test_rte_3_refuses_nothing_and_no_volume(quantity, volume):
    with pytest.raises(ValueError, match="positive"):
        plan(quantity, volume)


TARGETS = st.lists(st.integers(0, 400), min_size=1, max_size=12).filter(any)


@given(targets=TARGETS, count=st.integers(1, 9), smallest=st.integers(1, 30), data=st.data())
def test_rte_3_cumulative_targets_are_monotone_and_complete(targets, count, smallest, data):
    total = sum(targets)
    slices = [total // count + (i < total % count) for i in range(count)]
    ids = [f"a{i}" for i in range(len(targets))]
    rows = cumulative_targets(targets, ids, slices, seed="S", smallest_child=smallest)
    small = {i for i, target in enumerate(targets) if target < smallest * count}
    biggest = max((targets[i] for i in small), default=0)
    before = [0] * len(targets)
    for k, row in enumerate(rows):
        assert all(a <= b <= target for a, b, target in zip(before, row, targets, strict=True))
        assert all(row[i] in (0, targets[i]) for i in small)
        assert abs(sum(row) - sum(slices[: k + 1])) <= biggest
        before = row
    assert before == targets
    order = data.draw(st.permutations(range(len(ids))))
    again = cumulative_targets([targets[i] for i in order], [ids[i] for i in order], slices, seed="S", smallest_child=smallest)
    assert again == [[row[i] for i in order] for row in rows]


@given(targets=TARGETS, count=st.integers(1, 9))
def test_rte_3_without_small_accounts_every_slice_is_met_to_the_unit(targets, count):
    slices = [sum(targets) // count + (i < sum(targets) % count) for i in range(count)]
    rows = cumulative_targets(targets, [str(i) for i in range(len(targets))], slices, seed="S")
    small = sum(target < count for target in targets)
    assert small or [sum(row) for row in rows] == [sum(slices[: k + 1]) for k in range(count)]


def test_rte_3_small_accounts_are_spread_over_the_slices_not_split():
    rows = cumulative_targets([100] * 60, [f"a{i}" for i in range(60)], [600] * 10, seed="S", smallest_child=50)
    served = [sum(row[i] for i in range(60)) for row in rows]
    assert served == [600 * (k + 1) for k in range(10)]
    assert all(value in (0, 100) for row in rows for value in row)


def test_rte_3_large_accounts_absorb_what_small_ones_cannot_split():
    rows = cumulative_targets([5000, 90, 70, 40], list("abcd"), [1300] * 4, seed="S", smallest_child=50)
    assert [sum(row) for row in rows] == [1300, 2600, 3900, 5200]


def test_rte_3_refuses_slices_that_are_not_the_parent():
    with pytest.raises(ValueError, match="sum"):
        cumulative_targets([10], ["a"], [5], seed="S")
