"""CON-2 in integers."""

from hypothesis import given
from hypothesis import strategies as st

from base.core.splitting import largest_remainder, tie_keys
from execution.core.apportion import apportion, apportion_capped, webster

WEIGHTS = st.lists(st.integers(0, 10**6), min_size=1, max_size=25).filter(any)


def keys(count):
    return tie_keys("B", [str(i) for i in range(count)])


@given(total=st.integers(-(10**7), 10**7), weights=WEIGHTS)
def test_con_2_the_integer_split_is_the_foundation_s_split(total, weights):
    assert apportion(total, weights, keys(len(weights))) == largest_remainder(total, weights, keys(len(weights)))


@given(total=st.integers(0, 10**6), rows=st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 9999)), min_size=1, max_size=25))
def test_con_2_capped_parts_sum_and_stay_below_their_caps(total, rows):
    weights, caps = [w for w, _ in rows], [c for _, c in rows]
    parts = apportion_capped(total, weights, caps, keys(len(rows)))
    assert sum(parts) == min(total, sum(cap for weight, cap in rows if weight))
    assert all(0 <= part <= cap for part, cap in zip(parts, caps, strict=True))


@given(weights=st.lists(st.integers(0, 40), min_size=1, max_size=8))
def test_rte_3_webster_is_monotone_and_exact(weights):
    before = [0] * len(weights)
    for total in range(sum(weights) + 1):
        parts = webster(total, weights, keys(len(weights)))
        assert sum(parts) == total
        assert all(a <= b <= w for a, b, w in zip(before, parts, weights, strict=True))
        before = parts
    assert before == weights


@given(weights=st.lists(st.integers(0, 10**6), min_size=1, max_size=20), data=st.data())
def test_rte_3_webster_does_not_depend_on_the_order(weights, data):
    total = data.draw(st.integers(0, sum(weights)))
    order = data.draw(st.permutations(range(len(weights))))
    names = keys(len(weights))
    straight = webster(total, weights, names)
    assert webster(total, [weights[i] for i in order], [names[i] for i in order]) == [straight[i] for i in order]
