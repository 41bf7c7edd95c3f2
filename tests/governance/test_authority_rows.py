"""GOV-1..3, ACC-1 from the database: the verdict on many accounts, and what a firm records about them."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from base import tenancy
from base.errors import NotFound
from governance import queries, services
from governance.core.authority import Signature
from governance.core.authority_check import AuthorityAsk, AuthorityBook
from governance.core.gates import MISSING, AccountOnFile, gate_findings
from governance.core.subjects import Subject
from governance.enums import AccountGate, AlertTier, AuditAction, AuthorityFinding, AuthorityKind, Power, Role, SubjectKind
from governance.models import AuditEvent, Authority, Party
from governance.queries.authority_documents import authority_values
from governance.services.parties import UnableToRecord
from tests.governance.scene import DAY, NOW, make_authority, make_parties, make_scene, new_accounts

pytestmark = pytest.mark.django_db
BUY = AuthorityAsk("EQUITY", ("XYZ",), opens=True)
CLOSE = AuthorityAsk("EQUITY", ("XYZ",), opens=False)


@pytest.fixture
def scene():
    scene = make_scene()
    with tenancy.firm(scene.firm):
        yield scene


def verdict(accounts, ask=BUY, classes="MANAGED", currency="USD", now=NOW):
    names = [classes] * len(accounts) if isinstance(classes, str) else classes
    return queries.authority_verdict(
        account_ids=accounts, account_classes=names, base_currencies=[currency] * len(accounts), ask=ask, now=now
    )


def outcome(account, **options):
    found = verdict([account], **options)
    return found.finding(0), found.reason(0)


def test_gov_1_a_recorded_signed_document_covers_its_accounts_alone(scene):
    covered, other = new_accounts(2)
    make_authority([covered])
    found = verdict([covered, other])
    assert found.codes.tolist() == [0, 1 + list(AuthorityFinding).index(AuthorityFinding.AUTH_NONE)]
    assert (found.reason(0), found.reason(1)) == ("", "no authority is recorded")
    event = AuditEvent.objects.get(action=AuditAction.AUTHORITY_RECORDED)
    assert (event.rule, event.after["accounts"], event.after["powers"]) == ("GOV-1", 1, ["MARGIN", "TRADE"])


@pytest.mark.parametrize(
    ("changes", "ask", "finding", "reason"),
    [
        ({"document_sha256": ""}, BUY, AuthorityFinding.AUTH_NONE, "no document is on file"),
        ({"effective_from": NOW + DAY}, BUY, AuthorityFinding.AUTH_NONE, "not in force before 3 Mar 2026"),
        ({"expires_at": NOW}, BUY, AuthorityFinding.AUTH_EXPIRED, "expired 2 Mar 2026"),
        ({"powers": {Power.MARGIN}}, BUY, AuthorityFinding.AUTH_SCOPE, "gives no power to TRADE"),
        ({}, AuthorityAsk("OPTION", ("XYZ C50", "XYZ"), True), AuthorityFinding.AUTH_SCOPE, "gives no power to OPTIONS"),
        ({}, AuthorityAsk("EQUITY", ("XYZ",), True, short=True), AuthorityFinding.AUTH_SCOPE, "gives no power to SHORT"),
        ({"symbols_denied": ["XYZ"]}, BUY, AuthorityFinding.AUTH_SCOPE, "does not cover XYZ (EQUITY)"),
        ({"symbols_allowed": ["ABC"]}, BUY, AuthorityFinding.AUTH_SCOPE, "does not cover XYZ (EQUITY)"),
        ({"instrument_kinds": ["ETF"]}, BUY, AuthorityFinding.AUTH_SCOPE, "does not cover XYZ (EQUITY)"),
        (
            {"order_notional_limit": Decimal(50_000), "limit_currency": "USD"},
            BUY,
            AuthorityFinding.AUTH_SCOPE,
            "limits the order value, which is not known",
        ),
    ],
)
def test_gov_2_every_finding_removes_the_account_and_says_why(scene, changes, ask, finding, reason):
    (account,) = new_accounts(1)
    make_authority([account], **changes)
    assert outcome(account, ask=ask) == (finding, reason)


def test_gov_1_it_holds_once_both_sides_have_signed(scene):
    (account,) = new_accounts(1)
    grantor, grantee, (client, manager) = make_parties()
    document = make_authority([account], parties=(grantor, grantee, (client,)))
    assert outcome(account) == (AuthorityFinding.AUTH_NONE, f"not signed by {manager.party}")
    with pytest.raises(UnableToRecord):
        services.sign_authority(authority_id=document, party_code=manager.party, signed_at=NOW + DAY, actor=None, now=NOW)
    services.sign_authority(authority_id=document, party_code=manager.party, signed_at=NOW - DAY, actor=scene.compliance, now=NOW)
    assert outcome(account) == (None, "")
    assert outcome(account, now=NOW - 2 * DAY)[0] is AuthorityFinding.AUTH_NONE


def test_gov_2_a_revocation_holds_from_its_instant_and_the_earliest_counts(scene):
    (account,) = new_accounts(1)
    document = make_authority([account])
    services.revoke_authority(authority_id=document, actor=scene.operations, now=NOW, reason="client left", revoked_at=NOW + 2 * DAY)
    assert outcome(account, now=NOW + DAY) == (None, "")
    services.revoke_authority(authority_id=document, actor=scene.compliance, now=NOW, reason="at once")
    services.revoke_authority(authority_id=document, actor=scene.compliance, now=NOW + DAY, reason="again")
    assert outcome(account) == (AuthorityFinding.AUTH_REVOKED, "revoked 2 Mar 2026")
    assert queries.accounts_losing_authority(after=NOW - DAY, until=NOW) == {account: AuthorityFinding.AUTH_REVOKED}


def test_gov_2_limits_are_in_the_accounts_currency(scene):
    account, other = new_accounts(2)
    make_authority([account, other], order_notional_limit=Decimal("500.00"), limit_currency="USD")
    for notional, passes in ((50_000, True), (50_001, False)):
        ask = AuthorityAsk("EQUITY", ("XYZ",), True, notional=np.array([notional]))
        assert (outcome(account, ask=ask)[0] is None) is passes
        assert outcome(account, ask=ask, currency="EUR")[0] is AuthorityFinding.AUTH_SCOPE
    assert outcome(account, ask=CLOSE)[0] is None


def test_gov_3_after_the_end_only_the_client_closes(scene):
    account, other = new_accounts(2)
    make_authority([account, other], expires_at=NOW - DAY)
    assert outcome(account, ask=CLOSE)[0] is AuthorityFinding.AUTH_EXPIRED
    given = {"received_at": NOW - DAY, "valid_until": NOW + DAY, "document_sha256": "cd" * 32, "actor": scene.operations, "now": NOW}
    services.record_client_instruction(account_id=account, symbol="XYZ", **given)
    assert verdict([account, other], CLOSE).codes.tolist() == [0, 1 + list(AuthorityFinding).index(AuthorityFinding.AUTH_EXPIRED)]
    assert outcome(account, ask=BUY)[0] is outcome(account, ask=CLOSE, now=NOW + DAY)[0] is AuthorityFinding.AUTH_EXPIRED
    assert outcome(account, ask=AuthorityAsk("EQUITY", ("ABC",), opens=False))[0] is AuthorityFinding.AUTH_EXPIRED
    for wrong in ({"document_sha256": ""}, {"valid_until": NOW - DAY}, {"received_at": NOW + timedelta(hours=1)}):
        with pytest.raises(UnableToRecord):
            services.record_client_instruction(account_id=account, **{**given, **wrong})


@pytest.mark.parametrize(
    ("name", "gates"),
    [
        ("PERSONAL", ["OWNER_CONFIRMED"]),
        ("SHELTERED", ["OWNER_CONFIRMED", "NO_BORROWING"]),
        ("ENTITY", ["RESOLUTION", "SIGNER"]),
        ("PROP", ["CONTRACT_COPYING"]),
    ],
)
def test_acc_1_other_classes_pass_their_gates(scene, name, gates):
    (account,) = new_accounts(1)
    for gate in map(AccountGate, gates):
        assert outcome(account, classes=name) == (AuthorityFinding.AUTH_NONE, MISSING[gate])
        assert outcome(account, classes=name, ask=CLOSE) == (None, ""), "what only closes goes on (CON-5)"
        services.record_gate(
            subject=Subject(SubjectKind.ACCOUNT, str(account)),
            gate=gate,
            evidence="file 7",
            actor=scene.operations,
            now=NOW,
            valid_until=NOW + DAY,
        )
    assert outcome(account, classes=name) == (None, "")
    assert (
        outcome(account, classes=name, now=NOW + DAY)[1]
        == outcome(account, classes=name, now=NOW - DAY)[1]
        == MISSING[AccountGate(gates[0])]
    )


def test_acc_1_a_managed_account_also_needs_fees_and_an_address(scene):
    account, addressed = new_accounts(2)
    make_authority([account], fee_schedule="", parties=make_parties(statement_address=""))
    assert outcome(account)[1] == MISSING[AccountGate.FEE_SCHEDULE]
    assert outcome(account, ask=CLOSE) == (None, "")
    record = {"account_ids": [account], "evidence": "annex 2", "actor": scene.compliance, "now": NOW}
    services.record_gates(gate=AccountGate.FEE_SCHEDULE, **record)
    assert outcome(account)[1] == MISSING[AccountGate.STATEMENT_ADDRESS]
    services.record_gates(gate=AccountGate.STATEMENT_ADDRESS, **record)
    make_authority([addressed])
    assert verdict([account, addressed]).codes.tolist() == [0, 0]


def test_acc_2_an_unknown_class_neither_opens_nor_closes(scene):
    (account,) = new_accounts(1)
    make_authority([account])
    for ask in (BUY, CLOSE):
        assert outcome(account, classes="SOMETHING", ask=ask) == (AuthorityFinding.AUTH_NONE, MISSING[AccountGate.CLASSIFIED])


@pytest.mark.parametrize("seed", range(6))
def test_gov_2_the_verdict_from_columns_is_the_cores_on_the_same_documents(scene, seed):
    rng = random.Random(seed)
    accounts = new_accounts(12)
    for _ in range(rng.randint(1, 9)):
        make_authority(
            sorted(rng.sample(accounts, rng.randint(1, 6))),
            kind=rng.choice([AuthorityKind.LPA, AuthorityKind.IMA]),
            powers=set(rng.sample([Power.TRADE, Power.SHORT, Power.MARGIN, Power.OPTIONS], rng.randint(1, 4))),
            effective_from=NOW - rng.choice([1, 5, 500]) * DAY,
            expires_at=rng.choice([None, NOW, NOW + DAY, NOW - timedelta(hours=3)]),
            symbols_denied=rng.choice([[], [], ["XYZ"]]),
            **rng.choice([{}, {"order_notional_limit": Decimal(100), "limit_currency": "USD"}]),
        )
    for document in Authority.objects.order_by("id"):
        if rng.random() < 0.3:
            at = NOW - rng.choice([0, 2]) * DAY
            services.revoke_authority(authority_id=document.id, actor=None, now=NOW, reason="x", revoked_at=at)
    opens, short, margin = (np.array([rng.random() < 0.5 for _ in accounts]) for _ in range(3))
    notional = np.array([rng.choice([9_999, 10_000, 10_001]) for _ in accounts])
    ask = AuthorityAsk(rng.choice(["EQUITY", "OPTION"]), ("XYZ",), opens, short, margin, notional)
    found = verdict(accounts, ask)
    texts = [str(account) for account in accounts]
    expected = AuthorityBook.build(authority_values(Authority.objects.all()), texts, ["USD"] * 12).check(ask, NOW)
    for i in range(12):
        assert found.finding(i) is expected.finding(i)
        assert not found.codes[i] or found.reason(i) == expected.decision(i).reason


@pytest.mark.parametrize("seed", range(4))
def test_acc_1_many_gates_at_once_agree_with_one_account_at_a_time(scene, seed):
    rng = random.Random(seed)
    accounts, classes = new_accounts(40), ["PERSONAL", "SHELTERED", "ENTITY", "PROP", "UNKNOWN"]
    names = [rng.choice(classes) for _ in accounts]
    on_file = {account: frozenset(rng.sample(list(AccountGate), rng.randint(0, 8))) for account in accounts}
    for gate in AccountGate:
        some = [account for account in accounts if gate in on_file[account]]
        services.record_gates(account_ids=some, gate=gate, evidence="x", actor=None, now=NOW)
    found = verdict(accounts, classes=names)
    for i, account in enumerate(accounts):
        findings = gate_findings(AccountOnFile(str(account), names[i], on_file[account]))
        assert found.reason(i) == (findings[0].reason if findings else "")


@pytest.mark.parametrize("size", [1, 3, 2_100])
def test_gov_2_the_number_of_queries_does_not_depend_on_the_number_of_accounts(scene, size):
    accounts = new_accounts(size)
    make_authority(accounts[: size // 2 + 1])
    with CaptureQueriesContext(connection) as captured:
        found = verdict(accounts, CLOSE)
    assert len(captured) == 5
    with CaptureQueriesContext(connection) as captured:
        reasons = [found.reason(i) for i in range(size)]
    assert len(captured) <= 3 and len(set(reasons)) <= 2


def test_gov_1_who_may_record_and_what_is_refused(scene):
    (account,) = new_accounts(1)
    parties = make_parties()
    for role in Role:
        actor = scene.people[role]
        if role in (Role.RISK, Role.COMPLIANCE):
            make_authority([account], actor=actor, parties=parties)
        else:
            with pytest.raises(services.NotPermitted), transaction.atomic():
                make_authority([account], actor=actor, parties=parties)
    for wrong in (
        {"powers": {Power.WITHDRAW}},
        {"expires_at": NOW - 400 * DAY},
        {"order_notional_limit": Decimal(1)},
        {"code": Authority.objects.first().code},
    ):
        with pytest.raises(UnableToRecord), transaction.atomic():
            make_authority([account], parties=parties, **wrong)
    with pytest.raises(NotFound), transaction.atomic():
        make_authority([account], parties=(parties[0], account, ()))
    with pytest.raises(NotFound), transaction.atomic():
        make_authority([account], parties=(*parties[:2], (Signature("NOBODY", NOW),)))
    with pytest.raises(UnableToRecord), transaction.atomic():
        services.record_party(code=Party.objects.first().code, name="again", actor=None, now=NOW)


def test_gov_2_a_stranger_has_no_authority_over_our_accounts():
    ours, theirs = make_scene(), make_scene()
    (account,) = new_accounts(1)
    with tenancy.firm(ours.firm):
        document = make_authority([account])
    with tenancy.firm(theirs.firm):
        assert outcome(account)[0] is AuthorityFinding.AUTH_NONE
        with pytest.raises(NotFound):
            services.revoke_authority(authority_id=document, actor=theirs.compliance, now=NOW, reason="x")


def test_gov_2_warnings_come_at_60_30_and_7_days_and_the_nearer_replaces_the_farther(scene):
    (account,) = new_accounts(1)
    make_authority([account], expires_at=NOW + 100 * DAY)
    seen = []
    for days in (39, 40, 69, 70, 92, 93, 99, 100):
        services.warn_of_expiring_authorities(now=NOW + days * DAY)
        seen.append([(alert.tier, alert.occurrences) for alert in queries.open_alerts()])
    sixty, thirty, seven = (AlertTier.INFO, AlertTier.WARNING, AlertTier.WARNING)
    assert seen == [[], [(sixty, 1)], [(sixty, 2)], [(thirty, 1)], [(thirty, 2)], [(seven, 1)], [(seven, 2)], [(AlertTier.CRITICAL, 1)]]


def test_gov_2_no_warning_where_another_document_goes_on(scene):
    account, other = new_accounts(2)
    make_authority([account, other], expires_at=NOW + 5 * DAY)
    make_authority([account])
    assert services.warn_of_expiring_authorities(now=NOW) == 1
    make_authority([other], expires_at=None)
    assert services.warn_of_expiring_authorities(now=NOW) == 0
