"""A stranger's recomputation of a day: from the JSON alone, in fractions, with nothing of the product's code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from math import floor
from typing import Any

import pytest

from .conftest import Told

pytestmark = pytest.mark.xdist_group("tour")

Record = dict[str, Any]
DEFAULT_CAPS = {"PERSONAL": Fraction(1, 10), "SHELTERED": Fraction(1, 50), "ENTITY": Fraction(1, 20), "MANAGED": Fraction(1, 100)}


@pytest.fixture(scope="module")
def day(told: Told) -> Record:
    return told.record


def half_up(value: Fraction, places: int = 2) -> Fraction:
    """Round away from zero at the half."""
    scaled = abs(value) * 10**places
    return Fraction(floor(scaled + Fraction(1, 2)), 10**places) * (1 if value >= 0 else -1)


def to_fraction(text: str | None) -> Fraction:
    assert text is not None
    return Fraction(text)


def fx(signal: Record, of: str, to: str) -> Fraction:
    if of == to:
        return Fraction(1)
    return to_fraction(next(rate["rate"] for rate in signal["inputs"]["fx"] if (rate["from"], rate["to"]) == (of, to)))


def traded(day: Record, signal: Record) -> Record:
    symbol = signal["signal"][0]["symbol"]
    return next(item for item in day["instruments"] if item["symbol"] == symbol)


def sized(day: Record) -> Iterator[tuple[Record, Record, Record]]:
    """Yield (signal, the account's inputs, the account's line)."""
    for signal in day["signals"]:
        inputs = {entry["account"]: entry for entry in signal["inputs"]["accounts"]}
        for line in signal["accounts"]:
            yield signal, inputs[line["account"]], line


def per_unit(day: Record, signal: Record, account: Record) -> Fraction:
    """Return how many lots one unit of the account's currency buys."""
    instrument = traded(day, signal)
    worth = to_fraction(signal["price"]) * to_fraction(instrument["multiplier"]) * to_fraction(instrument["lot_step"])
    return fx(signal, account["currency"], instrument["currency"]) / worth


def test_the_day_holds_what_is_to_be_recomputed(day: Record) -> None:
    assert len(day["signals"]) == 4
    assert {account["class"] for account in day["opening"]} == {"PERSONAL", "SHELTERED", "ENTITY", "MANAGED", "PROP"}
    assert {account["currency"] for account in day["opening"]} == {"USD", "EUR", "GBP"}
    assert all(signal["accounts"] for signal in day["signals"])
    assert all(day["signals"][number][what] for number in (0, 1, 3) for what in ("executions", "shares"))
    assert any(line["binding_rule"] == "SIZ-2.class" for _, _, line in sized(day))
    assert any(line["binding_rule"] == "none" and line["ordered"] != "0" for _, _, line in sized(day))
    assert day["failures"] == []


def test_acc_11_each_rate_is_made_of_stored_rates_with_date_and_source(day: Record) -> None:
    for signal in day["signals"]:
        for rate in signal["inputs"]["fx"]:
            legs = {(leg["base"], leg["quote"]): to_fraction(leg["rate"]) for leg in rate["made_of"]}
            legs |= {(quote, base): 1 / value for (base, quote), value in legs.items()}
            direct = legs.get((rate["from"], rate["to"]))
            crosses = [
                legs[rate["from"], via] * legs[via, rate["to"]] for _, via in legs if {(rate["from"], via), (via, rate["to"])} <= {*legs}
            ]
            assert to_fraction(rate["rate"]) in [direct, *crosses]
            assert all(leg["as_of"] <= signal["inputs"]["at"] and leg["source"] for leg in rate["made_of"])


def test_acc_3_equity_is_cash_and_positions_at_the_prices_and_rates_given(day: Record) -> None:
    for signal, account, _ in sized(day):
        prices = {row["symbol"]: row for row in signal["inputs"]["prices"]}
        multipliers = {item["symbol"]: to_fraction(item["multiplier"]) for item in day["instruments"]}
        equity = Fraction(0)
        for row in account["cash"]:
            rate = fx(signal, row["currency"], account["currency"])
            equity += half_up(to_fraction(row["amount"]) * rate) + half_up(to_fraction(row["receivable"]) * rate)
        for row in account["positions"]:
            worth = to_fraction(prices[row["symbol"]]["price"]) * multipliers[row["symbol"]]
            rate = fx(signal, prices[row["symbol"]]["currency"], account["currency"])
            equity += half_up(to_fraction(row["quantity"]) * worth * rate)
        assert equity == to_fraction(account["equity"]), account["account"]


