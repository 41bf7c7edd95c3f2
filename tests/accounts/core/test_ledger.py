"""I6, I4, REC-5, REC-7, ACC-3, ALC-3, DRV-1: double entry, entry types, clearing, reversal."""

from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.core import clearing as c
from accounts.core import entries as e
from accounts.core.ledger import Holder, Justification, Posting, Transaction, balance, balances, currency, instrument, reverse
from accounts.enums import AdjustmentKind, Book, EntryType

MON, TUE = date(2026, 3, 2), date(2026, 3, 3)
A, B = Holder("A", "core"), Holder("B", "core")
CLR = Holder("clearing:BLK-1")
USD = currency("USD")
WHY = Justification(AdjustmentKind.CASH, "custodian booked twice", "ticket 7", "ops-1")


def stamp(key: str = "k1", trade_date: date = MON, settle_date: date = TUE) -> e.Stamp:
    return e.Stamp(trade_date, settle_date, key, "journey-1")


def book(transaction: Transaction, account: str, book: Book, unit=USD) -> D:
    return balance(transaction.postings, account_id=account, book=book, unit=unit)


def test_i6_buy_moves_cash_position_and_fee_against_trading():
    buy = e.trade(A, stamp(), instrument_id="XYZ", quantity=D(100), price=D(50), currency_code="USD", fee=D("1.00"))
    assert book(buy, "A", Book.POSITION, instrument("XYZ")) == 100
    assert book(buy, "A", Book.CASH) == D("-5001.00")
    assert book(buy, "A", Book.FEES) == D("1.00")
    assert book(buy, "A", Book.TRADING) == D("5000.00")
    assert set(balances(buy.postings).values()) == {D(0)}


def test_i6_sell_with_rebate_mirrors_the_buy():
    sell = e.trade(A, stamp(), instrument_id="XYZ", quantity=D(-100), price=D("47.30"), currency_code="USD", fee=D("-0.20"))
    assert book(sell, "A", Book.CASH) == D("4730.20")
    assert book(sell, "A", Book.POSITION, instrument("XYZ")) == -100


def test_con_1_money_is_rounded_once():
    buy = e.trade(A, stamp(), instrument_id="XYZ", quantity=D(3), price=D("0.335"), currency_code="USD", multiplier=D(1))
    assert book(buy, "A", Book.CASH) == D("-1.01")


def test_i6_unbalanced_transaction_is_refused_by_name():
    lone = Posting("A", None, None, Book.CASH, USD, D(5), MON)
    with pytest.raises(ValueError, match=r"FLOW 'k' does not balance: account A is off by 5 USD"):
        Transaction(EntryType.FLOW, MON, MON, None, "k", (lone,))
    other = Posting("B", None, None, Book.CAPITAL, USD, D(-5), MON)
    with pytest.raises(ValueError, match="account A is off"):
        Transaction(EntryType.FLOW, MON, MON, None, "k", (lone, other))


@pytest.mark.parametrize(
    ("posting", "message"),
    [
        (Posting("A", None, None, Book.CASH, instrument("XYZ"), D(5), MON), "CASH cannot hold INSTRUMENT XYZ"),
        (Posting("A", None, None, Book.POSITION, USD, D(5), MON), "POSITION cannot hold CURRENCY USD"),
        (Posting("A", None, None, Book.CASH, USD, D("NaN"), MON), "not finite"),
        (Posting("A", None, None, Book.CASH, USD, D("1e-9"), MON), "finer than"),
        (Posting("A", None, None, Book.CASH, USD, D("1e11"), MON), "64 bits"),
        (Posting("A", None, None, Book.CASH, USD, D(0), MON), "is zero"),
        (Posting("A", None, None, Book.CASH, USD, 0.5, MON), "float"),
    ],
)
def test_i6_a_posting_that_cannot_be_is_named(posting, message):
    with pytest.raises(ValueError, match=message):
        Transaction(EntryType.FLOW, MON, MON, None, "k", (posting, replace(posting, book=Book.CAPITAL)))


def test_i3_a_transaction_needs_a_source_key_and_postings():
    with pytest.raises(ValueError, match="source key"):
        e.flow(A, stamp(""), amount=D(5), currency_code="USD")
    with pytest.raises(ValueError, match="no postings"):
        e.flow(A, stamp(), amount=D(0), currency_code="USD")


def test_acc_3_dividend_is_receivable_from_ex_date_and_cash_only_when_paid():
    accrual = e.dividend_accrual(A, stamp("ex"), prior_close_quantity=D(500), rate=D("0.40"), currency_code="USD")
    assert book(accrual, "A", Book.RECEIVABLE) == 200 and book(accrual, "A", Book.CASH) == 0
    paid = e.dividend_payment(accrual, stamp("pay"), gross=D(200), withheld=D(30))
    both = replace(paid, postings=accrual.postings + paid.postings)
    assert book(both, "A", Book.RECEIVABLE) == 0
    assert book(both, "A", Book.CASH) == 170 and book(both, "A", Book.WITHHOLDING_TAX) == 30 and book(both, "A", Book.INCOME) == -200


