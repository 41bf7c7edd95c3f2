"""GOV-4 over rows: two people, one content, one use, 15 minutes."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from base import tenancy
from base.errors import NotFound
from governance import queries, services
from governance.core.subjects import Subject
from governance.enums import ApprovalAction, ApprovalState, AuditAction, SubjectKind
from governance.models import Approval, AuditEvent
from tests.governance.scene import MINUTE, NOW, make_scene

pytestmark = pytest.mark.django_db
ORDER = Subject(SubjectKind.PARENT_ORDER, "P1")
HASH = "a1" * 32
ACTION = ApprovalAction.RELEASE_OVER_LIMIT


@pytest.fixture
def scene():
    scene = make_scene()
    with tenancy.firm(scene.firm):
        yield scene


def request(scene, **changes):
    facts = {"action": ACTION, "subject": ORDER, "content_hash": HASH, "actor": scene.trader, "now": NOW, "reason": "client asked"}
    facts["rules"] = ("RSK-1",)
    return services.request_approval(**{**facts, **changes})


def use(approval_id, **changes):
    facts = {"action": ACTION, "subject": ORDER, "content_hash": HASH, "now": NOW + MINUTE}
    return services.use_approval(approval_id=approval_id, **{**facts, **changes})


def refused(call, *args, **options):
    with pytest.raises(services.UnableToApprove) as caught, transaction.atomic():
        call(*args, **options)
    return caught.value.code, caught.value.status


def test_gov_4_the_whole_way_leaves_its_trail(scene):
    approval_id = request(scene)
    assert [fact.id for fact in queries.pending_approvals(now=NOW)] == [approval_id]
    services.approve(approval_id=approval_id, actor=scene.risk, now=NOW + MINUTE, reason="within appetite")
    use(approval_id)
    fact = queries.approval(approval_id=approval_id, now=NOW + MINUTE)
    assert (fact.state, fact.requested_by, fact.decided_by) == (ApprovalState.USED, int(scene.trader.user_id), int(scene.risk.user_id))
    events = AuditEvent.objects.filter(approval_id=approval_id).order_by("id").values_list("action", flat=True)
    assert list(events) == [AuditAction.APPROVAL_REQUESTED, AuditAction.APPROVAL_GIVEN, AuditAction.APPROVAL_USED]
    assert queries.pending_approvals(now=NOW) == []


def test_gov_4_nobody_approves_their_own_request_not_even_by_hand(scene):
    approval_id = request(scene, actor=scene.risk)
    call = {"approval_id": approval_id, "now": NOW, "reason": "ok"}
    assert refused(services.approve, actor=scene.risk, **call) == ("SAME_PERSON", 403)
    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.filter(id=approval_id).update(decided_by=int(scene.risk.user_id))
    services.approve(actor=scene.second[scene.risk.role], **call)


def test_gov_4_it_is_used_once_and_for_its_content_alone(scene):
    approval_id = request(scene)
    assert refused(use, approval_id) == ("NOT_APPROVED", 422)
    services.approve(approval_id=approval_id, actor=scene.risk, now=NOW, reason="ok")
    assert refused(use, approval_id, content_hash="b2" * 32) == ("CONTENT_CHANGED", 409)
    assert refused(use, approval_id, subject=Subject(SubjectKind.PARENT_ORDER, "P2"))[0] == "WRONG_SUBJECT"
    assert refused(use, approval_id, now=NOW + 15 * MINUTE) == ("EXPIRED", 409)
    use(approval_id)
    assert refused(use, approval_id) == ("ALREADY_USED", 409)


@pytest.mark.parametrize("rule", ["CST-5", "CST-5:FROZEN", "CST-6", "GOV-2", "ALC-9", "ALC-9:IRA", "GOV-5"])
def test_gov_4_what_nobody_may_override_is_not_even_requested(scene, rule):
    assert refused(request, scene, rules=(rule,)) == ("NEVER_OVERRIDABLE", 403)
    assert not Approval.objects.exists()


def test_gov_4_a_refusal_is_final_and_roles_are_checked(scene):
    approval_id = request(scene)
    call = {"approval_id": approval_id, "now": NOW, "reason": "no"}
    assert refused(services.approve, actor=scene.operations, **call) == ("NOT_PERMITTED", 403)
    services.refuse(actor=scene.compliance, **call)
    assert refused(services.approve, actor=scene.risk, **call)[0] == "NOT_REQUESTED"
    assert refused(request, scene, actor=scene.investor) == ("NOT_PERMITTED", 403)


def test_gov_4_time_ends_a_request_that_nobody_decided(scene):
    approval_id = request(scene)
    assert queries.approval(approval_id=approval_id, now=NOW + 15 * MINUTE).state is ApprovalState.EXPIRED


def test_gov_4_a_person_of_another_firm_cannot_see_or_decide():
    ours, theirs = make_scene(), make_scene()
    with tenancy.firm(ours.firm):
        approval_id = request(ours)
    with tenancy.firm(theirs.firm):
        with pytest.raises(NotFound):
            queries.approval(approval_id=approval_id, now=NOW)
        with pytest.raises(NotFound):
            services.approve(approval_id=approval_id, actor=theirs.risk, now=NOW, reason="ok")
