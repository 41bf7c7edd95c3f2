"""GOV-10: the kill switch."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.core.killswitch import (
    REARM_ROLES,
    TRIP_ROLES,
    KillIndex,
    KillSwitch,
    OrderScope,
    UnableToMoveSwitch,
    confirm_flatten,
    confirm_rearm,
    kill_actions,
    request_rearm,
    trip,
)
from governance.core.subjects import Actor
from governance.enums import KillAction, KillScope, KillState, Role

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
ANNA, BEN, INVESTOR = Actor("anna", Role.TRADER), Actor("ben", Role.RISK), Actor("ida", Role.INVESTOR)
ORDER = OrderScope(("A1", "A2"), "S1", ("XYZ 50C", "XYZ"), "IB-1")


def tripped(scope=KillScope.FIRM, subject_id="", by=ANNA):
    return trip(KillSwitch(scope, subject_id), by, NOW, "runaway")


def code_of(call, *args):
    with pytest.raises(UnableToMoveSwitch) as caught:
        call(*args)
    return caught.value.code


@pytest.mark.parametrize(
    ("scope", "subject_id", "blocks"),
    [
        (KillScope.FIRM, "", True),
        (KillScope.ACCOUNT, "A2", True),
        (KillScope.ACCOUNT, "A3", False),
        (KillScope.STRATEGY, "S1", True),
        (KillScope.STRATEGY, "A1", False),
        (KillScope.INSTRUMENT, "XYZ", True),
        (KillScope.INSTRUMENT, "ABC", False),
        (KillScope.BROKER, "IB-1", True),
        (KillScope.BROKER, "IB-2", False),
    ],
)
def test_gov_10_a_switch_stops_what_lies_in_its_scope(scope, subject_id, blocks):
    switch = tripped(scope, subject_id)
    assert KillIndex.build([switch]).blocking(ORDER) == ([switch] if blocks else [])
    assert KillIndex.build([KillSwitch(scope, subject_id)]).blocking(ORDER) == []


def test_gov_10_every_switch_that_stops_an_order_is_named_widest_first():
    switches = [tripped(KillScope.ACCOUNT, "A1"), tripped(), tripped(KillScope.BROKER, "IB-1")]
    assert [switch.scope for switch in KillIndex.build(switches).blocking(ORDER)] == [KillScope.FIRM, KillScope.BROKER, KillScope.ACCOUNT]


def test_gov_10_any_trader_trips_alone_and_investors_never():
    for role in TRIP_ROLES:
        assert trip(KillSwitch(KillScope.FIRM), Actor("x", role), NOW, "").blocks
    assert code_of(trip, KillSwitch(KillScope.FIRM), INVESTOR, NOW, "r") == "NOT_PERMITTED"
    assert Role.TRADER in TRIP_ROLES and Role.INVESTOR not in REARM_ROLES


def test_gov_10_two_people_rearm():
    switch = tripped()
    assert code_of(confirm_rearm, switch, BEN, NOW) == "NOT_REQUESTED"
    asked = request_rearm(switch, ANNA, NOW)
    assert asked.blocks
    assert code_of(confirm_rearm, asked, ANNA, NOW) == "SAME_PERSON"
    assert code_of(confirm_rearm, asked, Actor("anna", Role.RISK), NOW) == "SAME_PERSON"
    assert code_of(confirm_rearm, asked, INVESTOR, NOW) == "NOT_PERMITTED"
    assert code_of(confirm_rearm, asked, BEN, NOW + timedelta(minutes=15)) == "REQUEST_EXPIRED"
    assert code_of(confirm_rearm, asked, BEN, NOW - timedelta(seconds=1)) == "REQUEST_EXPIRED"
    armed = confirm_rearm(asked, BEN, NOW + timedelta(minutes=14))
    assert not armed.blocks and (armed.rearm_requested_by, armed.rearmed_by) == ("anna", "ben")
    assert code_of(request_rearm, armed, ANNA, NOW) == "NOT_TRIPPED"


def test_gov_10_tripping_again_keeps_the_first_reason_and_withdraws_the_request():
    again = trip(request_rearm(tripped(), ANNA, NOW), BEN, NOW + timedelta(minutes=1), "still running")
    assert (again.state, again.tripped_by, again.reason, again.rearm_requested_by) == (KillState.TRIPPED, "anna", "runaway", "")
    assert code_of(confirm_rearm, again, BEN, NOW) == "NOT_REQUESTED"


def test_gov_10_flattening_needs_its_own_confirmation_and_only_its_orders_pass():
    switch = tripped(KillScope.STRATEGY, "S1")
    closing = OrderScope(("A1",), "S1", ("XYZ",), "IB-1", flattens=True)
    assert kill_actions(switch) == (KillAction.BLOCK_NEW, KillAction.CANCEL_OPEN)
    assert KillIndex.build([switch]).blocking(closing) == [switch]
    confirmed = confirm_flatten(switch, BEN, NOW)
    assert kill_actions(confirmed) == (KillAction.BLOCK_NEW, KillAction.CANCEL_OPEN, KillAction.FLATTEN)
    assert KillIndex.build([confirmed]).blocking(closing) == []
    assert KillIndex.build([confirmed]).blocking(ORDER) == [confirmed]
    firm = tripped()
    assert KillIndex.build([confirmed, firm]).blocking(closing) == [firm]
    assert code_of(confirm_flatten, KillSwitch(KillScope.FIRM), BEN, NOW) == "NOT_TRIPPED"


def test_gov_10_a_new_trip_forgets_the_old_confirmation_to_flatten():
    asked = request_rearm(confirm_flatten(tripped(), BEN, NOW), ANNA, NOW)
    again = trip(confirm_rearm(asked, BEN, NOW), BEN, NOW + timedelta(hours=1), "again")
    assert kill_actions(again) == (KillAction.BLOCK_NEW, KillAction.CANCEL_OPEN)


def test_gov_10_a_switch_names_its_subject():
    with pytest.raises(ValueError, match="subject"):
        KillSwitch(KillScope.ACCOUNT)
    with pytest.raises(ValueError, match="subject"):
        KillSwitch(KillScope.FIRM, "F1")


STEPS = st.lists(
    st.tuples(st.sampled_from(["trip", "ask", "confirm", "flatten"]), st.sampled_from(["u1", "u2"]), st.integers(0, 20)), max_size=12
)


@given(STEPS)
def test_gov_10_nobody_rearms_alone_in_any_order_of_steps(steps):
    switch, at, asked_by = tripped(), NOW, None
    moves = {"trip": lambda s, a, t: trip(s, a, t, "r"), "ask": request_rearm, "confirm": confirm_rearm, "flatten": confirm_flatten}
    for move, user, minutes in steps:
        at += timedelta(minutes=minutes)
        try:
            after = moves[move](switch, Actor(user, Role.RISK), at)
        except UnableToMoveSwitch:
            continue
        if switch.blocks and not after.blocks:
            assert move == "confirm" and asked_by not in (None, user)
        asked_by = {"ask": user, "trip": None}.get(move, asked_by)
        switch = after
