"""Saved views that two windows save at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from threading import Event
from time import sleep
from typing import Any

import pytest
from django.db import connection
from django.db import transaction as database

from base import tenancy
from governance.core.subjects import Actor
from governance.enums import Role
from reporting.core.account_filter import AccountFilter
from reporting.models import SavedView
from reporting.services.saved_views import save_view
from tests.api.scene import NOW, make_scene
from tests.desk import together
from tests.factories import as_loader
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db


def at_once(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
    """Run the second while what the first wrote is not committed yet, and commit as soon as the second waits for it."""
    wrote = Event()

    def hold() -> Any:
        with database.atomic():
            first()
            wrote.set()
            for _ in range(200):
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))")
                    if cursor.fetchone():
                        return
                sleep(0.05)

    def follow() -> Any:
        wrote.wait(20)
        return second()

    return tuple(together(hold, follow))


def test_two_views_of_one_name_at_once_are_one_view_and_a_word_beside_the_name() -> None:
    scene = as_loader(make_scene)

    def save(name: str, **more: str) -> Any:
        return signed_in(scene.owner.user, scene.firm.id).post("/accounts/views", {"name": name, **more})

    def keep(name: str) -> None:
        with tenancy.firm(scene.firm.id):
            save_view(name=name, chosen=AccountFilter(), is_shared=False, actor=Actor(str(scene.owner.user.pk), Role.MANAGER), now=NOW)

    renamed = as_loader(lambda: save("Other"))["Location"].split("view=")[1]
    _, answer = at_once(lambda: keep("Mine"), lambda: save("Mine", q="x"))
    assert answer.status_code == 409 and "a view called Mine has just been saved" in answer.content.decode()
    assert "name" in re.sub("<[^>]+>", " ", answer.content.decode()).split()
    path, form = f"/accounts/views/{renamed}", {"do": "rename", "name": "Third"}
    _, answer = at_once(lambda: keep("Third"), lambda: signed_in(scene.owner.user, scene.firm.id).post(path, form))
    assert answer.status_code == 409 and "a view called Third has just been saved" in answer.content.decode()

    def names() -> list[str]:
        with tenancy.firm(scene.firm.id):
            return sorted(SavedView.objects.values_list("name", flat=True))

    assert as_loader(names) == ["Mine", "Other", "Third"]
