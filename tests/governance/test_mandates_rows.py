"""CST-2, CST-3, CST-5, SIZ-2 from the database: what mandates and the restricted list let happen."""

from __future__ import annotations

import random
from decimal import Decimal
from uuid import UUID

import numpy as np
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from base import bulk, tenancy
from base.core.ids import new_ids
from base.errors import NotFound
from governance import queries, services
from governance.core.mandate_limits import MISSING, UNIT
from governance.core.mandates import Mandate, MandatedInstrument, MandateRule, instrument_findings, is_long_only, position_cap
from governance.core.subjects import Subject
from governance.enums import ApprovalAction, MandateRuleKind, RestrictionState, Role, SubjectKind
from governance.models import Mandate as MandateRow
from governance.models import MandateRule as RuleRow
from governance.queries.mandates import NO_MANDATE
from governance.services import MandateRuleSpec
from governance.services.parties import UnableToRecord
from governance.services.restrictions import lifting_hash
from market.models import Issuer
from tests.factories import as_loader, make_instrument, number
from tests.governance.scene import DAY, MINUTE, NOW, make_scene

pytestmark = pytest.mark.django_db
XYZ = MandatedInstrument("7", "EQUITY", frozenset({"11"}), frozenset({"TECH"}))
K = MandateRuleKind


@pytest.fixture
def scene():
    scene = make_scene()
    with tenancy.firm(scene.firm):
        yield scene


def record(*rules, code="", **changes):
    facts = {"name": "A mandate", "valid_from": NOW - DAY, "actor": None, "now": NOW}
    return services.record_mandate(code=code or f"M{number()}", rules=list(rules), **{**facts, **changes})


def limits(*mandate_ids, instrument=XYZ, now=NOW):
    found = queries.mandate_limits(mandate_ids=list(mandate_ids), instrument=instrument, now=now)
    rows = zip(found.cap.tolist(), found.long_only.tolist(), found.allowed.tolist(), strict=True)
    return [(None if cap == MISSING else cap, long_only, allowed, found.clause(i)) for i, (cap, long_only, allowed) in enumerate(rows)]


def cap(rate, clause="§3", kind=K.POSITION_CAP, words=()):
    return MandateRuleSpec(kind, clause, Decimal(rate), words=words)


def test_siz_2_the_tightest_cap_binds_with_its_clause(scene):
    mandate = record(cap("0.05", "§3"), cap("0.02", "§4", K.SECTOR_CAP, ("TECH",)), cap("0.01", "§5", K.ISSUER_CAP, ("99",)))
    assert limits(mandate) == [(2_000_000, 0, 1, "§4")]
    assert limits(mandate, instrument=MandatedInstrument("8", "EQUITY")) == [(5_000_000, 0, 1, "§3")]


def test_cst_2_an_account_without_a_mandate_is_not_limited_and_one_without_a_version_in_force_opens_nothing(scene):
    ended = record(cap("0.05"), valid_until=NOW)
    ahead = record(cap("0.05"), valid_from=NOW + DAY)
    assert limits(None, ended, ahead, None) == [(None, 0, 1, ""), (None, 0, 0, NO_MANDATE), (None, 0, 0, NO_MANDATE), (None, 0, 1, "")]
    assert limits(ended, now=NOW - MINUTE) == [(5_000_000, 0, 1, "§3")]
    assert limits(None) == [(None, 0, 1, "")] and limits() == []


def test_gov_1_a_later_version_speaks_for_every_id_of_its_code(scene):
    first = record(cap("0.05", "§3"), code="GROWTH")
    second = record(cap("0.03", "§3a"), code="GROWTH", valid_from=NOW + DAY)
    assert [row.version for row in MandateRow.objects.order_by("id")] == [1, 2]
    assert limits(first, second) == [(5_000_000, 0, 1, "§3")] * 2
    assert limits(first, second, now=NOW + DAY) == [(3_000_000, 0, 1, "§3a")] * 2


