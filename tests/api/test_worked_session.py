"""The session of docs/api.md, against a firm and a market as the product sets them up: signal, preview, release, journey."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import orjson
import pytest
from django.test import Client

from base import tenancy
from base.core.webhooks import parse_secret, sign
from governance.services import create_webhook_key
from risk import services as risk
from risk.enums import FirmLimitKind
from tests.api.house import House

pytestmark = pytest.mark.django_db


def test_siz_7_from_signal_to_journey(house: House):
    signal = house.signal()
    preview = house.preview(signal)
    lines = {line["account"]: line for line in preview["lines"]}
    assert preview["price"] == "47.3"
    assert Decimal(lines["A1"]["quantity"]) == 158
    assert lines["A1"]["raw"].startswith("158.562")
    assert lines["A4"]["binding_rule"] == "SIZ-2.class" and lines["A4"]["quantity"] == "114"
    assert {row["account"]: row["finding"] for row in preview["excluded"]}["A7"] == "AUTH_EXPIRED"
    released = house.release(signal, preview)
    assert released.status_code == 200, released.content
    facts = released.json()
    assert house.release(signal, preview).json() == {**facts, "repeated": True}
    journey = house.trader.get(f"journeys/{facts['journey_id']}").json()
    assert journey["signal"]["state"] == "released"
    assert [parent["id"] for parent in journey["parents"]] == facts["parents"]
    assert sum(Decimal(p["quantity"]) for p in journey["parents"]) == Decimal(preview["buy_quantity"])
    assert {event["action"] for event in journey["events"]} >= {"SIGNAL_RECEIVED", "PREVIEWED", "STATEMENT_FROZEN", "RELEASED"}
    assert journey["gates"][0] | {"gate": 1, "outcome": "PASSED"} == journey["gates"][0]
    plan = house.trader.get(f"plans/{facts['plan_id']}/lines").json()["results"]
    assert {line["account"]: line["quantity"] for line in plan} == {line["account"]: line["quantity"] for line in preview["lines"]}


def test_a_release_of_an_old_or_unknown_preview_is_a_409(house: House):
    signal = house.signal()
    preview = house.preview(signal)
    assert house.release(signal, {"hash": "0" * 64}).json()["code"] == "preview_unknown"
    house.at(house.now + timedelta(seconds=60))
    late = house.release(signal, preview)
    assert (late.status_code, late.json()["code"]) == (409, "preview_expired")


def test_a_release_of_what_has_changed_lists_the_differences(house: House):
    signal = house.signal()
    preview = house.preview(signal)
    from accounts import services as accounts

    with tenancy.firm(house.firm.firm_id):
        accounts.block_trading(
            account_id=house.firm.accounts["A1"],
            instrument_id=None,
            mode="CLOSED",
            rule="REC-6",
            reason="a test",
            source_id=None,
            now=house.now,
        )
    answer = house.release(signal, preview)
    assert (answer.status_code, answer.json()["code"]) == (409, "preview_changed"), answer.content
    changed = {row["account"] for row in answer.json()["differences"]}
    assert changed >= {str(house.firm.accounts["A1"])}


def test_gate_1_names_rule_number_and_limit(house: House):
    with tenancy.firm(house.firm.firm_id):
        risk.set_firm_limit(kind=FirmLimitKind.ORDER_NOTIONAL, limit=Decimal(1000), actor=house.firm.actors["RISK"], now=house.now)
    signal = house.signal()
    answer = house.release(signal, house.preview(signal))
    assert (answer.status_code, answer.json()["code"]) == (422, "gate_one"), answer.content
    finding = answer.json()["findings"][0]
    assert (finding["rule"], finding["limit"]) == ("RSK-1", "1000")
    assert Decimal(finding["number"]) > 1000
    assert answer.json()["errors"][0]["rule"] == "RSK-1"
    assert house.trader.get("parents").json()["results"] == []


def test_a_signed_message_may_release_at_once(house: House):
    with tenancy.firm(house.firm.firm_id):
        _, secret = create_webhook_key(source="charts", user_id=int(house.firm.actors["TRADER"].user_id), now=house.now)
    body = orjson.dumps({"ticker": "XYZ", "strategy": "CORE", "action": "buy", "percent": 3, "release": True})
    headers = sign("m1", house.now, body, parse_secret(secret))
    path = f"/api/v1/webhooks/{house.firm.firm_id}/charts"
    answer = Client().post(path, data=body, content_type="application/json", headers=headers)
    assert answer.status_code == 201, answer.content
    assert answer.json()["released"] and len(answer.json()["parents"]) == 1
    assert Client().post(path, data=body, content_type="application/json", headers=headers).status_code == 409
    assert len(house.trader.get("parents").json()["results"]) == 1
