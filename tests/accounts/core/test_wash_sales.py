"""WASH-1 to WASH-15: the worked figures W1 to W10, W12 and W13, published examples, and what must hold whatever is traded."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.core.wash_sales import replay_wash_sales
from accounts.core.wash_scope import ScopeRule, final_from, in_scope, kinds_in_scope
from accounts.core.wash_values import Acquisition, Disposal, Replay, UnitAccount
from accounts.enums import BasisMode, WashFate

ACCOUNTS = {
    "T1": UnitAccount("T1", "M"),
    "T2": UnitAccount("T2", "M"),
    "IRA": UnitAccount("IRA", "M", is_sheltered=True),
    "SPOUSE": UnitAccount("SPOUSE", "S"),
}
DATA = next((found for parent in Path(__file__).resolve().parents if (found := parent.parent / "shared/data/wash_sales").is_dir()), None)


def day(text: str) -> date:
    return date.fromisoformat(text if text.startswith("20") else f"2026-{text}")


def buy(lot: str, quantity: Any, price: Any, on: str, account: str = "T1", **more: Any) -> Acquisition:
    terms: dict[str, Any] = {"lot_id": lot, "account_id": account, "purchase_id": lot, "acquired_date": day(on), **more}
    return Acquisition(quantity=D(quantity), cost=D(quantity) * D(str(price)), **terms)


def sell(lot: Acquisition, quantity: Any, price: Any, on: str, sequence: int = 0) -> Disposal:
    basis = lot.cost * D(quantity) / lot.quantity
    return Disposal(f"sale {on}", lot.lot_id, day(on), D(quantity), D(quantity) * D(str(price)), basis, sequence)


def judged(bought: list[Acquisition], sold: list[Disposal], **more: Any) -> Replay:
    return replay_wash_sales(ACCOUNTS, bought, sold, currency="USD", **more)


BASE = buy("base", 100, 50, "01-05")
BASE_SOLD = sell(BASE, 100, 42, "03-02")


def sums(found: Replay) -> tuple[D, D, D]:
    """Return deferred, permanent, allowed."""
    closed = found.closed
    return sum(c.deferred for c in closed), sum(c.permanent for c in closed), sum(c.allowed for c in closed)


def parts(found: Replay) -> list[tuple[str, D, D]]:
    return [(part.lot_id, part.quantity, part.adjusted_basis) for part in found.open]


def test_wash_9_w1_a_replacement_takes_the_loss_and_the_holding_period():
    found = judged([BASE, buy("again", 100, 43, "03-20")], [BASE_SOLD])
    assert sums(found) == (800, 0, 0)
    assert parts(found) == [("again", 100, D("5100.00"))]
    assert found.open[0].holding_start == date(2026, 1, 23)


def test_wash_8_w2_only_matched_shares_are_disallowed():
    first = buy("first", 100, 60, "2025-09-24")
    found = judged([first, buy("more", 30, 52, "01-12")], [sell(first, 100, 50, "01-30")])
    assert sums(found) == (300, 0, 700)
    assert parts(found) == [("more", 30, D("1860.00"))]
    assert found.open[0].holding_start == date(2025, 9, 6)


def test_wash_7_w3_the_earliest_purchase_is_matched_first_and_a_lot_is_split():
    found = judged([BASE, buy("60", 60, 44, "03-05"), buy("80", 80, 45, "03-12")], [sell(BASE, 100, 43, "03-02")])
    assert sums(found) == (700, 0, 0)
    assert sorted(parts(found)) == [("60", 60, D(3060)), ("80", 40, D(1800)), ("80", 40, D(2080))]


@pytest.mark.parametrize(
    ("bought", "sold", "washed"),
    [("04-01", "03-02", True), ("04-02", "03-02", False), ("02-10", "03-12", True), ("02-09", "03-12", False)],
)
def test_wash_3_w4_the_window_is_thirty_days_either_side(bought, sold, washed):
    found = judged([BASE, buy("other", 100, 43, bought)], [sell(BASE, 100, 42, sold)])
    assert sums(found) == ((800, 0, 0) if washed else (0, 0, 800))


def test_wash_5_w5_the_rest_of_the_same_lot_is_no_replacement():
    lot = buy("own", 200, 50, "05-04")
    assert sums(judged([lot], [sell(lot, 100, 45, "05-15")])) == (0, 0, 500)


def test_wash_5_parts_of_one_purchase_do_not_replace_each_other():
    one, two = (buy(name, 100, 50, "05-04", purchase_id="order") for name in ("fill 1", "fill 2"))
    assert sums(judged([one, two], [sell(one, 100, 45, "05-15")])) == (0, 0, 500)
    apart = buy("fill 2", 100, 50, "05-04")
    assert sums(judged([one, apart], [sell(one, 100, 45, "05-15")])) == (500, 0, 0)


def test_wash_2_w6_another_brokers_account_of_the_same_taxpayer():
    found = judged([BASE, buy("there", 40, 41, "02-20", "T2")], [BASE_SOLD])
    assert sums(found) == (320, 0, 480)
    assert parts(found) == [("there", 40, D("1960.00"))] and found.open[0].holding_start == date(2025, 12, 26)


def test_wash_10_w7_an_ira_purchase_forfeits_the_loss():
    found = judged([BASE, buy("ira", 60, 43, "03-20", "IRA")], [BASE_SOLD])
    assert sums(found) == (0, 480, 320)
    assert parts(found) == [("ira", 60, D("2580.00"))] and found.open[0].holding_start == day("03-20")


def test_wash_10_w8_the_order_stays_chronological():
    found = judged([BASE, buy("ira", 60, 43, "03-10", "IRA"), buy("own", 60, 43, "03-12")], [BASE_SOLD])
    assert sums(found) == (320, 480, 0)
    assert sorted(parts(found)) == [("ira", 60, D(2580)), ("own", 20, D(860)), ("own", 40, D(2040))]


def test_wash_10_simultaneous_purchases_match_the_sheltered_one_first():
    found = judged([BASE, buy("a own", 100, 43, "03-10"), buy("z ira", 100, 43, "03-10", "IRA")], [BASE_SOLD])
    assert sums(found) == (0, 800, 0)
    known = judged([BASE, buy("a own", 100, 43, "03-10", sequence=1), buy("z ira", 100, 43, "03-10", "IRA", sequence=2)], [BASE_SOLD])
    assert sums(known) == (800, 0, 0)


def test_wash_10_a_loss_inside_an_ira_is_nobodys():
    ira = buy("ira", 100, 50, "01-05", "IRA")
    assert judged([ira, buy("own", 100, 43, "03-10")], [sell(ira, 100, 42, "03-02")]).closed == ()


def test_wash_15_w9_a_chain_ends_with_the_economic_loss():
    first, second = buy("first", 100, 43, "03-05"), buy("second", 100, 39, "03-27")
    found = judged([BASE, first, second], [BASE_SOLD, sell(first, 100, 40, "03-16"), sell(second, 100, 48, "07-01")])
    assert [(c.loss, c.deferred, c.allowed) for c in found.closed] == [(800, 800, 0), (1100, 1100, 0), (200, 0, 200)]
    assert [c.carried + c.disposal.basis for c in found.closed] == [5000, 5100, 5000]
    assert sum(c.disposal.proceeds - c.disposal.basis for c in found.closed) == -200
    assert found.closed[2].final_from == date(2026, 8, 1)


def test_wash_11_w10_a_spouses_purchase_carries_the_loss_or_forfeits_it():
    bought = [BASE, buy("hers", 100, 43, "03-20", "SPOUSE")]
    found = judged(bought, [BASE_SOLD])
    assert sums(found) == (800, 0, 0) and parts(found) == [("hers", 100, D("5100.00"))]
    forfeited = judged(bought, [BASE_SOLD], basis_mode=BasisMode.PERMANENT)
    assert sums(forfeited) == (0, 800, 0) and parts(forfeited) == [("hers", 100, D(4300))]


def test_wash_14_w12_a_covered_short_and_a_new_one():
    first = Acquisition("first", "T1", "first", day("01-12"), D(100), D(5000))
    second = Acquisition("second", "T1", "second", day("02-20"), D(100), D(5500))
    sold = [
        Disposal("cover 1", "first", day("02-09"), D(100), D(5000), D(5600)),
        Disposal("cover 2", "second", day("04-30"), D(100), D(5500), D(5300)),
    ]
    found = judged([first, second], sold, is_short=True)
    assert sums(found) == (600, 0, 400)
    assert sold[1].proceeds - found.closed[1].carried == D("4900.00")
    assert found.closed[1].holding_start == day("02-20")


def test_wash_6_w13_gain_lots_are_left_alone():
    cheap, dear = buy("cheap", 50, 38, "01-05"), buy("dear", 50, 48, "01-06")
    sold = [sell(cheap, 50, 42, "03-02"), sell(dear, 50, 42, "03-02")]
    found = judged([cheap, dear, buy("again", 100, 43, "03-09")], sold)
    assert sums(found) == (300, 0, 0) and sum(c.gain for c in found.closed if c.gain > 0) == 200
    assert sorted(parts(found)) == [("again", 50, D(2150)), ("again", 50, D(2450))]


def test_wash_5_a_purchase_before_the_sale_counts_only_while_it_is_held():
    before = buy("before", 100, 49, "02-20")
    sold = [sell(before, 60, 60, "02-25"), sell(before, 10, 60, "03-02"), BASE_SOLD]
    assert sums(judged([BASE, before], sold)) == (240, 0, 560)


def test_wash_6_same_day_sales_of_unknown_order_go_by_acquisition():
    old, young = buy("old", 100, 50, "01-05"), buy("young", 100, 60, "01-06")
    found = judged([young, old, buy("again", 100, 40, "03-09")], [sell(young, 100, 45, "03-02"), sell(old, 100, 45, "03-02")])
    assert [(c.disposal.lot_id, c.deferred) for c in found.closed] == [("old", 500), ("young", 0)]
    known = [sell(young, 100, 45, "03-02", sequence=1), sell(old, 100, 45, "03-02", sequence=2)]
    assert judged([young, old, buy("again", 100, 40, "03-09")], known).closed[0].deferred == 1500


def test_wash_4_a_gift_is_no_purchase():
    assert sums(judged([BASE, buy("gift", 100, 43, "03-20", counts=False)], [BASE_SOLD])) == (0, 0, 800)


def test_wash_9_a_resale_within_the_window_still_counts():
    again = buy("again", 100, 43, "03-20")
    found = judged([BASE, again], [BASE_SOLD, sell(again, 100, 44, "03-21")])
    assert [(c.deferred, c.allowed) for c in found.closed] == [(800, 0), (0, 700)]


def test_wash_15_a_sale_is_provisional_until_the_thirty_first_day():
    assert final_from(day("03-02")) == day("04-02")


def test_wash_1_the_law_is_data_with_dates():
    assert in_scope("EQUITY", day("03-02")) and in_scope("ETF", day("03-02"))
    assert not any(in_scope(kind, day("03-02")) for kind in ("CRYPTO_SPOT", "FX", "FUTURE", "OPTION", "BOND", "CFD"))
    law = [ScopeRule("CRYPTO_SPOT", date(2009, 1, 3), False, ""), ScopeRule("CRYPTO_SPOT", date(2027, 1, 1), True, "a proposal")]
    assert not in_scope("CRYPTO_SPOT", date(2026, 12, 31), law) and in_scope("CRYPTO_SPOT", date(2027, 1, 1), law)
    assert kinds_in_scope(date(2026, 12, 1), date(2026, 12, 31), law) == ()
    assert kinds_in_scope(date(2026, 12, 1), date(2027, 1, 31), law) == ("CRYPTO_SPOT",)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="holds 100 of the 150"):
        judged([BASE], [sell(BASE, 150, 42, "03-02")])
    with pytest.raises(ValueError, match="not there"):
        judged([], [BASE_SOLD])
    with pytest.raises(ValueError, match="twice"):
        judged([BASE, BASE], [])
    with pytest.raises(ValueError, match="no quantity"):
        judged([buy("none", 0, 1, "01-05")], [])


def published(name: str) -> list[Any]:
    """Return published cases: regulations, rulings, Publication 550, textbooks, other calculators' tests."""
    cases = [] if DATA is None else json.loads((DATA / f"{name}.json").read_text())
    return [pytest.param(case, id=case["id"]) for case in cases]


