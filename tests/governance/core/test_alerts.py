"""RSK-10: tiers, hysteresis, de-duplication, escalation."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.core.alerts import Alert, audience, needs_escalation, raise_or_repeat, tier_for
from governance.core.subjects import Subject
from governance.enums import AlertTier, Role, SubjectKind

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
LIMIT = Fraction(1000)
ACCOUNT = Subject(SubjectKind.ACCOUNT, "A1")


def alert(tier=AlertTier.WARNING, **changes):
    return replace(Alert("CST-2", tier, ACCOUNT, "8.4% of 10%", NOW, account_id="A1", instrument_id="XYZ"), **changes)


@pytest.mark.parametrize(
    ("used", "tier"),
    [
        (599, None),
        (600, AlertTier.INFO),
        (799, AlertTier.INFO),
        (800, AlertTier.WARNING),
        (999, AlertTier.WARNING),
        (1000, AlertTier.CRITICAL),
    ],
)
def test_rsk_10_tiers_begin_at_60_80_and_100_percent(used, tier):
    assert tier_for(Fraction(used), LIMIT) is tier


@pytest.mark.parametrize(
    ("previous", "used", "tier"),
    [
        (AlertTier.CRITICAL, 951, AlertTier.CRITICAL),
        (AlertTier.CRITICAL, 950, AlertTier.WARNING),
        (AlertTier.CRITICAL, 751, AlertTier.WARNING),
        (AlertTier.WARNING, 751, AlertTier.WARNING),
        (AlertTier.WARNING, 750, AlertTier.INFO),
        (AlertTier.INFO, 551, AlertTier.INFO),
        (AlertTier.INFO, 550, None),
        (AlertTier.INFO, 760, AlertTier.INFO),
    ],
)
def test_rsk_10_a_tier_is_left_5_points_below_where_it_began(previous, used, tier):
    assert tier_for(Fraction(used), LIMIT, previous) is tier


def test_rsk_10_a_block_is_critical_and_a_limit_of_zero_is_full_at_once():
    assert tier_for(Fraction(1), LIMIT, blocked=True) is AlertTier.CRITICAL
    assert tier_for(Fraction(0), Fraction(0)) is None and tier_for(Fraction(1), Fraction(0)) is AlertTier.CRITICAL
    with pytest.raises(ValueError, match="negative"):
        tier_for(Fraction(-1), LIMIT)


@given(st.lists(st.integers(0, 1100), min_size=1, max_size=40))
def test_rsk_10_a_value_that_wobbles_by_less_than_5_points_never_flaps(path):
    center = path[0]
    previous, changes = tier_for(Fraction(center), LIMIT), 0
    for step in path:
        tier = tier_for(Fraction(max(center + step % 25, 0)), LIMIT, previous)
        changes += tier is not previous
        previous = tier
    assert changes <= 1


def test_rsk_10_one_alert_per_rule_account_and_instrument_unless_louder():
    standing = {alert().dedupe_key: alert()}
    assert raise_or_repeat(alert(raised_at=NOW + timedelta(hours=1)), standing) is None
    assert raise_or_repeat(alert(AlertTier.INFO), standing) is None
    assert raise_or_repeat(alert(AlertTier.CRITICAL), standing) == alert(AlertTier.CRITICAL)
    for other in ({"rule": "CST-3"}, {"account_id": "A2"}, {"instrument_id": "ABC"}):
        assert raise_or_repeat(alert(**other), standing) is not None
    strategy = alert(subject=Subject(SubjectKind.STRATEGY, "S1"), account_id="", instrument_id="")
    assert strategy.dedupe_key == ("CST-2", "STRATEGY:S1", "")


def test_rsk_10_critical_needs_an_acknowledgement_cannot_be_muted_and_escalates_after_5_minutes():
    critical, later = alert(AlertTier.CRITICAL), NOW + timedelta(minutes=5)
    assert critical.needs_acknowledgement and not critical.can_be_muted and alert().can_be_muted
    assert not needs_escalation(critical, later - timedelta(microseconds=1)) and needs_escalation(critical, later)
    assert not needs_escalation(replace(critical, acknowledged_at=NOW, acknowledged_by="anna"), later)
    assert not needs_escalation(alert(), later)
    assert Role.COMPLIANCE in audience(critical, later) - audience(critical, NOW)
    assert Role.INVESTOR not in audience(critical, later)
