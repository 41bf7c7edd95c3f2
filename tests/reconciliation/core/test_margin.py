"""Expected margin by recorded rates (ACC-7, ACC-10), and the comparison with the custodian's (REC-1, REC-3)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from reconciliation.core.directory import make_directory
from reconciliation.core.fixed import NO_PRICE, from_fixed, to_fixed
from reconciliation.core.margin import expected_margins, rates_on
from reconciliation.core.snapshot import PositionTable, make_table

DAY = date(2026, 1, 5)
ROW = {
    "since": "2026-01-01",
    "long_initial": "0.50",
    "long_maintenance": "0.25",
    "short_initial": "0.50",
    "short_maintenance": "0.30",
    "short_per_share": "5",
}
DIRECTORY = make_directory(
    ["A", "B"], {"XYZ": "USD", "SAP": "EUR", "EURUSD": "USD", "CALL": "USD"}, ["USD", "EUR"], multipliers={"EURUSD": Decimal(100_000)}
)
IS_SHARE, IS_FX = np.array([True, True, False, False]), np.array([False, False, True, False])


def expected(*held: tuple[str, str, str], base: str = "USD", leverage: str = "", account: int = 0):
    rates = rates_on([{**ROW, **({"leverage": leverage} if leverage else {})}], DAY)
    rows = []
    for symbol, quantity, price in held:
        code = DIRECTORY.symbol_code[symbol]
        unit = to_fixed(Decimal(price)) if price else NO_PRICE
        rows.append((account, code, int(DIRECTORY.instrument_currency[code]), to_fixed(Decimal(quantity)), unit))
    table, known = expected_margins(
        make_table(PositionTable, rows),
        {0: rates},
        DIRECTORY,
        base_currency=np.full(2, DIRECTORY.currency_code[base]),
        fx={("EUR", "USD"): Decimal("1.0850"), ("USD", "EUR"): 1 / Decimal("1.0850")},
        is_share=IS_SHARE,
        is_fx=IS_FX,
    )
    return [from_fixed(amount) for amount in table.amount.tolist()], sorted(known)


def test_acc_7_long_80000_needs_40000_at_first_and_20000_to_keep():
    # MV 80,000, E 60,000, debit 20,000: initial 50% = 40,000 (excess 20,000), maintenance 25% = 20,000 (excess 40,000)
    assert expected(("XYZ", "1600", "50")) == ([Decimal("40000.00"), Decimal("20000.00")], [0])


@pytest.mark.parametrize(
    ("price", "initial", "maintenance"),
    [
        ("50", "2500.00", "1500.00"),  # 100 × 50 = 5,000: 50%; 30% = 1,500 above 5 a share = 500
        ("10", "500.00", "500.00"),  # 100 × 10 = 1,000: 50%; 30% = 300 below 5 a share = 500
        ("5", "250.00", "500.00"),
    ],
)
def test_acc_7_a_short_needs_30_percent_or_5_a_share(price, initial, maintenance):
    assert expected(("XYZ", "-100", price)) == ([Decimal(initial), Decimal(maintenance)], [0])


@pytest.mark.parametrize(("leverage", "need"), [("30", "3616.67"), ("50", "2170.00")])
def test_acc_10_one_lot_of_eurusd(leverage, need):
    assert expected(("EURUSD", "1", "1.0850"), leverage=leverage)[0] == [Decimal(need)] * 2


def test_con_1_sums_are_converted_and_rounded_once():
    # 3 × 33.333333 = 99.999999 EUR × 1.085 = 108.499998915 USD: 54.25 and 27.12 (27.1249997…)
    assert expected(("SAP", "3", "33.333333"))[0] == [Decimal("54.25"), Decimal("27.12")]


@pytest.mark.parametrize("held", [("CALL", "1", "2.50"), ("EURUSD", "1", "1.0850"), ("XYZ", "-100", "4.99"), ("XYZ", "100", "")], ids=str)
def test_con_5_an_account_with_something_the_rates_do_not_know_has_no_expectation(held):
    assert expected(("XYZ", "100", "50"), held) == ([], [])


def test_accounts_without_rates_have_no_expectation():
    assert expected(("XYZ", "100", "50"), account=1) == ([], [0])


def test_rates_hold_from_their_first_day():
    later = {**ROW, "since": "2026-01-06", "long_initial": "0.60"}
    assert rates_on([later, ROW], DAY).long_initial == Decimal("0.50")
    assert rates_on([later, ROW], date(2026, 1, 6)).long_initial == Decimal("0.60")
    assert rates_on([ROW], date(2025, 12, 31)) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"long_initial": "NaN"}, "long_initial 'NaN' is not a rate"),
        ({"long_initial": "-0.1"}, "long_initial '-0.1' is not a rate"),
        ({"long_initial": "half"}, "long_initial 'half' is not a number"),
        ({"leverage": "0"}, "leverage '0' is not a rate"),
        ({"house": "1"}, "house is not one of"),
        ({"since": "January"}, "Invalid isoformat"),
    ],
)
def test_rates_that_cannot_be_read_say_why(change, says):
    with pytest.raises(ValueError, match=says):
        rates_on([{**ROW, **change}], DAY)


def test_rates_that_lack_one_say_which():
    with pytest.raises(ValueError, match="short_maintenance is missing"):
        rates_on([{name: value for name, value in ROW.items() if name != "short_maintenance"}], DAY)
