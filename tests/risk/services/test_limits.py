"""RSK-1: who sets the firm's limits, and what is in force when."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from base import tenancy
from base.errors import Conflict, Forbidden
from governance.core.subjects import Actor
from governance.enums import AuditAction, Role
from governance.models import AuditEvent
from risk.core.gate_one import UNLIMITED
from risk.enums import FirmLimitKind
from risk.models import FirmLimit
from risk.queries import limits_in_force
from risk.services import UnableToSetLimit, set_firm_limit
from tests.factories import make_firm, make_user
from tests.risk.scene import NOW

pytestmark = pytest.mark.django_db
D, GROSS = Decimal, FirmLimitKind.GROSS
HOUR = timedelta(hours=1)


@pytest.fixture
def actor():
    with tenancy.firm(make_firm().id):
        yield Actor(str(make_user(Role.RISK).id), Role.RISK)


def test_rsk_1_a_new_limit_ends_the_one_before_and_both_stay(actor):
    set_firm_limit(kind=GROSS, limit=D(100), actor=actor, now=NOW)
    set_firm_limit(kind=GROSS, limit=D("200.5"), actor=actor, now=NOW + HOUR)
    assert limits_in_force(now=NOW - HOUR) == {}
    assert limits_in_force(now=NOW)[GROSS].limit == 100
    assert limits_in_force(now=NOW + HOUR)[GROSS].limit == D("200.5")
    assert FirmLimit.objects.count() == 2


def test_gov_7_every_change_is_audited_with_before_and_after(actor):
    set_firm_limit(kind=GROSS, limit=D(100), actor=actor, now=NOW)
    set_firm_limit(kind=GROSS, limit=UNLIMITED, actor=actor, now=NOW + HOUR, reason="the board decided")
    first, second = AuditEvent.objects.filter(subject_kind="LIMIT", subject_id="GROSS").order_by("id")
    assert (first.action, first.after) == (AuditAction.CREATED, {"limit": "100"})
    assert (second.action, second.before, second.after) == (AuditAction.CHANGED, {"limit": "100"}, {"limit": "UNLIMITED"})
    assert (second.reason, second.rule, str(second.actor_id)) == ("the board decided", "RSK-1", actor.user_id)
    assert limits_in_force(now=NOW + HOUR)[GROSS].limit == UNLIMITED


def test_the_same_figure_again_changes_nothing(actor):
    first = set_firm_limit(kind=GROSS, limit=D(100), actor=actor, now=NOW)
    assert set_firm_limit(kind=GROSS, limit=D("100.00"), actor=actor, now=NOW + HOUR) == first
    assert AuditEvent.objects.filter(subject_kind="LIMIT").count() == 1


@pytest.mark.parametrize("wrong", ["0", "-1", "NaN", "-Infinity", "0.000000001", "1E+21"])
def test_con_1_a_limit_is_a_positive_figure(actor, wrong):
    with pytest.raises(UnableToSetLimit):
        set_firm_limit(kind=GROSS, limit=D(wrong), actor=actor, now=NOW)
    assert limits_in_force(now=NOW) == {}


@pytest.mark.parametrize("role", [Role.TRADER, Role.MANAGER, Role.OPERATIONS, Role.INVESTOR])
def test_only_risk_and_compliance_set_limits(actor, role):
    with pytest.raises(Forbidden):
        set_firm_limit(kind=GROSS, limit=D(100), actor=Actor(actor.user_id, role), now=NOW)


def test_a_limit_does_not_begin_before_the_one_in_force(actor):
    set_firm_limit(kind=GROSS, limit=D(100), actor=actor, now=NOW)
    with pytest.raises(Conflict):
        set_firm_limit(kind=GROSS, limit=D(200), actor=actor, now=NOW)


def test_i9_a_firms_limits_are_its_own():
    firms = [make_firm(), make_firm()]
    with tenancy.firm(firms[0].id):
        set_firm_limit(kind=GROSS, limit=D(100), actor=Actor(str(make_user(Role.RISK).id), Role.RISK), now=NOW)
    with tenancy.firm(firms[1].id):
        assert limits_in_force(now=NOW) == {}
