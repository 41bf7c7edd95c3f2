"""DESIGN §4.1: an intent is taken in once."""

from __future__ import annotations

from uuid import uuid4

import pytest

from allocation import services
from allocation.enums import SizingMethod
from allocation.models import Signal, Strategy
from allocation.services import SignalFacts, UnableToReceive
from base import tenancy
from base.errors import NotFound
from governance.models import AuditEvent
from tests.desk import Desk, make_desk, together
from tests.factories import make_firm

pytestmark = pytest.mark.django_db


def received(desk: Desk) -> int:
    with tenancy.firm(desk.firm_id):
        return AuditEvent.objects.filter(action="SIGNAL_RECEIVED").count()


def test_the_same_key_and_body_again_is_the_same_signal(desk: Desk):
    first = desk.receive("0.03", key="one")
    again = desk.receive("0.0300", key="one")
    assert (again.id, again.journey_id, again.repeated, first.repeated) == (first.id, first.journey_id, True, False)
    assert received(desk) == 1


def test_the_same_key_with_another_body_is_refused_and_changes_nothing(desk: Desk):
    first = desk.receive("0.03", key="one")
    with pytest.raises(UnableToReceive) as refused:
        desk.receive("0.04", key="one")
    assert (refused.value.code, refused.value.context["value"]) == ("idempotency_key", "one")
    with tenancy.firm(desk.firm_id):
        assert [str(figure) for figure in Signal.objects.values_list("figure", flat=True)] == ["0.03000000"]
    assert received(desk) == 1 and desk.receive("0.03", key="one").id == first.id


def test_another_key_is_another_journey(desk: Desk):
    one, two = desk.receive(key="one"), desk.receive(key="two")
    assert one.journey_id != two.journey_id and one.id != two.id


def test_an_unknown_symbol_and_a_strategy_that_is_not_active_are_not_found(desk: Desk):
    with pytest.raises(NotFound, match="instrument"):
        desk.receive(symbol="NOPE")
    with tenancy.firm(desk.firm_id):
        Strategy.objects.update(is_active=False)
    with pytest.raises(NotFound, match="strategy"):
        desk.receive()


def test_a_signal_keeps_what_was_stated(desk: Desk):
    signal = desk.receive(quantities={"A1": "5", "A2": "-1.5"})
    with tenancy.firm(desk.firm_id):
        row = Signal.objects.get(pk=signal.id)
        a1, a2 = desk.ids("A1 A2")
        assert row.per_account == {str(a1): ["quantity", "5"], str(a2): ["quantity", "-1.5"]}
        assert (row.method, row.figure, row.received_at) == (SizingMethod.CUSTOM, None, desk.now)


def test_i9_a_signal_of_another_firm_does_not_exist(desk: Desk):
    signal = desk.receive()
    with tenancy.firm(make_firm().id):
        for look in (lambda: services.lock_signal(signal_id=signal.id), lambda: services.lock_signal(signal_id=uuid4())):
            with pytest.raises(NotFound):
                look()
        with pytest.raises(NotFound):
            services.preview_signal(signal_id=signal.id, actor=None, now=desk.now)


def test_four_deliveries_at_once_are_one_signal():
    desk = make_desk(committed=True)
    answers = together(*[lambda: desk.receive("0.03", key="one")] * 4)
    assert all(isinstance(answer, SignalFacts) for answer in answers), answers
    assert len({answer.id for answer in answers}) == 1
    assert sorted(answer.repeated for answer in answers) == [False, True, True, True]
    assert received(desk) == 1
