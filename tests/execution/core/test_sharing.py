"""ALC-4, ALC-5, ALC-6, ALC-7: who gets how much of a partly filled block."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.core.sharing import ShareTerms, Target, UnableToShare, chase_is_worthwhile, next_queue, share_block, shortfalls
from execution.enums import SharePolicy

P = SharePolicy
TARGETS = [3333, 2667, 1999, 1251, 750]
BLOCK = [
    Target(account, quantity, tier=account not in "BC", own=account not in "BC") for account, quantity in zip("ABCDE", TARGETS, strict=True)
]
QUEUE = tuple("CDEAB")


def shares(policy, filled=8000, block=BLOCK, **terms):
    return share_block(filled, block, ShareTerms(policy, seed="BLK-1", **terms)).quantities


@pytest.mark.parametrize(
    ("policy", "terms", "expected"),
    [
        pytest.param(P.PRO_RATA, {}, (2666, 2134, 1599, 1001, 600), id="P1"),
        pytest.param(P.PRO_RATA_LOT, {"lot": 100}, (2700, 2100, 1600, 1000, 600), id="P2"),
        pytest.param(P.ROTATION, {"queue": QUEUE}, (3333, 667, 1999, 1251, 750), id="P3"),
        pytest.param(P.RANDOM, {}, (2083, 2667, 1999, 1251, 0), id="P4"),
        pytest.param(P.MINIMUM_RAISE, {"minimum": 700}, (2630, 2105, 1578, 987, 700), id="P5a"),
        pytest.param(P.MINIMUM_DROP, {"minimum": 700}, (2883, 2306, 1729, 1082, 0), id="P5b"),
        pytest.param(P.TIERED, {}, (2083, 2667, 1999, 782, 469), id="P6"),
        pytest.param(P.EQUAL_CAPPED, {}, (2000, 2000, 1999, 1251, 750), id="P7"),
    ],
)
def test_alc_4_worked_figures(policy, terms, expected):
    assert shares(policy, **terms) == expected


def test_alc_4_p3_the_partially_filled_account_leads_the_next_queue():
    assert share_block(8000, BLOCK, ShareTerms(P.ROTATION, queue=QUEUE)).next_queue == tuple("BCDEA")
    assert next_queue(QUEUE, BLOCK, TARGETS) == tuple("DEABC")


def test_alc_4_p3_refuses_a_queue_that_leaves_an_account_out():
    with pytest.raises(UnableToShare, match="QUEUE_INCOMPLETE"):
        shares(P.ROTATION, queue=tuple("CDEA"))


def test_alc_4_p4_the_seed_draws_c_d_b_a_e():
    order = []
    for filled in (1, 1999 + 1, 1999 + 1251 + 1, 1999 + 1251 + 2667 + 1, 9251):
        served = shares(P.RANDOM, filled)
        order += [account for account, share in zip("ABCDE", served, strict=True) if share and account not in order]
    assert order == list("CDBAE")


def test_alc_4_p6_own_accounts_never_rank_above_clients():
    block = [Target("own", 100, tier=0, own=True), Target("client", 100, tier=1)]
    with pytest.raises(UnableToShare) as refused:
        shares(P.TIERED, 100, block)
    assert refused.value.code == "OWN_ACCOUNT_ABOVE_CLIENTS" and refused.value.context["accounts"] == ["own"]


def test_alc_4_p6_own_accounts_may_not_stand_between_clients():
    block = [Target("first", 100, tier=0), Target("own", 100, tier=1, own=True), Target("last", 100, tier=2)]
    with pytest.raises(UnableToShare, match="OWN_ACCOUNT_ABOVE_CLIENTS"):
        shares(P.TIERED, 100, block)


def test_alc_2_clients_fill_before_the_firm_in_a_mixed_block():
    assert shares(P.TIERED, 100, [Target("own", 100, tier=1, own=True), Target("client", 80)]) == (20, 80)


def test_alc_5_shortfalls_after_p1():
    assert shortfalls(TARGETS, shares(P.PRO_RATA)) == [667, 533, 400, 250, 150]


def test_alc_5_chase_only_if_waiting_costs_more():
    market = {"spread_bps": 4.0, "impact_bps": 3.0, "shortfall_notional": Decimal(100_000)}
    assert chase_is_worthwhile(sigma_bps=60, hours=1, **market)
    assert not chase_is_worthwhile(sigma_bps=50, hours=1, **market)
    assert not chase_is_worthwhile(sigma_bps=60, hours=1, **{**market, "shortfall_notional": Decimal(0)})


def test_alc_6_remainder_of_unpooled_fills():
    owed = shortfalls(TARGETS, [3333, 2667, 1500, 500, 0])
    assert owed == [0, 0, 499, 751, 750]
    block = [Target(account, quantity) for account, quantity in zip("ABCDE", owed, strict=True)]
    assert shares(P.PRO_RATA, 1000, block) == (0, 0, 249, 376, 375)


def test_alc_7_the_minimum_is_waived_for_a_completed_target_and_a_closed_position():
    small = [Target("a", 5000), Target("b", 5000), Target("c", 300)]
    assert shares(P.MINIMUM_DROP, 10300, small, minimum=700) == (5000, 5000, 300)
    closing = [Target("a", 5000), Target("b", 5000), Target("c", 300, closing=True)]
    assert shares(P.MINIMUM_DROP, 5150, closing, minimum=700) == (2500, 2500, 150)
    assert shares(P.MINIMUM_DROP, 5150, small, minimum=700) == (2575, 2575, 0)
    assert shares(P.MINIMUM_RAISE, 5150, small, minimum=700) == (2425, 2425, 300)


def test_alc_7_odd_lots_complete_targets():
    assert shares(P.PRO_RATA_LOT, 10000, lot=100) == tuple(TARGETS)
    assert sum(shares(P.PRO_RATA_LOT, 8050, lot=100)) == 8050


def test_alc_8_an_overfill_never_reaches_the_accounts():
    result = share_block(10_040, BLOCK, ShareTerms(P.PRO_RATA, seed="BLK-1"))
    assert (result.quantities, result.excess) == (tuple(TARGETS), 40)


TERMS = [
    {"policy": P.PRO_RATA},
    {"policy": P.PRO_RATA_LOT, "lot": 7},
    {"policy": P.ROTATION},
    {"policy": P.RANDOM},
    {"policy": P.MINIMUM_RAISE, "minimum": 25},
    {"policy": P.MINIMUM_DROP, "minimum": 25},
    {"policy": P.TIERED},
    {"policy": P.EQUAL_CAPPED},
]
ACCOUNTS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 2), st.booleans()), min_size=1, max_size=12)


@given(rows=ACCOUNTS, terms=st.sampled_from(TERMS), filled=st.integers(0, 2500), data=st.data())
def test_alc_4_shares_sum_to_the_fill_never_exceed_targets_and_ignore_the_order(rows, terms, filled, data):
    block = [Target(f"acct-{i}", quantity, tier, closing=closing) for i, (quantity, tier, closing) in enumerate(rows)]
    frozen = ShareTerms(seed="S", queue=tuple(sorted(x.account_id for x in block)), **terms)
    result = share_block(filled, block, frozen)
    assert sum(result.quantities) + result.excess == filled
    assert result.excess == max(0, filled - sum(x.quantity for x in block))
    assert all(0 <= share <= x.quantity for share, x in zip(result.quantities, block, strict=True))
    order = data.draw(st.permutations(range(len(block))))
    again = share_block(filled, [block[i] for i in order], frozen)
    assert [result.quantities[i] for i in order] == list(again.quantities)


@given(rows=ACCOUNTS, policy=st.sampled_from([P.MINIMUM_RAISE, P.MINIMUM_DROP]), filled=st.integers(0, 2500))
def test_alc_4_p5_nobody_is_left_below_the_minimum_while_the_others_have_room(rows, policy, filled):
    block = [Target(f"acct-{i}", quantity, closing=closing) for i, (quantity, _, closing) in enumerate(rows)]
    got = shares(policy, filled, block, minimum=25)
    below = [i for i, x in enumerate(block) if 0 < got[i] < min(25, x.quantity) and not x.closing]
    for i in below:
        served = sum(x.quantity for j, x in enumerate(block) if got[j] and j != i)
        assert served < filled


def test_share_block_refuses_a_programmers_mistakes():
    with pytest.raises(ValueError, match="twice"):
        shares(P.PRO_RATA, 1, [Target("a", 1), Target("a", 1)])
    with pytest.raises(ValueError, match="negative"):
        shares(P.PRO_RATA, -1)
    with pytest.raises(UnableToShare, match="LOT"):
        shares(P.PRO_RATA_LOT, lot=0)
