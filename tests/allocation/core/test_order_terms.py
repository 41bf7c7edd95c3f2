"""How a signal states its order: type, limit, time in force, pace, stop and target (ALC-3, RTE-1, RTE-2)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from allocation.core.order_terms import TERMS
from allocation.core.signal_body import parse_signal
from allocation.enums import SignalOrderType, SignalRoute, SignalTimeInForce
from base.core.ids import digest
from base.core.validation import InvalidInputs

NOW = datetime(2026, 1, 5, 15, tzinfo=UTC)
A, B = "0197a000-0000-7000-8000-000000000001", "0197a000-0000-7000-8000-000000000002"
BASE = {"strategy": "CORE", "symbol": "XYZ", "method": "target_weight", "figure": "0.03"}
CUSTOM = {"strategy": "CORE", "symbol": "XYZ", "method": "custom"}


def refused(**fields: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInputs) as refusal:
        parse_signal(BASE | fields, now=NOW)
    return [(problem.field, problem.rule) for problem in refusal.value.problems]


def test_a_body_without_terms_keeps_the_hash_it_always_had() -> None:
    body = parse_signal(BASE | {"stop_price": "40"}, now=NOW)
    before = {name: value for name, value in asdict(body).items() if name not in TERMS}
    assert set(before) == {"strategy", "symbol", "method", "figure", "stop_price", "accounts", "per_account", "decided_at"}
    assert body.sha256 == digest({**before, "accounts": []})
    # Written down from the first release of the product: keys in old databases must find their body again.
    assert body.sha256 == "62ed91fde92e96f2b29fba29852224bdbdcd4b03f72ee495cef8ab4575835330"


def test_every_term_that_is_stated_is_part_of_the_hash() -> None:
    stated: list[dict[str, Any]] = [
        {},
        {"time_in_force": "IOC"},
        {"route": "OVER_TIME"},
        {"route": "AT_ONCE"},
        {"order_type": "LIMIT", "limit_price": "49.50"},
        {"order_type": "LIMIT", "limit_price": "49.51"},
        {"order_type": "LIMIT", "limit_price": "49.50", "time_in_force": "DAY"},
        {"stop_price": "48"},
        {"stop_price": "48", "protect": True},
        {"stop_price": "48", "protect": True, "take_profit_price": "60"},
    ]
    assert len({parse_signal(BASE | terms, now=NOW).sha256 for terms in stated}) == len(stated)
    assert parse_signal(BASE | {"protect": False}, now=NOW).sha256 == parse_signal(BASE, now=NOW).sha256


def test_a_limit_order_is_read_as_stated() -> None:
    terms = {"order_type": "LIMIT", "limit_price": "49.50", "time_in_force": "DAY", "route": "OVER_TIME"}
    body = parse_signal(BASE | terms, now=NOW)
    assert (body.order_type, body.limit_price, body.time_in_force, body.route) == (
        SignalOrderType.LIMIT,
        Decimal("49.50"),
        SignalTimeInForce.DAY,
        SignalRoute.OVER_TIME,
    )


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"order_type": "LIMIT"}, ("limit_price", "required")),
        ({"limit_price": "49.50"}, ("limit_price", "only_with_limit")),
        ({"order_type": "LIMIT", "limit_price": "0"}, ("limit_price", "positive")),
        ({"order_type": "LIMIT", "limit_price": "4,9"}, ("limit_price", "decimal_point")),
        ({"order_type": "MARKET"}, ("order_type", "choice")),
        ({"time_in_force": "DAY"}, ("time_in_force", "only_with_limit")),
        ({"time_in_force": "GTC"}, ("time_in_force", "ALC-3: an order ends with its session, IOC or DAY")),
        ({"time_in_force": "FOK"}, ("time_in_force", "choice")),
        ({"route": "DARK"}, ("route", "choice")),
        ({"protect": "yes", "stop_price": "48"}, ("protect", "true_or_false")),
        ({"protect": True}, ("protect", "needs_stop_or_target")),
        ({"take_profit_price": "60"}, ("take_profit_price", "only_with_protect")),
        ({"protect": True, "stop_price": "60", "take_profit_price": "50"}, ("take_profit_price", "beyond_entry")),
        ({"protect": True, "stop_price": "48", "order_type": "LIMIT", "limit_price": "47"}, ("stop_price", "before_entry")),
        ({"protect": True, "take_profit_price": "60", "order_type": "LIMIT", "limit_price": "60"}, ("take_profit_price", "beyond_entry")),
        ({"protect": True, "stop_price": "48", "figure": "0"}, ("protect", "one_side")),
        ({"protect": True, "stop_price": "48", "method": "percent_change", "figure": "0.5"}, ("protect", "one_side")),
        ({"protect": True, "stop_price": "48", "method": "close", "figure": "1"}, ("protect", "not_with_close")),
    ],
)
def test_what_contradicts_itself_is_refused_by_field_and_rule(fields: dict[str, Any], problem: tuple[str, str]) -> None:
    assert refused(**fields) == [problem]


def test_a_sale_is_protected_the_other_way_round() -> None:
    body = parse_signal(BASE | {"figure": "-0.03", "protect": True, "stop_price": "60", "take_profit_price": "40"}, now=NOW)
    assert body.protect and (body.stop_price, body.take_profit_price) == (Decimal(60), Decimal(40))
    assert refused(figure="-0.03", protect=True, stop_price="40", take_profit_price="60") == [("take_profit_price", "beyond_entry")]


def test_custom_figures_of_both_signs_have_no_side_to_protect() -> None:
    def body(second: str) -> dict[str, Any]:
        listed = [{"account": A, "kind": "quantity", "figure": "5"}, {"account": B, "kind": "quantity", "figure": second}]
        return CUSTOM | {"per_account": listed, "protect": True, "stop_price": "48"}

    assert parse_signal(body("7"), now=NOW).protect
    with pytest.raises(InvalidInputs) as refusal:
        parse_signal(body("-7"), now=NOW)
    assert [(problem.field, problem.rule) for problem in refusal.value.problems] == [("protect", "one_side")]
