"""Runs against the real database: what agrees, what breaks, and what a repetition does (REC-1 to REC-4)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from base import tenancy
from governance.models import Alert, AuditEvent
from reconciliation.enums import BreakState, RunState
from reconciliation.models import Break, CustodianSnapshot, ReconciliationRun
from reconciliation.services import RunFacts, UnableToTakeSnapshot, reconcile_custodian, take_snapshot_from_file
from tests.factories import make_firm

from .books import DAY, EVENING, NEXT, NEXT_EVENING, CustodianFile, Scene, fill, make_scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    with tenancy.firm(make_firm().id):
        yield make_scene()


def agreed(scene: Scene) -> CustodianFile:
    """The custodian's side of one bought fill of 100 at 50 in the first account."""
    file = CustodianFile(scene).position("100").cash("244999", "250000").cash("250000", "250000", account=1)
    return file.trade(100, "50", "X1").fee("-1")


def run(scene: Scene, file: CustodianFile, now: datetime = EVENING) -> RunFacts:
    taken = take_snapshot_from_file(custodian_id=scene.custodian.id, data=file.data(), now=now)
    return reconcile_custodian(custodian_id=scene.custodian.id, as_of=file.as_of, now=now, taken=taken)


def breaks() -> list[tuple[str, str, str]]:
    return sorted(Break.objects.filter(closed_at=None).values_list("item_kind", "break_type", "state"))


def test_rec_1_a_custodian_that_agrees_gives_a_complete_run_without_breaks(scene):
    fill(scene, 100, "50", "X1")
    facts = run(scene, agreed(scene))
    assert (facts.state, facts.open, facts.reasons, facts.late) == (RunState.COMPLETE, 0, (), False)
    assert facts.items == 7 and facts.due_at == datetime.fromisoformat("2026-01-05T22:00Z")
    assert Alert.objects.count() == 0
    assert AuditEvent.objects.filter(action="RECONCILED").count() == 1


def test_a_repeated_run_changes_nothing(scene):
    fill(scene, 100, "50", "X1")
    file = CustodianFile(scene).position("101").cash("244000", "250000")
    file.cash("250000", "250000", account=1).trade(100, "50", "X1").fee("-1")
    first = run(scene, file)
    before = [list(model.objects.order_by("pk").values()) for model in (Break, ReconciliationRun, CustodianSnapshot, AuditEvent, Alert)]
    again = run(scene, file, EVENING.replace(minute=45))
    assert again.repeated and not first.repeated and again.id == first.id and again.opened == again.closed == 0
    assert before == [
        list(model.objects.order_by("pk").values()) for model in (Break, ReconciliationRun, CustodianSnapshot, AuditEvent, Alert)
    ]


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [("250125", []), ("250125.01", [("CASH_TD", "CASH", "OPEN")]), ("249874.99", [("CASH_TD", "CASH", "OPEN")]), ("249875", [])],
)
def test_rec_2_a_difference_above_five_basis_points_of_equity_breaks(scene, theirs, expected):
    file = CustodianFile(scene).cash(theirs, "250000").cash("250000", "250000", account=1)
    facts = run(scene, file)
    assert breaks() == expected and facts.material == len(expected)


def test_rec_2_a_quantity_is_logged_even_below_tolerance():
    with tenancy.firm(make_firm().id):
        _check_small_quantity(make_scene(mark="0.50"))


def _check_small_quantity(scene):
    fill(scene, 100, "0.50", "X1")
    file = CustodianFile(scene).position("101", price="0.50").cash("249949", "250000").cash("250000", "250000", account=1)
    facts = run(scene, file.trade(100, "0.50", "X1").fee("-1"))
    assert breaks() == [("POSITION", "QUANTITY", "OPEN")] and facts.material == 0
    row = Break.objects.get()
    assert (row.ours, row.theirs, row.difference, row.value_difference, row.rule) == (100, 101, 1, Decimal("0.50"), "REC-2 logged")


def test_con_5_what_cannot_be_valued_is_material():
    with tenancy.firm(make_firm().id):
        _check_unvalued(make_scene(mark=""))


def _check_unvalued(scene):
    fill(scene, 100, "50", "X1")
    file = (
        CustodianFile(scene).position("101").cash("244999", "250000").cash("250000", "250000", account=1).trade(100, "50", "X1").fee("-1")
    )
    assert run(scene, file).material == 1
    assert Break.objects.get().rule == "CON-5"


