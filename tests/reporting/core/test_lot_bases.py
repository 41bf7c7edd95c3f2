"""TAX-1, TAX-3: what lots cost in base currency, when the lots are in another."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.core.lots import Trade, apply_trade
from accounts.enums import LotMethod
from base.core.money import round_money
from reporting.core.books import Booking, ClosureRow, LotRow
from reporting.core.lot_bases import lot_bases
from reporting.core.statement_proofs import UnableToState

D = Decimal
START, FIRST = date(2026, 10, 1), date(2026, 9, 1)
SLEEVE, ID = UUID(int=1), 7


def booking(n: int, day: date, quantity: int, money: str, fee: str = "0", **more) -> Booking:
    """A cash-settled trade in JPY: money is the cost of what came in, negative for what went out."""
    facts = {
        "entry_type": "TRADE",
        "fee_kind": "OTHER_FEE",
        "journey_id": "",
        "reverses": False,
        "reversed": False,
        "internal": False,
        "cash": {"JPY": -D(money) - D(fee)},
        **more,
    }
    return Booking(
        transaction_id=UUID(int=n),
        sleeve_id=SLEEVE,
        leg_id=None,
        trade_date=day,
        settle_date=day,
        instrument_id=ID,
        quantity=D(quantity),
        trading={"JPY": D(money)},
        fees={"JPY": D(fee)} if D(fee) else {},
        receivable={},
        withheld={},
        **facts,
    )


def lot(n: int, basis: str, *, is_long: bool = True) -> LotRow:
    return LotRow(UUID(int=n), UUID(int=n), SLEEVE, None, ID, FIRST, is_long, "JPY", D(basis))


def bases(bookings, lots, closures, *, average=False, rate=None):
    rates = rate or (lambda currency, day: D("0.01") if day < START else D("0.02"))
    return lot_bases(bookings, lots, closures, base_currency="USD", start=START, average=average, rate=rates)


def test_tax_1_each_lot_keeps_the_rate_of_its_own_day():
    """100 at 1,000 JPY when 100 JPY were a dollar, 100 more when 50 were; 150 sold: FIFO takes the first and half of the second."""
    bookings = [
        booking(1, FIRST, 100, "100000"),
        booking(2, START, 100, "100000"),
        booking(3, date(2026, 10, 9), -150, "-180000", "60"),
    ]
    closures = [
        ClosureRow(UUID(int=1), UUID(int=3), date(2026, 10, 9), D(100), D(119960), D(100000), False),
        ClosureRow(UUID(int=2), UUID(int=3), date(2026, 10, 9), D(50), D(59980), D(50000), False),
    ]
    found = bases(bookings, [lot(1, "0"), lot(2, "50000")], closures)
    assert (found.opening, found.closing) == ({ID: D("1000.00")}, {ID: D("1000.00")})
    assert [(g.proceeds, g.basis) for g in found.gains] == [(D("2399.20"), D(1000)), (D("1199.60"), D("1000.00"))]


def test_tax_1_average_lots_share_one_pool():
    bookings = [booking(1, FIRST, 100, "100000"), booking(2, START, 100, "100000"), booking(3, date(2026, 10, 9), -50, "-60000")]
    closures = [ClosureRow(UUID(int=1), UUID(int=3), date(2026, 10, 9), D(50), D(60000), D(50000), False)]
    found = bases(bookings, [lot(1, "50000"), lot(2, "100000")], closures, average=True)
    assert found.gains[0].basis == D("750.00") and found.closing == {ID: D("2250.00")}


def test_tax_1_one_trade_through_zero_closes_and_opens():
    bookings = [booking(1, FIRST, 10, "10000"), booking(2, START, -15, "-15003")]
    closures = [ClosureRow(UUID(int=1), UUID(int=2), START, D(10), D(10002), D(10000), False)]
    found = bases(bookings, [lot(1, "0"), lot(2, "5001", is_long=False)], closures)
    assert (found.gains[0].proceeds, found.gains[0].basis) == (D("200.04"), D("100.00"))
    assert found.closing == {ID: D("-100.02")}


def test_rec_7_what_was_reversed_leaves_no_trace():
    undone = [booking(2, START, 5, "7000", reversed=True), booking(3, START, -5, "-7000", reverses=True)]
    found = bases([booking(1, FIRST, 10, "10000"), *undone], [lot(1, "10000"), lot(2, "0")], [])
    assert found.closing == found.opening == {ID: D("100.00")}


def test_a_margined_lot_is_named_as_unpriced():
    margined = booking(1, FIRST, 100000, "0", "3")
    found = bases([Booking(**{**{f: getattr(margined, f) for f in Booking.__slots__}, "trading": {}})], [lot(1, "3")], [])
    assert found.unpriced == {ID}


def test_lots_that_do_not_explain_a_sale_are_refused():
    closures = [ClosureRow(UUID(int=1), UUID(int=2), START, D(10), D(9999), D(10000), False)]
    with pytest.raises(UnableToState, match="LOTS_DIFFER"):
        bases([booking(1, FIRST, 10, "10000"), booking(2, START, -10, "-10002")], [lot(1, "0")], closures)


trades = st.lists(st.tuples(st.sampled_from([-70, -30, -7, 5, 11, 60]), st.integers(900, 1100), st.integers(0, 9)), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(trades, st.sampled_from([LotMethod.FIFO, LotMethod.LIFO, LotMethod.HIFO, LotMethod.AVERAGE]))
def test_tax_3_cost_in_base_is_conserved_to_the_cent_whatever_is_traded(rows, method):
    """Cost at the end − cost at the start = what was paid − what was received + gains, in base currency, for any trades and method."""
    lots, bookings, closures, lot_rows = (), [], [], {}
    for n, (quantity, price, fee) in enumerate(rows, start=1):
        day = FIRST + timedelta(days=6 * n)
        trade = Trade(n, day, day, D(quantity), D(abs(quantity) * price), "JPY", D(fee))
        change = apply_trade(lots, trade, method)
        lots = change.remaining
        bookings.append(booking(n, day, quantity, str(quantity * price), str(fee)))
        for opened in change.opened:
            lot_rows[opened.lot_id] = opened.is_long
        closures += [ClosureRow(UUID(int=c.lot_id), UUID(int=n), day, abs(c.quantity), c.proceeds, c.basis, False) for c in change.closed]
    left = {remaining.lot_id: remaining.basis for remaining in lots}
    table = [lot(n, str(left.get(n, 0)), is_long=is_long) for n, is_long in lot_rows.items()]
    rate = lambda currency, day: D("0.0061") + D(day.toordinal() % 37) / 100000  # noqa: E731
    found = bases(bookings, table, closures, average=method is LotMethod.AVERAGE, rate=rate)
    paid = sum((-round_money(b.cash["JPY"] * rate("JPY", b.trade_date), "USD") for b in bookings if b.trade_date >= START), D(0))
    gains = sum((g.proceeds - g.basis for g in found.gains), D(0))
    assert found.closing.get(ID, 0) - found.opening.get(ID, 0) == paid + gains
    if not lots:
        assert found.closing.get(ID, 0) == 0