def unit_of(case: dict[str, Any]) -> tuple[dict[str, UnitAccount], list[Acquisition], list[Disposal]]:
    """Return the accounts, lots and sales of a published case; lines of one lot were bought together."""
    kinds = case.get("account_types", {})
    accounts = {name: UnitAccount(name, "A", kinds.get(name) == "ira") for name in (one.get("account", "A") for one in case["lots"])}
    bought, sold = [], []
    for one in case["lots"]:
        name = f"{one['lot']}/{one['line']}"
        quantity, basis, on = D(one["qty"]), D(one["basis"]), date.fromisoformat(one["bought"])
        bought.append(Acquisition(name, one.get("account", "A"), one["lot"], on, quantity, basis, counts=not one["already_replacement"]))
        if one["sold"]:
            sold.append(Disposal(name, name, date.fromisoformat(one["sold"]), quantity, D(one["proceeds"]), basis))
    return accounts, bought, sold


ABSENT = pytest.mark.skipif(DATA is None, reason="the folder shared/data with published wash-sale examples is not beside the project")


@ABSENT
@pytest.mark.parametrize("case", published("official_examples"))
def test_wash_8_published_examples(case):
    accounts, bought, sold = unit_of(case)
    found = replay_wash_sales(accounts, bought, sold, currency="USD")
    deferred, permanent, allowed = sums(found)
    expected = case["expected"]
    assert (deferred + permanent, allowed) == (D(expected["disallowed_total"]), D(expected["allowed_loss_total"]))
    assert permanent == D(expected.get("permanently_lost", "0"))
    lots = {one.lot_id: one.purchase_id for one in bought}
    carried: Counter[str] = Counter()
    for part in found.open:
        carried[lots[part.lot_id]] += part.adjusted_basis
    for closed in found.closed:
        carried[lots[closed.disposal.lot_id]] += closed.carried + closed.disposal.basis
    assert {name: carried[name] for name in expected["adjusted_basis"]} == {k: D(v) for k, v in expected["adjusted_basis"].items()}


