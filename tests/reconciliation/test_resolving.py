"""REC-7: typed adjustments with reason, evidence and a second person; the ledger only grows."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.models import CashBalance, EquitySnapshot, LedgerEntry, LedgerTransaction, Position
from accounts.services import snapshot_equity
from base import tenancy
from base.errors import NotFound, Refused
from governance.enums import Role
from governance.models import AuditEvent
from governance.queries import actor_for
from governance.services import approve
from reconciliation.enums import AdjustmentKind
from reconciliation.models import Adjustment, Break
from reconciliation.services import (
    UnableToResolve,
    assign_break,
    reconcile_custodian,
    request_adjustment,
    resolve_break,
    take_snapshot_from_file,
)
from tests.factories import make_firm, make_user

from .books import DAY, EVENING, CustodianFile, fill, make_scene

pytestmark = pytest.mark.django_db
LATER = EVENING + timedelta(minutes=5)


@pytest.fixture
def scene():
    with tenancy.firm(make_firm().id):
        yield make_scene()


@pytest.fixture
def people(scene):
    return [actor_for(make_user(Role.OPERATIONS).id) for _ in range(2)]


def reconciled(scene, file, now=EVENING):
    taken = take_snapshot_from_file(custodian_id=scene.custodian.id, data=file.data(), now=now)
    return reconcile_custodian(custodian_id=scene.custodian.id, as_of=DAY, now=now, taken=taken)


def resolve(row, wanted, people, now=LATER, **changed):
    asker, second = people
    terms = {"break_id": row.id, "kind": wanted, "reason": "custodian's confirmation 4711", "evidence": "confirm-4711.pdf", "now": now}
    approval_id = request_adjustment(**terms, actor=asker)
    approve(approval_id=approval_id, actor=second, now=now, reason="compared with the confirmation")
    return resolve_break(**{**terms, **changed}, approval_id=approval_id, actor=asker)


def quiet(scene):
    """A custodian that shows a fill in the first account which we never booked."""
    file = CustodianFile(scene).position("100").cash("244999", "250000").cash("250000", "250000", account=1)
    return file.trade(100, "50", "X1").fee("-1")


def test_rec_7_an_extra_fill_is_booked_and_its_fee_and_the_day_then_agrees(scene, people):
    reconciled(scene, quiet(scene))
    before = set(LedgerEntry.objects.values_list("id", flat=True))
    snapshot_equity(as_of=DAY, now=EVENING)
    evening = EquitySnapshot.objects.get(account=scene.accounts[0])
    assert evening.cash == 250_000
    made = resolve(Break.objects.get(break_type="EXTRA_FILL"), AdjustmentKind.BOOK_FILL, people)
    evening.refresh_from_db()
    assert evening.cash == 245_000, "the evening is of the corrected books"
    assert made.state == "RESOLVED" and before < set(LedgerEntry.objects.values_list("id", flat=True))
    head = LedgerTransaction.objects.get(id=made.transaction_id)
    assert (head.entry_type, head.trade_date, str(head.settle_date)) == ("ADJUSTMENT", DAY, "2026-01-06")
    assert Position.objects.get(account=scene.accounts[0]).quantity == 100
    reconciled(scene, quiet(scene), LATER + timedelta(minutes=1))
    open_now = sorted(Break.objects.filter(closed_at=None).values_list("item_kind", "difference"))
    assert open_now == []  # a commission of 1.00 is within its tolerance (REC-3)


def test_rec_7_a_missing_fill_is_busted_without_touching_the_old_entries(scene, people):
    fill(scene, 100, "50", "X1")
    entries_before = list(LedgerEntry.objects.order_by("id").values())
    file = CustodianFile(scene).cash("249999", "249999").cash("250000", "250000", account=1).fee("-1")
    reconciled(scene, file)
    resolve(Break.objects.get(break_type="MISSING_FILL"), AdjustmentKind.BUST_FILL, people)
    old = [row["id"] for row in entries_before]
    assert entries_before == list(LedgerEntry.objects.filter(id__in=old).order_by("id").values())
    assert Position.objects.get(account=scene.accounts[0]).quantity == 0
    reconciled(scene, file, LATER + timedelta(minutes=1))
    assert list(Break.objects.filter(closed_at=None)) == []


def test_rec_7_a_fee_is_booked_as_a_fee(scene, people):
    file = CustodianFile(scene).cash("249970", "249970").cash("250000", "250000", account=1).fee("-30", kind="CUSTODY_FEE")
    reconciled(scene, file)
    made = resolve(Break.objects.get(item_kind="FEE"), AdjustmentKind.FEE, people)
    assert sum(CashBalance.objects.filter(account=scene.accounts[0]).values_list("amount", flat=True)) == Decimal(249_970)
    row = Adjustment.objects.get()
    assert (row.kind, row.transaction_id, row.evidence) == ("FEE", made.transaction_id, "confirm-4711.pdf")
    event = AuditEvent.objects.get(action="LEDGER_ADJUSTED")
    assert (event.rule, event.approval_id) == ("REC-7", row.approval_id)
    assert reconciled(scene, file, LATER + timedelta(minutes=1)).open == 0


def test_rec_7_a_kind_that_does_not_fit_is_refused(scene, people):
    reconciled(scene, quiet(scene))
    with pytest.raises(UnableToResolve) as refused:
        resolve(Break.objects.get(break_type="EXTRA_FILL"), AdjustmentKind.CASH, people)
    assert refused.value.code == "KIND_NOT_ALLOWED" and Adjustment.objects.count() == 0


@pytest.mark.parametrize(
    "changed", [{"reason": "another reason"}, {"evidence": "other.pdf"}, {"kind": AdjustmentKind.CUSTODIAN_CORRECTION}]
)
def test_gov_4_what_is_done_is_what_was_approved(scene, people, changed):
    reconciled(scene, quiet(scene))
    with pytest.raises(Refused) as refused:
        resolve(Break.objects.get(break_type="EXTRA_FILL"), AdjustmentKind.BOOK_FILL, people, **changed)
    assert refused.value.code == "CONTENT_CHANGED" and Adjustment.objects.count() == 0


def test_gov_4_nobody_approves_their_own_adjustment(scene, people):
    reconciled(scene, quiet(scene))
    with pytest.raises(Refused) as refused:
        resolve(Break.objects.get(break_type="EXTRA_FILL"), AdjustmentKind.BOOK_FILL, [people[0], people[0]])
    assert refused.value.code == "SAME_PERSON"


def test_rec_7_a_claim_posts_nothing_and_leaves_the_break_open(scene, people):
    reconciled(scene, quiet(scene))
    row = Break.objects.get(break_type="EXTRA_FILL")
    made = resolve(row, AdjustmentKind.CUSTODIAN_CORRECTION, people)
    assert made.transaction_id is None and made.state == "OPEN" and Adjustment.objects.count() == 1


def test_rec_7_the_same_money_is_not_booked_twice(scene, people):
    reconciled(scene, quiet(scene))
    resolve(Break.objects.get(break_type="EXTRA_FILL"), AdjustmentKind.BOOK_FILL, people)
    with pytest.raises(UnableToResolve) as refused:
        resolve(Break.objects.get(item_kind="CASH_TD"), AdjustmentKind.CASH, people)
    assert refused.value.code == "RUN_AGAIN"


def test_rec_7_a_fill_that_came_after_the_run_is_not_booked_a_second_time_by_its_adjustment(scene, people):
    reconciled(scene, quiet(scene))
    row = Break.objects.get(break_type="EXTRA_FILL")
    terms = {"break_id": row.id, "kind": AdjustmentKind.BOOK_FILL, "reason": "confirmed", "evidence": "4711.pdf", "now": LATER}
    approval_id = request_adjustment(**terms, actor=people[0])
    approve(approval_id=approval_id, actor=people[1], now=LATER, reason="seen")
    fill(scene, 100, "50", "X1")  # the broker's report came late
    with pytest.raises(UnableToResolve) as refused:
        resolve_break(**terms, approval_id=approval_id, actor=people[0])
    assert refused.value.code == "RUN_AGAIN"
    assert Position.objects.get(account=scene.accounts[0]).quantity == 100
    assert reconciled(scene, quiet(scene), LATER + timedelta(minutes=1)).open == 0


def test_rec_7_books_that_moved_without_curing_a_break_are_looked_at_again_and_then_adjusted(scene, people):
    reconciled(scene, quiet(scene))
    fill(scene, 7, "50", "X8")
    fill(scene, -7, "50", "X9")
    row = Break.objects.get(break_type="EXTRA_FILL")
    with pytest.raises(UnableToResolve) as refused:
        resolve(row, AdjustmentKind.BOOK_FILL, people)
    assert refused.value.code == "RUN_AGAIN"
    reconciled(scene, quiet(scene), LATER + timedelta(minutes=1))
    row.refresh_from_db()
    assert resolve(row, AdjustmentKind.BOOK_FILL, people, now=LATER + timedelta(minutes=2)).state == "RESOLVED"


def test_gov_4_an_approval_serves_once(scene, people):
    reconciled(scene, quiet(scene))
    row = Break.objects.get(break_type="EXTRA_FILL")
    terms = {"break_id": row.id, "kind": AdjustmentKind.CUSTODIAN_CORRECTION, "reason": "claim", "evidence": "4711.pdf", "now": LATER}
    approval_id = request_adjustment(**terms, actor=people[0])
    approve(approval_id=approval_id, actor=people[1], now=LATER, reason="seen")
    resolve_break(**terms, approval_id=approval_id, actor=people[0])
    with pytest.raises(Refused):
        resolve_break(**terms, approval_id=approval_id, actor=people[0])
    assert Adjustment.objects.count() == 1


def test_rec_7_a_closed_break_stays_closed(scene, people):
    reconciled(scene, quiet(scene))
    row = Break.objects.get(break_type="EXTRA_FILL")
    resolve(row, AdjustmentKind.BOOK_FILL, people)
    with pytest.raises(UnableToResolve, match="RESOLVED"):
        resolve(row, AdjustmentKind.BOOK_FILL, people)


def test_gov_4_figures_that_changed_since_need_a_new_approval(scene, people):
    reconciled(scene, quiet(scene))
    row = Break.objects.get(break_type="EXTRA_FILL")
    terms = {"break_id": row.id, "kind": AdjustmentKind.BOOK_FILL, "reason": "confirmed", "evidence": "4711.pdf", "now": LATER}
    approval_id = request_adjustment(**terms, actor=people[0])
    approve(approval_id=approval_id, actor=people[1], now=LATER, reason="seen")
    other = CustodianFile(scene).position("90").cash("245499", "250000").cash("250000", "250000", account=1)
    reconciled(scene, other.trade(90, "50", "X1").fee("-1"), LATER + timedelta(minutes=1))
    with pytest.raises(Refused) as refused:
        resolve_break(**terms, approval_id=approval_id, actor=people[0])
    assert refused.value.code == "CONTENT_CHANGED"


def test_rec_6_a_break_has_an_owner(scene, people):
    reconciled(scene, quiet(scene))
    row = Break.objects.get(break_type="EXTRA_FILL")
    assign_break(break_id=row.id, owner_id=int(people[1].user_id), actor=people[0], now=LATER)
    row.refresh_from_db()
    assert row.owner_id == int(people[1].user_id)


def test_i9_a_break_of_another_firm_does_not_exist():
    ours, theirs = make_firm(), make_firm()
    with tenancy.firm(ours.id):
        scene = make_scene()
        reconciled(scene, quiet(scene))
        row = Break.objects.get(break_type="EXTRA_FILL")
    with tenancy.firm(theirs.id):
        stranger = actor_for(make_user(Role.OPERATIONS).id)
        with pytest.raises(NotFound):
            assign_break(break_id=row.id, owner_id=None, actor=stranger, now=LATER)
        with pytest.raises(NotFound):
            reconcile_custodian(custodian_id=scene.custodian.id, as_of=DAY, now=EVENING)
