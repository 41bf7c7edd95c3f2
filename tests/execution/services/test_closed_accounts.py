"""What an order at work and a closed account have to do with each other (ACC-2, RSK-1)."""

from __future__ import annotations

import pytest

from accounts.models import Account
from accounts.services import UnableToClose, close_account
from execution.enums import OrderState
from execution.queries.obstacles import working_words
from governance.core.subjects import Actor
from governance.enums import Role
from tests.execution.services.order_world import OrderWorld
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def test_acc_2_an_account_with_an_order_at_work_is_not_closed(world: OrderWorld) -> None:
    world.single()
    account = world.accounts["A"]
    terms = {"closed_on": world.now.date(), "now": world.now, "reason": "x", "actor": Actor(str(make_user(Role.RISK).pk), Role.RISK)}
    with pytest.raises(UnableToClose, match="1 order works or waits to be booked"):
        close_account(account_id=account.pk, **terms)
    assert working_words(world.accounts["B"].pk, world.now) == "", "it is no order of this account"


def test_rsk_1_an_order_that_meets_a_closed_account_is_denied_at_gate_2(world: OrderWorld) -> None:
    order = world.single()
    Account.objects.filter(pk=world.accounts["A"].pk).update(closed_on=world.now.date())
    world.step(3)
    assert world.state(order) is OrderState.DENIED
    assert world.position("A") == 0
    world.assert_nothing_reserved()
