"""CST-5: the restricted list."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.core.approvals import never_overridable
from governance.core.restrictions import RestrictedList, RestrictedSubject, Restriction, restriction_finding
from governance.enums import RestrictionState as State

NOW = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
SHARE = RestrictedSubject("XYZ", ("XCO",))
OPTION = RestrictedSubject("XYZ 50C", ("XCO",), ("XYZ",))


def entry(name="R1", state=State.CLOSE_ONLY, start=NOW - DAY, end=None, **on):
    return Restriction(name, state, start, "research pending", effective_until=end, **(on or {"issuer_id": "XCO"}))


def test_cst_5_an_issuer_takes_its_derivatives_along():
    restricted = RestrictedList.build([entry()])
    assert restricted.states([SHARE, OPTION, RestrictedSubject("ABC", ("ACO",))], NOW) == [State.CLOSE_ONLY, State.CLOSE_ONLY, State.NONE]


def test_cst_5_a_single_instrument_takes_what_is_written_on_it_but_not_its_sisters():
    restricted = RestrictedList.build([entry(instrument_id="XYZ")])
    assert restricted.states([SHARE, OPTION, RestrictedSubject("XYZ.PR", ("XCO",))], NOW) == [
        State.CLOSE_ONLY,
        State.CLOSE_ONLY,
        State.NONE,
    ]


def test_cst_5_the_strictest_entry_binds_whatever_the_order():
    entries = [entry(), entry("R2", State.FROZEN, instrument_id="XYZ"), entry("R0", State.NONE)]
    for order in (entries, entries[::-1]):
        state, binding = RestrictedList.build(order).at(SHARE, NOW)
        assert (state, binding.restriction_id) == (State.FROZEN, "R2")


def test_cst_5_entries_hold_from_their_start_to_before_their_end():
    restricted = RestrictedList.build([entry(start=NOW, end=NOW + DAY)])
    offsets = (-timedelta(microseconds=1), timedelta(0), DAY - timedelta(microseconds=1), DAY)
    assert [restricted.at(SHARE, NOW + offset)[0] for offset in offsets] == [State.NONE, State.CLOSE_ONLY, State.CLOSE_ONLY, State.NONE]


def test_cst_5_close_only_stops_openings_and_frozen_stops_everything_for_good():
    close_only, frozen = RestrictedList.build([entry()]), RestrictedList.build([entry(state=State.FROZEN)])
    assert restriction_finding(close_only, SHARE, NOW, opens=False) is None
    opening = restriction_finding(close_only, SHARE, NOW, opens=True)
    assert opening.overridable and never_overridable(opening.rule) is None
    for opens in (True, False):
        finding = restriction_finding(frozen, OPTION, NOW, opens=opens)
        assert not finding.overridable and never_overridable(finding.rule)
    assert restriction_finding(RestrictedList.build([]), SHARE, NOW, opens=True) is None


def test_cst_5_an_entry_names_one_thing():
    for on in ({"issuer_id": "X", "instrument_id": "Y"}, {"issuer_id": None}):
        with pytest.raises(ValueError, match="either"):
            entry(**on)
    with pytest.raises(ValueError, match="before its end"):
        entry(end=NOW - DAY)


STATES = st.sampled_from(list(State))


@given(st.lists(STATES, max_size=6), STATES)
def test_cst_5_one_more_entry_never_loosens(states, extra):
    entries = [entry(f"R{number}", state) for number, state in enumerate(states)]
    before = RestrictedList.build(entries).at(SHARE, NOW)[0]
    after = RestrictedList.build([*entries, entry("X", extra)]).at(SHARE, NOW)[0]
    assert list(State).index(after) == max(list(State).index(before), list(State).index(extra))
