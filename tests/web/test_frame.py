"""The door of pages and the frame around them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.shortcuts import render
from django.test import Client, override_settings
from django.urls import include, path

from base import tenancy
from base.errors import Conflict
from governance.enums import Role
from governance.permissions import DEALERS, EVERYBODY
from governance.services import add_member, remove_member
from governance.web import page
from mamweb.history_progress import Progress
from tests.api.scene import Scene
from tests.factories import make_firm, make_user
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db


@page(roles=EVERYBODY)
def plain(request: Any) -> HttpResponse:
    return render(request, "base.html")


@page(roles=DEALERS)
def dealing(request: Any) -> HttpResponse:
    return HttpResponse(str(request.visit.actor(DEALERS).role))


@page(roles=DEALERS, methods=("POST",))
def refusing(request: Any) -> HttpResponse:
    raise Conflict("stale", "it has changed", field="hash", value="abc")


urlpatterns = [path("plain", plain), path("dealing", dealing), path("refusing", refusing), path("", include("mamweb.urls"))]


@pytest.fixture(autouse=True)
def _addresses(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__


def test_a_stranger_is_sent_to_the_sign_in() -> None:
    answer = Client().get("/plain")
    assert (answer.status_code, answer["Location"]) == (302, "/auth/login/?next=/plain")


def test_a_fragment_asked_by_htmx_sends_the_whole_page_to_the_sign_in() -> None:
    answer = Client().get("/plain", headers={"HX-Request": "true"})
    assert answer.status_code == 204 and answer["HX-Redirect"].startswith("/auth/login/")


def test_the_frame_names_firm_and_person(scene: Scene) -> None:
    text = signed_in(scene.owner.user).get("/plain").content.decode()
    assert scene.firm.name in text and "Portfolio manager" in text and "/kill-switch/" in text


def test_no_page_carries_inline_script_or_style(scene: Scene) -> None:
    answer = signed_in(scene.owner.user).get("/plain")
    text = answer.content.decode()
    assert " style=" not in text and "<style" not in text and " onclick=" not in text
    assert "default-src 'self'" in answer["Content-Security-Policy"] and "unsafe" not in answer["Content-Security-Policy"]


def test_a_role_that_may_not_is_403(scene: Scene) -> None:
    assert signed_in(scene.risk.user).get("/dealing").status_code == 403
    assert signed_in(scene.owner.user).get("/dealing").content == b"MANAGER"


def test_a_method_the_page_does_not_name_is_405(scene: Scene) -> None:
    assert signed_in(scene.owner.user).post("/dealing").status_code == 405


def test_a_refusal_is_a_page_or_a_toast(scene: Scene) -> None:
    client = signed_in(scene.owner.user)
    whole, part = client.post("/refusing"), client.post("/refusing", headers={"HX-Request": "true"})
    assert whole.status_code == part.status_code == 409
    assert b"it has changed" in whole.content and "it has changed" in part["HX-Trigger"] and part["HX-Reswap"] == "none"


def test_a_membership_that_ended_is_dead_on_the_next_request(scene: Scene) -> None:
    client = signed_in(scene.owner.user)
    assert client.get("/plain").status_code == 200
    with tenancy.firm(scene.firm.id):
        remove_member(user_id=scene.owner.user.id, role=Role.MANAGER, actor=None, now=datetime.now(UTC))
    assert client.get("/plain")["Location"] == "/firms/"


def test_who_has_several_firms_chooses_and_may_not_choose_a_foreign_one(scene: Scene) -> None:
    other, foreign = make_firm(), make_firm()
    with tenancy.firm(other.id):
        add_member(user_id=scene.owner.user.id, role=Role.TRADER, actor=None, now=datetime.now(UTC))
    client = signed_in(scene.owner.user)
    assert client.get("/plain")["Location"] == "/firms/"
    assert other.name in client.get("/firms/").content.decode()
    assert client.post("/firms/choose", {"firm": foreign.id}).status_code == 404
    for wrong in ("", "x", "9" * 30, "-1"):
        assert client.post("/firms/choose", {"firm": wrong}).status_code == 404
    assert client.post("/firms/choose", {"firm": other.id}).status_code == 302
    assert client.get("/dealing").content == b"TRADER"


@override_settings(MFA_REQUIRED=True)
def test_without_a_second_factor_only_investors_come_in(scene: Scene) -> None:
    assert signed_in(scene.owner.user).get("/plain")["Location"] == "/auth/2fa/"
    assert signed_in(scene.investor.user).get("/plain").status_code == 200


def test_error_pages_need_no_firm() -> None:
    answer = Client().get("/nothing-here")
    assert answer.status_code == 404 and b"There is nothing here" in answer.content


def test_nobody_without_a_membership_has_a_firm() -> None:
    assert b"You belong to no firm" in signed_in(make_user()).get("/firms/").content


def test_a_trial_firms_history_says_on_its_pages_how_far_it_has_come(scene: Scene, settings: Any, tmp_path: Path) -> None:
    settings.HISTORY_FILE = tmp_path / "history.json"
    client, words = signed_in(scene.owner.user, scene.firm.id), b"30 of 252 sessions"
    progress = Progress(settings.HISTORY_FILE, scene.firm.id, 252, 30, date(2026, 1, 5))
    assert words not in client.get("/alerts/").content
    progress.tell("running")
    for address in ("/alerts/", "/frame/past"):
        assert words in client.get(address).content and b"5 Jan 2026" in client.get(address).content, address
    investor, plain = signed_in(scene.investor.user, scene.firm.id), b"30 of 252 trading days, at 5 Jan 2026"
    for address in (f"/portal/{scene.account.pk}/", f"/portal/{scene.account.pk}/documents", "/portal/past"):
        assert plain in investor.get(address).content, address
    for firm_id, state in ((scene.firm.id, "done"), (scene.firm.id, "failed"), (scene.firm.id + 1, "running")):
        Progress(settings.HISTORY_FILE, firm_id, 252, 30, date(2026, 1, 5)).tell(state)
        assert words not in client.get("/frame/past").content, (firm_id, state)
        assert plain not in investor.get("/portal/past").content, (firm_id, state)
