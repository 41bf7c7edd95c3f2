"""How often one may ask: shared by all processes, by token and person, by address for strangers, by key for signed messages."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from rest_framework.exceptions import Throttled

from allocation.models import Signal
from base import tenancy
from base.api import limits
from base.core.rates import Rate, parse_rate
from base.core.webhooks import parse_secret, sign
from base.origin import acting_from
from governance.services import create_webhook_key, issue_token
from mamweb.config import read_config
from tests.api.scene import NOW, Person, Scene
from tests.factories import number

pytestmark = pytest.mark.django_db


@pytest.fixture
def rates(settings: Any) -> dict[str, Rate | None]:
    """Return the rates of this test; none until it sets them."""
    settings.API_RATES = {}
    return settings.API_RATES


@pytest.fixture
def address() -> str:
    """Return an address no other test asks from, now or a minute ago."""
    return f"2001:db8:{time.time_ns() % 65536:x}:{number():x}::1"


@pytest.fixture
def _counting_again() -> Iterator[None]:
    yield
    limits._silent_until = 0.0


def test_a_token_over_its_rate_is_a_429_that_says_when(scene: Scene, rates: dict[str, Rate | None]):
    rates["token"] = Rate(3, 3600)
    answers = [scene.owner.get("me") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    late = answers[-1]
    assert late["Content-Type"] == "application/problem+json"
    assert 1 <= int(late["Retry-After"]) <= 1200
    assert set(late.json()) == {"type", "title", "status", "code", "errors"}
    assert (late.json()["code"], late.json()["status"]) == ("throttled", 429)
    assert "3/h for each token" in late.json()["title"]
    assert scene.second.get("me").status_code == 200


def test_a_refused_request_writes_nothing(scene: Scene, rates: dict[str, Rate | None]):
    rates["token"] = Rate(1, 3600)
    body = {"strategy": scene.strategy.code, "symbol": scene.instrument.symbol, "method": "fixed", "figure": "1"}
    keys = ("a", "b")
    answers = [scene.owner.post("signals", body, **{"Idempotency-Key": key}).status_code for key in keys]
    assert answers == [201, 429]
    with tenancy.firm(scene.firm.id):
        assert Signal.objects.filter(idempotency_key__in=keys).count() == 1


def test_a_refused_role_counts_too(scene: Scene, rates: dict[str, Rate | None]):
    rates["token"] = Rate(1, 3600)
    assert [scene.investor.get("orders").status_code for _ in range(2)] == [403, 429]


def test_tokens_of_one_person_share_the_persons_rate(scene: Scene, rates: dict[str, Rate | None]):
    rates["token"], rates["person"] = Rate(2, 3600), Rate(3, 3600)
    with tenancy.firm(scene.firm.id):
        other = issue_token(user_id=scene.owner.user.id, label="other", now=NOW, firm_id=scene.firm.id, lifetime=timedelta(days=36500))
    twin = Person(scene.owner.user, other, scene.firm.id)
    assert [scene.owner.get("me").status_code for _ in range(3)] == [200, 200, 429]
    assert [twin.get("me").status_code for _ in range(2)] == [200, 429]


def test_gov_10_a_spent_rate_does_not_keep_anybody_from_stopping(scene: Scene, rates: dict[str, Rate | None]):
    rates["token"], rates["person"], rates["stop"] = Rate(1, 3600), Rate(1, 3600), Rate(3, 3600)
    assert [scene.owner.get("me").status_code for _ in range(2)] == [200, 429]
    assert scene.owner.get("kill-switches").status_code == 429
    assert scene.owner.post("kill-switches", {"scope": "FIRM", "reason": "panic"}).status_code == 201
    assert scene.owner.post(f"orders/{scene.ids['order']}/cancel", {"reason": "wrong"}).status_code == 200
    assert scene.owner.post(f"parents/{scene.ids['parent']}/cancel", {"reason": "wrong"}).status_code == 200
    assert scene.owner.post("kill-switches", {"scope": "FIRM", "reason": "panic"}).status_code == 429


def test_strangers_are_counted_by_address_and_nobody_else_with_them(scene: Scene, rates: dict[str, Rate | None], address: str):
    rates["anonymous"], rates["token"] = Rate(3, 3600), Rate(100, 3600)
    neighbour = address.replace("::1", "::ffff:2")

    def ask(peer: str, token: str = "", path: str = "me") -> int:
        headers = {"Authorization": f"Token {token}"} if token else {}
        return Client().get(f"/api/v1/{path}", headers=headers, REMOTE_ADDR=peer).status_code

    assert [ask(address), ask(neighbour, "mam_wrong"), ask(address, path="no/such")] == [401, 401, 401]
    assert [ask(address), ask(neighbour, "mam_wrong"), ask(address, path="no/such")] == [429, 429, 429]
    forged = Client().get("/api/v1/me", headers={"X-Forwarded-For": "198.51.100.1"}, REMOTE_ADDR=address)
    assert (forged.status_code, forged["Content-Type"]) == (429, "application/problem+json")
    assert ask(address, scene.owner.token) == 200
    assert ask("192.0.2.200") == 401


def _send(scene: Scene, secret: bytes, message_id: str, address: str) -> int:
    body = orjson.dumps({"strategy": scene.strategy.code, "symbol": scene.instrument.symbol, "method": "fixed", "figure": "1"})
    headers = sign(message_id, NOW, body, secret)
    path = f"/api/v1/webhooks/{scene.firm.id}/charts"
    return Client().post(path, data=body, content_type="application/json", headers=headers, REMOTE_ADDR=address).status_code


def test_signed_messages_are_counted_by_key_and_unsigned_ones_by_address(scene: Scene, rates: dict[str, Rate | None], address: str):
    with tenancy.firm(scene.firm.id):
        _, text = create_webhook_key(source="charts", user_id=scene.owner.user.id, now=NOW)
    secret = parse_secret(text)
    rates["anonymous"], rates["webhook"] = Rate(2, 3600), Rate(2, 3600)
    assert [_send(scene, b"x" * 32, f"bad{n}", address) for n in range(3)] == [401, 401, 429]
    assert [_send(scene, secret, f"good{n}", address) for n in range(3)] == [201, 201, 429]
    rates["webhook"] = None
    assert _send(scene, secret, "good2", address) == 201, "a message that was one too many is not used up"


def test_after_the_time_that_was_said_a_request_passes(rates: dict[str, Rate | None]):
    rates["token"] = Rate(5, 1)
    who = f"t{time.time_ns()}"
    with pytest.raises(Throttled) as refused:
        for _ in range(50):
            limits.spend(("token", who))
    assert refused.value.wait == 1
    time.sleep(1)
    for _ in range(5):
        limits.spend(("token", who))


def test_a_refusal_spends_no_other_bucket(rates: dict[str, Rate | None]):
    rates["token"], rates["person"] = Rate(1, 3600), Rate(3, 3600)
    who = f"t{time.time_ns()}"
    limits.spend(("token", who), ("person", who))
    for _ in range(10):
        with pytest.raises(Throttled):
            limits.spend(("token", who), ("person", who))
    limits.spend(("person", who))
    limits.spend(("person", who))
    with pytest.raises(Throttled):
        limits.spend(("person", who))


def _passes(who: str) -> int:
    try:
        limits.spend(("token", who))
    except Throttled:
        return 0
    return 1


def test_processes_and_threads_share_one_count(rates: dict[str, Rate | None]):
    rates["token"] = Rate(20, 3600)
    who = f"t{time.time_ns()}"
    with multiprocessing.get_context("fork").Pool(3) as pool:
        by_processes = sum(pool.map(_passes, [who] * 15, chunksize=5))
    with ThreadPoolExecutor(4) as threads:
        by_threads = sum(threads.map(_passes, [who] * 40))
    assert (by_processes, by_threads) == (15, 5)


@pytest.mark.usefixtures("_counting_again")
def test_without_valkey_nobody_is_refused(scene: Scene, rates: dict[str, Rate | None], settings: Any):
    rates["token"] = Rate(1, 3600)
    settings.REDIS_URL = "unix:///nonexistent/valkey.sock"
    assert [scene.owner.get("me").status_code for _ in range(3)] == [200, 200, 200]


def test_one_subscriber_of_ipv6_is_one_caller():
    callers = []
    for text in ("192.0.2.1", "2001:db8:1:2:3::4", "2001:db8:1:2:ffff::1", ""):
        with acting_from(source_ip=text):
            callers.append(limits.address_of_caller())
    assert callers == ["192.0.2.1", "2001:db8:1:2::/64", "2001:db8:1:2::/64", ""]


@pytest.mark.parametrize("text", ["", "0/min", "600", "600/day", "-1/s", "1e3/s", " 5/s", "5/s\n", 5])
def test_a_rate_is_read_or_refused(text: object):
    with pytest.raises(ValueError):
        parse_rate(text)


def test_rates_come_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("API_RATE_TOKEN", "7/s")
    monkeypatch.setenv("API_RATE_WEBHOOK", "off")
    config = read_config()
    assert (config.api_rate_token, config.api_rate_webhook, config.api_rate_anonymous) == (Rate(7, 1), None, Rate(30, 60))
    monkeypatch.setenv("API_RATE_TOKEN", "many")
    with pytest.raises(ImproperlyConfigured, match="API_RATE_TOKEN"):
        read_config()
