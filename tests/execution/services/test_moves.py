"""The database itself refuses what the table of moves does not have (DESIGN §5)."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from execution.core.lifecycle import is_allowed
from execution.enums import OrderState
from execution.models import ChildOrder
from tests.execution.services.order_world import OrderWorld

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("before", OrderState)
def test_order_states_in_the_database_move_as_in_the_table(world: OrderWorld, before: OrderState) -> None:
    parent = world.parent({"A": 100})
    for after in OrderState:
        order = world.order(parent, "A", 100, state=before, client_order_id=f"{before}-{after}"[:32])
        rows = ChildOrder.objects.filter(pk=order.pk)
        if is_allowed(before, after):
            assert rows.update(state=after) == 1
            continue
        with pytest.raises(IntegrityError, match="may not become"), transaction.atomic():
            rows.update(state=after)
        assert world.state(order) is before
