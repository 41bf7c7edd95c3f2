"""GOV-11: the monthly statement as a value. The figures of the first tests are computed by hand."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reporting.core.performance import ValuedDay
from reporting.core.statement import UnableToState, build_statement
from reporting.core.statement_inputs import Accrual, StatementInputs
from reporting.enums import AccrualKind, TransactionKind
from tests.reporting.samples import END, START, Book, empty_month, many_currencies, normal_month, yen_month

D = Decimal


def small_month() -> StatementInputs:
    """Opening: 100 XYZ at 50 (cost 4,000), cash 1,000, accrued fee −10. Sold 40 at 55, fee 2; dividend 30; fee 12 paid; deposit 500."""
    book = Book()
    book.fund("USD", "1000")
    book.hold("XYZ", "XYZ Corporation", "USD", 100, "50", "4000")
    book.open()
    book.trade("XYZ", -40, "55", on=5, commission="2")
    book.book(TransactionKind.DIVIDEND, "XYZ", "30", on=9)
    book.book(TransactionKind.MANAGEMENT_FEE, "September", "-12", on=2)
    book.book(TransactionKind.DEPOSIT, "bank", "500", on=16)
    return book.close({"XYZ": "52"}, accruals=(Accrual("GE-09", AccrualKind.FEE, "Management fee", D(-10), D(-13)),))


def test_gov_11_bridge_by_hand():
    """Opening 5,000 + 1,000 − 10 = 5,990. Realised 2,198 − 1,600 = 598. Unrealised 3,120 − 2,400 = 720, before 1,000: −280.
    Fees −12 − 3 = −15. Closing 3,120 + 3,716 − 13 = 6,823 = 5,990 + 500 + 30 − 15 + 598 − 280."""
    statement = build_statement(small_month())
    b = statement.bridge
    assert (b.opening, b.closing) == (D(5990), D(6823))
    assert (b.deposits, b.withdrawals, b.income, b.fees) == (D(500), D(0), D(30), D(-15))
    assert (b.realised, b.unrealised, b.currency, b.difference) == (D(598), D(-280), D(0), D(0))
    assert (statement.holdings_value, statement.holdings_basis, statement.cash_value) == (D(3120), D(2400), D(3716))
    assert statement.holdings[0].weight == Fraction(3120, 6823)
    assert statement.commissions == (("USD", D(2)),)


def test_prf_2_money_weighted_return_of_the_statement_by_hand():
    """(6,823 − 5,990 − 500) / (5,990 + 500 × 16/31): the deposit of day 15 works 16 of 31 days."""
    assert build_statement(small_month()).money_weighted == Fraction(333) / (5990 + Fraction(500 * 16, 31))


def test_gov_11_currency_effect_by_hand():
    """1,000 EUR at 1.10, a dividend of 50 EUR booked at 1.10, closing 1.20: 1,260 − 1,100 − 55 = 105."""
    book = Book("USD", {"EUR": ("1.10", "1.20")})
    book.fund("EUR", "1000")
    book.book(TransactionKind.DIVIDEND, "SAP", "50", "EUR")
    b = build_statement(book.close({})).bridge
    assert (b.opening, b.income, b.currency, b.closing) == (D(1100), D(55), D(105), D(1260))


def test_gov_11_transfer_in_kind_is_a_flow_at_market_value_not_a_gain():
    """10 shares that cost 300 arrive when worth 1,000 and close at 1,050: flow 1,000, gain 50."""
    book = Book()
    book.hold("XYZ", "XYZ Corporation", "USD", 0, "100", "0")
    book.open()
    more = {"instrument_id": "XYZ", "quantity": D(10), "in_kind_value_base": D(1000), "in_kind_basis_base": D(300)}
    book.book(TransactionKind.TRANSFER_IN, "from another custodian", "0", on=3, **more)
    book.positions["XYZ"][2], book.positions["XYZ"][4] = D(10), D(300)
    b = build_statement(book.close({"XYZ": "105"})).bridge
    assert (b.deposits, b.unrealised, b.closing) == (D(1000), D(50), D(1050))


def test_wash_9_a_deferred_loss_changes_tax_but_not_the_value():
    statement = build_statement(many_currencies())
    assert statement.realised.allowed - statement.realised.gain == D("405.20")
    assert (statement.realised.deferred, statement.realised.forfeited) == (D("310.20"), D("95.00"))
    assert statement.bridge.difference == 0
    without = replace(many_currencies(), wash_basis_added=D(0))
    with pytest.raises(UnableToState, match="VALUE_DIFFERS") as caught:
        build_statement(without)
    assert caught.value.context["difference"] == D("310.20")


def test_gov_11_a_margined_contract_is_worth_its_floating_profit():
    book = Book()
    book.fund("USD", "1000")
    inputs = book.close({})
    contract = replace(
        small_month().closing_positions[0], symbol="ES", instrument_id="ES", basis_base=D(0), margined_value=D(75), quantity=D(2)
    )
    held = replace(inputs, opening_positions=(replace(contract, margined_value=D(20)),), closing_positions=(contract,))
    b = build_statement(held).bridge
    assert (b.opening, b.unrealised, b.closing) == (D(1020), D(55), D(1075))


@pytest.mark.parametrize("make", [normal_month, many_currencies, empty_month, yen_month])
def test_gov_11_every_sample_closes(make):
    assert build_statement(make()).bridge.difference == 0


def test_gov_11_only_own_account_data():
    inputs = small_month()
    foreign = replace(inputs.transactions[0], account_id="GE-10")
    with pytest.raises(UnableToState, match="FOREIGN_DATA"):
        build_statement(replace(inputs, transactions=(*inputs.transactions[1:], foreign)))
    for name in ("opening_positions", "closing_positions", "cash", "realised", "accruals"):
        first, *rest = getattr(inputs, name)
        with pytest.raises(UnableToState, match="FOREIGN_DATA"):
            build_statement(replace(inputs, **{name: (replace(first, account_id="GE-10"), *rest)}))


def test_gov_11_what_does_not_add_up_is_refused():
    inputs = small_month()
    with pytest.raises(UnableToState, match="CASH_DIFFERS"):
        build_statement(replace(inputs, cash=(replace(inputs.cash[0], closing=D("3716.01")),)))
    with pytest.raises(UnableToState, match="CASH_DIFFERS"):
        build_statement(replace(inputs, cash=()))
    with pytest.raises(UnableToState, match="QUANTITY_DIFFERS"):
        build_statement(replace(inputs, closing_positions=(replace(inputs.closing_positions[0], quantity=D(61)),)))
    with pytest.raises(UnableToState, match="VALUE_DIFFERS"):
        build_statement(replace(inputs, realised=(replace(inputs.realised[0], basis=D("1600.01")),)))
    with pytest.raises(UnableToState, match="OUTSIDE_PERIOD"):
        build_statement(
            replace(inputs, transactions=(replace(inputs.transactions[0], booked_date=date(2026, 9, 30)), *inputs.transactions[1:]))
        )


def test_con_5_a_missing_rate_refuses_the_statement():
    with pytest.raises(UnableToState, match="FX_MISSING") as caught:
        build_statement(replace(many_currencies(), fx_rates=()))
    assert caught.value.context["currencies"] == ["CHF", "GBP", "JPY", "USD"]


def test_gov_11_valued_days_must_agree_with_the_statement():
    day = ValuedDay(START, D(5990), D(6823), inflow=D(500))
    assert build_statement(replace(small_month(), days=(day,))).returns[0].net is not None
    with pytest.raises(UnableToState, match="EQUITY_DIFFERS"):
        build_statement(replace(small_month(), days=(replace(day, end=D("6823.01")),)))
    with pytest.raises(UnableToState, match="EQUITY_DIFFERS"):
        build_statement(replace(small_month(), days=(replace(day, inflow=D(0)),)))


def test_prf_4_net_and_gross_of_every_period_and_null_where_the_series_does_not_reach():
    returns = {r.label: r for r in build_statement(normal_month()).returns}
    assert list(returns) == ["This period", "This year", "12 months", "Since inception"]
    assert all(r.gross > r.net for r in returns.values())
    inputs = normal_month()
    october = tuple(d for d in inputs.days if START <= d.date <= END)
    young = {r.label: r.net for r in build_statement(replace(inputs, days=october, inception_date=None)).returns}
    assert young["This period"] is not None and young["This year"] is None and young["12 months"] is None


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(-400, 60), st.integers(100, 90000), st.integers(0, 500)), max_size=12), st.integers(100, 90000))
def test_gov_11_any_honest_book_closes_to_the_cent(trades, close):
    book = Book("USD", {"EUR": ("1.0837", "1.1191")})
    book.fund("EUR", "100000")
    book.hold("SAP", "SAP SE", "EUR", 1000, "137.42", "98765.43")
    book.open()
    for n, (count, cents, fee) in enumerate(trades):
        if count and (count > 0 or book.positions["SAP"][2] > -count):
            book.trade("SAP", count, D(cents) / 100, on=1 + n, commission=D(fee) / 100)
    assert build_statement(book.close({"SAP": D(close) / 100})).bridge.difference == 0
