"""TAX-1..4, REC-5: lots, holding periods, selection, splits, rebuild."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.core.holding_period import is_long_term, last_long_term_purchase, long_term_from
from accounts.core.lot_selection import Lot, choose, without_short_term_gains
from accounts.core.lots import Trade, apply_split, apply_trade, rebuild, withdraw
from accounts.enums import LotMethod

ON = date(2026, 3, 2)


def lot(name: str, quantity, basis, acquired=date(2025, 1, 15), **more) -> Lot:
    return Lot(name, acquired, more.pop("holding_start", acquired), D(quantity), D(basis), "USD", **more)


def trade(name: str, quantity, amount, on=ON, settle=date(2026, 3, 3), **more) -> Trade:
    return Trade(name, on, settle, D(quantity), D(amount), "USD", **more)


def test_tax_2_long_term_begins_a_year_and_a_day_after_the_trade_date():
    assert not is_long_term(date(2025, 1, 15), date(2026, 1, 15))
    assert is_long_term(date(2025, 1, 15), date(2026, 1, 16))


@pytest.mark.parametrize(
    ("bought", "first"),
    [
        (date(2024, 2, 28), date(2025, 3, 1)),
        (date(2024, 2, 29), date(2025, 3, 1)),
        (date(2023, 2, 28), date(2024, 3, 1)),
        (date(2023, 3, 1), date(2024, 3, 2)),
        (date(2025, 12, 31), date(2027, 1, 1)),
    ],
)
def test_tax_2_leap_years_and_month_ends(bought, first):
    assert long_term_from(bought) == first
    assert is_long_term(bought, first) and not is_long_term(bought, date.fromordinal(first.toordinal() - 1))


@given(st.dates(date(2001, 1, 1), date(2040, 1, 1)))
def test_tax_2_the_last_long_term_purchase_is_the_last(sale):
    last = last_long_term_purchase(sale)
    assert is_long_term(last, sale) and not is_long_term(last + timedelta(days=1), sale)


LOTS = (
    lot("L1", 100, 4000, date(2024, 1, 2)),
    lot("L2", 100, 6000, date(2024, 6, 3)),
    lot("L3", 100, 5000, date(2026, 1, 5)),
)


@pytest.mark.parametrize(
    ("method", "order"),
    [
        (LotMethod.FIFO, [("L1", D(100)), ("L2", D(50))]),
        (LotMethod.LIFO, [("L3", D(100)), ("L2", D(50))]),
        (LotMethod.HIFO, [("L2", D(100)), ("L3", D(50))]),
    ],
)
def test_tax_1_methods_choose_their_lots(method, order):
    assert list(choose(LOTS, D(150), method, ON)) == order


def test_tax_1_hifo_looks_at_the_adjusted_basis():
    adjusted = (replace(LOTS[0], basis_adjustment=D(2100)), *LOTS[1:])
    assert choose(adjusted, D(100), LotMethod.HIFO, ON) == (("L1", D(100)),)


def test_tax_1_specific_choices_come_first_and_the_rest_is_fifo():
    change = apply_trade(LOTS, trade("S", -150, 7500, selection=(("L3", D(30)),)), LotMethod.SPECIFIC)
    assert [(c.lot_id, c.quantity) for c in change.closed] == [("L3", D(30)), ("L1", D(100)), ("L2", D(20))]
    assert choose(LOTS, D(120), LotMethod.SPECIFIC, ON, [("L1", D(20))]) == (("L1", D(100)), ("L2", D(20)))


@pytest.mark.parametrize("selection", [[("L9", D(1))], [("L1", D(101))], [("L1", D(60)), ("L2", D(60))], [("L1", D(-1))]])
def test_tax_1_a_selection_that_cannot_be_is_refused(selection):
    with pytest.raises(ValueError, match=r"lot L|selection"):
        choose(LOTS, D(100), LotMethod.SPECIFIC, ON, selection)


def test_tax_1_average_spreads_the_basis_and_keeps_fifo_dates():
    change = apply_trade(LOTS, trade("S", -150, 7500), LotMethod.AVERAGE)
    assert [(c.lot_id, c.basis, c.long_term) for c in change.closed] == [("L1", D(5000), True), ("L2", D(2500), True)]
    assert [lot.basis for lot in change.remaining] == [D(2500), D(5000)]


def test_tax_3_ties_go_to_long_term_then_earliest():
    tied = (
        lot("short", 10, 100, date(2026, 1, 5)),
        lot("tacked", 10, 100, date(2026, 1, 5), holding_start=date(2024, 1, 5)),
        lot("older", 10, 100, date(2025, 11, 5)),
    )
    for given_order in (tied, tied[::-1]):
        assert [name for name, _ in choose(given_order, D(30), LotMethod.HIFO, ON)] == ["tacked", "older", "short"]
        assert [name for name, _ in choose(given_order, D(30), LotMethod.FIFO, ON)] == ["older", "tacked", "short"]
        assert [name for name, _ in choose(given_order, D(30), LotMethod.LIFO, ON)] == ["tacked", "short", "older"]


def test_tax_3_fees_join_basis_and_proceeds():
    bought = apply_trade((), trade("B", 100, 5000, date(2026, 1, 5), fee=D("1.00")))
    assert bought.opened[0].basis == D("5001.00")
    sold = apply_trade(bought.remaining, trade("S", -100, 4200, fee=D("0.50")))
    (closure,) = sold.closed
    assert (closure.proceeds, closure.basis, closure.gain, closure.long_term) == (D("4199.50"), D("5001.00"), D("-801.50"), False)
    assert sold.remaining == ()


def test_tax_2_short_gain_on_cover_trade_date_and_loss_on_delivery():
    short = apply_trade((), trade("S", -100, 5000, date(2026, 1, 12), fee=D(1))).remaining
    assert short[0].quantity == -100 and short[0].basis == 4999
    gain = apply_trade(short, trade("C", 100, 4000, fee=D(1))).closed[0]
    loss = apply_trade(short, trade("C", 100, 5600)).closed[0]
    assert (gain.gain, gain.recognised_date) == (D(998), ON) and (gain.quantity, gain.long_term) == (D(-100), False)
    assert (loss.gain, loss.recognised_date) == (D(-601), date(2026, 3, 3))


def test_wash_14_a_short_lots_reduced_proceeds_reach_its_closure():
    washed = replace(apply_trade((), trade("S", -100, 5500)).remaining[0], basis_adjustment=D(-600))
    assert apply_trade((washed,), trade("C", 100, 5300)).closed[0].proceeds == 4900


def test_tax_1_a_trade_through_zero_closes_then_opens_the_other_side():
    change = apply_trade((lot("L", 100, 4000),), trade("S", -150, 7500, fee=D("1.50")))
    assert (change.closed[0].proceeds, change.closed[0].gain) == (D("4999.00"), D("999.00"))
    assert [(o.lot_id, o.quantity, o.basis) for o in change.opened] == [("S", D(-50), D("2499.50"))]
    assert change.remaining == change.opened


def test_con_2_odd_cents_of_a_partial_sale_are_neither_lost_nor_made():
    change = apply_trade((lot("L", 3, "10.00"),), trade("S", -1, "3.34"))
    assert change.closed[0].basis == D("3.33") and change.remaining[0].basis == D("6.67")


def test_acc_6_the_lot_keeps_what_it_was_funded_until():
    assert apply_trade((), trade("B", 1, 10, funded_until=date(2026, 3, 3))).opened[0].funded_until == date(2026, 3, 3)


def test_tax_1_impossible_trades_are_refused():
    with pytest.raises(ValueError, match="no quantity"):
        apply_trade((), trade("T", 0, 0))
    with pytest.raises(ValueError, match="both long and short"):
        apply_trade((lot("L", 1, 1), lot("S", -1, 1)), trade("T", 1, 1))
    with pytest.raises(ValueError, match="finer"):
        apply_trade((), trade("T", 1, "1.001"))
    with pytest.raises(ValueError, match="opened a lot before"):
        apply_trade((lot("T", 1, 1),), trade("T", 1, 1))


def test_tax_4_no_short_term_gains_worked():
    lots = (lot("L1", 100, 4000, date(2024, 1, 2)), lot("L2", 100, 5500, date(2026, 1, 5)), lot("L3", 100, 4500, date(2026, 1, 6)))
    choice = without_short_term_gains(lots, D(150), D(50), ON)
    assert choice.chosen == (("L2", D(100)), ("L1", D(50))) and choice.deferred == 0 and choice.next_long_term_date is None
    sale = apply_trade(lots, trade("S", -150, 7500, selection=choice.chosen), LotMethod.SPECIFIC)
    assert [c.gain for c in sale.closed] == [D(-500), D(500)]
    assert lots[2] in sale.remaining
    more = without_short_term_gains(lots, D(260), D(50), ON)
    assert more.deferred == 60 and more.next_long_term_date == date(2027, 1, 7)


def test_rec_5_split_with_cash_in_lieu_worked():
    after = apply_split((lot("L", 101, 3030),), D("151.5"))
    assert after[0].quantity == D("151.5") and after[0].unit_basis == 20
    change = apply_trade(after, trade("cil", "-0.5", "10.50"))
    assert change.closed[0].gain == D("0.50")
    assert (change.remaining[0].quantity, change.remaining[0].basis) == (D(151), D("3020.00"))


def test_rec_5_a_split_of_many_lots_sums_to_the_new_position():
    lots = (lot("a", 1, 10), lot("b", 1, 10), lot("c", 1, 10))
    after = apply_split(lots, D("1.00000001"))
    assert sum(x.quantity for x in after) == D("1.00000001") and sum(x.basis for x in after) == 30
    with pytest.raises(ValueError, match="cannot turn"):
        apply_split(lots, D(-3))


def test_rec_5_a_lot_leaves_in_kind_with_its_own_basis():
    left = withdraw(LOTS, acquired_date=date(2024, 6, 3), quantity=D(40), basis=D(2400))
    assert [(x.lot_id, x.quantity, x.basis) for x in left] == [("L1", 100, 4000), ("L2", 60, 3600), ("L3", 100, 5000)]
    with pytest.raises(ValueError, match="no lot of"):
        withdraw(LOTS, acquired_date=date(2024, 6, 3), quantity=D(100), basis=D(5999))


TRADES = st.lists(
    st.tuples(st.decimals("-50", "50", places=2).filter(bool), st.integers(1, 100_00), st.integers(-50, 300), st.integers(0, 700)),
    min_size=1,
    max_size=14,
)


def as_trades(rows) -> list[Trade]:
    start = date(2024, 1, 2).toordinal()
    return [
        Trade(i, date.fromordinal(start + day), date.fromordinal(start + day + 1), q, D(cents) / 100, "USD", D(fee) / 100)
        for i, (q, cents, fee, day) in enumerate(rows)
    ]


@settings(max_examples=80)
@given(rows=TRADES, method=st.sampled_from([LotMethod.FIFO, LotMethod.LIFO, LotMethod.HIFO, LotMethod.AVERAGE]))
def test_tax_1_lots_equal_the_position_and_every_cent_is_somewhere(rows, method):
    trades = as_trades(rows)
    result = rebuild(trades, method)
    assert sum((x.quantity for x in result.remaining), D(0)) == sum(t.quantity for t in trades)
    assert len({x.quantity > 0 for x in result.remaining}) <= 1
    spent = sum(t.amount + t.fee for t in trades if t.quantity > 0)
    earned = sum(t.amount - t.fee for t in trades if t.quantity < 0)
    open_cost = sum((x.basis if x.is_long else -x.basis for x in result.remaining), D(0))
    assert earned - spent + open_cost == sum((c.gain for c in result.closed), D(0))


@settings(max_examples=60)
@given(rows=TRADES, method=st.sampled_from([LotMethod.FIFO, LotMethod.LIFO, LotMethod.HIFO]), data=st.data())
def test_tax_1_rebuild_is_the_trades_applied_one_by_one_however_late_they_arrive(rows, method, data):
    trades = sorted(as_trades(rows), key=lambda t: (t.trade_date, t.trade_id))
    lots, closed = (), ()
    for t in trades:
        change = apply_trade(lots, t, method)
        lots, closed = change.remaining, closed + change.closed
    by_day = {t.trade_date: [x for x in trades if x.trade_date == t.trade_date] for t in trades}
    arrived = [t for day in data.draw(st.permutations(sorted(by_day))) for t in by_day[day]]
    rebuilt = rebuild(arrived, method)
    assert (rebuilt.remaining, rebuilt.closed) == (lots, closed)


@settings(max_examples=60)
@given(st.data())
def test_tax_1_hifo_never_realises_more_than_any_other_method_on_one_sale(data):
    bought = data.draw(st.lists(st.tuples(st.integers(1, 20), st.integers(100, 9000)), min_size=1, max_size=8))
    lots = tuple(lot(str(i), q, D(q * cents) / 100) for i, (q, cents) in enumerate(bought))
    held = sum(q for q, _ in bought)
    size = data.draw(st.integers(1, held))
    gains = {}
    for method in (LotMethod.FIFO, LotMethod.LIFO, LotMethod.HIFO):
        gains[method] = sum(Fraction(c.gain) for c in apply_trade(lots, trade("S", -size, size * 50), method).closed)
    assert gains[LotMethod.HIFO] <= min(gains.values()) + Fraction(1, 100)
