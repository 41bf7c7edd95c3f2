"""The ticket's order type, limit, time in force, pace, and what is held afterwards."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from allocation.models import Signal
from base import tenancy
from execution.models import ParentOrder
from tests.web.ticket_room import Room, beside, cells, text_of

pytestmark = pytest.mark.django_db


LIMIT = {"order_type": "LIMIT", "limit_price": "46.50", "time_in_force": "DAY"}


def parents(room: Room) -> list[ParentOrder]:
    with tenancy.firm(room.desk.firm_id):
        return list(ParentOrder.objects.order_by("id"))


def test_a_limit_order_goes_as_it_was_shown(room: Room) -> None:
    shown = room.preview(figure="1.00", **LIMIT)
    text = text_of(shown)
    assert "at 46.50 or better; all at once. What is not filled rests until the session ends at 21:00:00, then expires." in text
    assert "At the limit −169.13 bp" in text and "Half spread" not in text
    assert cells(shown, "A1")[3:5] == ["52", "2,418.00"], "notional at the limit: 52 × 46.50"
    assert room.release(shown, figure="1.00", **LIMIT)["HX-Redirect"]
    (parent,) = parents(room)
    assert (parent.limit_price, parent.time_in_force, parent.is_limit_stated) == (Decimal("46.50"), "DAY", True)
    with tenancy.firm(room.desk.firm_id):
        signal = Signal.objects.get()
    assert (signal.order_type, signal.limit_price, signal.time_in_force, signal.route) == ("LIMIT", Decimal("46.50"), "DAY", "")


def test_best_price_now_ignores_a_limit_left_in_its_field(room: Room) -> None:
    room.go(limit_price="46.50", time_in_force="DAY")
    (parent,) = parents(room)
    assert (parent.time_in_force, parent.is_limit_stated) == ("IOC", False)


def test_spread_over_time_is_shown_and_released(room: Room) -> None:
    assert "spread over time" in text_of(room.preview(route="OVER_TIME"))
    room.go(route="OVER_TIME")
    assert [parent.route for parent in parents(room)] == ["TWAP"]


@pytest.mark.parametrize(
    "changed",
    [
        {"limit_price": "46.60"},
        {"time_in_force": "IOC"},
        {"order_type": ""},
        {"route": "OVER_TIME"},
        {"protect": "yes", "stop_price": "44"},
    ],
)
def test_terms_changed_after_the_preview_are_not_released(room: Room, changed: dict[str, str]) -> None:
    shown = room.preview(**LIMIT)
    answer = room.release(shown, **(LIMIT | changed))
    assert answer.status_code == 409 and "changed after this preview" in text_of(answer)
    assert parents(room) == []


@pytest.mark.parametrize(
    ("terms", "field", "words"),
    [
        ({"limit_price": ""}, "limit_price", "is needed"),
        ({"limit_price": "46.505"}, "limit_price", "0.01 is the smallest step"),
        ({"limit_price": "46,50"}, "limit_price", "use a point"),
        ({"time_in_force": "GTC"}, "time_in_force", "an order ends with its session"),
        ({"order_type": "STOP"}, "order_type", "choose one of the list"),
        ({"route": "DARK"}, "route", "choose one of the list"),
        ({"protect": "yes"}, "protect", "needs a stop or a target"),
        ({"protect": "yes", "stop_price": "47"}, "stop_price", "short of the entry"),
        ({"protect": "yes", "stop_price": "44", "take_profit_price": "43"}, "take_profit_price", "past the entry"),
        ({"protect": "yes", "take_profit_price": "50.001"}, "take_profit_price", "0.01 is the smallest step"),
    ],
)
def test_terms_that_do_not_hold_are_refused_beside_their_field(room: Room, terms: dict[str, str], field: str, words: str) -> None:
    answer = room.preview(**(LIMIT | terms))
    status = 200 if words in ("is needed", "needs a stop or a target") else 422
    assert answer.status_code == status and words in beside(answer, field), text_of(answer)
    assert room.count(Signal) == 0


def test_garbage_in_the_terms_is_refused_and_writes_nothing(room: Room) -> None:
    whole = {"figure": "1", **LIMIT, "protect": "yes", "stop_price": "44", "take_profit_price": "52"}
    for field in ("order_type", "limit_price", "time_in_force", "route", "take_profit_price"):
        for value in ("NaN", "-1", "1e5", "x", "\x00", "{{x}}", "<script>"):
            answer = room.preview(**(whole | {field: value}))
            assert answer.status_code == 422 and beside(answer, field), (field, value)
            assert "<script>" not in answer.content.decode()
    assert room.count(Signal) == 0


def test_rte_2_a_limit_past_the_collar_is_shown_beside_its_field_and_cannot_be_released(room: Room) -> None:
    answer = room.preview(**(LIMIT | {"limit_price": "48.00"}))
    assert answer.status_code == 200 and "past the collar" in beside(answer, "limit_price")
    assert "data-release" not in answer.content.decode()


def test_a_stop_and_target_to_hold_are_stored_and_shown(room: Room) -> None:
    held = {"protect": "yes", "stop_price": "44", "take_profit_price": "55.5"}
    assert "Held afterwards for every account that is filled: stop 44.00, target 55.50." in text_of(room.preview(**held))
    room.go(**held)
    with tenancy.firm(room.desk.firm_id):
        signal = Signal.objects.get()
    assert (signal.protect, signal.stop_price, signal.take_profit_price) == (True, Decimal(44), Decimal("55.5"))
    journey = room.client.get(f"/journeys/{signal.journey_id}/")
    assert "To hold for every account that is filled: stop 44.00, target 55.50." in text_of(journey)


def test_a_limit_stands_in_the_journey_and_the_blotter_and_is_repeated(room: Room) -> None:
    room.go(**LIMIT)
    with tenancy.firm(room.desk.firm_id):
        journey = Signal.objects.get().journey_id
    assert "Limit 46.50, DAY." in text_of(room.client.get(f"/journeys/{journey}/"))
    assert "46.50 DAY" in text_of(room.client.get("/blotter/"))
    page = room.client.get(f"/ticket/?from={journey}").content.decode()
    assert re.search(r'name="order_type" value="LIMIT" checked', page) and 'name="limit_price" value="46.5"' in page


def test_the_fields_come_in_the_order_one_thinks_in(room: Room) -> None:
    page = room.client.get("/ticket/").content.decode()
    names = [
        "symbol",
        "side",
        "method",
        "figure",
        "per_account",
        "order_type",
        "limit_price",
        "time_in_force",
        "route",
        "protect",
        "stop_price",
    ]
    places = [page.index(f'name="{name}"') for name in [*names, "take_profit_price", "strategy", "reason"]]
    assert places == sorted(places)
    for name in ("order_type", "limit_price", "time_in_force", "route", "protect", "stop_price", "take_profit_price"):
        assert f'id="err-{name}"' in page
