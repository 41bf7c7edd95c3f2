"""Stops and targets on the positions page: columns, preview, apply, drill-down, and who may (SIZ-8)."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from accounts.models import Position
from base import tenancy
from execution.models import ProtectiveLevel
from execution.services.level_watch import release_triggered
from governance.models import User
from tests.api.scene import Scene
from tests.desk import MINUTE, Desk, make_desk
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(db: None, settings: Any) -> Desk:
    """Return a desk that holds XYZ, bought at 40, in three accounts; the bid is 47.29."""
    found = make_desk()
    settings.REHEARSAL_CLOCK = f"{found.now.isoformat()}@{found.now.isoformat()}*0"
    found.hold({"A1": 100, "A2": 50, "A3": 20})
    return found


@pytest.fixture
def trader(desk: Desk) -> Client:
    return signed_in(User.objects.get(pk=int(desk.trader.user_id)), desk.firm_id)


def pick(client: Client) -> str:
    (name,) = [unescape(name) for name in re.findall(r'name="pick" value="([^"]+)"', client.get("/positions/").content.decode())]
    return name


def hidden(answer: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', answer.content.decode()):
        found.setdefault(name, []).append(unescape(value))
    return found


def wish(client: Client, level: str = "STOP", kind: str = "price", figure: str = "") -> Any:
    return client.post("/positions/levels/preview", {"pick": [pick(client)], "level": level, "wish": kind, "figure": figure})


def rows(desk: Desk) -> int:
    with tenancy.firm(desk.firm_id):
        return ProtectiveLevel.objects.count()


def test_siz_8_a_stop_is_previewed_then_set_everywhere_once(desk: Desk, trader: Client) -> None:
    shown = wish(trader, figure="46.005")
    text = shown.content.decode()
    assert "Set 3 stops" in text and "46.01" in text and rows(desk) == 0
    form = hidden(shown)
    first = trader.post("/positions/levels/apply", form)
    again = trader.post("/positions/levels/apply", form)
    assert first.status_code == 200 and "3 done" in first.content.decode() and again.content == first.content
    assert rows(desk) == 3
    page = trader.get("/positions/").content.decode()
    assert "46.01" in page and "not placed at the broker" in page


def test_siz_8_a_distance_from_entry_and_its_removal(desk: Desk, trader: Client) -> None:
    trader.post("/positions/levels/apply", hidden(wish(trader, "TARGET", "offset", "10.50")))
    with tenancy.firm(desk.firm_id):
        assert set(ProtectiveLevel.objects.values_list("level", "price", "wish")) == {("TARGET", 50.5, "OFFSET")}
    minus = wish(trader, "STOP", "offset", "−0.50").content.decode()
    assert "39.50" in minus, "the page's own minus sign is a minus"
    removed = trader.post("/positions/levels/apply", hidden(wish(trader, "TARGET", "remove")))
    assert "3 done" in removed.content.decode() and "removed" in removed.content.decode()


def test_siz_8_what_is_rejected_says_why_and_cannot_be_applied(desk: Desk, trader: Client) -> None:
    text = wish(trader, figure="60").content.decode()
    assert "wrong side of the market" in text and "Set 0 stops" in text and "disabled" in text


def test_siz_8_columns_say_varies_and_the_drill_down_shows_each(desk: Desk, trader: Client) -> None:
    trader.post("/positions/levels/apply", hidden(wish(trader, figure="46")))
    with tenancy.firm(desk.firm_id):
        ProtectiveLevel.objects.filter(account=desk.firm.accounts["A3"]).update(price=44)
    page = trader.get("/positions/").content.decode()
    assert "44.00–46.00" in page and "varies" in page
    each = trader.get("/positions/levels", {"row": pick(trader)}).content.decode()
    assert each.count("46.00") == 2 and each.count("44.00") == 1 and "A3" in each and "40.00" in each
    csv = b"".join(trader.get("/positions/?format=csv")).decode()
    assert "stop_low,stop_high,accounts_with_stop" in csv and ",44,46,3," in re.sub(r"(\d)\.0+\b", r"\1", csv)
    account = trader.get(f"/accounts/{desk.firm.accounts['A3']}/?tab=positions").content.decode()
    assert "44.00" in account


def test_what_could_not_be_closed_is_marked(desk: Desk, trader: Client) -> None:
    trader.post("/positions/levels/apply", hidden(wish(trader, figure="47.20")))
    desk.trade({"A1": 5})
    release_triggered(firm_id=desk.firm_id, now=desk.now + 10 * MINUTE)
    assert "reached and not closed" in trader.get("/positions/").content.decode()


@pytest.mark.parametrize(
    "form",
    [
        {}, {"level": "STOP"}, {"level": "STOP", "wish": "price", "figure": "46"}, {"level": "X", "wish": "price", "figure": "46", "pick": "P"},
        {"level": "STOP", "wish": "maybe", "figure": "46", "pick": "P"}, {"level": "STOP", "wish": "price", "figure": "NaN", "pick": "P"},
        {"level": "STOP", "wish": "price", "figure": "0", "pick": "P"}, {"level": "STOP", "wish": "price", "figure": "-1", "pick": "P"},
        {"level": "STOP", "wish": "price", "figure": "1e9", "pick": "P"}, {"level": "STOP", "wish": "offset", "figure": "", "pick": "P"},
        {"level": "STOP", "wish": "price", "figure": "46", "pick": "a:b:c"}, {"level": "STOP", "wish": "price", "figure": "5" * 99, "pick": "P"},
        {"level": "STOP", "wish": "price", "figure": "46", "pick": ["P"] + [f"x{n}:" for n in range(50)]},
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_and_nothing_is_written(desk: Desk, trader: Client, form: dict[str, Any]) -> None:
    name = pick(trader)
    told = {key: [name if one == "P" else one for one in value] if isinstance(value, list) else name if value == "P" else value for key, value in form.items()}  # fmt: skip
    assert trader.post("/positions/levels/preview", told).status_code == 422
    told["target"] = told.pop("pick", [])
    assert trader.post("/positions/levels/apply", told | {"key": "k" * 32}).status_code == 422
    assert rows(desk) == 0


def test_who_may_not_trade_sets_nothing(desk: Desk, trader: Client, scene: Scene) -> None:
    form = hidden(wish(trader, figure="46"))
    assert signed_in(scene.risk.user).post("/positions/levels/apply", form).status_code == 403
    stranger = signed_in(scene.owner.user).post("/positions/levels/apply", form)
    assert "no position that you may trade" in stranger.content.decode() or stranger.status_code in {404, 422}
    seen = signed_in(scene.owner.user).get("/positions/levels", {"row": form["target"][0]}).content.decode()
    assert "A1" not in seen and "Nobody holds it now" in seen
    assert rows(desk) == 0


def test_the_drill_down_costs_the_same_for_any_number_of_accounts(desk: Desk, trader: Client, django_assert_max_num_queries: Any) -> None:
    name = pick(trader)
    with tenancy.firm(desk.firm_id):
        assert Position.objects.filter(quantity__gt=0).count() == 3
    trader.get("/positions/levels", {"row": name})
    with django_assert_max_num_queries(25):
        trader.get("/positions/levels", {"row": name})