def test_acc_4_available_is_settled_cash_less_what_is_bought_reserved_and_kept(day: Record) -> None:
    for signal, account, _ in sized(day):
        available = -half_up(max(to_fraction(account["equity"]), Fraction(0)) * to_fraction(signal["inputs"]["cash_buffer_rate"]))
        for row in account["cash"]:
            rate = fx(signal, row["currency"], account["currency"])
            available += half_up(to_fraction(row["settled"]) * rate) - half_up(to_fraction(row["unsettled_outflow"]) * rate)
        for row in account["reserved"]:
            held = to_fraction(row["cash"]) * fx(signal, row["currency"], account["currency"])
            available -= -Fraction(floor(-held * 100), 100)
        assert available == to_fraction(account["available"]), account["account"]


def test_siz_1_and_siz_8_the_raw_target(day: Record) -> None:
    for signal, account, line in sized(day):
        figure = to_fraction(signal["signal"][0]["figure"])
        if signal["signal"][0]["method"] == "close":
            raw = -figure * to_fraction(account["position"])
        else:
            raw = figure * to_fraction(account["equity"]) * per_unit(day, signal, account) * to_fraction(traded(day, signal)["lot_step"])
        assert abs(raw - to_fraction(line["raw"])) <= Fraction(1, 10**6), (signal["title"], line)


def test_siz_2_the_caps_are_the_class_s_or_the_contract_s(day: Record) -> None:
    own = {row["account"]: row["own_cap"] for row in day["opening"]}
    for _, account, _ in sized(day):
        cap = own[account["account"]]
        assert to_fraction(account["class_cap"]) == (Fraction(cap) if cap else DEFAULT_CAPS[account["class"]])


def lots_by_rule(day: Record, signal: Record, account: Record) -> tuple[dict[str, Fraction], str]:
    """Return signed lots after each rule that can clip on this day, and the rule that binds."""
    figure, position = to_fraction(signal["signal"][0]["figure"]), to_fraction(account["position"])
    if signal["signal"][0]["method"] == "close":
        lots = -Fraction(floor(figure * position + Fraction(1, 2)))
        return {"CON-5.data": lots, "SIZ-5.rounding": lots, "CST-4.buying_power": lots, "SIZ-5.minimum": lots}, "none"
    rate = per_unit(day, signal, account)
    cap = min(to_fraction(account[name]) for name in ("class_cap", "mandate_cap") if account[name] is not None)
    binding = "SIZ-2.class" if cap < figure else "none"
    open_orders = to_fraction(account["open_buy"]) - to_fraction(account["open_sell"])
    wish = Fraction(floor(min(figure, cap) * to_fraction(account["equity"]) * rate - position - open_orders))
    assert wish >= 0, "no target of this script lies below what is held"
    paid = Fraction(floor(to_fraction(account["available"]) * rate / to_fraction(signal["inputs"]["buying_power_rate"])))
    last = min(wish, max(paid, Fraction(0)))
    return {"CON-5.data": wish, "SIZ-5.rounding": wish, "CST-4.buying_power": last, "SIZ-5.minimum": last}, binding if last == wish else (
        "CST-4.buying_power"
    )


def test_cst_1_each_rule_s_clip_the_binding_rule_and_the_rounded_lots(day: Record) -> None:
    for signal, account, line in sized(day):
        expected, binding = lots_by_rule(day, signal, account)
        found = {rule: Fraction(lots) for rule, lots in line["after_each_rule"].items()}
        assert {rule: found[rule] for rule in expected} == expected, (signal["title"], line)
        assert list(map(abs, found.values())) == sorted(map(abs, found.values()), reverse=True)
        assert line["binding_rule"] == binding, (signal["title"], line)
        assert to_fraction(line["ordered"]) == [*found.values()][-1] * to_fraction(traded(day, signal)["lot_step"])


def test_gov_2_an_account_without_authority_is_left_out_and_gets_nothing(day: Record) -> None:
    for signal in day["signals"]:
        assert [(entry["code"], entry["finding"]) for entry in signal["excluded"]] == [("A7", "AUTH_EXPIRED")]
        assert "A7" not in {line["account"] for line in signal["accounts"]} | {share["account"] for share in signal["shares"]}


def test_i5_orders_carry_what_was_sized_and_executions_fill_orders(day: Record) -> None:
    for signal in day["signals"]:
        ordered = sum((abs(to_fraction(line["ordered"])) for line in signal["accounts"]), Fraction(0))
        assert ordered == sum(to_fraction(parent["quantity"]) for parent in signal["parents"])
        filled: dict[str, Fraction] = defaultdict(Fraction)
        for execution in signal["executions"]:
            filled[execution["client_order_id"]] += to_fraction(execution["last_qty"])
        for order in signal["orders"]:
            assert filled[order["client_order_id"]] == to_fraction(order["filled_qty"]) <= to_fraction(order["quantity"])
        assert sum(filled.values()) == sum(to_fraction(parent["filled_qty"]) for parent in signal["parents"])


