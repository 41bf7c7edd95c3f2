"""A custodian's file loaded by hand: whole or not at all, by who oversees (REC-1)."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from base import tenancy
from governance.models import User
from reconciliation.models import CustodianSnapshot
from tests.api.scene import make_scene
from tests.reconciliation import books
from tests.web.people import signed_in
from tests.web.reconciled import PDF, World, file_of, world

__all__ = ["world"]
pytestmark = pytest.mark.django_db


def load(world: World, user: User, data: bytes, name: str = "day.csv", **fields: Any) -> Any:
    given = {"custodian": str(world.scene.custodian.pk), "file": SimpleUploadedFile(name, data, content_type="text/csv"), **fields}
    return signed_in(user).post("/reconciliation/files", given, follow=True)


def test_rec_1_a_file_loaded_by_hand_is_reconciled_and_its_breaks_close(world: World) -> None:
    with tenancy.firm(world.firm_id):
        books.fill(world.scene, 100, "50", "X1")
    answer = load(world, world.office, file_of(world.scene).data() + b"\n")
    if b"File refused" in answer.content:
        answer = load(world, world.office, file_of(world.scene).data())
    assert answer.status_code == 200 and b"0 open breaks" in answer.content and world.row().closed_at is not None


def test_a_broken_file_is_told_by_line_and_field_and_nothing_is_kept(world: World) -> None:
    data = file_of(world.scene).data().replace(b",244999,", b",24x999,")
    answer = load(world, world.office, data)
    assert answer.status_code == 422
    for words in (b"Nothing of it was kept", b"amount", b"24x999", b"CSV-"):
        assert words in answer.content, words
    with tenancy.firm(world.firm_id):
        assert CustodianSnapshot.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "data"), [("day.pdf", PDF), ("day.csv.exe", b"MZ"), ("day.csv", PDF), ("day.csv", b""), ("day.csv", b"\0" * 99)]
)
def test_what_is_no_file_of_a_custodian_is_refused(world: World, name: str, data: bytes) -> None:
    assert load(world, world.office, data, name).status_code == 422


def test_loading_and_running_are_for_who_oversees(world: World) -> None:
    data = file_of(world.scene).data()
    for user in (world.manager, world.trader, world.investor):
        assert load(world, user, data).status_code == 403
        assert signed_in(user).post("/reconciliation/run", {"custodian": str(world.scene.custodian.pk)}).status_code == 403
    stranger = make_scene().risk.user
    assert load(world, stranger, data).status_code == 404
    assert signed_in(stranger).post("/reconciliation/run", {"custodian": str(world.scene.custodian.pk)}).status_code == 404
    assert load(world, world.office, data, custodian="x").status_code == 422
    assert signed_in(world.office).post("/reconciliation/files", {"custodian": str(world.scene.custodian.pk)}).status_code == 422


def test_a_day_runs_again_and_finds_the_same(world: World) -> None:
    answer = signed_in(world.office).post("/reconciliation/run", {"custodian": str(world.scene.custodian.pk)}, follow=True)
    assert b"nothing new" in answer.content


def test_a_body_larger_than_a_file_may_be_is_refused_before_it_is_read(world: World) -> None:
    client = signed_in(world.office)
    for path, size in (("/reconciliation/files", 66), (f"/reconciliation/breaks/{world.extra}/adjustment", 12), ("/reconciliation/run", 2)):
        answer = client.post(path, b"", content_type="multipart/form-data; boundary=x", headers={"Content-Length": str(size * 1024 * 1024)})
        assert answer.status_code == 413, path
