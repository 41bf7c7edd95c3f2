"""I6, R9: positions, cash and lots rebuilt from the ledger, and compared with what is stored."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.core import clearing as c
from accounts.core import entries as e
from accounts.core.ledger import Holder, Transaction, reverse
from accounts.core.posting_arrays import NONE, BlockCodes, allocation_arrays, exact_sum, sum_by, unbalanced
from accounts.core.projections import Difference, Projections, advance, cash_totals, compare, compare_arrays, position_totals, project
from accounts.core.scaled import from_scaled, to_scaled
from accounts.enums import EntryType, LotMethod
from base.core.money import round_money
from tests.accounts.core.arrays import Indexes, from_postings

DAY = date(2026, 3, 2)
A, B, CLR = Holder("A", "core"), Holder("B", "core"), Holder("clearing:BLK-1")


def stamp(key, day=DAY) -> e.Stamp:
    return e.Stamp(day, day + timedelta(days=1), str(key), None)


def buy(key, quantity, price, holder=A, day=DAY, instrument="XYZ") -> Transaction:
    return e.trade(holder, stamp(key, day), instrument_id=instrument, quantity=D(quantity), price=D(price), currency_code="USD", fee=D(1))


def test_i6_a_short_ledger_gives_positions_cash_rungs_lots_and_closures():
    books = project(
        [e.opening_cash(A, stamp(0), amount=D(9000), currency_code="USD"), buy(1, 100, 50), buy(2, -40, 60, day=DAY + timedelta(1))]
    )
    assert books.positions == {(A, "XYZ"): D(60)}
    assert books.cash == {("A", "USD", DAY + timedelta(1)): D(3999), ("A", "USD", DAY + timedelta(2)): D(2399)}
    assert [(x.lot_id, x.quantity, x.basis) for x in books.lots[A, "XYZ"]] == [("1", D(60), D("3000.60"))]
    assert [(x.proceeds, x.basis) for x in books.closures[A, "XYZ"]] == [(D("2399.00"), D("2000.40"))]


def test_tax_1_each_account_closes_lots_by_its_own_method():
    ledger = [buy(f"{h.account_id}{i}", q, px, h) for h in (A, B) for i, (q, px) in enumerate([(10, 50), (10, 70), (-10, 80)])]
    books = project(ledger, {"B": LotMethod.HIFO})
    assert (books.lots[A, "XYZ"][0].lot_id, books.lots[B, "XYZ"][0].lot_id) == ("A1", "B0")


def test_i3_a_busted_purchase_is_gone_from_lots_even_after_later_sales():
    first, second, sale = buy(1, 100, 50), buy(2, 100, 70), buy(3, -50, 80)
    books = project([first, second, sale, reverse(first, source_key="1/bust")])
    assert books.positions == {(A, "XYZ"): D(50)} and [x.lot_id for x in books.closures[A, "XYZ"]] == ["2"]
    assert compare(project([second, sale]), books) == []
    with pytest.raises(ValueError, match="does not stand"):
        project([first, reverse(first, source_key="r1"), reverse(first, source_key="r2")])


def test_rec_5_a_split_booked_in_the_ledger_scales_lots_and_cash_in_lieu_sells_the_fraction():
    split = e.split(A, stamp("s", date(2026, 4, 1)), instrument_id="XYZ", quantity=D(101), new_shares=3, old_shares=2)
    in_lieu = e.trade(A, stamp("c", date(2026, 4, 2)), instrument_id="XYZ", quantity=D("-0.5"), price=D(21), currency_code="USD")
    start = e.trade(A, stamp("b"), instrument_id="XYZ", quantity=D(101), price=D(30), currency_code="USD")
    books = project([start, split, in_lieu])
    assert books.positions[A, "XYZ"] == 151
    assert [(x.quantity, x.basis) for x in books.lots[A, "XYZ"]] == [(D(151), D("3020.00"))]
    assert books.closures[A, "XYZ"][0].gain == D("0.50")


def test_rec_5_a_split_comes_before_the_trades_of_its_ex_date():
    split = e.split(A, stamp("s"), instrument_id="XYZ", quantity=D(100), new_shares=2, old_shares=1)
    books = project([buy(1, 100, 50, day=DAY - timedelta(5)), buy(2, 10, 25), split])
    assert [(x.lot_id, x.quantity) for x in books.lots[A, "XYZ"]] == [("1", D(200)), ("2", D(10))]


def test_tax_2_opened_and_transferred_lots_keep_date_and_basis_and_realise_nothing():
    terms = {"instrument_id": "XYZ", "currency_code": "USD"}
    old = e.opening_position(A, stamp(1), quantity=D(100), basis=D(4000), acquired_date=date(2020, 5, 4), **terms)
    new = e.opening_position(A, stamp(2), quantity=D(100), basis=D(6000), acquired_date=date(2026, 1, 5), **terms)
    moved = e.position_transfer(A, B, stamp(3), quantity=D(40), basis=D(2400), acquired_date=date(2026, 1, 5), **terms)
    books = project([old, new, moved])
    assert [(x.quantity, x.basis) for x in books.lots[A, "XYZ"]] == [(D(100), D(4000)), (D(60), D(3600))]
    assert [(x.quantity, x.basis, x.holding_start) for x in books.lots[B, "XYZ"]] == [(D(40), D(2400), date(2026, 1, 5))]
    assert books.closures == {} and books.cash == {}


def test_acc_3_margined_trades_close_lots_at_their_realised_profit():
    terms = {"instrument_id": "EURUSD", "currency_code": "USD"}
    opened = e.margined_trade(A, stamp(1), quantity=D(-100_000), realized=D(0), **terms)
    closed = e.margined_trade(A, stamp(2), quantity=D(100_000), realized=D("125.50"), fee=D("3.50"), **terms)
    books = project([opened, closed])
    assert books.positions == {} and books.lots == {}
    assert books.closures[A, "EURUSD"][0].gain == D("122.00")


def test_i6_a_transaction_whose_cost_would_be_a_guess_is_refused():
    one, other = buy(1, 1, 5), buy(2, 1, 5, instrument="ABC")
    with pytest.raises(ValueError, match="moves 2 instruments"):
        project([replace(one, postings=one.postings + other.postings)])


def test_r9_compare_names_every_figure_the_ledger_does_not_support():
    books = project([buy(1, 100, 50)])
    wrong = replace(books, positions={(A, "XYZ"): D(99)}, cash={**books.cash, ("B", "USD", DAY): D(5)}, lots={})
    assert compare(books, replace(books, positions={(A, "XYZ"): D("100.00")})) == []
    assert compare(books, wrong) == [
        Difference("positions", (A, "XYZ"), D(100), D(99)),
        Difference("cash", ("B", "USD", DAY), None, D(5)),
        Difference("lots", (A, "XYZ"), books.lots[A, "XYZ"], None),
    ]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["trade", "late", "flow", "bust", "split"]),
        st.integers(-30, 30).filter(bool),
        st.integers(1, 9000),
        st.sampled_from([A, B]),
        st.integers(0, 30),
    ),
    min_size=1,
    max_size=14,
)


def as_ledger(steps) -> list[Transaction]:
    ledger: list[Transaction] = []
    for i, (kind, quantity, cents, holder, pick) in enumerate(steps):
        day = DAY + timedelta(days=10 * i)
        undone = {t.reverses for t in ledger}
        standing = [
            t for t in ledger if t.reverses is None and t.source_key not in undone and t.entry_type is not EntryType.CORPORATE_ACTION
        ]
        if kind == "flow":
            ledger.append(e.flow(holder, stamp(i, day), amount=D(quantity), currency_code="USD"))
        elif kind == "bust" and standing and not any(t.entry_type is EntryType.CORPORATE_ACTION for t in ledger):
            ledger.append(reverse(standing[pick % len(standing)], source_key=f"{i}/r"))
        elif kind == "split" and project(ledger).positions.get((holder, "XYZ")):
            held = project(ledger).positions[holder, "XYZ"]
            ledger.append(e.split(holder, stamp(i, day), instrument_id="XYZ", quantity=held, new_shares=3, old_shares=2))
        else:
            late = kind == "late" and not any(t.entry_type is EntryType.CORPORATE_ACTION for t in ledger)
            ledger.append(buy(i, quantity, D(cents) / 100, holder, day - timedelta(days=pick) if late else day))
    return ledger


@settings(max_examples=100, deadline=None)
@given(steps=STEPS, method=st.sampled_from([LotMethod.FIFO, LotMethod.LIFO, LotMethod.HIFO]))
def test_i6_rebuild_equals_incremental_application_and_lots_equal_positions(steps, method):
    ledger, methods = as_ledger(steps), {"A": method}
    step = Projections()
    for transaction in ledger:
        step = advance(step, transaction, methods)
    whole = project(ledger, methods)
    assert whole == step and compare(whole, step) == []
    assert {key: sum(x.quantity for x in lots) for key, lots in whole.lots.items()} == whole.positions


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, pick=st.integers(0, 30))
def test_i6_a_transaction_and_its_reversal_leave_no_trace(steps, pick):
    ledger = as_ledger([("trade", *rest) for _, *rest in steps])
    victim = ledger[pick % len(ledger)]
    with_both, without = project([*ledger, reverse(victim, source_key="undo")]), project([t for t in ledger if t is not victim])
    assert compare(without, with_both) == [] and with_both.closures == without.closures


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_i6_arrays_sum_to_the_same_positions_and_cash(steps):
    ledger, indexes = as_ledger(steps), Indexes()
    arrays = from_postings([p for t in ledger for p in t.postings], indexes)
    whole = project(ledger)
    (account, sleeve, leg, unit), quantity = position_totals(arrays)
    accounts, sleeves, units = indexes.accounts.ids, indexes.sleeves.ids, indexes.units.ids
    assert set(leg.tolist()) <= {NONE}
    assert whole.positions == {
        (Holder(accounts[a], sleeves[s]), units[u].code): from_scaled(q) for a, s, u, q in zip(account, sleeve, unit, quantity, strict=True)
    }
    (account, unit, day), amount = cash_totals(arrays)
    assert whole.cash == {
        (accounts[a], units[u].code, d.item()): from_scaled(x) for a, u, d, x in zip(account, unit, day, amount, strict=True)
    }
    assert unbalanced(arrays) == []


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-500, 500), st.integers(0, 99)), min_size=1, max_size=8).filter(
        lambda rows: sum(q for q, _ in rows) != 0
    )
)
def test_i4_the_vectorised_allocation_is_the_scalar_one_posting_for_posting(rows):
    price, total = D("50.0281"), sum(q for q, _ in rows)
    fills = [
        c.execution(
            CLR,
            stamp("x"),
            instrument_id="XYZ",
            quantity=D(total),
            price=price,
            currency_code="USD",
            fee=sum((D(f) for _, f in rows), D(0)),
        )
    ]
    held = c.clearing_balances(fills[0].postings, CLR, "XYZ", "USD")
    money = [D(q) * 50 for q, _ in rows]
    money[0] += round_money(held.money, "USD") - sum(money)
    shares = [c.Share(Holder(i, "core"), D(q), m, D(f)) for i, ((q, f), m) in enumerate(zip(rows, money, strict=True))]
    scalar = c.allocation(CLR, stamp("a"), fills, shares, instrument_id="XYZ", currency_code="USD")
    indexes = Indexes()
    for i in range(len(rows)):
        indexes.accounts.code(i)
    for code in (scalar.postings[0].unit, next(p.unit for p in fills[0].postings if p.unit.kind == "CURRENCY")):
        indexes.units.code(code)
    expected = from_postings(scalar.postings, indexes)
    block = BlockCodes(
        indexes.accounts.code(CLR.account_id),
        indexes.units.ids.index(fills[0].postings[0].unit),
        indexes.units.ids.index(fills[0].postings[2].unit),
    )
    made = allocation_arrays(
        block,
        account=np.arange(len(rows)),
        sleeve=indexes.sleeves.code("core"),
        quantity=np.array([to_scaled(D(q)) for q, _ in rows]),
        money=np.array([to_scaled(m) for m in money]),
        fee=np.array([to_scaled(D(f)) for _, f in rows]),
        settle_date=DAY + timedelta(1),
        clearing_money=to_scaled(held.money),
    )
    for name in ("account", "sleeve", "leg", "book", "unit", "amount", "settle_date"):
        assert getattr(made, name).tolist() == getattr(expected, name).tolist(), name


def test_i6_ten_thousand_accounts_are_booked_at_once_and_balance():
    n = 10_000
    quantity = np.arange(1, n + 1) * 10**8
    money = quantity * 50
    made = allocation_arrays(
        BlockCodes(n, 0, 1),
        account=np.arange(n),
        sleeve=7,
        quantity=quantity,
        money=money,
        fee=np.full(n, 10**6),
        settle_date=DAY,
        clearing_money=int(money.sum()),
    )
    assert len(made) == 6 * n + 5 and unbalanced(made) == []
    keys, held = position_totals(made)
    assert held.tolist() == quantity.tolist() and keys[0].tolist() == list(range(n))


def test_i4_allocation_arrays_refuse_what_does_not_fit():
    good = {"account": np.arange(2), "sleeve": 7, "quantity": np.ones(2, int), "money": np.ones(2, int), "fee": np.zeros(2, int)}
    rest = {"settle_date": DAY, "clearing_money": 2}
    with pytest.raises(ValueError, match="named twice"):
        allocation_arrays(BlockCodes(9, 0, 1), **{**good, "account": np.zeros(2, int)}, **rest)
    with pytest.raises(ValueError, match="2 accounts but 3"):
        allocation_arrays(BlockCodes(9, 0, 1), **{**good, "quantity": np.ones(3, int)}, **rest)
    assert len(allocation_arrays(BlockCodes(9, 0, 1), **{**good, "account": np.zeros(2, int), "sleeve": np.arange(2)}, **rest)) == 12


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-(2**62), 2**62)), max_size=12))
def test_i6_sums_are_exact_or_refused(rows):
    keys, amounts = np.array([k for k, _ in rows], np.int64), np.array([x for _, x in rows], np.int64)
    exact = {k: sum(x for key, x in rows if key == k) for k, _ in rows}
    assert exact_sum(amounts) == sum(exact.values())
    if all(-(2**63) <= total < 2**63 for total in exact.values()):
        (found,), totals = sum_by([keys], amounts)
        assert dict(zip(found.tolist(), totals.tolist(), strict=True)) == exact
    else:
        with pytest.raises(ValueError, match="64 bits"):
            sum_by([keys], amounts)


def test_r9_compare_arrays_shows_both_figures_of_each_difference():
    expected = ([np.array([1, 2, 3]), np.array([1, 1, 1])], np.array([10, 20, 30]))
    stored = ([np.array([4, 3, 1]), np.array([1, 1, 1])], np.array([5, 30, 11]))
    (account, unit), ours, theirs = compare_arrays(expected, stored)
    assert (account.tolist(), unit.tolist(), ours.tolist(), theirs.tolist()) == ([1, 2, 4], [1, 1, 1], [10, 20, 0], [11, 0, 5])
    with pytest.raises(ValueError, match="twice"):
        compare_arrays(expected, ([np.array([1, 1]), np.array([1, 1])], np.array([5, 5])))


def test_i6_unbalanced_arrays_are_named():
    arrays = from_postings(buy(1, 100, 50).postings, Indexes())
    broken = arrays.take(np.arange(len(arrays)) != 0)
    assert unbalanced(broken) == [(0, 0, to_scaled(D(-100)))]
