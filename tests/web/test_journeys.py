"""Decisions: who sees which of them, and what of one: never a figure that tells of accounts out of sight."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from accounts.models import Account
from allocation.enums import Reason, Rule
from allocation.models import AllocationLine, AllocationStatement, Signal, StrategyAccount
from base import tenancy
from base.core.ids import new_id
from execution.enums import OrderState
from execution.models import Booking, ChildOrder, ParentOrder, Share
from execution.queries.story import Progress
from governance.core.subjects import Viewer
from reporting.queries.journey_steps import steps_of
from reporting.queries.journey_story import state_of, story
from risk.enums import GateOutcome
from risk.models import GateDecision
from tests.api.scene import DAY, NOW, Scene, make_scene
from tests.factories import make_account, number
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db
PARTS = ("lines", "orders", "fills", "gates", "shares", "results")


def get(user: Any, path: str, **headers: str) -> Any:
    return signed_in(user).get(path, headers=headers)


def text(answer: Any) -> str:
    return answer.content.decode()


def add_account(scene: Scene, quantity: int = 7777) -> Account:
    """Let an account that only oversight sees take part in the scene's decision. Inside no block."""
    with tenancy.firm(scene.firm.id):
        other = make_account(connection=scene.account.connection, custodian=scene.account.custodian)
        StrategyAccount.objects.create(strategy=scene.strategy, account=other)
        AllocationLine.objects.create(
            statement_id=scene.ids["plan"], account=other, raw=quantity, after_rules=[quantity], binding_rule=Rule.CLASS_CAP,
            reason=Reason.CLIPPED, quantity=quantity,
        )  # fmt: skip
        ParentOrder.objects.filter(pk=scene.ids["parent"]).update(quantity=quantity + 5, filled_qty=quantity)
        order = ChildOrder.objects.get(pk=scene.ids["order"])
        order.pk, order._state.adding, order.client_order_id, order.account = new_id(), True, f"C{number()}", other
        order.quantity, order.filled_qty, order.filled_notional, order.state = quantity, quantity, quantity * 10, OrderState.FILLED
        order.save(force_insert=True)
        GateDecision.objects.create(
            gate=2, outcome=GateOutcome.BLOCKED, journey_id=scene.ids["journey"], subject_id=order.pk, account_ids=[other.pk],
            rule="RSK-1", message="not for you", decided_at=NOW,
        )  # fmt: skip
        return other


def test_the_list_shows_decisions_of_accounts_in_sight(scene: Scene) -> None:
    for user in (scene.owner.user, scene.risk.user):
        found = text(get(user, "/journeys/"))
        assert scene.ids["journey"] in found and f"3% of equity in {scene.instrument.symbol}" in found
    for user in (scene.colleague.user, make_scene().owner.user):
        assert scene.ids["journey"] not in text(get(user, "/journeys/"))
    assert "No decisions in 30 days" in text(get(scene.colleague.user, "/journeys/"))
    assert get(scene.investor.user, "/journeys/").status_code == 403


def test_one_decision_is_404_for_who_sees_none_of_its_accounts(scene: Scene) -> None:
    path = f"/journeys/{scene.ids['journey']}/"
    for where in (path, *(path + part for part in PARTS)):
        assert get(scene.owner.user, where).status_code == 200, where
        assert get(scene.risk.user, where).status_code == 200
        for user in (scene.colleague.user, make_scene().owner.user):
            assert get(user, where).status_code == 404, where
        assert get(scene.investor.user, where).status_code == 403
    assert get(scene.owner.user, f"/journeys/{uuid4()}/").status_code == 404
    assert get(scene.owner.user, path + "nothing").status_code == 404


