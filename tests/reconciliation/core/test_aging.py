"""REC-6: aging, severity, close-only, waivers."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from reconciliation.core.aging import (
    LONGEST_WAIT,
    OpenBreak,
    UnableToWaive,
    age,
    carry_over,
    close_only,
    severity,
    state,
    waive,
    waiver_holds,
)
from reconciliation.enums import BreakState, Severity

from ..scene import cash, position, run, trade

THURSDAY, FRIDAY, SATURDAY, MONDAY, TUESDAY = (date(2026, 3, day) for day in (5, 6, 7, 9, 10))
NOW = datetime(2026, 3, 6, 21, 30, tzinfo=UTC)
OPENS = datetime(2026, 3, 9, 14, 30, tzinfo=UTC)


def weekday(day: date) -> bool:
    return day.weekday() < 5


MATERIAL = run({"cash_td": [cash("A", 0)]}, {"cash_td": [cash("A", 200)]}).breaks[0]
MINOR = run({"positions": [position("B", "XYZ", 1, "50")]}, {"positions": [position("B", "XYZ", 2, "50")]}).breaks[0]
LATE = date(2026, 3, 10)
TIMING = run({"trades": [trade("C", "XYZ", 1, "50", "e")]}, {"trades": [trade("C", "XYZ", 1, "50", "e", settles=LATE)]}).breaks[0]


def blocked(*found, waivers=(), incomplete=(), today=FRIDAY):
    items = [OpenBreak(item, FRIDAY) for item in found]
    return close_only(items, waivers, incomplete, today=today, next_open=OPENS, is_business_day=weekday)


@pytest.mark.parametrize(
    ("today", "days", "level"), [(FRIDAY, 0, "INFO"), (SATURDAY, 0, "INFO"), (MONDAY, 1, "WARNING"), (TUESDAY, 2, "CRITICAL")]
)
def test_rec_6_one_business_day_warns_two_are_critical(today, days, level):
    assert age(FRIDAY, today, weekday) == days
    assert severity(OpenBreak(MATERIAL, FRIDAY), today, weekday) is Severity(level)


def test_rec_6_an_unresolved_material_break_closes_the_account_before_the_next_open():
    assert blocked(MATERIAL, MINOR) == {"A": ("cash by trade date differs in USD",)}
    assert blocked(MINOR) == {}


def test_con_5_an_account_nobody_reported_is_close_only():
    assert blocked(incomplete=["B"]) == {"B": ("the custodian has not reported it",)}


def waiver(**changes):
    values = {
        "requested_by": "ops",
        "approved_by": "risk",
        "reason": "wire confirmed",
        "now": NOW,
        "expires_at": OPENS + timedelta(hours=8),
    }
    return waive(MATERIAL, **{**values, **changes})


def test_rec_6_a_waiver_of_two_people_lifts_the_block_until_it_expires():
    granted = waiver()
    assert blocked(MATERIAL, waivers=[granted]) == {}
    assert waiver_holds(granted, MATERIAL, NOW) and not waiver_holds(granted, MATERIAL, granted.expires_at)
    assert blocked(MATERIAL, waivers=[waiver(expires_at=OPENS)]) != {}


def test_rec_6_a_waiver_is_bound_to_the_figures_it_was_given_for():
    granted = waiver()
    grown = replace(MATERIAL, theirs=MATERIAL.theirs + 1)
    assert not waiver_holds(granted, grown, NOW) and blocked(grown, waivers=[granted]) != {}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"approved_by": "ops"}, "SAME_PERSON"),
        ({"approved_by": ""}, "SAME_PERSON"),
        ({"reason": "  "}, "NO_REASON"),
        ({"expires_at": NOW}, "NO_EXPIRY"),
        ({"expires_at": NOW + timedelta(days=8)}, "TOO_LONG"),
    ],
)
def test_rec_6_a_waiver_needs_four_eyes_a_reason_and_an_end(changes, code):
    with pytest.raises(UnableToWaive) as caught:
        waiver(**changes)
    assert caught.value.code == code


def test_rec_4_a_timing_break_waits_for_its_settle_date_then_ages():
    item = OpenBreak(TIMING, FRIDAY)
    assert state(item, MONDAY, None, NOW, weekday) is BreakState.WAITING
    assert severity(item, LATE, weekday) is Severity.INFO and blocked(TIMING, today=LATE) == {}
    after = LATE + timedelta(days=1)
    assert severity(item, after, weekday) is Severity.WARNING
    assert list(blocked(TIMING, today=after)) == ["C"]


def test_rec_4_a_far_settle_date_hides_nothing_for_long():
    item = OpenBreak(replace(TIMING, self_matches_on=date(2030, 1, 1)), FRIDAY)
    assert LONGEST_WAIT == 5
    assert severity(item, date(2026, 3, 13), weekday) is Severity.INFO
    assert severity(item, date(2026, 3, 17), weekday) is Severity.CRITICAL


def test_rec_6_a_break_keeps_its_first_day_while_it_comes_back():
    moved = replace(MATERIAL, theirs=MATERIAL.theirs + 5)
    carried = carry_over([OpenBreak(MATERIAL, THURSDAY), OpenBreak(TIMING, THURSDAY), OpenBreak(MINOR, THURSDAY)], [moved, moved], FRIDAY)
    assert [item.first_seen for item in carried.open] == [THURSDAY, FRIDAY]
    assert {(item.found.account, how) for item, how in carried.gone} == {("C", BreakState.SELF_MATCHED), ("B", BreakState.RESOLVED)}


def test_rec_6_states():
    assert state(OpenBreak(MATERIAL, FRIDAY), FRIDAY, None, NOW, weekday) is BreakState.OPEN
    assert state(OpenBreak(MATERIAL, FRIDAY), FRIDAY, waiver(), NOW, weekday) is BreakState.WAIVED
