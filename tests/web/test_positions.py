"""Positions over all accounts, and closing them in bulk (SIZ-8)."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from accounts.models import Position
from allocation.models import Signal
from base import tenancy
from execution.models import ParentOrder
from governance.models import User
from tests.api.scene import Scene, make_scene
from tests.desk import Desk, make_desk
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db


def get(user: Any, path: str) -> Any:
    return signed_in(user).get(path)


def test_positions_are_of_the_accounts_in_sight(scene: Scene) -> None:
    symbol = scene.instrument.symbol
    assert symbol in get(scene.owner.user, "/positions/").content.decode()
    assert symbol in get(scene.risk.user, "/positions/").content.decode()
    assert 'name="pick"' not in get(scene.risk.user, "/positions/").content.decode()
    assert "No positions" in get(scene.colleague.user, "/positions/").content.decode()
    assert symbol not in get(make_scene().owner.user, "/positions/").content.decode()
    assert get(scene.investor.user, "/positions/").status_code == 403


def test_a_filter_and_a_download(scene: Scene) -> None:
    assert "Nothing matches" in get(scene.owner.user, "/positions/?q=zzzz").content.decode()
    assert scene.instrument.symbol in get(scene.owner.user, "/positions/?format=csv").content.decode()


@pytest.mark.parametrize(
    "form",
    [
        {}, {"percent": "50"}, {"percent": "0", "pick": "x"}, {"percent": "NaN", "pick": "x"}, {"percent": "101", "pick": "x"},
        {"percent": "50", "pick": "x"}, {"percent": "50", "pick": "a:b:c"}, {"percent": "1e2", "pick": "x"},
        {"percent": "50", "pick": [f"{n}" for n in range(100)]}, {"percent": "5" * 400, "pick": "x"},
    ],
)  # fmt: skip
def test_what_cannot_be_closed_is_told_and_nothing_is_written(scene: Scene, form: dict[str, Any]) -> None:
    assert signed_in(scene.owner.user).post("/positions/close", form).status_code == 422
    assert signed_in(scene.owner.user).post("/positions/close/release", form).status_code == 422
    with tenancy.firm(scene.firm.id):
        assert Signal.objects.count() == 1


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"percent": "50"}, "Tick 1 to 40 positions"), ({"percent": "0", "pick": "x"}, "The percent to close “0” must be above zero"),
        ({"percent": "101", "pick": "x"}, "The percent to close “101” is at most 100"), ({"percent": "", "pick": "x"}, "The percent to close is needed"),
        ({"percent": "half", "pick": "x"}, "The percent to close “half” is not a number"),
    ],
)  # fmt: skip
def test_what_cannot_be_closed_is_told_in_words(scene: Scene, form: dict[str, str], said: str) -> None:
    assert said in signed_in(scene.owner.user).post("/positions/close", form).content.decode()


# -- with a market ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def desk(db: None, settings: Any) -> Desk:
    found = make_desk()
    settings.REHEARSAL_CLOCK = f"{found.now.isoformat()}@{found.now.isoformat()}*0"
    return found


@pytest.fixture
def trader(desk: Desk) -> Client:
    return signed_in(User.objects.get(pk=int(desk.trader.user_id)), desk.firm_id)


def picks(client: Client) -> list[str]:
    return [unescape(name) for name in re.findall(r'name="pick" value="([^"]+)"', client.get("/positions/").content.decode())]


def hidden(answer: Any, name: str) -> list[str]:
    return [unescape(value) for value in re.findall(rf'name="{name}" value="([^"]*)"', answer.content.decode())]


def test_siz_8_half_of_a_position_is_closed_everywhere_once(desk: Desk, trader: Client) -> None:
    desk.hold({"A1": 101, "A3": 101})
    chosen = picks(trader)
    assert len(chosen) == 1
    shown = trader.post("/positions/close", {"pick": chosen, "percent": "50"})
    assert "Release 1 closing" in shown.content.decode()
    with tenancy.firm(desk.firm_id):
        assert not Signal.objects.exists()
    form = {name: hidden(shown, name) for name in ("target", "key", "seen")} | {"percent": "50"}
    first = trader.post("/positions/close/release", form)
    again = trader.post("/positions/close/release", form)
    assert "released to the gateways" in first.content.decode()
    assert again.content == first.content
    with tenancy.firm(desk.firm_id):
        parent = ParentOrder.objects.get()
        assert (parent.side, parent.quantity) == ("SELL", 102)  # the nearest lot of 50.5 is 51 in each of two accounts


def test_a_preview_of_somebody_else_releases_nothing(desk: Desk, trader: Client) -> None:
    desk.hold({"A1": 100})
    shown = trader.post("/positions/close", {"pick": picks(trader), "percent": "100"})
    manager = signed_in(User.objects.get(pk=int(desk.firm.actors["MANAGER"].user_id)), desk.firm_id)
    form = {name: hidden(shown, name) for name in ("target", "key", "seen")} | {"percent": "100"}
    assert manager.post("/positions/close/release", form).status_code == 422
    changed = form | {"percent": "10"}
    assert "not released" in trader.post("/positions/close/release", changed).content.decode()
    with tenancy.firm(desk.firm_id):
        assert not ParentOrder.objects.exists()


def test_a_second_press_gives_the_first_answer_when_nothing_is_held_any_more(desk: Desk, trader: Client) -> None:
    desk.hold({"A1": 100})
    shown = trader.post("/positions/close", {"pick": picks(trader), "percent": "100"})
    form = {name: hidden(shown, name) for name in ("target", "key", "seen")} | {"percent": "100"}
    first = trader.post("/positions/close/release", form)
    with tenancy.firm(desk.firm_id):
        Position.objects.update(quantity=0)
    assert trader.post("/positions/close/release", form).content == first.content
    assert "released to the gateways" in first.content.decode()
    with tenancy.firm(desk.firm_id):
        assert ParentOrder.objects.count() == 1
