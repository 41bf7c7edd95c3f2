"""The admin's doors: who enters, what opens for whom, what is in sight, and what the first page says."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

import mamweb.urls  # noqa: F401  # fills the site
from accounts.models import Account
from governance import services
from governance.enums import AlertTier, Role
from governance.models import Alert, AuditEvent, Authority, Membership
from governance.services import end_alert, escalate_alerts
from governance.web import Visit
from tests.api.scene import NOW, make_person

from .overseen import ADMINS, Firm, firm, has_page, some_row, where
from .papers import alert
from .people import signed_in

__all__ = ["firm"]
pytestmark = pytest.mark.django_db


def test_every_table_and_page_opens_for_compliance(firm: Firm) -> None:
    client = firm.client()
    for model, admin in ADMINS:
        row = some_row(firm, model)
        assert row is not None, f"nothing to look at in {model._meta.label}"
        answer = client.get(where(model))
        assert answer.status_code == 200, model._meta.label
        if has_page(admin):
            answer = client.get(where(model, "change", row.pk))
            assert answer.status_code == 200 and b"<form" in answer.content, model._meta.label


def test_queries_do_not_grow_with_rows(firm: Firm) -> None:
    client = firm.client()

    def count() -> dict[str, int]:
        found = {}
        for address in ["/admin/", where(Authority, "calendar"), *(where(model) for model, _ in ADMINS)]:
            with CaptureQueriesContext(connection) as queries:
                assert client.get(address).status_code == 200
            found[address] = len(queries)
        return found

    count()
    one = count()
    with firm.inside():
        firm.fill()
        firm.fill()
    assert count() == one


def test_nothing_is_added_changed_or_deleted_by_a_form(firm: Firm) -> None:
    client = firm.client()
    for model, _ in ADMINS:
        row, label = some_row(firm, model), model._meta.label
        with firm.inside():
            before = model._default_manager.filter(pk=row.pk).values().get()
        assert client.get(where(model, "add")).status_code == 403, label
        assert client.post(where(model, "add"), {}).status_code == 403, label
        assert client.post(where(model, "delete", row.pk), {"post": "yes"}).status_code in {302, 403, 404}, label
        assert client.get(where(model, "history", row.pk)).status_code == 404, label
        assert client.post(where(model, "change", row.pk), {"name": "x", "reason": "x"}).status_code in {302, 403, 404}, label
        client.post(where(model), {"action": "delete_selected", "_selected_action": [str(row.pk)]})
        with firm.inside():
            assert model._default_manager.filter(pk=row.pk).values().get() == before, label


def test_another_firms_row_is_not_there(firm: Firm, tmp_path: Path) -> None:
    stranger, client = Firm(tmp_path), firm.client()
    for model, admin in ADMINS:
        row, label = some_row(stranger, model), model._meta.label
        answer = client.get(where(model, "change", row.pk))
        assert answer.status_code == 404 or answer["Location"] == "/admin/", label
        for act in admin.acts:
            if act.about_row:
                assert client.get(where(model, f"do_{act.name}", row.pk)).status_code == 404, (label, act.name)
                assert client.post(where(model, f"do_{act.name}", row.pk), {"reason": "x"}).status_code == 404, (label, act.name)
        assert stranger.officer.email not in client.get(where(model)).content.decode(), label


def test_every_act_opens_for_its_roles_alone(firm: Firm) -> None:
    officer, operations = firm.client(), firm.client(firm.operations)
    compliance = Visit(firm.officer, firm.scene.firm.id, frozenset({Role.COMPLIANCE}), NOW, is_proven=True)
    for model, admin in ADMINS:
        for act in admin.acts:
            row = some_row(firm, model) if act.about_row else None
            address = where(model, f"do_{act.name}", row.pk if row else None)
            answer = officer.get(address)
            fits = row is None or act.when(row, compliance)
            assert answer.status_code == (200 if fits else 409) and act.title.encode() in answer.content, address
            expected = 403 if Role.OPERATIONS not in act.roles else 200 if fits else 409
            assert operations.get(address).status_code == expected, address
            if expected == 403:
                assert operations.post(address, {}).status_code == 403, address


@pytest.mark.parametrize("role", [Role.MANAGER, Role.TRADER, Role.INVESTOR])
def test_other_roles_do_not_enter(firm: Firm, role: Role) -> None:
    with firm.inside():
        user = make_person(firm.scene.firm, role).user
    client = firm.client(user)
    for address in ("/admin/", where(Account), where(AuditEvent), where(Authority, "calendar"), "/admin/governance/"):
        assert client.get(address).status_code == 403, address


def test_the_same_door_as_all_pages(firm: Firm) -> None:
    assert Client().get("/admin/")["Location"] == "/auth/login/?next=/admin/"
    assert Client().get("/admin/login/")["Location"].startswith("/auth/login/")
    with override_settings(MFA_REQUIRED=True):
        assert firm.client().get("/admin/")["Location"] == "/auth/2fa/"
        assert firm.client().get(where(AuditEvent))["Location"] == "/auth/2fa/"
        Authenticator.objects.create(user=firm.officer, type="totp", data={"secret": "x"})
        assert firm.client().get("/admin/").status_code == 200
    with firm.inside():
        services.remove_member(user_id=firm.officer.id, role=Role.COMPLIANCE, actor=None, now=NOW)
    assert firm.client().get("/admin/")["Location"] == "/firms/"


def test_no_global_table_is_shown(firm: Firm) -> None:
    assert {model._meta.label for model, _ in ADMINS}.isdisjoint({"governance.User", "governance.Firm", "auth.Group", "sites.Site"})
    client = firm.client()
    for address in ("/admin/search/?s=a", "/admin/autocomplete/", "/admin/r/1/1/", "/admin/auth/", "/admin/sessions/session/"):
        assert client.get(address).status_code == 404, address


def test_the_policy_is_wider_in_the_admin_alone(firm: Firm) -> None:
    client = firm.client()
    policy = client.get("/admin/")["Content-Security-Policy"]
    assert "'unsafe-eval'" in policy and "script-src 'self' 'unsafe-eval'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in client.get("/auth/")["Content-Security-Policy"]
    text = client.get("/admin/").content.decode()
    assert "//fonts." not in text and "https://" not in text.replace("http://www.w3.org", "")


def test_the_banner_of_critical_alerts_is_on_every_page(firm: Firm) -> None:
    client = firm.client()
    loud = firm.row(Alert)
    pages = ["/admin/", "/admin/governance/", where(Authority, "calendar"), where(Alert), where(Alert, "change", loud.pk)]
    pages += [where(Membership, "do_add"), where(Alert, "do_acknowledge", loud.pk)]
    for address in pages:
        answer = client.get(address)
        text = answer.content.decode()
        assert answer.status_code == 200 and 'class="banner" role="alert"' in text and loud.message in text, address
        assert 'hx-get="/frame/banner"' in text and "/base/live" in text, address
    back = client.post(f"/alerts/{loud.pk}/acknowledge", {}, headers={"Referer": f"http://testserver{where(Authority)}"})
    assert back["Location"] == where(Authority)
    assert 'class="banner"' not in client.get(where(Authority)).content.decode()


def test_the_first_page_says_what_waits(firm: Firm) -> None:
    text = firm.client().get("/admin/").content.decode()
    for told in (
        "Wait for a second person",
        "Authorities that end",
        "Critical alerts",
        "Events not sealed",
        f"Authority {firm.row(Authority).code}<",
    ):
        assert told in text, told


def test_the_first_page_counts_critical_alerts_as_the_banner_does_and_anew_with_it(firm: Firm) -> None:
    client = firm.client()

    def counted() -> tuple[int, int]:
        text = client.get("/admin/").content.decode()
        (tile,) = re.findall(r"<b>(\d+)</b><span>Critical alerts</span>", text)
        (banner,) = re.findall(r'<div class="banner".*?</small>', text, re.DOTALL)
        more = re.search(r"; (\d+) more", banner)
        return int(tile), 1 + int(more[1] if more else 0)

    part = re.search(r'<div id="waiting"[^>]*>', client.get("/admin/").content.decode())
    assert part and 'hx-get="/admin/"' in part[0] and 'hx-select="#waiting"' in part[0]
    assert all(f"live:{topic} from:body" in part[0] for topic in ("alerts", "approvals", "switches", "resync"))
    assert counted() == (1, 1)
    with firm.inside():
        alert(firm.scene.account, AlertTier.CRITICAL, "Order UNKNOWN", "RTE-7", audience=None)
        ended = alert(firm.scene.account, AlertTier.CRITICAL, "Over", "RTE-7", audience={Role.COMPLIANCE})
        end_alert(alert_id=ended, now=NOW)
    assert counted() == (2, 2), "the first is not for compliance yet; the second is over and needs a name"
    with firm.inside():
        escalate_alerts(now=NOW + timedelta(minutes=6))
    assert counted() == (3, 3)


def test_acts_that_hand_out_rights_ask_again_who_is_there(firm: Firm) -> None:
    client = signed_in(firm.officer, firm.scene.firm.id)
    assert client.post("/admin/governance/membership/do/add", {})["Location"].startswith("/auth/reauthenticate/?next=")