def test_rec_3_missing_extra_and_fee(scene):
    fill(scene, 100, "50", "X1")
    file = CustodianFile(scene).position("20", account=1, price="40").cash("249999", "249999").cash("249200", "250000", account=1)
    facts = run(scene, file.trade(20, "40", "Y9", account=1).fee("-100"))
    assert ("TRADE", "MISSING_FILL", "OPEN") in breaks() and ("TRADE", "EXTRA_FILL", "OPEN") in breaks()
    assert ("FEE", "COMMISSION", "OPEN") in breaks()
    extra = Break.objects.get(break_type="EXTRA_FILL")
    assert (extra.exec_id, extra.theirs, extra.price, extra.cash_difference, extra.settles_on) == ("Y9", 20, 40, -800, NEXT)
    assert facts.state == RunState.COMPLETE


def test_rec_3_a_fee_may_differ_by_one_or_a_hundredth(scene):
    fill(scene, 100, "50", "X1")
    file = CustodianFile(scene).position("100").cash("244998", "249998").cash("250000", "250000", account=1)
    assert run(scene, file.trade(100, "50", "X1").fee("-2")).open == 0
    other = CustodianFile(scene).position("100").cash("244998", "249998").cash("250000", "250000", account=1)
    assert run(scene, other.trade(100, "50", "X1").fee("-2.01")).open == 1


def test_rec_3_kinds_of_fees_that_our_books_do_not_tell_apart_are_one(scene):
    from accounts.core import entries

    from .books import book

    book([entries.fee(scene.holder(), scene.stamp(), amount=Decimal(30), currency_code="USD")])
    file = CustodianFile(scene).cash("249970", "249970").cash("250000", "250000", account=1)
    assert run(scene, file.fee("-20", kind="CUSTODY_FEE").fee("-10", kind="MANAGEMENT_FEE")).open == 0


def test_rec_4_a_settle_date_difference_waits_and_matches_itself(scene):
    fill(scene, 100, "50", "X1")
    late = agreed(scene)
    late.rows["TRADE"].clear()
    late.totals["TRADE"] = Decimal(0)
    run(scene, late.trade(100, "50", "X1", settles=NEXT.replace(day=7)))
    assert breaks() == [("TRADE", "SETTLE_DATE_TIMING", "WAITING")]
    tuesday = CustodianFile(scene, NEXT).position("100").cash("244999", "249999").cash("250000", "250000", account=1)
    run(scene, tuesday, NEXT_EVENING)
    assert breaks() == [("CASH_SD", "SETTLE_DATE_TIMING", "WAITING"), ("TRADE", "SETTLE_DATE_TIMING", "WAITING")]
    wednesday = CustodianFile(scene, NEXT.replace(day=7)).position("100").cash("244999", "244999").cash("250000", "250000", account=1)
    facts = run(scene, wednesday, NEXT_EVENING.replace(day=7))
    assert breaks() == [] and facts.closed == 2
    assert set(Break.objects.values_list("state", flat=True)) == {BreakState.SELF_MATCHED}


def test_rec_6_a_break_keeps_its_row_and_its_first_day(scene):
    fill(scene, 100, "50", "X1")
    bad = CustodianFile(scene).position("101", price="50").cash("244999", "250000").cash("250000", "250000", account=1)
    run(scene, bad.trade(100, "50", "X1").fee("-1"))
    first = Break.objects.get()
    worse = CustodianFile(scene, NEXT).position("103", price="50").cash("244999", "244999").cash("250000", "250000", account=1)
    facts = run(scene, worse, NEXT_EVENING)
    row = Break.objects.get()
    assert (row.id, row.opened_on, row.difference, row.run_id) == (first.id, DAY, 3, facts.id)
    right = (
        CustodianFile(scene, NEXT.replace(day=7)).position("100", price="50").cash("244999", "244999").cash("250000", "250000", account=1)
    )
    assert run(scene, right, NEXT_EVENING.replace(day=7)).closed == 1
    row.refresh_from_db()
    assert row.state == BreakState.RESOLVED and row.closed_at == NEXT_EVENING.replace(day=7)


def test_rec_6_a_missing_fill_of_yesterday_stays_until_the_holding_agrees(scene):
    fill(scene, 100, "50", "X1")
    run(scene, CustodianFile(scene).cash("250000", "250000").cash("250000", "250000", account=1))
    assert ("TRADE", "MISSING_FILL", "OPEN") in breaks()
    run(scene, CustodianFile(scene, NEXT).cash("250000", "250000").cash("250000", "250000", account=1), NEXT_EVENING)
    assert ("TRADE", "MISSING_FILL", "OPEN") in breaks()
    third = CustodianFile(scene, NEXT.replace(day=7)).position("100").cash("244999", "244999").cash("250000", "250000", account=1)
    run(scene, third, NEXT_EVENING.replace(day=7))
    assert breaks() == []


