"""CON-1, ACC-4: orders worth very much, in a currency whose unit is small."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from types import SimpleNamespace

import numpy as np
import pytest

from accounts.models import Reservation
from base import tenancy
from execution.enums import ParentState
from execution.models import ChildOrder, ParentOrder
from execution.services.children import cash_held
from execution.services.drafting import parent_of, plans_of
from execution.services.release import continue_release
from execution.services.stated import UnableToRelease
from governance.models import Alert
from market.enums import Side
from tests.desk import make_desk

UNIT = 10**8
YEN = SimpleNamespace(currency="JPY", multiplier=D(1))


@pytest.mark.parametrize("price", [1_000, 1_800, 2_000, 5_000, 9_000])
def test_acc_4_a_buy_of_many_thousand_million_yen_holds_its_worth_and_its_fee(price: int) -> None:
    held = cash_held(np.array([10_000_000 * UNIT]), Side.BUY, YEN, D(price))  # type: ignore[arg-type]
    assert held.tolist() == [(10_000_000 * price * 10_005 // 10_000) * UNIT]


@pytest.mark.django_db
def test_con_1_an_order_worth_more_than_can_be_held_is_refused_by_name() -> None:
    desk = make_desk()
    sized = desk.preview(desk.receive(quantities={"A1": 5})).sized
    dear = replace(sized, instrument=replace(sized.instrument, multiplier=D(10**9)))
    with tenancy.firm(desk.firm_id), pytest.raises(UnableToRelease, match="fits 64 bits") as refused:
        parent_of(plans_of(dear)[0], dear, desk.now)
    assert (refused.value.code, refused.value.context["field"]) == ("CON-1", "figure")


@pytest.mark.django_db
def test_one_release_that_cannot_be_finished_holds_up_no_other() -> None:
    desk = make_desk()
    broken, fine = desk.trade({"A1": 10}), desk.trade({"A2": 5})
    with tenancy.firm(desk.firm_id):
        Reservation.objects.all().delete()
        ChildOrder.objects.all().delete()
        again = ParentOrder.objects.filter(pk__in=(*broken.parents, *fine.parents))
        again.update(state=ParentState.RELEASING, chunks_done=0)
        again.filter(pk=broken.parents[0]).update(limit_price=D(9 * 10**10))
    assert continue_release(firm_id=desk.firm_id, now=desk.now) == 1
    assert desk.states(fine) == {"BUY": "WORKING"} and desk.states(broken) == {"BUY": "RELEASING"}
    with tenancy.firm(desk.firm_id):
        assert Alert.objects.filter(subject_id=str(broken.parents[0]), ended_at=None).count() == 1
