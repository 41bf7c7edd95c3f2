"""REC-6: close-only before the next open, louder by the day, lifted when it is resolved."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.enums import BlockMode
from accounts.models import TradingBlock
from accounts.services import UnableToClose, block_trading, close_account
from base import tenancy
from governance.enums import Role
from governance.models import Alert
from governance.queries import actor_for
from governance.services import approve
from reconciliation.models import Break, Waiver
from reconciliation.queries.obstacles import break_words
from reconciliation.services import block_unresolved, reconcile_custodian, request_waiver, take_snapshot_from_file, waive_break
from tests.factories import make_firm, make_user

from .books import BEFORE_OPEN, DAY, EVENING, NEXT, NEXT_EVENING, CustodianFile, make_scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    with tenancy.firm(make_firm().id):
        scene = make_scene()
        reconciled(scene, "249000")
        yield scene


def reconciled(scene, cash, day=DAY, now=EVENING):
    file = CustodianFile(scene, day).cash(cash, cash).cash("250000", "250000", account=1)
    taken = take_snapshot_from_file(custodian_id=scene.custodian.id, data=file.data(), now=now)
    return reconcile_custodian(custodian_id=scene.custodian.id, as_of=day, now=now, taken=taken)


def standing():
    return list(TradingBlock.objects.filter(ends_at=None).values_list("account__code", "mode", "rule"))


def test_rec_6_there_is_time_until_the_next_open(scene):
    assert block_unresolved(now=EVENING + timedelta(minutes=5)).blocked == ()
    assert standing() == []


def test_rec_6_an_unresolved_material_break_makes_its_account_close_only_before_the_open(scene):
    facts = block_unresolved(now=BEFORE_OPEN)
    assert facts.blocked == (scene.accounts[0].id,)
    assert standing() == [(scene.accounts[0].code, "CLOSE_ONLY", "REC-6")]
    again = block_unresolved(now=BEFORE_OPEN + timedelta(minutes=5))
    assert again.blocked == again.lifted == () and len(standing()) == 1


def test_acc_2_an_account_with_a_break_is_not_closed(scene):
    actor = actor_for(make_user(Role.RISK).pk, Role.RISK)
    with pytest.raises(UnableToClose, match="2 breaks with its custodian not resolved"):
        close_account(account_id=scene.accounts[0].id, closed_on=EVENING.date(), actor=actor, now=EVENING, reason="x")
    assert break_words(scene.accounts[1].id, EVENING) == ""


def test_rec_6_one_business_day_warns_two_are_critical(scene):
    block_unresolved(now=BEFORE_OPEN)
    assert list(Alert.objects.filter(rule="REC-6").values_list("tier", flat=True)) == ["WARNING"]
    reconciled(scene, "249000", NEXT, NEXT_EVENING)
    block_unresolved(now=BEFORE_OPEN + timedelta(days=1))
    assert list(Alert.objects.filter(rule="REC-6", ended_at=None).values_list("tier", flat=True)) == ["CRITICAL"]


def test_rec_6_the_block_is_lifted_when_the_break_is_gone(scene):
    block_unresolved(now=BEFORE_OPEN)
    reconciled(scene, "250000", NEXT, NEXT_EVENING)
    facts = block_unresolved(now=NEXT_EVENING + timedelta(minutes=5))
    assert facts.lifted == (scene.accounts[0].id,) and standing() == []


def test_rec_6_a_break_below_tolerance_blocks_nothing(scene):
    reconciled(scene, "249900", DAY, EVENING + timedelta(minutes=5))
    assert block_unresolved(now=BEFORE_OPEN).blocked == ()


def test_con_5_an_account_nobody_reported_is_close_only(scene):
    with tenancy.firm(tenancy.current_firm()):
        other = make_scene()
        reconcile_custodian(custodian_id=other.custodian.id, as_of=DAY, now=EVENING)
        blocked = set(block_unresolved(now=BEFORE_OPEN).blocked)
    assert blocked == {scene.accounts[0].id, *(account.id for account in other.accounts)}


def test_rec_6_blocks_of_other_rules_are_left_alone(scene):
    account = scene.accounts[1]
    TradingBlock.objects.create(account=account, mode="CLOSED", rule="GOV-3", reason="expired", starts_at=EVENING)
    block_unresolved(now=BEFORE_OPEN)
    assert (account.code, "CLOSED", "GOV-3") in standing()


def test_rec_6_a_waiver_of_two_people_lets_the_account_trade_until_it_ends(scene):
    asker, second = (actor_for(make_user(Role.OPERATIONS).id) for _ in range(2))
    row = Break.objects.filter(item_kind="CASH_TD").get()
    until = EVENING + timedelta(days=1)
    for row in Break.objects.all():
        terms = {"break_id": row.id, "reason": "late dividend, statement follows", "expires_at": until, "now": EVENING}
        approval_id = request_waiver(**terms, actor=asker)
        approve(approval_id=approval_id, actor=second, now=EVENING, reason="seen")
        waive_break(**terms, approval_id=approval_id, actor=asker)
    assert Waiver.objects.count() == 2 and block_unresolved(now=BEFORE_OPEN).blocked == ()
    assert set(Break.objects.values_list("state", flat=True)) == {"WAIVED"}
    assert block_unresolved(now=BEFORE_OPEN + timedelta(days=1)).blocked == (scene.accounts[0].id,)


def test_rec_6_a_waiver_frees_the_account_at_once(scene):
    asker, second = (actor_for(make_user(Role.OPERATIONS).id) for _ in range(2))
    block_unresolved(now=BEFORE_OPEN)
    assert [row[0] for row in standing()] == [scene.accounts[0].code]
    for row in Break.objects.all():
        assert standing() != [], "the last reason is gone with the last break"
        terms = {"break_id": row.id, "reason": "known", "expires_at": BEFORE_OPEN + timedelta(days=1), "now": BEFORE_OPEN}
        approval_id = request_waiver(**terms, actor=asker)
        approve(approval_id=approval_id, actor=second, now=BEFORE_OPEN, reason="seen")
        waive_break(**terms, approval_id=approval_id, actor=asker)
    assert standing() == [] and not Alert.objects.filter(rule="REC-6", ended_at=None).exists()


def test_rec_6_who_frees_one_account_waits_for_no_other(scene):
    """It may hold its account's books meanwhile, and whoever frees the others may wait for these: in a circle."""
    asker, second = (actor_for(make_user(Role.OPERATIONS).id) for _ in range(2))
    block_unresolved(now=BEFORE_OPEN)
    terms = {"instrument_id": None, "mode": BlockMode.CLOSE_ONLY, "rule": "REC-6", "reason": "gone since", "now": BEFORE_OPEN}
    block_trading(account_id=scene.accounts[1].id, **terms)
    for row in Break.objects.all():
        given = {"break_id": row.id, "reason": "known", "expires_at": BEFORE_OPEN + timedelta(days=1), "now": BEFORE_OPEN}
        approval_id = request_waiver(**given, actor=asker)
        approve(approval_id=approval_id, actor=second, now=BEFORE_OPEN, reason="seen")
        waive_break(**given, approval_id=approval_id, actor=asker)
    assert [row[0] for row in standing()] == [scene.accounts[1].code]
    assert block_unresolved(now=BEFORE_OPEN).lifted == (scene.accounts[1].id,)


