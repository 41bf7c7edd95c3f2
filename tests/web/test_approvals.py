"""GOV-4: a second person decides, with a reason, once, in time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from allocation.models import Signal
from base import tenancy
from governance.core.subjects import Actor, Subject
from governance.enums import ApprovalAction, ApprovalState, Role, SubjectKind
from governance.models import Approval
from governance.services import approve, request_approval, use_approval
from tests.api.scene import NOW, Scene, ask_to_rearm, make_person, make_scene
from tests.web.papers import ask, events
from tests.web.people import signed_in

QUERIES = 27
pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(scene: Scene) -> Approval:
    with tenancy.firm(scene.firm.id):
        return Approval.objects.get(pk=ask(scene.owner.user, scene.account))


def state(scene: Scene, pk: Any) -> str:
    with tenancy.firm(scene.firm.id):
        return Approval.objects.get(pk=pk).state


def answer(user: Any, pk: Any, verdict: str = "approve", reason: str = "seen and compared") -> Any:
    return signed_in(user).post(f"/approvals/{pk}/answer", {"answer": verdict, "reason": reason})


def test_the_queue_says_it_in_plain_words_with_hash_and_countdown(scene: Scene, asked: Approval) -> None:
    text = signed_in(scene.risk.user).get("/approvals/").content.decode()
    for words in (
        "Release over a limit",
        "the market is closing",
        "a" * 16,
        "CST-2",
        "15:00",
        scene.account.code,
        "Gate 2 judges them all the same",
    ):
        assert words in text, words


def test_the_counts_come_anew_with_the_list(scene: Scene, asked: Approval) -> None:
    client = signed_in(scene.risk.user)
    part = client.get("/approvals/", headers={"HX-Request": "true", "HX-Target": "approval-list"}).content.decode()
    assert '<span id="approval-counts" hx-swap-oob="true">1 waits for a second person' in part
    assert 'id="overrides" hx-swap-oob="true"' in part and client.get("/approvals/").content.count(b'id="overrides"') == 1
    assert 'id="approval-tabs" hx-swap-oob="true"' in part and client.get("/approvals/").content.count(b'id="approval-tabs"') == 1


def test_gov_4_ones_own_request_is_shown_disabled_with_the_reason(scene: Scene, asked: Approval) -> None:
    text = signed_in(scene.owner.user).get("/approvals/").content.decode()
    assert "a second person decides (GOV-4)" in text and 'value="approve" disabled' in text
    with tenancy.firm(scene.firm.id):
        both = ask(scene.risk.user, scene.account, role=Role.RISK)
    assert answer(scene.risk.user, both).status_code == 403 and state(scene, both) == ApprovalState.REQUESTED


def test_gov_4_a_role_that_may_not_is_told_and_refused(scene: Scene, asked: Approval) -> None:
    with tenancy.firm(scene.firm.id):
        limit = ask(scene.owner.user, scene.account, ApprovalAction.CHANGE_LIMIT)
    assert "Your role may not decide this" in signed_in(scene.second.user).get("/approvals/").content.decode()
    assert answer(scene.second.user, limit).status_code == 403
    assert answer(scene.investor.user, limit).status_code == 403
    assert state(scene, limit) == ApprovalState.REQUESTED


def test_out_of_sight_is_404_and_not_listed(scene: Scene, asked: Approval) -> None:
    assert answer(scene.colleague.user, asked.pk).status_code == 404
    assert answer(make_scene().risk.user, asked.pk).status_code == 404
    assert "Nothing waits" in signed_in(scene.colleague.user).get("/approvals/").content.decode()
    assert str(asked.pk) not in signed_in(make_scene().risk.user).get("/approvals/?show=history").content.decode()


def test_a_second_person_approves_once(scene: Scene, asked: Approval) -> None:
    assert answer(scene.risk.user, asked.pk).status_code == 302 and state(scene, asked.pk) == ApprovalState.APPROVED
    assert answer(scene.risk.user, asked.pk).status_code == 422
    assert "Approved, to be used in" in signed_in(scene.owner.user).get("/approvals/").content.decode()
    with tenancy.firm(scene.firm.id):
        assert events("APPROVAL_GIVEN") == 1


def test_refusing_closes_it_for_good(scene: Scene, asked: Approval) -> None:
    assert answer(scene.risk.user, asked.pk, "refuse", "no reason to").status_code == 302
    assert state(scene, asked.pk) == ApprovalState.REFUSED and answer(scene.risk.user, asked.pk).status_code == 422
    assert "no reason to" in signed_in(scene.risk.user).get("/approvals/?show=history").content.decode()
    assert "no reason to" in signed_in(scene.owner.user).get("/approvals/?show=mine").content.decode()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"answer": "approve"},
        {"answer": "maybe", "reason": "x"},
        {"answer": "approve", "reason": "x\0y"},
        {"answer": "approve", "reason": "x" * 401},
    ],
)
def test_an_answer_that_is_none_is_refused(scene: Scene, asked: Approval, fields: dict[str, str]) -> None:
    assert signed_in(scene.risk.user).post(f"/approvals/{asked.pk}/answer", fields).status_code == 422
    assert state(scene, asked.pk) == ApprovalState.REQUESTED


def test_gov_4_after_fifteen_minutes_it_is_over(scene: Scene, asked: Approval, settings: Any) -> None:
    later = NOW + timedelta(minutes=15)
    settings.REHEARSAL_CLOCK = f"{later.isoformat()}@{later.isoformat()}*0"
    assert "Nothing waits" in signed_in(scene.risk.user).get("/approvals/").content.decode()
    refused, page = answer(scene.risk.user, asked.pk), signed_in(scene.risk.user).get("/approvals/").content.decode()
    text = refused.content.decode()
    assert refused.status_code == 409 and ">the request has expired</strong>" in text and ">EXPIRED<" not in text
    assert 'class="env' in page and 'class="env' in text, "a refusal stands in the firm's own frame"
    assert "Expired" in signed_in(scene.risk.user).get("/approvals/?show=history").content.decode()


def test_gov_10_rearming_is_done_with_the_second_persons_yes(scene: Scene) -> None:
    pk = ask_to_rearm(scene)
    assert answer(scene.owner.user, pk).status_code == 403 and answer(scene.colleague.user, pk).status_code == 404
    assert answer(scene.second.user, pk).status_code == 302 and state(scene, pk) == ApprovalState.USED
    with tenancy.firm(scene.firm.id):
        assert events("KILL_REARMED") == 1


def test_gov_4_what_nobody_can_override_is_named(scene: Scene) -> None:
    text = signed_in(scene.owner.user).get("/approvals/").content.decode()
    assert "Nobody can override" in text and "CST-6" in text and "ALC-9" in text and "No rule is set aside now" in text


def test_the_csv_is_audited(scene: Scene, asked: Approval) -> None:
    answer = signed_in(scene.owner.user).get("/approvals/?show=mine&format=csv")
    assert b"the market is closing" in answer.content
    with tenancy.firm(scene.firm.id):
        assert events("EXPORTED") == 1


@pytest.mark.parametrize("query", ["show=x", "show=%00", "show=history&after=x", "show=history&after=2026-01-01T00:00:00%2B00:00~1"])
def test_garbage_in_the_address_is_the_usual_page(scene: Scene, query: str) -> None:
    assert signed_in(scene.owner.user).get(f"/approvals/?{query}").status_code == 200


def test_three_rows_ask_as_many_questions_as_one(scene: Scene, asked: Approval, django_assert_num_queries: Any) -> None:
    client = signed_in(scene.risk.user, scene.firm.id)
    client.get("/approvals/")
    with django_assert_num_queries(QUERIES):
        client.get("/approvals/")
    with tenancy.firm(scene.firm.id):
        other = make_person(scene.firm, Role.COMPLIANCE)
        ask(scene.owner.user, scene.account, ApprovalAction.CHANGE_LIMIT)
        ask(other.user, scene.account, role=Role.COMPLIANCE)
    with django_assert_num_queries(QUERIES):
        assert client.get("/approvals/").content.decode().count("<article") == 3


def test_gov_4_a_used_request_says_who_asked_who_answered_and_who_used_it(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        request = ask(scene.owner.user, scene.account)
        approve(approval_id=request, actor=Actor(str(scene.risk.user.id), Role.RISK), now=NOW, reason="seen")
        use_approval(
            approval_id=request,
            action=ApprovalAction.RELEASE_OVER_LIMIT,
            subject=Subject(SubjectKind.ACCOUNT, str(scene.account.pk)),
            content_hash="a" * 64,
            now=NOW,
            actor=Actor(str(scene.second.user.id), Role.MANAGER),
        )
    client = signed_in(scene.risk.user)
    page = client.get("/approvals/?show=history").content.decode()
    told = page.split("<dt>Used by</dt>")[1].split("</dd>")[0]
    assert (scene.second.user.name or scene.second.user.email) in told
    line = client.get("/approvals/?show=history&format=csv").content.decode().splitlines()[1]
    assert all((person.user.name or person.user.email) in line for person in (scene.owner, scene.risk, scene.second))


def test_gov_4_a_release_over_a_limit_says_what_it_asks_for(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        signal = Signal.objects.get(journey_id=scene.ids["journey"])
        request_approval(
            action=ApprovalAction.RELEASE_OVER_LIMIT,
            subject=Subject(SubjectKind.SIGNAL, str(signal.pk)),
            content_hash="c" * 64,
            actor=Actor(str(scene.owner.user.pk), Role.MANAGER),
            now=NOW,
            reason="the client asked",
            rules=("RSK-1:ORDER_NOTIONAL",),
        )
    text = signed_in(scene.risk.user).get("/approvals/").content.decode()
    assert f"<dt>Asks for</dt><dd>3% of equity in {scene.instrument.symbol}</dd><dt>Strategy</dt><dd>{scene.strategy.name}</dd>" in text
    assert text.count('<span class="rule">RSK-1</span> Order notional') == 2
