"""Stops and targets that are reached: one closing for all of them, once, through the gates; what is refused stays (SIZ-8, CON-5)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Position, Reservation
from allocation.models import Signal, Strategy
from base import tenancy
from execution.core.levels import is_reached
from execution.enums import Level, LevelEnd, LevelFinding, LevelState, LevelWish, OrderState
from execution.gateways import crash
from execution.models import ChildOrder, ParentOrder, ProtectiveLevel
from execution.queries.levels import reached_at
from execution.services.booking import finish_parents
from execution.services.level_answers import LevelTarget, LevelWishes
from execution.services.level_quotes import UNWATCHED_AFTER
from execution.services.level_watch import release_triggered
from execution.services.levels import change_levels
from execution.services.release import ReleaseFacts, continue_release
from governance.enums import KillScope, RestrictionState
from governance.models import Alert, AuditEvent
from governance.services import restrict, trip_kill_switch
from market.models import Quote
from tests.desk import MINUTE, SECOND, Desk, make_desk, together
from tests.factories import as_loader

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(db: None) -> Desk:
    return make_desk()


# The generated market's bid is 47.29 at the desk's now, 47.11 ten minutes later.
REACHED, FAR = "47.30", "40.00"
LATER = 10 * MINUTE


def level(desk: Desk, code: str, price: Any, kind: Level = Level.STOP, **fields: Any) -> ProtectiveLevel:
    with tenancy.firm(desk.firm_id):
        strategy = Strategy.objects.get(code="CORE")
        values = {
            "account_id": desk.firm.accounts[code],
            "sleeve_id": strategy.sleeve_id,
            "strategy": strategy,
            "instrument": desk.instrument(),
            "level": kind,
            "is_long": True,
            "price": Decimal(str(price)),
            "wish": LevelWish.PRICE,
            "figure": Decimal(str(price)),
            "set_at": desk.now,
        }
        return ProtectiveLevel.objects.create(**{**values, **fields})


def run(desk: Desk, after: timedelta = timedelta(0)) -> int:
    return release_triggered(firm_id=desk.firm_id, now=desk.now + after)


def again(desk: Desk, row: ProtectiveLevel) -> ProtectiveLevel:
    with tenancy.firm(desk.firm_id):
        return ProtectiveLevel.objects.get(pk=row.pk)


def alerts(desk: Desk) -> list[str]:
    with tenancy.firm(desk.firm_id):
        return [f"{a.tier} {a.message}" for a in Alert.objects.filter(ended_at=None).order_by("id")]


def closings(desk: Desk) -> list[ParentOrder]:
    with tenancy.firm(desk.firm_id):
        return list(ParentOrder.objects.order_by("id"))


def sold(desk: Desk) -> dict[str, Decimal]:
    """Return what all lines of all closings ask for, by account code."""
    codes = {pk: code for code, pk in desk.firm.accounts.items()}
    with tenancy.firm(desk.firm_id):
        rows = Reservation.objects.filter(released_at=None).values_list("account_id", "quantity")
        found: dict[str, Decimal] = {}
        for account, quantity in rows:
            found[codes[account]] = found.get(codes[account], Decimal(0)) + quantity
        return found


def end_unfilled(desk: Desk, at: timedelta) -> None:
    """Let every order have been canceled without a fill, and its parent end."""
    with tenancy.firm(desk.firm_id):
        ChildOrder.objects.update(state=OrderState.CANCELED)
        finish_parents(now=desk.now + at)


def flatten(desk: Desk, code: str) -> None:
    with tenancy.firm(desk.firm_id):
        Position.objects.filter(account_id=desk.firm.accounts[code]).update(quantity=0)


# -- reached ------------------------------------------------------------------------------------------------------------------------


def test_siz_8_all_that_one_quote_reaches_is_one_closing_of_the_whole_position(desk: Desk) -> None:
    desk.hold({"A1": 101, "A2": 50, "A3": 30, "A5": 7})
    rows = [level(desk, "A1", REACHED), level(desk, "A2", REACHED), level(desk, "A3", "47.20", Level.TARGET), level(desk, "A5", FAR)]
    assert run(desk) == 3
    (parent,) = closings(desk)
    assert (parent.side, parent.quantity) == ("SELL", 181)
    assert sold(desk) == {"A1": 101, "A2": 50, "A3": 30}
    states = [again(desk, row) for row in rows]
    assert [row.state for row in states] == ["TRIGGERED"] * 3 + ["ACTIVE"]
    assert {row.closing_journey_id for row in states[:3]} == {parent.journey_id}
    assert [row.closing_qty for row in states[:3]] == [101, 50, 30]
    with tenancy.firm(desk.firm_id):
        signal = Signal.objects.get()
        assert (signal.source, signal.method, signal.figure, len(signal.account_ids)) == ("levels", "close", 1, 3)
        event = AuditEvent.objects.get(journey_id=parent.journey_id, rule="SIZ-8", action="ENDED")
        assert event.after["levels"] == {"A1 STOP": "47.3", "A2 STOP": "47.3", "A3 TARGET": "47.2"}
    assert run(desk) == 0, "once"
    assert len(closings(desk)) == 1


def test_siz_8_a_gap_is_closed_at_the_next_price_and_not_before(desk: Desk) -> None:
    desk.hold({"A1": 100})
    row = level(desk, "A1", "47.20")
    assert run(desk) == 0
    assert run(desk, LATER) == 1, "the bid fell past the stop between two rounds"
    assert again(desk, row).state == LevelState.TRIGGERED


def test_siz_8_a_short_is_judged_by_the_ask(desk: Desk) -> None:
    desk.hold({"A1": -40, "A3": -10})
    stop, far = level(desk, "A1", "47.31", is_long=False), level(desk, "A3", "47.32", is_long=False)
    run(desk)
    assert [again(desk, one).state for one in (stop, far)] == ["TRIGGERED", "ACTIVE"]
    assert (closings(desk)[0].side, closings(desk)[0].quantity) == ("BUY", 40)


def test_siz_8_a_level_covers_what_is_held_when_it_triggers(desk: Desk) -> None:
    desk.hold({"A1": 100})
    row = level(desk, "A1", REACHED)
    desk.hold({"A1": 60})
    assert run(desk) == 1
    assert again(desk, row).closing_qty == 160
    assert sold(desk) == {"A1": 160}


# -- not reached, or not to be judged -------------------------------------------------------------------------------------------------


def test_siz_8_a_level_ends_by_itself_when_its_position_is_gone_or_has_turned(desk: Desk) -> None:
    desk.hold({"A1": 100, "A3": -5})
    gone, turned = level(desk, "A1", REACHED), level(desk, "A3", REACHED)
    flatten(desk, "A1")
    assert run(desk) == 0
    for row in (gone, turned):
        assert (again(desk, row).state, again(desk, row).end_reason) == (LevelState.ENDED, LevelEnd.POSITION_CLOSED)
    assert not closings(desk)


def test_con_5_a_quote_that_is_too_old_triggers_nothing_and_is_alarmed_in_an_open_session(desk: Desk) -> None:
    desk.hold({"A1": 100})
    row = level(desk, "A1", REACHED)
    last = desk.now + LATER
    gone = as_loader(lambda: list(Quote.objects.using("loader").filter(instrument=desk.instrument(), as_of__gt=last - 8 * MINUTE)))
    as_loader(lambda: Quote.objects.using("loader").filter(pk__in=[q.pk for q in gone]).delete())
    try:
        assert run(desk, LATER) == 0
        assert again(desk, row).unwatched_since == desk.now + LATER and not alerts(desk)
        assert run(desk, LATER + UNWATCHED_AFTER) == 0
        assert [a for a in alerts(desk) if a.startswith("CRITICAL") and "not watched" in a and "too old" in a]
    finally:
        as_loader(lambda: Quote.objects.using("loader").bulk_create(gone))
    assert run(desk, LATER + 2 * UNWATCHED_AFTER) == 1, "watched again, and reached"
    assert not [a for a in alerts(desk) if "not watched" in a]


def test_con_5_a_closed_market_triggers_nothing_and_alarms_nothing(desk: Desk) -> None:
    desk.hold({"A1": 100})
    row = level(desk, "A1", REACHED)
    assert run(desk, timedelta(hours=12)) == 0
    assert again(desk, row).unwatched_since is None and not alerts(desk)


# -- refused --------------------------------------------------------------------------------------------------------------------------


def test_gov_3_an_account_without_authority_stays_and_is_alarmed_and_the_others_close(desk: Desk) -> None:
    desk.hold({"A1": 100, "A7": 20})  # the authority of A7 has run out
    ok, out = level(desk, "A1", REACHED), level(desk, "A7", REACHED)
    assert run(desk) == 1
    assert again(desk, ok).state == LevelState.TRIGGERED
    stays = again(desk, out)
    assert (stays.state, stays.tries) == (LevelState.ACTIVE, 1) and stays.refusal
    assert [a for a in alerts(desk) if a.startswith("CRITICAL") and "NOT closed" in a]
    assert run(desk, 2 * SECOND) == 0 and again(desk, out).tries == 1, "not before its time"
    run(desk, 6 * SECOND)
    assert again(desk, out).tries == 2
    with tenancy.firm(desk.firm_id):
        assert Signal.objects.count() == 1, "what closes nobody leaves nothing behind"
        assert Alert.objects.filter(message__contains="NOT closed").count() == 1


def test_gov_10_a_tripped_switch_holds_the_closing_and_says_so(desk: Desk) -> None:
    desk.hold({"A1": 100})
    row = level(desk, "A1", REACHED)
    with tenancy.firm(desk.firm_id):
        trip_kill_switch(scope=KillScope.FIRM, subject_id="", actor=desk.trader, now=desk.now, reason="stop")
    assert run(desk) == 0
    assert "kill switch" in again(desk, row).refusal
    assert [a for a in alerts(desk) if "NOT closed" in a and "kill switch" in a]


def test_rte_5_an_opposite_order_that_works_holds_the_closing(desk: Desk) -> None:
    desk.hold({"A1": 100})
    buying = desk.trade({"A1": 5})
    row = level(desk, "A1", REACHED)
    assert run(desk) == 0
    assert "opposite" in again(desk, row).refusal
    desk.end(buying)
    assert run(desk, 6 * SECOND) == 1
    assert not [a for a in alerts(desk) if "NOT closed" in a], "the alarm is over"


def test_siz_8_what_a_person_is_closing_already_is_not_closed_twice_nor_alarmed(desk: Desk) -> None:
    desk.hold({"A1": 100})
    desk.trade({"A1": -100})
    row = level(desk, "A1", REACHED)
    assert run(desk) == 0
    assert "working already" in again(desk, row).refusal
    assert not [a for a in alerts(desk) if "NOT closed" in a]
    assert sold(desk) == {"A1": 100}
    for after in (6, 20):
        assert run(desk, after * SECOND) == 0
    assert [a for a in alerts(desk) if "cancel them to let it close" in a], "a resting order must not hold a stop up in silence"


def test_a_refusal_is_forgotten_when_the_price_leaves_the_level(desk: Desk) -> None:
    desk.hold({"A1": 100})
    desk.trade({"A1": 5})
    row = level(desk, "A1", "47.20", Level.TARGET)
    assert run(desk) == 0 and again(desk, row).tries == 1
    assert run(desk, LATER) == 0, "the bid is below the target again"
    assert (again(desk, row).tries, again(desk, row).refusal) == (0, "")
    assert not [a for a in alerts(desk) if "NOT closed" in a]


# -- left over ------------------------------------------------------------------------------------------------------------------------


def test_alc_5_what_a_closing_did_not_fill_is_armed_again(desk: Desk) -> None:
    desk.hold({"A1": 100, "A3": 50})
    first, partly = level(desk, "A1", REACHED), level(desk, "A3", REACHED)
    assert run(desk) == 2
    with tenancy.firm(desk.firm_id):
        Position.objects.filter(account_id=desk.firm.accounts["A3"]).update(quantity=20)
    assert run(desk, SECOND) == 0, "nothing is armed again while orders work"
    end_unfilled(desk, SECOND)
    assert run(desk, 2 * SECOND) == 1, "A3 was partly filled: its rest goes at once"
    with tenancy.firm(desk.firm_id):
        waiting = ProtectiveLevel.objects.get(state=LevelState.ACTIVE)
        assert (waiting.account_id, waiting.price, waiting.tries) == (first.account_id, first.price, 1)
    assert again(desk, partly).settled_at and again(desk, first).settled_at
    assert [a for a in alerts(desk) if a.startswith("WARNING") and "armed again" in a]
    assert run(desk, 8 * SECOND) == 1, "A1 after a while"


def test_siz_8_a_filled_closing_settles_and_takes_the_other_level_with_it(desk: Desk) -> None:
    desk.hold({"A1": 100})
    stop, target = level(desk, "A1", REACHED), level(desk, "A1", 60, Level.TARGET)
    assert run(desk) == 1
    flatten(desk, "A1")
    end_unfilled(desk, SECOND)
    assert run(desk, 2 * SECOND) == 0
    assert again(desk, stop).settled_at
    assert again(desk, target).end_reason == LevelEnd.POSITION_CLOSED
    with tenancy.firm(desk.firm_id):
        assert not ProtectiveLevel.objects.filter(state=LevelState.ACTIVE).exists()


def test_siz_8_a_level_that_is_removed_while_it_closes_is_not_armed_again(desk: Desk) -> None:
    desk.hold({"A1": 100})
    stop = level(desk, "A1", REACHED)
    assert run(desk) == 1
    with tenancy.firm(desk.firm_id):
        where = LevelTarget("CORE", stop.sleeve_id, stop.instrument_id)
        (answer,) = change_levels(key="off", targets=[where], wish=LevelWishes(Level.STOP), actor=desk.trader, now=desk.now)
        assert answer.answers[0].finding == LevelFinding.REMOVED
    end_unfilled(desk, SECOND)
    assert run(desk, MINUTE) == 0
    assert again(desk, stop).state == LevelState.TRIGGERED and len(closings(desk)) == 1


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(price=st.decimals("40", "55", places=2), kind=st.sampled_from(Level), is_long=st.booleans(), at=st.decimals("40", "55", places=2))
def test_siz_8_the_statement_that_looks_for_levels_says_what_the_rule_says(
    desk: Desk, price: Decimal, kind: Level, is_long: bool, at: Decimal
) -> None:
    row = level(desk, "A1", price, kind, is_long=is_long)
    with tenancy.firm(desk.firm_id):
        found = ProtectiveLevel.objects.filter(reached_at(is_long=is_long, trades_at=at), pk=row.pk).exists()
        ProtectiveLevel.objects.filter(pk=row.pk).delete()
    assert found is is_reached(kind, is_long=is_long, price=price, trades_at=at)


def test_a_round_costs_the_same_statements_for_any_number_of_levels(desk: Desk, django_assert_max_num_queries: Any) -> None:
    desk.hold({"A1": 100, "A2": 50, "A3": 5})
    for code in ("A1", "A2", "A3"):
        level(desk, code, FAR)
        level(desk, code, 90, Level.TARGET)
    with django_assert_max_num_queries(12):
        run(desk)


# -- killed, and together -------------------------------------------------------------------------------------------------------------


class Died(BaseException):
    """What `os._exit` is to a test of one process."""


@pytest.fixture
def die_at(monkeypatch: pytest.MonkeyPatch) -> Any:
    def stop(status: int) -> None:
        raise Died(status)

    def arm(name: str) -> None:
        monkeypatch.setattr(crash, "_name", name)
        monkeypatch.setattr(crash, "_passages_left", 1)

    monkeypatch.setattr(crash.os, "_exit", stop)
    return arm


@pytest.mark.parametrize("point", ["before_trigger_commit", "after_intent_commit"])
def test_i1_killed_between_any_two_commits_a_trigger_is_neither_lost_nor_fires_twice(desk: Desk, die_at: Any, point: str) -> None:
    desk.hold({"A1": 100, "A2": 50})
    rows = [level(desk, "A1", REACHED), level(desk, "A2", REACHED)]
    die_at(point)
    with pytest.raises(Died):
        run(desk)
    is_committed = point == "after_intent_commit"
    assert {again(desk, row).state for row in rows} == {LevelState.TRIGGERED if is_committed else LevelState.ACTIVE}
    assert len(closings(desk)) == int(is_committed)
    die_at("")
    continue_release(firm_id=desk.firm_id, now=desk.now + SECOND)
    assert run(desk, SECOND) == (0 if is_committed else 2)
    continue_release(firm_id=desk.firm_id, now=desk.now + 2 * SECOND)
    assert run(desk, 2 * SECOND) == 0
    (parent,) = closings(desk)
    assert parent.quantity == 150 and sold(desk) == {"A1": 100, "A2": 50}
    assert desk.states(ReleaseFacts(parent.journey_id, None, (parent.id,))) == {"SELL": "WORKING"}


def test_i1_three_workers_at_once_close_once() -> None:
    desk = make_desk(committed=True)

    def ready() -> None:
        desk.hold({"A1": 100, "A2": 50})
        level(desk, "A1", REACHED)
        level(desk, "A2", REACHED)

    together(ready)
    answers = together(*[lambda: run(desk)] * 3)
    assert all(isinstance(answer, int) for answer in answers), answers
    assert len(closings(desk)) == 1
    assert sold(desk) == {"A1": 100, "A2": 50}


def test_i9_another_firms_round_sees_nothing_of_it(desk: Desk) -> None:
    desk.hold({"A1": 100})
    row = level(desk, "A1", REACHED)
    other = make_desk()
    assert run(other) == 0
    assert again(desk, row).state == LevelState.ACTIVE


def test_cst_5_a_frozen_instrument_keeps_its_levels_and_holds_up_no_other(desk: Desk) -> None:
    desk.hold({"A1": 100})
    desk.hold({"A1": 10}, "ABC")
    good, frozen = level(desk, "A1", REACHED), level(desk, "A1", 10_000, instrument=desk.instrument("ABC"))
    with tenancy.firm(desk.firm_id):
        officer = desk.firm.actors["COMPLIANCE"]
        restrict(state=RestrictionState.FROZEN, reason="court order", actor=officer, now=desk.now, instrument_id=frozen.instrument_id)
    assert run(desk, SECOND) == 1
    assert again(desk, good).state == LevelState.TRIGGERED
    assert (again(desk, frozen).state, again(desk, frozen).tries) == (LevelState.ACTIVE, 1)
    assert [a for a in alerts(desk) if a.startswith("CRITICAL ABC") and "CST-5" in a]
