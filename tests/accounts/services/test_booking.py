"""ALC-3, I4: a block's shares are booked to all accounts at once, and it is the core's own booking."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal as D

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import services
from accounts.core import clearing
from accounts.core.ledger import Holder, reverse
from accounts.enums import LotMethod
from accounts.models import LedgerEntry, LotClosure, Position, TaxLot
from accounts.queries.columns import raw_ids, to_uuids
from base import tenancy
from base.errors import NotFound
from tests.accounts.books import DAY, NOW, World, cash, closures, lots, make_accounts, make_world, positions, stamp
from tests.factories import make_account, make_firm

pytestmark = pytest.mark.django_db
UNIT = 10**8


@pytest.fixture
def world():
    with tenancy.firm(make_firm().id):
        yield make_world()


def execute(world: World, place, key, quantity, price, day=DAY) -> None:
    """Book an execution of a block into clearing."""
    fill = clearing.execution(
        Holder(place.id, world.sleeve.id),
        stamp(key, day),
        instrument_id=world.instrument.id,
        quantity=D(quantity),
        price=D(price),
        currency_code="USD",
        fee=D(1),
    )
    services.post(transactions=[fill], now=NOW)


def book(world: World, place, key, ids, quantity, money, fee, *, clearing_money=None, day=DAY, fee_units=0) -> bool:
    quantity, money, fee = (np.asarray(column, np.int64) * UNIT for column in (quantity, money, fee))
    return services.post_allocation(
        source_key=key,
        journey_id=None,
        trade_date=day,
        settle_date=day + timedelta(1),
        instrument_id=world.instrument.id,
        currency="USD",
        clearing_account_id=place.id,
        clearing_money=int(money.sum()) if clearing_money is None else clearing_money,
        sleeve_id=world.sleeve.id,
        account_ids=ids,
        quantity=quantity,
        money=money,
        fee=fee + fee_units,
        now=NOW,
    )


def test_alc_3_shares_reach_every_account_and_clearing_ends_at_zero(world: World):
    place, others = make_account(is_clearing=True), [make_account(), make_account()]
    execute(world, place, "x", 300, 50)
    ids = raw_ids([world.account.id, *(a.id for a in others)])
    assert book(world, place, "b", ids, [100, 150, 50], [5000, 7500, 2500], [0, 1, 0])
    assert not book(world, place, "b", ids, [100, 150, 50], [5000, 7500, 2500], [0, 1, 0])
    assert sorted(positions().values()) == [D(50), D(100), D(150)]
    left = {}
    for entry in LedgerEntry.objects.filter(account=place):
        left[entry.book, entry.currency] = left.get((entry.book, entry.currency), D(0)) + entry.amount
    assert set(left.values()) == {D(0)}
    assert sorted(row[3] for row in lots()) == [D(2500), D(5000), D(7501)]
    assert cash()[others[0].id, "USD", DAY + timedelta(1)] == (D(-7501), D(7501), D(0))
    assert services.check_books() == []


def test_alc_3_the_vectorised_booking_is_the_cores_and_can_be_reversed_as_such(world: World):
    place, other = make_account(is_clearing=True), make_account()
    here = Holder(place.id, world.sleeve.id)
    held = clearing.execution(
        here, stamp("x"), instrument_id=world.instrument.id, quantity=D(30), price=D("10.015"), currency_code="USD", fee=D(1)
    )
    services.post(transactions=[held], now=NOW)
    shares = [
        clearing.Share(world.holder, D(10), D("100.15"), D("0.33")),
        clearing.Share(Holder(other.id, world.sleeve.id), D(20), D("200.30"), D("0.67")),
    ]
    core = clearing.allocation(here, stamp("b"), [held], shares, instrument_id=world.instrument.id, currency_code="USD")
    columns = [np.array([int(x * UNIT) for x in xs]) for xs in zip(*[(s.quantity, s.money, s.fee) for s in shares], strict=True)]
    services.post_allocation(
        source_key="b",
        journey_id=None,
        trade_date=DAY,
        settle_date=DAY + timedelta(1),
        instrument_id=world.instrument.id,
        currency="USD",
        clearing_account_id=place.id,
        clearing_money=int(D("300.45") * UNIT),
        sleeve_id=world.sleeve.id,
        account_ids=raw_ids([world.account.id, other.id]),
        quantity=columns[0],
        money=columns[1],
        fee=columns[2],
        now=NOW,
    )
    assert services.post(transactions=[core], now=NOW) == 0  # the same content: already booked
    services.post(transactions=[reverse(core, source_key="b/back")], now=NOW)
    assert positions() == {} and lots() == [] and services.check_books() == []


@pytest.mark.parametrize("method", list(LotMethod))
@pytest.mark.parametrize("n", [3, 60])
def test_tax_1_many_accounts_open_add_to_close_partly_and_turn_at_once(world: World, method, n):
    """Every way a position can go, in one booking each, equals what the core makes of the ledger."""
    place = make_account(is_clearing=True)
    ids = make_accounts(make_account(lot_method=method), n)
    steps = [
        [10] * n,
        [(-4, 7, 6)[i % 3] for i in range(n)],
        [(-6, -17, 5)[i % 3] for i in range(n)],
        [(3, -9, -30)[i % 3] for i in range(n)],
    ]
    for day, (quantity, price) in enumerate(zip(steps, (50, 61, 47, 55), strict=True)):
        fee = [i % 2 for i in range(n)]
        assert book(world, place, f"b{day}", ids, quantity, [q * price for q in quantity], fee, day=DAY + timedelta(day))
        assert services.check_books() == []
    totals = {a: sum(step[i] for step in steps) for i, a in enumerate(to_uuids(ids))}
    assert {key[0]: q for key, q in positions().items()} == {a: D(q) for a, q in totals.items() if q}


def test_tax_1_a_late_block_has_its_lots_worked_out_anew(world: World):
    place, ids = make_account(is_clearing=True), raw_ids([world.account.id])
    book(world, place, "b2", ids, [100], [7000], [0], day=DAY + timedelta(2))
    book(world, place, "b3", ids, [-100], [-8000], [0], day=DAY + timedelta(3))
    book(world, place, "b1", ids, [100], [5000], [0])
    assert [row[0] for row in lots()] == ["b2"] and [row[:2] for row in closures()] == [("b1", "b3")]
    assert services.check_books() == []


def test_i4_money_that_does_not_add_up_to_clearings_is_refused(world: World):
    place, ids = make_account(is_clearing=True), raw_ids([world.account.id])
    with pytest.raises(services.UnableToBook, match="sums to"):
        book(world, place, "b", ids, [100], [5000], [0], clearing_money=5001 * UNIT)
    assert book(world, place, "b", ids, [100], [5000], [0], clearing_money=5000 * UNIT + UNIT // 250)
    with pytest.raises(NotFound):
        book(world, place, "c", raw_ids([world.sleeve.id]), [1], [1], [0])


def test_con_1_amounts_finer_than_the_minor_unit_are_refused(world: World):
    place, ids = make_account(is_clearing=True), raw_ids([world.account.id])
    with pytest.raises(ValueError, match="finer than the minor unit"):
        book(world, place, "b", ids, [1], [1], [0], fee_units=UNIT // 200)
    assert positions() == {}


def test_the_number_of_statements_does_not_grow_with_the_accounts(world: World):
    place = make_account(is_clearing=True)
    counts = []
    for size in (60, 200):
        ids = make_accounts(make_account(), size)
        for key, sign in (("open", 1), ("close", -1)):
            with CaptureQueriesContext(connection) as seen:
                book(world, place, f"{key}{size}", ids, [10 * sign] * size, [500 * sign] * size, [1] * size)
            counts.append(len(seen))
    assert counts[:2] == counts[2:]
    assert (
        Position.objects.filter(quantity=0).count() == 260
        and TaxLot.objects.filter(quantity=0).count() == LotClosure.objects.count() == 260
    )
