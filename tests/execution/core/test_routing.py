"""RTE-1, RTE-2, RTE-4, RTE-5, RTE-6: how a parent reaches the market."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.core.routing import (
    Cross,
    Quote,
    SequencedAccount,
    WorkingOrder,
    choose_route,
    cost_of_plan,
    find_crosses,
    marketable_limit,
    peak_impact_bps,
    sequence,
    sequential_impact_bps,
)
from execution.enums import QuoteProblem, RouteKind, TaxClass
from market.enums import Side

D, NOW = Decimal, datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
TERMS = {"tick": D("0.01"), "now": NOW, "max_age": timedelta(seconds=2)}


def quote(bid="50.01", ask="50.03", **more):
    return Quote(bid and D(bid), ask and D(ask), **{"at": NOW, **more})


def test_rte_1_five_percent_of_the_median_minute():
    assert choose_route(599, [12_000] * 20).kind is RouteKind.MARKETABLE_LIMIT
    route = choose_route(600, [12_000] * 20)
    assert (route.kind, route.threshold, route.minute_volume) == (RouteKind.TWAP, 600, 12_000)


def test_rte_1_working_parents_of_the_same_side_count():
    assert choose_route(300, [12_000] * 20, working_same_side=300).kind is RouteKind.TWAP


def test_rte_1_only_the_last_twenty_minutes_and_the_exact_median_count():
    assert choose_route(1, [10**9] * 50 + [100] * 20).minute_volume == 100
    assert choose_route(1, [3, 4]).minute_volume == Fraction(7, 2)


def test_rte_1_no_volume_goes_to_a_person_or_to_minimum_participation():
    assert choose_route(1, []).kind is choose_route(1, [0] * 20).kind is RouteKind.MANUAL
    assert choose_route(1, [], minimum_participation_allowed=True).kind is RouteKind.TWAP_MINIMUM


def test_rte_2_marketable_limits_round_toward_passive():
    assert marketable_limit(Side.BUY, quote(), **TERMS) == D("50.08")
    assert marketable_limit(Side.SELL, quote(), **TERMS) == marketable_limit(Side.SELL_SHORT, quote(), **TERMS) == D("49.96")


@pytest.mark.parametrize(
    ("book", "problem"),
    [
        (quote(is_halted=True), QuoteProblem.HALTED),
        (quote(bid="50.04"), QuoteProblem.CROSSED),
        (quote(at=NOW - timedelta(seconds=2, microseconds=1)), QuoteProblem.STALE),
        (quote(ask=None), QuoteProblem.NO_QUOTE),
        (quote(ask="0"), QuoteProblem.NO_QUOTE),
        (quote(band_high=D("50.07")), QuoteProblem.BEYOND_BAND),
    ],
)
def test_rte_2_no_price_without_a_usable_quote(book, problem):
    assert marketable_limit(Side.BUY, book, **TERMS) is problem


def test_rte_2_boundaries_pass():
    assert marketable_limit(Side.BUY, quote(at=NOW - timedelta(seconds=2)), **TERMS) == D("50.08")
    assert marketable_limit(Side.BUY, quote(bid="50.03"), **TERMS) == D("50.08")
    assert marketable_limit(Side.BUY, quote(band_high=D("50.08")), **TERMS) == D("50.08")
    assert marketable_limit(Side.SELL, quote(band_low=D("49.97")), **TERMS) is QuoteProblem.BEYOND_BAND


@given(ask=st.integers(1, 10**7), tick=st.sampled_from(["0.01", "0.05", "0.0001"]), collar=st.integers(0, 100))
def test_rte_2_the_limit_is_on_the_tick_and_within_the_collar(ask, tick, collar):
    price = D(ask) * D(tick)
    limit = marketable_limit(Side.BUY, Quote(None, price, NOW), **{**TERMS, "tick": D(tick)}, collar_bps=D(collar))
    assert limit % D(tick) == 0 and price <= limit <= price * (10_000 + collar) / 10_000


SHELTERED, ENTITY, TAXABLE = TaxClass
ACCOUNTS = [
    SequencedAccount("k-tax", "K", TAXABLE, own=False),
    SequencedAccount("k-ira", "K", SHELTERED, own=False),
    SequencedAccount("k-llc", "K", ENTITY, own=False),
    SequencedAccount("j-tax", "J", TAXABLE, own=False),
    SequencedAccount("m-ira", "M", SHELTERED, own=True),
]
TURNS = {"J": 0, "K": 1, "M": 2, "k-tax": 0, "k-ira": 1, "k-llc": 2, "j-tax": 3, "m-ira": 4}


def test_rte_4_clients_first_and_sheltered_first_only_within_one_owner():
    expected = ["j-tax", "k-ira", "k-llc", "k-tax", "m-ira"]
    for order in permutations(ACCOUNTS):
        assert [x.account_id for x in sequence(order, TURNS)] == expected
    assert [x.account_id for x in sequence(ACCOUNTS, {**TURNS, "J": 1, "K": 0, "M": -1})] == ["k-ira", "k-llc", "k-tax", "j-tax", "m-ira"]


def test_rte_4_everybody_needs_a_turn():
    with pytest.raises(ValueError, match="m-ira"):
        sequence(ACCOUNTS, {k: v for k, v in TURNS.items() if k != "m-ira"})


def working(order_id, side, limit, *, owner="M", group="G", instrument="XYZ", second=0):
    return WorkingOrder(order_id, group, owner, instrument, side, limit and D(limit), NOW + timedelta(seconds=second))


def test_rte_5_the_later_of_two_orders_that_could_match_is_held():
    buy, sell = working("b", Side.BUY, "50.05"), working("s", Side.SELL, "50.05", second=1)
    assert find_crosses([buy, sell]) == find_crosses([sell, buy]) == [Cross("s", "b", prohibited=True)]


def test_rte_5_different_owners_are_a_cross_not_a_wash_trade():
    assert find_crosses([working("b", Side.BUY, "50.05", second=1), working("s", Side.SELL_SHORT, None, owner="K")]) == [
        Cross("b", "s", False)
    ]


@pytest.mark.parametrize(
    "other",
    [
        working("s", Side.SELL, "50.06"),
        working("s", Side.BUY, "50.00"),
        working("s", Side.SELL, "50.00", group="H"),
        working("s", Side.SELL, "50.00", instrument="ABC"),
    ],
)
def test_rte_5_orders_that_cannot_match_are_let_through(other):
    assert find_crosses([working("b", Side.BUY, "50.05"), other]) == []


def test_rte_6_peak_average_and_sequential_impact():
    peak = peak_impact_bps(10_000, volume=2e6, sigma_bps=200)
    assert (round(peak, 2), round(peak * 2 / 3, 2)) == (14.14, 9.43)
    quantities = [4000, 2500, 1800, 700, 1000]
    paid = sequential_impact_bps(quantities, volume=2e6, sigma_bps=200)
    assert [round(x, 2) for x in paid] == [5.96, 10.22, 12.16, 13.15, 13.78]
    assert sum(p * q for p, q in zip(paid, quantities, strict=True)) / 10_000 == pytest.approx(peak * 2 / 3)


def test_rte_6_a_block_costs_no_more_than_accounts_in_sequence():
    terms = {
        "spread_bps": 2.0,
        "impact_bps": 9.43,
        "sigma_bps": 10.0,
        "hours": 0.25,
        "fees_bps": 0.5,
        "risk_aversion": 0.1,
        "fairness_weight": 0.2,
    }
    block = cost_of_plan(account_prices=[9.43] * 5, **terms)
    assert block == pytest.approx(1 + 9.43 + 0.1 * 10 * 0.5 + 0.5)
    assert cost_of_plan(account_prices=[5.96, 10.22, 12.16, 13.15, 13.78], **terms) > block
