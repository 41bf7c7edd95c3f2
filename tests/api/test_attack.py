"""What somebody with bad intent, or a bad program, sends: refused by field and rule, done at most once, never a 5xx."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from uuid import uuid4

import orjson
import pytest
from django.db import connections
from django.test import Client

from allocation.models import Signal
from base import tenancy
from base.core.webhooks import parse_secret, sign
from execution.models import ChildOrder, ParentOrder
from governance.models import ApiToken
from governance.services import create_webhook_key
from tests.api.house import House
from tests.api.scene import NOW, Scene, make_scene
from tests.api.test_three_people import ADDRESSES
from tests.factories import as_loader, number

pytestmark = pytest.mark.django_db
T = TypeVar("T")
PROBLEM = "application/problem+json"
BODIES = [
    b"", b" ", b"{}", b"[]", b"null", b"0", b'"x"', b"NaN", b'{"figure":Infinity}', b'{"figure":1e400}', b'{"figure":-0}', b"\x00",
    b'{"a":"\\ud800"}', b'{"reason":"\\u0000"}', b'{"preview_hash":"\\u0000"}', b'{"preview_hash":["x"]}', b'{"reason":1e400}',
    b'{"scope":"FIRM","reason":"a\\u0000b"}', b'{"scope":["FIRM"],"reason":{}}', b'{"\\u0000":1}', b"[" * 3000, b"1" * 60000,
    b'{"reason":"x","scope":"INSTRUMENT","subject_id":"99999999999999999999"}',
    '{"reason":"x","scope":"INSTRUMENT","subject_id":"\u0661"}'.encode(),
    b'{"reason":"x","scope":"ACCOUNT","subject_id":"no-uuid"}', b'{"reason":"x","scope":"ACCOUNT","subject_id":5}',
    b'{"figure":' + b"9" * 399 + b"}", b'{"figure":0.' + b"0" * 50000 + b"1}", b'{"a":"' + b"x" * 1_200_000 + b'"}',
]  # fmt: skip


def sound(answer: Any) -> bool:
    """Tell whether the answer is one the API may give."""
    return answer.status_code < 400 or (answer.status_code < 500 and answer["Content-Type"] == PROBLEM)


@pytest.mark.parametrize("name", sorted(name for name, address in ADDRESSES.items() if address.post is not None))
def test_no_body_breaks_an_address(name: str, scene: Scene):
    path = ADDRESSES[name].path.format(**scene.ids, rearm=uuid4())
    for body in BODIES:
        answer = scene.owner.post(path, body)
        assert sound(answer), (body[:60], answer.status_code, answer.content)
        if len(body) > 64 * 1024:
            assert answer.status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "accounts/x",
        "accounts/%00",
        "instruments/0",
        "instruments/9223372036854775808",
        "instruments/%D9%A1",
        "journeys/x",
        "signals/" + "f" * 36,
        "orders?cursor=%00",
        "orders?cursor=99999999999999999999",
        "orders?created_from=0001-01-01T00:00:00%2B23:59",
        "orders?symbol=%00",
        "executions?trade_date=0000-00-00",
        "quotes?instruments=1,%00",
        "quotes?instruments=99999999999999999999",
        "%ff",
        "a" * 8000,
    ],
)
def test_no_address_breaks(scene: Scene, path: str):
    for ask in (scene.owner.get, scene.owner.post):
        answer = ask(path)
        assert 400 <= answer.status_code < 500 and answer["Content-Type"] == PROBLEM, answer.content


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Idempotency-Key", "\x00"),
        ("Idempotency-Key", "x" * 5000),
        ("Idempotency-Key", ""),
        ("Accept", "text/html"),
        ("Host", "evil.example"),
    ]
    + [
        ("Authorization", text) for text in ("", "x", "Token", "Token a b", "Token \x00", "Token " + "x" * 100_000, "Token é", "Basic eDp5")
    ],
)
def test_no_header_breaks(scene: Scene, header: str, value: str):
    body = {"strategy": scene.strategy.code, "symbol": scene.instrument.symbol, "method": "fixed", "figure": "1"}
    answer = scene.owner.post("signals", body, **{"Idempotency-Key": "k", header: value})
    assert 400 <= answer.status_code < 500 and answer["Content-Type"] == PROBLEM, answer.content


def test_a_defect_of_ours_is_a_problem_too_and_tells_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    from governance import api as governance

    monkeypatch.setattr(governance.Me, "get", lambda self, request: 1 // 0)
    client = Client(raise_request_exception=False)
    answer = client.get("/api/v1/me", headers={"Authorization": f"Token {scene.owner.token}"})
    assert (answer.status_code, answer["Content-Type"], answer.json()["code"]) == (500, PROBLEM, "server_error")
    assert "ZeroDivision" not in answer.content.decode()


@pytest.mark.parametrize("method", ["fixed", "equal", "equal_ending", "equity", "available", "balance", "target_weight", "risk", "close"])
@pytest.mark.parametrize(
    ("figure", "rule"),
    [("99999999999", "maximum"), ("-92233720369", "minimum"), ("0.000000001", "scale"), ("-0.0000000001", "scale"), ("1e400", "exponent")],
)
def test_con_1_a_figure_that_does_not_fit_or_would_be_rounded_is_refused(scene: Scene, method: str, figure: str, rule: str):
    if method == "close" and figure.startswith("-"):
        figure, rule = figure.removeprefix("-"), rule.replace("minimum", "maximum")
    body = {"strategy": scene.strategy.code, "symbol": scene.instrument.symbol, "method": method, "figure": figure, "stop_price": "1"}
    answer = scene.owner.post("signals", body, **{"Idempotency-Key": "k"})
    assert answer.status_code == 422
    assert ("figure", rule) in {(error["field"], error["rule"]) for error in answer.json()["errors"]}


def test_con_1_so_is_one_of_a_list_a_stop_and_an_alert(scene: Scene):
    body = {"strategy": scene.strategy.code, "symbol": scene.instrument.symbol, "method": "custom"}
    entry = {"account": scene.ids["account"], "kind": "weight", "figure": "0.000000001"}
    answer = scene.owner.post("signals", {**body, "per_account": [entry]}, **{"Idempotency-Key": "k"})
    assert {error["rule"] for error in answer.json()["errors"]} == {"scale"}
    risk = {**body, "method": "risk", "figure": "0.01", "stop_price": "0.0000000001"}
    assert {error["rule"] for error in scene.owner.post("signals", risk, **{"Idempotency-Key": "k"}).json()["errors"]} == {"scale"}
    with tenancy.firm(scene.firm.id):
        _, secret = create_webhook_key(source="charts", user_id=scene.owner.user.id, now=NOW)
    alert = orjson.dumps({"ticker": scene.instrument.symbol, "strategy": scene.strategy.code, "action": "buy", "quantity": 99_999_999_999})
    assert _signed(scene.firm.id, secret, alert, "a").status_code == 422


def test_siz_3_a_stop_at_the_price_has_no_distance(house: House):
    body = {"strategy": "CORE", "symbol": "XYZ", "method": "risk", "figure": "0.01", "stop_price": "47.3"}
    signal = house.trader.post("signals", body, **{"Idempotency-Key": "k"}).json()
    answer = house.trader.post(f"signals/{signal['id']}/preview")
    assert (answer.status_code, answer.json()["code"]) == (422, "SIZ-3")
    (error,) = answer.json()["errors"]
    assert (error["field"], Decimal(error["value"])) == ("stop_price", Decimal("47.3"))


def test_siz_3_a_listed_risk_is_sized_by_its_stop(house: House):
    """0.01% of 250,000 at risk over 7.30 a share: 3.42 shares."""
    account = str(house.firm.accounts["A1"])
    body = {
        "strategy": "CORE",
        "symbol": "XYZ",
        "method": "custom",
        "per_account": [{"account": account, "kind": "risk", "figure": "0.0001"}],
    }
    refused = house.trader.post("signals", body, **{"Idempotency-Key": "a"})
    assert {(e["field"], e["rule"]) for e in refused.json()["errors"]} == {("stop_price", "required")}
    signal = house.trader.post("signals", {**body, "stop_price": "40"}, **{"Idempotency-Key": "b"}).json()
    (line,) = (line for line in house.preview(signal)["lines"] if line["account"] == "A1")
    assert (line["quantity"], line["raw"][:5]) == ("3", "3.424")


@pytest.mark.parametrize("figure", ["9999999999.99999999", "-9999999999.99999999", "0.00000001", "-0.00000001"])
@pytest.mark.parametrize("method", ["fixed", "equal", "equal_ending", "equity", "available", "balance"])
def test_the_largest_and_smallest_figures_are_sized_or_refused(house: House, method: str, figure: str):
    body = {"strategy": "CORE", "symbol": "XYZ", "method": method, "figure": figure}
    signal = house.trader.post("signals", body, **{"Idempotency-Key": "k"})
    assert signal.status_code == 201, signal.content
    preview = house.trader.post(f"signals/{signal.json()['id']}/preview")
    assert preview.status_code in {200, 422}, preview.content
    if preview.status_code == 200:
        assert house.release(signal.json(), preview.json()).status_code in {200, 409, 422}


def test_i9_ids_of_another_firm_in_a_body_are_ids_of_nothing(scene: Scene):
    other = make_scene()
    body = {"strategy": scene.strategy.code, "symbol": scene.instrument.symbol, "method": "fixed", "figure": "1", "idempotency_key": "k"}
    for theirs, nobodys in ((other.ids["account"], str(uuid4())), (other.ids["signal"], str(uuid4()))):
        answers = [scene.owner.post("signals", {**body, "accounts": [account]}) for account in (theirs, nobodys)]
        assert [answer.status_code for answer in answers] == [422, 422]
        assert answers[0].content.replace(theirs.encode(), nobodys.encode()) == answers[1].content
    assert scene.owner.post("signals", {**body, "strategy": other.strategy.code}).status_code == 404
    with tenancy.firm(other.firm.id):
        broker = str(other.account.connection_id)
    for scope, subject in (("ACCOUNT", other.ids["account"]), ("STRATEGY", str(other.strategy.id)), ("BROKER", broker)):
        for path in ("kill-switches", "kill-switches/flatten", "kill-switches/rearm-requests"):
            assert scene.owner.post(path, {"scope": scope, "subject_id": subject, "reason": "x"}).status_code == 404
    for query in ("account", "journey", "order"):
        listed = scene.owner.get(f"executions?{query}={other.ids[query]}")
        assert (listed.status_code, listed.json()["results"]) == (200, [])
    assert not Signal.objects.filter(idempotency_key="k").exists()


def test_a_preview_of_one_signal_does_not_release_another(house: House):
    first, second = house.signal("one"), house.signal("two", figure="0.01")
    preview = house.preview(first)
    answer = house.release(second, preview)
    assert (answer.status_code, answer.json()["code"]) == (409, "preview_unknown")
    house.at(house.now + timedelta(seconds=61))
    assert house.release(first, preview).json()["code"] == "preview_expired"
    with tenancy.firm(house.firm.firm_id):
        assert not ParentOrder.objects.exists()


def test_a_cancel_of_what_is_done_changes_nothing(scene: Scene):
    with tenancy.firm(scene.firm.id):
        ChildOrder.objects.filter(id=scene.ids["order"]).update(state="SENDING")
        for state in ("ACKED", "FILLED"):
            ChildOrder.objects.filter(id=scene.ids["order"]).update(state=state)
    for path in (f"orders/{scene.ids['order']}/cancel", f"parents/{scene.ids['parent']}/cancel"):
        assert scene.owner.post(path, {"reason": "late"}).json() == {"canceled": 0, "requested": 0}
    assert scene.owner.get(f"orders/{scene.ids['order']}").json()["state"] == "FILLED"


def _signed(firm_id: int, secret: str, body: bytes, message_id: str, at: datetime = NOW) -> Any:
    headers = sign(message_id, at, body, parse_secret(secret))
    return Client().post(f"/api/v1/webhooks/{firm_id}/charts", data=body, content_type="application/json", headers=headers)


def together(work: Callable[[], T], times: int = 4) -> list[T]:
    """Do the same in several threads at the same moment, each on its own connections."""
    gate, done = threading.Barrier(times), []

    def run() -> None:
        try:
            gate.wait(10)
            done.append(work())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(done) == times
    return done


@pytest.fixture
def committed_house(db: None, settings: Any) -> Iterator[House]:
    """Return a house that other connections see; its firm outlives the test, and nobody else looks at it, but tokens are global."""
    house = as_loader(lambda: House(settings))
    yield house
    as_loader(lambda: ApiToken.objects.filter(firm_id=house.firm.firm_id).delete())


def test_i1_a_release_from_several_threads_is_done_once(committed_house: House):
    house = committed_house

    def race() -> list[Any]:
        signal = house.signal(f"race{number()}")
        preview = house.preview(signal)
        return together(lambda: house.release(signal, preview))

    answers = as_loader(race)
    assert [answer.status_code for answer in answers] == [200] * 4, [answer.content for answer in answers]
    assert Counter(answer.json()["repeated"] for answer in answers) == {False: 1, True: 3}
    assert len({(answer.json()["plan_id"], *answer.json()["parents"]) for answer in answers}) == 1
    with tenancy.firm(house.firm.firm_id):
        assert ParentOrder.objects.count() == 1
        assert ChildOrder.objects.count() == ChildOrder.objects.values("client_order_id").distinct().count()


def test_a_key_used_by_several_threads_makes_one_signal(committed_house: House):
    house, key = committed_house, f"race{number()}"
    body = {"strategy": "CORE", "symbol": "XYZ", "method": "target_weight", "figure": "0.03"}
    figures = iter(["0.03", "0.03", "0.04", "0.04"])
    answers = together(lambda: house.trader.post("signals", {**body, "figure": next(figures)}, **{"Idempotency-Key": key}))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 1, 409: 2}, [answer.content for answer in answers]
    with tenancy.firm(house.firm.firm_id):
        assert Signal.objects.filter(idempotency_key=key).count() == 1


def test_s7_one_message_from_several_threads_is_taken_once(committed_house: House):
    house = committed_house

    def key() -> str:
        with tenancy.firm(house.firm.firm_id):
            return create_webhook_key(source="charts", user_id=int(house.firm.actors["TRADER"].user_id), now=house.now)[1]

    secret = as_loader(key)
    body = orjson.dumps({"ticker": "XYZ", "strategy": "CORE", "action": "buy", "percent": 3, "release": True})
    answers = together(lambda: _signed(house.firm.firm_id, secret, body, "the-one", house.now))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 3}, [answer.content for answer in answers]
    with tenancy.firm(house.firm.firm_id):
        assert ParentOrder.objects.count() == 1
