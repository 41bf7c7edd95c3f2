"""The API against its own OpenAPI: every answer is as described, and nothing makes it fail with a 5xx."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from tests.api.scene import Person, Scene

pytestmark = pytest.mark.django_db
EXAMPLES = 10
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
DOCUMENT: dict[str, Any] = SchemaGenerator(urlconf="mamweb.urls").get_schema(request=None, public=True)
OPERATIONS = sorted((path, method) for path, methods in DOCUMENT["paths"].items() for method in methods)


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """Keep the test's connection, and so its transaction, from request to request."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def _operation(path: str, method: str) -> Any:
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.app = WSGIHandler()
    schema.config.update(base_url="http://localhost")
    return schema[path][method]


def _known(scene: Scene, path: str) -> dict[str, Any]:
    """Return what the address's names stand for in the scene: half of the cases ask for what exists."""
    kind = path.split("/")[3].removesuffix("es" if "switch" in path else "s")
    ids = {"account_id": scene.ids["account"], "plan_id": scene.ids["plan"], "journey_id": scene.ids["journey"]}
    return {**ids, "id": scene.ids.get(kind, scene.ids["order"]), "firm_id": scene.firm.id, "source": "charts"}


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_as_described_and_none_is_a_5xx(path: str, method: str, scene: Scene):
    operation = _operation(path, method)
    people = [scene.owner, scene.risk]
    calls = iter(range(10**9))

    @settings(max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        n = next(calls)
        person: Person = people[n // 2 % 2]
        if n % 2 and case.path_parameters:
            known = _known(scene, path)
            case.path_parameters = {name: known[name] for name in case.path_parameters}
        case.validate_response(case.call(headers={"Authorization": f"Token {person.token}"}), checks=CHECKS)

    ask()


def test_the_example_of_a_signal_is_taken_and_that_of_a_refusal_is_what_is_answered(scene: Scene):
    posted = DOCUMENT["paths"]["/api/v1/signals"]["post"]
    example = posted["requestBody"]["content"]["application/json"]["example"]
    mine = {**example, "strategy": scene.strategy.code, "symbol": scene.instrument.symbol}
    assert scene.owner.post("signals", mine, **{"Idempotency-Key": "example"}).status_code == 201
    refused = scene.owner.post("signals", {**mine, "figure": "1,5"}, **{"Idempotency-Key": "refused"})
    assert refused.json() == posted["responses"]["422"]["content"]["application/problem+json"]["example"]


def test_the_description_is_valid_openapi(scene: Scene):
    answer = scene.owner.get("schema")
    validate_schema(answer.json())
    assert len(answer.json()["paths"]) >= 39
    assert all(
        row["security"] == [{"token": []}]
        for path, ways in answer.json()["paths"].items()
        for row in ways.values()
        if "webhook" not in path
    )


@pytest.mark.parametrize("name", [path for path, method in OPERATIONS if method == "get" and "{" not in path])
def test_the_owners_rows_are_as_described(name: str, scene: Scene):
    query = f"?instruments={scene.ids['instrument']}" if name.endswith("quotes") else ""
    answer = scene.owner.get(name.removeprefix("/api/v1/") + query)
    assert answer.status_code == 200
    import jsonschema_rs

    shape = DOCUMENT["paths"][name]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema_rs.validator_for(_nullable(shape)).validate(answer.json())


def _nullable(shape: Any) -> Any:
    """Return an OpenAPI 3.0 shape as JSON Schema: `nullable` there is a further type here."""
    if isinstance(shape, list):
        return [_nullable(item) for item in shape]
    if not isinstance(shape, dict):
        return shape
    plain = {key: _nullable(value) for key, value in shape.items() if key != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if shape.get("nullable") is True else plain