def test_the_story_has_its_steps_in_order(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        told = story(Viewer(scene.owner.user.pk, False, DAY), ChildOrder.objects.get(pk=scene.ids["order"]).journey_id)
        steps = steps_of(told)
    titles = [step.title for step in steps]
    wanted = ["Signal", "Sizing", "Constraints", "Statement frozen and released", "Parent order", "Orders", "Fills", "Custodian agrees"]
    assert [title for title in titles if title in wanted] == [title for title in wanted if title in titles]
    assert {"Signal", "Sizing", "Parent order", "Orders", "Fills"} <= set(titles)
    assert told.title == f"Buy 5 {scene.instrument.symbol}" and told.is_whole
    assert [step.at for step in steps if step.at] == sorted(step.at for step in steps if step.at)


def test_a_partner_sees_nothing_that_tells_of_the_others(scene: Scene) -> None:
    other = add_account(scene)
    path = f"/journeys/{scene.ids['journey']}/"
    pages = [text(get(scene.owner.user, where)) for where in (path, "/journeys/", *(path + part for part in PARTS))]
    for found in pages:
        for told in (other.code, "7,777", "7777", "7,782", "77,770", "not for you", "SIZ-2.class", "others"):
            assert told not in found, told
    assert f"Buy 5 {scene.instrument.symbol}" in pages[0]
    everything = "".join(text(get(scene.risk.user, where)) for where in (path, *(path + part for part in PARTS)))
    for told in (other.code, "7,777", "not for you", "SIZ-2.class", f"Buy 7,782 {scene.instrument.symbol}"):
        assert told in everything, told


def test_a_block_shows_a_partner_only_their_booked_share(scene: Scene) -> None:
    add_account(scene)
    with tenancy.firm(scene.firm.id):
        block = ChildOrder.objects.get(pk=scene.ids["order"])
        ChildOrder.objects.filter(pk=block.pk).update(is_block=True, quantity=4321, filled_qty=4321, filled_notional=43210)
        booking = Booking.objects.create(
            journey_id=scene.ids["journey"], parent_id=scene.ids["parent"], connection=scene.account.connection, revision=0, quantity=4321,
            notional=43210, fee=1, clearing_money=43210, trade_date=DAY, settle_date=DAY + timedelta(days=1), share_policy="PRO_RATA",
            allocator_version="1", hash="3" * 64, booked_at=NOW,
        )  # fmt: skip
        Share.objects.create(booking=booking, account=scene.account, quantity=4, notional=40, fee=Decimal("0.10"))
    path = f"/journeys/{scene.ids['journey']}/"
    found = "".join(text(get(scene.owner.user, where)) for where in (path, *(path + part for part in PARTS)))
    assert "4,321" not in found and "43,210" not in found and ">40.00<" in found and "Shared and booked" in found


def test_a_revoked_grant_is_dead_on_the_next_request(scene: Scene) -> None:
    from accounts.models import AccountUserObjectPermission

    path, client = f"/journeys/{scene.ids['journey']}/", signed_in(scene.owner.user)
    assert client.get(path).status_code == 200
    with tenancy.firm(scene.firm.id):
        AccountUserObjectPermission.objects.filter(user=scene.owner.user).delete()
    assert client.get(path).status_code == 404


def test_rte_7_an_unknown_order_is_the_first_thing_said(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        for state in (OrderState.SENDING, OrderState.UNKNOWN):
            ChildOrder.objects.filter(pk=scene.ids["order"]).update(state=state)
    found = text(get(scene.owner.user, f"/journeys/{scene.ids['journey']}/"))
    assert "badge--unknown" in found and "1 unknown" in found and "nothing is sent twice" in found
    assert scene.ids["journey"] in text(get(scene.owner.user, "/journeys/?state=unknown"))
    assert scene.ids["journey"] not in text(get(scene.owner.user, "/journeys/?state=denied"))


def test_who_may_cancel_is_offered_it(scene: Scene) -> None:
    path = f"/journeys/{scene.ids['journey']}/"
    assert "Cancel what is left" in text(get(scene.owner.user, path))
    assert "Cancel what is left" not in text(get(scene.risk.user, path))


@pytest.mark.parametrize(
    "given", ["q=%00", "q=" + "x" * 3000, "state=nothing", "range=x", "before=~", "before=2026-03-02T15:00:00~x", "strategy=%27", "mine=2"]
)
def test_garbage_breaks_no_list(scene: Scene, given: str) -> None:
    assert get(scene.owner.user, f"/journeys/?{given}").status_code == 200
    assert get(scene.owner.user, f"/journeys/{scene.ids['journey']}/orders?after={given}").status_code == 200


def test_keyset_pages_show_every_decision_once(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        signal = Signal.objects.get(pk=scene.ids["signal"])
        for at in range(90):
            signal.pk, signal.journey_id, signal.idempotency_key, signal._state.adding = new_id(), new_id(), f"K{number()}", True
            signal.received_at = NOW - timedelta(minutes=at // 3)
            signal.save(force_insert=True)
    client, seen = signed_in(scene.owner.user), []
    found = text(client.get("/journeys/"))
    for _ in range(4):
        seen += [part.split("/")[0] for part in found.split('<td><a href="/journeys/')[1:]]
        if "before=" not in found:
            break
        found = text(client.get("/journeys/?before=" + found.split("before=")[1].split('"')[0], headers={"HX-Request": "true"}))
    assert len(seen) == len(set(seen)) == 91


def test_questions_do_not_grow_with_accounts_or_decisions(scene: Scene) -> None:
    client, asked = signed_in(scene.owner.user), []
    add_account(scene, 3)
    paths = ("/journeys/", f"/journeys/{scene.ids['journey']}/")
    for path in paths:
        client.get(path)
    for _ in range(2):
        counts = []
        for path in paths:
            with CaptureQueriesContext(database) as queries:
                client.get(path, headers={"HX-Request": "true"})
            counts.append(len(queries))
        asked.append(counts)
        add_account(scene, 3)
    assert asked[0] == asked[1] and max(asked[1]) <= 40


def test_alc_1_the_newest_revision_counts(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        plan = AllocationStatement.objects.get(pk=scene.ids["plan"])
        plan.pk, plan.revision, plan._state.adding = new_id(), 2, True
        plan.save(force_insert=True)
        AllocationLine.objects.create(
            statement=plan, account=scene.account, raw=4, after_rules=[4], binding_rule=Rule.CLASS_CAP, reason=Reason.CLIPPED, quantity=4
        )
    found = text(get(scene.owner.user, f"/journeys/{scene.ids['journey']}/"))
    assert f"Buy 4 {scene.instrument.symbol}" in found and "revision 2" in found


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-03-02T15:00:00", "x", "\ud800"])
def test_a_place_to_go_on_that_is_none_is_the_first_page(scene: Scene, at: str) -> None:
    place = quote(f"{at}~{scene.ids['journey']}", errors="surrogatepass")
    answer = signed_in(scene.owner.user).get(f"/journeys/?range=all&before={place}")
    assert answer.status_code == 200 and scene.ids["journey"] in answer.content.decode()


def test_one_order_unfolds_as_one_order(scene: Scene) -> None:
    page = text(get(scene.owner.user, f"/journeys/{scene.ids['journey']}/"))
    assert "1 order</summary>" in page and "1 line</summary>" in page and "1 orders" not in page


def test_a_decision_that_ordered_nothing_is_not_done() -> None:
    assert state_of("released", Progress(), False, Decimal(0)) == ("Nothing ordered", "off")
    assert state_of("released", Progress(orders=1, filled=Decimal(5)), False, Decimal(5)) == ("Done", "")
