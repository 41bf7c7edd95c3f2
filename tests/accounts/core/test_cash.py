"""ACC-3, ACC-4, ACC-6: equity, available cash, the ladder, good-faith violations and free-riding."""

from datetime import date, timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.core import entries as e
from accounts.core import funding as f
from accounts.core.cash import SpendableInputs, available_cash, cash_ladder, equity
from accounts.core.ledger import Holder, balance, currency
from accounts.enums import Book, CashViolationKind, SettlementMode

MON, TUE, WED = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)
A = Holder("A")
NO_BUFFER = D(0)


def test_acc_3_dividend_long_500_adds_200_to_equity_and_nothing_to_cash():
    accrual = e.dividend_accrual(A, e.Stamp(MON, WED, "ex"), prior_close_quantity=D(500), rate=D("0.40"), currency_code="USD")
    receivable = balance(accrual.postings, account_id="A", book=Book.RECEIVABLE, unit=currency("USD"))
    before = equity(trade_date_cash=D(1000), market_value=D(25_000))
    assert equity(trade_date_cash=D(1000), market_value=D(25_000), receivables=receivable) - before == 200
    assert cash_ladder(accrual.postings, account_id="A", unit=currency("USD")).trade_date_cash() == 0
    spendable = SpendableInputs(settled_cash=D(1000), equity=before + receivable, buffer_rate=NO_BUFFER)
    assert available_cash(spendable, "USD") == 1000


def test_acc_3_dividend_short_500_takes_200_from_what_is_available():
    accrual = e.dividend_accrual(A, e.Stamp(MON, WED, "ex"), prior_close_quantity=D(-500), rate=D("0.40"), currency_code="USD")
    owed = -balance(accrual.postings, account_id="A", book=Book.RECEIVABLE, unit=currency("USD"))
    assert owed == 200
    with_it = SpendableInputs(settled_cash=D(1000), equity=D(1000), dividends_owed=owed, buffer_rate=NO_BUFFER)
    assert available_cash(with_it, "USD") == 800
    assert equity(trade_date_cash=D(1000), market_value=D(0), payables=owed) == 800


def test_acc_3_fx_equity_is_balance_plus_floating_and_swap():
    assert equity(trade_date_cash=D(10_000), market_value=D(0), floating=D("-125.50"), accrued_swap=D("-4.20")) == D("9870.30")


def test_acc_4_available_cash_term_by_term():
    inputs = SpendableInputs(
        settled_cash=D(20_000),
        equity=D(100_000),
        unsettled_proceeds=D(5_000),
        unsettled_debits=D(2_000),
        open_buy_reserve=D(4_731),
        pending_withdrawals=D(1_000),
        accrued_fees=D("164.38"),
    )
    assert available_cash(inputs, "USD") == D("11604.62")
    assert available_cash(inputs, "USD", SettlementMode.UNSETTLED_PROCEEDS) == D("16604.62")


def test_acc_6_default_mode_is_settled_only_and_an_unsettled_sale_does_not_hide_an_unsettled_buy():
    sale = e.trade(A, e.Stamp(MON, TUE, "s"), instrument_id="XYZ", quantity=D(-100), price=D(100), currency_code="USD")
    buy = e.trade(A, e.Stamp(MON, TUE, "b"), instrument_id="ABC", quantity=D(100), price=D(100), currency_code="USD")
    opening = e.opening_cash(A, e.Stamp(MON, MON, "o"), amount=D(10_000), currency_code="USD")
    ladder = cash_ladder([*opening.postings, *sale.postings, *buy.postings], account_id="A", unit=currency("USD"))
    assert (ladder.trade_date_cash(), ladder.settled_cash(MON), ladder.settled_cash(TUE)) == (10_000, 10_000, 10_000)
    assert (ladder.unsettled_proceeds(MON), ladder.unsettled_debits(MON), ladder.unsettled_debits(TUE)) == (10_000, 10_000, 0)
    spendable = SpendableInputs(
        settled_cash=ladder.settled_cash(MON),
        equity=D(10_000),
        unsettled_proceeds=ladder.unsettled_proceeds(MON),
        unsettled_debits=ladder.unsettled_debits(MON),
        buffer_rate=NO_BUFFER,
    )
    assert available_cash(spendable, "USD") == 0
    assert available_cash(spendable, "USD", SettlementMode.UNSETTLED_PROCEEDS) == 10_000


@settings(max_examples=60)
@given(flows=st.lists(st.tuples(st.decimals("-999", "999", places=2).filter(bool), st.integers(0, 5)), max_size=12), day=st.integers(-1, 6))
def test_acc_4_settled_and_unsettled_make_up_the_trade_date_cash(flows, day):
    postings = []
    for i, (amount, days) in enumerate(flows):
        entry = e.flow(A, e.Stamp(MON, MON + timedelta(days=days), str(i)), amount=amount, currency_code="USD")
        postings += entry.postings
    ladder, today = cash_ladder(postings, account_id="A", unit=currency("USD")), MON + timedelta(days=day)
    assert ladder.trade_date_cash() == sum(amount for amount, _ in flows)
    assert ladder.settled_cash(today) == sum(amount for amount, days in flows if days <= day)
    assert ladder.trade_date_cash() == ladder.settled_cash(today) + ladder.unsettled_proceeds(today) - ladder.unsettled_debits(today)


