"""DESIGN §6: a role first, then direct grants on accounts and dated groups; nothing else opens anything."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from random import Random

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.db.models import Count, Exists, OuterRef
from django.test.utils import CaptureQueriesContext

from accounts import services
from accounts.models import Account, AccountGroup, AccountGroupMember, AccountGroupUserObjectPermission, AccountUserObjectPermission
from accounts.queries import tradable_by, visible_to
from base import tenancy
from base.errors import NotFound
from governance.core.subjects import Subject
from governance.enums import AuditAction, Role, SubjectKind
from governance.models import Membership
from governance.queries import trail_of_subject
from tests.accounts.books import DAY, NOW
from tests.factories import make_account, make_firm, make_user

pytestmark = pytest.mark.django_db
TODAY = NOW.date()


@pytest.fixture
def firm():
    firm = make_firm()
    with tenancy.firm(firm.id):
        yield firm


def seen(user, on=TODAY):
    return set(visible_to(user, on=on))


def traded(user, on=TODAY):
    return set(tradable_by(user, on=on))


@pytest.mark.parametrize("role", list(Role))
def test_roles_of_control_see_everything_and_the_others_nothing_until_granted(firm, role):
    account, user = make_account(), make_user(role)
    everything = role in {Role.COMPLIANCE, Role.RISK, Role.OPERATIONS}
    assert seen(user) == ({account} if everything else set()) and traded(user) == set()
    services.grant_account(account_id=account.id, user_id=user.id, can_trade=True, now=NOW)
    assert seen(user) == {account}
    # Only managers and traders trade, whatever was granted.
    assert traded(user) == ({account} if role in {Role.MANAGER, Role.TRADER} else set())


def test_the_owner_sees_the_colleague_without_the_grant_and_the_stranger_do_not(firm):
    account, other = make_account(), make_account()
    owner, colleague = make_user(Role.INVESTOR), make_user(Role.INVESTOR)
    services.grant_account(account_id=account.id, user_id=owner.id, now=NOW)
    assert (seen(owner), seen(colleague)) == ({account}, set()) and other not in seen(owner) and traded(owner) == set()
    assert set(visible_to(owner.id)) == {account}
    assert seen(0) == set() and seen(None) == set()


def test_i9_a_grant_or_a_role_of_one_firm_opens_nothing_in_another():
    with tenancy.firm(make_firm().id):
        ours, user = make_account(), make_user(Role.MANAGER)
        services.grant_account(account_id=ours.id, user_id=user.id, can_trade=True, now=NOW)
        assert seen(user) == traded(user) == {ours}
    with tenancy.firm(make_firm().id):
        theirs = make_account()
        assert seen(user) == set()
        Membership.objects.create(user=user, role=Role.RISK)
        assert seen(user) == {theirs} and traded(user) == set()
    assert seen(user) == set()  # outside any block


def test_an_ended_membership_or_person_sees_nothing_at_once(firm):
    account, user = make_account(), make_user(Role.TRADER)
    services.grant_account(account_id=account.id, user_id=user.id, can_trade=True, now=NOW)
    assert traded(user) == {account}
    Membership.objects.update(is_active=False)
    assert seen(user) == traded(user) == set()
    Membership.objects.update(is_active=True)
    user.is_active = False
    user.save()
    assert seen(user) == traded(user) == set()


def test_a_revoked_grant_is_gone_and_trading_can_be_taken_back_alone(firm):
    account, user = make_account(), make_user(Role.TRADER)
    for _ in range(2):
        services.grant_account(account_id=account.id, user_id=user.id, can_trade=True, now=NOW)
    assert AccountUserObjectPermission.objects.count() == 2 and AccountUserObjectPermission.objects.first().firm_id == firm.id
    assert services.revoke_account(account_id=account.id, user_id=user.id, only_trading=True, now=NOW) == 1
    assert (seen(user), traded(user)) == ({account}, set())
    assert services.revoke_account(account_id=account.id, user_id=user.id, now=NOW) == 1
    assert services.revoke_account(account_id=account.id, user_id=user.id, now=NOW) == 0 and seen(user) == set()
    told = [event.action for event in trail_of_subject(Subject(SubjectKind.ACCOUNT, str(account.id)))]
    assert told.count(AuditAction.GRANTED) == 2 and told.count(AuditAction.GRANT_REVOKED) == 2


def test_a_group_reaches_its_members_of_the_day(firm):
    first, second = make_account(), make_account()
    user = make_user(Role.MANAGER)
    group = services.open_group(code="G", name="Group", account_ids=[first.id], now=NOW)
    services.grant_group(group_id=group, user_id=user.id, can_trade=True, now=NOW)
    assert seen(user) == traded(user) == {first} and seen(user, TODAY - timedelta(1)) == set()
    later = NOW + timedelta(days=10)
    assert services.set_group_members(group_id=group, account_ids=[second.id], now=later) == (1, 1)
    days = [TODAY + timedelta(n) for n in (0, 9, 10)]
    assert [seen(user, day) for day in days] == [{first}, {first}, {second}]
    # leaving and coming back on one day changes nothing
    services.set_group_members(group_id=group, account_ids=[], now=later)
    services.set_group_members(group_id=group, account_ids=[first.id, second.id], now=later)
    assert [seen(user, day) for day in days] == [{first}, {first}, {first, second}]
    assert services.revoke_group(group_id=group, user_id=user.id, now=NOW) == 2 and seen(user) == set()


def test_global_permissions_auth_groups_and_superusers_open_nothing(firm):
    make_account()
    user = make_user(Role.MANAGER)
    everything = Group.objects.create(name="everything")
    everything.permissions.set(Permission.objects.all())
    user.is_superuser = True
    assert seen(user) == traded(user) == set()


def test_grants_go_to_members_on_what_exists(firm):
    account, outsider, insider = make_account(), make_user(), make_user(Role.TRADER)
    with pytest.raises(NotFound):
        services.grant_account(account_id=account.id, user_id=outsider.id, now=NOW)
    for service in (services.grant_account, services.grant_group):
        with pytest.raises(NotFound):
            service(
                **{"account_id" if service is services.grant_account else "group_id": account.connection_id}, user_id=insider.id, now=NOW
            )
    services.open_group(code="G", name="Group", now=NOW)
    with pytest.raises(services.UnableToGroup):
        services.open_group(code="G", name="Group", now=NOW)
    with pytest.raises(NotFound):
        services.open_group(code="H", name="Group", account_ids=[account.connection_id], now=NOW)


def test_one_statement_however_many_grants(firm):
    user = make_user(Role.MANAGER)
    for number in (1, 5):
        while Account.objects.count() < number:
            services.grant_account(account_id=make_account().id, user_id=user.id, can_trade=True, now=NOW)
        for query in (visible_to, tradable_by):
            with CaptureQueriesContext(connection) as captured:
                assert len(query(user.id, on=DAY)) == number
            assert len(captured) == 1


CONTROL = {Role.COMPLIANCE, Role.RISK, Role.OPERATIONS}
GRANTED = {"view": {Role.MANAGER, Role.TRADER, Role.INVESTOR}, "trade": {Role.MANAGER, Role.TRADER}}
DAYS = [TODAY + timedelta(n) for n in range(-1, 4)]


def some(chance, *lists, odds=0.35):
    """Return some of all ways to take one of each."""
    return [one for one in product(*lists) if chance.random() < odds]


def fill(chance, people):
    """Give the open firm accounts and groups, and the people roles and grants in it, by chance: ended ones and verbs that open nothing too."""
    accounts = [make_account() for _ in range(4)]
    groups = [AccountGroup.objects.create(code=f"G{n}", name="Group") for n in range(3)]
    permission = {row.codename: row for row in Permission.objects.filter(content_type__app_label="accounts")}
    Membership.objects.bulk_create(
        Membership(user=user, role=role, is_active=chance.random() < 0.7) for user, role in some(chance, people, Role, odds=0.25)
    )
    verbs = ("view", "trade", "change")
    for kind, rows, name in (
        (AccountUserObjectPermission, accounts, "account"),
        (AccountGroupUserObjectPermission, groups, "accountgroup"),
    ):
        given = some(chance, people, verbs, rows)
        kind.objects.bulk_create(kind(user=user, permission=permission[f"{verb}_{name}"], content_object=row) for user, verb, row in given)
    AccountGroupMember.objects.bulk_create(
        AccountGroupMember(group=group, account=account, valid_from=since, valid_until=chance.choice([None, since, since + timedelta(2)]))
        for group, account, since in some(chance, groups, accounts, DAYS, odds=0.15)
    )


def by_the_rule(firm, user, verb, day):
    """Say the same in plain words: active, a role of this firm first, then what was granted, of groups the members of the day."""
    roles = {Role(m.role) for m in Membership.objects.filter(user=user, firm=firm) if m.is_active} if user.is_active else set()
    if verb == "view" and roles & CONTROL:
        return set(Account.objects.values_list("pk", flat=True))
    if not roles & GRANTED[verb]:
        return set()
    direct = AccountUserObjectPermission.objects.filter(user=user, permission__codename=f"{verb}_account")
    through = AccountGroupUserObjectPermission.objects.filter(user=user, permission__codename=f"{verb}_accountgroup")
    members = AccountGroupMember.objects.filter(group__in=[grant.content_object_id for grant in through])
    of_the_day = [m for m in members if m.valid_from <= day and (m.valid_until is None or day < m.valid_until)]
    return {grant.content_object_id for grant in direct} | {m.account_id for m in of_the_day}


@pytest.mark.parametrize("seed", range(6))
def test_whatever_was_granted_who_sees_and_trades_what_is_the_rule_in_plain_words(seed):
    chance, firms = Random(seed), [make_firm(), make_firm()]
    people = [make_user() for _ in range(6)]
    for firm in firms:
        with tenancy.firm(firm.id):
            fill(chance, people)
    people[-1].is_active = False
    people[-1].save()
    for firm in firms:
        with tenancy.firm(firm.id):
            for user, day in product(people, DAYS):
                with tenancy.person(user.pk):  # who has their roles of the other firm in sight, too
                    assert {one.pk for one in seen(user, day)} == by_the_rule(firm, user, "view", day)
                    assert {one.pk for one in traded(user, day)} == by_the_rule(firm, user, "trade", day)
    assert not any(seen(user) or traded(user) for user in people)  # outside any block


def test_who_sees_what_holds_in_whatever_statement_it_stands(firm):
    account, other, user = make_account(), make_account(), make_user(Role.MANAGER)
    services.grant_account(account_id=account.id, user_id=user.id, now=NOW)
    rows, officer = visible_to(user, on=TODAY), make_user(Role.RISK)
    assert set(Account.objects.exclude(pk__in=rows)) == {other}
    assert set(rows | Account.objects.none()) == set(rows & visible_to(officer, on=TODAY)) == {account}
    assert set(Account.objects.filter(Exists(rows.filter(pk=OuterRef("pk"))))) == {account}
    assert set(rows.filter(custodian__code__gt="").order_by("connection__code")) == {account}
    assert list(rows.values("custodian").annotate(n=Count("id")).values_list("n", flat=True)) == [1]
    assert rows.count() == rows.update(name="Another") == len(rows.select_for_update()) == 1
