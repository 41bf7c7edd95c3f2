"""GOV-10: anybody of the staff stops, at once and once; closing out and trading again are confirmed apart."""

from __future__ import annotations

import re
from typing import Any

import pytest

from base import tenancy
from base.core.ids import new_id
from execution.models import ChildOrder
from execution.services import cancel_killed
from governance.enums import KillScope, KillState, Role
from governance.models import Approval, KillSwitch
from tests.api.scene import NOW, Scene, make_person, make_scene
from tests.factories import make_account
from tests.web.papers import events
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db


def fields(scene: Scene, scope: KillScope, **more: Any) -> dict[str, str]:
    named = {
        KillScope.FIRM: "",
        KillScope.ACCOUNT: str(scene.account.pk),
        KillScope.STRATEGY: str(scene.strategy.pk),
        KillScope.INSTRUMENT: str(scene.instrument.pk),
        KillScope.BROKER: str(scene.account.connection_id),
    }
    return {"scope": scope.value, "subject_id": named[scope], "reason": "runaway algorithm", "press": str(new_id()), "sure": "yes", **more}


def switches(scene: Scene) -> list[KillSwitch]:
    with tenancy.firm(scene.firm.id):
        return list(KillSwitch.objects.order_by("id"))


@pytest.mark.parametrize("scope", list(KillScope))
def test_each_scope_says_what_it_will_do_and_does_it(scene: Scene, scope: KillScope) -> None:
    client, given = signed_in(scene.owner.user), fields(scene, scope)
    asked = client.get("/kill-switch/confirm", {"what": "trip", "scope": scope.value, "subject_id": given["subject_id"]}).content.decode()
    assert "<b>1 order</b>" in asked and "0 at the broker, 1 not sent yet" in asked and "Positions stay" in asked
    assert client.post("/kill-switch/trip", given).status_code == 302
    [row] = switches(scene)
    assert (row.scope, row.subject_id, row.state, row.reason) == (scope, given["subject_id"], KillState.TRIPPED, "runaway algorithm")
    with tenancy.firm(scene.firm.id):
        assert cancel_killed(now=NOW).canceled == 1 and ChildOrder.objects.get().state == "CANCELED"
    text = client.get("/kill-switch/").content.decode()
    assert "runaway algorithm" in text and "1 stopped" in text


def test_a_double_click_trips_once_and_the_same_press_stops_again_after_a_rearm(scene: Scene) -> None:
    client, given = signed_in(scene.owner.user), fields(scene, KillScope.FIRM)
    for _ in range(3):
        assert client.post("/kill-switch/trip", given).status_code == 302
    assert len(switches(scene)) == 1
    with tenancy.firm(scene.firm.id):
        assert events("KILL_TRIPPED") == 1
    client.post("/kill-switch/rearm", given)
    with tenancy.firm(scene.firm.id):
        request = Approval.objects.get()
    signed_in(scene.second.user).post(f"/approvals/{request.pk}/answer", {"answer": "approve", "reason": "fixed"})
    assert [row.state for row in switches(scene)] == [KillState.ARMED]
    client.post("/kill-switch/trip", given)
    assert [row.state for row in switches(scene)] == [KillState.ARMED, KillState.TRIPPED]


def test_a_press_of_another_firm_or_scope_stops_all_the_same(scene: Scene) -> None:
    other = make_scene()
    given = fields(scene, KillScope.FIRM)
    signed_in(scene.owner.user).post("/kill-switch/trip", given)
    assert signed_in(other.owner.user).post("/kill-switch/trip", given).status_code == 302 and len(switches(other)) == 1
    signed_in(scene.owner.user).post("/kill-switch/trip", fields(scene, KillScope.ACCOUNT, press=given["press"]))
    assert len(switches(scene)) == 2


@pytest.mark.parametrize("role", [Role.MANAGER, Role.TRADER, Role.OPERATIONS, Role.RISK, Role.COMPLIANCE])
def test_every_staff_role_may_stop(scene: Scene, role: Role) -> None:
    with tenancy.firm(scene.firm.id):
        person = make_person(scene.firm, role)
    assert signed_in(person.user).post("/kill-switch/trip", fields(scene, KillScope.FIRM)).status_code == 302


def test_an_investor_may_not_even_look(scene: Scene) -> None:
    client = signed_in(scene.investor.user)
    assert (
        client.get("/kill-switch/").status_code == 403
        and client.post("/kill-switch/trip", fields(scene, KillScope.FIRM)).status_code == 403
    )


