"""`manage.py token` and `manage.py webhook_key`: made, listed, revoked, rotated; one firm only; refusals by field, value and rule."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from base import tenancy
from base.core.webhooks import parse_secret
from base.origin import Origin
from governance import queries
from governance.core.subjects import Subject
from governance.enums import AuditAction, Role, SubjectKind
from governance.models import ApiToken, User, WebhookKey
from tests.governance.scene import DAY, NOW, Scene, make_scene
from tests.governance.test_people import answer

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_a_known_instant(settings: Any) -> None:
    settings.REHEARSAL_CLOCK = f"{NOW.isoformat()}@{NOW.isoformat()}*0"


@pytest.fixture
def scene(db: None) -> Scene:
    return make_scene()


def run(command: str, *words: object) -> tuple[str, str]:
    """Return what the command says on standard output and standard error."""
    out, err = StringIO(), StringIO()
    call_command(command, *map(str, words), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def email(scene: Scene, role: Role) -> str:
    return User.objects.get(id=scene.people[role].user_id).email


def trail(scene: Scene, key_id: str) -> list[tuple[AuditAction, int | None, Origin, str]]:
    with tenancy.firm(scene.firm):
        events = queries.trail_of_subject(Subject(SubjectKind.API_KEY, key_id))
    return [(event.action, event.actor_id, event.origin, event.reason) for event in events]


def test_a_token_is_made_shown_once_listed_and_revoked(scene: Scene):
    who = email(scene, Role.TRADER)
    out, err = run("token", "create", "--firm", scene.firm, "--user", who.upper(), "--label", "desk robot", "--days", 36500 // 50)
    token = out.strip()
    assert token.startswith("mam_") and token not in err
    row = ApiToken.objects.get(user__email=who)
    assert (row.label, row.firm_id, row.expiry) == ("desk robot", scene.firm, NOW + 730 * DAY)
    listed = run("token", "list", "--firm", scene.firm)[0]
    assert all(word in listed for word in (row.digest[:16], who, "desk robot", "good")) and token not in listed
    assert run("token", "list", "--firm", scene.firm, "--user", email(scene, Role.RISK))[0].count("\n") == 1
    assert run("token", "revoke", row.digest[:16], "--firm", scene.firm, "--reason", "lost laptop")[0] == f"{row.digest[:16]} is revoked\n"
    assert not ApiToken.objects.filter(user__email=who).exists()
    assert answer(token)[0] == 401
    origin = Origin("", "command:token")
    assert trail(scene, row.digest[:16]) == [
        (AuditAction.CREATED, None, origin, ""),
        (AuditAction.GRANT_REVOKED, None, origin, "lost laptop"),
    ]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--firm", "x"), "firm: 'x' breaks number"),
        (("--firm", 10**9), "firm: '1000000000' breaks known_firm"),
        (("--firm", "-1"), "firm: '-1' breaks minimum"),
        (("--user", "nobody@example.com"), "user: 'nobody@example.com' breaks active_member_of_the_firm"),
        (("--user", "a\x00b"), r"user: .* breaks printable"),
        (("--label", ""), "label: '' breaks required"),
        (("--label", "x" * 81), "label: .* breaks max_length"),
        (("--days", "0"), "days: '0' breaks minimum"),
        (("--days", "731"), "days: '731' breaks maximum"),
        (("--days", "NaN"), "days: 'NaN' breaks finite"),
    ],
)
def test_a_token_that_cannot_be_is_refused_by_field_value_and_rule(scene: Scene, words: tuple[object, ...], complaint: str):
    good = {"--firm": scene.firm, "--user": email(scene, Role.TRADER), "--label": "x", "--days": 1}
    given = {**good, words[0]: words[1]}
    with pytest.raises(CommandError, match=complaint):
        run("token", "create", *(f"{name}={value}" for name, value in given.items()))
    assert not ApiToken.objects.filter(firm_id=scene.firm).exists()


def test_i9_commands_reach_their_own_firm_only(scene: Scene):
    other = make_scene()
    run("token", "create", "--firm", scene.firm, "--user", email(scene, Role.TRADER), "--label", "x")
    run("webhook_key", "create", "--firm", scene.firm, "--user", email(scene, Role.TRADER), "--source", "charts")
    token = ApiToken.objects.get(firm_id=scene.firm)
    with tenancy.firm(scene.firm):
        key = WebhookKey.objects.get()
    with pytest.raises(CommandError, match="active_member_of_the_firm"):
        run("token", "create", "--firm", other.firm, "--user", email(scene, Role.TRADER), "--label", "x")
    with pytest.raises(CommandError, match="token_of_the_firm"):
        run("token", "revoke", token.digest[:16], "--firm", other.firm)
    for verb, rule in (("revoke", "webhook_key_of_the_firm"), ("rotate", "webhook_key_in_force")):
        with pytest.raises(CommandError, match=rule):
            run("webhook_key", verb, key.id, "--firm", other.firm)
    assert run("token", "list", "--firm", other.firm)[0].count("\n") == 1
    assert run("webhook_key", "list", "--firm", other.firm)[0].count("\n") == 1
    assert ApiToken.objects.filter(digest=token.digest).exists()


@pytest.mark.parametrize("token_id", ["", "a", "%", "mam_" + "0" * 60, "0" * 16])
def test_only_a_whole_id_revokes_a_token(scene: Scene, token_id: str):
    run("token", "create", "--firm", scene.firm, "--user", email(scene, Role.TRADER), "--label", "x")
    with pytest.raises(CommandError, match=r"token: .* breaks"):
        run("token", "revoke", token_id, "--firm", scene.firm)
    assert ApiToken.objects.filter(firm_id=scene.firm).count() == 1


def test_a_webhook_key_is_made_rotated_and_revoked(scene: Scene):
    who = email(scene, Role.TRADER)
    out, err = run("webhook_key", "create", "--firm", scene.firm, "--source", "charts", "--user", who)
    first = out.strip()
    assert f"/api/v1/webhooks/{scene.firm}/charts" in err
    with tenancy.firm(scene.firm):
        (key,) = queries.webhook_keys("charts")
    assert key.secret == parse_secret(first)
    second = run("webhook_key", "rotate", key.key_id, "--firm", scene.firm, "--overlap", 2)[0].strip()
    with tenancy.firm(scene.firm):
        keys = queries.webhook_keys("charts")
    assert [k.secret for k in keys] == [parse_secret(first), parse_secret(second)]
    assert [k.in_force(NOW + DAY / 13) for k in keys] == [True, True]
    assert [k.in_force(NOW + DAY / 12) for k in keys] == [False, True]
    listed = run("webhook_key", "list", "--firm", scene.firm, "--source", "charts")[0]
    assert listed.count("good") == 2 and "2026-03-02 17:00Z" in listed
    assert first not in listed and second not in listed
    run("webhook_key", "revoke", key.key_id, "--firm", scene.firm)
    with tenancy.firm(scene.firm):
        assert [k.in_force(NOW) for k in queries.webhook_keys("charts")] == [False, True]
    assert [row[2] for row in trail(scene, key.key_id)] == [Origin("", "command:webhook_key")] * 3
    with pytest.raises(CommandError, match="webhook_key_in_force"):
        run("webhook_key", "rotate", key.key_id, "--firm", scene.firm)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("create", "--source", "a/b", "--user", "TRADER"), "source: 'a/b' breaks letters_digits"),
        (("create", "--source", "x" * 65, "--user", "TRADER"), "source: .* breaks letters_digits"),
        (("create", "--source", "charts", "--user", "RISK"), "user: .* breaks manager_or_trader_of_the_firm"),
        (("revoke", "nonsense"), "key: 'nonsense' breaks uuid"),
        (("rotate", "00000000-0000-7000-8000-000000000000"), "key: .* breaks webhook_key_in_force"),
        (("rotate", "00000000-0000-7000-8000-000000000000", "--overlap", "745"), "overlap: '745' breaks maximum"),
    ],
)
def test_a_key_that_cannot_be_is_refused_by_field_value_and_rule(scene: Scene, words: tuple[str, ...], complaint: str):
    given = [email(scene, Role[word]) if word in Role.__members__ else word for word in words]
    with pytest.raises(CommandError, match=complaint):
        run("webhook_key", *given, "--firm", scene.firm)
    with tenancy.firm(scene.firm):
        assert not WebhookKey.objects.exists()
