"""The blotter: who sees which rows, filters, pages, downloads, cancels."""

from __future__ import annotations

import csv
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from base import tenancy
from base.core.ids import new_id
from execution.enums import OrderState, ParentState, RouteKind, SliceState, TimeInForce
from execution.models import ChildOrder, Execution, ParentOrder, Slice
from governance.enums import AuditAction
from governance.models import AuditEvent
from tests.api.scene import NOW, Scene, make_scene
from tests.factories import number
from tests.web.people import signed_in

NOBODY = "01a1fe00-0000-7000-8000-000000000000"  # the same in every worker, so that all collect the same tests
pytestmark = pytest.mark.django_db
TABS = ("parents", "orders", "fills")


def get(user: Any, path: str, **headers: str) -> Any:
    return signed_in(user).get(path, headers=headers)


def text(answer: Any) -> str:
    return (b"".join(answer.streaming_content) if answer.streaming else answer.content).decode()


def more_orders(scene: Scene, count: int, **fields: Any) -> list[ChildOrder]:
    """Copy the scene's order; inside no block."""
    made = []
    with tenancy.firm(scene.firm.id):
        for at in range(count):
            order = ChildOrder.objects.get(pk=scene.ids["order"])
            order.pk, order.client_order_id, order._state.adding = new_id(), f"C{number()}", True
            order.created_at = NOW - timedelta(seconds=at + 1)
            for name, value in fields.items():
                setattr(order, name, value)
            order.save(force_insert=True)
            made.append(order)
    return made


@pytest.mark.parametrize("tab", TABS)
def test_who_sees_a_row_and_who_does_not(scene: Scene, tab: str) -> None:
    path, symbol = f"/blotter/?tab={tab}", scene.instrument.symbol
    for user in (scene.owner.user, scene.risk.user):
        answer = get(user, path)
        assert answer.status_code == 200 and symbol in text(answer)
    for user in (scene.colleague.user, make_scene().owner.user):
        assert symbol not in text(get(user, path))
    assert get(scene.investor.user, path).status_code == 403


def test_a_colleague_gets_no_row_by_its_id_either(scene: Scene) -> None:
    ids = f"{scene.ids['order']},{scene.ids['parent']},{scene.ids['journey']}"
    for tab in TABS:
        assert "data-row" in text(get(scene.owner.user, f"/blotter/rows?tab={tab}&range=all&ids={ids}"))
        for user in (scene.colleague.user, make_scene().owner.user):
            assert "data-row" not in text(get(user, f"/blotter/rows?tab={tab}&range=all&ids={ids}"))


@pytest.mark.parametrize("path", ["parents/{parent}/", "parents/{parent}/cancel", "orders/{order}/cancel"])
def test_what_stands_behind_a_row_is_404_for_others(scene: Scene, path: str) -> None:
    where = "/blotter/" + path.format(**scene.ids)
    assert get(scene.owner.user, where).status_code == 200
    for user in (scene.colleague.user, make_scene().owner.user):
        assert get(user, where).status_code == 404
    assert get(scene.risk.user, where).status_code == (403 if where.endswith("cancel") else 200)


def test_a_parent_unfolds_to_its_orders_and_fills(scene: Scene) -> None:
    found = text(get(scene.owner.user, f"/blotter/parents/{scene.ids['parent']}/"))
    assert scene.account.code in found and "Pending" in found and "E" in found


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("state=PENDING", True),
        ("state=FILLED", False),
        ("side=BUY", True),
        ("side=SELL", False),
        ("working=1", True),
        ("mine=1", False),
        ("range=all", True),
        ("range=days&from=2026-03-02&to=2026-03-02", True),
        ("range=days&from=2026-03-03", False),
        ("q=%25", False),
        ("instrument=NOPE", False),
        ("connection=NOPE", False),
        ("strategy=NOPE", False),
        ("account=NOPE", False),
    ],
)
def test_each_filter_keeps_what_it_says(scene: Scene, given: str, shown: bool) -> None:
    assert (f'id="r{scene.ids["order"]}"' in text(get(scene.owner.user, f"/blotter/?tab=orders&{given}"))) is shown


