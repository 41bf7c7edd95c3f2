"""The custodian's books: settlement, blocks, charges, busts, planted breaks."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from execution.venue.custody import Custody
from execution.venue.engine import CommandRefused, Venue
from execution.venue.setup import MINUTE, CommissionModel, weekdays
from tests.execution.venue.world import CONFIG, MONDAY, TUESDAY, make_venue, wire_order

D = Decimal


def filled_block(quantity: str = "300") -> Venue:
    venue = make_venue()
    venue.execute({"op": "open", "accounts": {name: {"cash": {"USD": "1000"}} for name in "AB"}})
    venue.execute({"op": "submit", "orders": [wire_order("b1", quantity=quantity, account="BLOCK")]})
    venue.advance(venue.now_us + 3 * MINUTE)
    return venue


def allocation(shares: list[tuple[str, str, str, str]], allocation_id: str = "al1", **terms: Any) -> dict[str, Any]:
    names = ("account", "quantity", "amount", "fee")
    entries = [dict(zip(names, share, strict=True)) for share in shares]
    head = {"op": "allocate", "allocation_id": allocation_id, "block_account": "BLOCK", "symbol": "FLAT", "side": "BUY"}
    return {**head, "trade_date": MONDAY.isoformat(), "shares": entries, **terms}


WHOLE = [("A", "200", "-10002.00", "1.00"), ("B", "100", "-5001.00", "0.50")]


@pytest.mark.parametrize(
    ("trade_date", "days", "expected"),
    [
        (date(2026, 1, 2), 1, date(2026, 1, 5)),
        (date(2026, 1, 5), 2, date(2026, 1, 7)),
        (date(2026, 1, 5), 0, date(2026, 1, 5)),
    ],
)
def test_acc_5_settlement_counts_market_days(trade_date: date, days: int, expected: date) -> None:
    assert Custody((), frozenset()).settle_date(trade_date, days) == expected


def test_acc_5_settlement_skips_a_holiday_of_the_table() -> None:
    table = tuple(day for day in weekdays(date(2026, 1, 1), date(2026, 2, 28)) if day != date(2026, 1, 19))
    assert Custody(table, frozenset()).settle_date(date(2026, 1, 16), 1) == date(2026, 1, 20)


def test_whole_block_given_up_leaves_nothing_behind() -> None:
    venue = filled_block()
    assert venue.execute(allocation(WHOLE))[0]["kind"] == "ALLOCATED"
    assert venue.custody.positions() == [("A", "FLAT", 200), ("B", "FLAT", 100)]
    today = venue.calendar.business_date(venue.now_us)
    assert venue.custody.cash("", today) == [
        ("A", "USD", D("-9003.00"), D(1000)),
        ("B", "USD", D("-4001.50"), D(1000)),
        ("BLOCK", "USD", 0, 0),
    ]
    assert venue.custody.unallocated("BLOCK", "FLAT", "BUY", MONDAY) == (0, 0, 0)


def test_block_may_be_given_up_in_parts() -> None:
    venue = filled_block()
    venue.execute(allocation([WHOLE[0]]))
    assert venue.custody.unallocated("BLOCK", "FLAT", "BUY", MONDAY) == (100, D("-5001.00"), D("0.50"))
    assert venue.execute(allocation([WHOLE[1]], "al2"))[0]["kind"] == "ALLOCATED"


def test_alc_3_a_block_of_fractions_counts_at_its_exact_amounts() -> None:
    """0.333 and 0.334 at 50.01 cost 16.65333 and 16.70334, together 33.36; each rounded by itself would make 33.35."""
    venue = make_venue()
    venue.execute({"op": "open", "accounts": {name: {"cash": {"USD": "1000"}} for name in "AB"}})
    for name, quantity in (("b1", "0.333"), ("b2", "0.334")):
        venue.execute({"op": "submit", "orders": [wire_order(name, quantity=quantity, account="BLOCK", symbol="COIN")]})
    venue.advance(venue.now_us + 3 * MINUTE)
    assert venue.custody.unallocated("BLOCK", "COIN", "BUY", MONDAY) == (D("0.667"), D("-33.35667"), 2)
    shares = [("A", "0.3", "-15.00", "1.00"), ("B", "0.367", "-18.36", "1.00")]
    assert (
        venue.execute(allocation([*shares[:1], ("B", "0.367", "-18.38", "1.00")], "al0", symbol="COIN"))[0]["reason"] == "AMOUNT_MISMATCH"
    )
    assert venue.execute(allocation(shares, symbol="COIN"))[0]["kind"] == "ALLOCATED"
    assert venue.custody.unallocated("BLOCK", "COIN", "BUY", MONDAY) == (0, 0, 0)
    cash = {row[0]: row[2] for row in venue.custody.cash("", MONDAY)}
    assert cash == {"A": D("984.00"), "B": D("980.64"), "BLOCK": 0}


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (allocation([("A", "301", "-15053.01", "1.50")]), "MORE_THAN_UNALLOCATED"),
        (allocation([("A", "300", "-15003.01", "1.50")]), "AMOUNT_MISMATCH"),
        (allocation([("A", "300", "-15003.00", "1.49")]), "AMOUNT_MISMATCH"),
        (allocation([("NOBODY", "300", "-15003.00", "1.50")]), "BAD_SHARE"),
        (allocation([("A", "-1", "50", "0")]), "BAD_SHARE"),
        (allocation([WHOLE[0], WHOLE[0]]), "BAD_SHARE"),
        (allocation([]), "BAD_SHARE"),
        (allocation(WHOLE, block_account="A"), "NOT_A_BLOCK_ACCOUNT"),
        (allocation(WHOLE, side="SELL"), "MORE_THAN_UNALLOCATED"),
        (allocation(WHOLE, trade_date=TUESDAY.isoformat()), "MORE_THAN_UNALLOCATED"),
    ],
)
def test_wrong_allocation_is_rejected_and_moves_nothing(command: dict[str, Any], reason: str) -> None:
    venue = filled_block()
    (event,) = venue.execute(command)
    assert (event["kind"], event["reason"]) == ("ALLOCATION_REJECTED", reason)
    assert venue.custody.positions() == [("BLOCK", "FLAT", 300)]


def test_repeated_allocation_is_confirmed_and_a_changed_one_refused() -> None:
    venue = filled_block()
    venue.execute(allocation(WHOLE))
    assert venue.execute(allocation(WHOLE))[0]["kind"] == "ALLOCATION_REPEATED"
    assert venue.execute(allocation([WHOLE[0]]))[0]["reason"] == "ID_REUSED"
    assert venue.custody.positions("A") == [("A", "FLAT", 200)]


def test_bust_after_the_allocation_falls_on_the_block_account() -> None:
    venue = filled_block()
    venue.execute(allocation(WHOLE))
    venue.execute({"op": "bust", "exec_id": "X1"})
    assert venue.custody.positions("BLOCK") == [("BLOCK", "FLAT", -300)]


def test_commission_has_a_minimum_a_rate_and_basis_points() -> None:
    model = CommissionModel(per_share=D("0.01"), bps=D(1), minimum=D(2))
    assert model.of_order(D(10), D(500)) == 2
    assert model.of_order(D(1000), D(50_000)) == 15
    assert model.of_order(D(0), D(0)) == 0


def test_commission_is_rounded_over_the_order_not_per_fill() -> None:
    venue = make_venue(replace(CONFIG, commission=CommissionModel(per_share=D("0.0035"))))
    venue.execute({"op": "open", "accounts": {"A": {}}})
    venue.execute({"op": "submit", "orders": [wire_order("o1", quantity="18", symbol="THIN")]})
    venue.advance(venue.now_us + 5 * MINUTE)
    assert [e["commission"] for e in venue.execution_events] == ["0.02", "0.02", "0.02"]
    venue.execute({"op": "submit", "orders": [wire_order("o2", quantity="18", symbol="FLAT")]})
    venue.advance(venue.now_us + 2 * MINUTE)
    assert venue.execution_events[-1]["commission"] == "0.06"


def test_fee_of_the_custodian_is_charged_and_listed() -> None:
    venue = filled_block()
    venue.execute({"op": "charge_fee", "account": "A", "currency": "USD", "amount": "12.50", "text": "custody"})
    assert [(f.fee_id, f.amount, f.text) for f in venue.custody.fees(MONDAY)][-1] == ("F1", D("12.50"), "custody")
    assert venue.custody.cash("A", MONDAY) == [("A", "USD", D("987.50"), D("987.50"))]


def test_planted_breaks_change_the_books_only() -> None:
    venue = filled_block()
    venue.execute(allocation(WHOLE))
    for what, key, delta in [("position", "FLAT", "-1"), ("cash", "USD", "0.01"), ("missing_trade", "al1/B", "0")]:
        account = "B" if what == "missing_trade" else "A"
        venue.execute({"op": "plant", "what": what, "account": account, "key": key, "delta": delta})
    assert venue.custody.positions() == [("A", "FLAT", 199)]
    assert venue.custody.cash("A", MONDAY)[0][2] == D("-9002.99")
    assert venue.custody.cash("B", MONDAY)[0][2] == D(1000)
    assert "al1/B" not in [t.trade_id for t in venue.custody.trades(MONDAY)]
    assert [e["kind"] for e in venue.execution_events] == ["TRADE"]
    with pytest.raises(CommandRefused):
        venue.execute({"op": "plant", "what": "missing_trade", "account": "B", "key": "al1/B", "delta": "0"})
