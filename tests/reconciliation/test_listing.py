"""Who sees which breaks: owner of a grant, colleague without one, stranger of another firm (DESIGN §6)."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AccountUserObjectPermission
from base import tenancy
from base.errors import NotFound
from governance.core.subjects import Viewer
from governance.enums import Role
from reconciliation.enums import BreakType
from reconciliation.models import Break
from reconciliation.queries import break_seen, breaks, runs
from reconciliation.queries.desk import open_by_type
from reconciliation.services import reconcile_custodian, side_by_side, take_snapshot_from_file
from tests.factories import make_firm, make_user

from .books import DAY, EVENING, NEXT, NEXT_EVENING, CustodianFile, fill, make_scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def firm():
    return make_firm()


@pytest.fixture
def scene(firm):
    with tenancy.firm(firm.id):
        scene = make_scene(4)
        fill(scene, 100, "50", "X1")
        file = CustodianFile(scene).position("101").cash("244999", "250000")
        for account in (1, 2, 3):
            file.cash("1000", "250000", account=account)
        file.trade(100, "50", "X1").fee("-1")
        taken = take_snapshot_from_file(custodian_id=scene.custodian.id, data=file.data(), now=EVENING)
        reconcile_custodian(custodian_id=scene.custodian.id, as_of=DAY, now=EVENING, taken=taken)
        yield scene


@pytest.fixture
def holder(scene):
    """An investor with a grant on the first account alone."""
    person = make_user(Role.INVESTOR)
    view = Permission.objects.get(codename="view_account", content_type__app_label="accounts")
    AccountUserObjectPermission.objects.create(user=person, permission=view, content_object=scene.accounts[0])
    return person


def test_a_person_sees_the_breaks_of_their_accounts_and_no_others(scene, holder):
    seen = breaks(user=holder, today=NEXT)
    assert {row.account for row in seen} == {scene.accounts[0].code} and len(seen) == 1
    assert (seen[0].ours, seen[0].theirs, seen[0].difference, seen[0].age) == (100, 101, 1, 1)
    other = Break.objects.filter(account=scene.accounts[1]).first()
    with pytest.raises(NotFound):
        break_seen(user=holder, break_id=other.id, today=NEXT)
    assert [row.as_of for row in runs(user=holder)] == [DAY]


def test_a_colleague_without_a_grant_sees_nothing(scene):
    colleague = make_user(Role.TRADER)
    assert breaks(user=colleague, today=NEXT) == [] and runs(user=colleague) == []
    assert open_by_type(Viewer(colleague.pk, False, NEXT), NEXT_EVENING) == {}
    with pytest.raises(NotFound):
        side_by_side(user=colleague, account_id=scene.accounts[0].id, as_of=DAY)


def test_operations_see_every_account(scene):
    operations = make_user(Role.OPERATIONS)
    assert {row.account for row in breaks(user=operations, today=NEXT)} == {account.code for account in scene.accounts}
    assert open_by_type(Viewer(operations.pk, True, NEXT), NEXT_EVENING) == {BreakType.QUANTITY: (0, 1, 0), BreakType.CASH: (0, 3, 0)}
    only = breaks(user=operations, today=NEXT, types=frozenset({BreakType.QUANTITY}))
    assert [row.type for row in only] == [BreakType.QUANTITY]


def test_i9_a_stranger_of_another_firm_finds_none_of_it():
    ours, theirs = make_firm(), make_firm()
    with tenancy.firm(ours.id):
        scene = make_scene(1)
        reconcile_custodian(custodian_id=scene.custodian.id, as_of=DAY, now=EVENING)
    with tenancy.firm(theirs.id):
        stranger = make_user(Role.OPERATIONS)
        assert breaks(user=stranger, today=NEXT) == [] and runs(user=stranger) == []


def test_lists_take_the_same_number_of_statements_for_one_break_and_for_many(scene, holder):
    operations = make_user(Role.OPERATIONS)
    counts = []
    for person in (holder, operations):
        with CaptureQueriesContext(connection) as captured:
            breaks(user=person, today=NEXT)
        counts.append(len([q for q in captured if "reconciliation_break" in q["sql"]]))
    assert counts == [1, 1]


def test_side_by_side_shows_every_item_of_the_account(scene, holder):
    lines = {
        (line.item, line.what): (line.ours, line.theirs, line.agrees)
        for line in side_by_side(user=holder, account_id=scene.accounts[0].id, as_of=DAY)
    }
    assert lines["POSITION", scene.instrument.symbol] == (100, 101, False)
    assert lines["CASH_TD", "USD"][2] and lines["CASH_SD", "USD"][2]
    assert lines["TRADE", f"{scene.instrument.symbol} X1"] == (100, 100, True)
    assert lines["FEE", "COMMISSION USD"] == (-1, -1, True)
