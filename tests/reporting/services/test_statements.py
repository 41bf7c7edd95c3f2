"""GOV-11 through the database: the statement of a small account, by hand, and what must never be in it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pypdf import PdfReader

from accounts.core import entries
from accounts.core.ledger import Justification, reverse
from accounts.enums import AdjustmentKind
from accounts.models import EquitySnapshot, LedgerEntry
from base import tenancy
from base.core.ids import new_id
from base.errors import NotFound
from governance.models import Party
from reporting.core.statement import build_statement
from reporting.models import StatementDocument
from reporting.services import UnableToMakeStatement, make_statement
from reporting.services.inputs import statement_inputs
from tests.factories import make_account, make_firm, make_instrument, make_sleeve
from tests.reporting.ledger import fixing, holder, quote, stamp, write
from tests.reporting.small_account import END, SEPTEMBER, START, market, save, small_account

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 2, 6, 30, tzinfo=UTC)
D = Decimal


@pytest.fixture
def firm():
    made = make_firm()
    with tenancy.firm(made.id):
        yield made


@pytest.fixture
def instruments(db):
    return market()


def state(account, now=NOW):
    return StatementDocument.objects.get(pk=make_statement(account_id=account.id, period_start=START, period_end=END, now=now))


def text_of(document) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(bytes(document.pdf))).pages)


def test_gov_11_the_small_account_by_hand(firm, instruments):
    s = save(small_account(instruments))
    built = build_statement(statement_inputs(account_id=s.account.id, start=START, end=END, prepared=NOW.date()))
    b = built.bridge
    assert (b.opening, b.closing) == (D("105333.34"), D("106599.65"))
    assert (b.deposits, b.withdrawals, b.income, b.fees) == (D(500), D(-200), D("25.50"), D(-50))
    assert (b.realised, b.unrealised, b.currency) == (D("978.24"), D("15.20"), D("-2.63"))
    assert {c.balance.currency: (c.balance.opening, c.balance.closing, c.value_base) for c in built.cash} == {
        "USD": (D(96000), D("98473.50"), D("98473.50")),
        "EUR": (D(0), D(-1005), D(-1206)),
        "JPY": (D(100000), D(339900), D("2427.86")),
    }
    held = {h.position.symbol: (h.position.quantity, h.position.basis_base, h.value_base, h.gain_base) for h in built.holdings}
    assert held == {
        s.xyz.symbol: (D(60), D(2400), D(3120), D(720)),
        s.jp.symbol: (D(300), D(2000), D("2464.29"), D("464.29")),
        s.de.symbol: (D(10), D("1155.75"), D(1320), D("164.25")),
    }
    assert {(r.symbol, r.proceeds, r.basis, r.term.value) for r in built.inputs.realised} == {
        (s.xyz.symbol, D(2198), D(1600), "LONG"),
        (s.jp.symbol, D("1713.57"), D("1333.33"), "SHORT"),
    }
    kinds = [(t.kind.value, t.currency, t.amount) for t in built.inputs.transactions]
    assert sorted(kinds) == sorted(
        [
            ("SELL", "USD", D(2198)),
            ("SELL", "JPY", D(239900)),
            ("BUY", "EUR", D(-1005)),
            ("MANAGEMENT_FEE", "USD", D(-50)),
            ("DIVIDEND", "USD", D(30)),
            ("WITHHOLDING_TAX", "USD", D("-4.50")),
            ("DEPOSIT", "USD", D(500)),
            ("WITHDRAWAL", "USD", D(-200)),
        ]
    )
    assert {fx.currency: (fx.opening, fx.closing) for fx in built.inputs.fx_rates} == {
        "EUR": (None, D("1.2")),
        "JPY": (D("0.0066666667"), D("0.0071428571")),
    }


def test_gov_11_the_document_keeps_figures_pdf_and_hash(firm, instruments):
    s = save(small_account(instruments))
    document = state(s.account)
    text = text_of(document)
    for words in (
        "106,599.65 USD",
        "Ada Owner",
        "1 Long Street",
        "First Custody",
        "U••••4417",
        "TEST last",
        "Management fee",
    ):
        assert words in text, words
    assert "SIMULATED" not in text
    assert document.sha256 == sha256(bytes(document.pdf)).hexdigest() and document.version == 1
    assert document.figures["bridge"]["closing"] == "106599.65"
    assert "prepared_date" not in json.dumps(document.figures)


def test_gov_11_equal_figures_make_no_new_version_and_different_ones_do(firm, instruments):
    s = save(small_account(instruments))
    first = state(s.account)
    assert state(s.account, NOW + timedelta(days=3)).id == first.id
    write([entries.flow(holder(s.account, s.sleeve), stamp(date(2026, 10, 29)), amount=D(1), currency_code="USD")])
    second = state(s.account)
    assert (second.version, second.figures["bridge"]["closing"]) == (2, "106600.65")
    assert StatementDocument.objects.get(pk=first.id).figures["bridge"]["closing"] == "106599.65"


def test_gov_11_the_first_month_starts_from_nothing_and_flows_in(firm, instruments):
    s = save(small_account(instruments))
    quote(s.xyz.id, SEPTEMBER, "45")
    first, last = SEPTEMBER, date(2026, 9, 30)
    bridge = build_statement(statement_inputs(account_id=s.account.id, start=first, end=last, prepared=NOW.date())).bridge
    assert (bridge.opening, bridge.closing, bridge.deposits) == (D(0), D("105333.34"), D(104500))


def test_gov_11_nothing_of_another_account_is_in_figures_or_pdf(firm, instruments):
    s = small_account(instruments, code="OWN-1")
    other = make_account(code="ZED-9", name="Zedekiah Other", connection=s.account.connection, custodian_account="Z9999999")
    mine, theirs = holder(s.account, s.sleeve), holder(other, s.sleeve)
    shared = entries.cash_transfer(theirs, mine, stamp(date(2026, 10, 22)), amount=D("777.77"), currency_code="USD")
    alone = entries.flow(theirs, stamp(date(2026, 10, 22)), amount=D("4321.09"), currency_code="USD")
    why = Justification(AdjustmentKind.CASH, "booked to ZED-9 before", "mail of Zedekiah", "9")
    put_right = entries.cash_adjustment(mine, stamp(date(2026, 10, 23)), amount=D("5.55"), currency_code="USD", justification=why)
    write([*s.ledger, replace(shared, justification=why), alone, put_right])
    document = state(s.account)
    figures, text = json.dumps(document.figures), text_of(document)
    for foreign in (str(other.id), other.id.hex, "ZED-9", "Zedekiah", "Z9999999", "4,321.09", "4321.09"):
        assert foreign not in figures and foreign not in text, foreign
    assert "777.77" in text and "Correction" in text and str(s.account.id) in figures
    ids = {t["account_id"] for t in document.figures["inputs"]["transactions"]}
    assert ids == {str(s.account.id)}


@pytest.mark.parametrize("simulated", ["connection", "instrument"])
def test_gov_11_paper_is_labelled(firm, instruments, simulated):
    xyz, jp, de = instruments
    if simulated == "instrument":
        xyz = make_instrument(name="Made Up", is_simulated=True)
        for day, price in ((date(2026, 9, 30), "50"), (date(2026, 10, 30), "52")):
            quote(xyz.id, day, price)
    s = save(small_account((xyz, jp, de), paper=simulated == "connection"))
    assert "SIMULATED" in text_of(state(s.account))


def test_gov_11_a_missing_price_refuses_the_statement(firm, instruments):
    nothing = make_instrument(name="Unpriced")
    s = save(small_account((nothing, *instruments[1:])))
    with pytest.raises(UnableToMakeStatement, match="PRICE_MISSING") as refused:
        state(s.account)
    assert refused.value.context["instrument"] == nothing.symbol
    assert not StatementDocument.objects.exists()


def test_gov_11_a_missing_rate_refuses_the_statement(firm, instruments):
    exotic = make_instrument(name="Exotic", currency="XTS")
    for day in (date(2026, 9, 30), date(2026, 10, 30)):
        quote(exotic.id, day, "10")
    s = save(small_account((instruments[0], instruments[1], exotic)))
    with pytest.raises(UnableToMakeStatement, match="FX_MISSING"):
        state(s.account)


def test_gov_11_lots_that_disagree_with_the_ledger_refuse_the_statement(firm, instruments):
    s = save(small_account(instruments))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_lotclosure SET proceeds = proceeds - 0.01 WHERE account_id = %s", [s.account.id])
    with pytest.raises(UnableToMakeStatement, match="LOTS_DIFFER"):
        state(s.account)


def test_prf_1_valued_days_come_from_snapshots_and_must_agree(firm, instruments):
    s = save(small_account(instruments))
    snapshots = [(date(2026, 9, 30), "105333.33", "0"), (date(2026, 10, 15), "105900", "0"), (END, "106599.66", "0")]
    for day, equity, flow in snapshots:
        EquitySnapshot.objects.create(account=s.account, as_of=day, cash=0, market_value=0, equity=D(equity), external_flow=D(flow))
    days = statement_inputs(account_id=s.account.id, start=START, end=END, prepared=NOW.date()).days
    assert [(d.begin, d.end, d.inflow, d.outflow, d.fees) for d in days] == [
        (D("105333.34"), D(105900), D(0), D(0), D(50)),
        (D(105900), D("106599.65"), D(500), D(200), D(0)),
    ]
    EquitySnapshot.objects.filter(as_of=END).update(equity=D("106601"))
    with pytest.raises(UnableToMakeStatement, match="EQUITY_DIFFERS"):
        state(s.account)


def test_prf_1_a_flow_booked_late_moves_with_the_first_evening_that_holds_it(firm, instruments):
    """Out on 10 October, known on the 16th: the evenings of the 10th and the 15th still hold it, and no day has lost it."""
    s = save(small_account(instruments))
    terms = {"cash": 0, "market_value": 0, "external_flow": 0, "account": s.account}
    for day, equity in ((10, "105333.34"), (15, "105900"), (16, "106200")):
        at = datetime(2026, 10, day, 21, tzinfo=UTC)
        EquitySnapshot.objects.create(as_of=at.date(), equity=D(equity), valued_at=at, **terms)
    late = entries.flow(holder(s.account, s.sleeve), stamp(date(2026, 10, 10)), amount=D(-300), currency_code=s.account.base_currency)
    write([late], now=datetime(2026, 10, 16, 12, tzinfo=UTC))
    inputs = statement_inputs(account_id=s.account.id, start=START, end=END, prepared=NOW.date())
    moved = {d.date.day: (d.inflow, d.outflow) for d in inputs.days}
    assert moved[10][1] == 0 and moved[15][1] == 0 and moved[16][1] == 300
    assert sum(d[0] - d[1] for d in moved.values()) == build_statement(inputs).bridge.flows


def test_rec_7_a_reversed_trade_is_shown_twice_and_counts_for_nothing(firm, instruments):
    s = small_account(instruments)
    wrong = entries.trade(
        holder(s.account, s.sleeve),
        stamp(date(2026, 10, 7)),
        instrument_id=s.jp.id,
        quantity=D(7),
        price=D(1300),
        currency_code="JPY",
        fee=D(10),
    )
    s.ledger += [wrong, reverse(wrong, source_key=f"{wrong.source_key}-undone")]
    save(s)
    built = build_statement(statement_inputs(account_id=s.account.id, start=START, end=END, prepared=NOW.date()))
    assert built.bridge.closing == D("106599.65") and built.bridge.realised == D("978.24")
    shown = [(t.kind.value, t.quantity, t.description) for t in built.inputs.transactions if t.booked_date == date(2026, 10, 7)]
    assert sorted(shown) == [("BUY", D(-7), "Nihon Corporation, reversal"), ("BUY", D(7), "Nihon Corporation, reversed later")]


def test_tax_1_a_short_position_and_its_cover_close_to_the_cent(firm, instruments):
    s = small_account(instruments)
    me = holder(s.account, s.sleeve)
    for day, quantity, price in ((2, -100, "1180"), (9, 30, "1111"), (11, 90, "1199")):
        s.ledger.append(
            entries.trade(
                me,
                stamp(date(2026, 10, day)),
                instrument_id=s.de.id,
                quantity=D(quantity),
                price=D(price) / 10,
                currency_code="EUR",
                fee=D("1.37"),
            )
        )
    s.ledger.sort(key=lambda t: t.trade_date)
    save(s)
    built = build_statement(statement_inputs(account_id=s.account.id, start=START, end=END, prepared=NOW.date()))
    assert built.bridge.difference == 0
    assert sum(h.position.quantity for h in built.holdings if h.position.symbol == s.de.symbol) == D(30)


def test_prf_1_transfers_in_kind_take_their_lots_cost_along(firm, instruments):
    s = small_account(instruments)
    other = make_account(connection=s.account.connection)
    s.ledger.append(
        entries.position_transfer(
            holder(s.account, s.sleeve),
            holder(other, s.sleeve),
            stamp(date(2026, 10, 30)),
            instrument_id=s.xyz.id,
            quantity=D(60),
            basis=D(2400),
            acquired_date=date(2024, 3, 18),
            currency_code="USD",
        )
    )
    save(s)
    built = build_statement(statement_inputs(account_id=s.account.id, start=START, end=END, prepared=NOW.date()))
    assert (built.bridge.withdrawals, built.bridge.closing) == (D(-3320), D("103479.65"))
    theirs = build_statement(statement_inputs(account_id=other.id, start=START, end=END, prepared=NOW.date()))
    assert (theirs.bridge.deposits, theirs.holdings_basis, theirs.holdings_gain) == (D(3120), D(2400), D(720))


def test_a_clearing_account_and_one_that_does_not_exist_have_no_statement(firm, instruments):
    s = save(small_account(instruments, is_clearing=True))
    with pytest.raises(UnableToMakeStatement, match="NO_STATEMENT"):
        state(s.account)
    with pytest.raises(NotFound):
        make_statement(account_id=new_id(), period_start=START, period_end=END, now=NOW)


def test_the_number_of_queries_does_not_grow_with_rows(firm, instruments):
    s = save(small_account(instruments))

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            statement_inputs(account_id=s.account.id, start=START, end=END, prepared=NOW.date())
        return len(queries)

    few = count()
    write([entries.flow(holder(s.account, s.sleeve), stamp(date(2026, 10, 1 + n)), amount=D(1), currency_code="USD") for n in range(20)])
    assert count() == few == 9 and LedgerEntry.objects.count() > 40


def test_gov_11_what_the_ledger_charged_is_shown_once_as_commission_or_fee(firm, instruments):
    """Trades: 2 USD, 100 JPY (at 1/161 × 1.15 = 0.71), 5 EUR (at 1.15 = 5.75); management fee 50; custody 7.50, then 1.25 back by REC-7."""
    s = small_account(instruments)
    me = holder(s.account, s.sleeve)
    why = Justification(AdjustmentKind.FEE, "charged twice", "mail", "9")
    s.ledger += [
        entries.fee(me, stamp(date(2026, 10, 21)), amount=D("7.50"), currency_code="USD"),
        entries.cash_adjustment(me, stamp(date(2026, 10, 23)), amount=D("1.25"), currency_code="USD", justification=why),
    ]
    save(s)
    built = build_statement(statement_inputs(account_id=s.account.id, start=START, end=END, prepared=NOW.date()))
    assert [(t.kind.value, t.description, t.amount) for t in built.fees_charged] == [
        ("MANAGEMENT_FEE", "", D(-50)),
        ("OTHER_FEE", "", D("-7.50")),
        ("OTHER_FEE", "correction", D("1.25")),
    ]
    assert built.bridge.fees == D("-56.25") and built.bridge.income == D("25.50")
    assert built.commissions == (("EUR", D(5)), ("JPY", D(100)), ("USD", D(2)))
    assert built.trading_costs == D("2") + D("0.71") + D("5.75")


def test_wash_15_the_books_hold_no_wash_sales_and_the_paper_says_so(firm, instruments):
    s = save(small_account(instruments))
    assert "Wash-sale adjustments were not computed for this period" in " ".join(text_of(state(s.account)).split())


def test_gov_11_a_name_that_cannot_be_printed_makes_no_document(firm, instruments):
    s = save(small_account(instruments))
    Party.objects.filter(id=s.account.owner_id).update(name="山田太郎")
    with pytest.raises(UnableToMakeStatement, match="CHARACTERS_MISSING") as refused:
        state(s.account)
    assert "U+5C71" in refused.value.context["characters"] and not StatementDocument.objects.exists()


def test_tax_1_what_is_sold_after_the_period_changes_nothing_of_what_left_in_kind_before(firm, db):
    """100 at 10.00 dollars at 1.25 to the euro, 100 at 20.00 at 1.00: half of the second leave in October, the first are sold in November."""
    first, second = date(2026, 8, 3), date(2026, 8, 4)
    us = make_instrument(currency="USD")
    mine, theirs = make_account(base_currency="EUR", opened_on=first), make_account(base_currency="EUR", opened_on=first)
    sleeve = make_sleeve()
    for day, rate in ((first, "1.25"), (second, "1.00"), (date(2026, 9, 30), "1.00"), (date(2026, 10, 5), "1.00"), (END, "1.00")):
        fixing(day, {"USD": rate})
        quote(us.id, day, "20")
    traded = {"instrument_id": us.id, "currency_code": "USD"}
    moved = {**traded, "quantity": D(25), "basis": D(500), "acquired_date": second}
    write(
        [
            entries.trade(holder(mine, sleeve), stamp(first), quantity=D(100), price=D(10), **traded),
            entries.trade(holder(mine, sleeve), stamp(second), quantity=D(100), price=D(20), **traded),
            *(entries.position_transfer(holder(mine, sleeve), holder(theirs, sleeve), stamp(date(2026, 10, n)), **moved) for n in (5, 6)),
        ]
    )
    before = statement_inputs(account_id=mine.id, start=START, end=END, prepared=NOW.date())
    assert [p.basis_base for p in before.closing_positions] == [D(1800)]
    write([entries.trade(holder(mine, sleeve), stamp(date(2026, 11, 10)), quantity=D(-100), price=D(20), **traded)])
    assert statement_inputs(account_id=mine.id, start=START, end=END, prepared=NOW.date()) == before