def test_what_is_out_of_sight_is_404_and_not_listed(scene: Scene) -> None:
    signed_in(scene.owner.user).post("/kill-switch/trip", fields(scene, KillScope.ACCOUNT))
    stranger = make_scene()
    for user in (scene.colleague.user, stranger.owner.user, stranger.risk.user):
        client = signed_in(user)
        assert f">{scene.account.code} " not in client.get("/kill-switch/").content.decode()
        for path in ("trip", "flatten", "rearm"):
            assert client.post(f"/kill-switch/{path}", fields(scene, KillScope.ACCOUNT)).status_code == 404, path
    assert len(switches(scene)) == 1
    for scope in (KillScope.BROKER, KillScope.STRATEGY):
        assert signed_in(stranger.owner.user).post("/kill-switch/trip", fields(scene, scope)).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"reason": ""},
        {"reason": " "},
        {"reason": "x" * 201},
        {"reason": "a\0b"},
        {"scope": "x"},
        {"scope": ""},
        {"subject_id": "x"},
        {"subject_id": ""},
        {"press": ""},
        {"press": "x"},
        {"scope": "INSTRUMENT", "subject_id": "-1"},
        {"scope": "INSTRUMENT", "subject_id": "9" * 30},
    ],
)
def test_garbage_stops_nothing(scene: Scene, wrong: dict[str, str]) -> None:
    assert signed_in(scene.owner.user).post("/kill-switch/trip", {**fields(scene, KillScope.ACCOUNT), **wrong}).status_code == 422
    assert not switches(scene)


def test_gov_10_closing_out_is_confirmed_apart(scene: Scene) -> None:
    client, given = signed_in(scene.owner.user), fields(scene, KillScope.ACCOUNT)
    assert client.post("/kill-switch/flatten", given).status_code == 422
    client.post("/kill-switch/trip", given)
    assert client.post("/kill-switch/flatten", {**given, "sure": ""}).status_code == 422 and switches(scene)[0].flatten_confirmed_at is None
    assert client.post("/kill-switch/flatten", given).status_code == 302 and switches(scene)[0].flatten_confirmed_at == NOW
    text = client.get("/kill-switch/").content.decode()
    assert "Closing out is allowed" in text and "what=flatten" not in text


def test_gov_10_two_people_trade_again(scene: Scene) -> None:
    client, given = signed_in(scene.owner.user), fields(scene, KillScope.ACCOUNT)
    client.post("/kill-switch/trip", given)
    for _ in range(2):
        assert client.post("/kill-switch/rearm", given).status_code == 302
    with tenancy.firm(scene.firm.id):
        request = Approval.objects.get()
    text = client.get("/kill-switch/").content.decode()
    assert "asks to trade again" in text and "a second person decides (GOV-4)" in text
    path, said = f"/approvals/{request.pk}/answer", {"answer": "approve", "reason": "cause removed"}
    assert client.post(path, said).status_code == 403 and switches(scene)[0].state == KillState.REARM_REQUESTED
    assert signed_in(scene.second.user).post(path, said).status_code == 302 and switches(scene)[0].state == KillState.ARMED
    assert "Nothing is stopped" in client.get("/kill-switch/").content.decode()


def test_operations_may_stop_and_not_ask_to_trade_again(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        office = make_person(scene.firm, Role.OPERATIONS)
    client = signed_in(office.user)
    client.post("/kill-switch/trip", fields(scene, KillScope.FIRM))
    assert client.post("/kill-switch/rearm", fields(scene, KillScope.FIRM)).status_code == 403
    assert "Ask to trade again" not in client.get("/kill-switch/").content.decode()


def test_the_choices_are_those_in_sight(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        other = make_account()
    text = signed_in(scene.owner.user).get("/kill-switch/?scope=account").content.decode()
    assert str(scene.account.pk) in text and str(other.pk) not in text
    for scope in ("broker", "strategy", "instrument", "x", "%00"):
        assert signed_in(scene.owner.user).get(f"/kill-switch/?scope={scope}").status_code == 200


def test_the_question_is_a_dialog_for_htmx_and_a_page_without(scene: Scene) -> None:
    client = signed_in(scene.owner.user)
    part = client.get("/kill-switch/confirm?scope=FIRM", headers={"HX-Request": "true", "HX-Target": "dialogs"}).content.decode()
    assert part.lstrip().startswith("<dialog") and re.search(r'name="press" value="[0-9a-f-]{36}"', part)
    assert "<html" in client.get("/kill-switch/confirm?scope=FIRM").content.decode()
    assert client.get("/kill-switch/confirm?scope=FIRM&what=x").status_code == 404
