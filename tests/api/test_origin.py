"""GOV-7: whatever came through a door, its audit events say through which: address and key of a program, name of a command."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command, get_commands
from django.test import Client

from base import tenancy
from base.commands import HouseCommand
from base.core.webhooks import parse_secret, sign
from base.origin import NOWHERE, Origin, acting_from, current_origin, name_key
from governance.core.subjects import Subject
from governance.enums import AuditAction, SubjectKind
from governance.models import ApiToken
from governance.queries import trail_of_journey, trail_of_subject
from governance.services import create_webhook_key
from tests.api.house import House
from tests.api.scene import Scene

pytestmark = pytest.mark.django_db
LOOPBACK = "127.0.0.1"


def _journey(house: House, journey_id: str) -> dict[AuditAction, set[Origin]]:
    """Return where the events of a journey came from, by action."""
    found: dict[AuditAction, set[Origin]] = {}
    with tenancy.firm(house.firm.firm_id):
        for event in trail_of_journey(journey_id):
            found.setdefault(event.action, set()).add(event.origin)
    return found


def _token_id(user_id: int) -> str:
    return ApiToken.objects.get(user_id=user_id).digest[:16]


def test_gov_7_a_release_over_the_api_names_address_and_token(house: House):
    signal = house.signal()
    journey = house.release(signal, house.preview(signal)).json()["journey_id"]
    token = _token_id(int(house.firm.actors["TRADER"].user_id))
    found = _journey(house, journey)
    assert {AuditAction.SIGNAL_RECEIVED, AuditAction.PREVIEWED, AuditAction.STATEMENT_FROZEN, AuditAction.RELEASED} <= found.keys()
    assert set().union(*found.values()) == {Origin(LOOPBACK, token)}
    assert house.trader.token.find(token) < 0


def test_gov_7_a_signed_message_names_address_and_key(house: House):
    with tenancy.firm(house.firm.firm_id):
        key_id, secret = create_webhook_key(source="charts", user_id=int(house.firm.actors["TRADER"].user_id), now=house.now)
    body = orjson.dumps({"ticker": "XYZ", "strategy": "CORE", "action": "buy", "percent": 3, "release": True})
    headers = sign("m1", house.now, body, parse_secret(secret))
    path = f"/api/v1/webhooks/{house.firm.firm_id}/charts"
    answer = Client().post(path, data=body, content_type="application/json", headers=headers, REMOTE_ADDR="2001:db8::7")
    assert answer.status_code == 201, answer.content
    found = _journey(house, answer.json()["journey_id"])
    assert AuditAction.RELEASED in found
    assert set().union(*found.values()) == {Origin("2001:db8::7", key_id)}


def test_gov_7_a_command_names_itself(house: House, capsys: pytest.CaptureFixture[str]):
    body = '{"strategy": "CORE", "symbol": "XYZ", "method": "target_weight", "figure": "0.03"}'
    call_command("signal", body, firm=house.firm.firm_id, user=int(house.firm.actors["TRADER"].user_id), key="k")
    found = _journey(house, re.search(r"journey (\S+?):", capsys.readouterr().out)[1])
    assert AuditAction.RELEASED in found
    assert set().union(*found.values()) == {Origin("", "command:signal")}
    assert current_origin() is NOWHERE


def test_gov_7_a_kill_switch_names_its_origin(scene: Scene):
    tripped = scene.owner.post("kill-switches", {"scope": "FIRM", "reason": "panic"}).json()["id"]
    with tenancy.firm(scene.firm.id):
        (event,) = trail_of_subject(Subject(SubjectKind.KILL_SWITCH, tripped))
    assert event.origin == Origin(LOOPBACK, _token_id(scene.owner.user.id))


@pytest.mark.parametrize("peer", ["", "unix:", "testclient", "fe80::1%eth0", "127.0.0.1, 10.0.0.1"])
def test_gov_7_a_peer_without_an_address_is_no_error(scene: Scene, peer: str):
    headers = {"Authorization": f"Token {scene.owner.token}"}
    body = {"scope": "FIRM", "reason": "panic"}
    answer = Client().post("/api/v1/kill-switches", data=body, content_type="application/json", headers=headers, REMOTE_ADDR=peer)
    assert answer.status_code == 201, answer.content
    with tenancy.firm(scene.firm.id):
        (event,) = trail_of_subject(Subject(SubjectKind.KILL_SWITCH, answer.json()["id"]))
    assert event.origin.source_ip == ("fe80::1" if peer.startswith("fe80") else "")


def test_gov_7_a_forwarded_address_is_the_servers_business(scene: Scene):
    """A header anybody can write is not believed."""
    headers = {"X-Forwarded-For": "198.51.100.9"}
    tripped = scene.owner.post("kill-switches", {"scope": "FIRM", "reason": "panic"}, **headers).json()["id"]
    with tenancy.firm(scene.firm.id):
        (event,) = trail_of_subject(Subject(SubjectKind.KILL_SWITCH, tripped))
    assert event.origin.source_ip == LOOPBACK


def test_an_origin_ends_with_its_block():
    with acting_from(source_ip="192.0.2.1"):
        name_key("one")
        with acting_from(api_key="command:x"):
            assert current_origin() == Origin("", "command:x")
            with pytest.raises(ZeroDivisionError), acting_from(api_key="two"):
                name_key("three")
                _ = 1 // 0
            assert current_origin() == Origin("", "command:x")
        assert current_origin() == Origin("192.0.2.1", "one")
    assert current_origin() is NOWHERE
    with pytest.raises(LookupError):
        name_key("late")


def test_two_requests_of_one_thread_do_not_share_an_origin(scene: Scene):
    assert scene.owner.get("me").status_code == 200
    assert current_origin() is NOWHERE
    assert Client().get("/api/v1/me").status_code == 401


def test_gov_7_every_command_of_the_house_has_an_origin():
    ours = {app.name for app in apps.get_app_configs() if Path(app.path).parent == settings.BASE_DIR}
    found = 0
    for app in sorted({app for app in get_commands().values() if app in ours}):
        folder = importlib.import_module(f"{app}.management.commands")
        for module in pkgutil.iter_modules(folder.__path__):
            command: Any = importlib.import_module(f"{folder.__name__}.{module.name}").Command
            assert issubclass(command, HouseCommand), command
            assert len(f"command:{module.name}") <= 40
            found += 1
    assert found >= 12


def test_gov_7_a_refused_command_leaves_no_origin(house: House):
    with pytest.raises(CommandError):
        call_command("signal", "{}", firm=house.firm.firm_id, user=1, key="k")
    assert current_origin() is NOWHERE