@pytest.mark.parametrize("later", [timedelta(hours=3), timedelta(hours=12)])
def test_rec_6_a_waiver_frees_the_account_in_the_session_and_far_from_the_next_one(scene, later):
    """It is there before the end of the day it was given for; the block is back by the open that the waiver does not reach."""
    asker, second = (actor_for(make_user(Role.OPERATIONS).id) for _ in range(2))
    block_unresolved(now=BEFORE_OPEN)
    now = BEFORE_OPEN + later
    for row in Break.objects.all():
        terms = {"break_id": row.id, "reason": "known", "expires_at": now + timedelta(hours=2), "now": now}
        approval_id = request_waiver(**terms, actor=asker)
        approve(approval_id=approval_id, actor=second, now=now, reason="seen")
        waive_break(**terms, approval_id=approval_id, actor=asker)
    assert standing() == []
    assert block_unresolved(now=now + timedelta(hours=1)).blocked == ()
    block_unresolved(now=BEFORE_OPEN + timedelta(days=1))
    assert [row[0] for row in standing()] == [scene.accounts[0].code]


def test_rec_6_a_waiver_ends_when_the_figures_change(scene):
    asker, second = (actor_for(make_user(Role.OPERATIONS).id) for _ in range(2))
    for row in Break.objects.all():
        terms = {"break_id": row.id, "reason": "known", "expires_at": EVENING + timedelta(days=3), "now": EVENING}
        approval_id = request_waiver(**terms, actor=asker)
        approve(approval_id=approval_id, actor=second, now=EVENING, reason="seen")
        waive_break(**terms, approval_id=approval_id, actor=asker)
    reconciled(scene, "248000", NEXT, NEXT_EVENING)
    assert set(Break.objects.values_list("state", flat=True)) == {"OPEN"}
    assert block_unresolved(now=BEFORE_OPEN + timedelta(days=1)).blocked == (scene.accounts[0].id,)