def test_rec_5_a_dividend_paid_otherwise_than_accrued_leaves_no_receivable():
    accrual = e.dividend_accrual(A, stamp("ex"), prior_close_quantity=D(-500), rate=D("0.40"), currency_code="USD")
    assert book(accrual, "A", Book.RECEIVABLE) == -200
    paid = e.dividend_payment(accrual, stamp("pay"), gross=D("-199.50"))
    both = replace(paid, postings=accrual.postings + paid.postings)
    assert (book(both, "A", Book.RECEIVABLE), book(both, "A", Book.CASH), book(both, "A", Book.INCOME)) == (0, D("-199.50"), D("199.50"))
    with pytest.raises(ValueError, match="no receivable"):
        e.dividend_payment(e.flow(A, stamp(), amount=D(1), currency_code="USD"), stamp(), gross=D(1))


def test_drv_1_funding_is_paid_by_longs():
    funding = e.funding(A, stamp(), notional=D(120_000), rate=D("0.0001"), currency_code="USD")
    assert funding.entry_type is EntryType.FUNDING and book(funding, "A", Book.CASH) == D("-12.00")


@pytest.mark.parametrize(("make", "cash"), [(e.interest, 7), (e.swap, 7), (e.flow, 7), (e.opening_cash, 7), (e.fee, -7)])
def test_i6_single_cash_entries(make, cash):
    assert book(make(A, stamp(), amount=D(7), currency_code="USD"), "A", Book.CASH) == cash


def test_i6_fx_conversion_balances_each_currency():
    deal = e.fx_conversion(A, stamp(), bought=D(1000), bought_currency="EUR", sold=D(1085), sold_currency="USD")
    assert book(deal, "A", Book.CASH, currency("EUR")) == 1000 and book(deal, "A", Book.CASH) == -1085
    with pytest.raises(ValueError, match="exchange"):
        e.fx_conversion(A, stamp(), bought=D(1), bought_currency="USD", sold=D(1), sold_currency="USD")


def test_acc_3_margined_trade_moves_only_profit_and_fee():
    close = e.margined_trade(
        A, stamp(), instrument_id="EURUSD", quantity=D(-100_000), realized=D("125.50"), currency_code="USD", fee=D("3.50")
    )
    assert book(close, "A", Book.CASH) == D("122.00") and book(close, "A", Book.POSITION, instrument("EURUSD")) == -100_000


def test_i6_transfers_balance_on_each_side():
    moved = e.cash_transfer(A, B, stamp(), amount=D(300), currency_code="USD")
    assert book(moved, "A", Book.CASH) == -300 and book(moved, "B", Book.CAPITAL) == -300
    in_kind = e.position_transfer(
        A, B, stamp(), instrument_id="XYZ", quantity=D(10), basis=D(400), acquired_date=date(2024, 1, 2), currency_code="USD"
    )
    assert book(in_kind, "B", Book.POSITION, instrument("XYZ")) == 10 and book(in_kind, "A", Book.CASH) == 0
    with pytest.raises(ValueError, match="transfer"):
        e.cash_transfer(A, A, stamp(), amount=D(300), currency_code="USD")


def test_rec_7_an_adjustment_states_type_reason_evidence_and_approver():
    entry = e.cash_adjustment(A, stamp(), amount=D("-12.34"), currency_code="USD", justification=WHY)
    assert entry.justification == WHY and book(entry, "A", Book.ADJUSTMENT) == D("12.34")
    for missing in ({"reason": " "}, {"evidence": ""}, {"approved_by": ""}):
        with pytest.raises(ValueError, match="must all be stated"):
            e.cash_adjustment(A, stamp(), amount=D(1), currency_code="USD", justification=replace(WHY, **missing))
    with pytest.raises(ValueError, match="needs a justification"):
        replace(entry, justification=None)


def test_rec_7_a_quantity_adjustment_states_its_cost():
    entry = e.position_adjustment(
        A,
        stamp(),
        instrument_id="XYZ",
        quantity=D(5),
        cost=D(100),
        currency_code="USD",
        justification=replace(WHY, kind=AdjustmentKind.QUANTITY),
    )
    assert book(entry, "A", Book.POSITION, instrument("XYZ")) == 5 and book(entry, "A", Book.ADJUSTMENT) == -100


def test_i6_a_reversal_undoes_everything_and_is_not_reversed_itself():
    buy = e.trade(A, stamp(), instrument_id="XYZ", quantity=D(100), price=D(50), currency_code="USD", fee=D(1))
    undo = reverse(buy, source_key="k1/r1")
    assert undo.reverses == "k1"
    assert [(-p.amount, p.settle_date) for p in undo.postings] == [(p.amount, p.settle_date) for p in buy.postings]
    with pytest.raises(ValueError, match="itself a reversal"):
        reverse(undo, source_key="k1/r2")


