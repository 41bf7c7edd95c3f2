"""Another limit from the screen and over HTTP: who is asked, what is shown, once however often it is pressed."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from base import tenancy
from execution.enums import OrderState, ParentState, TimeInForce
from execution.models import ChildOrder, ParentOrder
from governance.core.subjects import Subject
from governance.enums import AuditAction, SubjectKind
from governance.models import AuditEvent
from governance.services import audit
from market.models import Quote
from tests.api.scene import NOW, Scene, make_scene
from tests.factories import as_loader, make_instrument
from tests.web.people import signed_in

D = Decimal
pytestmark = pytest.mark.django_db
LIMIT = {"order_type": "LIMIT", "limit_price": "9.90", "shown": "9.95", "reason": "chase it"}


@pytest.fixture
def resting(scene: Scene) -> Scene:
    """Let the scene's parent rest at 9.95, under a quote of 9.99 to 10.01: the collar ends at 10.02."""
    quote = Quote(instrument_id=scene.instrument.pk, source="SIMULATED", as_of=NOW, bid=D("9.99"), ask=D("10.01"), last=D(10))
    as_loader(lambda: Quote.objects.using("loader").bulk_create([quote], ignore_conflicts=True))
    with tenancy.firm(scene.firm.id):
        terms: dict[str, Any] = {"limit_price": D("9.95"), "time_in_force": TimeInForce.DAY}
        ParentOrder.objects.filter(pk=scene.ids["parent"]).update(is_limit_stated=True, **terms)
        ChildOrder.objects.filter(parent_id=scene.ids["parent"]).update(**terms)
    return scene


def path(scene: Scene) -> str:
    return f"/blotter/parents/{scene.ids['parent']}/replace"


def text(answer: Any) -> str:
    return str(answer.content.decode())


def told(answer: Any) -> dict[str, Any]:
    return dict(json.loads(answer["HX-Trigger"])["toast"])


def events(scene: Scene) -> list[AuditEvent]:
    with tenancy.firm(scene.firm.id):
        return list(AuditEvent.objects.filter(action=AuditAction.ORDER_UPDATED))


def test_the_question_shows_the_limit_that_stands_and_how_far_it_may_go(resting: Scene) -> None:
    found = text(signed_in(resting.owner.user).get(path(resting)))
    assert "limit <b>9.95</b>" in found and "At most 10.02 at this moment" in found and 'name="shown" value="9.95"' in found
    assert 'type="submit"' in found and "place in the queue" not in found, "nothing of it is at the broker yet"
    with tenancy.firm(resting.firm.id):
        for state in (OrderState.SENDING, OrderState.ACKED):
            ChildOrder.objects.filter(pk=resting.ids["order"]).update(state=state)
    found = text(signed_in(resting.owner.user).get(path(resting)))
    assert "cancel 1 order first" in found and "loses its place in the queue" in found


def test_a_limit_is_changed_once_with_a_name_and_a_reason(resting: Scene) -> None:
    client = signed_in(resting.owner.user)
    first, second = (client.post(path(resting), LIMIT) for _ in range(2))
    assert (first.status_code, told(first)["text"]) == (204, "Limit changed") and "dialog:done" in first["HX-Trigger"]
    assert (second.status_code, told(second)["text"]) == (204, "Nothing changed")
    with tenancy.firm(resting.firm.id):
        assert ParentOrder.objects.get(pk=resting.ids["parent"]).limit_price == D("9.90")
        orders = ChildOrder.objects.filter(parent_id=resting.ids["parent"])
        assert {(o.state, o.limit_price) for o in orders} == {(OrderState.CANCELED, D("9.95")), (OrderState.PENDING, D("9.90"))}
    (event,) = events(resting)
    assert (event.reason, event.actor_id) == ("chase it", resting.owner.user.id)
    assert (event.before["limit_price"], event.after["limit_price"]) == ("9.95", "9.90")
    told_there = text(client.get(f"/journeys/{resting.ids['journey']}/"))
    assert "From 9.95 to 9.90. chase it" in told_there and "1 ended without a fill" in told_there


