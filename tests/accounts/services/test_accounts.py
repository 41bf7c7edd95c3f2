"""ACC-1, ACC-2, CON-3: accounts, the places they are kept at, how they relate."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal as D
from threading import Event
from time import sleep

import pytest
from django.db import connection

from accounts import queries, services
from accounts.core import relationships as r
from accounts.enums import AccountClass, LeverageRegime, Registration, RelationshipKind, TaxClassification
from accounts.models import Account
from accounts.services import NewAccount
from base import tenancy
from base.core.ids import new_id
from base.errors import Forbidden, NotFound
from governance import services as governance
from governance.core.subjects import Actor, Subject
from governance.enums import Role, SubjectKind
from governance.models import AuditEvent
from governance.queries import trail_of_subject
from tests.accounts.books import DAY, NOW
from tests.desk import together
from tests.factories import as_loader, make_account, make_firm, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def lane():
    with tenancy.firm(make_firm().id):
        custodian = services.open_custodian(code="ALP", name="Alpine", now=NOW)
        connection, _ = services.open_connection(code="ALP-1", gateway="paper", custodian_id=custodian, now=NOW)
        yield {"custodian_id": custodian, "connection_id": connection}


def facts(lane, code="A1", **changed):
    plain = {
        "code": code,
        "name": f"Zoë {code}",
        "account_class": AccountClass.PERSONAL,
        "registration": Registration.JOINT,
        "tax_classification": TaxClassification.TAXABLE,
        "leverage_regime": LeverageRegime.CASH,
        "base_currency": "USD",
        "custodian_account": f"U-{code}",
        "opened_on": DAY,
    }
    return {**plain, **lane, **changed}


def test_acc_2_an_account_is_opened_with_its_facts_and_an_audit_event(lane):
    one = services.open_account(now=NOW, **facts(lane, position_cap_rate=D("0.0725")))
    account = Account.objects.get(pk=one)
    assert (account.name, account.position_cap_rate, account.owner_id, account.opened_on) == ("Zoë A1", D("0.0725"), None, DAY)
    assert len(trail_of_subject(Subject(SubjectKind.ACCOUNT, str(one)))) == 1


@pytest.mark.parametrize("n", [2, 200])
def test_acc_2_many_accounts_open_at_once_in_the_order_given(lane, n):
    ids = services.open_accounts(new=[NewAccount(**facts(lane, f"N{i}", base_currency=("USD", "EUR")[i % 2])) for i in range(n)], now=NOW)
    found = Account.objects.filter(pk__in=ids).in_bulk()
    assert [found[one].code for one in ids] == [f"N{i}" for i in range(n)]
    assert [found[one].base_currency for one in ids[:2]] == ["USD", "EUR"] and found[ids[0]].position_cap_rate is None


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"registration": Registration.ROTH_IRA}, "cannot be registered as ROTH_IRA"),
        (
            {"account_class": AccountClass.SHELTERED, "registration": Registration.ROTH_IRA, "leverage_regime": LeverageRegime.REG_T},
            "cannot borrow",
        ),
        ({"account_class": AccountClass.PROP, "registration": Registration.PROP_DESK}, "states no position cap"),
        ({"tax_classification": ""}, "tax_classification is missing"),
        ({"base_currency": ""}, "base_currency is missing"),
        ({"position_cap_rate": D(-1)}, "not a positive rate"),
    ],
)
def test_acc_1_what_contradicts_its_class_or_is_missing_is_refused_and_none_is_opened(lane, changed, told):
    before = Account.objects.count()
    with pytest.raises(services.UnableToOpen, match=told) as refusal:
        services.open_accounts(new=[NewAccount(**facts(lane)), NewAccount(**facts(lane, "A2", **changed))], now=NOW)
    assert refusal.value.code == "ACC-2" and Account.objects.count() == before


def test_acc_2_codes_and_numbers_are_taken_once(lane):
    services.open_account(now=NOW, **facts(lane))
    for changed in ({"custodian_account": "other"}, {"code": "A2"}):
        with pytest.raises(services.UnableToOpen, match="exists already"):
            services.open_account(now=NOW, **facts(lane) | {"custodian_account": "U-A1"} | changed)
    with pytest.raises(services.UnableToOpen, match="given twice"):
        services.open_accounts(new=[NewAccount(**facts(lane, "B"))] * 2, now=NOW)
    with pytest.raises(NotFound):
        services.open_account(now=NOW, **facts(lane, "C", custodian_id=new_id()))
    with pytest.raises(services.CodeTaken):
        services.open_custodian(code="ALP", name="again", now=NOW)


def test_a_connection_comes_with_its_clearing_account(lane):
    found = queries.connection_facts(connection_id=lane["connection_id"])
    place = Account.objects.get(pk=found.clearing_account_id)
    assert place.is_clearing and place.custodian_account == found.clearing_custodian_account == "ALP-1-CLEARING"
    assert queries.custody_books(connection_id=lane["connection_id"]) == {"ALP-1-CLEARING": {"cash": {}, "positions": {}}}


def test_con_3_the_four_graphs_are_stored_apart_and_read_as_the_cores_edges(lane):
    """Manager M, M's IRA, M's LLC, client K: one ControlGroup of four; TaxUnit(M) excludes K."""
    m, ira, llc, k = (make_account() for _ in range(4))
    owner = governance.record_party(code="M", name="M", actor=None, now=NOW)
    for account in (m, ira, llc, k):
        controls = {"source": r.party(owner), "target": r.account(account.id), "valid_from": DAY, "now": NOW}
        first = services.relate(kind=RelationshipKind.CONTROL_GROUP, **controls)
        assert services.relate(kind=RelationshipKind.CONTROL_GROUP, **controls) == first
    for account in (m, ira, llc):
        services.relate(kind=RelationshipKind.TAX_UNIT, source=r.party(owner), target=r.account(account.id), valid_from=DAY, now=NOW)
        services.relate(
            kind=RelationshipKind.OWNER, source=r.account(account.id), target=r.party(owner), valid_from=DAY, now=NOW, share=D(1)
        )
    edges = queries.edges()
    assert r.group_of(edges, RelationshipKind.CONTROL_GROUP, r.account(k.id), DAY) == {a.id for a in (m, ira, llc, k)}
    assert r.group_of(edges, RelationshipKind.TAX_UNIT, r.party(owner), DAY) == {a.id for a in (m, ira, llc)}
    assert r.same_owner(edges, m.id, ira.id, DAY) and not r.same_owner(edges, m.id, k.id, DAY)
    ids = [a.id for a in (m, k)]
    assert len(set(queries.control_groups(account_ids=ids, on=DAY).tolist())) == 1
    assert len(set(queries.control_groups(account_ids=ids, on=DAY - timedelta(1)).tolist())) == 2


def test_con_3_an_edge_ends_on_its_day_and_nonsense_is_refused(lane):
    one, other = make_account(), make_account()
    terms = {"kind": RelationshipKind.RELATED_PARTY, "source": r.account(one.id), "target": r.account(other.id), "now": NOW}
    edge = services.relate(valid_from=DAY, **terms)
    services.end_relationship(relationship_id=edge, valid_until=DAY + timedelta(9), now=NOW)
    days = (DAY - timedelta(1), DAY, DAY + timedelta(8), DAY + timedelta(9))
    assert [r.are_related(queries.edges(), terms["source"], terms["target"], day) for day in days] == [False, True, True, False]
    for changed, told in (
        ({"kind": RelationshipKind.OWNER}, "from an account to a party"),
        ({"target": terms["source"]}, "to itself"),
        ({"share": D("1.01")}, "between 0 and 1"),
    ):
        with pytest.raises(services.UnableToRelate, match=told):
            services.relate(valid_from=DAY, **{**terms, **changed})
    with pytest.raises(services.UnableToRelate, match="begins on"):
        services.end_relationship(relationship_id=edge, valid_until=DAY, now=NOW)
    with pytest.raises(NotFound):
        services.relate(valid_from=date(2020, 1, 1), **{**terms, "target": r.party(new_id())})


def test_acc_2_the_trail_keeps_all_an_account_was_opened_with(lane):
    actor = Actor(str(make_user(Role.COMPLIANCE).pk), Role.COMPLIANCE)
    one = services.open_account(now=NOW, actor=actor, reason="signed today", **facts(lane, position_cap_rate=D("0.05")))
    event = AuditEvent.objects.get(subject_id=str(one))
    assert (event.action, event.actor_role, event.reason, event.before) == ("CREATED", Role.COMPLIANCE, "signed today", {})
    assert (
        event.after["custodian_account"] == "U-A1" and event.after["opened_on"] == str(DAY) and event.after["position_cap_rate"] == "0.05"
    )


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"registration": Registration.ROTH_IRA}, "registration"),
        ({"account_class": AccountClass.PROP, "registration": Registration.PROP_DESK}, "position_cap_rate"),
        ({"position_cap_rate": D("1.1")}, "position_cap_rate"),
        ({"custodian_account": ""}, "custodian_account"),
        ({"code": "A\n1", "custodian_account": "U-1"}, "code"),
        ({"code": "A1\u200b", "custodian_account": "U-1"}, "code"),
        ({"custodian_account": "U-\u202e1"}, "custodian_account"),
        ({"opened_on": date(26, 3, 2)}, "opened_on"),
        ({"opened_on": NOW.date() + timedelta(days=367)}, "opened_on"),
    ],
)
def test_acc_2_a_refusal_names_the_field(lane, changed, field):
    with pytest.raises(services.UnableToOpen) as refused:
        services.open_account(now=NOW, **facts(lane, **changed))
    assert refused.value.context["fields"].keys() == {field}


def test_acc_2_a_number_that_is_taken_is_told_from_a_code_that_is(lane):
    services.open_account(now=NOW, **facts(lane))
    for changed, field in (({"code": "A2", "custodian_account": "U-A1"}, "custodian_account"), ({"custodian_account": "U-9"}, "code")):
        with pytest.raises(services.UnableToOpen) as refused:
            services.open_account(now=NOW, **facts(lane, **changed))
        assert refused.value.context["field"] == field


@pytest.mark.parametrize("day", [date(1900, 1, 1), NOW.date() + timedelta(days=366)])
def test_acc_2_an_account_opens_on_any_day_of_a_life(lane, day):
    one = services.open_account(now=NOW, **facts(lane, opened_on=day))
    assert Account.objects.get(pk=one).opened_on == day


def somebody_waits_for_us():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))")
        return cursor.fetchone() is not None


@pytest.mark.parametrize(("changed", "field"), [({"custodian_account": "U-9"}, "code"), ({"code": "A2"}, "custodian_account")])
def test_acc_2_of_two_that_open_under_one_name_at_once_the_second_is_told(changed, field):
    firm, plain = as_loader(make_firm), {}

    def places():
        with tenancy.firm(firm.id):
            custodian = services.open_custodian(code="ALP", name="Alpine", now=NOW)
            line, _ = services.open_connection(code="ALP-1", gateway="paper", custodian_id=custodian, now=NOW)
            plain.update(facts({"custodian_id": custodian, "connection_id": line}, custodian_account="U-A1"))

    as_loader(places)
    is_open, waited = Event(), []

    def first():
        with tenancy.firm(firm.id):
            services.open_account(now=NOW, **plain)
            is_open.set()
            for _ in range(200):
                if somebody_waits_for_us():
                    waited.append(True)
                    break
                sleep(0.02)

    def second():
        is_open.wait(10)
        with tenancy.firm(firm.id):
            services.open_account(now=NOW, **{**plain, **changed})

    opened, refused = together(first, second)
    assert opened is None and waited and isinstance(refused, services.UnableToOpen), refused
    assert refused.context["field"] == field
    with tenancy.firm(firm.id):
        assert Account.objects.filter(is_clearing=False).count() == 1


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.RISK, Role.COMPLIANCE}))
def test_gov_7_other_roles_open_no_account(lane, role):
    before = Account.objects.count()
    with pytest.raises(Forbidden):
        services.open_account(now=NOW, actor=Actor(str(make_user(role).pk), role), **facts(lane))
    assert Account.objects.count() == before
