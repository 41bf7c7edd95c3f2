"""Security keys and passkeys, with Chromium's virtual authenticator: added, asked for after a password, and enough by themselves."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Running
from tests.screens.chromium import lands

pytestmark = pytest.mark.xdist_group("e2e")

HOME = re.compile("/home/$")
PASSWORD = "copper-lattice-31-orchard"


def test_a_security_key_is_the_second_factor(running: Running) -> None:
    page = _at_the_door(running, "RISK")
    _sign_in(page)
    lands(page, "/home/$")
    _plug_in(page)
    _add_key(page, passkey=False)
    _leave(page)
    _sign_in(page)
    lands(page, "/2fa/authenticate/")
    page.get_by_role("button", name="Use a security key").click()
    expect(page).to_have_url(HOME)


def test_a_passkey_signs_in_by_itself(running: Running) -> None:
    page = _at_the_door(running, "OPERATIONS")
    _sign_in(page)
    lands(page, "/home/$")
    key = _plug_in(page)
    _add_key(page, passkey=True)
    _leave(page)
    page.goto("/auth/login/")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(HOME)
    key("WebAuthn.setUserVerified", isUserVerified=False)
    _leave(page)
    page.goto("/auth/login/")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_text("The key did not answer")).to_be_visible()
    expect(page).to_have_url(re.compile("/auth/login/"))
    page.goto("/home/")
    expect(page).to_have_url(re.compile("/auth/login/"))


def _at_the_door(running: Running, role: str) -> Page:
    """Return a page without a session, at a host name (keys know no numbers); the person in the role has the password."""
    user = get_user_model().objects.get(pk=int(running.stage.firm.actors[role].user_id))
    user.set_password(PASSWORD)
    user.save()
    page = running.visit("", address=running.address.replace("127.0.0.1", "localhost"))
    page.goto("/auth/login/")
    page.evaluate("email => { sessionStorage.email = email }", user.email)
    return page


def _sign_in(page: Page) -> None:
    page.goto("/auth/login/")
    page.get_by_label("Email").fill(page.evaluate("sessionStorage.email"))
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def _plug_in(page: Page) -> Any:
    """Give the browser a key; returns a way to command it."""
    wire = page.context.new_cdp_session(page)
    wire.send("WebAuthn.enable")
    terms = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True}
    given = wire.send("WebAuthn.addVirtualAuthenticator", {"options": terms})
    return lambda command, **what: wire.send(command, {"authenticatorId": given["authenticatorId"], **what})


def _leave(page: Page) -> None:
    """Forget the session; from an empty page, or an open one would send itself to the sign-in while we go there."""
    page.goto("about:blank")
    page.context.clear_cookies()


def _add_key(page: Page, *, passkey: bool) -> None:
    page.goto("/auth/2fa/webauthn/add/")
    page.get_by_label("Name").fill("test key")
    if passkey:
        page.get_by_label("Passwordless").check()
    page.get_by_role("button", name="Add the key").click()
    page.get_by_text("Recovery codes").first.wait_for()
