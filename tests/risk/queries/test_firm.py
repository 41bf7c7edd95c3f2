"""RSK-3 and RSK-9 from the books: exposure by instrument and the day's loss."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from accounts.enums import Book, EntryType
from accounts.models import Account, EquitySnapshot, LedgerEntry, LedgerTransaction
from base import tenancy
from risk.queries import exposure_by_instrument, firm_day_loss
from tests.factories import make_account, make_firm, number
from tests.risk.scene import NOW, fund, hold, make_scene, make_share, quote, rate, reserve, snapshot

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture
def scene():
    with tenancy.firm(make_firm().id):
        yield make_scene()


def flow(account: Account, sleeve, amount: str, trade_date: date, *, instrument=None, basis: str = "0") -> None:
    """Book a deposit of money, or of units with their basis, as the ledger does."""
    dates = dict.fromkeys(("trade_date", "settle_date", "acquired_on"), trade_date)
    head = LedgerTransaction.objects.create(entry_type=EntryType.FLOW, source_key=f"flow{number()}", recorded_at=NOW, **dates)
    shared = {"transaction": head, "account": account, "sleeve": sleeve, "settle_date": trade_date}
    lines = [(Book.CASH, "USD", None, amount), (Book.CAPITAL, "USD", None, -D(amount))]
    if instrument is not None:
        lines = [(Book.POSITION, "", instrument.id, amount), (Book.TRADING, "", instrument.id, -D(amount))]
        lines += [(Book.TRADING, "USD", None, basis), (Book.CAPITAL, "USD", None, -D(basis))]
    LedgerEntry.objects.bulk_create(
        [LedgerEntry(book=book, currency=currency, instrument_id=key, amount=D(value), **shared) for book, currency, key, value in lines]
    )


def test_rsk_3_exposure_sums_accounts_and_working_orders(scene):
    rate("XEW", "USD", "1.5")
    foreign = make_share("10", currency="XEW", multiplier=D(2))
    other = fund(make_account())
    hold(scene.account, scene.sleeve, scene.share, 100)
    hold(other, scene.sleeve, scene.share, -30)
    hold(other, scene.sleeve, foreign, "0.5")
    reserve(other, scene.sleeve, scene.share, 5)
    reserve(scene.account, scene.sleeve, scene.share, 25, side="SELL")
    found = exposure_by_instrument(now=NOW)
    share, held = found.instruments[scene.share.id], found.instruments[foreign.id]
    assert (share.held.position, share.held.open_buy, share.held.open_sell) == (70, 5, 25)
    assert (share.working, share.on_side(1), share.on_side(-1)) == (50, 75, 45)
    assert (held.value(held.working), found.gross(), found.net(), found.unvalued) == (15, 2015, 2015, [])


def test_rsk_3_without_a_quote_the_last_completed_bar_marks(scene):
    share = make_share("7")
    hold(scene.account, scene.sleeve, share, 1)
    quote(share, "9", at=NOW - timedelta(hours=200))
    assert exposure_by_instrument(now=NOW).instruments[share.id].price == 7
    before = exposure_by_instrument(now=NOW - timedelta(minutes=1)).instruments[share.id]
    assert before.price == 7 and before.unit_value == 7


def test_con_5_a_sum_that_lacks_a_price_is_none(scene):
    unpriced = make_share(volume=0)
    hold(scene.account, scene.sleeve, unpriced, 1)
    later = NOW + timedelta(hours=97)
    found = exposure_by_instrument(now=later)
    assert (found.gross(), found.net(), found.unvalued) == (None, None, [unpriced.symbol])
    assert firm_day_loss(now=later) is None


def test_rsk_9_the_loss_is_measured_from_the_last_snapshot_before_the_reset(scene):
    assert firm_day_loss(now=NOW) == 0
    snapshot(scene.account, "103000", date(2026, 1, 2))
    assert firm_day_loss(now=NOW) == 3000
    snapshot(scene.account, "104000", date(2026, 1, 5))
    assert firm_day_loss(now=NOW) == 4000
    snapshot(scene.account, "100000", date(2026, 1, 6))
    assert firm_day_loss(now=NOW) == 4000
    assert firm_day_loss(now=NOW.replace(hour=22)) == 0


def test_rsk_9_one_accounts_gain_pays_for_anothers_loss(scene):
    other = fund(make_account())
    snapshot(scene.account, "104000")
    snapshot(other, "97000")
    assert firm_day_loss(now=NOW) == 1000


def test_rsk_9_flows_since_the_snapshot_are_neither_loss_nor_gain(scene):
    snapshot(scene.account, "90000")
    flow(scene.account, scene.sleeve, "15000", date(2026, 1, 6))
    flow(scene.account, scene.sleeve, "7000", date(2026, 1, 5))
    assert firm_day_loss(now=NOW) == 5000


def test_rsk_9_units_that_came_in_count_at_todays_price_not_at_their_basis(scene):
    snapshot(scene.account, "100000")
    hold(scene.account, scene.sleeve, scene.share, 100)
    flow(scene.account, scene.sleeve, "100", date(2026, 1, 6), instrument=scene.share, basis="90000")
    assert firm_day_loss(now=NOW) == 0


def test_rsk_9_an_account_that_opened_today_starts_with_what_came_in(scene):
    snapshot(scene.account, "100000")
    opened = fund(make_account(), "4000")
    flow(opened, scene.sleeve, "5000", date(2026, 1, 6))
    assert firm_day_loss(now=NOW) == 1000


def test_rsk_9_a_closed_account_is_no_loss_of_the_days_after(scene):
    """It lost 500 on the day it was emptied and closed: that day's loss, and no later one's."""
    snapshot(scene.account, "100000")
    closed = make_account(closed_on=date(2026, 1, 6))
    snapshot(closed, "60000")
    flow(closed, scene.sleeve, "-59500", date(2026, 1, 6))
    assert firm_day_loss(now=NOW) == 500
    snapshot(scene.account, "100000", date(2026, 1, 6))
    assert firm_day_loss(now=NOW + timedelta(days=1)) == 0


def test_rsk_9_a_withdrawal_booked_late_is_no_loss(scene):
    """Paid out on Monday, known on Tuesday, when Monday's evening had been valued with it."""
    snapshot(scene.account, "130000")
    EquitySnapshot.objects.update(valued_at=NOW - timedelta(hours=12))
    flow(scene.account, scene.sleeve, "-30000", date(2026, 1, 5))
    assert firm_day_loss(now=NOW) == 0
    EquitySnapshot.objects.update(valued_at=NOW + timedelta(hours=1))
    assert firm_day_loss(now=NOW) == 30_000, "the evening held it already"
