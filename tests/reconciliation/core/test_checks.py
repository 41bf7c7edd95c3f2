"""REC-1 deadlines, REC-5 corporate actions, REC-8 three-way and fills, REC-9 position sync."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from reconciliation.core.actions import dividend_receivable, merge, split
from reconciliation.core.checks import fills_against_orders, sync_options, three_way
from reconciliation.core.sla import cut_off, due_at, run_state
from reconciliation.enums import CutOff, RunState, SyncAction, SyncCause

D = Decimal
CLOSE = datetime(2026, 3, 2, 21, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "day", "expected"),
    [
        (CutOff.FX_NEW_YORK, date(2026, 1, 15), "2026-01-15T22:00:00+00:00"),
        (CutOff.FX_NEW_YORK, date(2026, 3, 6), "2026-03-06T22:00:00+00:00"),
        (CutOff.FX_NEW_YORK, date(2026, 3, 9), "2026-03-09T21:00:00+00:00"),
        (CutOff.CRYPTO_UTC, date(2026, 3, 2), "2026-03-03T00:00:00+00:00"),
    ],
)
def test_rec_1_cut_offs_follow_daylight_saving(kind, day, expected):
    assert cut_off(kind, day).isoformat() == expected


def test_rec_1_an_exchange_closes_when_its_calendar_says():
    assert cut_off(CutOff.EXCHANGE_CLOSE, CLOSE.date(), CLOSE) == CLOSE
    with pytest.raises(ValueError, match="close"):
        cut_off(CutOff.EXCHANGE_CLOSE, CLOSE.date())


def test_rec_1_60_minutes_after_close_and_then_incomplete():
    due = due_at(CLOSE)
    assert due - CLOSE == timedelta(minutes=60)
    assert run_state(due, due, None) is RunState.PENDING
    assert run_state(due, due + timedelta(microseconds=1), None) is RunState.INCOMPLETE
    assert run_state(due, due, due) is RunState.COMPLETE
    assert run_state(due, due, CLOSE, RunState.INCOMPLETE) is RunState.INCOMPLETE


def test_rec_5_split_3_for_2_of_101_shares():
    outcome = split(D(101), D(30), Fraction(3, 2), D(21))
    assert outcome.raw_quantity == Fraction("151.5") and outcome.unit_basis == 20
    assert (outcome.quantity, outcome.basis) == (151, D("3020.00"))
    assert (outcome.cash_in_lieu, outcome.gain) == (D("10.50"), D("0.50"))
    assert outcome.basis + outcome.cash_in_lieu - outcome.gain == 101 * 30


def test_rec_5_a_short_splits_as_the_mirror_image():
    outcome = split(D(-101), D(30), Fraction(3, 2), D(21))
    assert (outcome.quantity, outcome.cash_in_lieu, outcome.gain) == (-151, D("-10.50"), D("-0.50"))


def test_rec_5_dividend_is_prior_close_quantity_times_rate():
    assert dividend_receivable(D(-40), D("0.125")) == D("-5.00")


@pytest.mark.parametrize(
    ("basis", "taxed", "new_basis"), [(3000, "500.00", "3000.00"), (4400, "100.00", "4000.00"), (5000, "0.00", "4500.00")]
)
def test_rec_5_a_merger_taxes_the_gain_up_to_the_boot(basis, taxed, new_basis):
    outcome = merge(D(100), D(basis), Fraction(1, 2), D(500), D(80))
    assert (outcome.quantity, outcome.taxed_gain, outcome.basis) == (50, D(taxed), D(new_basis))


@pytest.mark.parametrize(
    ("ledger", "feed", "official", "odd"),
    [(5, 5, 6, "OFFICIAL"), (5, 6, 5, "FEED"), (6, 5, 5, "LEDGER"), (1, 2, 3, "ALL"), (5, 5, None, "OFFICIAL"), (None, 5, 5, "LEDGER")],
)
def test_rec_8_three_way_names_the_odd_one(ledger, feed, official, odd):
    sides = [{} if value is None else {("A", "USD"): D(value)} for value in (ledger, feed, official)]
    (finding,) = three_way(*sides)
    assert finding.odd == odd and finding.official == (None if official is None else D(official))


def test_rec_8_three_that_agree_give_nothing():
    assert three_way({"x": D(1), "y": D(0)}, {"x": D("1.0")}, {"x": D(1)}) == []


def test_rec_8_fills_must_sum_to_their_order():
    found = fills_against_orders({"o1": D(100), "o2": D(50)}, {"o1": D(100), "o2": D(40), "o3": D(5)})
    assert [(item.order, item.difference) for item in found] == [("o2", D(-10)), ("o3", D(5))]


def sync(ideal, actual, cause=SyncCause.UNFILLED, slippage="0.01", seconds=60):
    return sync_options(
        "A", "XYZ", ideal=D(ideal), actual=D(actual), cause=cause, slippage=D(slippage), slippage_limit=D("0.01"), seconds_since=seconds
    )


@pytest.mark.parametrize("cause", list(SyncCause))
def test_rec_9_realign_accept_or_detach(cause):
    assert sync(10, 7, cause).actions == (SyncAction.REALIGN, SyncAction.ACCEPT, SyncAction.DETACH)


@pytest.mark.parametrize(("slippage", "seconds"), [("0.0101", 10), ("-0.02", 10), ("0", 61)])
def test_rec_9_nothing_is_chased_beyond_cpy_6(slippage, seconds):
    assert SyncAction.REALIGN not in sync(10, 7, slippage=slippage, seconds=seconds).actions
    assert SyncAction.REALIGN in sync(7, 10, slippage=slippage, seconds=seconds).actions
    assert SyncAction.REALIGN not in sync(-1, 10, slippage=slippage, seconds=seconds).actions


def test_rec_9_in_step_is_no_finding():
    assert sync(7, 7) is None
