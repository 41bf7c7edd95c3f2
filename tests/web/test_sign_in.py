"""Sign-in: password, second factor, recovery, resets, sessions, and the wall in front of the pages."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.core.context import request_context
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.core import mail
from django.http import HttpRequest, HttpResponse
from django.test import Client, TestCase, override_settings
from django.urls import path

from base import tenancy
from governance.enums import AuditAction, Role
from governance.models import AuditEvent, User
from governance.services import create_user
from governance.sign_in import BEGAN, SEEN
from governance.web import page
from mamweb.urls import urlpatterns as real
from tests.api.scene import Scene
from tests.factories import make_user, number

from .people import signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

PASSWORD = "correct horse battery staple"
OTHER = "nine hundred quiet ledgers"


@page
def desk(request: HttpRequest) -> HttpResponse:
    return HttpResponse("the desk")


@page(roles=frozenset(Role))
def window(request: HttpRequest) -> HttpResponse:
    return HttpResponse("the window")


urlpatterns = [path("desk", desk), path("window", window), *real]


class Browser(Client):
    """Somebody at an address of their own: what sign-in counts in Redis outlives a test."""

    def __init__(self, **kwargs: Any) -> None:
        at = number()
        super().__init__(REMOTE_ADDR=f"10.{at // 65536 % 256}.{at // 256 % 256}.{at % 256}", **kwargs)

    def sign_in(self, email: str, password: str = PASSWORD) -> Any:
        return self.post("/auth/login/", {"login": email, "password": password})

    def set_up_totp(self) -> str:
        """Set up an authenticator app and return its secret."""
        self.get("/auth/2fa/totp/activate/")
        secret = str(self.session["mfa.totp.secret"])
        with TestCase.captureOnCommitCallbacks() as waiting:
            answer = self.post("/auth/2fa/totp/activate/", {"code": code(secret)})
        with request_context(answer.wsgi_request):  # as at the commit, within the request
            for one in waiting:
                one()
        answer.wsgi_request.session.save()
        assert answer.status_code == 302, answer.content.decode()
        return secret


def code(secret: str, steps: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


@pytest.fixture
def owner(scene: Scene) -> User:
    return with_password(scene.owner.user)


def with_password(user: User) -> User:
    user.set_password(PASSWORD)
    user.save()
    return user


def events(scene: Scene, user: User, *actions: AuditAction) -> list[AuditEvent]:
    with tenancy.firm(scene.firm.id):
        rows = AuditEvent.objects.filter(subject_kind="USER", subject_id=str(user.id), action__in=actions)
        return list(rows.order_by("recorded_at", "id"))


def test_a_password_signs_in_and_the_trail_says_so(scene: Scene, owner: User) -> None:
    browser = Browser()
    assert browser.get("/auth/login/").status_code == 200
    answer = browser.sign_in(owner.email.upper())
    assert answer.status_code == 302 and answer["Location"] == "/"
    (event,) = events(scene, owner, AuditAction.SIGNED_IN)
    assert event.actor_id == owner.id and event.source_ip == browser.defaults["REMOTE_ADDR"] and event.after == {"by": ["password"]}
    assert browser.post("/auth/logout/").status_code == 302
    assert len(events(scene, owner, AuditAction.SIGNED_OUT)) == 1
    assert browser.get("/auth/")["Location"].startswith("/auth/login/")


def test_the_session_is_a_new_one_after_sign_in(owner: User) -> None:
    browser = Browser()
    browser.get("/auth/2fa/webauthn/login/")
    before = browser.session.session_key
    browser.sign_in(owner.email)
    assert before and browser.session.session_key != before


@override_settings(MFA_REQUIRED=True)
def test_second_factor_from_the_wall_to_the_recovery_code(scene: Scene, owner: User) -> None:
    browser = Browser()
    browser.sign_in(owner.email)
    assert browser.get("/desk")["Location"] == "/auth/2fa/"
    secret = browser.set_up_totp()
    assert browser.get("/desk").status_code == 200
    text = browser.get("/auth/2fa/recovery-codes/").content.decode()
    codes = re.search(r"<pre[^>]*>(.*?)</pre>", text, re.S)[1].split()  # type: ignore[index]
    assert len(codes) == 10

    second = Browser()
    assert second.sign_in(owner.email)["Location"] == "/auth/2fa/authenticate/"
    assert second.get("/desk")["Location"].startswith("/auth/login/")
    assert b"Incorrect code" in second.post("/auth/2fa/authenticate/", {"code": "000000"}).content
    assert second.post("/auth/2fa/authenticate/", {"code": codes[0]}).status_code == 302
    assert second.get("/desk").status_code == 200

    third = Browser()
    third.sign_in(owner.email)
    assert third.post("/auth/2fa/authenticate/", {"code": codes[0]}).status_code == 200, "a recovery code works once"
    assert third.post("/auth/2fa/authenticate/", {"code": code(secret, 0)}).status_code == 302
    assert [e.after["by"] for e in events(scene, owner, AuditAction.SIGN_IN_FAILED)] == [["totp"], ["totp"]]
    assert ["password", "totp"] in [e.after["by"] for e in events(scene, owner, AuditAction.SIGNED_IN)]


@override_settings(MFA_REQUIRED=True)
@pytest.mark.parametrize("who", ["owner", "investor"])
def test_a_session_from_before_the_second_factor_ends_with_it(scene: Scene, who: str) -> None:
    user = with_password(getattr(scene, who).user)
    stolen, mine = Browser(), Browser()
    stolen.sign_in(user.email)
    mine.sign_in(user.email)
    mine.set_up_totp()
    assert mine.get("/window").status_code == 200 and mine.get("/auth/2fa/recovery-codes/").status_code == 200
    for address in ("/window", "/auth/2fa/recovery-codes/", "/auth/2fa/totp/deactivate/", "/auth/"):
        assert stolen.get(address)["Location"].startswith("/auth/login/"), address


@override_settings(MFA_REQUIRED=True)
def test_a_session_that_never_showed_the_second_factor_is_sent_to_do_so(scene: Scene, owner: User) -> None:
    browser = Browser()
    browser.sign_in(owner.email)
    TOTP.activate(owner, "SECRETSECRETSECR")
    assert browser.get("/window")["Location"] == "/auth/login/?next=/window"
    assert browser.get("/auth/")["Location"].startswith("/auth/login/"), "it is signed out"


def test_a_used_code_does_not_work_again(owner: User) -> None:
    browser = Browser()
    browser.sign_in(owner.email)
    secret = browser.set_up_totp()
    this = code(secret)
    for expected in (302, 200):
        again = Browser()
        again.sign_in(owner.email)
        assert again.post("/auth/2fa/authenticate/", {"code": this}).status_code == expected


def test_the_secret_is_not_stored_in_clear(owner: User) -> None:
    from allauth.mfa.models import Authenticator

    browser = Browser()
    browser.sign_in(owner.email)
    secret = browser.set_up_totp()
    row = Authenticator.objects.get(user=owner, type="totp")
    assert secret not in str(row.data)
    with override_settings(SECRET_KEY="another"):
        assert not row.wrap().validate_code(code(secret)) and not row.wrap().validate_code(code(""))


@override_settings(MFA_REQUIRED=True)
def test_an_investor_may_do_without(scene: Scene) -> None:
    investor, browser = with_password(scene.investor.user), Browser()
    browser.sign_in(investor.email)
    assert browser.get("/window").content == b"the window" and browser.get("/desk").status_code == 403
    assert "set up" in browser.get("/auth/").content.decode().lower()


@override_settings(MFA_REQUIRED=True)
def test_the_api_of_pages_is_behind_the_same_wall(scene: Scene) -> None:
    client = signed_in(scene.owner.user)
    answer = client.get("/desk", headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == "/auth/2fa/"


def test_wrong_passwords_lock_the_person_out_from_there_only(scene: Scene, owner: User) -> None:
    browser = Browser()
    for _ in range(4):
        answer = browser.sign_in(owner.email, "wrong")
        assert answer.status_code == 200 and b"not correct" in answer.content
    answer = browser.sign_in(owner.email, "wrong")
    assert answer.status_code == 429 and b"Too many wrong passwords" in answer.content
    assert browser.sign_in(owner.email).status_code == 429, "the right password does not open it"
    assert Browser().sign_in(owner.email).status_code == 302, "elsewhere it does"
    assert len(events(scene, owner, AuditAction.SIGN_IN_FAILED)) >= 5
    assert events(scene, owner, AuditAction.SIGN_IN_FAILED)[0].actor_id is None


def test_guessing_from_many_addresses_is_limited_too(owner: User) -> None:
    answers = [Browser().sign_in(owner.email, "wrong") for _ in range(11)]
    assert b"Too many failed login attempts" in answers[-1].content and b"Too many" not in answers[0].content


def test_unknown_addresses_get_the_same_answers(owner: User) -> None:
    def told(where: str, field: str, email: str) -> tuple[int, str]:
        answer = Browser().post(where, {field: email, "password": "wrong"}, follow=True)
        text = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"|"X-CSRFToken": "[^"]+"', "", answer.content.decode())
        return answer.status_code, text.replace(email, "")

    for where, field in (("/auth/login/", "login"), ("/auth/password/reset/", "email")):
        assert told(where, field, owner.email) == told(where, field, "nobody@example.com")
    assert [m.to for m in mail.outbox] == [[owner.email]]


def test_nobody_signs_up() -> None:
    for where in ("/auth/signup/", "/auth/password/set/", "/auth/login/code/confirm/", "/auth/login/code/", "/auth/3rdparty/"):
        assert Client().get(where).status_code == 404
        assert Client().post(where, {"email": "x@example.com", "password1": PASSWORD}).status_code == 404


def test_a_reset_works_once_and_ends_every_session(scene: Scene, owner: User) -> None:
    before = Browser()
    before.sign_in(owner.email)
    browser = Browser()
    assert browser.post("/auth/password/reset/", {"email": owner.email})["Location"] == "/auth/password/reset/done/"
    (letter,) = mail.outbox
    assert (
        "choose a new password" in letter.subject.lower() and "it works once, for a day" in letter.body and "Thank you" not in letter.body
    )
    link = re.search(r"http://testserver(/auth/password/reset/key/\S+)", letter.body)[1]  # type: ignore[index]
    form = browser.get(link, follow=True)
    where = form.redirect_chain[-1][0]
    assert b"Choose a password" in form.content
    assert browser.post(where, {"password1": "short", "password2": "short"}).status_code == 200
    answer = browser.post(where, {"password1": OTHER, "password2": OTHER})
    assert answer["Location"] == "/auth/password/reset/key/done/"
    assert b"does not work any more" in Browser().get(link, follow=True).content
    assert before.get("/auth/")["Location"].startswith("/auth/login/")
    assert Browser().sign_in(owner.email).status_code == 200 and Browser().sign_in(owner.email, OTHER).status_code == 302
    assert [e.after for e in events(scene, owner, AuditAction.CREDENTIAL_ROTATED)] == [{"kind": "password"}]
    assert any("password" in m.subject.lower() for m in mail.outbox[1:]), "the person hears of it"
    assert any("tell whoever runs the server" in m.body and "Thank you" not in m.body for m in mail.outbox[1:])


def test_changing_the_password_ends_the_other_sessions(owner: User) -> None:
    here, there = Browser(), Browser()
    here.sign_in(owner.email)
    there.sign_in(owner.email)
    answer = here.post("/auth/password/change/", {"oldpassword": PASSWORD, "password1": OTHER, "password2": OTHER})
    assert answer.status_code == 302
    assert here.get("/auth/").status_code == 200
    assert there.get("/auth/")["Location"].startswith("/auth/login/")


def test_a_session_ended_from_elsewhere_is_dead_at_its_next_request(scene: Scene, owner: User) -> None:
    here, there, stranger = Browser(), Browser(), Browser()
    here.sign_in(owner.email)
    there.sign_in(owner.email)
    stranger.sign_in(with_password(make_user()).email)
    text = here.get("/auth/sessions/").content.decode()
    (wanted,) = re.findall(r'name="session" value="(\d+)"', text)
    assert there.defaults["REMOTE_ADDR"] in text and there.get("/auth/").status_code == 200
    for foreign in (wanted, "0", "x", ""):
        assert stranger.post("/auth/sessions/end", {"session": foreign}).status_code == 404
    assert here.post("/auth/sessions/end", {"session": wanted}).status_code == 302
    assert there.get("/auth/")["Location"].startswith("/auth/login/")
    assert here.get("/auth/").status_code == 200
    assert events(scene, owner, AuditAction.SIGNED_OUT)[-1].after == {"other_sessions_count": 1}


def test_sessions_are_called_by_browser_and_this_one_is_marked(owner: User) -> None:
    agents = ("Mozilla/5.0 (X11; Linux x86_64) Chrome/139.0 Safari/537.36", "<b>curl/8")
    here, there = Browser(HTTP_USER_AGENT=agents[0]), Browser(HTTP_USER_AGENT=agents[1])
    for browser in (there, here):
        browser.sign_in(owner.email)
    text = here.get("/auth/sessions/").content.decode()
    mine, other = (part.split("</div>")[0] for part in text.split('<dl class="lines">')[1].split("<dt>")[1:3])
    assert f'title="{agents[0]}">Chrome on Linux<' in mine and "This session" in mine and "Sign out" not in mine
    assert 'title="&lt;b&gt;curl/8">Unknown browser<' in other and "This session" not in other and "Sign out" in other


def test_a_session_ends_after_seven_days_whatever_happens(owner: User) -> None:
    browser = Browser()
    browser.sign_in(owner.email)
    session = browser.session
    assert session.get_expiry_age() <= 12 * 3600
    session[BEGAN] = time.time() - 7 * 86_400 - 1
    session[SEEN] = time.time()
    session.save()
    assert browser.get("/auth/")["Location"].startswith("/auth/login/")


def test_sensitive_pages_ask_again_after_a_while(owner: User) -> None:
    browser = Browser()
    browser.sign_in(owner.email)
    assert browser.get("/auth/2fa/totp/activate/").status_code == 200
    session = browser.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 1000
    session.save()
    for where in ("/auth/2fa/totp/activate/", "/auth/2fa/webauthn/add/", "/auth/email/"):
        assert browser.get(where)["Location"].startswith("/auth/reauthenticate/"), where
    answer = browser.post("/auth/reauthenticate/?next=/auth/email/", {"password": PASSWORD})
    assert answer["Location"] == "/auth/email/" and browser.get("/auth/email/").status_code == 200


def test_a_new_address_counts_once_it_is_confirmed(scene: Scene, owner: User) -> None:
    browser, old = Browser(), owner.email
    browser.sign_in(old)
    browser.post("/auth/email/", {"email": "new.address@example.com", "action_add": ""})
    owner.refresh_from_db()
    assert owner.email == old and Browser().sign_in("new.address@example.com")["Location"] == "/auth/confirm-email/"
    letter = next(m for m in mail.outbox if m.to == ["new.address@example.com"])
    link = re.search(r"http://testserver(/auth/confirm-email/\S+/)", letter.body)[1]  # type: ignore[index]
    assert browser.get(link).status_code == 200
    assert browser.post(link).status_code == 302
    owner.refresh_from_db()
    assert owner.email == "new.address@example.com" and Browser().sign_in(owner.email).status_code == 302
    assert EmailAddress.objects.filter(user=owner).count() == 1
    changed = events(scene, owner, AuditAction.CHANGED)[-1]
    assert (changed.before, changed.after) == ({"email": old}, {"email": "new.address@example.com"})


def test_a_person_made_by_another_may_sign_in_at_once(db: None) -> None:
    user_id = create_user(email="Made@Example.com", name="Made", password=PASSWORD)
    address = EmailAddress.objects.get(user_id=user_id)
    assert address.email == "made@example.com" and address.verified and address.primary
    assert Browser().sign_in("made@example.com").status_code == 302


def test_a_closed_account_does_not_come_in(owner: User) -> None:
    owner.is_active = False
    owner.save()
    browser = Browser()
    assert browser.sign_in(owner.email)["Location"] == "/auth/inactive/"
    assert browser.get("/auth/")["Location"].startswith("/auth/login/")


def test_every_page_of_sign_in_is_ours_and_strict(owner: User) -> None:
    browser = Browser()
    open_to_all = ["/auth/login/", "/auth/password/reset/", "/auth/password/reset/done/", "/auth/inactive/", "/auth/confirm-email/"]
    signed = ["/auth/", "/auth/2fa/", "/auth/2fa/totp/activate/", "/auth/2fa/webauthn/", "/auth/2fa/webauthn/add/", "/auth/email/"]
    signed += ["/auth/password/change/", "/auth/sessions/", "/auth/logout/"]
    pages = [(where, browser.get(where)) for where in open_to_all]
    browser.sign_in(owner.email)
    pages += [(where, browser.get(where)) for where in signed]
    browser.set_up_totp()
    pages += [(where, browser.get(where)) for where in ("/auth/2fa/recovery-codes/", "/auth/2fa/recovery-codes/generate/")]
    pages.append(("off", browser.get("/auth/2fa/totp/deactivate/")))
    for where, answer in pages:
        text = answer.content.decode()
        assert answer.status_code == 200 and "plain__card" in text, where
        assert " style=" not in text and "<style" not in text and " onclick=" not in text, where
        assert not re.search(r"<script(?![^>]*(src=|application/json))", text), where
        assert "unsafe" not in answer["Content-Security-Policy"] and answer["X-Frame-Options"] == "DENY", where
        assert answer["Referrer-Policy"] == "same-origin" and answer["X-Content-Type-Options"] == "nosniff", where
        if where not in ("/auth/inactive/", "/auth/confirm-email/", "/auth/password/reset/done/"):
            assert "no-store" in answer.get("Cache-Control", ""), where


def test_cookies_are_out_of_reach_of_scripts(owner: User) -> None:
    cookie = Browser().sign_in(owner.email).cookies["sessionid"]
    assert cookie["httponly"] and cookie["samesite"] == "Lax" and int(cookie["max-age"]) == 12 * 3600