@ABSENT
@pytest.mark.parametrize("case", published("wash_cases"))
def test_wash_8_other_calculators_cases_to_a_cent(case):
    accounts, bought, sold = unit_of(case)
    found = replay_wash_sales(accounts, bought, sold, currency="USD")
    assert abs(sums(found)[0] - sum(D(one["disallowed"]) for one in case["expected"])) <= D("0.01")


FIRST = date(2026, 1, 1)


@st.composite
def trading(draw: st.DrawFn, names: tuple[str, ...]) -> tuple[list[Acquisition], list[Disposal]]:
    """Return purchases of whole shares at prices of cents, and sales of what is held on their day."""
    bought, sold = [], []
    for i in range(draw(st.integers(1, 7))):
        quantity, price = draw(st.integers(1, 40)), D(draw(st.integers(100, 999))) / 100
        on = FIRST + timedelta(days=draw(st.integers(0, 90)))
        account = draw(st.sampled_from(names))
        lot = Acquisition(f"L{i}", account, f"P{draw(st.integers(0, 9))}", on, D(quantity), D(quantity) * price)
        bought.append(lot)
        left, basis = quantity, lot.cost
        for _ in range(draw(st.integers(0, 3))):
            size = draw(st.integers(0, left))
            if not size:
                break
            on += timedelta(days=draw(st.integers(0, 40)))
            part = basis if size == left else (basis * size / left).quantize(D("0.01"))
            proceeds = size * D(draw(st.integers(100, 999))) / 100
            sequence = draw(st.integers(0, 2))
            sold.append(Disposal(f"S{on}{sequence}", lot.lot_id, on, D(size), proceeds, part, sequence))
            left, basis = left - size, basis - part
    return bought, sold


