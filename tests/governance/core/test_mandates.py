"""GOV-1, CST-2, CST-3, REB-5: what a mandate lets an account hold, with the clause that says so."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from governance.core.mandates import (
    Mandate,
    MandatedInstrument,
    MandateRule,
    caps_by_instrument,
    instrument_findings,
    is_long_only,
    leverage_findings,
    mandate_in_force,
    position_cap,
    weight_review,
)
from governance.enums import MandateRuleKind as Kind

NOW = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = (
    MandateRule("M1", Kind.POSITION_CAP, "§2.1 no more than 5% in one security", Decimal("0.05")),
    MandateRule("M2", Kind.POSITION_CAP, "§2.2 no more than 1% in small technology", Decimal("0.01"), members=frozenset({"TECH"})),
    MandateRule("M3", Kind.LONG_ONLY, "§3 no short positions"),
    MandateRule("M4", Kind.ALLOWED_KINDS, "§4 shares and funds", members=frozenset({"EQUITY", "ETF"})),
    MandateRule("M5", Kind.EXCLUDED_ISSUERS, "§5 nothing of our own employer", members=frozenset({"ACME"})),
    MandateRule("M6", Kind.EXCLUDED_SECTORS, "§6 no tobacco", members=frozenset({"TOBACCO"})),
    MandateRule("M7", Kind.GROSS_LEVERAGE, "§7 no borrowing", Decimal(1)),
    MandateRule("M8", Kind.NET_LEVERAGE, "§8 mostly invested", Decimal(1), Decimal("0.2")),
    MandateRule("M9", Kind.WEIGHT_DEVIATION, "§9 review beyond 10 points", Decimal("0.10")),
)
MANDATE = Mandate("M", 1, NOW - 100 * DAY, RULES)
SHARE = MandatedInstrument("XYZ", "EQUITY", frozenset({"XCO"}), frozenset({"ENERGY"}))


def test_gov_1_the_version_in_force_is_the_latest_that_has_begun():
    newer = Mandate("M", 2, NOW, RULES[:1])
    assert mandate_in_force([newer, MANDATE], NOW - timedelta(microseconds=1)) is MANDATE
    assert mandate_in_force([newer, MANDATE], NOW) is newer
    assert mandate_in_force([MANDATE], NOW - 101 * DAY) is None


def test_con_5_a_version_that_has_ended_does_not_revive_an_older_one():
    ended = Mandate("M", 2, NOW - 10 * DAY, RULES, effective_until=NOW)
    assert mandate_in_force([MANDATE, ended], NOW) is None


def test_cst_2_the_tightest_cap_binds_and_shows_its_clause():
    tech = MandatedInstrument("TCO", "EQUITY", frozenset({"TCO"}), frozenset({"TECH"}))
    assert position_cap(MANDATE, SHARE) == RULES[0]
    assert (position_cap(MANDATE, tech).upper, position_cap(MANDATE, tech).clause) == (
        Decimal("0.01"),
        "§2.2 no more than 1% in small technology",
    )
    assert caps_by_instrument(MANDATE, [SHARE, tech]) == {"XYZ": RULES[0], "TCO": RULES[1]}
    assert position_cap(Mandate("M", 1, NOW, ()), SHARE) is None


@pytest.mark.parametrize(
    ("instrument", "short", "rules"),
    [
        (SHARE, False, []),
        (SHARE, True, ["M3"]),
        (MandatedInstrument("F", "FUTURE", sectors=frozenset({"ENERGY"})), False, ["M4"]),
        (MandatedInstrument("A 50C", "OPTION", frozenset({"ACME"})), False, ["M4", "M5"]),
        (MandatedInstrument("T", "EQUITY", sectors=frozenset({"TOBACCO", "FOOD"})), True, ["M3", "M6"]),
    ],
)
def test_cst_3_and_gov_1_forbidden_instruments_name_every_rule(instrument, short, rules):
    findings = instrument_findings(MANDATE, instrument, short=short)
    assert [finding.rule_id for finding in findings] == rules
    assert all(finding.clause and finding.reason for finding in findings)
    assert is_long_only(MANDATE) is RULES[2]


def test_con_5_an_unknown_sector_is_not_an_allowed_one():
    mandate = Mandate("M", 1, NOW, (MandateRule("S", Kind.ALLOWED_SECTORS, "§1", members=frozenset({"ENERGY"})),))
    assert instrument_findings(mandate, SHARE) == []
    assert [finding.reason for finding in instrument_findings(mandate, MandatedInstrument("U", "EQUITY"))] == [
        "sector unknown is not allowed"
    ]


def test_cst_2_leverage_outside_its_bounds():
    assert leverage_findings(MANDATE, gross=Decimal(1), net=Decimal("0.2")) == []
    assert [finding.rule_id for finding in leverage_findings(MANDATE, gross=Decimal("1.01"), net=Decimal("-1"))] == ["M7", "M8"]


def weights(*points):
    return [Decimal(point) / 100 for point in points]


def test_reb_5_58_27_15_against_50_30_20_needs_no_review_and_61_27_12_does():
    assert weight_review(MANDATE, weights(58, 27, 15), weights(50, 30, 20)) == []
    (finding,) = weight_review(MANDATE, weights(61, 27, 12), weights(50, 30, 20))
    assert finding.rule_id == "M9" and "0.11" in finding.reason
    assert weight_review(MANDATE, weights(60, 20, 20), weights(50, 30, 20)) == []
    with pytest.raises(ValueError, match="longer"):
        weight_review(MANDATE, weights(60), weights(50, 50))


def test_reb_5_many_small_deviations_add_up():
    actual, target = weights(*[14, 6] * 5), weights(*[10] * 10)
    assert len(weight_review(MANDATE, actual, target)) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"kind": Kind.POSITION_CAP},
        {"kind": Kind.POSITION_CAP, "upper": Decimal("NaN")},
        {"kind": Kind.POSITION_CAP, "upper": Decimal(-1)},
        {"kind": Kind.GROSS_LEVERAGE},
        {"kind": Kind.ALLOWED_KINDS},
    ],
)
def test_gov_1_a_rule_that_says_nothing_is_refused(options):
    with pytest.raises(ValueError, match="rule X"):
        MandateRule("X", clause="§", **options)
