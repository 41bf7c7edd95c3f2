"""`manage.py person`: the first person, a lost factor, a lock-out."""

from __future__ import annotations

from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt
from django.core.management import CommandError, call_command
from django.test import Client

from base import tenancy
from governance.enums import AuditAction, Role
from governance.models import AuditEvent, Firm, User
from governance.queries import active_roles
from tests.factories import make_firm, make_user, number

pytestmark = pytest.mark.django_db
URL = "https://mamweb.example.com"


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("person", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue().strip()


def test_the_first_person_of_a_new_firm_chooses_a_password() -> None:
    email, name = f"first{number()}@example.com", f"Fresh {number()}"
    link = run("create", email, "--name", "First", "--role", "COMPLIANCE", "--new-firm", name, "--url", URL)
    assert link.startswith(URL + "/auth/password/reset/key/")
    user, firm = User.objects.get(email=email), Firm.objects.get(name=name)
    with tenancy.firm(firm.id):
        assert active_roles(user) == {Role.COMPLIANCE}
        assert AuditEvent.objects.filter(action=AuditAction.GRANTED, subject_id=str(user.id)).exists()
    client = Client(REMOTE_ADDR="192.0.2.77")
    form = client.get(link.removeprefix(URL), follow=True)
    phrase = "a quiet ledger at noon"
    assert client.post(form.redirect_chain[-1][0], {"password1": phrase, "password2": phrase}).status_code == 302
    assert client.post("/auth/login/", {"login": email, "password": phrase}).status_code == 302


@pytest.mark.parametrize("wrong", [("--role", "KING"), ("--url", "mamweb"), ("--firm", "0")])
def test_a_wrong_argument_makes_nobody(wrong: tuple[str, str]) -> None:
    email = f"nobody{number()}@example.com"
    given = {"--name": "N", "--role": "RISK", "--firm": str(make_firm().id), "--url": URL} | dict([wrong])
    with pytest.raises(CommandError):
        run("create", email, *[word for pair in given.items() for word in pair])
    assert not User.objects.filter(email=email).exists()


def test_a_lost_second_factor_is_taken_off_with_a_reason() -> None:
    firm = make_firm()
    with tenancy.firm(firm.id):
        user = make_user(Role.TRADER)
    Authenticator.objects.create(user=user, type="totp", data={"secret": "x"})
    with pytest.raises(CommandError):
        run("unfactor", user.email, "--reason", "")
    assert Authenticator.objects.filter(user=user).exists()
    run("unfactor", user.email, "--reason", "called back on the number on file")
    assert not Authenticator.objects.filter(user=user).exists()
    with tenancy.firm(firm.id):
        event = AuditEvent.objects.get(action=AuditAction.CREDENTIAL_ROTATED, subject_id=str(user.id))
    assert event.reason == "called back on the number on file" and event.api_key == "command:person" and event.actor_id is None


def test_a_lock_out_is_ended() -> None:
    user = make_user(password="a quiet ledger at noon")
    client = Client(REMOTE_ADDR="192.0.2.78")
    for _ in range(5):
        answer = client.post("/auth/login/", {"login": user.email, "password": "wrong"})
    assert answer.status_code == 429
    run("unlock", user.email)
    assert not AccessAttempt.objects.filter(username=user.email).exists()
    assert client.post("/auth/login/", {"login": user.email, "password": "a quiet ledger at noon"}).status_code == 302