@settings(max_examples=120, deadline=None)
@given(trading(tuple(ACCOUNTS)))
def test_wash_7_every_share_is_matched_once_and_every_loss_is_accounted_for(traded):
    found = judged(*traded)
    purchases = {lot.lot_id: lot for lot in traded[0]}
    used: Counter[str] = Counter()
    for closed in found.closed:
        assert closed.deferred + closed.permanent + closed.allowed == closed.loss and closed.allowed >= 0
        assert sum(match.quantity for match in closed.matches) <= closed.quantity
        for match in closed.matches:
            used[match.lot_id] += match.quantity
            assert closed.loss and abs((match.acquired_date - closed.disposal.sale_date).days) <= 30
            assert purchases[match.lot_id].purchase_id != purchases[closed.disposal.lot_id].purchase_id
            assert (match.fate is WashFate.PERMANENT) == (match.account_id == "IRA")
    assert all(used[name] <= lot.quantity for name, lot in purchases.items())


@settings(max_examples=120, deadline=None)
@given(trading(("T1", "T2", "SPOUSE")), st.integers(100, 999))
def test_wash_15_allowed_and_unrealised_together_are_the_economic_result(traded, mark):
    found = judged(*traded)
    price = D(mark) / 100
    taxed = sum((c.gain if c.gain > 0 else -c.allowed for c in found.closed), D(0))
    unrealised = sum((part.quantity * price - part.adjusted_basis for part in found.open), D(0))
    held = sum(lot.quantity for lot in traded[0]) - sum(sale.quantity for sale in traded[1])
    economic = sum(sale.proceeds for sale in traded[1]) - sum(lot.cost for lot in traded[0]) + held * price
    assert taxed + unrealised == economic


@settings(max_examples=60, deadline=None)
@given(trading(tuple(ACCOUNTS)), st.randoms(use_true_random=False))
def test_wash_15_the_order_in_which_books_are_read_makes_no_difference(traded, random):
    shuffled = [random.sample(rows, len(rows)) for rows in traded]
    assert judged(*shuffled) == judged(*traded)
