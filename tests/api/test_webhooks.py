"""S7: a signed message is taken once; replayed, altered, stale or unsigned ones never."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from django.test import Client

from allocation.models import Signal
from base import tenancy
from base.core.webhooks import parse_secret, sign
from governance.services import create_webhook_key, revoke_webhook_key
from tests.api.scene import NOW, Scene, make_scene
from tests.factories import number

pytestmark = pytest.mark.django_db


@pytest.fixture
def key(scene: Scene) -> tuple[str, bytes]:
    with tenancy.firm(scene.firm.id):
        key_id, secret = create_webhook_key(source="charts", user_id=scene.owner.user.id, now=NOW - timedelta(days=1))
    return key_id, parse_secret(secret)


def _body(scene: Scene, **more: Any) -> bytes:
    body = {"strategy": scene.strategy.code, "symbol": scene.instrument.symbol, "method": "target_weight", "figure": "0.03"}
    return orjson.dumps({**body, **more})


def _send(scene: Scene, body: bytes, headers: dict[str, str], *, source: str = "charts", firm: int | None = None) -> Any:
    path = f"/api/v1/webhooks/{firm or scene.firm.id}/{source}"
    return Client().post(path, data=body, content_type="application/json", headers=headers)


def _signed(scene: Scene, secret: bytes, body: bytes, at: datetime = NOW, message_id: str = "") -> Any:
    return _send(scene, body, sign(message_id or f"m{number()}", at, body, secret))


def _signals(scene: Scene) -> int:
    with tenancy.firm(scene.firm.id):
        return Signal.objects.filter(source__startswith="webhook:").count()


def test_a_signed_signal_is_taken(scene: Scene, key: tuple[str, bytes]):
    answer = _signed(scene, key[1], _body(scene))
    assert answer.status_code == 201, answer.content
    assert answer.json()["released"] is False
    assert scene.owner.get(f"signals/{answer.json()['id']}").json()["source"] == "webhook:charts"


def test_a_refused_header_is_named_with_its_value(scene: Scene, key: tuple[str, bytes]):
    body = _body(scene)
    good = sign("named", NOW, body, key[1])
    old = sign("named", NOW - timedelta(minutes=6), body, key[1])
    cases = [
        ({**good, "webhook-id": "a.b"}, ("webhook-id", "a.b", "BAD_ID")),
        ({**good, "webhook-timestamp": "soon"}, ("webhook-timestamp", "soon", "BAD_TIMESTAMP")),
        ({name: value for name, value in good.items() if name != "webhook-timestamp"}, ("webhook-timestamp", "", "MISSING_HEADER")),
        (old, ("webhook-timestamp", old["webhook-timestamp"], "STALE")),
        ({**good, "webhook-signature": "v1,AAAA"}, ("webhook-signature", "", "BAD_SIGNATURE")),
    ]
    for headers, expected in cases:
        answer = _send(scene, body, headers)
        assert answer.status_code == 401
        assert [(error["field"], error["value"], error["rule"]) for error in answer.json()["errors"]] == [expected]


def test_s7_replayed_altered_and_stale_messages_are_never_accepted(scene: Scene, key: tuple[str, bytes]):
    rng = random.Random(7)
    body = _body(scene)
    good = sign("the-one", NOW, body, key[1])
    assert _send(scene, body, good).status_code == 201
    for n in range(100):
        kind = ("replay", "body", "id", "time", "signature", "stale", "future", "key", "source", "firm")[n % 10]
        headers, sent, source, firm = dict(good), body, "charts", scene.firm.id
        if kind == "replay":
            sent_again = NOW + timedelta(seconds=rng.randrange(-290, 290))
            headers = sign("the-one", sent_again, body, key[1])
        elif kind == "body":
            place = rng.randrange(len(body))
            sent = body[:place] + bytes([body[place] ^ (1 << rng.randrange(7))]) + body[place + 1 :]
        elif kind == "id":
            headers["webhook-id"] = f"other{n}"
        elif kind == "time":
            headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + rng.choice([-60, -1, 1, 60]))
        elif kind == "signature":
            headers["webhook-signature"] = "v1," + "".join(rng.sample(good["webhook-signature"][3:], 44))
        elif kind == "stale":
            headers = sign(f"stale{n}", NOW - timedelta(seconds=301 + rng.randrange(10**6)), body, key[1])
        elif kind == "future":
            headers = sign(f"future{n}", NOW + timedelta(seconds=301 + rng.randrange(10**6)), body, key[1])
        elif kind == "key":
            headers = sign(f"key{n}", NOW, body, rng.randbytes(32))
        elif kind == "source":
            source = "other"
        else:
            firm = rng.choice([scene.firm.id + 1, 10**12, 0, 2**63])
        answer = _send(scene, sent, headers, source=source, firm=firm or 10**15)
        assert answer.status_code == (409 if kind == "replay" else 401), (kind, answer.content)
        assert answer["Content-Type"] == "application/problem+json"
    assert _signals(scene) == 1


def test_a_key_of_another_firm_opens_nothing(scene: Scene, key: tuple[str, bytes]):
    other = make_scene()
    body = _body(other)
    unknown = _send(other, body, sign("m", NOW, body, b"x" * 32))
    foreign = _send(other, body, sign("m", NOW, body, key[1]))
    assert (foreign.status_code, foreign.content) == (unknown.status_code, unknown.content)
    assert foreign.status_code == 401


def test_a_revoked_key_opens_nothing(scene: Scene, key: tuple[str, bytes]):
    with tenancy.firm(scene.firm.id):
        revoke_webhook_key(key_id=key[0], actor=None, now=NOW)
    assert _signed(scene, key[1], _body(scene)).status_code == 401


def test_a_refused_message_may_be_mended_and_sent_again(scene: Scene, key: tuple[str, bytes]):
    assert _signed(scene, key[1], _body(scene, figure="NaN"), message_id="mine").status_code == 422
    assert _signed(scene, key[1], _body(scene), message_id="mine").status_code == 201
    assert _signed(scene, key[1], _body(scene), message_id="mine").status_code == 409


def test_a_body_over_64_kib_is_a_413(scene: Scene, key: tuple[str, bytes]):
    assert _signed(scene, key[1], b" " * (64 * 1024 + 1)).status_code == 413


def test_a_sender_without_the_grant_reaches_no_strategy(scene: Scene):
    with tenancy.firm(scene.firm.id):
        _, secret = create_webhook_key(source="charts", user_id=scene.colleague.user.id, now=NOW)
    assert _signed(scene, parse_secret(secret), _body(scene)).status_code == 404


def test_a_key_of_somebody_who_is_no_dealer_is_refused(scene: Scene):
    with tenancy.firm(scene.firm.id):
        _, secret = create_webhook_key(source="charts", user_id=scene.risk.user.id, now=NOW)
    assert _signed(scene, parse_secret(secret), _body(scene)).status_code == 403


def _alert(scene: Scene, **fields: Any) -> bytes:
    return orjson.dumps({"ticker": f"NASDAQ:{scene.instrument.symbol}", "strategy": scene.strategy.code, **fields})


@pytest.mark.parametrize(
    ("fields", "method", "figure"),
    [
        ({"action": "buy", "quantity": "10"}, "equity", "10"),
        ({"action": "sell", "contracts": 4}, "equity", "-4"),
        ({"action": "buy", "equity_percent": 3}, "target_weight", "0.03"),
        ({"action": "sell", "percent": 3, "market_position": "short"}, "target_weight", "-0.03"),
        ({"action": "sell", "quantity": 10, "market_position": "flat"}, "close", "1"),
    ],
)
def test_an_alert_becomes_a_signal(scene: Scene, key: tuple[str, bytes], fields: dict[str, Any], method: str, figure: str):
    answer = _signed(scene, key[1], _alert(scene, comment="hello", sl="9.5", **fields))
    assert answer.status_code == 201, answer.content
    assert answer.json()["not_read"] == ["comment", "stop_price"]
    signal = scene.owner.get(f"signals/{answer.json()['id']}").json()
    assert (signal["method"], signal["figure"]) == (method, figure)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"action": "buy", "quantity": "{{strategy.order.contracts}}"}, "placeholder"),
        ({"action": "buy"}, "quantity_or_percent"),
        ({"action": "sell", "percent": 3}, "ambiguous: say market_position or quantity"),
        ({"action": "buy", "quantity": 1, "price": 10, "sl": 11}, "stop_beyond_price"),
        ({"action": "buy", "quantity": 1, "price": 10, "tp": 9}, "target_behind_price"),
        ({"action": "buy", "quantity": 1, "release": "yes"}, "true or false"),
    ],
)
def test_an_alert_that_needs_a_person_is_refused_and_never_traded(scene: Scene, key: tuple[str, bytes], fields: dict[str, Any], rule: str):
    answer = _signed(scene, key[1], _alert(scene, **fields))
    assert answer.status_code == 422
    assert rule in {error["rule"] for error in answer.json()["errors"]}
    assert _signals(scene) == 0