@pytest.mark.parametrize(("sold_on", "kinds"), [(MON, [CashViolationKind.GOOD_FAITH]), (TUE, [])])
def test_acc_6_settled_0_sell_xyz_buy_abc_with_the_proceeds(sold_on, kinds):
    money, none = f.sell(f.Funding(), lots=[("XYZ", None)], proceeds=D(10_000), trade_date=MON, settle_date=TUE)
    bought = f.buy(money, lot_id="ABC", cost=D(10_000), trade_date=MON)
    assert none == () and bought.funded_until == TUE and bought.unpaid == 0
    _, found = f.sell(
        bought.after, lots=[("ABC", bought.funded_until)], proceeds=D(10_000), trade_date=sold_on, settle_date=sold_on + timedelta(days=1)
    )
    assert [v.kind for v in found] == kinds


def test_acc_6_settled_10_000_round_trip_is_fine_but_its_proceeds_are_not_settled():
    first = f.buy(f.Funding(settled=D(10_000)), lot_id="XYZ", cost=D(10_000), trade_date=MON)
    assert first.funded_until is None
    money, none = f.sell(first.after, lots=[("XYZ", None)], proceeds=D(10_000), trade_date=MON, settle_date=TUE)
    assert none == ()
    second = f.buy(money, lot_id="ABC", cost=D(10_000), trade_date=MON)
    _, found = f.sell(second.after, lots=[("ABC", second.funded_until)], proceeds=D(10_000), trade_date=MON, settle_date=TUE)
    assert [(v.kind, v.lot_id) for v in found] == [(CashViolationKind.GOOD_FAITH, "ABC")]


def test_acc_6_a_buy_takes_settled_cash_then_proceeds_by_settle_date():
    money = f.Funding(D(100), ((WED, D(500)), (TUE, D(300))))
    bought = f.buy(money, lot_id="L", cost=D(350), trade_date=MON)
    assert bought.funded_until == TUE
    assert bought.after == f.Funding(D(0), ((TUE, D(50)), (WED, D(500))))
    assert f.buy(money, lot_id="L", cost=D(401), trade_date=MON).funded_until == WED


def test_acc_6_selling_what_nothing_paid_for_is_free_riding_and_freezes_90_days():
    bought = f.buy(f.Funding(settled=D(100)), lot_id="L", cost=D(1000), trade_date=MON)
    assert bought.unpaid == 900 and bought.funded_until is None
    after, found = f.sell(bought.after, lots=[("L", None)], proceeds=D(1100), trade_date=TUE, settle_date=WED)
    assert [v.kind for v in found] == [CashViolationKind.FREE_RIDING]
    assert f.frozen_until(found) == TUE + timedelta(days=90) and f.frozen_until(()) is None
    assert after == f.Funding(D(0), ((WED, D(200)),), ())


def test_acc_6_a_deposit_or_settled_proceeds_pay_before_the_sale():
    bought = f.buy(f.Funding(proceeds=()), lot_id="L", cost=D(1000), trade_date=MON)
    paid = bought.after.deposit(D(1200), MON)
    assert paid == f.Funding(D(200))
    assert f.sell(paid, lots=[("L", None)], proceeds=D(1), trade_date=TUE, settle_date=WED)[1] == ()
    part = bought.after.deposit(D(400), MON)
    assert part.unpaid == (("L", D(600)),) and part.settled == 0
    elsewhere, _ = f.sell(bought.after, lots=[("M", None)], proceeds=D(1000), trade_date=MON, settle_date=TUE)
    assert elsewhere.as_of(TUE) == f.Funding()


def test_acc_6_violations_count_over_twelve_rolling_months():
    found = [f.CashViolation(CashViolationKind.GOOD_FAITH, str(i), day) for i, day in enumerate((date(2025, 3, 2), date(2025, 3, 3), MON))]
    assert f.violations_in_force(found, MON) == 2


@settings(max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 1000), st.integers(0, 4)), max_size=15))
def test_acc_6_funding_neither_loses_nor_makes_money(steps):
    money, net, lots, day = f.Funding(D(500)), D(500), [], MON
    for i, (is_buy, amount, later) in enumerate(steps):
        day += timedelta(days=later)
        if is_buy:
            bought = f.buy(money, lot_id=i, cost=D(amount), trade_date=day)
            money, net = bought.after, net - amount
            lots.append((i, bought.funded_until))
        else:
            money, _ = f.sell(
                money, lots=[lots.pop(0)] if lots else [], proceeds=D(amount), trade_date=day, settle_date=day + timedelta(days=1)
            )
            net += amount
        held = money.settled + sum((a for _, a in money.proceeds), D(0)) - sum((a for _, a in money.unpaid), D(0))
        assert held == net