def test_rec_1_a_missing_file_is_incomplete_with_one_alert(scene):
    facts = reconcile_custodian(custodian_id=scene.custodian.id, as_of=DAY, now=EVENING.replace(hour=22, minute=1))
    assert (facts.state, facts.reasons, facts.late) == (RunState.INCOMPLETE, ("no file",), True)
    alert = Alert.objects.get()
    assert (alert.rule, alert.ended_at) == ("REC-1", None)
    reconcile_custodian(custodian_id=scene.custodian.id, as_of=DAY, now=EVENING.replace(hour=22, minute=5))
    assert ReconciliationRun.objects.count() == Alert.objects.count() == 1
    late = run(scene, CustodianFile(scene).cash("250000", "250000").cash("250000", "250000", account=1), EVENING.replace(hour=23))
    assert late.state == RunState.COMPLETE and late.late
    alert.refresh_from_db()
    assert alert.ended_at is not None


@pytest.mark.parametrize("without", ["POSITION", "CASH_SD", "TRADE", "FEE"])
def test_rec_1_a_section_that_was_not_delivered_is_incomplete_and_closes_nothing(scene, without):
    fill(scene, 100, "50", "X1")
    run(
        scene,
        CustodianFile(scene).position("101").cash("250000", "250000").cash("250000", "250000", account=1).trade(100, "50", "X1").fee("-1"),
    )
    open_before = Break.objects.filter(closed_at=None, item_kind=without).count()
    file = CustodianFile(scene, NEXT).position("100").cash("244999", "244999").cash("250000", "250000", account=1)
    file.rows[without].clear()
    taken = take_snapshot_from_file(custodian_id=scene.custodian.id, data=file.data(without=[without]), now=NEXT_EVENING)
    facts = reconcile_custodian(custodian_id=scene.custodian.id, as_of=NEXT, now=NEXT_EVENING, taken=taken)
    assert facts.state == RunState.INCOMPLETE and not taken.is_complete
    assert Break.objects.filter(closed_at=None, item_kind=without).count() == open_before


def test_rec_1_an_account_that_was_not_reported_is_incomplete(scene):
    file = CustodianFile(scene).cash("250000", "250000")
    file.accounts = [0]
    facts = run(scene, file)
    assert facts.state == RunState.INCOMPLETE and facts.open == 0
    assert ReconciliationRun.objects.get().incomplete == [scene.accounts[1].id]


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (lambda data: data[:-40], "CSV-TRUNCATED"),
        (lambda data: data.replace(b",250000,", b",25000O,", 1), "CSV-NUMBER"),
        (lambda data: data.replace(b"FILE,CUST", b"FILE,OTHER", 1), "WRONG_CUSTODIAN"),
        (lambda data: data.replace(b"2026-01-05", b"2026-01-04"), "NOT_A_SESSION"),
        (lambda data: data.replace(b"END,,CASH_TD,,,2", b"END,,CASH_TD,,,3"), "CSV-CONTROL"),
        (lambda data: b"", "CSV-TRUNCATED"),
    ],
)
def test_a_bad_file_writes_nothing_and_its_run_is_incomplete(scene, spoil, rule):
    data = spoil(CustodianFile(scene).cash("250000", "250000").cash("250000", "250000", account=1).data())
    with pytest.raises(UnableToTakeSnapshot) as refused:
        take_snapshot_from_file(custodian_id=scene.custodian.id, data=data, now=EVENING)
    assert refused.value.code == rule
    assert CustodianSnapshot.objects.count() == ReconciliationRun.objects.count() == Break.objects.count() == 0
    facts = reconcile_custodian(custodian_id=scene.custodian.id, as_of=DAY, now=EVENING, refused=str(refused.value))
    assert facts.state == RunState.INCOMPLETE and facts.reasons == (str(refused.value),)


def test_what_is_booked_later_for_a_later_date_is_not_in_the_days_expectation(scene):
    fill(scene, 100, "50", "X1")
    fill(scene, 50, "51", "X2", day=NEXT, settles=NEXT.replace(day=7))
    assert run(scene, agreed(scene)).open == 0


def test_i9_another_firm_sees_nothing_of_it(scene):
    run(scene, CustodianFile(scene).cash("1", "1").cash("250000", "250000", account=1))
    assert Break.objects.count() == 2
