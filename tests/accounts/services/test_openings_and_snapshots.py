"""What accounts start with, what they are worth each evening, and the proof of both."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D
from io import StringIO

import numpy as np
import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import queries, services
from accounts.core import entries as e
from accounts.core.ledger import Holder, reverse
from accounts.models import CashBalance, EquitySnapshot, LotClosure, Position, TaxLot
from accounts.queries.columns import raw_ids, to_uuids
from accounts.services import Opening, OpeningCash, OpeningLots
from base import tenancy
from base.errors import NotFound
from governance.core.subjects import Subject
from governance.enums import AuditAction, SubjectKind
from governance.queries import trail_of_subject
from market import queries as market
from market.enums import InstrumentKind
from tests.accounts.books import DAY, NOW, World, cash, load_quotes, load_rate, lots, make_accounts, make_world, positions, stamp
from tests.factories import make_account, make_firm, make_instrument, make_sleeve

pytestmark = pytest.mark.django_db
UNIT = 10**8


@pytest.fixture
def world():
    with tenancy.firm(make_firm().id):
        yield make_world()


def test_openings_bring_cash_and_lots_as_capital_once(world: World):
    other, second = make_account(), make_instrument()
    openings = [
        Opening(world.account.id, world.sleeve.id, {"USD": D(1000), "EUR": D("5.50")}, {world.instrument.id: (D(10), D("400.01"))}),
        Opening(other.id, world.sleeve.id, {}, {world.instrument.id: (D(-5), D(300)), second.id: (D("0.5"), D(20))}),
        Opening(other.id, make_sleeve().id, {"USD": D(-3)}, {}),
    ]
    assert services.record_openings(openings=openings, as_of=DAY, now=NOW) == 2
    assert services.record_openings(openings=openings, as_of=DAY, now=NOW) == 0
    assert {key[0::3]: q for key, q in positions().items()} == {
        (world.account.id, world.instrument.id): D(10),
        (other.id, world.instrument.id): D(-5),
        (other.id, second.id): D("0.5"),
    }
    assert [row[1:4] for row in lots(account=world.account)] == [(DAY, D(10), D("400.01"))]
    assert sorted(row[1:4] for row in lots(account=other)) == [(DAY, D(-5), D(300)), (DAY, D("0.5"), D(20))]
    assert {k[:2]: v[0] for k, v in cash().items()} == {
        (world.account.id, "USD"): D(1000),
        (world.account.id, "EUR"): D("5.50"),
        (other.id, "USD"): D(-3),
    }
    assert services.check_books() == []
    with pytest.raises(NotFound):
        services.record_openings(openings=[Opening(other.id, world.sleeve.id, {}, {10**9: (D(1), D(1))})], as_of=DAY, now=NOW)


@pytest.mark.parametrize("n", [1, 70])
def test_tax_2_opening_lots_keep_their_own_dates_also_two_of_one_day_and_both_sides(world: World, n):
    ids = make_accounts(make_account(), n)
    dates = [date(2020, 5, 4), date(2024, 1, 2), date(2020, 5, 4), date(2025, 1, 2)]
    quantity = [10, 20, 30, -60]
    columns = OpeningLots(
        account_ids=np.repeat(ids, 4),
        instrument_ids=np.full(4 * n, world.instrument.id),
        quantity=np.tile(np.array(quantity) * UNIT, n),
        basis=np.tile(np.array([100, 200, 300, 900]) * UNIT, n),
        acquired_on=np.tile(np.array(dates, "datetime64[D]"), n),
        currency=np.zeros(4 * n, np.int64),
        currencies=["USD"],
    )
    money = OpeningCash(ids, np.full(n, 7 * UNIT), np.zeros(n, np.int64), ["USD"])
    terms = {"source_key": "start", "opened_on": DAY, "sleeve_id": world.sleeve.id, "now": NOW, "cash": money, "lots": columns}
    assert services.record_opening_columns(**terms) and not services.record_opening_columns(**terms)
    assert positions() == {}  # 10 + 20 + 30 − 60
    assert TaxLot.objects.count() == 3 * n and LotClosure.objects.count() == 3 * n
    assert services.check_books() == []


def test_acc_3_a_snapshot_values_every_account_and_names_those_it_cannot(world: World):
    unpriced, yen = make_account(), make_account(base_currency="JPY")
    other = make_instrument()
    load_quotes({world.instrument.id: "60"})
    load_rate("JPY", "USD", "0.0070")
    terms = {"as_of": DAY - timedelta(9), "now": NOW}
    services.record_openings(
        openings=[
            Opening(world.account.id, world.sleeve.id, {"USD": D(1000)}, {world.instrument.id: (D(10), D(1))}),
            Opening(unpriced.id, world.sleeve.id, {}, {other.id: (D(1), D(1))}),
            Opening(yen.id, world.sleeve.id, {"JPY": D(70_000)}, {}),
        ],
        **terms,
    )
    found = services.snapshot_equity(as_of=DAY, now=NOW)
    assert (found.written, found.unknown) == (2, (unpriced.id,))
    assert queries.equity_of(account_id=world.account.id, since=DAY, until=DAY) == [
        queries.EquityPoint(DAY, D(1000), D(600), D(1600), D(1600))
    ]
    assert EquitySnapshot.objects.get(account=yen).equity == 70_000
    # Again the same day replaces; what came in since the snapshot before is the next one's flow, in kind at its worth.
    load_quotes({world.instrument.id: "61"}, at=NOW + timedelta(hours=1))
    services.snapshot_equity(as_of=DAY, now=NOW + timedelta(hours=1))
    assert EquitySnapshot.objects.get(account=world.account, as_of=DAY).equity == 1610
    later = DAY + timedelta(3)
    gift = e.position_transfer(
        Holder(unpriced.id, world.sleeve.id),
        world.holder,
        stamp("gift", DAY + timedelta(2)),
        instrument_id=other.id,
        quantity=D(1),
        basis=D(1),
        acquired_date=DAY - timedelta(9),
        currency_code="USD",
    )
    withdrawn = e.flow(Holder(world.account.id), stamp("out", DAY + timedelta(1)), amount=D(-100), currency_code="USD")
    services.post(transactions=[gift, withdrawn, world.trade("t", 1, 60, fee=0, day=later)], now=NOW)
    load_quotes({other.id: "25"}, at=NOW)
    services.snapshot_equity(as_of=later, now=NOW + timedelta(hours=1))
    point = EquitySnapshot.objects.get(account=world.account, as_of=later)
    assert (point.cash, point.market_value, point.equity, point.external_flow) == (D(840), D(696), D(1536), D(-75))
    assert EquitySnapshot.objects.get(account=yen, as_of=later).external_flow == 0


def test_snapshots_take_the_same_number_of_statements_for_one_account_and_for_many(world: World):
    counts = []
    for n in (1, 80):
        ids = make_accounts(make_account(), n)
        services.record_openings(openings=[Opening(i, world.sleeve.id, {"USD": D(5)}, {}) for i in to_uuids(ids)], as_of=DAY, now=NOW)
        with CaptureQueriesContext(connection) as seen:
            assert services.snapshot_equity(as_of=DAY, now=NOW, account_ids=to_uuids(ids)).written == n
        counts.append(len(seen) - 3 * (n > 48))  # the way in by COPY has three statements more
    assert counts[0] == counts[1]


def test_a_snapshot_reads_holdings_and_money_as_of_one_moment(world: World):
    """In two statements, a purchase booked between them is missing in the one and paid in the other."""
    services.record_openings(openings=[Opening(world.account.id, world.sleeve.id, {"USD": D(5)}, {})], as_of=DAY, now=NOW)
    with CaptureQueriesContext(connection) as seen:
        services.snapshot_equity(as_of=DAY, now=NOW)
    read = [{table for table in ("accounts_position", "accounts_cashbalance") if f"FROM {table} " in one["sql"]} for one in seen]
    assert [tables for tables in read if tables] == [{"accounts_position", "accounts_cashbalance"}]


def test_i6_the_rebuild_finds_every_tampered_figure_tells_it_and_puts_it_right(world: World):
    services.post(transactions=[world.trade(1, 100, 50), world.trade(2, -40, 60, day=DAY + timedelta(1))], now=NOW)
    stray = make_account()
    Position.objects.update(quantity=D("60.00000001"))
    Position.objects.create(account=stray, sleeve=world.sleeve, instrument=world.instrument, quantity=1, last_traded_on=DAY)
    CashBalance.objects.filter(settle_date=DAY + timedelta(1)).update(amount=D("-5001.01"))
    CashBalance.objects.filter(settle_date=DAY + timedelta(2)).delete()
    TaxLot.objects.update(basis=D(3000))
    LotClosure.objects.update(proceeds=D(1))
    lines = services.check_books()
    place = f"{world.account.code} {world.sleeve.code} {world.instrument.symbol}"
    assert f"{place}: position 60 in the ledger, stored 60.00000001" in lines
    assert f"{stray.code} {world.sleeve.code} {world.instrument.symbol}: position 0 in the ledger, stored 1" in lines
    assert f"{world.account.code} USD settling 2026-03-03: cash -5001 in the ledger, stored -5001.01" in lines
    assert any("settling 2026-03-04: cash 2399 in the ledger, stored nothing" in line for line in lines)
    assert any(line.startswith(f"{place}: the ledger gives lots 60 of 2026-03-02 at 3000.60, 1 closures") for line in lines)
    assert len(lines) == 5 and services.check_books() == lines
    assert services.rebuild_books(now=NOW) == lines and services.check_books() == []
    assert Position.objects.count() == 1 and TaxLot.objects.get().basis == D("3000.60")
    trail = trail_of_subject(Subject(SubjectKind.FIRM, str(tenancy.current_firm())))
    assert AuditAction.CORRECTED in {event.action for event in trail}


def test_i6_lots_that_should_not_be_there_or_have_the_wrong_date_are_replaced(world: World):
    fill = world.trade(1, 100, 50)
    services.post(transactions=[fill, world.trade(2, -40, 60, day=DAY + timedelta(1))], now=NOW)
    TaxLot.objects.update(acquired_on=DAY - timedelta(1), original_quantity=7)
    assert services.rebuild_books(now=NOW) and services.check_books() == []
    assert lots() == [("1", DAY, D(60), D("3000.60"), D(100))]
    services.post(transactions=[reverse(fill, source_key="x")], now=NOW)
    assert services.check_books() == [] and LotClosure.objects.count() == 0


@pytest.mark.django_db(transaction=False)
def test_the_command_checks_every_firm_and_fails_readably():
    firms = [make_firm(), make_firm()]
    for firm in firms:
        with tenancy.firm(firm.id):
            world = make_world()
            services.post(transactions=[world.trade(1, 100, 50)], now=NOW)
    out = StringIO()
    call_command("rebuild_books", "--check", "--firm", str(firms[0].id), stdout=out)
    assert "1 firms: positions, cash and lots are what the ledger says" in out.getvalue()
    with tenancy.firm(firms[1].id):
        Position.objects.update(quantity=1)
    for choice, said in (
        (["--firm", str(firms[1].id)], "1 figures differ"),
        ([], "figures differ"),
    ):  # with no choice: other tests' firms too
        out = StringIO()
        with pytest.raises(SystemExit) as ended:
            call_command("rebuild_books", "--check", *choice, stdout=out)
        assert ended.value.code == 1 and f"firm {firms[1].id}: " in out.getvalue() and said in out.getvalue()
    for firm in firms:
        call_command("rebuild_books", "--firm", str(firm.id), stdout=out)
    assert "1 figures put right" in out.getvalue()
    for firm in firms:
        call_command("rebuild_books", "--check", "--firm", str(firm.id), stdout=out)


def test_the_books_of_one_account_read_back(world: World):
    services.post(transactions=[world.trade(1, 100, 50), world.trade(2, -40, 60, day=DAY + timedelta(1))], now=NOW)
    me = world.account.id
    assert [(p.sleeve_id, p.instrument_id, p.quantity) for p in queries.positions_of(account_id=me)] == [
        (world.sleeve.id, world.instrument.id, D(60))
    ]
    (money,) = queries.cash_of(account_id=me, on=DAY + timedelta(1))
    assert (money.currency, money.trade_date_cash, money.settled) == ("USD", D(-2602), D(-5001))
    assert [lot.quantity for lot in queries.lots_of(account_id=me)] == [D(60)]
    assert queries.lots_of(account_id=me, instrument_id=world.instrument.id + 1) == []
    (closed,) = queries.closures_of(account_id=me, since=DAY, until=DAY + timedelta(1))
    assert (closed.proceeds, closed.basis, closed.closed_on) == (D(2399), D("2000.40"), DAY + timedelta(1))
    journal = queries.journal_of(account_id=me, since=DAY + timedelta(1), until=DAY + timedelta(1))
    assert {line.source_key for line in journal} == {"2"} and sum(line.amount for line in journal if line.book == "CASH") == 2399
    assert queries.custody_books(connection_id=world.account.connection_id) == {
        world.account.custodian_account: {"cash": {"USD": "-2602"}, "positions": {world.instrument.symbol: "60"}}
    }


@pytest.mark.parametrize(
    ("market_of", "traded", "settles"),
    [
        ("US", date(2024, 5, 24), date(2024, 5, 29)),  # T+2, over Memorial Day
        ("US", date(2024, 5, 28), date(2024, 5, 29)),  # T+1 from here
        ("T2", date(2026, 3, 2), date(2026, 3, 4)),
        ("CRYPTO", date(2026, 3, 1), date(2026, 3, 1)),
    ],
)
def test_acc_5_the_law_of_the_day_and_the_settlement_calendar_give_the_date(market_of, traded, settles):
    facts = market.instrument(make_instrument(settlement_market=market_of).id)
    assert queries.settlement_date(instrument=facts, trade_date=traded) == settles


def test_acc_5_pairs_have_their_own_rule_and_unknown_places_block():
    facts = market.instrument(make_instrument(kind=InstrumentKind.FX, settlement_market="FX").id)
    dates = [queries.settlement_date(instrument=replace(facts, symbol=s), trade_date=date(2026, 3, 2)) for s in ("USDCAD", "EURUSD")]
    assert dates == [date(2026, 3, 3), date(2026, 3, 4)]
    unknown = market.instrument(make_instrument(settlement_market="MOON").id)
    with pytest.raises(ValueError, match="no settlement law is known for MOON"):
        queries.settlement_date(instrument=unknown, trade_date=DAY)


def test_the_raw_ids_of_accounts_sort_as_the_database_sorts_them(world: World):
    ids = [make_account().id for _ in range(5)] + [world.account.id]
    assert to_uuids(np.sort(raw_ids(ids))) == sorted(ids)
