"""Another limit while a parent works: which parents, which limits, and what may follow an order that has ended (RTE-2, RTE-7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.core.intents import client_order_id, successor_id
from execution.core.replacing import Resend, Standing, Told, after_end, judge_limit, may_replace, rest_of, why_not
from execution.enums import SLICED, OrderState, ParentState, RouteKind, TimeInForce
from market.enums import Side

D = Decimal
TICK, EDGE = D("0.01"), D("50.08")
RESTING = Standing(Side.BUY, ParentState.WORKING, False, TimeInForce.DAY, D("49.90"), True)
CENTS = st.integers(1, 20_000).map(lambda n: D(n).scaleb(-2))


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"state": ParentState.DONE}, "RTE-7"),
        ({"state": ParentState.CANCELED}, "RTE-7"),
        ({"state": ParentState.DENIED}, "RTE-7"),
        ({"state": ParentState.RELEASING}, "RTE-7"),
        ({"state": ParentState.HELD}, "RTE-5"),
        ({"is_cancel_asked": True}, "RTE-7"),
        ({"time_in_force": TimeInForce.IOC}, "RTE-2"),
        ({"is_over": True}, "ALC-3"),
    ],
)
def test_what_does_not_rest_cannot_be_replaced(changed: dict[str, object], rule: str) -> None:
    refusal = why_not(replace(RESTING, **changed))  # type: ignore[arg-type]
    assert refusal is not None and refusal.rule == rule


def test_what_rests_and_what_goes_over_time_can() -> None:
    assert why_not(RESTING) is None
    assert why_not(replace(RESTING, time_in_force=TimeInForce.IOC, is_sliced=True)) is None


def test_the_button_is_there_where_no_rule_of_the_parent_itself_refuses() -> None:
    for state, route, tif, asked in product(ParentState, RouteKind, TimeInForce, (None, datetime(2026, 1, 5, 15, tzinfo=UTC))):
        row = SimpleNamespace(state=state, route=route, time_in_force=tif, cancel_requested_at=asked)
        one = replace(RESTING, state=state, is_sliced=route in SLICED, time_in_force=tif, is_cancel_asked=asked is not None)
        assert may_replace(row) == (why_not(one) is None)


@pytest.mark.parametrize(
    ("side", "limit", "rule"),
    [
        (Side.BUY, "50.08", None),
        (Side.BUY, "50.09", "RTE-2"),
        (Side.BUY, "0.01", None),
        (Side.BUY, "49.905", "tick"),
        (Side.BUY, "0", "positive"),
        (Side.BUY, "-1", "positive"),
        (Side.SELL, "50.08", None),
        (Side.SELL, "50.07", "RTE-2"),
        (Side.SELL, "99", None),
        (Side.SELL_SHORT, "50.07", "RTE-2"),
    ],
)
def test_rte_2_a_limit_is_taken_to_the_collar_and_on_the_tick(side: Side, limit: str, rule: str | None) -> None:
    refusal = judge_limit(replace(RESTING, side=side), D(limit), house=EDGE, tick=TICK)
    assert (refusal.rule if refusal else None) == rule
    if rule == "RTE-2":
        assert refusal is not None and refusal.edge == EDGE


def test_acc_4_a_buy_over_time_stays_within_what_its_slices_reserved() -> None:
    over_time = replace(RESTING, is_sliced=True, reserved_at=D("50.00"))
    assert judge_limit(over_time, D("50.00"), house=EDGE, tick=TICK) is None
    for limit in (D("50.01"), None):  # best price is 50.08 now
        refusal = judge_limit(over_time, limit, house=EDGE, tick=TICK)
        assert refusal is not None and (refusal.rule, refusal.edge) == ("ACC-4", D("50.00"))
    assert judge_limit(over_time, None, house=D("49.99"), tick=TICK) is None
    assert judge_limit(replace(over_time, side=Side.SELL), D("51"), house=EDGE, tick=TICK) is None, "a sale reserves no cash"


@settings(max_examples=100)
@given(side=st.sampled_from([Side.BUY, Side.SELL]), limit=CENTS, house=CENTS)
def test_rte_2_what_passes_is_never_past_the_collar(side: Side, limit: Decimal, house: Decimal) -> None:
    passed = judge_limit(replace(RESTING, side=side), limit, house=house, tick=TICK) is None
    assert passed == (limit <= house if side.is_buy else limit >= house)


ENDED = {"state": OrderState.CANCELED, "filled_qty": D(40), "is_declared_absent": False, "is_complete": True, "may_follow": True}
CANCELED_40 = Told(is_canceled=True, is_final=True, filled_qty=D(40))


@pytest.mark.parametrize(
    ("changed", "told", "expected"),
    [
        ({}, [CANCELED_40], Resend.SEND),
        ({"filled_qty": D(30)}, [CANCELED_40], Resend.WAIT),  # a fill we have not booked
        ({"filled_qty": D(50)}, [CANCELED_40], Resend.WAIT),
        ({"is_complete": False}, [CANCELED_40], Resend.WAIT),
        ({}, [Told(False, False, D(40))], Resend.WAIT),  # it lives
        ({}, [CANCELED_40, Told(False, False, D(0))], Resend.WAIT),
        ({}, [], Resend.GIVE_UP),  # absence is no word of its end
        ({}, [Told(False, True, D(40))], Resend.GIVE_UP),  # ended there in another way
        ({"is_declared_absent": True}, [CANCELED_40], Resend.GIVE_UP),
        ({"state": OrderState.REJECTED}, [CANCELED_40], Resend.GIVE_UP),
        ({"state": OrderState.DENIED}, [], Resend.GIVE_UP),
        ({"state": OrderState.FILLED}, [CANCELED_40], Resend.DROP),
        ({"state": OrderState.EXPIRED}, [CANCELED_40], Resend.DROP),
        ({"may_follow": False}, [CANCELED_40], Resend.DROP),
    ],
)
def test_rte_7_nothing_follows_an_order_but_on_the_brokers_word(changed: dict[str, object], told: list[Told], expected: Resend) -> None:
    assert after_end(told=told, **{**ENDED, **changed}) is expected  # type: ignore[arg-type]


@settings(max_examples=100)
@given(quantity=st.integers(1, 1000), fills=st.lists(st.integers(0, 400), max_size=6))
def test_i5_a_chain_orders_no_more_than_its_first_order(quantity: int, fills: list[int]) -> None:
    """Each order takes the rest of the chain and fills at most that; fills that come late are counted the next time."""
    done: list[Decimal] = []
    for fill in fills:
        rest = rest_of(first_quantity=D(quantity), filled=done)
        done.append(min(D(fill), rest))
    assert sum(done, D(0)) + rest_of(first_quantity=D(quantity), filled=done) == quantity


def test_rte_7_a_successors_name_follows_from_its_predecessors() -> None:
    first = client_order_id(parent_id="P", slice_number=0, account_id="A")
    names = [first]
    for _ in range(20):
        names.append(successor_id(names[-1]))
    assert len(set(names)) == len(names) and {len(name) for name in names} == {28}
    assert successor_id(first) == names[1]
