"""What is answered is kept by no browser and no proxy, whatever its type."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.api.scene import Scene, make_scene
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(db: None) -> Scene:
    return make_scene()


def is_kept(answer: Any) -> bool:
    return "no-store" not in answer.get("Cache-Control", "")


def test_pages_redirects_and_json_are_not_kept(scene: Scene) -> None:
    client = signed_in(scene.owner.user)
    saved = client.post("/accounts/views", {"name": "Mine"})
    codes = client.get(f"/accounts/views/{saved['Location'].split('view=')[1]}/accounts?strategy=x")
    assert codes["Content-Type"] == "application/json" and not is_kept(codes)
    for answer in (
        saved,
        client.get("/accounts/"),
        client.get("/nothing/"),
        client.post("/home/arrange", {"layout": "[]"}),
        Client().get("/"),
    ):
        assert not is_kept(answer), answer


@pytest.mark.parametrize("path", ["accounts", "orders", "nothing", "accounts?page_size=x"])
def test_the_api_is_not_kept(scene: Scene, path: str) -> None:
    assert not is_kept(scene.owner.get(path))
    assert not is_kept(Client().get(f"/api/v1/{path}"))
    assert not is_kept(scene.owner.post("signals", b"{"))
