"""S3, DESIGN §6: every address answers its owner, and is a 404 for a colleague without the grant and for a stranger; addresses come from
the resolver, so a new one without an entry here fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver

from tests.api.scene import Person, Scene, ask_to_rearm, make_scene

pytestmark = pytest.mark.django_db

LIST, ONE, OPEN = "LIST", "ONE", "OPEN"
_REASON = b'{"reason":"a test"}'


@dataclass(frozen=True)
class Address:
    """kind LIST: rows of accounts; ONE: an object; OPEN: the same for everybody of the firm. post: a body that its owner may send."""

    path: str
    kind: str
    post: Callable[[Scene], bytes] | None = None
    owner_answers: frozenset[int] = frozenset({200})


def _signal(scene: Scene) -> bytes:
    body = (
        f'{{"strategy":"{scene.strategy.code}","symbol":"{scene.instrument.symbol}","method":"fixed","figure":"1","idempotency_key":"k1"}}'
    )
    return body.encode()


def _trip(scene: Scene) -> bytes:
    return f'{{"scope":"ACCOUNT","subject_id":"{scene.ids["account"]}","reason":"a test"}}'.encode()


ADDRESSES: dict[str, Address] = {
    "schema": Address("schema", OPEN),
    "me": Address("me", OPEN),
    "instruments": Address("instruments", OPEN),
    "instrument": Address("instruments/{instrument}", OPEN),
    "quotes": Address("quotes?instruments={instrument}", OPEN),
    "accounts": Address("accounts", LIST),
    "account": Address("accounts/{account}", ONE),
    "account-positions": Address("accounts/{account}/positions", ONE),
    "account-lots": Address("accounts/{account}/lots", ONE),
    "account-cash": Address("accounts/{account}/cash", ONE),
    "positions": Address("positions", LIST),
    "lots": Address("lots", LIST),
    "cash": Address("cash", LIST),
    "strategies": Address("strategies", LIST),
    "signals": Address("signals", LIST, post=_signal, owner_answers=frozenset({201})),
    "signal": Address("signals/{signal}", ONE),
    "signal-preview": Address("signals/{signal}/preview", ONE, post=lambda s: b"", owner_answers=frozenset({422})),
    "signal-release": Address(
        "signals/{signal}/release", ONE, post=lambda s: b'{"preview_hash":"' + b"0" * 64 + b'"}', owner_answers=frozenset({200})
    ),
    "plans": Address("plans", LIST),
    "plan": Address("plans/{plan}", ONE),
    "plan-lines": Address("plans/{plan}/lines", ONE),
    "parents": Address("parents", LIST),
    "parent": Address("parents/{parent}", ONE),
    "parent-cancel": Address("parents/{parent}/cancel", ONE, post=lambda s: _REASON),
    "parent-replace": Address(
        "parents/{parent}/replace", ONE, post=lambda s: b'{"limit_price":"10.00","reason":"a test"}', owner_answers=frozenset({409})
    ),
    "orders": Address("orders", LIST),
    "order": Address("orders/{order}", ONE),
    "order-cancel": Address("orders/{order}/cancel", ONE, post=lambda s: _REASON),
    "executions": Address("executions", LIST),
    "journey": Address("journeys/{journey}", ONE),
    "kill-switches": Address("kill-switches", OPEN, post=_trip, owner_answers=frozenset({201})),
    "flatten": Address("kill-switches/flatten", ONE, post=_trip, owner_answers=frozenset({422})),
    "rearm-requests": Address("kill-switches/rearm-requests", ONE, post=_trip, owner_answers=frozenset({422})),
    "rearm-confirm": Address("kill-switches/rearm-requests/{rearm}/confirm", ONE, post=lambda s: _REASON, owner_answers=frozenset({403})),
    "breaks": Address("breaks", LIST),
    "break": Address("breaks/{break}", ONE),
    "runs": Address("runs", LIST),
    "run": Address("runs/{run}", ONE),
    "statements": Address("statements", LIST),
    "statement": Address("statements/{statement}", ONE),
    "statement-pdf": Address("statements/{statement}/pdf", ONE),
}
# Authenticated by signature, not by token: tests/api/test_webhooks.py.
SIGNED = {"webhook", "no-such-address"}


def _routes() -> set[str]:
    api = next(part for part in get_resolver().url_patterns if getattr(part, "namespace", None) == "api")
    return {route.name for route in api.url_patterns}


def test_every_route_has_an_entry_here():
    assert _routes() == set(ADDRESSES) | SIGNED


@pytest.fixture
def other(db: None) -> Scene:
    return make_scene()


def _path(address: Address, scene: Scene) -> str:
    ids = dict(scene.ids)
    if "{rearm}" in address.path:
        ids["rearm"] = ask_to_rearm(scene)
    return address.path.format(**ids)


def _ask(person: Person, address: Address, path: str, scene: Scene) -> list[tuple[str, Any]]:
    answers = []
    if address.post is not None:
        answers.append(("POST", person.post(path, address.post(scene))))
    if address.post is None or address.kind in {LIST, OPEN}:
        answers.append(("GET", person.get(path)))
    return answers


@pytest.mark.parametrize("name", sorted(ADDRESSES))
def test_s3_owner_colleague_and_stranger(name: str, scene: Scene, other: Scene):
    address = ADDRESSES[name]
    path = _path(address, scene)
    for method, answer in _ask(scene.colleague, address, path, scene) + _ask(other.owner, address, path, scene):
        if method == "GET" and address.kind == LIST:
            assert answer.status_code == 200
            shown = {row["id"] for row in answer.json()["results"]}
            assert shown.isdisjoint(scene.ids.values())
            assert scene.ids["account"] not in answer.content.decode()
        elif method == "GET" and address.kind == OPEN:
            assert answer.status_code == 200
            assert scene.ids["account"] not in answer.content.decode()
        else:
            assert answer.status_code == 404, answer.content
    for method, answer in _ask(scene.owner, address, path, scene):
        wanted = address.owner_answers if method == "POST" else {200}
        assert answer.status_code in wanted, answer.content
        if method == "GET" and address.kind == LIST:
            assert answer.json()["results"]


@pytest.mark.parametrize("name", sorted(name for name, a in ADDRESSES.items() if a.kind == ONE and "{" in a.path))
def test_a_foreign_object_is_answered_exactly_as_an_unknown_one(name: str, scene: Scene, other: Scene):
    address = ADDRESSES[name]
    path = _path(address, other)
    unknown = address.path.format(**dict.fromkeys([*scene.ids, "rearm"], "00000000-0000-7000-8000-000000000000"))
    method = scene.owner.get if address.post is None else lambda p: scene.owner.post(p, address.post(scene))
    foreign, nothing = method(path), method(unknown)
    assert (foreign.status_code, foreign.content) == (nothing.status_code, nothing.content)
    assert foreign.status_code == 404


@pytest.mark.parametrize("name", sorted(ADDRESSES))
def test_without_a_token_nothing_is_answered(name: str, scene: Scene):
    address = ADDRESSES[name]
    path = _path(address, scene)
    for client in (Client().get, Client().post):
        answer = client(f"/api/v1/{path}")
        assert answer.status_code == 401
        assert answer["Content-Type"] == "application/problem+json"
        assert answer["WWW-Authenticate"] == "Token"


INVESTOR = {"schema", "me", "accounts", "account", "account-positions", "account-lots", "account-cash", "positions", "lots", "cash"} | {
    "statements",
    "statement",
    "statement-pdf",
}


@pytest.mark.parametrize("name", sorted(ADDRESSES))
def test_an_investor_reads_own_accounts_and_statements_only(name: str, scene: Scene):
    address = ADDRESSES[name]
    path = _path(address, scene)
    for method, answer in _ask(scene.investor, address, path, scene):
        assert answer.status_code == (200 if name in INVESTOR and method == "GET" else 403), answer.content


@pytest.mark.parametrize("name", ["signals", "signal-preview", "signal-release", "parent-cancel", "parent-replace", "order-cancel"])
def test_only_managers_and_traders_write(name: str, scene: Scene):
    address = ADDRESSES[name]
    assert scene.risk.post(_path(address, scene), address.post(scene)).status_code == 403


def test_risk_sees_everything_and_may_stop_anything(scene: Scene):
    for name, address in ADDRESSES.items():
        if address.post is None:
            assert scene.risk.get(_path(address, scene)).status_code == 200, name
    assert scene.risk.post("kill-switches", _trip(scene)).status_code == 201


def test_a_revoked_membership_is_dead_on_the_next_request(scene: Scene):
    from base import tenancy
    from governance.models import Membership

    assert scene.owner.get("accounts").status_code == 200
    with tenancy.firm(scene.firm.id):
        Membership.objects.filter(user=scene.owner.user).update(is_active=False)
    assert scene.owner.get("accounts").status_code == 401