EXECUTIONS = (("3000", "50.01"), ("3500", "50.03"), ("1500", "50.06"))
P1 = (("A", 2666, "133374.98", "13.33"), ("B", 2134, "106760.02", "10.67"), ("C", 1599, "79994.97", "8.00"))
P1 += (("D", 1001, "50078.15", "5.00"), ("E", 600, "30016.88", "3.00"))


def alc_3() -> tuple[list[Transaction], list[c.Share]]:
    fills = [
        c.execution(
            CLR, stamp(f"x{i}"), instrument_id="XYZ", quantity=D(q), price=D(px), currency_code="USD", fee=D(40) if i == 0 else D(0)
        )
        for i, (q, px) in enumerate(EXECUTIONS)
    ]
    return fills, [c.Share(Holder(name, "core"), D(q), D(money), D(fee)) for name, q, money, fee in P1]


def test_alc_3_allocation_books_the_shares_and_brings_clearing_to_zero():
    fills, shares = alc_3()
    held = c.clearing_balances((p for t in fills for p in t.postings), CLR, "XYZ", "USD")
    assert (held.quantity, held.money, held.fee) == (8000, D("400225.00"), D(40)) and not held.is_flat
    booked = c.allocation(CLR, stamp("alloc"), fills, shares, instrument_id="XYZ", currency_code="USD")
    assert book(booked, "A", Book.CASH) == D("-133388.31") and book(booked, "E", Book.POSITION, instrument("XYZ")) == 600
    every = [p for t in (*fills, booked) for p in t.postings]
    assert c.clearing_balances(every, CLR, "XYZ", "USD").is_flat
    for name in Book:
        for unit in (USD, instrument("XYZ")):
            assert balance(every, account_id=CLR.account_id, book=name, unit=unit) == 0
    assert sum(p.amount for p in every if p.book is Book.CASH) == D("-400265.00")


def test_alc_3_a_busted_execution_leaves_clearing_before_the_allocation():
    fills, shares = alc_3()
    wrong = c.execution(CLR, stamp("x9"), instrument_id="XYZ", quantity=D(7), price=D(49), currency_code="USD")
    every = [*fills, wrong, reverse(wrong, source_key="x9/bust")]
    assert c.allocation(CLR, stamp("alloc"), every, shares, instrument_id="XYZ", currency_code="USD")


@pytest.mark.parametrize("change", [{"quantity": D(2665)}, {"money": D("133374.99")}, {"fee": D("13.34")}])
def test_i4_shares_that_do_not_sum_to_the_executions_are_refused(change):
    fills, shares = alc_3()
    with pytest.raises(ValueError, match=f"shares' {next(iter(change))} sums to"):
        c.allocation(CLR, stamp("alloc"), fills, [replace(shares[0], **change), *shares[1:]], instrument_id="XYZ", currency_code="USD")


def test_i4_executions_finer_than_a_cent_are_allocated_in_whole_cents_and_clearing_is_still_zero():
    fill = c.execution(CLR, stamp("x"), instrument_id="XYZ", quantity=D(-3), price=D("50.12345"), currency_code="USD")
    booked = c.allocation(
        CLR, stamp("a"), [fill], [c.Share(A, D(-2), D("-100.25")), c.Share(B, D(-1), D("-50.12"))], instrument_id="XYZ", currency_code="USD"
    )
    assert c.clearing_balances(fill.postings + booked.postings, CLR, "XYZ", "USD").is_flat
    assert book(booked, "A", Book.CASH) == D("100.25")


MONEY = st.decimals("-90000", "90000", places=2).filter(bool)
QUANTITY = st.decimals("-5000", "5000", places=4).filter(bool)


@settings(max_examples=60)
@given(quantity=QUANTITY, price=st.decimals("0.0001", "9999", places=4), fee=st.decimals("-5", "50", places=2), amount=MONEY)
def test_i6_every_constructor_balances_and_every_reversal_restores(quantity, price, fee, amount):
    made = [
        e.trade(A, stamp("1"), instrument_id="XYZ", quantity=quantity, price=price, currency_code="USD", fee=fee),
        e.margined_trade(A, stamp("2"), instrument_id="XYZ", quantity=quantity, realized=amount, currency_code="USD", fee=fee),
        e.flow(A, stamp("3"), amount=amount, currency_code="USD"),
        e.cash_transfer(A, B, stamp("4"), amount=abs(amount), currency_code="USD"),
        c.execution(CLR, stamp("5"), instrument_id="XYZ", quantity=quantity, price=price, currency_code="USD", fee=fee),
        e.opening_position(A, stamp("6"), instrument_id="XYZ", quantity=quantity, basis=amount, acquired_date=MON, currency_code="USD"),
    ]
    for transaction in made:
        undone = transaction.postings + reverse(transaction, source_key="r").postings
        totals = {}
        for p in undone:
            key = (p.holder, p.book, p.unit, p.settle_date)
            totals[key] = totals.get(key, 0) + p.amount
        assert set(balances(transaction.postings).values()) == {D(0)} == set(totals.values())
