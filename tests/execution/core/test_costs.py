"""What an order is expected to cost, and what became of it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocation.core.words import BY_METHOD, REASONS, RULES
from allocation.enums import Reason, Rule, SizingMethod
from execution.core.costs import ASSUMED_SIGMA_BPS, CostFacts, daily_sigma_bps, expected_cost
from execution.core.outcomes import may_cancel, outcome_of
from execution.enums import OrderState as S
from execution.enums import Outcome

D = Decimal
FACTS = CostFacts(D(10_000), D(473_000), D("47.29"), D("47.31"), D(2_000_000), D(200), 4)


def test_rte_6_impact_is_two_thirds_of_the_peak():
    lines, total = expected_cost(FACTS)
    half, impact, commission = lines
    assert impact.bps == D("9.43")
    assert half.bps == D("2.11")
    assert (commission.amount, commission.bps) == (D("50.00"), D("1.06"))
    assert total.amount == half.amount + impact.amount + commission.amount


def test_commission_is_at_least_the_minimum_of_each_order():
    assert expected_cost(replace(FACTS, quantity=D(100), orders=8))[0][2].amount == D("8.00")


@pytest.mark.parametrize(
    ("changed", "line"),
    [({"ask": None}, 0), ({"bid": None}, 0), ({"bid": D("47.40")}, 0), ({"volume": None}, 1), ({"volume": D(0)}, 1)],
)
def test_what_cannot_be_estimated_is_none_with_its_reason_and_so_is_the_total(changed, line):
    lines, total = expected_cost(replace(FACTS, **changed))
    assert lines[line].bps is None and lines[line].amount is None and lines[line].assumption
    assert total.amount is None


def test_few_daily_bars_leave_the_assumption_and_say_so():
    assert daily_sigma_bps([100, 101, 102, 103, 104]) is None
    impact = expected_cost(replace(FACTS, sigma_bps=None))[0][1]
    assert impact.bps == D("9.43") and f"{ASSUMED_SIGMA_BPS:.2f}" in impact.assumption and "assumed" in impact.assumption


@pytest.mark.parametrize(
    ("limit", "is_buy", "name", "bps", "amount"),
    [
        ("46.50", True, "At the limit", "-169.13", "-8000.00"),  # 0.80 below 47.30
        ("48.10", False, "At the limit", "-169.13", "-8000.00"),
        ("47.31", True, "Half spread", "2.11", "100.00"),  # the ask is reached: it trades now
        ("47.29", False, "Half spread", "2.11", "100.00"),
        ("47.30", True, "At the limit", "0.00", "0.00"),
    ],
)
def test_a_limit_that_rests_costs_what_it_fills_at(limit, is_buy, name, bps, amount):
    lines, total = expected_cost(replace(FACTS, limit=D(limit), is_buy=is_buy))
    assert (lines[0].name, lines[0].bps, lines[0].amount) == (name, D(bps), D(amount))
    assert (lines[1].amount == 0) is (name == "At the limit")
    assert total.amount == sum(line.amount for line in lines)


def test_a_limit_before_a_quote_of_one_side_is_not_estimated():
    lines, total = expected_cost(replace(FACTS, bid=None, limit=D("46.50")))
    assert lines[0].amount is None and "two sides" in lines[0].assumption and total.amount is None


@given(st.integers(1, 10**9), st.integers(1, 10**6), st.integers(0, 10**5), st.integers(1, 10**10))
def test_more_is_never_cheaper(quantity, bid, spread, volume):
    facts = CostFacts(D(quantity), D(quantity) * D(bid), D(bid), D(bid + spread), D(volume), D(150), 1)
    double = replace(facts, quantity=facts.quantity * 2, notional=facts.notional * 2)
    assert expected_cost(double)[1].amount >= expected_cost(facts)[1].amount


def test_every_rule_reason_and_method_has_words():
    assert set(RULES) == set(Rule) and set(REASONS) == set(Reason)
    assert set(BY_METHOD) == set(SizingMethod) - {SizingMethod.RATIO, SizingMethod.PERCENT}


@pytest.mark.parametrize(
    ("filled", "states", "is_over", "outcome"),
    [
        (5, [S.FILLED], True, Outcome.DONE),
        (5, [S.CANCELED], True, Outcome.DONE),
        (5, [S.UNKNOWN], False, Outcome.DONE),
        (2, [S.UNKNOWN], False, Outcome.UNKNOWN),
        (2, [S.PARTIALLY_FILLED], False, Outcome.PARTIAL),
        (2, [S.CANCELED], True, Outcome.PARTIAL),
        (0, [], False, Outcome.WORKING),
        (0, [S.PENDING], True, Outcome.WORKING),
        (0, [S.CANCELED], False, Outcome.WORKING),
        (0, [S.DENIED], True, Outcome.BLOCKED),
        (0, [S.REJECTED], True, Outcome.REJECTED),
        (0, [S.REJECTED, S.DENIED], True, Outcome.BLOCKED),
        (0, [S.EXPIRED], True, Outcome.CANCELED),
    ],
)
def test_siz_8_the_outcome_of_an_account(filled, states, is_over, outcome):
    assert outcome_of(quantity=D(5), filled=D(filled), states=states, is_over=is_over) is outcome


def test_what_has_ended_or_is_asked_about_cannot_be_canceled():
    assert may_cancel([S.ACKED], is_asked=False)
    assert (
        not may_cancel([S.ACKED], is_asked=True)
        and not may_cancel([S.FILLED, S.DENIED], is_asked=False)
        and not may_cancel([], is_asked=False)
    )
