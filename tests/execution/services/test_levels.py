"""Bulk changes of stops and targets: an answer for every account, once, only for whom the person may trade (SIZ-8)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.models import BrokerConnection
from allocation.core.signal_body import SignalBody
from allocation.enums import SizingMethod
from allocation.models import Signal, Strategy
from base import tenancy
from base.core.ids import new_id
from execution.enums import ChangeOutcome, Level, LevelEnd, LevelFinding, LevelState, OrderState
from execution.models import ChildOrder, LevelChangeRequest, ParentOrder, ProtectiveLevel
from execution.services.booking import finish_parents
from execution.services.level_answers import LevelTarget, LevelWishes, TargetAnswers
from execution.services.level_signals import protect_filled
from execution.services.level_watch import release_triggered
from execution.services.levels import UnableToChangeLevels, change_levels, preview_levels
from execution.services.release import run_signal
from governance.core.subjects import Actor
from governance.enums import Role
from governance.models import Alert, AuditEvent
from tests.desk import SECOND, Desk, make_desk, together
from tests.factories import make_user

D = Decimal
F = LevelFinding
pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(db: None) -> Desk:
    """Return a desk that holds XYZ, bought at 40, whose bid is 47.29."""
    found = make_desk()
    found.hold({"A1": 100, "A2": 50, "A7": 10})
    return found


def target(desk: Desk, symbol: str = "XYZ") -> LevelTarget:
    return LevelTarget("CORE", Strategy.objects.get(code="CORE").sleeve_id, desk.instrument(symbol).id)


def change(desk: Desk, level: Level = Level.STOP, *, key: str = "K", actor: Actor | None = None, **wish: Any) -> TargetAnswers:
    numbers = {name: None if value is None else D(str(value)) for name, value in wish.items()}
    with tenancy.firm(desk.firm_id):
        (answer,) = change_levels(
            key=key, targets=[target(desk)], wish=LevelWishes(level, **numbers), actor=actor or desk.trader, now=desk.now, reason="a test"
        )
    return answer


def active(desk: Desk, level: Level = Level.STOP) -> dict[str, Decimal]:
    codes = {pk: code for code, pk in desk.firm.accounts.items()}
    with tenancy.firm(desk.firm_id):
        rows = ProtectiveLevel.objects.filter(state=LevelState.ACTIVE, level=level)
        return {codes[row.account_id]: row.price for row in rows.order_by("account__code")}


def findings(answer: TargetAnswers) -> dict[str, LevelFinding]:
    return {one.code: one.finding for one in answer.answers}


def test_siz_8_one_price_for_all_and_an_offset_from_each_accounts_own_entry(desk: Desk) -> None:
    answer = change(desk, price="46.005")
    assert findings(answer) == {"A1": F.PLACED, "A2": F.PLACED, "A7": F.PLACED}
    assert active(desk) == {"A1": D("46.01"), "A2": D("46.01"), "A7": D("46.01")}, "a stop loses no more than asked"
    change(desk, Level.TARGET, key="T", offset=10)
    assert active(desk, Level.TARGET) == {"A1": 50, "A2": 50, "A7": 50}
    with tenancy.firm(desk.firm_id):
        row = ProtectiveLevel.objects.filter(level=Level.TARGET).first()
        assert (row.wish, row.figure, str(row.set_by_id), row.journey_id) == ("OFFSET", 10, desk.trader.user_id, None)


def test_siz_8_a_preview_writes_nothing(desk: Desk) -> None:
    with tenancy.firm(desk.firm_id):
        (shown,) = preview_levels(targets=[target(desk)], wish=LevelWishes(Level.STOP, D(46)), actor=desk.trader, now=desk.now)
        assert [one.after for one in shown.answers] == [46, 46, 46]
        assert not ProtectiveLevel.objects.exists() and not AuditEvent.objects.filter(rule="SIZ-8").exists()


def test_siz_8_what_is_on_the_wrong_side_is_rejected_and_stays_as_it_was(desk: Desk) -> None:
    change(desk, price=46)
    answer = change(desk, key="2", price=60)
    assert {(one.finding, one.outcome, one.after) for one in answer.answers} == {(F.WRONG_SIDE, ChangeOutcome.REJECTED, D(46))}
    assert set(active(desk).values()) == {D(46)}


def test_siz_8_the_venues_minimum_distance_moves_a_level_away_and_says_so(desk: Desk) -> None:
    with tenancy.firm(desk.firm_id):
        BrokerConnection.objects.filter(code="HARBOR").update(settings={"minimum_stop_distance": {"XYZ": "0.50"}})
    answer = change(desk, price="47.20")
    assert findings(answer) == {"A1": F.MOVED_AWAY, "A2": F.PLACED, "A7": F.MOVED_AWAY}
    assert active(desk) == {"A1": D("46.79"), "A2": D("47.20"), "A7": D("46.79")}


@pytest.mark.parametrize("stated", ["half a dollar", "-1", "NaN", {"XYZ": "0,50"}, {"*": [1]}, ""])
def test_siz_8_a_minimum_distance_that_cannot_be_read_sets_nothing_there(desk: Desk, stated: object) -> None:
    with tenancy.firm(desk.firm_id):
        BrokerConnection.objects.filter(code="HARBOR").update(settings={"minimum_stop_distance": stated})
    answer = change(desk, price="46")
    assert findings(answer) == {"A1": F.NO_DISTANCE, "A2": F.PLACED, "A7": F.NO_DISTANCE}
    assert active(desk) == {"A2": D(46)}


def test_siz_8_history_is_kept_and_audited_with_before_and_after(desk: Desk) -> None:
    change(desk, price=46)
    change(desk, key="2", price=45)
    with tenancy.firm(desk.firm_id):
        old = ProtectiveLevel.objects.filter(account=desk.firm.accounts["A1"]).order_by("set_at", "id")
        assert [(row.price, row.state, row.end_reason) for row in old] == [(46, "ENDED", "CHANGED"), (45, "ACTIVE", "")]
        event = AuditEvent.objects.filter(rule="SIZ-8").order_by("id").last()
        assert event.before["levels"]["A1"] == "46" and event.after["levels"]["A1"] == "45" and event.reason == "a test"


def test_siz_8_removing_ends_and_an_unchanged_level_is_not_written_again(desk: Desk) -> None:
    change(desk, price=46)
    assert set(findings(change(desk, key="2", price=46)).values()) == {F.UNCHANGED}
    assert set(findings(change(desk, key="3")).values()) == {F.REMOVED}
    assert set(findings(change(desk, key="4")).values()) == {F.NONE_SET}
    assert active(desk) == {}
    with tenancy.firm(desk.firm_id):
        assert set(ProtectiveLevel.objects.values_list("state", "end_reason")) == {("ENDED", LevelEnd.REMOVED)}
        assert ProtectiveLevel.objects.count() == 3


def test_siz_8_a_double_click_changes_once_and_gets_the_first_answers(desk: Desk) -> None:
    first = change(desk, price=46)
    assert change(desk, price=46) == first
    with tenancy.firm(desk.firm_id):
        assert (ProtectiveLevel.objects.count(), LevelChangeRequest.objects.count()) == (3, 1)
    with pytest.raises(UnableToChangeLevels):
        change(desk, price=45)


def test_siz_8_two_at_once_leave_one_active_level_an_account() -> None:
    desk = make_desk(committed=True)
    together(lambda: desk.hold({"A1": 100, "A2": 50}))
    answers = together(
        *[lambda key=key, price=price: change(desk, key=key, price=price) for key, price in (("a", 45), ("b", 46), ("a", 45))]
    )
    assert all(isinstance(one, TargetAnswers) for one in answers), answers
    assert len(active(desk)) == 2 and len(set(active(desk).values())) == 1
    with tenancy.firm(desk.firm_id):
        assert ProtectiveLevel.objects.count() == 4


def test_i9_who_may_not_trade_changes_nothing(desk: Desk) -> None:
    with tenancy.firm(desk.firm_id):
        nobody = make_user(Role.TRADER)
    stranger = make_desk()
    for actor in (Actor(str(nobody.id), Role.TRADER), desk.firm.actors["RISK"], stranger.trader):
        answer = change(desk, key=actor.user_id, actor=actor, price=46)
        assert answer.problem and not answer.answers
    assert active(desk) == {}
    mine = change(stranger, price=46)
    assert mine.problem == "no position that you may trade"


def test_the_database_holds_one_active_level_of_a_kind(desk: Desk) -> None:
    change(desk, price=46)
    with tenancy.firm(desk.firm_id):
        row = ProtectiveLevel.objects.first()
        row.id = new_id()
        with pytest.raises(IntegrityError), transaction.atomic():
            row.save(force_insert=True)


# -- from a signal --------------------------------------------------------------------------------------------------------------------


def protected(desk: Desk, key: str = "P1", **terms: Any) -> Any:
    body = SignalBody(
        "CORE", "XYZ", SizingMethod.FIXED, D(5), D("46.00"), tuple(desk.ids("A1 A2")), take_profit_price=D("49.99"), protect=True
    )
    return run_signal(firm_id=desk.firm_id, source="test", idempotency_key=key, body=body, actor=desk.trader, now=desk.now)


def fill(desk: Desk, journey: Any) -> None:
    """Let the orders of one account each have been filled, as their positions say already."""
    with tenancy.firm(desk.firm_id):
        ChildOrder.objects.filter(journey_id=journey, is_block=False).update(filled_qty=5)
        ChildOrder.objects.filter(journey_id=journey).update(state=OrderState.CANCELED)
        ParentOrder.objects.filter(journey_id=journey).update(filled_qty=5)


def test_siz_8_a_signals_levels_stand_once_its_journey_is_booked_and_replace_older_ones(desk: Desk) -> None:
    change(desk, price=44)
    done = protected(desk)
    assert active(desk, Level.TARGET) == {}, "nothing is filled yet"
    fill(desk, done.journey_id)
    with tenancy.firm(desk.firm_id):
        finish_parents(now=desk.now + SECOND)
    assert active(desk) == {"A1": 44, "A2": 46, "A7": 44}, "only who was filled"
    assert active(desk, Level.TARGET) == {"A2": D("49.99")}
    with tenancy.firm(desk.firm_id):
        row = ProtectiveLevel.objects.get(level=Level.TARGET)
        assert (row.journey_id, str(row.set_by_id)) == (done.journey_id, desk.trader.user_id)


def test_siz_8_a_correction_does_not_set_again_what_was_removed(desk: Desk) -> None:
    done = protected(desk)
    fill(desk, done.journey_id)
    with tenancy.firm(desk.firm_id):
        finish_parents(now=desk.now + SECOND)
    change(desk)
    with tenancy.firm(desk.firm_id):
        ParentOrder.objects.filter(journey_id=done.journey_id).update(needs_booking=True)
        finish_parents(now=desk.now + 2 * SECOND)
        parents = list(ParentOrder.objects.values_list("id", "journey_id"))
        assert protect_filled(parents=parents, now=desk.now + 2 * SECOND) == 0
    assert "A2" not in active(desk) and active(desk, Level.TARGET) == {"A2": D("49.99")}


def test_siz_8_a_stop_on_the_wrong_side_of_the_decision_is_alarmed_and_not_set(desk: Desk) -> None:
    done = protected(desk)
    with tenancy.firm(desk.firm_id):
        Signal.objects.filter(journey_id=done.journey_id).update(
            stop_price=60, take_profit_price=None
        )  # as a price that gapped would have it
    fill(desk, done.journey_id)
    with tenancy.firm(desk.firm_id):
        finish_parents(now=desk.now + SECOND)
        assert Alert.objects.filter(message__contains="wrong side", journey_id=done.journey_id).exists()
    assert active(desk) == {}


def test_siz_8_what_works_over_time_is_protected_as_it_fills(desk: Desk) -> None:
    done = protected(desk)
    with tenancy.firm(desk.firm_id):
        ChildOrder.objects.filter(journey_id=done.journey_id, is_block=False).update(filled_qty=2, state=OrderState.PENDING)
        ParentOrder.objects.filter(journey_id=done.journey_id).update(filled_qty=2)
    release_triggered(firm_id=desk.firm_id, now=desk.now + SECOND)
    assert active(desk) == {"A2": 46}
