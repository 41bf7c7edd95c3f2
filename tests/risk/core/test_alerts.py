"""RSK-10: tiers, re-arming, deduplication, escalation."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.core.alerts import AlertKey, AlertState, observe, tier_of, to_escalate
from risk.enums import AlertTier

T, D = AlertTier, Decimal
NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
KEY = AlertKey("RSK-1", "A", "XYZ")


def told(uses, **more):
    """Return the tiers told while a limit of 100 is used like this."""
    state, tiers = AlertState(), []
    for use in uses:
        state, alert = observe(KEY, state, number=D(str(use)), limit=D(100), now=NOW, **more)
        tiers.append(alert.tier if alert else None)
    return tiers


@pytest.mark.parametrize(
    ("use", "tier"), [("59.99", T.NONE), ("60", T.INFO), ("79.99", T.INFO), ("80", T.WARNING), ("99.99", T.WARNING), ("100", T.CRITICAL)]
)
def test_rsk_10_tiers(use, tier):
    assert tier_of(D(use), D(100)) is tier


def test_rsk_10_a_block_is_critical_and_a_limit_of_nothing_is_used_up_by_anything():
    assert tier_of(D(1), D(100), blocked=True) is T.CRITICAL
    assert tier_of(D(1), D(0)) is T.CRITICAL and tier_of(D(0), D(0)) is T.NONE


def test_rsk_10_each_tier_is_told_once_until_rearmed_five_percent_lower():
    assert told([60, 61, 79, 80, 85, 100, 130]) == [T.INFO, None, None, T.WARNING, None, T.CRITICAL, None]
    assert told([80, 75, 80]) == [T.WARNING, None, None]
    assert told([80, "74.99", 80]) == [T.WARNING, None, T.WARNING]
    assert told([100, 95, 100, "94.99", 100]) == [T.CRITICAL, None, None, None, T.CRITICAL]
    assert told([100, 10, 60]) == [T.CRITICAL, None, T.INFO]


def test_rsk_10_a_jump_tells_the_loudest_only():
    assert told([0, 105]) == [None, T.CRITICAL]


def test_rsk_10_critical_cannot_be_suppressed():
    assert told([60, 80, 100], suppressed=frozenset(T)) == [None, None, T.CRITICAL]


def test_rsk_10_critical_needs_acknowledgement_and_escalates_after_five_minutes():
    state, alert = observe(KEY, AlertState(), number=D(101), limit=D(100), now=NOW)
    assert alert.needs_acknowledgement and alert.key == KEY
    late = NOW + timedelta(minutes=5)
    assert to_escalate([(KEY, state)], late) == [KEY]
    assert to_escalate([(KEY, state)], late - timedelta(microseconds=1)) == []
    assert to_escalate([(KEY, replace(state, acknowledged=True))], late) == []
    warning, _ = observe(KEY, AlertState(), number=D(90), limit=D(100), now=NOW)
    assert to_escalate([(KEY, warning)], late) == []


def test_rsk_10_a_new_breach_asks_for_a_new_acknowledgement():
    state, _ = observe(KEY, AlertState(), number=D(100), limit=D(100), now=NOW)
    state = replace(state, acknowledged=True)
    for use in (50, 100):
        state, alert = observe(KEY, state, number=D(use), limit=D(100), now=NOW)
    assert alert.tier is T.CRITICAL and not state.acknowledged


@given(uses=st.lists(st.integers(0, 150), max_size=40))
def test_rsk_10_nothing_is_told_twice_without_falling_in_between(uses):
    last = {}
    for i, tier in enumerate(told(uses)):
        if tier is None:
            continue
        threshold = {T.INFO: 60, T.WARNING: 80, T.CRITICAL: 100}[tier]
        if tier in last:
            assert min(uses[last[tier] : i]) < threshold - 5
        last[tier] = i
