"""Every address × every role × an own, a colleague's and a foreign object. An address nobody listed fails."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from base import tenancy
from governance.enums import Role
from tests.api.scene import Scene, make_person, make_scene
from tests.web.people import signed_in

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
NAMED = {"uuid": "account_id", "int": "instrument_id"}


def path_of(address: str, scene: Scene) -> str:
    """Return the address with the scene's ids in it. Raises KeyError for a converter nobody placed."""
    path = "/" + address
    for part in address.split("<")[1:]:
        kind_and_name = part.partition(">")[0]
        name = kind_and_name.partition(":")[2] or kind_and_name
        path = path.replace(f"<{kind_and_name}>", IDS[name](scene))
    return path


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
}


def test_every_page_went_through_the_door() -> None:
    assert [address for address, view in PAGES.items() if not hasattr(view, "roles")] == []


@pytest.mark.parametrize("address", sorted(PAGES))
def test_who_may_open_what(address: str, scene: Scene) -> None:
    view, path = PAGES[address], path_of(address, scene)
    is_object = "<uuid:" in address
    stranger, people = make_scene(), {}
    with tenancy.firm(scene.firm.id):
        for role in Role:
            people[role] = make_person(scene.firm, role).user
    for role, user in people.items():
        status = ask(signed_in(user), view, path)
        if role not in view.roles:
            assert status == 403, f"{role} opened {path}: {status}"
        elif is_object and role in {Role.MANAGER, Role.TRADER, Role.INVESTOR}:
            assert status == 404, f"{role} without a grant got {status} of {path}"
        else:
            assert status < 500 and status != 403, f"{role} got {status} of {path}"
    if scene.owner.user and Role.MANAGER in view.roles:
        assert ask(signed_in(scene.owner.user), view, path) not in {403, 404, 500}, path
    if is_object and Role.MANAGER in view.roles:
        assert ask(signed_in(stranger.owner.user), view, path) == 404, f"another firm's manager opened {path}"
        assert ask(signed_in(stranger.risk.user), view, path) in {403, 404}, f"another firm's risk officer opened {path}"
    assert ask(Client(), view, path) == 302, f"nobody opened {path}"


def ask(client: Client, view: Any, path: str) -> int:
    return int((client.get if "GET" in view.methods else client.post)(path).status_code)
