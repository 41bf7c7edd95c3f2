"""ALC-1, DESIGN §4.5: a release freezes exactly what was previewed, once, or says what has changed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction

from accounts import services as accounts
from accounts.models import Account
from allocation.core.signal_body import SignalBody
from allocation.core.statement import AllocationStatement as Statement
from allocation.enums import SizingMethod
from allocation.models import AllocationLine, AllocationStatement, Signal
from allocation.services import UnableToFreeze
from base import tenancy
from execution.models import ChildOrder, ParentOrder
from execution.services.release import ReleaseFacts, run_signal
from governance.models import AuditEvent, GateRecord
from risk import services as risk
from risk.enums import FirmLimitKind
from tests.desk import SECOND, Desk, make_desk, together

pytestmark = pytest.mark.django_db


def lines(desk: Desk) -> dict[str, Decimal]:
    with tenancy.firm(desk.firm_id):
        codes = dict(Account.objects.values_list("id", "code"))
        return {codes[pk]: quantity for pk, quantity in AllocationLine.objects.values_list("account_id", "quantity")}


def count(desk: Desk, *models: type) -> list[int]:
    with tenancy.firm(desk.firm_id):
        return [model.objects.count() for model in models]


def test_alc_1_a_release_freezes_what_was_previewed_before_any_order_stands(desk: Desk):
    signal = desk.receive("0.01")
    preview = desk.preview(signal)
    released = desk.release(signal, preview, now=desk.now + SECOND)
    with tenancy.firm(desk.firm_id):
        row = AllocationStatement.objects.get(pk=released.statement_id)
        frozen = Statement.from_bytes(bytes(row.frozen))
        assert (frozen.sha256, frozen.preview_hash) == (row.hash, preview.hash)
        assert (row.revision, row.decided_at, row.price_scope) == (1, desk.now + SECOND, "BLOCK")
        assert Signal.objects.get(pk=signal.id).state == "released"
        assert min(ChildOrder.objects.values_list("created_at", flat=True)) >= row.decided_at
    shown = dict(zip(preview.sized.accounts.codes, preview.sized.result.lots[:, 0].tolist(), strict=True))
    assert lines(desk) == shown
    ordered = sum(order.quantity for order in desk.orders(released))
    assert ordered == sum(shown.values()) == sum(p.quantity for p in desk.parents(released).values())


def test_alc_1_a_frozen_statement_and_its_lines_cannot_be_changed_or_removed(desk: Desk):
    desk.release(desk.receive("0.01"))
    with tenancy.firm(desk.firm_id):
        for change in (
            lambda: AllocationLine.objects.update(quantity=1),
            lambda: AllocationStatement.objects.update(hash="0" * 64),
            lambda: AllocationLine.objects.all()._raw_delete("default"),
        ):
            with pytest.raises(DatabaseError), transaction.atomic():
                change()


def test_rte_7_a_second_release_answers_the_first_one_and_writes_nothing(desk: Desk):
    signal = desk.receive("0.01")
    preview = desk.preview(signal)
    first = desk.release(signal, preview)
    before = count(desk, AllocationStatement, ParentOrder, ChildOrder, AuditEvent)
    again = desk.release(signal, preview, now=desk.now + SECOND)
    assert (again.repeated, again.journey_id, again.statement_id, again.parents) == (
        True,
        first.journey_id,
        first.statement_id,
        first.parents,
    )
    assert count(desk, AllocationStatement, ParentOrder, ChildOrder, AuditEvent) == before
    late = desk.release(signal, preview, now=desk.now + 900 * SECOND)
    assert late.repeated, "what was released stays released when its preview has long expired"


def test_rte_7_four_releases_at_once_are_one():
    desk = make_desk(committed=True)

    def ready():
        signal = desk.receive("0.01")
        return signal, desk.preview(signal)

    ((signal, preview),) = together(ready)
    answers = together(*[lambda: desk.release(signal, preview)] * 4)
    assert all(isinstance(answer, ReleaseFacts) for answer in answers), answers
    assert sorted(answer.repeated for answer in answers) == [False, True, True, True]
    assert len({answer.statement_id for answer in answers}) == 1 and len({answer.parents for answer in answers}) == 1
    statements, parents, orders = count(desk, AllocationStatement, ParentOrder, ChildOrder)
    assert (statements, parents, orders) == (1, 1, 4)


def test_rte_7_one_program_running_one_signal_twice_at_once_releases_once():
    desk = make_desk(committed=True)
    body = SignalBody(strategy="CORE", symbol="XYZ", method=SizingMethod.TARGET_WEIGHT, figure=Decimal("0.01"))
    terms = {"firm_id": desk.firm_id, "source": "p", "idempotency_key": "k", "body": body, "actor": desk.trader, "now": desk.now}
    answers = together(*[lambda: run_signal(**terms)] * 3)
    assert all(isinstance(answer, ReleaseFacts) for answer in answers), answers
    assert sorted(answer.repeated for answer in answers) == [False, True, True]
    assert count(desk, Signal, AllocationStatement, ParentOrder) == [1, 1, 1]


def test_a_release_of_what_has_changed_names_account_field_and_numbers(desk: Desk):
    signal = desk.receive("0.01")
    preview = desk.preview(signal)
    desk.hold({"A1": 3})
    with pytest.raises(UnableToFreeze) as refused:
        desk.release(signal, preview)
    assert refused.value.code == "preview_changed"
    rows = {(row["account"], row["field"]): (row["before"], row["after"]) for row in refused.value.context["differences"]}
    assert rows[str(desk.firm.accounts["A1"]), "position"] == (0, 3 * 10**8)
    assert {account for account, _ in rows} == {str(desk.firm.accounts["A1"])}
    assert count(desk, AllocationStatement, ParentOrder, ChildOrder) == [0, 0, 0]
    assert not desk.release(signal).repeated, "a new preview releases"


def test_alc_1_a_limit_that_moved_without_changing_a_quantity_is_a_difference_too(desk: Desk):
    signal = desk.receive("0.001")
    preview = desk.preview(signal)
    with tenancy.firm(desk.firm_id):
        Account.objects.filter(code="A1").update(position_cap_rate=Decimal("0.09"))
    with pytest.raises(UnableToFreeze) as refused:
        desk.release(signal, preview)
    rows = refused.value.context["differences"]
    assert [(row["field"], row["before"], row["after"]) for row in rows] == [("class_cap", 10_000_000, 9_000_000)]


def test_gov_2_an_account_that_lost_its_authority_meanwhile_is_a_difference(desk: Desk):
    signal = desk.receive("0.01")
    preview = desk.preview(signal)
    with tenancy.firm(desk.firm_id):
        GateRecord.objects.filter(subject_id=desk.firm.accounts["A1"]).update(valid_until=desk.now)
    with pytest.raises(UnableToFreeze) as refused:
        desk.release(signal, preview)
    fields = {row["field"] for row in refused.value.context["differences"]}
    assert {"excluded", "account"} <= fields


def test_a_blocked_account_is_in_the_statement_with_nothing_and_no_order(desk: Desk):
    with tenancy.firm(desk.firm_id):
        terms = {"instrument_id": None, "mode": "CLOSED", "rule": "REC-6", "reason": "a test", "source_id": None, "now": desk.now}
        accounts.block_trading(account_id=desk.firm.accounts["A2"], **terms)
    released = desk.release(desk.receive("0.01"))
    assert lines(desk)["A2"] == 0 and "A7" not in lines(desk)
    assert released.excluded == ("A7: AUTH_EXPIRED",)
    assert desk.firm.accounts["A2"] not in {order.account_id for order in desk.orders(released)}


def test_every_account_blocked_freezes_a_statement_of_nothing_and_no_parent(desk: Desk):
    with tenancy.firm(desk.firm_id):
        for account in desk.firm.accounts.values():
            terms = {"instrument_id": None, "mode": "CLOSED", "rule": "REC-6", "reason": "a test", "source_id": None, "now": desk.now}
            accounts.block_trading(account_id=account, **terms)
    released = desk.release(desk.receive("0.01"))
    assert released.parents == () and set(lines(desk).values()) == {Decimal(0)}
    assert desk.release(desk.receive("0.01", key="again")).parents == ()


def test_rsk_1_what_gate_1_refuses_is_recorded_and_leaves_nothing_else(desk: Desk):
    with tenancy.firm(desk.firm_id):
        risk.set_firm_limit(kind=FirmLimitKind.ORDER_NOTIONAL, limit=Decimal(1000), actor=desk.firm.actors["RISK"], now=desk.now)
    signal = desk.receive("0.01")
    facts = desk.release(signal)
    assert facts.statement_id is None and facts.parents == () and "1000" in facts.blocked[0]
    assert count(desk, AllocationStatement, ParentOrder, ChildOrder) == [0, 0, 0]
    with tenancy.firm(desk.firm_id):
        denied = AuditEvent.objects.get(action="DENIED", journey_id=signal.journey_id)
        assert denied.rule == "RSK-1"
    again = desk.release(signal)
    assert again.blocked and not again.repeated, "what was refused can be tried again"
