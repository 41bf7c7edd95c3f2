"""GOV-10 over HTTP: what is stopped is out of the next statement, the others go on, and closing out has a confirmation of its own."""

from __future__ import annotations

from decimal import Decimal

import pytest

from base import tenancy
from execution.models import ParentOrder
from tests.api.house import House

pytestmark = pytest.mark.django_db


def _trip(house: House, scope: str, subject: object = "") -> None:
    body = {"scope": scope, "reason": "runaway", **({"subject_id": str(subject)} if subject else {})}
    answer = house.person("RISK").post("kill-switches", body)
    assert answer.status_code == 201, answer.content


def test_gov_10_a_stopped_account_is_left_out_and_the_others_go_on(house: House):
    before = {line["account"]: line["quantity"] for line in house.preview(house.signal())["lines"]}
    _trip(house, "ACCOUNT", house.firm.accounts["A1"])
    signal = house.signal("two")
    preview = house.preview(signal)
    left_out = {row["account"]: row for row in preview["excluded"]}
    assert left_out["A1"]["finding"] == "KILL_SWITCH" and "runaway" in left_out["A1"]["reason"]
    assert {line["account"]: line["quantity"] for line in preview["lines"]} == {k: v for k, v in before.items() if k != "A1"}
    released = house.release(signal, preview)
    assert released.status_code == 200, released.content
    parents = house.trader.get("parents").json()["results"]
    assert sum(Decimal(p["quantity"]) for p in parents) == sum(Decimal(q) for code, q in before.items() if code != "A1")


def test_gov_10_a_switch_between_preview_and_release_is_a_409(house: House):
    signal = house.signal()
    preview = house.preview(signal)
    _trip(house, "ACCOUNT", house.firm.accounts["A1"])
    answer = house.release(signal, preview)
    assert (answer.status_code, answer.json()["code"]) == (409, "preview_changed")


@pytest.mark.parametrize("scope", ["FIRM", "STRATEGY", "INSTRUMENT"])
def test_gov_10_a_stopped_firm_strategy_or_instrument_releases_nothing(house: House, scope: str):
    signal = house.signal()
    preview = house.preview(signal)
    strategy = house.trader.get("strategies?code=CORE").json()["results"][0]["id"]
    instrument = house.trader.get("instruments?symbol=XYZ").json()["results"][0]["id"]
    _trip(house, scope, {"FIRM": "", "STRATEGY": strategy, "INSTRUMENT": instrument}[scope])
    for answer in (house.release(signal, preview), house.trader.post(f"signals/{signal['id']}/preview")):
        assert (answer.status_code, answer.json()["code"]) == (422, "GOV-10"), answer.content
        assert "runaway" in answer.json()["title"]
    with tenancy.firm(house.firm.firm_id):
        assert not ParentOrder.objects.exists()


def test_gov_10_a_signal_to_close_passes_after_its_own_confirmation(house: House):
    body = {"strategy": "CORE", "symbol": "XYZ", "method": "close", "figure": "1"}
    signal = house.trader.post("signals", body, **{"Idempotency-Key": "c"}).json()
    again = {"scope": "FIRM", "reason": "close it out"}
    assert house.trader.post("kill-switches/flatten", again).json()["code"] == "NOT_TRIPPED"
    _trip(house, "FIRM")
    assert house.trader.post(f"signals/{signal['id']}/preview").json()["code"] == "GOV-10"
    assert house.trader.post("kill-switches/flatten", again).json() == {"confirmed": 1}
    assert house.trader.post(f"signals/{signal['id']}/preview").status_code == 200
    opening = house.signal("o")
    assert house.trader.post(f"signals/{opening['id']}/preview").json()["code"] == "GOV-10"