def test_cst_3_long_only_and_prohibitions_name_their_clauses(scene):
    long_only = record(MandateRuleSpec(K.LONG_ONLY, "§7"))
    excluded = record(cap("0.05"), MandateRuleSpec(K.EXCLUDED_ISSUERS, "§8 no arms", words=("11",)))
    kinds = record(MandateRuleSpec(K.ALLOWED_KINDS, "§9", words=("ETF",)))
    levered = record(MandateRuleSpec(K.GROSS_LEVERAGE, "§2", Decimal("1.5")))
    empty = record()
    assert limits(long_only, excluded, kinds, levered, empty) == [
        (None, 1, 1, ""),
        (5_000_000, 0, 0, "§8 no arms"),
        (None, 0, 0, "§9"),
        (None, 0, 1, ""),
        (None, 0, 1, ""),
    ]


def test_siz_2_a_cap_is_rounded_down(scene):
    assert limits(record(cap("0.0199999999"))) == [(1_999_999, 0, 1, "§3")]


@pytest.mark.parametrize("seed", range(5))
def test_cst_2_limits_of_many_agree_with_one_mandate_at_a_time(scene, seed):
    rng = random.Random(seed)

    def spec():
        kind = rng.choice(list(K))
        words = tuple(rng.sample(["TECH", "EQUITY", "11", "7", "ETF"], rng.randint(1, 2)))
        return MandateRuleSpec(
            kind, f"§{rng.randint(1, 4)}", Decimal(rng.randint(1, 9)) / 100, words=words if rng.random() < 0.7 else ("TECH",)
        )

    specs = [[spec() for _ in range(rng.randint(0, 4))] for _ in range(12)]
    ids = [record(*rules) for rules in specs]
    for (found_cap, long_only, allowed, _), rules in zip(limits(*ids), specs, strict=True):
        values = tuple(
            MandateRule(str(i), rule.kind, rule.clause, rule.rate, rule.lower_rate, frozenset(rule.words)) for i, rule in enumerate(rules)
        )
        mandate = Mandate("M", 1, NOW, values)
        binding = position_cap(mandate, XYZ)
        assert found_cap == (None if binding is None else int(binding.upper * UNIT))
        assert long_only == (is_long_only(mandate) is not None)
        assert allowed == (not instrument_findings(mandate, XYZ))


def test_gov_1_rules_that_say_nothing_are_refused_and_roles_are_checked(scene):
    for wrong in (MandateRuleSpec(K.POSITION_CAP, "§1"), MandateRuleSpec(K.EXCLUDED_SECTORS, "§1"), MandateRuleSpec(K.LONG_ONLY, " ")):
        with pytest.raises(UnableToRecord), transaction.atomic():
            record(wrong)
    with pytest.raises(UnableToRecord), transaction.atomic():
        record(valid_until=NOW - 2 * DAY)
    for role in (Role.TRADER, Role.MANAGER, Role.OPERATIONS, Role.INVESTOR):
        with pytest.raises(services.NotPermitted):
            record(actor=scene.people[role])
    assert record(actor=scene.risk) != record(actor=scene.compliance)


def test_cst_2_a_stranger_s_mandate_is_none_in_force():
    ours, theirs = make_scene(), make_scene()
    with tenancy.firm(ours.firm):
        mandate = record(cap("0.05"))
    with tenancy.firm(theirs.firm):
        assert limits(mandate) == [(None, 0, 0, NO_MANDATE)]


