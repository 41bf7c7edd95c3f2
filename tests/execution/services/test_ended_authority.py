"""GOV-3: what works for an account is canceled when its authority ends; what the client has instructed goes on."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from base import tenancy
from execution.enums import OrderState
from execution.models import ChildOrder
from execution.services.booking import finish_parents
from execution.services.ended_authority import cancel_unauthorised
from execution.services.release import ReleaseFacts
from governance.models import Alert, Authority, AuthoritySubject
from governance.services import record_client_instruction, revoke_authority
from tests.desk import MINUTE, Desk, make_desk

pytestmark = pytest.mark.django_db
S = OrderState


@pytest.fixture
def desk(db: None) -> Desk:
    return make_desk()


def revoke(desk: Desk, code: str) -> None:
    with tenancy.firm(desk.firm_id):
        for pk in Authority.objects.filter(
            id__in=AuthoritySubject.objects.filter(subject_id=desk.firm.accounts[code]).values("authority_id")
        ):
            revoke_authority(authority_id=pk.id, actor=desk.firm.actors["MANAGER"], now=desk.now + MINUTE, reason="client left")


def acknowledge(desk: Desk, released: ReleaseFacts) -> None:
    with tenancy.firm(desk.firm_id):
        for state in (S.SENDING, S.ACKED):
            ChildOrder.objects.filter(parent_id__in=released.parents).update(state=state)


def asked(desk: Desk, released: ReleaseFacts) -> dict[UUID, bool]:
    return {order.account_id: order.cancel_requested_at is not None for order in desk.orders(released)}


def alerts(desk: Desk) -> list[str]:
    with tenancy.firm(desk.firm_id):
        return list(Alert.objects.filter(rule="GOV-3", ended_at=None).values_list("message", flat=True))


def run(desk: Desk) -> int:
    return cancel_unauthorised(firm_id=desk.firm_id, now=desk.now + 2 * MINUTE)


def test_gov_3_a_revoked_authority_cancels_what_works_for_its_account_and_nothing_else(desk: Desk):
    released = desk.trade({"A4": 10, "A2": 5})
    acknowledge(desk, released)
    assert run(desk) == 0
    revoke(desk, "A4")
    assert run(desk) == 1
    assert asked(desk, released) == {desk.firm.accounts["A4"]: True, desk.firm.accounts["A2"]: False}
    assert alerts(desk) == ["Canceled: the authority of A4 has ended"]
    assert run(desk) == 0, "once"


def test_gov_3_a_parent_of_whom_nobody_has_an_authority_left_ends_with_its_slices(desk: Desk):
    released = desk.trade({"A4": 700})
    revoke(desk, "A4")
    assert run(desk) == 1
    with tenancy.firm(desk.firm_id):
        finish_parents(now=desk.now + 2 * MINUTE)
    assert desk.states(released) == {"BUY": "CANCELED"}


def test_gov_3_a_working_block_is_canceled_for_one_account_without_authority(desk: Desk):
    released = desk.trade({"A1": 10, "A5": 5})
    revoke(desk, "A5")
    assert run(desk) == 0, "what waits is gate 2's to deny by name"
    acknowledge(desk, released)
    assert run(desk) == 1
    assert [order.cancel_requested_at is not None for order in desk.orders(released)] == [True]


def test_gov_3_a_closing_that_the_client_has_instructed_goes_on(desk: Desk):
    desk.hold({"A4": 50})
    released = desk.release(desk.receive(1, "close", codes="A4"))
    acknowledge(desk, released)
    revoke(desk, "A4")
    with tenancy.firm(desk.firm_id):
        record_client_instruction(
            account_id=desk.firm.accounts["A4"],
            symbol="XYZ",
            received_at=desk.now,
            valid_until=desk.now + timedelta(days=1),
            document_sha256="cd" * 32,
            actor=desk.firm.actors["MANAGER"],
            now=desk.now,
        )
    assert run(desk) == 0 and not any(asked(desk, released).values())
