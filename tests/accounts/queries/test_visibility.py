"""DESIGN §6: a role first, then direct grants on accounts and dated groups; nothing else opens anything."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import services
from accounts.models import Account, AccountUserObjectPermission
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