@pytest.mark.parametrize("mandates", [20, 2_500], ids=["shared", "each its own"])
def test_siz_2_many_accounts_take_two_queries_whether_they_share_mandates_or_not(scene, mandates):
    ids = new_ids(mandates)
    codes = [f"C{n}".encode() for n in range(mandates)]
    facts = {"name": "x", "valid_from": NOW - DAY, "id": bulk.Uuids(ids), "code": bulk.Texts(np.array(codes))}
    bulk.insert(MandateRow, mandates, facts)
    for kind, rate, words in (
        (K.POSITION_CAP, "0.05", []),
        (K.SECTOR_CAP, "0.2", ["TECH"]),
        (K.LONG_ONLY, None, []),
        (K.EXCLUDED_SECTORS, None, ["ARMS"]),
        (K.GROSS_LEVERAGE, "1.5", []),
    ):
        rule = {"kind": kind, "rate": None if rate is None else Decimal(rate), "words": words, "clause": f"§ {kind}"}
        bulk.insert(RuleRow, mandates, {"mandate_id": bulk.Uuids(ids), **rule})
    asked = [UUID(bytes=bytes(raw)) for raw in ids] * (10_000 // mandates)
    with CaptureQueriesContext(connection) as captured:
        found = queries.mandate_limits(mandate_ids=asked, instrument=XYZ, now=NOW)
    assert len(captured) == 2 and len(asked) == 10_000
    assert set(found.cap.tolist()) == {5_000_000} and found.long_only.all() and found.allowed.all()


@pytest.fixture
def listed():
    """An issuer, its share, a future on the share, an option on the future; and a share of somebody else."""
    issuer = as_loader(lambda: Issuer.objects.using("loader").create(code=f"I{number()}-{id(object())}", name="x"))
    share = make_instrument(issuer=issuer)
    future = make_instrument(kind="FUTURE", underlying=share)
    option = make_instrument(kind="OPTION", underlying=future)
    return issuer, share, future, option, make_instrument()


def state(instrument, now=NOW):
    return queries.restriction_state(
        instrument_id=instrument.id, issuer_id=instrument.issuer_id, underlying_id=instrument.underlying_id, now=now
    )


def test_cst_5_an_issuer_reaches_its_instruments_and_everything_derived_from_them(scene, listed):
    issuer, share, future, option, other = listed
    services.restrict(issuer_id=issuer.id, state=RestrictionState.CLOSE_ONLY, reason="deal", actor=scene.compliance, now=NOW)
    assert [state(instrument) for instrument in (share, future, option, other)] == [RestrictionState.CLOSE_ONLY] * 3 + [
        RestrictionState.NONE
    ]
    assert state(share, NOW - MINUTE) is RestrictionState.NONE


def test_cst_5_the_strictest_binds_and_an_instrument_reaches_its_derivatives(scene, listed):
    issuer, share, future, option, other = listed
    services.restrict(issuer_id=issuer.id, state=RestrictionState.CLOSE_ONLY, reason="deal", actor=scene.risk, now=NOW)
    services.restrict(
        instrument_id=future.id, state=RestrictionState.FROZEN, reason="order", actor=scene.risk, now=NOW, valid_until=NOW + DAY
    )
    found = [RestrictionState.CLOSE_ONLY, RestrictionState.FROZEN, RestrictionState.FROZEN, RestrictionState.NONE]
    assert [state(instrument) for instrument in (share, future, option, other)] == found
    assert state(option, NOW + DAY) is RestrictionState.CLOSE_ONLY


def test_cst_5_lifting_takes_two_people(scene, listed):
    issuer, share, *_ = listed
    entry = services.restrict(issuer_id=issuer.id, state=RestrictionState.FROZEN, reason="order", actor=scene.compliance, now=NOW)
    subject = Subject(SubjectKind.RESTRICTION, str(entry))
    approval = services.request_approval(
        action=ApprovalAction.LIFT_RESTRICTION,
        subject=subject,
        content_hash=lifting_hash(entry),
        actor=scene.compliance,
        now=NOW,
        reason="over",
    )
    lift = {"restriction_id": entry, "actor": scene.compliance, "now": NOW + MINUTE, "approval_id": approval}
    with pytest.raises(services.UnableToApprove), transaction.atomic():
        services.lift_restriction(**lift)
    services.approve(approval_id=approval, actor=scene.second[Role.COMPLIANCE], now=NOW, reason="agreed")
    services.lift_restriction(**lift)
    assert (state(share, NOW), state(share, NOW + MINUTE)) == (RestrictionState.FROZEN, RestrictionState.NONE)
    with pytest.raises(NotFound):
        services.lift_restriction(**lift)


def test_cst_5_an_entry_names_one_thing_and_roles_are_checked(scene, listed):
    issuer, share, *_ = listed
    entry = {"state": RestrictionState.FROZEN, "reason": "x", "now": NOW}
    for wrong in ({}, {"issuer_id": issuer.id, "instrument_id": share.id}, {"issuer_id": issuer.id, "valid_until": NOW}):
        with pytest.raises(UnableToRecord), transaction.atomic():
            services.restrict(actor=scene.risk, **entry, **wrong)
    with pytest.raises(services.NotPermitted):
        services.restrict(actor=scene.trader, issuer_id=issuer.id, **entry)
