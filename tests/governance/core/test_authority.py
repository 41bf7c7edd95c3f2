"""GOV-1, GOV-2, GOV-3: authorities, for one account and for ten thousand."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.core.authority import (
    Authority,
    ClientInstruction,
    InstrumentScope,
    Signature,
    expiry_warnings,
    newly_ended,
    powers_needed,
    standing,
)
from governance.core.authority_check import AuthorityAsk, AuthorityBook
from governance.enums import AlertTier, AuthorityFinding, AuthorityKind, Power

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SIGNED = (Signature("client", NOW - 400 * DAY), Signature("manager", NOW - 400 * DAY))
TRADER = frozenset({Power.TRADE, Power.MARGIN})


def authority(name="L1", accounts=("A1",), **changes):
    return replace(
        Authority(
            authority_id=name,
            kind=AuthorityKind.LPA,
            account_ids=frozenset(accounts),
            powers=TRADER,
            effective_from=NOW - 365 * DAY,
            document_sha256="ab" * 32,
            required_signers=frozenset({"client", "manager"}),
            signatures=SIGNED,
            expires_at=NOW + 365 * DAY,
            clauses={
                "TRADE": "§1 may trade",
                "OPTIONS": "§4 no options",
                "instruments": "§5 listed shares",
                "limits": "§6 50,000",
                "term": "§9 one year",
            },
        ),
        **changes,
    )


def check(
    authorities, accounts=("A1",), kind="EQUITY", symbols=("XYZ",), opens=True, short=False, margin=False, notional=None, now=NOW, **options
):
    size = len(accounts)
    book = AuthorityBook.build(authorities, accounts, ["USD"] * size)
    value = None if notional is None else np.full(size, notional, dtype=np.int64)
    ask = AuthorityAsk(kind, symbols, np.full(size, opens), np.full(size, short), np.full(size, margin), value)
    return book.check(ask, now, **options)


def outcome(*args, **options):
    decision = check(*args, **options).decision(0)
    return decision.finding, decision.authority_id, decision.clause


def test_gov_1_a_live_signed_document_covers_the_order():
    decision = check([authority()]).decision(0)
    assert (decision.finding, decision.authority_id, decision.clause, decision.reason) == (None, "L1", "§1 may trade", "covered by LPA")


def test_gov_2_no_document_no_trade():
    decision = check([authority(accounts=["B1"])]).decision(0)
    assert (decision.finding, decision.rule, decision.reason) == (AuthorityFinding.AUTH_NONE, "GOV-1", "no authority is recorded")
    assert check([]).decision(0).finding is AuthorityFinding.AUTH_NONE


@pytest.mark.parametrize(
    ("changes", "finding", "reason"),
    [
        ({"document_sha256": ""}, AuthorityFinding.AUTH_NONE, "no document is on file"),
        ({"signatures": SIGNED[:1]}, AuthorityFinding.AUTH_NONE, "not signed by manager"),
        ({"signatures": (SIGNED[0], Signature("manager", NOW + DAY))}, AuthorityFinding.AUTH_NONE, "not signed by manager"),
        ({"required_signers": frozenset()}, AuthorityFinding.AUTH_NONE, "not signed by anyone"),
        ({"effective_from": NOW + DAY}, AuthorityFinding.AUTH_NONE, "not in force before 3 Mar 2026"),
        ({"expires_at": NOW}, AuthorityFinding.AUTH_EXPIRED, "expired 2 Mar 2026"),
        ({"revoked_at": NOW}, AuthorityFinding.AUTH_REVOKED, "revoked 2 Mar 2026"),
        ({"revoked_at": NOW + DAY}, None, ""),
        ({"expires_at": None}, None, ""),
        ({"expires_at": NOW - DAY, "revoked_at": NOW}, AuthorityFinding.AUTH_EXPIRED, "expired 1 Mar 2026"),
        ({"expires_at": NOW, "revoked_at": NOW - DAY}, AuthorityFinding.AUTH_REVOKED, "revoked 1 Mar 2026"),
    ],
)
def test_gov_2_standing_of_a_document(changes, finding, reason):
    assert standing(authority(**changes), NOW) == (finding, reason)
    assert check([authority(**changes)]).finding(0) is finding
    assert finding is None or check([authority(**changes)]).decision(0).reason == reason


@pytest.mark.parametrize(
    ("ask", "missing"),
    [
        ({"kind": "OPTION"}, "OPTIONS"),
        ({"kind": "OPTION", "opens": False}, "OPTIONS"),
        ({"kind": "FUTURE"}, "FUTURES"),
        ({"kind": "FX"}, "FX"),
        ({"kind": "CRYPTO_SPOT"}, "CRYPTO"),
        ({"short": True}, "SHORT"),
        ({"kind": "SOMETHING_NEW"}, "CRYPTO, FUTURES, FX, OPTIONS, SHORT"),
    ],
)
def test_gov_2_a_power_that_is_not_recorded_is_not_given(ask, missing):
    decision = check([authority()], **ask).decision(0)
    assert (decision.finding, decision.reason) == (AuthorityFinding.AUTH_SCOPE, f"gives no power to {missing}")


def test_gov_2_covering_a_short_needs_no_power_to_short_and_margin_only_when_opening():
    no_margin = authority(powers=frozenset({Power.TRADE}))
    assert check([no_margin], opens=False, short=True, margin=True).passed.all()
    assert outcome([no_margin], margin=True)[0] is AuthorityFinding.AUTH_SCOPE
    assert outcome([authority()], kind="OPTION")[2] == "§4 no options"


def test_gov_1_a_document_cannot_give_what_its_kind_does_not():
    powers = frozenset({Power.TRADE, Power.TRANSFER, Power.WITHDRAW, Power.DEDUCT_FEES})
    assert authority(powers=powers).granted == {Power.TRADE}
    assert authority(kind=AuthorityKind.POA, powers=powers).granted == {Power.TRADE, Power.TRANSFER, Power.WITHDRAW}
    assert authority(kind=AuthorityKind.IMA, powers=powers).granted == {Power.TRADE, Power.DEDUCT_FEES}


def test_gov_1_powers_of_two_documents_are_not_added_up():
    options = authority("L2", powers=frozenset({Power.TRADE, Power.OPTIONS}))
    assert outcome([authority(), options], kind="OPTION", margin=True)[0] is AuthorityFinding.AUTH_SCOPE
    assert outcome([authority(), options], kind="OPTION")[:2] == (None, "L2")


def test_gov_2_instruments_outside_the_scope_derivatives_included():
    scoped = authority(
        powers=TRADER | {Power.OPTIONS}, scope=InstrumentScope(kinds=frozenset({"EQUITY", "OPTION"}), deny=frozenset({"BAD"}))
    )
    assert outcome([scoped], symbols=("BAD",)) == (AuthorityFinding.AUTH_SCOPE, "L1", "§5 listed shares")
    assert outcome([scoped], kind="OPTION", symbols=("BAD 50C", "BAD"))[0] is AuthorityFinding.AUTH_SCOPE
    assert outcome([scoped], kind="BOND")[0] is AuthorityFinding.AUTH_SCOPE
    allowed = authority(scope=InstrumentScope(allow=frozenset({"XYZ"})))
    assert outcome([allowed])[0] is None and outcome([allowed], symbols=("ABC",))[0] is AuthorityFinding.AUTH_SCOPE


def test_gov_1_limits_bind_openings_and_fail_closed():
    limited = authority(max_order_notional=Decimal("50000.009"), limit_currency="USD")
    assert check([limited], notional=5_000_000).passed.all()
    assert outcome([limited], notional=5_000_001) == (AuthorityFinding.AUTH_SCOPE, "L1", "§6 50,000")
    assert check([limited]).decision(0).reason == "limits the order value, which is not known"
    assert check([limited], opens=False).passed.all()
    euro = authority(max_order_notional=Decimal(50_000), limit_currency="EUR")
    assert outcome([euro], notional=1)[0] is AuthorityFinding.AUTH_SCOPE
    with pytest.raises(ValueError, match="finite limit"):
        authority(max_order_notional=Decimal("NaN"), limit_currency="USD")


def test_gov_2_of_several_documents_the_best_speaks():
    expired, revoked = authority("E", expires_at=NOW - DAY), authority("R", revoked_at=NOW - DAY)
    narrow = authority("N", powers=frozenset())
    unsigned = authority("U", signatures=())
    assert outcome([unsigned, expired])[:2] == (AuthorityFinding.AUTH_EXPIRED, "E")
    assert outcome([unsigned, expired, revoked])[:2] == (AuthorityFinding.AUTH_REVOKED, "R")
    assert outcome([unsigned, expired, revoked, narrow])[:2] == (AuthorityFinding.AUTH_SCOPE, "N")
    assert outcome([unsigned, expired, revoked, narrow, authority("Z"), authority("Y")])[:2] == (None, "Y")
    assert outcome([authority("Y"), authority("Z", expires_at=None)])[:2] == (None, "Z")


def instruction(**changes):
    return replace(ClientInstruction("I1", "A1", NOW - DAY, NOW + DAY, "cd" * 32), **changes)


def test_gov_3_after_the_end_even_closing_needs_a_recorded_instruction():
    for ended in (authority(expires_at=NOW - DAY), authority(revoked_at=NOW - DAY)):
        assert not check([ended], opens=False).passed.any()
        lifted = check([ended], opens=False, instructions=[instruction()]).decision(0)
        assert (lifted.finding, lifted.rule, lifted.instruction_id, lifted.clause) == (None, "GOV-3", "I1", "§9 one year")
        assert not check([ended], opens=True, instructions=[instruction()]).passed.any()


@pytest.mark.parametrize(
    "changes",
    [{"account_id": "A2"}, {"symbol": "ABC"}, {"received_at": NOW + DAY / 2}, {"valid_until": NOW}, {"document_sha256": ""}],
)
def test_gov_3_an_instruction_counts_only_for_what_it_says(changes):
    expired = authority(expires_at=NOW - DAY)
    assert not check([expired], opens=False, instructions=[instruction(**changes)]).passed.any()
    assert check([expired], opens=False, instructions=[instruction(symbol="XYZ")]).passed.all()
    assert not check(
        [expired], symbols=("XYZ 50C", "XYZ"), kind="EQUITY", opens=False, instructions=[instruction(symbol="XYZ")]
    ).passed.any()


def test_gov_3_an_instruction_is_no_substitute_for_an_authority_that_never_was():
    assert not check([], opens=False, instructions=[instruction()]).passed.any()
    assert not check([authority(powers=frozenset())], opens=False, instructions=[instruction()]).passed.any()


def test_acc_1_accounts_of_ones_own_need_no_authority():
    result = check([authority(expires_at=NOW - DAY)], accounts=("A1", "A2", "A3"), needed=np.array([True, False, False]))
    assert result.passed.tolist() == [False, True, True]
    assert result.decision(1).reason == "no authority is needed"
    assert [decision.account_id for decision in result.removed()] == ["A1"]


@pytest.mark.parametrize(
    ("days", "threshold", "tier"),
    [
        (61, None, None),
        (60, 60, AlertTier.INFO),
        (30, 30, AlertTier.WARNING),
        (8, 30, AlertTier.WARNING),
        (7, 7, AlertTier.WARNING),
        (0, 0, AlertTier.CRITICAL),
    ],
)
def test_gov_2_warns_60_30_and_7_days_before(days, threshold, tier):
    warnings = expiry_warnings([authority(expires_at=NOW + days * DAY)], NOW)
    assert [(warning.threshold, warning.tier, warning.days_left) for warning in warnings] == (
        [] if threshold is None else [(threshold, tier, days)]
    )


def test_gov_2_warnings_repeat_only_at_the_next_threshold():
    document = authority(expires_at=NOW + 60 * DAY)
    keys = {warning.dedupe_key for day in range(62) for warning in expiry_warnings([document], NOW + day * DAY)}
    assert len(keys) == 4
    assert expiry_warnings([authority(revoked_at=NOW - DAY, expires_at=NOW + DAY)], NOW) == []


def test_gov_3_accounts_whose_last_authority_just_ended_lose_their_working_orders():
    documents = [
        authority("L1", ["A1", "A2"], expires_at=NOW),
        authority("L2", ["A2"]),
        authority("L3", ["A3"], revoked_at=NOW - timedelta(hours=1)),
        authority("L4", ["A4"], expires_at=NOW - 10 * DAY),
    ]
    assert newly_ended(documents, NOW - DAY, NOW) == {"A1": AuthorityFinding.AUTH_EXPIRED, "A3": AuthorityFinding.AUTH_REVOKED}
    assert newly_ended(documents, NOW, NOW + DAY) == {}


def test_gov_1_contradictory_records_are_a_programmers_mistake():
    with pytest.raises(ValueError, match="time zone"):
        authority(revoked_at=datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="before it begins"):
        authority(expires_at=NOW - 365 * DAY)
    with pytest.raises(ValueError, match="distinct"):
        AuthorityBook.build([], ["A1", "A1"], ["USD", "USD"])
    with pytest.raises(ValueError, match="one entry"):
        AuthorityBook.build([], ["A1", "A2"], ["USD", "USD"]).check(
            AuthorityAsk("EQUITY", ("XYZ",), np.zeros(1, bool), np.zeros(1, bool), np.zeros(1, bool)), NOW
        )


def random_authority(rng, name, accounts):
    return authority(
        name,
        rng.sample(accounts, rng.randint(0, len(accounts))),
        kind=rng.choice(list(AuthorityKind)),
        powers=frozenset(rng.sample(list(Power), rng.randint(0, len(Power)))) | {Power.TRADE},
        expires_at=rng.choice([None, NOW - DAY, NOW, NOW + DAY]),
        revoked_at=rng.choice([None, None, NOW - DAY, NOW + DAY]),
        signatures=rng.choice([SIGNED, SIGNED, SIGNED[:1], (*SIGNED[:1], Signature("manager", NOW + rng.choice([-1, 0, 1]) * DAY))]),
        scope=rng.choice([InstrumentScope(), InstrumentScope(deny=frozenset({"XYZ"})), InstrumentScope(kinds=frozenset({"EQUITY"}))]),
        max_order_notional=rng.choice([None, Decimal(100)]),
        limit_currency="USD",
    )


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_gov_2_many_accounts_at_once_agree_with_one_at_a_time(seed):
    rng = random.Random(seed)
    accounts = [f"A{i}" for i in range(6)]
    documents = [random_authority(rng, f"L{i}", accounts) for i in range(rng.randint(0, 5))]
    kind, size = rng.choice(["EQUITY", "OPTION", "CRYPTO_SPOT"]), len(accounts)
    opens, short, margin = (np.array([rng.random() < 0.5 for _ in accounts]) for _ in range(3))
    notional = np.array([rng.choice([9_999, 10_000, 10_001]) for _ in accounts], dtype=np.int64)
    ask = AuthorityAsk(kind, ("XYZ",), opens, short, margin, notional)
    rng.shuffle(documents)
    result = AuthorityBook.build(documents, accounts, ["USD"] * size).check(ask, NOW)
    for i, account in enumerate(accounts):
        needed = powers_needed(kind, opens=bool(opens[i]), short=bool(short[i]), margin=bool(margin[i]))
        covering = [
            document
            for document in documents
            if account in document.account_ids
            and standing(document, NOW)[0] is None
            and needed <= document.granted
            and document.scope.covers(kind, ["XYZ"])
            and not (opens[i] and document.max_order_notional is not None and notional[i] > 10_000)
        ]
        assert bool(result.passed[i]) is bool(covering)
        assert result.decision(i).finding is result.finding(i)
