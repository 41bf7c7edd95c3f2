"""GOV-4: four eyes."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from governance.core.approvals import APPROVERS, UnableToApprove, approve, never_overridable, refuse, request_approval, state_at, use
from governance.core.subjects import Actor, Subject
from governance.enums import ApprovalAction, ApprovalState, Role, SubjectKind

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HASH, OTHER = "a1" * 32, "b2" * 32
ORDER = Subject(SubjectKind.PARENT_ORDER, "P1")
ANNA, BEN = Actor("anna", Role.TRADER), Actor("ben", Role.RISK)
ACTION = ApprovalAction.RELEASE_OVER_LIMIT


def requested(action=ACTION, actor=ANNA, content_hash=HASH, reason="client asked", rules=("RSK-1",)):
    return request_approval(UUID(int=1), action, ORDER, content_hash=content_hash, actor=actor, at=NOW, reason=reason, rules=rules)


def code_of(call, *args, **options):
    with pytest.raises(UnableToApprove) as caught:
        call(*args, **options)
    return caught.value.code


def test_gov_4_the_whole_way():
    approval = approve(requested(), BEN, NOW + MINUTE, "within appetite")
    spent = use(approval, ACTION, ORDER, HASH, NOW + 2 * MINUTE)
    assert (spent.state, spent.requested_by, spent.decided_by, spent.used_at) == (ApprovalState.USED, "anna", "ben", NOW + 2 * MINUTE)


def test_gov_4_requester_and_approver_are_two_people_whatever_their_roles():
    assert code_of(approve, requested(), Actor("anna", Role.COMPLIANCE), NOW, "ok") == "SAME_PERSON"
    assert code_of(refuse, requested(), Actor("anna", Role.COMPLIANCE), NOW, "ok") == "SAME_PERSON"


ASKED = [action for action in ApprovalAction if action is not ApprovalAction.RETIRED]


@pytest.mark.parametrize("action", ASKED)
@pytest.mark.parametrize("role", list(Role))
def test_gov_4_roles_are_checked_for_every_action(action, role):
    approval = requested(action)
    if role in APPROVERS[action]:
        assert approve(approval, Actor("zoe", role), NOW, "ok").state is ApprovalState.APPROVED
    else:
        assert code_of(approve, approval, Actor("zoe", role), NOW, "ok") == "NOT_PERMITTED"
    assert Role.INVESTOR not in APPROVERS[action]
    assert Role.TRADER not in APPROVERS[action] or action is ApprovalAction.REARM_KILL_SWITCH  # GOV-10: any two of them re-arm


@pytest.mark.parametrize("role", list(Role))
def test_gov_4_nobody_asks_for_what_nobody_could_approve(role):
    assert code_of(requested, ApprovalAction.RETIRED, actor=Actor("ann", role)) == "NOT_PERMITTED"


def test_gov_4_investors_request_nothing_and_reasons_are_given():
    assert code_of(requested, actor=Actor("ida", Role.INVESTOR)) == "NOT_PERMITTED"
    assert code_of(requested, reason="  ") == "NO_REASON"
    assert code_of(approve, requested(), BEN, NOW, "") == "NO_REASON"
    assert code_of(requested, content_hash="abc") == "BAD_HASH"
    assert code_of(requested, rules=()) == "NO_REASON"


def test_gov_4_it_ends_15_minutes_after_the_request():
    last = NOW + 15 * MINUTE - timedelta(microseconds=1)
    assert approve(requested(), BEN, last, "ok").state is ApprovalState.APPROVED
    assert code_of(approve, requested(), BEN, NOW + 15 * MINUTE, "ok") == "EXPIRED"
    late = approve(requested(), BEN, last, "ok")
    assert use(late, ACTION, ORDER, HASH, last).state is ApprovalState.USED
    assert code_of(use, late, ACTION, ORDER, HASH, NOW + 15 * MINUTE) == "EXPIRED"
    assert [state_at(late, at) for at in (last, NOW + 15 * MINUTE)] == [ApprovalState.APPROVED, ApprovalState.EXPIRED]
    assert state_at(use(late, ACTION, ORDER, HASH, last), NOW + 60 * MINUTE) is ApprovalState.USED
    assert code_of(approve, requested(), BEN, NOW - MINUTE, "ok") == "EXPIRED"


def test_gov_4_it_is_used_once():
    spent = use(approve(requested(), BEN, NOW, "ok"), ACTION, ORDER, HASH, NOW)
    assert code_of(use, spent, ACTION, ORDER, HASH, NOW) == "ALREADY_USED"
    assert code_of(approve, spent, BEN, NOW, "ok") == "NOT_REQUESTED"


def test_gov_4_it_holds_for_one_content_one_action_and_one_subject():
    given = approve(requested(), BEN, NOW, "ok")
    assert code_of(use, given, ACTION, ORDER, OTHER, NOW) == "CONTENT_CHANGED"
    assert code_of(use, given, ApprovalAction.CHANGE_LIMIT, ORDER, HASH, NOW) == "WRONG_SUBJECT"
    assert code_of(use, given, ACTION, Subject(SubjectKind.PARENT_ORDER, "P2"), HASH, NOW) == "WRONG_SUBJECT"


def test_gov_4_what_was_not_approved_or_was_refused_cannot_be_used():
    assert code_of(use, requested(), ACTION, ORDER, HASH, NOW) == "NOT_APPROVED"
    no = refuse(requested(), BEN, NOW, "too large")
    assert code_of(use, no, ACTION, ORDER, HASH, NOW) == "NOT_APPROVED"
    assert code_of(approve, no, BEN, NOW, "ok") == "NOT_REQUESTED"


@pytest.mark.parametrize("rule", ["CST-5:FROZEN", "CST-5", "CST-6", "GOV-2", "ALC-9:IRA", "ALC-9:ERISA", "GOV-5", "gov-2 ", "DRV-5"])
def test_gov_4_what_nobody_may_override(rule):
    assert never_overridable(rule)
    assert code_of(requested, rules=("RSK-1", rule)) == "NEVER_OVERRIDABLE"


@pytest.mark.parametrize("rule", ["CST-5:CLOSE_ONLY", "CST-2", "RSK-1", "WASH-17"])
def test_gov_4_what_a_second_person_may_decide(rule):
    assert never_overridable(rule) is None
    assert requested(rules=(rule,)).rules == (rule,)