def test_i4_shares_sum_to_the_blocks_executions_in_quantity_money_and_fees(day: Record) -> None:
    for signal in day["signals"]:
        blocks = {order["client_order_id"] for order in signal["orders"] if order["is_block"]}
        for lane in {share["connection"] for share in signal["shares"]}:
            fills = [row for row in signal["executions"] if row["connection"] == lane and row["client_order_id"] in blocks]
            shares = [share for share in signal["shares"] if share["connection"] == lane]
            assert sum(to_fraction(row["quantity"]) for row in shares) == sum(to_fraction(row["last_qty"]) for row in fills)
            assert sum(to_fraction(row["fee"]) for row in shares) == sum(to_fraction(row["fee"]) for row in fills)
            money = sum((to_fraction(row["last_qty"]) * to_fraction(row["last_px"]) for row in fills), Fraction(0))
            assert sum(to_fraction(row["notional"]) for row in shares) == half_up(money)


def test_alc_4_every_share_is_the_average_price_to_a_cent_and_never_above_the_target(day: Record) -> None:
    for signal in day["signals"]:
        target = {line["account"]: abs(to_fraction(line["ordered"])) for line in signal["accounts"]}
        for share in signal["shares"]:
            exact = to_fraction(share["quantity"]) * to_fraction(share["average"])
            assert abs(exact - to_fraction(share["notional"])) < Fraction(2, 100)
            assert to_fraction(share["quantity"]) <= target[share["account"]]


def changes(day: Record) -> tuple[dict[str, Fraction], dict[tuple[str, str], Fraction]]:
    """Return what the day's bookings change, by account: cash in USD, and positions."""
    cash: dict[str, Fraction] = defaultdict(Fraction)
    held: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for signal in day["signals"]:
        symbol, side = traded(day, signal)["symbol"], signal["parents"][0]["side"]
        sign = 1 if side == "BUY" else -1
        blocks = {order["client_order_id"] for order in signal["orders"] if order["is_block"]}
        rows = [(row["account"], row["quantity"], to_fraction(row["notional"]), row["fee"]) for row in signal["shares"]]
        rows += [
            (row["account"], row["last_qty"], half_up(to_fraction(row["last_qty"]) * to_fraction(row["last_px"])), row["fee"])
            for row in signal["executions"]
            if row["client_order_id"] not in blocks
        ]
        for account, quantity, notional, fee in rows:
            cash[account] -= sign * notional + to_fraction(fee)
            held[account, symbol] += sign * to_fraction(quantity)
    return cash, held


def test_i6_cash_and_positions_at_the_close_are_the_opening_and_the_day_s_bookings(day: Record) -> None:
    cash, held = changes(day)
    at_close = {(row["code"], row["currency"]): to_fraction(row["amount"]) for row in day["cash"]}
    for account in day["opening"]:
        for currency in {*account["cash"], "USD"}:
            expected = Fraction(account["cash"].get(currency, 0)) + (cash[account["account"]] if currency == "USD" else 0)
            assert at_close.get((account["account"], currency), Fraction(0)) == expected
    assert {(row["code"], row["symbol"]): to_fraction(row["quantity"]) for row in day["positions"]} == {k: v for k, v in held.items() if v}


def test_i6_the_ledger_sums_to_zero_in_every_currency_and_instrument(day: Record) -> None:
    totals: dict[str, Fraction] = defaultdict(Fraction)
    for row in day["ledger"]:
        totals[row["unit"]] += to_fraction(row["amount"])
    assert {"USD", "EUR", "GBP", "XYZ", "ABC", "QRS"} <= set(totals)
    assert set(totals.values()) == {Fraction(0)}
    fees = sum((to_fraction(row["fee"]) for signal in day["signals"] for row in signal["executions"]), Fraction(0))
    assert sum(to_fraction(row["amount"]) for row in day["ledger"] if row["book"] == "FEES") == fees


def test_rec_2_the_planted_breaks_are_found_with_their_size_and_no_other(day: Record) -> None:
    planted = {(row["account"], row["item"]): to_fraction(row["delta"]) for row in day["breaks"]["planted"]}
    found = {(row["account"], row["item"]): to_fraction(row["difference"]) for row in day["breaks"]["found"]}
    assert len(planted) == 2
    assert found == planted
    for row in day["breaks"]["found"]:
        assert to_fraction(row["theirs"]) - to_fraction(row["ours"]) == to_fraction(row["difference"])


def test_every_account_stands_once_at_the_close(day: Record) -> None:
    codes = [row["code"] for row in day["accounts_at_close"]]
    assert codes == sorted(set(codes)) and {entry["account"] for entry in day["opening"]} == set(codes)
    for row in day["accounts_at_close"]:
        assert to_fraction(row["cash"]) + to_fraction(row["market_value"]) == to_fraction(row["equity"])
