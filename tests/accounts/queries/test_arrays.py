"""ACC-3, ACC-4, CON-5: what sizing is told of accounts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D
from types import SimpleNamespace

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import queries, services
from accounts.core import entries as e
from accounts.core.cash import SpendableInputs, available_cash, cash_ladder
from accounts.core.ledger import Holder, currency
from accounts.enums import AccountClass, BlockMode, OrderSide, SettlementMode
from accounts.queries import MISSING
from accounts.queries.columns import raw_ids, to_uuids
from base import tenancy
from base.core.ids import new_id
from base.errors import NotFound
from market import queries as market
from tests.accounts.books import DAY, NOW, World, load_quotes, load_rate, make_accounts, make_world, stamp
from tests.factories import make_account, make_connection, make_firm, make_instrument, make_sleeve

pytestmark = pytest.mark.django_db
UNIT = 10**8


@pytest.fixture
def world():
    with tenancy.firm(make_firm().id):
        yield make_world(registration="INDIVIDUAL")


def arrays(world: World, *accounts, now=NOW, sleeve=None):
    ids = [a.id for a in accounts] or [world.account.id]
    facts = market.instrument(world.instrument.id)
    return queries.account_arrays(account_ids=ids, sleeve_id=sleeve or world.sleeve.id, instrument=facts, now=now)


def deposit(world: World, amount, *, account=None, currency_code="USD", day=DAY, key=None):
    holder = Holder((account or world.account).id)
    return e.flow(holder, e.Stamp(day, day, str(key or new_id())), amount=D(amount), currency_code=currency_code)


def post(*transactions) -> None:
    services.post(transactions=transactions, now=NOW)


def reserve(world: World, quantity, cash, *, side=OrderSide.BUY, account=None, order=None) -> None:
    services.reserve(
        order_ids=raw_ids([order or new_id()]),
        account_ids=raw_ids([(account or world.account).id]),
        sleeve_id=world.sleeve.id,
        instrument_id=world.instrument.id,
        side=side,
        quantity=np.array([quantity * UNIT]),
        cash_currency="USD",
        cash=np.array([cash * UNIT]),
        limit_price=D(50),
        now=NOW,
    )


def test_acc_3_equity_is_trade_date_cash_plus_market_value_plus_receivables(world: World):
    load_quotes({world.instrument.id: "60"})
    dividend = e.dividend_accrual(
        world.holder, e.Stamp(DAY, DAY + timedelta(9), "d"), prior_close_quantity=D(100), rate=D("0.40"), currency_code="USD"
    )
    post(deposit(world, 10_000), world.trade(1, 100, 50), dividend)
    found = arrays(world)
    assert found.equity.tolist() == [(10_000 - 5_001 + 6_000 + 40) * 100]
    assert found.balance.tolist() == [4_999_00]
    # ACC-4: settled 10,000 − the unsettled buy 5,001 − 0.5% of equity, rounded half-up; the dividend only once paid.
    assert found.available.tolist() == [10_000_00 - 5_001_00 - 55_20]
    assert found.position.tolist() == [100 * UNIT] and found.codes == (world.account.code,)
    assert list(found.prices) == [world.instrument.id]


def test_acc_3_a_dividend_on_a_short_is_owed_from_the_ex_date(world: World):
    """Ex-date today, 0.40: long 500 → E +200, cash unchanged; short 500 → available −200."""
    load_quotes({world.instrument.id: "50"})
    post(deposit(world, 100_000, day=DAY - timedelta(5)), world.trade(1, -500, 50, fee=0, day=DAY - timedelta(4)))
    before = arrays(world)
    dividend = e.dividend_accrual(
        world.holder, e.Stamp(DAY, DAY + timedelta(9), "d"), prior_close_quantity=D(-500), rate=D("0.40"), currency_code="USD"
    )
    post(dividend)
    after = arrays(world)
    assert (after.equity - before.equity).tolist() == [-200_00] and (after.balance == before.balance).all()
    assert (after.available - before.available).tolist() == [-200_00 + 1_00]  # the buffer is 0.5% of an equity 200 smaller


def test_acc_4_unsettled_proceeds_count_only_where_the_mode_lets_them_and_never_hide_a_buy(world: World):
    load_quotes({world.instrument.id: "50"})
    other = make_account(registration="INDIVIDUAL", settlement_mode=SettlementMode.UNSETTLED_PROCEEDS)
    for account in (world.account, other):
        w = replace(world, account=account)
        post(
            deposit(world, 10_000, account=account, day=DAY - timedelta(9)),
            w.trade(f"a{account.code}", 100, 50, day=DAY - timedelta(5), fee=0),
        )
        post(w.trade(f"b{account.code}", -100, 50, fee=0), w.trade(f"c{account.code}", 60, 50, fee=0))
    found = arrays(world, world.account, other)
    # settled 5,000; coming 5,000, going 3,000; equity 10,000, buffer 50
    assert found.available.tolist() == [(5_000 - 3_000 - 50) * 100, (5_000 + 5_000 - 3_000 - 50) * 100]
    stored = services.stored_transactions([f"a{other.code}", f"b{other.code}", f"c{other.code}"]).values()
    postings = [p for t in [deposit(world, 10_000, account=other, day=DAY - timedelta(9)), *stored] for p in t.postings]
    ladder = cash_ladder(postings, account_id=other.id, unit=currency("USD"))
    inputs = SpendableInputs(ladder.settled_cash(DAY), D(10_000), ladder.unsettled_proceeds(DAY), ladder.unsettled_debits(DAY))
    assert found.available[1] == int(available_cash(inputs, "USD", SettlementMode.UNSETTLED_PROCEEDS) * 100)


def test_acc_5_cash_becomes_available_on_its_settle_date(world: World):
    load_quotes({world.instrument.id: "50"})
    post(deposit(world, 1_000), world.trade(1, -10, 50, fee=0))
    assert [arrays(world, now=NOW + timedelta(days)).available.tolist()[0] for days in (0, 1)] == [1_000_00 - 5_00, 1_500_00 - 5_00]


def test_acc_4_live_orders_hold_cash_and_quantity_until_filled_or_released(world: World):
    load_quotes({world.instrument.id: "50"})
    post(deposit(world, 10_000))
    buy, sell = new_id(), new_id()
    reserve(world, 10, 501, order=buy)
    reserve(world, 4, 0, side=OrderSide.SELL, order=sell)
    found = arrays(world)
    assert (found.open_buy.tolist(), found.open_sell.tolist()) == ([10 * UNIT], [4 * UNIT])
    assert found.available.tolist() == [(10_000 - 501 - 50) * 100]
    services.consume_reservations(order_ids=[buy], account_ids=[world.account.id], filled=[D(5)])
    found = arrays(world)
    assert found.open_buy.tolist() == [5 * UNIT] and found.available.tolist() == [10_000_00 - 250_50 - 50_00]
    services.release_reservations(order_ids=[buy, sell], now=NOW)
    found = arrays(world)
    assert found.open_buy.tolist() == found.open_sell.tolist() == [0] and found.available.tolist() == [(10_000 - 50) * 100]


def test_con_5_an_account_that_holds_what_has_no_price_is_missing_and_the_others_are_not(world: World):
    unpriced = replace(world, instrument=make_instrument(), account=make_account())
    load_quotes({world.instrument.id: "50"})
    post(deposit(world, 1_000), deposit(world, 1_000, account=unpriced.account), unpriced.trade(1, 1, 10))
    found = arrays(world, world.account, unpriced.account)
    assert (found.equity == MISSING).tolist() == (found.available == MISSING).tolist() == [False, True]
    assert found.balance.tolist() == [1_000_00, 989_00]
    # a quote that comes after `now` is not known yet
    load_quotes({unpriced.instrument.id: "10"}, at=NOW + timedelta(seconds=1))
    assert arrays(world, unpriced.account).equity.tolist() == [MISSING]
    assert arrays(world, unpriced.account, now=NOW + timedelta(seconds=1)).equity.tolist() == [999_00]


def test_con_5_a_position_closed_long_ago_needs_no_price(world: World):
    gone = replace(world, instrument=make_instrument())
    load_quotes({world.instrument.id: "50"})
    post(deposit(world, 1_000), gone.trade(1, 1, 10, fee=0), gone.trade(2, -1, 10, fee=0))
    assert arrays(world).equity.tolist() == [1_000_00]


def test_acc_11_foreign_cash_converts_by_the_previous_fixing_on_paper_and_by_a_fresh_rate_live(world: World):
    names = [f"Q{new_id().hex[-5:].upper()}" for _ in range(2)]
    load_quotes({world.instrument.id: "50"})
    live = make_account(registration="INDIVIDUAL", connection=make_connection(is_paper=False))
    for account in (world.account, live):
        post(deposit(world, 100, account=account), deposit(world, 1_000, account=account, currency_code=names[0]))
    assert arrays(world, world.account, live).equity.tolist() == [MISSING, MISSING]
    load_rate(names[0], "USD", "1.08555", at=NOW - timedelta(hours=20))
    found = arrays(world, world.account, live)
    assert found.equity.tolist() == [100_00 + 1_085_55, MISSING] and found.available.tolist()[1] == MISSING
    assert list(found.rates) == [f"{names[0]}>USD"]
    load_rate(names[0], "USD", "1.1", at=NOW - timedelta(seconds=60))
    assert arrays(world, world.account, live).equity.tolist() == [1_200_00, 1_200_00]


def test_con_1_foreign_positions_round_once_half_up_and_yen_have_no_cents(world: World):
    name = f"Q{new_id().hex[-5:].upper()}"
    abroad = replace(world, instrument=make_instrument(currency=name))
    load_quotes({abroad.instrument.id: "0.005", world.instrument.id: "50"})
    load_rate(
        name, "USD", "0.5", at=NOW - timedelta(seconds=1)
    )  # a cross by way of the dollar is as old as this: the yen's own rate is younger
    load_rate(name, "JPY", "150")
    yen = make_account(base_currency="JPY")
    opening = {"instrument_id": abroad.instrument.id, "quantity": D(-3), "basis": D(0), "acquired_date": DAY, "currency_code": name}
    for account in (world.account, yen):
        post(e.opening_position(Holder(account.id, world.sleeve.id), stamp(new_id()), **opening | {"basis": D("-0.01")}))
    found = arrays(world, world.account, yen)
    # −3 × 0.005 × 0.5 = −0.0075 → −0.01 USD; −3 × 0.005 × 150 = −2.25 → −2 JPY
    by_currency = {found.currencies[c]: v for c, v in zip(found.currency.tolist(), found.equity.tolist(), strict=True)}
    assert by_currency == {"USD": -1, "JPY": -2}
    assert dict(zip(found.currencies, found.exponents.tolist(), strict=True)) == {"JPY": 0, "USD": 2}


def test_siz_1_position_is_the_sleeves_and_equity_is_the_accounts(world: World):
    other = make_sleeve()
    load_quotes({world.instrument.id: "50"})
    post(deposit(world, 10_000), world.trade(1, 10, 50, fee=0), world.trade(2, 30, 50, fee=0, holder=Holder(world.account.id, other.id)))
    assert [arrays(world, sleeve=s).position.tolist()[0] for s in (world.sleeve.id, other.id, new_id())] == [10 * UNIT, 30 * UNIT, 0]
    assert arrays(world).equity.tolist() == [10_000_00]


def test_acc_1_caps_are_the_accounts_own_then_its_classs_and_missing_for_prop_without_a_contract(world: World):
    accounts = [make_account(account_class=c, registration="INDIVIDUAL") for c in AccountClass]
    accounts.append(make_account(account_class=AccountClass.PROP, position_cap_rate=D("0.25")))
    caps = dict(zip(arrays(world, *accounts).codes, arrays(world, *accounts).class_cap.tolist(), strict=True))
    expected = [UNIT // 10, UNIT // 50, UNIT // 20, UNIT // 100, MISSING, UNIT // 4]
    assert [caps[a.code] for a in accounts] == expected


def test_rec_6_blocks_are_in_force_between_their_instants_and_the_stricter_wins(world: World):
    other, free = make_account(registration="INDIVIDUAL"), make_account(registration="INDIVIDUAL")
    unrelated = make_instrument()
    terms = {"rule": "REC-6", "reason": "a break", "now": NOW}
    services.block_trading(account_id=world.account.id, instrument_id=None, mode=BlockMode.CLOSE_ONLY, **terms)
    strict = services.block_trading(account_id=world.account.id, instrument_id=world.instrument.id, mode=BlockMode.CLOSED, **terms)
    services.block_trading(account_id=other.id, instrument_id=unrelated.id, mode=BlockMode.CLOSED, **terms)

    def state(now=NOW):
        found = arrays(world, world.account, other, free, now=now)
        place = dict(zip(found.codes, found.blocked.tolist(), strict=True))
        return [place[a.code] for a in (world.account, other, free)]

    assert state() == [2, 0, 0] and state(NOW - timedelta(seconds=1)) == [0, 0, 0]
    assert services.lift_block(block_id=strict, now=NOW + timedelta(hours=1), reason="found") == 1
    assert services.lift_block(block_id=strict, now=NOW + timedelta(hours=2)) == 0
    assert state(NOW + timedelta(hours=1)) == [1, 0, 0]
    source = new_id()
    services.block_trading(account_id=None, instrument_id=world.instrument.id, mode=BlockMode.CLOSED, source_id=source, **terms)
    assert state() == [2, 2, 2]
    assert services.lift_block(source_id=source, now=NOW) == 1 and state(NOW + timedelta(hours=1)) == [1, 0, 0]


def test_acc_2_what_is_not_classified_may_only_reduce_and_what_is_not_open_is_closed(world: World):
    plain, closed = make_account(registration=""), make_account(registration="INDIVIDUAL", closed_on=DAY)
    early = make_account(registration="INDIVIDUAL", opened_on=DAY + timedelta(1))
    found = arrays(world, plain, closed, early)
    assert dict(zip(found.codes, found.blocked.tolist(), strict=True)) == {plain.code: 1, closed.code: 2, early.code: 2}


def test_rows_are_sorted_by_id_strangers_are_left_out_and_taken_rows_stay_together(world: World):
    accounts = [world.account, *(make_account(account_class=AccountClass.ENTITY) for _ in range(3))]
    found = arrays(world, *reversed(accounts), SimpleNamespace(id=new_id()))
    assert found.uuids == sorted(a.id for a in accounts)
    part = found.take(np.array([2, 0]))
    assert part.uuids == [found.uuids[2], found.uuids[0]] and part.codes == (found.codes[2], found.codes[0])
    assert part.class_names == ["ENTITY", "PERSONAL"] and len(part.connection) == 2 and part.mandate_ids == [None, None]
    everybody = queries.account_arrays(
        account_ids=None, sleeve_id=world.sleeve.id, instrument=market.instrument(world.instrument.id), now=NOW
    )
    assert everybody.uuids == found.uuids


def test_no_accounts_are_no_rows(world: World):
    found = queries.account_arrays(
        account_ids=[new_id()], sleeve_id=world.sleeve.id, instrument=market.instrument(world.instrument.id), now=NOW
    )
    assert len(found.ids) == len(found.equity) == len(found.blocked) == 0


def test_the_number_of_statements_does_not_grow_with_the_accounts(world: World):
    load_quotes({world.instrument.id: "50"})
    facts = market.instrument(world.instrument.id)
    counts = []
    for size in (3, 60):
        ids = make_accounts(make_account(), size)
        post(*(deposit(world, 100, account=SimpleNamespace(id=i)) for i in to_uuids(ids)))
        with CaptureQueriesContext(connection) as seen:
            queries.account_arrays(account_ids=to_uuids(ids), sleeve_id=world.sleeve.id, instrument=facts, now=NOW)
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 12


def test_rte_4_routing_names_the_connection_the_owner_and_the_firms_own_in_the_order_asked(world: World):
    custody, number = services.open_custodian(code="C9", name="Nine", now=NOW), "POOL-1"
    lane, clearing = services.open_connection(
        code="L9", gateway="paper", custodian_id=custody, pools_blocks=True, clearing_number=number, now=NOW
    )
    facts = queries.connection(code="L9")
    assert clearing == number and facts is not None and facts.clearing_custodian_account == number and facts.pools_blocks and facts.is_paper
    assert queries.connection_facts(connection_id=lane) == facts
    firm = make_account(account_class=AccountClass.PROP)
    ids = raw_ids([firm.id, world.account.id, facts.clearing_account_id])
    routing = queries.routing_facts(account_ids=ids)
    assert [routing.connections[c].id for c in routing.connection.tolist()] == [firm.connection_id, world.account.connection_id, lane]
    assert routing.is_own.tolist() == [True, False, True] and routing.take(np.array([1])).is_own.tolist() == [False]
    assert queries.accounts_by_number(connection_id=lane, numbers={number, "?"}) == {number: facts.clearing_account_id}
    assert queries.connection(code="nothing") is None


def test_i9_another_firms_accounts_are_not_in_the_arrays():
    with tenancy.firm(make_firm().id):
        theirs = make_account()
    with tenancy.firm(make_firm().id):
        world = make_world()
        assert arrays(world, world.account, theirs).uuids == [world.account.id]
        with pytest.raises(NotFound):
            queries.routing_facts(account_ids=raw_ids([theirs.id]))
