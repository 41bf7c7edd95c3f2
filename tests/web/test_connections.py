"""How the connections are: the page, the fragment of the top bar, and the figures behind both."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from accounts.models import BrokerConnection
from base import tenancy
from execution.core.health import Signs, judge
from execution.enums import Lamp, OrderState
from execution.models import ChildOrder
from execution.queries import connection_health, lamp_words
from execution.services.lease import end_lease, mark_reconciled, renew_lease, take_lease
from governance import services as governance
from governance.core.subjects import Actor, Viewer
from governance.enums import KillScope, Role
from tests.api.scene import NOW, Scene, make_scene
from tests.factories import number
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db


def serve(scene: Scene, *, is_reconciled: bool = True) -> None:
    with tenancy.firm(scene.firm.id):
        lane = scene.account.connection_id
        epoch = take_lease(connection_id=lane, holder="test", seconds=60)
        mark_reconciled(connection_id=lane, epoch=epoch, is_reconciled=is_reconciled)
        renew_lease(connection_id=lane, epoch=epoch)


def health(scene: Scene) -> Any:
    with tenancy.firm(scene.firm.id):
        return next(one for one in connection_health() if one.connection_id == scene.account.connection_id)


def age(scene: Scene, column: str, seconds: float) -> None:
    with tenancy.firm(scene.firm.id), database.cursor() as cursor:
        cursor.execute(f"UPDATE execution_gatewaylease SET {column} = {column} - %s", [timedelta(seconds=seconds)])


def test_r8_a_served_and_reconciled_connection_is_live_and_quiet(scene: Scene) -> None:
    serve(scene)
    one = health(scene)
    assert (one.socket, one.broker, one.synced, one.note, one.waiting, one.working, one.unknown) == (*[Lamp.LIVE] * 3, "", 1, 0, 0)
    assert lamp_words([one])[:2] == (Lamp.LIVE, "1 connection")


def test_r8_without_a_gateway_every_lamp_is_off(scene: Scene) -> None:
    one = health(scene)
    assert {lamp for _, lamp in one.lamps} == {Lamp.OFF} and one.heartbeat == "" and "not served" in lamp_words([one])[1]


def test_r8_a_gateway_that_let_go_is_off(scene: Scene) -> None:
    serve(scene)
    with tenancy.firm(scene.firm.id):
        end_lease(connection_id=scene.account.connection_id, epoch=1)
    assert health(scene).socket is Lamp.OFF


def test_r8_a_session_that_is_still_comparing_is_not_synced(scene: Scene) -> None:
    serve(scene, is_reconciled=False)
    one = health(scene)
    assert (one.socket, one.broker, one.synced, one.brief) == (Lamp.LIVE, Lamp.STALE, Lamp.STALE, "starting")


def test_a_broker_that_falls_silent_is_late_then_blocked(scene: Scene) -> None:
    serve(scene)
    age(scene, "heard_at", 4)
    assert (health(scene).broker, health(scene).worst) == (Lamp.STALE, Lamp.STALE)
    age(scene, "heard_at", 20)
    one = health(scene)
    assert (one.broker, one.synced) == (Lamp.BLOCKED, Lamp.STALE) and "has not answered for 24 s" in one.note


def test_rte_7_an_unknown_order_lights_the_lamp(scene: Scene) -> None:
    serve(scene)
    with tenancy.firm(scene.firm.id):
        for state in (OrderState.SENDING, OrderState.UNKNOWN):
            ChildOrder.objects.filter(pk=scene.ids["order"]).update(state=state)
    one = health(scene)
    assert (one.synced, one.unknown, one.working, lamp_words([one])[1]) == (Lamp.UNKNOWN, 1, 1, f"{one.code} 1 unknown")


def test_gov_10_a_stopped_connection_is_blocked(scene: Scene) -> None:
    serve(scene)
    actor = Actor(str(scene.risk.user.id), Role.RISK)
    with tenancy.firm(scene.firm.id):
        governance.trip_kill_switch(
            scope=KillScope.BROKER, subject_id=str(scene.account.connection_id), actor=actor, now=NOW, reason="test"
        )
    assert (health(scene).broker, health(scene).brief) == (Lamp.BLOCKED, "stopped")


def test_the_loudest_of_several_stands_in_the_top_bar(scene: Scene) -> None:
    serve(scene)
    calm = health(scene)
    with tenancy.firm(scene.firm.id):
        BrokerConnection.objects.create(code="SECOND", gateway="paper", custodian=scene.account.custodian)
        every = connection_health()
    assert (
        lamp_words(every)[:2] == (Lamp.OFF, "SECOND not served")
        and lamp_words([])[0] is Lamp.OFF
        and lamp_words([calm, calm])[1] == "2 connections"
    )


def test_a_gateways_lateness_is_told_in_tenths() -> None:
    assert judge(Signs(True, True, 3.44, 0.1)).brief == "3.4 s late"


@pytest.mark.parametrize("path", ["/connections/", "/connections/lamps"])
def test_staff_see_the_connections_of_their_own_firm_only(scene: Scene, path: str) -> None:
    with tenancy.firm(scene.firm.id):
        code = scene.account.connection.code
        BrokerConnection.objects.exclude(code=code).update(is_enabled=False)
    for user in (scene.owner.user, scene.colleague.user, scene.risk.user):
        answer = signed_in(user).get(path)
        assert answer.status_code == 200 and code in answer.content.decode()
    assert code not in signed_in(make_scene().owner.user).get(path).content.decode()
    assert signed_in(scene.investor.user).get(path).status_code == 403
    assert signed_in(scene.owner.user).post(path).status_code == 405


def test_counts_are_of_orders_in_sight(scene: Scene) -> None:
    serve(scene)
    with tenancy.firm(scene.firm.id):
        waiting = {}
        for name, person in (("owner", scene.owner), ("colleague", scene.colleague), ("risk", scene.risk)):
            found = connection_health(Viewer(person.user.id, name == "risk", NOW.date()))
            waiting[name] = sum(one.waiting for one in found)
    assert waiting == {"owner": 1, "colleague": 0, "risk": 1}


def test_the_page_asks_as_much_of_three_connections_as_of_one(scene: Scene) -> None:
    client, asked = signed_in(scene.owner.user), []
    client.get("/connections/")
    for more in (0, 2):
        with tenancy.firm(scene.firm.id):
            for _ in range(more):
                BrokerConnection.objects.create(code=f"L{number()}", gateway="paper", custodian=scene.account.custodian)
        with CaptureQueriesContext(database) as queries:
            client.get("/connections/", headers={"HX-Request": "true"})
        asked.append(len(queries))
    assert asked[0] == asked[1]
