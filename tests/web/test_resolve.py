"""RTE-7: what nobody knows of is resolved by a person, from the blotter, when its broker has not answered for a minute."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from base import tenancy
from execution.enums import OrderState
from execution.models import ChildOrder
from governance.models import AuditEvent
from tests.api.scene import NOW, Scene, make_scene
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db
REASON = "the desk read it out"


def lost(scene: Scene, seconds: int = 61) -> str:
    """Make the scene's order one that nobody knows of, for so long; return the address that resolves it."""
    with tenancy.firm(scene.firm.id):
        mine = ChildOrder.objects.filter(pk=scene.ids["order"])
        mine.update(state=OrderState.SENDING, claimed_at=NOW - timedelta(seconds=seconds + 1), claimed_epoch=1)
        mine.update(state=OrderState.UNKNOWN, unknown_since=NOW - timedelta(seconds=seconds))
    return f"/blotter/orders/{scene.ids['order']}/resolve"


def order(scene: Scene) -> Any:
    with tenancy.firm(scene.firm.id):
        return ChildOrder.objects.get(pk=scene.ids["order"])


def words(scene: Scene) -> list[Any]:
    with tenancy.firm(scene.firm.id):
        return list(AuditEvent.objects.filter(rule="RTE-7", subject_id=str(scene.ids["order"])).values_list("after", "reason", "actor_id"))


def test_operations_say_that_the_broker_does_not_have_it(scene: Scene) -> None:
    path, client = lost(scene), signed_in(scene.risk.user)
    assert path in client.get("/blotter/?tab=orders").content.decode()
    assert path not in signed_in(scene.owner.user).get("/blotter/?tab=orders").content.decode()
    assert order(scene).client_order_id in client.get(path).content.decode()
    answer = client.post(path, {"found": "no", "reason": REASON})
    assert answer.status_code == 204 and "Resolved" in answer["HX-Trigger"]
    assert order(scene).state == OrderState.CANCELED
    assert words(scene) == [({"resolved_as": "ABSENT"}, REASON, scene.risk.user.pk)]
    again = client.post(path, {"found": "no", "reason": REASON})
    assert again.status_code == 422 and len(words(scene)) == 1
    assert "Nothing is left to resolve" in client.get(path).content.decode()


def test_the_brokers_number_is_asked_about_next(scene: Scene) -> None:
    path, client = lost(scene), signed_in(scene.risk.user)
    assert client.post(path, {"found": "yes", "broker_order_id": " 4711 ", "session_epoch": "3", "reason": REASON}).status_code == 204
    found = order(scene)
    assert (found.state, found.broker_order_id, found.session_epoch, found.asked_at) == (OrderState.UNKNOWN, "4711", 3, None)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"found": "perhaps"},
        {"found": "yes"},
        {"found": "yes", "broker_order_id": "\x00"},
        {"found": "yes", "broker_order_id": "x" * 65},
        {"found": "yes", "broker_order_id": "1", "session_epoch": "-1"},
        {"found": "yes", "broker_order_id": "1", "session_epoch": "99999999999"},
        {"found": "yes", "broker_order_id": "1", "session_epoch": "²"},
        {"found": "no", "reason": " "},
    ],
)
def test_what_is_not_said_plainly_changes_nothing(scene: Scene, said: dict[str, str]) -> None:
    path = lost(scene)
    assert signed_in(scene.risk.user).post(path, {"reason": REASON, **said}).status_code == 422
    assert order(scene).state == OrderState.UNKNOWN and not order(scene).session_epoch and words(scene) == []


def test_the_gateway_asks_for_a_minute_before_a_person_decides(scene: Scene) -> None:
    path = lost(scene, seconds=59)
    answer = signed_in(scene.risk.user).post(path, {"found": "no", "reason": REASON})
    assert answer.status_code == 422 and order(scene).state == OrderState.UNKNOWN


def test_who_may_not_resolve_and_who_is_of_another_firm(scene: Scene) -> None:
    path = lost(scene)
    assert signed_in(scene.owner.user).post(path, {"found": "no", "reason": REASON}).status_code == 403
    assert signed_in(make_scene().risk.user).post(path, {"found": "no", "reason": REASON}).status_code == 404
    assert order(scene).state == OrderState.UNKNOWN