@pytest.mark.parametrize(("was", "becomes"), [("44000.00", "43900.00"), ("44,000.00", "43,900.00")])
def test_the_journey_tells_limits_of_a_thousand_and_more(resting: Scene, was: str, becomes: str) -> None:
    """A trail keeps what it was given for good: once its thousands were grouped."""
    client = signed_in(resting.owner.user)
    assert client.post(path(resting), LIMIT).status_code == 204
    with tenancy.firm(resting.firm.id):
        (event,) = AuditEvent.objects.filter(action=AuditAction.ORDER_UPDATED)
        audit(
            action=AuditAction.ORDER_UPDATED,
            subject=Subject(SubjectKind.PARENT_ORDER, event.subject_id),
            actor=None,
            now=NOW,
            before={**(event.before or {}), "limit_price": was},
            after={**(event.after or {}), "limit_price": becomes},
            reason="again",
            rule="RTE-2",
            journey_id=event.journey_id,
        )
    assert "From 44,000.00 to 43,900.00. again" in text(client.get(f"/journeys/{resting.ids['journey']}/"))


def at_the_edge(scene: Scene) -> None:
    """Let the limit stand at the collar's edge already: the account has no cash for more."""
    with tenancy.firm(scene.firm.id):
        ParentOrder.objects.filter(pk=scene.ids["parent"]).update(limit_price=D("10.02"))
        ChildOrder.objects.filter(parent_id=scene.ids["parent"]).update(limit_price=D("10.02"))


def test_best_price_needs_no_limit(resting: Scene) -> None:
    client, body = signed_in(resting.owner.user), {"order_type": "", "reason": "now"}
    assert client.post(path(resting), body | {"shown": "9.95"}).status_code == 409
    at_the_edge(resting)
    answer = client.post(path(resting), body | {"shown": "10.02"})
    assert told(answer)["text"] == "At best price from now on"
    with tenancy.firm(resting.firm.id):
        parent = ParentOrder.objects.get(pk=resting.ids["parent"])
    assert (parent.is_limit_stated, parent.limit_price, parent.time_in_force) == (False, D("10.02"), TimeInForce.IOC)


@pytest.mark.parametrize(
    ("changed", "status", "words"),
    [
        ({"limit_price": "10.03"}, 409, "past the collar: at most 10.02 now"),
        ({"limit_price": "9.905"}, 422, "0.01 is the smallest step"),
        ({"limit_price": ""}, 422, "The limit"),
        ({"limit_price": "9,90"}, 422, "no thousands separators"),
        ({"limit_price": "NaN"}, 422, "The limit"),
        ({"limit_price": "-1"}, 422, "must be above zero"),
        ({"shown": "9.94"}, 409, "another by now"),
        ({"shown": ""}, 409, "another by now"),
        ({"reason": " "}, 422, "say why"),
        ({"reason": "x" * 201}, 422, "say why"),
    ],
)
def test_what_is_wrong_is_told_and_changes_nothing(resting: Scene, changed: dict[str, str], status: int, words: str) -> None:
    answer = signed_in(resting.owner.user).post(path(resting), LIMIT | changed, headers={"HX-Request": "true"})
    assert answer.status_code == status and words in told(answer)["text"]
    assert not events(resting)
    with tenancy.firm(resting.firm.id):
        assert ParentOrder.objects.get(pk=resting.ids["parent"]).limit_price == D("9.95")


@pytest.mark.parametrize("method", ["get", "post"])
def test_who_may_ask(resting: Scene, method: str) -> None:
    stranger = make_scene()
    for user, status in (
        (resting.colleague.user, 404),
        (stranger.owner.user, 404),
        (resting.risk.user, 403),
        (resting.investor.user, 403),
    ):
        ask = getattr(signed_in(user), method)
        assert ask(path(resting), LIMIT if method == "post" else None).status_code == status
    assert not events(resting)


