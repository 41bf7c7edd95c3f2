"""RSK-1 gate 1: the parent against the firm's limits."""

from dataclasses import replace
from decimal import Decimal

import pytest

from risk.core.findings import Finding, describe
from risk.core.gate_one import UNLIMITED, FirmBook, FirmLimits, ParentCheck, check_parent, limit_uses
from risk.enums import GateCode, Unit

D = Decimal
PARENT = ParentCheck(quantity=D(1000), position=D(0), notional=D(50_000), average_daily_volume=D(10_000))
BOOK = FirmBook(gross=D(900_000), net=D(100_000), instrument_value=D(0), issuer_value=D(20_000), daily_loss=D(0))
LIMITS = FirmLimits(D(50_000), D("0.10"), D(950_000), D(150_000), D(70_000), D(10_000))


def codes(parent=PARENT, book=BOOK, limits=LIMITS):
    return [finding.code for finding in check_parent(parent, book, limits)]


def test_rsk_1_gate_1_passes_at_every_limit():
    assert codes() == []


@pytest.mark.parametrize(
    ("parent", "book", "expected"),
    [
        ({"notional": D("50000.01")}, {}, [GateCode.ORDER_NOTIONAL, GateCode.GROSS, GateCode.NET, GateCode.SINGLE_NAME]),
        ({"quantity": D("1000.01")}, {}, [GateCode.ADV]),
        ({}, {"gross": D("900000.01")}, [GateCode.GROSS]),
        ({}, {"net": D("100000.01")}, [GateCode.NET]),
        ({}, {"issuer_value": D("20000.01")}, [GateCode.SINGLE_NAME]),
        ({}, {"daily_loss": D(10_000)}, [GateCode.DAILY_LOSS]),
    ],
)
def test_rsk_1_gate_1_blocks_just_above_each_limit(parent, book, expected):
    assert codes(replace(PARENT, **parent), replace(BOOK, **book)) == expected


def test_rsk_1_gate_1_names_rule_number_and_limit():
    found = check_parent(PARENT, replace(BOOK, gross=D(1_000_000)), LIMITS)
    assert found == [Finding("RSK-1", GateCode.GROSS, D(1_050_000), D(950_000), Unit.MONEY)]
    assert describe(found[0]) == "RSK-1 gross: 1050000 over 950000"
    adv = check_parent(replace(PARENT, average_daily_volume=D(5000)), BOOK, LIMITS)
    assert [describe(x) for x in adv] == ["CST-2 share of daily volume: 20% over 10%"]


def test_cst_7_gate_1_lets_reducing_orders_pass_but_guards_against_typing_errors():
    over = replace(BOOK, gross=D(2_000_000), daily_loss=D(99_999))
    closing = replace(PARENT, quantity=D(-1000), position=D(1000))
    assert codes(closing, over) == []
    assert codes(replace(closing, notional=D(50_001)), over) == [GateCode.ORDER_NOTIONAL]
    assert GateCode.GROSS in codes(replace(closing, quantity=D(-1001)), over)


@pytest.mark.parametrize("name", ["order_notional", "adv_rate", "gross", "net", "single_name", "daily_loss"])
def test_con_5_a_missing_limit_blocks(name):
    assert codes(limits=replace(LIMITS, **{name: None})) == [GateCode.MISSING_DATA]
    assert codes(limits=replace(LIMITS, **{name: UNLIMITED})) == []


@pytest.mark.parametrize("name", ["gross", "net", "instrument_value", "issuer_value", "daily_loss"])
def test_con_5_missing_firm_data_blocks_openings_only(name):
    book = replace(BOOK, **{name: None})
    assert codes(book=book) == [GateCode.MISSING_DATA]
    assert codes(replace(PARENT, quantity=D(-1), position=D(5), notional=None), book) == []


def test_con_5_missing_price_or_volume_blocks():
    assert codes(replace(PARENT, notional=None)) == [GateCode.MISSING_DATA]
    assert codes(replace(PARENT, average_daily_volume=None)) == [GateCode.MISSING_DATA]
    assert codes(replace(PARENT, average_daily_volume=None), limits=replace(LIMITS, adv_rate=UNLIMITED)) == []


def test_rsk_3_a_sale_against_a_long_lowers_gross():
    book = replace(BOOK, gross=D(950_000), instrument_value=D(200_000), issuer_value=D(60_000))
    assert codes(replace(PARENT, quantity=D(-1000), position=D(0)), book) == []


def test_cst_7_where_accounts_were_looked_at_the_firms_position_nets_no_opening_away():
    opening = replace(PARENT, quantity=D(-1000), position=D(1000), reduces=False)
    assert GateCode.DAILY_LOSS in codes(opening, replace(BOOK, daily_loss=D(10_000)))
    assert codes(replace(opening, reduces=None), replace(BOOK, daily_loss=D(10_000))) == []
    assert codes(replace(PARENT, reduces=True), replace(BOOK, daily_loss=None, gross=D(10**9))) == []


def test_rsk_10_the_use_of_every_limit_is_known_also_below_it():
    uses = {use.kind.value: use for use in limit_uses(PARENT, BOOK, LIMITS)}
    assert {kind: use.number for kind, use in uses.items()} == {
        "ORDER_NOTIONAL": 50_000, "ADV_RATE": D("0.1"), "GROSS": 950_000, "NET": 150_000, "SINGLE_NAME": 70_000, "DAILY_LOSS": 0,
    }  # fmt: skip
    assert not any(use.exceeded for use in uses.values())
    assert replace(uses["DAILY_LOSS"], number=D(10_000)).exceeded
