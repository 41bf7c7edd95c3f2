"""Bodies, query strings, keys and errors: what is not understood is refused by field and rule."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from django.test import Client

from allocation.models import Signal
from base import tenancy
from tests.api.scene import Scene

pytestmark = pytest.mark.django_db


def _body(scene: Scene, **more: Any) -> dict[str, Any]:
    return {"strategy": scene.strategy.code, "symbol": scene.instrument.symbol, "method": "target_weight", "figure": "0.03", **more}


def _rules(answer: Any) -> set[tuple[str, str]]:
    return {(error["field"], error["rule"]) for error in answer.json()["errors"]}


def test_a_problem_has_its_shape(scene: Scene):
    answer = scene.owner.post("signals", b'{"strategy":"S","figure":"1,5","nonsense":1,"idempotency_key":"k"}')
    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "code", "errors"}
    assert (problem["status"], problem["code"]) == (422, "invalid_input")
    assert _rules(answer) == {("nonsense", "unknown_field"), ("symbol", "required"), ("method", "required"), ("figure", "decimal_point")}
    assert all(set(error) == {"field", "value", "rule"} for error in problem["errors"])


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (b'{"figure":NaN}', "finite"),
        (b'{"figure":-Infinity}', "finite"),
        (b'{"figure":1e3}', "exponent"),
        (b'{"figure":"NaN"}', "finite"),
        (b'{"figure":1,"figure":2}', "unique_key"),
        (b'{"figure":"\\u0000"}', "storable_text"),
        (b'{"figure":', "json"),
        (b"\xff", "utf8"),
        (b"[" * 100, "max_depth"),
        (b"[]", "object"),
        (b"null", "object"),
    ],
)
def test_a_malformed_body_is_refused_by_rule(scene: Scene, text: bytes, rule: str):
    answer = scene.owner.post("signals", text, **{"Idempotency-Key": "k"})
    assert answer.status_code == 422
    assert rule in {error["rule"] for error in answer.json()["errors"]}


def test_a_body_over_the_limit_is_a_413(scene: Scene):
    for size in (64 * 1024 + 1, 1024 * 1024 + 1):
        answer = scene.owner.post("signals", b'{"a":"' + b"x" * size + b'"}')
        assert answer.status_code == 413
        assert answer["Content-Type"] == "application/problem+json"


def test_a_body_that_is_not_json_is_a_415(scene: Scene):
    headers = {"Authorization": f"Token {scene.owner.token}"}
    answer = Client().post("/api/v1/signals", data="a=1", content_type="application/x-www-form-urlencoded", headers=headers)
    assert answer.status_code == 415
    assert answer["Content-Type"] == "application/problem+json"


def test_unknown_query_parameters_are_named(scene: Scene):
    answer = scene.owner.get("lots?colour=red&page_size=0&is_open=yes&symbol=A&symbol=B")
    assert answer.status_code == 422
    assert _rules(answer) == {
        ("colour", "unknown_parameter"),
        ("page_size", "1 to 500"),
        ("is_open", "true or false"),
        ("symbol", "given_once"),
    }
    assert scene.owner.post("signals?dry_run=true", _body(scene)).status_code == 422


@pytest.mark.parametrize("query", ["cursor=abc", "cursor=7", "page_size=501", "page_size=%00", "base_currency=%00", "code=%C3%28"])
def test_a_malformed_parameter_is_a_422(scene: Scene, query: str):
    assert scene.owner.get(f"accounts?{query}").status_code in {200, 422}
    assert scene.owner.get(f"accounts?{query}").status_code == (200 if query.startswith("code") else 422)


def test_a_method_that_is_not_offered_is_a_405(scene: Scene):
    headers = {"Authorization": f"Token {scene.owner.token}"}
    for method in ("put", "patch", "delete", "options"):
        answer = getattr(Client(), method)("/api/v1/accounts", headers=headers)
        assert answer.status_code == 405
        assert answer["Content-Type"] == "application/problem+json"
    assert scene.owner.post("accounts", {}).status_code == 405


def test_an_address_that_does_not_exist_is_a_problem_too(scene: Scene):
    answer = scene.owner.get("nothing/here")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_a_signal_is_taken_once(scene: Scene):
    first = scene.owner.post("signals", _body(scene), **{"Idempotency-Key": "once"})
    again = scene.owner.post("signals", _body(scene, figure=orjson.Fragment(b"0.030")) | {"figure": "0.030", "idempotency_key": "once"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == {**first.json(), "repeated": True}
    other = scene.owner.post("signals", _body(scene, figure="0.04"), **{"Idempotency-Key": "once"})
    assert other.status_code == 409
    assert _rules(other) == {("idempotency_key", "idempotency_key")}
    with tenancy.firm(scene.firm.id):
        assert Signal.objects.filter(idempotency_key="once").count() == 1


def test_keys_of_two_people_do_not_meet(scene: Scene):
    mine = scene.owner.post("signals", _body(scene), **{"Idempotency-Key": "same"})
    theirs = scene.second.post("signals", _body(scene, figure="0.01"), **{"Idempotency-Key": "same"})
    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json()["id"] != theirs.json()["id"]


def test_a_signal_needs_one_key(scene: Scene):
    assert _rules(scene.owner.post("signals", _body(scene))) == {("idempotency_key", "required")}
    two = scene.owner.post("signals", _body(scene, idempotency_key="a"), **{"Idempotency-Key": "b"})
    assert _rules(two) == {("idempotency_key", "contradiction")}


def test_a_signal_names_only_accounts_its_person_may_trade(scene: Scene):
    unknown = "00000000-0000-7000-8000-000000000000"
    answer = scene.owner.post("signals", _body(scene, accounts=[scene.ids["account"], unknown], idempotency_key="k"))
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "accounts", "value": unknown, "rule": "tradable_follower"}]


def test_decimals_are_plain_text_and_instants_are_utc(scene: Scene):
    order = scene.owner.get(f"orders/{scene.ids['order']}").json()
    assert (order["quantity"], order["limit_price"], order["created_at"]) == ("5", "10.05", "2026-03-02T15:00:00Z")


def test_a_statement_is_downloaded_and_audited(scene: Scene):
    answer = scene.investor.get(f"statements/{scene.ids['statement']}/pdf", Accept="application/pdf")
    assert (answer.status_code, answer["Content-Type"], answer.getvalue()) == (200, "application/pdf", b"%PDF-1.7 test")
    from governance.core.subjects import Subject
    from governance.enums import AuditAction, SubjectKind
    from governance.queries import trail_of_subject

    with tenancy.firm(scene.firm.id):
        trail = trail_of_subject(Subject(SubjectKind.STATEMENT, scene.ids["statement"]))
    assert [(event.action, event.actor_id) for event in trail] == [(AuditAction.EXPORTED, scene.investor.user.id)]


def test_a_cancel_is_done_once_and_says_what_it_did(scene: Scene):
    path = f"orders/{scene.ids['order']}/cancel"
    assert scene.owner.post(path, {"reason": "wrong"}).json() == {"canceled": 1, "requested": 0}
    assert scene.owner.post(path, {"reason": "wrong"}).json() == {"canceled": 0, "requested": 0}
    assert scene.owner.get(f"orders/{scene.ids['order']}").json()["state"] == "CANCELED"
    assert _rules(scene.owner.post(path, {})) == {("reason", "required")}


def test_gov_10_two_people_rearm(scene: Scene):
    subject = {"scope": "ACCOUNT", "subject_id": scene.ids["account"].upper(), "reason": "a test"}
    assert scene.colleague.post("kill-switches", {"scope": "FIRM", "reason": "panic"}).status_code == 201
    assert scene.owner.post("kill-switches", subject).status_code == 201
    assert {s["subject_id"] for s in scene.owner.get("kill-switches").json()["results"]} == {"", scene.ids["account"]}
    assert [s["scope"] for s in scene.colleague.get("kill-switches").json()["results"]] == ["FIRM"]
    asked = scene.owner.post("kill-switches/rearm-requests", subject)
    assert asked.status_code == 201
    path = f"kill-switches/rearm-requests/{asked.json()['id']}/confirm"
    assert scene.owner.post(path, {"reason": "me again"}).json()["code"] == "SAME_PERSON"
    assert scene.colleague.post(path, {"reason": "not mine"}).status_code == 404
    assert scene.second.post(path, {"reason": "checked"}).json() == {"state": "ARMED"}
    assert {s["subject_id"] for s in scene.owner.get("kill-switches").json()["results"]} == {""}


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"scope": "ACCOUNT", "reason": "x"}, {("subject_id", "only a firm's switch has no subject")}),
        ({"scope": "FIRM", "subject_id": "1", "reason": "x"}, {("subject_id", "only a firm's switch has no subject")}),
        ({"scope": "INSTRUMENT", "subject_id": "abc", "reason": "x"}, {("subject_id", "positive_integer")}),
        ({"scope": "EVERYTHING"}, {("scope", "choice"), ("reason", "required")}),
    ],
)
def test_a_switch_on_something_mistyped_is_refused(scene: Scene, body: dict[str, str], errors: set[tuple[str, str]]):
    answer = scene.owner.post("kill-switches", body)
    assert (answer.status_code, _rules(answer)) == (422, errors)


def test_a_switch_on_what_does_not_exist_is_refused_by_name(scene: Scene):
    answer = scene.owner.post("kill-switches", {"scope": "INSTRUMENT", "subject_id": "987654", "reason": "x"})
    assert (answer.status_code, _errors(answer)) == (404, [("subject_id", "987654", "not_found")])


def _errors(answer: Any) -> list[tuple[str, str, str]]:
    return [(error["field"], error["value"], error["rule"]) for error in answer.json()["errors"]]


def test_a_strategy_or_symbol_that_does_not_exist_is_named(scene: Scene):
    key = {"Idempotency-Key": "k"}
    for field in ("strategy", "symbol"):
        answer = scene.owner.post("signals", orjson.dumps(_body(scene, **{field: "NOPE"})), **key)
        assert (answer.status_code, _errors(answer)) == (404, [(field, "NOPE", "not_found")])
    with tenancy.firm(scene.firm.id):
        assert not Signal.objects.filter(idempotency_key="k").exists()


def test_an_entry_of_a_custom_signal_is_named_by_its_place_and_nothing_unknown_stands_in_it(scene: Scene):
    good = {"account": "01a1fd43-ff6e-7616-9be2-330f3a30fd6f", "kind": "quantity", "figure": "1"}
    body = _body(scene, method="custom", per_account=[good, {**good, "figure": "NaN", "stop": 7}], extra="x")
    answer = scene.owner.post("signals", orjson.dumps(body), **{"Idempotency-Key": "k"})
    assert answer.status_code == 422
    assert set(_errors(answer)) >= {
        ("extra", "x", "unknown_field"),
        ("per_account[1].stop", "7", "unknown_field"),
        ("per_account[1].figure", "NaN", "finite"),
    }


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ({"method": "DELETE", "path": "accounts"}, (405, "method", "DELETE")),
        ({"method": "GET", "path": "accounts", "accept": "text/html"}, (406, "Accept", "text/html")),
        ({"method": "POST", "path": "signals", "content_type": "text/csv"}, (415, "Content-Type", "text/csv")),
    ],
)
def test_a_refused_part_of_the_request_itself_is_named(scene: Scene, call: dict[str, str], expected: tuple[int, str, str]):
    headers = {"Authorization": f"Token {scene.owner.token}", "Accept": call.get("accept", "*/*")}
    kind = call.get("content_type", "application/json")
    answer = Client().generic(call["method"], f"/api/v1/{call['path']}", b"x", content_type=kind, headers=headers)
    assert (answer.status_code, *_errors(answer)[0][:2]) == expected


@pytest.mark.parametrize(
    "query",
    [
        "cash?currency=NaN",
        "cash?currency=usd",
        "accounts?base_currency=XXX",
        "instruments?currency=US$",
        "runs?as_of=2026-W10-1",
        "runs?as_of=20260302",
    ],
)
def test_a_filter_that_can_match_nothing_is_refused(scene: Scene, query: str):
    answer = (scene.risk if query.startswith("runs") else scene.owner).get(query)
    field, _, value = query.partition("?")[2].partition("=")
    assert answer.status_code == 422 and _errors(answer)[0][:2] == (field, value)