def test_what_has_ended_or_does_not_rest_offers_nothing(resting: Scene) -> None:
    client = signed_in(resting.owner.user)
    for fields, words in (
        ({"state": ParentState.DONE, "done_at": NOW}, "it has ended"),
        ({"state": ParentState.HELD, "done_at": None}, "waits until an opposite order"),
        ({"state": ParentState.WORKING, "time_in_force": TimeInForce.IOC}, "nothing rests"),
        ({"time_in_force": TimeInForce.DAY, "cancel_requested_at": NOW}, "asked to be canceled"),
    ):
        with tenancy.firm(resting.firm.id):
            ParentOrder.objects.filter(pk=resting.ids["parent"]).update(**fields)
        found = text(client.get(path(resting)))
        assert words in found and 'type="submit"' not in found
        assert client.post(path(resting), LIMIT).status_code == 409


def test_without_a_quote_the_question_says_so(resting: Scene) -> None:
    with tenancy.firm(resting.firm.id):
        ParentOrder.objects.filter(pk=resting.ids["parent"]).update(instrument=make_instrument())
    assert "no usable quote" in text(signed_in(resting.owner.user).get(path(resting)))


@pytest.mark.parametrize("page", ["/blotter/?tab=parents&range=all", "/blotter/?tab=orders&range=all", "/journeys/{journey}/"])
def test_the_way_there_is_shown_to_dealers_while_there_is_something_to_change(resting: Scene, page: str) -> None:
    where, link = page.format(**resting.ids), f'hx-get="{path(resting)}"'
    assert link in text(signed_in(resting.owner.user).get(where))
    assert link not in text(signed_in(resting.risk.user).get(where))
    with tenancy.firm(resting.firm.id):
        ParentOrder.objects.filter(pk=resting.ids["parent"]).update(time_in_force=TimeInForce.IOC)
    assert link not in text(signed_in(resting.owner.user).get(where))


# -- over HTTP ------------------------------------------------------------------------------------------------------------------------


def api(scene: Scene, body: Any) -> Any:
    return scene.owner.post(f"parents/{scene.ids['parent']}/replace", json.dumps(body).encode())


def test_a_program_replaces_once_and_hears_what_it_did(resting: Scene) -> None:
    body = {"limit_price": "9.90", "reason": "closer"}
    first, again = api(resting, body), api(resting, body)
    expected = {"limit_price": "9.90", "is_limit_stated": True, "exchanged": 1, "requested": 0, "is_new": True}
    assert first.status_code == 200 and {**first.json(), "limit_price": f"{D(first.json()['limit_price']):.2f}"} == expected
    assert again.json()["is_new"] is False and again.json()["exchanged"] == 0
    assert resting.owner.get(f"parents/{resting.ids['parent']}").json()["is_limit_stated"] is True
    assert len(events(resting)) == 1


def test_null_is_the_best_price(resting: Scene) -> None:
    at_the_edge(resting)
    assert api(resting, {"limit_price": None, "reason": "now"}).json()["is_limit_stated"] is False


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        ({"reason": "why"}, 422, ("limit_price", "required")),
        ({"limit_price": "9.90"}, 422, ("reason", "required")),
        ({"limit_price": "0", "reason": "why"}, 422, ("limit_price", "positive")),
        ({"limit_price": "9.905", "reason": "why"}, 422, ("limit_price", "tick")),
        ({"limit_price": "10.03", "reason": "why"}, 409, ("limit_price", "RTE-2")),
        ({"limit_price": "9.90", "reason": "why", "quantity": "1"}, 422, ("quantity", "unknown_field")),
    ],
)
def test_a_program_is_told_field_and_rule(resting: Scene, body: dict[str, Any], status: int, problem: tuple[str, str]) -> None:
    answer = api(resting, body)
    assert answer.status_code == status
    found = [(one["field"], one["rule"]) for one in answer.json()["errors"]]
    assert found == [problem] or problem[0] == "quantity" == found[0][0]
    assert not events(resting)
