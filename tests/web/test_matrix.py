"""Every address × every role × an own, a colleague's and a foreign object. An address nobody listed fails."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from base import tenancy
from governance.core.subjects import Actor
from governance.enums import Role
from reconciliation.services.evidence import keep_document
from reporting.models import SavedView
from tests.api.scene import NOW, Scene, make_person, make_scene
from tests.factories import number
from tests.web.papers import alert, ask, authority
from tests.web.people import signed_in
from tests.web.who_may import WHO_MAY

pytestmark = pytest.mark.django_db

# Addresses outside the door of pages, each with what guards it.
OPEN = {"healthz": "answers that the process is up"}
OTHER_DOORS = {"api/v1/": "tests/api/test_three_people.py", "auth/": "tests/web/test_sign_in.py", "admin/": "tests/web/test_admin.py"}
OWN_DOOR = {"firms/": "the person's own firms", "firms/choose": "the person's own firms"}


def pages() -> dict[str, Any]:
    """Return every page by its address, as the resolver knows it."""
    found: dict[str, Any] = {}

    def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> None:
        for entry in patterns:
            address = prefix + str(entry.pattern)
            if isinstance(entry, URLResolver):
                walk(entry.url_patterns, address)
            elif not address.startswith(tuple(OTHER_DOORS)) and address not in OPEN and address not in OWN_DOOR:
                found[address] = entry.callback

    walk(get_resolver().url_patterns, "")
    return found


PAGES = pages()
SAID = {PAGES["accounts/views/<uuid:view_id>"]: {"do": "share"}}  # what must be said for an address to be one


def path_of(address: str, scene: Scene) -> str:
    """Return the address with ids of the scene's objects in it, all about its account. Raises KeyError for a converter nobody placed."""
    path = "/" + address
    for part in address.split("<")[1:]:
        kind_and_name = part.partition(">")[0]
        name = kind_and_name.partition(":")[2] or kind_and_name
        with tenancy.firm(scene.firm.id):
            found = evidence(scene) if address.startswith("reconciliation/documents/") else IDS[name](scene)
        path = path.replace(f"<{kind_and_name}>", str(found))
    return path


def evidence(scene: Scene) -> Any:
    """Keep a document of the scene's break."""
    risk = Actor(str(scene.risk.user.pk), Role.RISK)
    kept = keep_document(break_id=UUID(scene.ids["break"]), name="letter.txt", data=f"letter {number()}".encode(), actor=risk, now=NOW)
    return kept.pk


IDS: dict[str, Any] = {
    "account_id": lambda scene: scene.ids["account"],
    "document_id": lambda scene: scene.ids["statement"],
    "journey_id": lambda scene: scene.ids["journey"],
    "instrument_id": lambda scene: scene.ids["instrument"],
    "break_id": lambda scene: scene.ids["break"],
    "order_id": lambda scene: scene.ids["order"],
    "parent_id": lambda scene: scene.ids["parent"],
    "name": lambda scene: "alerts",
    "part": lambda scene: "lines",
    "alert_id": lambda scene: alert(scene.account, audience=frozenset(Role)),
    "approval_id": lambda scene: ask(scene.risk.user, scene.account, role=Role.RISK),
    "authority_id": lambda scene: authority(scene.account).pk,
    "mandate_id": lambda scene: authority(scene.account).mandate_id,
    "view_id": lambda scene: SavedView.objects.create(owner=scene.owner.user, name=f"View {number()}", created_at=NOW, changed_at=NOW).pk,
}


def test_every_page_went_through_the_door() -> None:
    assert [address for address, view in PAGES.items() if not hasattr(view, "roles")] == []


def test_every_page_is_listed_under_who_may_open_it() -> None:
    listed = {address: roles for roles, addresses in WHO_MAY.items() for address in addresses}
    assert {address: view.roles for address, view in PAGES.items()} == listed


@pytest.mark.parametrize("address", sorted(PAGES))
def test_who_may_open_what(address: str, scene: Scene) -> None:
    view, path = PAGES[address], path_of(address, scene)
    is_object = "<uuid:" in address
    stranger, people = make_scene(), {}
    with tenancy.firm(scene.firm.id):
        for role in Role:
            people[role] = make_person(scene.firm, role).user
    for role, user in people.items():
        status = status_of(signed_in(user), view, path)
        if role not in view.roles:
            assert status == 403, f"{role} opened {path}: {status}"
        elif is_object and role in {Role.MANAGER, Role.TRADER, Role.INVESTOR}:
            assert status == 404, f"{role} without a grant got {status} of {path}"
        else:
            assert status < 500 and status != 403, f"{role} got {status} of {path}"
    if Role.MANAGER in view.roles:
        assert status_of(signed_in(scene.owner.user), view, path) not in {403, 404, 500}, path
    if is_object and Role.MANAGER in view.roles:
        assert status_of(signed_in(stranger.owner.user), view, path) == 404, f"another firm's manager opened {path}"
        assert status_of(signed_in(stranger.risk.user), view, path) in {403, 404}, f"another firm's risk officer opened {path}"
    assert status_of(Client(), view, path) == 302, f"nobody opened {path}"


def status_of(client: Client, view: Any, path: str) -> int:
    answer = client.get(path) if "GET" in view.methods else client.post(path, SAID.get(view, {}))
    return int(answer.status_code)
