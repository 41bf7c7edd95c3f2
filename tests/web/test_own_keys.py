"""Programs that act as a person: what somebody else made waits for that person's word."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client, override_settings

from base import tenancy
from governance import services
from governance.core.subjects import Actor
from governance.enums import AuditAction, Role
from governance.models import ApiToken, AuditEvent, WebhookKey
from governance.queries.webhooks import webhook_keys
from tests.api.scene import NOW, Scene

from .people import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(scene: Scene) -> Actor:
    return Actor(str(scene.risk.user.id), Role.RISK)


def token_of(scene: Scene, actor: Actor | None) -> str:
    with tenancy.firm(scene.firm.id):
        return services.issue_token(user_id=scene.owner.user.id, label="robot", now=datetime.now(UTC), firm_id=scene.firm.id, actor=actor)


def accounts_with(token: str) -> int:
    return int(Client(headers={"Authorization": f"Token {token}"}).get("/api/v1/accounts").status_code)


def respond(scene: Scene, user: Any, kind: str, key: Any, what: str, ways: tuple[str, ...]) -> Any:
    body = {"firm": scene.firm.id, "kind": kind, "id": str(key), "answer": what}
    return signed_in(user, scene.firm.id, ways).post("/auth/keys", body)


def answer(scene: Scene, user: Any, kind: str, key: Any, what: str) -> int:
    return int(respond(scene, user, kind, key, what, ("password",)).status_code)


def name_of(label: str) -> str:
    from governance.core.subjects import token_name

    return token_name(ApiToken.objects.get(label=label).digest)


def test_a_token_that_somebody_else_made_opens_nothing_until_its_person_accepts_it(scene: Scene, officer: Actor) -> None:
    token = token_of(scene, officer)
    assert accounts_with(token) == 401
    for other in (scene.colleague.user, scene.risk.user):
        assert answer(scene, other, "token", name_of("robot"), "accept") == 404
    assert accounts_with(token) == 401
    page = signed_in(scene.owner.user, scene.firm.id).get("/auth/").content.decode()
    assert "Programs that act as you" in page and "waits for you" in page
    assert answer(scene, scene.owner.user, "token", name_of("robot"), "accept") == 302
    assert accounts_with(token) == 200
    with tenancy.firm(scene.firm.id):
        (event,) = AuditEvent.objects.filter(action=AuditAction.APPROVAL_GIVEN, subject_kind="API_KEY")
        assert event.actor_id == scene.owner.user.id
    assert answer(scene, scene.owner.user, "token", name_of("robot"), "end") == 302
    assert accounts_with(token) == 401


def test_who_has_not_shown_lately_who_they_are_shows_it_before_accepting_and_not_before_ending(scene: Scene, officer: Actor) -> None:
    token, owner, name = token_of(scene, officer), scene.owner.user, name_of("robot")
    assert respond(scene, owner, "token", name, "accept", ()).url == "/auth/reauthenticate/?next=/auth/"
    assert accounts_with(token) == 401
    assert respond(scene, owner, "token", name, "end", ()).url == "/auth/"
    assert respond(scene, owner, "token", name, "accept", ("password",)).status_code == 404


@override_settings(MFA_REQUIRED=True)
@pytest.mark.parametrize("has_factor", [True, False])
def test_a_password_alone_neither_sees_nor_answers_the_programs_of_somebody_on_the_staff(
    scene: Scene, officer: Actor, has_factor: bool
) -> None:
    token, owner = token_of(scene, officer), scene.owner.user
    if has_factor:
        Authenticator.objects.create(user=owner, type=Authenticator.Type.TOTP, data={})
    for what in ("accept", "end"):
        answered = respond(scene, owner, "token", name_of("robot"), what, ("password",))
        assert answered.status_code == 302
        assert answered.url.startswith("/auth/login/" if has_factor else "/auth/2fa/")
    assert "robot" not in signed_in(owner, scene.firm.id, ("password",)).get("/auth/").content.decode()
    assert accounts_with(token) == 401
    if has_factor:
        assert "robot" in signed_in(owner, scene.firm.id, ("password", "mfa")).get("/auth/").content.decode()
        assert respond(scene, owner, "token", name_of("robot"), "accept", ("password", "mfa")).url == "/auth/"
        assert accounts_with(token) == 200


@pytest.mark.parametrize("own", [True, False])
def test_ones_own_token_and_the_installations_work_at_once(scene: Scene, own: bool) -> None:
    actor = Actor(str(scene.owner.user.id), Role.MANAGER) if own else None
    assert accounts_with(token_of(scene, actor)) == 200


def test_a_webhook_key_and_its_successor_wait_for_who_they_act_as(scene: Scene, officer: Actor) -> None:
    with tenancy.firm(scene.firm.id):
        services.create_webhook_key(source="chart", user_id=scene.owner.user.id, now=NOW, actor=officer)
        assert webhook_keys("chart") == []
        key = WebhookKey.objects.get()
    assert answer(scene, scene.colleague.user, "webhook", key.pk, "accept") == 404
    assert answer(scene, scene.owner.user, "webhook", key.pk, "accept") == 302
    with tenancy.firm(scene.firm.id):
        assert [one.key_id for one in webhook_keys("chart")] == [str(key.pk)]
        services.rotate_webhook_key(key_id=key.pk, ends_at=NOW, actor=officer, now=NOW)
        assert [one.key_id for one in webhook_keys("chart")] == [str(key.pk)]


@pytest.mark.parametrize("body", [{}, {"answer": "x"}, {"kind": "x"}, {"id": "x"}, {"firm": "x"}, {"firm": "99999999999999999999"}])
def test_garbage_is_404_and_changes_nothing(scene: Scene, officer: Actor, body: dict[str, str]) -> None:
    token = token_of(scene, officer)
    whole = {"firm": str(scene.firm.id), "kind": "token", "id": name_of("robot"), "answer": "accept"} | body if body else {}
    assert signed_in(scene.owner.user, scene.firm.id).post("/auth/keys", whole).status_code == 404
    assert accounts_with(token) == 401
