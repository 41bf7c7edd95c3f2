"""The ticket before gate 1: what blocks, and what a second person may let pass."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from allocation.models import AllocationStatement, Signal
from base import tenancy
from execution.models import ParentOrder
from governance.models import AuditEvent
from tests.desk import make_desk
from tests.web.ticket_room import Room, hidden, role_client, stop_clock, text_of

pytestmark = pytest.mark.django_db


def limit_orders(room: Room, most: str) -> None:
    """Cap the value of one order."""
    from risk.enums import FirmLimitKind
    from risk.services import set_firm_limit

    with tenancy.firm(room.desk.firm_id):
        actor = room.desk.firm.actors["RISK"]
        set_firm_limit(kind=FirmLimitKind.ORDER_NOTIONAL, limit=Decimal(most), actor=actor, now=room.desk.now - timedelta(seconds=1))


def ask(room: Room, shown: Any, **more: Any) -> Any:
    return room.client.post("/ticket/approval", room.form(**more) | {"seen": hidden(shown, "seen")}, headers={"HX-Request": "true"})


def decide(room: Room, role: str = "COMPLIANCE") -> None:
    from governance import services as governance
    from governance.queries import pending_approvals

    with tenancy.firm(room.desk.firm_id):
        waiting = pending_approvals(now=room.desk.now)
        governance.approve(approval_id=waiting[0].id, actor=room.desk.firm.actors[role], now=room.desk.now, reason="agreed by phone")


def test_rsk_1_gate_1_blocks_with_number_and_limit_and_nothing_can_be_pressed(room: Room) -> None:
    limit_orders(room, "1000")
    answer = room.preview()
    assert "Order value, limit 1,000 USD" in text_of(answer) and "Request approval" in text_of(answer)
    assert "data-release" not in answer.content.decode()
    refused = room.release(answer)
    assert refused.status_code == 422 and "order value" in text_of(refused) and room.count(AllocationStatement) == 0


def test_gov_4_a_second_person_lets_exactly_this_pass_once(room: Room) -> None:
    limit_orders(room, "1000")
    shown = room.preview(reason="rebalance agreed")
    assert ask(room, shown).status_code == 422
    asked = ask(room, shown, reason="rebalance agreed")
    assert asked.status_code == 200 and "Requested" in text_of(asked) and room.count(Signal) == 1
    decide(room)
    approved = room.preview(reason="rebalance agreed")
    assert "Approved until" in text_of(approved) and "data-release" in approved.content.decode()
    assert "Approved until" not in text_of(room.preview(figure="3.50"))
    where = room.release(approved, reason="rebalance agreed")["HX-Redirect"]
    assert "Outcome per account" in text_of(room.client.get(where))
    with tenancy.firm(room.desk.firm_id):
        assert AuditEvent.objects.filter(action="RELEASED", approval_id__isnull=False).count() == 1
        assert AuditEvent.objects.filter(action="APPROVAL_USED").count() == 1


def test_gov_4_an_approval_covers_no_other_limit(room: Room) -> None:
    from risk.enums import FirmLimitKind
    from risk.services import set_firm_limit

    limit_orders(room, "1000")
    ask(room, room.preview(reason="r"), reason="r")
    decide(room)
    with tenancy.firm(room.desk.firm_id):
        set_firm_limit(kind=FirmLimitKind.SINGLE_NAME, limit=Decimal(500), actor=room.desk.firm.actors["RISK"], now=room.desk.now)
    answer = room.release(room.preview(reason="r"), reason="r")
    assert answer.status_code == 409 and "more than was approved" in text_of(answer) and room.count(AllocationStatement) == 0


def test_gov_4_what_is_missing_is_not_overridable(room: Room) -> None:
    from risk.models import FirmLimit

    with tenancy.firm(room.desk.firm_id):
        FirmLimit.objects.filter(kind="GROSS").update(valid_until=room.desk.now - timedelta(seconds=1))
    answer = room.preview()
    assert "Nobody can wave this through" in text_of(answer) and "Request approval" not in text_of(answer)
    assert ask(room, answer, reason="please").status_code == 409


def test_rte_5_an_opposite_order_that_works_holds_the_ticket(room: Room) -> None:
    room.desk.hold({"A1": 100, "A3": 100})
    room.go(accounts="A1", pick="only", figure="0.1", method="risk", stop_price="44.90")
    answer = room.preview(method="close", figure="100", accounts="A1", pick="only")
    assert "RTE-5" in text_of(answer) and "data-release" not in answer.content.decode()


def test_two_clicks_at_once_release_once(settings: Any) -> None:
    from tests.desk import together

    desk = make_desk(committed=True)
    stop_clock(settings, desk.now)

    def at_the_desk() -> Room:
        return Room(desk, role_client(desk, "TRADER"))

    [shown] = together(lambda: at_the_desk().preview())
    answers = together(*[lambda: at_the_desk().release(shown)] * 2)
    assert [answer.status_code for answer in answers] == [204, 204]
    assert len({answer["HX-Redirect"] for answer in answers}) == 1
    room = Room(desk, Client())
    assert (room.count(Signal), room.count(AllocationStatement), room.count(ParentOrder)) == (1, 1, 1)


@pytest.mark.parametrize("key", ["", "null", "9" * 400, "0123456789abcdef0123456789abcde!"])
def test_a_request_under_a_key_that_no_form_has_is_refused(room: Room, key: str) -> None:
    shown = room.preview()
    answer = ask(room, shown, key=key, reason="the client asked for it")
    assert answer.status_code == 422 and "is needed" in text_of(answer)
