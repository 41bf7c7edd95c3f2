"""Order instructions over HTTP: taken as stated, refused by field and rule, read back, released or refused with the rule that forbids them."""

from __future__ import annotations

from typing import Any

import pytest

from base import tenancy
from execution.models import ParentOrder
from tests.api.house import House

pytestmark = pytest.mark.django_db
BODY = {"strategy": "CORE", "symbol": "XYZ", "method": "target_weight", "figure": "0.01"}
LIMIT = {"order_type": "LIMIT", "limit_price": "46.50"}


def state(house: House, key: str = "k", **terms: Any) -> Any:
    return house.trader.post("signals", {**BODY, **terms}, **{"Idempotency-Key": key})


def test_a_limit_signal_is_read_back_and_released_as_stated(house: House):
    terms = {**LIMIT, "time_in_force": "DAY", "protect": True, "stop_price": "44", "take_profit_price": "52"}
    made = state(house, **terms)
    assert made.status_code == 201
    assert state(house, **terms).json()["repeated"] is True
    assert state(house, **{**terms, "limit_price": "46.51"}).status_code == 409, "another limit is another body"
    shown = house.trader.get(f"signals/{made.json()['id']}").json()
    assert (shown["order_type"], shown["time_in_force"], shown["route"], shown["protect"]) == ("LIMIT", "DAY", "", True)
    assert [float(shown[name]) for name in ("limit_price", "stop_price", "take_profit_price")] == [46.5, 44, 52]
    preview = house.trader.post(f"signals/{made.json()['id']}/preview").json()
    released = house.trader.post(f"signals/{made.json()['id']}/release", {"preview_hash": preview["hash"]})
    assert released.status_code in (200, 201), released.content
    orders = house.trader.get("orders").json()["results"]
    assert {(row["time_in_force"], float(row["limit_price"])) for row in orders} == {("DAY", 46.5)}


@pytest.mark.parametrize(
    ("terms", "field", "rule"),
    [
        ({"order_type": "LIMIT"}, "limit_price", "required"),
        ({**LIMIT, "limit_price": "46.505"}, "limit_price", "tick: 0.01 is the smallest step"),
        ({**LIMIT, "time_in_force": "GTC"}, "time_in_force", "ALC-3: an order ends with its session, IOC or DAY"),
        ({"route": "SOMEHOW"}, "route", "choice"),
        ({"protect": "true", "stop_price": "44"}, "protect", "true_or_false"),
        ({"protect": True, "take_profit_price": "40", "stop_price": "44"}, "take_profit_price", "beyond_entry"),
    ],
)
def test_terms_are_refused_by_field_and_rule(house: House, terms: dict[str, Any], field: str, rule: str):
    answer = state(house, **terms)
    assert answer.status_code == 422
    assert [(error["field"], error["rule"]) for error in answer.json()["errors"]] == [(field, rule)]


@pytest.mark.parametrize(("terms", "code"), [({**LIMIT, "limit_price": "99"}, "RTE-2"), ({"figure": "0.03", "route": "AT_ONCE"}, "RTE-1")])
def test_what_a_rule_forbids_is_409_with_the_rule(house: House, terms: dict[str, Any], code: str):
    made = state(house, **terms).json()
    preview = house.trader.post(f"signals/{made['id']}/preview").json()
    answer = house.trader.post(f"signals/{made['id']}/release", {"preview_hash": preview["hash"]})
    assert (answer.status_code, answer.json()["code"]) == (409, code), answer.content
    with tenancy.firm(house.firm.firm_id):
        assert not ParentOrder.objects.exists()
