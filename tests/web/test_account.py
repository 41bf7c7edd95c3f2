"""An account's own page and the command palette."""

from __future__ import annotations

from typing import Any

import pytest

from base import tenancy
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, Role, SubjectKind
from governance.models import AuditEvent
from governance.services import audit
from reporting.views.account import TABS
from tests.api.scene import NOW, Scene, make_scene
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db


def get(user: Any, path: str) -> Any:
    return signed_in(user).get(path)


@pytest.mark.parametrize("tab", TABS)
def test_each_part_opens_for_who_sees_the_account_and_is_404_for_others(scene: Scene, tab: str) -> None:
    path = f"/accounts/{scene.account.pk}/?tab={tab}"
    for user in (scene.owner.user, scene.risk.user):
        answer = get(user, path)
        assert answer.status_code == 200 and scene.account.code in answer.content.decode()
    assert get(scene.colleague.user, path).status_code == 404
    assert get(make_scene().owner.user, path).status_code == 404
    assert get(scene.investor.user, path).status_code == 403


def test_the_parts_show_the_rows_of_the_scene(scene: Scene) -> None:
    client = signed_in(scene.owner.user)
    for tab in ("positions", "lots", "orders", "fills"):
        assert scene.instrument.symbol in client.get(f"/accounts/{scene.account.pk}/?tab={tab}").content.decode(), tab


@pytest.mark.parametrize("tab", ["positions", "lots", "orders", "fills"])
def test_a_part_downloads_as_csv_and_the_trail_says_who_took_it(scene: Scene, tab: str) -> None:
    answer = get(scene.owner.user, f"/accounts/{scene.account.pk}/?tab={tab}&format=csv")
    assert answer["Content-Type"].startswith("text/csv") and scene.instrument.symbol in answer.content.decode()
    with tenancy.firm(scene.firm.id):
        assert AuditEvent.objects.get(action=AuditAction.EXPORTED).after["what"] == tab


def test_the_trail_of_an_account_names_who_and_what(scene: Scene) -> None:
    owner, risk = scene.owner.user, scene.risk.user
    with tenancy.firm(scene.firm.id):
        facts = {"instrument": scene.instrument.id, "user": owner.id}
        actor = Actor(str(risk.id), Role.RISK)
        audit(action=AuditAction.CHANGED, subject=Subject(SubjectKind.ACCOUNT, str(scene.account.pk)), actor=actor, now=NOW, after=facts)
    text = get(owner, f"/accounts/{scene.account.pk}/?tab=audit").content.decode()
    assert (risk.name or risk.email) in text
    assert f'<span class="faint">instrument</span> {scene.instrument.symbol}<' in text.replace("Instrument", "instrument")
    assert (owner.name or owner.email) in text.split("</thead>")[1]


def test_the_palette_finds_what_one_may_see(scene: Scene) -> None:
    text = get(scene.owner.user, f"/search?q={scene.account.code}").content.decode()
    assert f"/accounts/{scene.account.pk}/" in text
    assert str(scene.account.pk) not in get(scene.colleague.user, f"/search?q={scene.account.code}").content.decode()
    assert str(scene.account.pk) not in get(make_scene().owner.user, f"/search?q={scene.account.code}").content.decode()
    assert scene.ids["journey"] in get(scene.owner.user, f"/search?q={scene.instrument.symbol}").content.decode()


@pytest.mark.parametrize("text", ["", "%00", "%25", "_", "'", "x" * 500, "<b>", "alert"])
def test_the_palette_takes_anything(scene: Scene, text: str) -> None:
    answer = get(scene.owner.user, f"/search?q={text}")
    assert answer.status_code == 200 and b"<b>" not in answer.content


def test_everybody_starts_where_they_belong(scene: Scene) -> None:
    assert get(scene.investor.user, "/")["Location"] == "/portal/"
    assert get(scene.owner.user, "/")["Location"] == "/home/"