def test_the_search_finds_account_instrument_and_order_id(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        client_id = ChildOrder.objects.get(pk=scene.ids["order"]).client_order_id
    for word in (scene.account.code, scene.instrument.symbol.lower(), client_id):
        for tab in TABS:
            assert "data-row" in text(get(scene.owner.user, f"/blotter/?tab={tab}&q={word}")), (tab, word)


@pytest.mark.parametrize(
    "given",
    [
        "tab=nothing", "sort=-nothing", "sort=--", "state=%00", "q=%00", "q=" + "x" * 5000, "from=9999-99-99&range=days", "to=0001-01-01&range=days",
        "cursor=~", "cursor=2026~x", "cursor=NaN~" + NOBODY, "cursor=" + "9" * 300, "ids=,,x," + ",".join(NOBODY for _ in range(300)),
        "range=%F0%9F%92%A9", "account=%27%3B--", "cursor=2026-03-02T15:00:00%2B00:00~" + NOBODY, "sort=-quantity&cursor=NaN~" + NOBODY,
        "sort=quantity&cursor=1e999999~" + NOBODY,
    ],
)  # fmt: skip
def test_garbage_is_left_out_and_breaks_nothing(scene: Scene, given: str) -> None:
    for path in ("/blotter/", "/blotter/rows"):
        for tab in TABS:
            assert get(scene.owner.user, f"{path}?tab={tab}&{given}").status_code == 200, (path, tab)


@pytest.mark.parametrize("sort", ["-time", "time", "-quantity", "quantity", "-state", "account", "-instrument"])
def test_keyset_pages_show_every_row_once(scene: Scene, sort: str) -> None:
    made = {f"r{order.pk}" for order in more_orders(scene, 130)} | {f"r{scene.ids['order']}"}
    client, seen, query = signed_in(scene.owner.user), [], f"tab=orders&range=all&sort={sort}"
    found = text(client.get(f"/blotter/?{query}"))
    for _ in range(5):
        seen += [part.split('"')[0] for part in found.split('<tr id="')[1:] if part.startswith("r")]
        if "&amp;cursor=" not in found:
            break
        cursor = found.split("&amp;cursor=")[1].split('"')[0]
        found = text(client.get(f"/blotter/rows?{query}&cursor={cursor}"))
    assert len(seen) == len(set(seen)) == len(made) and set(seen) == made


def test_totals_are_of_all_rows_not_of_the_page(scene: Scene) -> None:
    more_orders(scene, 70, filled_qty=Decimal(2), filled_notional=Decimal("20.50"), state=OrderState.FILLED)
    found = text(get(scene.owner.user, "/blotter/?tab=orders"))
    assert "<b>71</b> orders" in found and "<b>1</b> working" in found and "1,435.00" in found


def test_rte_7_an_unknown_order_shows_what_nobody_knows(scene: Scene) -> None:
    more_orders(scene, 1, state=OrderState.UNKNOWN, quantity=Decimal(664), unknown_since=NOW, asked_at=NOW)
    found = text(get(scene.owner.user, "/blotter/?tab=orders"))
    assert "? of 664" in found and "meter--unknown" in found and "again every 5 s" in found and "lamp--unknown" in found


def test_denied_is_ours_and_rejected_the_brokers(scene: Scene) -> None:
    more_orders(scene, 1, state=OrderState.DENIED, reason="RSK-1 <b>cap</b>")
    more_orders(scene, 1, state=OrderState.REJECTED)
    found = text(get(scene.owner.user, "/blotter/?tab=orders"))
    assert 'Denied</span> <span class="class">ours' in found and 'Rejected</span> <span class="class">broker' in found
    assert "<b>cap</b>" not in found


def test_i3_a_fill_is_the_newest_revision(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        fill = Execution.objects.get(order_id=scene.ids["order"])
        before = fill.pk
        fill.pk, fill.revision, fill.last_qty, fill.last_px, fill._state.adding = new_id(), 1, Decimal(3), Decimal("11"), True
        fill.save(force_insert=True)
    found = text(get(scene.owner.user, "/blotter/?tab=fills"))
    assert f"r{fill.pk}" in found and f"r{before}" not in found and "33.00" in found


@pytest.mark.parametrize("tab", TABS)
def test_a_download_has_the_rows_and_the_trail_says_who_took_them(scene: Scene, tab: str) -> None:
    answer = get(scene.owner.user, f"/blotter/?tab={tab}&format=csv&side=BUY")
    rows = list(csv.DictReader(StringIO(text(answer))))
    assert len(rows) == 1 and rows[0]["symbol"] == scene.instrument.symbol and answer["Content-Type"].startswith("text/csv")
    with tenancy.firm(scene.firm.id):
        event = AuditEvent.objects.get(action=AuditAction.EXPORTED)
        assert event.actor_id == scene.owner.user.pk and event.after["what"] == f"blotter {tab}" and event.after["filters"]["side"] == "BUY"


def test_a_download_runs_over_many_chunks_and_keeps_to_sight_and_filters(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("execution.views.blotter_export.CHUNK", 7)
    more_orders(scene, 30, side="SELL")
    assert len(text(get(scene.owner.user, "/blotter/?tab=orders&format=csv&side=SELL")).splitlines()) == 31
    assert len(text(get(scene.colleague.user, "/blotter/?tab=orders&format=csv")).splitlines()) == 1


def test_a_download_runs_no_formula(scene: Scene) -> None:
    more_orders(scene, 1, reason="=cmd|' /C calc'!A0", broker_order_id="+1+1", state=OrderState.REJECTED)
    row = next(row for row in csv.DictReader(StringIO(text(get(scene.owner.user, "/blotter/?tab=orders&format=csv")))) if row["reason"])
    assert not row["reason"].startswith("=") and not row["broker_order_id"].startswith("+")


def test_gov_7_a_cancel_needs_a_reason_and_a_dealer(scene: Scene) -> None:
    path = f"/blotter/orders/{scene.ids['order']}/cancel"
    client = signed_in(scene.owner.user)
    for reason in ("", "   ", "x" * 201, "a\0b"):
        assert client.post(path, {"reason": reason}).status_code == 422
    assert signed_in(scene.risk.user).post(path, {"reason": "no"}).status_code == 403
    assert signed_in(scene.colleague.user).post(path, {"reason": "no"}).status_code == 404
    with tenancy.firm(scene.firm.id):
        assert ChildOrder.objects.get(pk=scene.ids["order"]).state == OrderState.PENDING


def test_a_second_press_cancels_nothing_twice(scene: Scene) -> None:
    path, client = f"/blotter/orders/{scene.ids['order']}/cancel", signed_in(scene.owner.user)
    first, second = (client.post(path, {"reason": "changed my mind"}) for _ in range(2))
    assert "Cancel asked" in first["HX-Trigger"] and "Nothing left to cancel" in second["HX-Trigger"]
    with tenancy.firm(scene.firm.id):
        assert ChildOrder.objects.get(pk=scene.ids["order"]).state == OrderState.CANCELED
        assert AuditEvent.objects.get(action=AuditAction.CANCEL_REQUESTED).reason == "changed my mind"


def test_a_parent_is_canceled_with_its_slices_and_once(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        Slice.objects.create(parent_id=scene.ids["parent"], number=1, due_at=NOW, quantity=1, cumulative=1)
    path, client = f"/blotter/parents/{scene.ids['parent']}/cancel", signed_in(scene.owner.user)
    for _ in range(2):
        assert client.post(path, {"reason": "enough"}).status_code == 204
    with tenancy.firm(scene.firm.id):
        assert Slice.objects.get().state == SliceState.CANCELED
        assert ParentOrder.objects.get(pk=scene.ids["parent"]).cancel_requested_at == NOW
        assert AuditEvent.objects.filter(action=AuditAction.CANCEL_REQUESTED).count() == 1


def test_what_has_ended_offers_no_cancel(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        ParentOrder.objects.filter(pk=scene.ids["parent"]).update(state=ParentState.DONE, done_at=NOW)
    found = text(get(scene.owner.user, f"/blotter/parents/{scene.ids['parent']}/cancel"))
    assert "Nothing is left to cancel" in found and 'type="submit"' not in found


def test_what_ended_without_a_fill_says_so_and_a_reason_is_in_words(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        parent = ParentOrder.objects.get(pk=scene.ids["parent"])
        ParentOrder.objects.filter(pk=parent.pk).update(state=ParentState.DONE, done_at=NOW, filled_qty=0)
        for state in (OrderState.SENDING, OrderState.REJECTED):
            ChildOrder.objects.filter(parent=parent, is_block=False).update(state=state, reason="MIN_NOTIONAL")
    found = text(get(scene.owner.user, "/blotter/?range=all"))
    assert (
        f"{parent.quantity.normalize():f} not filled" in found and 'lamp lamp--off" aria-hidden="true"></span> <span title="Done"' in found
    )
    orders = text(get(scene.owner.user, "/blotter/?tab=orders&range=all"))
    assert "Under the smallest value of an order" in orders and "MIN_NOTIONAL" not in orders


@pytest.mark.parametrize("tab", TABS)
def test_the_rows_ask_as_much_of_one_as_of_many(scene: Scene, tab: str) -> None:
    client, asked, path = signed_in(scene.owner.user), [], f"/blotter/?tab={tab}"
    client.get(path)
    for more in (0, 3):
        more_orders(scene, more)
        with CaptureQueriesContext(database) as queries:
            client.get(path, headers={"HX-Request": "true"})
        asked.append(len(queries))
    assert asked[0] == asked[1] and asked[0] <= 18


def test_an_empty_desk_says_so(scene: Scene) -> None:
    assert "Nothing today" in text(get(scene.colleague.user, "/blotter/"))
    assert "Nothing matches" in text(get(scene.owner.user, "/blotter/?q=nothing-like-it"))


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({}, "Marketable limit"),
        ({"is_limit_stated": True}, ">Limit<"),
        ({"is_limit_stated": True, "time_in_force": TimeInForce.DAY}, "Limit, rests"),
        ({"route": RouteKind.TWAP}, ">TWAP<"),
        ({"route": RouteKind.TWAP_MINIMUM, "is_limit_stated": True}, "TWAP, minimum, limit"),
        ({"route": RouteKind.MANUAL}, ">Manual<"),
    ],
)
def test_the_route_is_called_what_it_is(scene: Scene, fields: dict[str, Any], shown: str) -> None:
    with tenancy.firm(scene.firm.id):
        ParentOrder.objects.filter(pk=scene.ids["parent"]).update(**fields)
    page = text(get(scene.owner.user, "/blotter/")).split('id="blotter-rows"')[1]
    assert shown in page and ("Marketable" in page) is (fields == {})


def test_who_may_only_look_cancels_nothing(scene: Scene) -> None:
    client = signed_in(scene.owner.user, scene.firm.id)
    with tenancy.firm(scene.firm.id), database.cursor() as cursor:
        cursor.execute(
            "DELETE FROM accounts_accountuserobjectpermission WHERE user_id = %s AND permission_id IN"
            " (SELECT id FROM auth_permission WHERE codename = 'trade_account')",
            [scene.owner.user.id],
        )
    orders, parents, journey = scene.ids["order"], scene.ids["parent"], scene.ids["journey"]
    assert client.get(f"/blotter/orders/{orders}/cancel").status_code == 200
    for address in (f"/blotter/orders/{orders}/cancel", f"/blotter/parents/{parents}/cancel"):
        assert client.post(address, {"reason": "r"}).status_code == 403, address
    for what in (f"orders/{orders}", f"parents/{parents}"):
        assert scene.owner.post(f"{what}/cancel", {"reason": "r"}).status_code == 403, what
    assert client.post(f"/ticket/released/{journey}/cancel").status_code in (403, 404)


FAR = "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01T00:00:00", "x", ""


@pytest.mark.parametrize("instant", FAR)
@pytest.mark.parametrize(
    "address", ["/alerts/?after=0~{}", "/approvals/?show=history&after={}", "/blotter/?cursor={}", "/blotter/?tab=fills&cursor={}"]
)
def test_a_place_that_no_clock_knows_is_no_place(scene: Scene, address: str, instant: str) -> None:
    from urllib.parse import quote

    place = quote(f"{instant}~{scene.ids['order']}", safe="")
    assert signed_in(scene.risk.user, scene.firm.id).get(address.format(place)).status_code == 200
