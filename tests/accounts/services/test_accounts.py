"""ACC-1, ACC-2, CON-3: accounts, the places they are kept at, how they relate."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal as D

import pytest

from accounts import queries, services
from accounts.core import relationships as r
from accounts.enums import AccountClass, LeverageRegime, Registration, RelationshipKind, TaxClassification
from accounts.models import Account
from accounts.services import NewAccount
from base import tenancy
from base.core.ids import new_id
from base.errors import NotFound
from governance import services as governance
from governance.core.subjects import Subject
from governance.enums import SubjectKind
from governance.queries import trail_of_subject
from tests.accounts.books import DAY, NOW
from tests.factories import make_account, make_firm

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
