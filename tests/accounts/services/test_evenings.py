"""An evening is valued by itself, once, at that evening's prices, and again where its books were corrected (ACC-3, PRF-1, CON-5)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D

import pytest

from accounts import services
from accounts.core import entries as e
from accounts.models import Custodian, EquitySnapshot
from accounts.services import Opening
from base import tenancy
from governance.models import Alert
from tests.accounts.books import World, load_quotes, make_world, stamp
from tests.factories import make_account, make_firm

pytestmark = pytest.mark.django_db
FRIDAY = date(2026, 11, 20)
CLOSE = datetime(2026, 11, 20, 21, tzinfo=UTC)  # of New York
MONDAY_OPEN = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)


@pytest.fixture
def world():
    with tenancy.firm(make_firm().id):
        made = make_world()
        made.account.custodian.calendar = "XNYS"
        made.account.custodian.save(update_fields=["calendar"])
        load_quotes({made.instrument.id: "60"}, at=CLOSE)
        opening = Opening(made.account.id, made.sleeve.id, {"USD": D(1000)}, {made.instrument.id: (D(10), D(1))})
        services.record_openings(openings=[opening], as_of=FRIDAY - timedelta(9), now=CLOSE - timedelta(days=9))
        yield made


def equity(world: World) -> D | None:
    return EquitySnapshot.objects.filter(account=world.account, as_of=FRIDAY).values_list("equity", flat=True).first()


@pytest.mark.parametrize(
    ("at", "is_valued"),
    [
        (CLOSE + timedelta(minutes=14), False),
        (CLOSE + timedelta(minutes=15), True),
        (CLOSE + timedelta(days=1), True),  # the server was away on Friday night
        (MONDAY_OPEN - timedelta(seconds=1), True),
        (MONDAY_OPEN, False),  # prices are another day's
    ],
)
def test_an_evening_is_valued_from_after_the_close_until_the_next_open(world: World, at, is_valued):
    services.value_evenings(now=at)
    assert (equity(world) == 1600) is is_valued


def test_an_evening_is_valued_once_and_an_account_opened_since_is_made_up(world: World):
    at = CLOSE + timedelta(minutes=20)
    assert services.value_evenings(now=at) == EquitySnapshot.objects.count() > 0
    load_quotes({world.instrument.id: "61"}, at=at)
    assert services.value_evenings(now=at + timedelta(minutes=1)) == 0 and equity(world) == 1600
    late = make_account(custodian=world.account.custodian, opened_on=FRIDAY)
    assert services.value_evenings(now=at + timedelta(minutes=2)) == 1
    assert EquitySnapshot.objects.get(account=late).as_of == FRIDAY


def test_books_that_have_moved_on_are_not_valued_for_the_day_before(world: World):
    saturday = e.flow(world.holder, stamp("in", FRIDAY + timedelta(days=3)), amount=D(50), currency_code="USD")
    services.post(transactions=[saturday], now=CLOSE + timedelta(hours=20))
    services.value_evenings(now=CLOSE + timedelta(hours=21))
    assert equity(world) is None


def test_con_5_who_cannot_be_valued_is_told_of_and_tried_again(world: World):
    world.account.base_currency = "JPY"  # no rate is known
    world.account.save(update_fields=["base_currency"])
    at = CLOSE + timedelta(minutes=15)
    services.value_evenings(now=at)
    (alert,) = Alert.objects.filter(rule="ACC-3", ended_at=None)
    assert "2026-11-20" in alert.message and alert.subject_id == str(world.account.id) and equity(world) is None
    world.account.base_currency = "USD"
    world.account.save(update_fields=["base_currency"])
    assert services.value_evenings(now=at + timedelta(minutes=1)) == 1
    assert not Alert.objects.filter(rule="ACC-3", ended_at=None).exists()


def test_a_corrected_evening_is_valued_again_while_it_can_be(world: World):
    services.value_evenings(now=CLOSE + timedelta(minutes=15))
    booked = e.flow(world.holder, stamp("found", FRIDAY), amount=D(7), currency_code="USD")
    services.post(transactions=[booked], now=CLOSE + timedelta(hours=30))
    terms = {"account_id": world.account.id, "calendar": "XNYS"}
    assert services.value_evening_again(**terms, now=CLOSE + timedelta(hours=30)) and equity(world) == 1607
    assert not services.value_evening_again(**terms, now=MONDAY_OPEN)
    services.post(
        transactions=[e.flow(world.holder, stamp("next", FRIDAY + timedelta(days=3)), amount=D(1), currency_code="USD")], now=CLOSE
    )
    assert not services.value_evening_again(**terms, now=CLOSE + timedelta(hours=31)) and equity(world) == 1607


def test_a_flow_booked_late_is_the_flow_of_the_first_evening_that_holds_it(world: World):
    """A withdrawal of Thursday, known on Friday night: Friday's evening is valued again with it, and Monday's has it no more (PRF-1)."""

    def flow(day: date) -> D:
        return EquitySnapshot.objects.get(account=world.account, as_of=day).external_flow

    thursday = FRIDAY - timedelta(days=1)
    load_quotes({world.instrument.id: "60"}, at=CLOSE - timedelta(days=1))
    services.value_evenings(now=CLOSE - timedelta(days=1) + timedelta(minutes=20))
    services.value_evenings(now=CLOSE + timedelta(minutes=20))
    late = e.flow(world.holder, stamp("out", thursday), amount=D(-100), currency_code="USD")
    services.post(transactions=[late], now=CLOSE + timedelta(hours=2))
    assert services.value_evening_again(account_id=world.account.id, calendar="XNYS", now=CLOSE + timedelta(hours=2))
    assert (equity(world), flow(FRIDAY)) == (1500, -100)
    monday = MONDAY_OPEN + timedelta(hours=6, minutes=50)
    load_quotes({world.instrument.id: "60"}, at=monday)
    services.value_evenings(now=monday)
    assert (flow(thursday), flow(FRIDAY), flow(monday.date())) == (1600, -100, 0)


def test_a_flow_booked_after_its_evening_comes_with_the_next(world: World):
    services.value_evenings(now=CLOSE + timedelta(minutes=20))
    late = e.flow(world.holder, stamp("in", FRIDAY), amount=D(40), currency_code="USD")
    services.post(transactions=[late], now=CLOSE + timedelta(hours=2))
    monday = MONDAY_OPEN + timedelta(hours=6, minutes=50)
    load_quotes({world.instrument.id: "60"}, at=monday)
    services.value_evenings(now=monday)
    (row,) = EquitySnapshot.objects.filter(account=world.account, as_of=monday.date())
    assert (row.equity, row.external_flow) == (1640, 40)


def test_an_evening_that_was_never_valued_is_told_of_until_the_next_one(world: World):
    def told() -> list[str]:
        return [alert.message for alert in Alert.objects.filter(rule="ACC-3", ended_at=None)]

    thursday = CLOSE - timedelta(days=1) + timedelta(minutes=20)
    load_quotes({world.instrument.id: "59"}, at=thursday)
    services.value_evenings(now=thursday)
    services.value_evenings(now=CLOSE + timedelta(minutes=1))  # nothing is late yet
    assert told() == [] and EquitySnapshot.objects.exists()
    services.value_evenings(now=MONDAY_OPEN)
    (message,) = told()
    assert "2026-11-20 was never valued for 1 account at" in message
    services.value_evenings(now=MONDAY_OPEN + timedelta(hours=6, minutes=45))
    assert told() == []


def test_an_account_that_begins_has_missed_no_evening(world: World):
    services.value_evenings(now=MONDAY_OPEN)
    assert not Alert.objects.filter(rule="ACC-3").exists()


def test_an_account_opened_again_after_months_has_missed_no_evening(world: World):
    thursday = CLOSE - timedelta(days=1) + timedelta(minutes=20)
    load_quotes({world.instrument.id: "59"}, at=thursday)
    services.value_evenings(now=thursday)
    assert EquitySnapshot.objects.update(as_of=FRIDAY - timedelta(days=90))
    services.value_evenings(now=MONDAY_OPEN)
    assert not Alert.objects.filter(rule="ACC-3", ended_at=None, message__contains="never valued").exists()


def test_one_custodian_whose_evening_cannot_be_read_holds_up_no_other(world: World, caplog: pytest.LogCaptureFixture):
    wrong = make_account(opened_on=FRIDAY).custodian
    Custodian.objects.filter(pk=wrong.pk).update(calendar="NOWHERE")
    services.value_evenings(now=CLOSE + timedelta(minutes=20))
    assert equity(world) == 1600 and str(wrong.pk) in caplog.text
