"""Saved views: what one keeps, whose it is and what it means for whom; two windows that save at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from threading import Event
from time import sleep
from typing import Any

import pytest
from django.db import connection
from django.db import transaction as database

from allocation.models import StrategyAccount
from base import tenancy
from governance.core.subjects import Actor
from governance.enums import Role
from governance.models import AuditEvent
from reporting.core.account_filter import AccountFilter, checked_filter, read_filter
from reporting.models import SavedView
from reporting.queries.saved_views import accounts_of_view
from reporting.services.saved_views import save_view
from tests.api.scene import NOW, Scene, make_scene
from tests.desk import together
from tests.factories import as_loader
from tests.web.figured import HTMX, looking, more, shown, worked_out
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db


def at_once(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
    """Run the second while what the first wrote is not committed yet, and commit as soon as the second waits for it."""
    wrote = Event()

    def hold() -> Any:
        with database.atomic():
            first()
            wrote.set()
            for _ in range(200):
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))")
                    if cursor.fetchone():
                        return
                sleep(0.05)

    def follow() -> Any:
        wrote.wait(20)
        return second()

    return tuple(together(hold, follow))


def test_two_views_of_one_name_at_once_are_one_view_and_a_word_beside_the_name() -> None:
    scene = as_loader(make_scene)

    def save(name: str, **more: str) -> Any:
        return signed_in(scene.owner.user, scene.firm.id).post("/accounts/views", {"name": name, **more})

    def keep(name: str) -> None:
        with tenancy.firm(scene.firm.id):
            save_view(name=name, chosen=AccountFilter(), is_shared=False, actor=Actor(str(scene.owner.user.pk), Role.MANAGER), now=NOW)

    renamed = as_loader(lambda: save("Other"))["Location"].split("view=")[1]
    _, answer = at_once(lambda: keep("Mine"), lambda: save("Mine", q="x"))
    assert answer.status_code == 409 and "a view called Mine has just been saved" in answer.content.decode()
    assert "name" in re.sub("<[^>]+>", " ", answer.content.decode()).split()
    path, form = f"/accounts/views/{renamed}", {"do": "rename", "name": "Third"}
    _, answer = at_once(lambda: keep("Third"), lambda: signed_in(scene.owner.user, scene.firm.id).post(path, form))
    assert answer.status_code == 409 and "a view called Third has just been saved" in answer.content.decode()

    def names() -> list[str]:
        with tenancy.firm(scene.firm.id):
            return sorted(SavedView.objects.values_list("name", flat=True))

    assert as_loader(names) == ["Mine", "Other", "Third"]


def test_a_view_is_saved_shared_renamed_and_deleted_by_its_owner_alone(scene: Scene) -> None:
    worked_out(scene)
    owner, second = signed_in(scene.owner.user), signed_in(scene.second.user)
    saved = owner.post("/accounts/views", {"name": " My  breaks ", "flag": "breaks", "by": "currency", "sort": "day_pnl", "down": "1"})
    view_id = saved["Location"].split("view=")[1]
    with tenancy.firm(scene.firm.id):
        row = SavedView.objects.get(pk=view_id)
        assert (row.name, row.filters, row.is_shared) == (
            "My breaks",
            {"flag": "breaks", "by": "currency", "sort": "day_pnl", "descending": True},
            False,
        )
    assert shown(owner.get(f"/accounts/?view={view_id}").content.decode()) == [scene.account.code]
    assert second.get(f"/accounts/?view={view_id}").status_code == 404
    assert second.post(f"/accounts/views/{view_id}", {"do": "share"}).status_code == 404
    assert owner.post(f"/accounts/views/{view_id}", {"do": "share"}).status_code == 302
    assert second.get(f"/accounts/?view={view_id}").status_code == 200 and "My breaks" in second.get("/accounts/views").content.decode()
    assert signed_in(make_scene().owner.user).get(f"/accounts/?view={view_id}").status_code == 404
    assert second.post(f"/accounts/views/{view_id}", {"do": "delete"}).status_code == 404
    assert "is shared with the firm’s staff" in owner.get("/accounts/").content.decode()
    assert owner.post(f"/accounts/views/{view_id}", {"do": "rename", "name": "Mine"}).status_code == 302
    assert "The view is called Mine now" in owner.get("/accounts/").content.decode()
    assert owner.post(f"/accounts/views/{view_id}", {"do": "delete"}).status_code == 302
    assert owner.get(f"/accounts/?view={view_id}").status_code == 404
    with tenancy.firm(scene.firm.id):
        assert AuditEvent.objects.filter(reason__startswith="saved view").count() == 4


def test_a_trader_saves_but_does_not_share(scene: Scene) -> None:
    trader = signed_in(scene.colleague.user)
    assert trader.post("/accounts/views", {"name": "Mine"}).status_code == 302
    assert trader.post("/accounts/views", {"name": "Ours", "shared": "1"}).status_code == 403
    for name in ("", "x" * 61):
        assert trader.post("/accounts/views", {"name": name}).status_code == 422


def test_only_who_may_share_is_asked_whether_to(scene: Scene) -> None:
    form = signed_in(scene.owner.user).get("/accounts/views").content.decode()
    assert 'name="shared"' in form and "your role does not share views" not in form
    form = signed_in(scene.colleague.user).get("/accounts/views").content.decode()
    assert 'name="shared"' not in form and "your role does not share views" in form


def test_the_form_of_a_view_holds_what_is_chosen(scene: Scene) -> None:
    form = (
        signed_in(scene.owner.user).get("/accounts/views?q=a&currency=EUR&by=currency&collapsed=EUR&collapsed=USD&down=1").content.decode()
    )
    found = re.findall(r'type="hidden" name="(\w+)" value="(\w*)"', form)
    assert [pair for pair in found if pair[0] != "csrfmiddlewaretoken"] == [
        ("q", "a"),
        ("by", "currency"),
        ("down", "1"),
        ("currency", "EUR"),
        ("collapsed", "EUR"),
        ("collapsed", "USD"),
        ("layout", ""),
    ]


def test_saving_says_whether_a_view_was_replaced(scene: Scene) -> None:
    client = signed_in(scene.owner.user)
    saved = client.post("/accounts/views", {"name": "Mine", "currency": "EUR"}, follow=True).content.decode()
    assert "View Mine saved." in saved and "replaced" not in saved
    again = client.post("/accounts/views", {"name": "Mine", "currency": "USD"}, follow=True).content.decode()
    assert "View Mine replaced by what was chosen now." in again
    assert "View Mine" not in client.get("/accounts/").content.decode().replace("<b>", "")


def test_a_refresh_stays_on_its_view_and_goes_on_with_its_filter_once_that_is_gone(scene: Scene) -> None:
    worked_out(scene)
    client = signed_in(scene.owner.user)
    place = client.post("/accounts/views", {"name": "Mine", "q": scene.account.code})["Location"]
    refresh = re.findall(r'id="accounts" hx-get="([^"]+)"', client.get(place).content.decode())[0].replace("&amp;", "&")
    chip = re.findall(r'popovertarget="views" hx-get="([^"]+)"', client.get(refresh, headers=HTMX).content.decode())[0].replace(
        "&amp;", "&"
    )
    assert "Rename" in client.get(chip, headers=HTMX).content.decode()
    client.post(place.replace("?view=", "views/"), {"do": "delete"})
    answer = client.get(refresh, headers=HTMX)
    assert answer.status_code == 200 and "All accounts" in answer.content.decode() and f"q={scene.account.code}" in answer.content.decode()
    assert client.get(place).status_code == 404


def test_a_view_is_no_grant_and_resolves_to_what_each_person_sees(scene: Scene) -> None:
    more(scene, 2, for_owner=False)
    worked_out(scene)
    saved = signed_in(scene.owner.user).post("/accounts/views", {"name": "All", "shared": "1"})
    view_id = saved["Location"].split("view=")[1]
    with tenancy.firm(scene.firm.id):
        seen = {
            name: accounts_of_view(view_id=view_id, viewer=looking(person.user, oversight, AccountFilter()).viewer)
            for name, person, oversight in (
                ("owner", scene.owner, False),
                ("colleague", scene.colleague, False),
                ("risk", scene.risk, True),
            )
        }
    assert seen["owner"] == [scene.account.id] and seen["colleague"] == [] and len(seen["risk"]) == 3


def test_filters_go_through_addresses_and_json_unchanged() -> None:
    chosen = AccountFilter(
        q="a b", by="currency", sort="day_pnl", descending=True, custodian="Bank & Co", flag="any", collapsed=("EUR", "")
    )
    from django.http import QueryDict

    given = QueryDict(chosen.query())
    assert read_filter(given.dict(), given.getlist("collapsed")) == chosen == checked_filter(chosen.as_json())


@pytest.mark.parametrize(
    "kept",
    [
        None,
        [],
        {"nonsense": 1},
        {"by": "x"},
        {"sort": ""},
        {"q": 5},
        {"q": "x" * 300},
        {"descending": "yes"},
        {"collapsed": "EUR"},
        {"flag": ["any"]},
        {"layout": "x"},
    ],
)
def test_a_kept_filter_that_is_none_is_refused(kept: Any) -> None:
    with pytest.raises(ValueError, match="filters"):
        checked_filter(kept)


def test_a_view_is_resolved_for_a_ticket_to_what_one_may_trade(scene: Scene) -> None:
    client = signed_in(scene.owner.user)
    saved = client.post("/accounts/views", {"name": "All of them", "shared": "1"})
    view = saved["Location"].partition("view=")[2]
    others = more(scene, 2)
    worked_out(scene)
    assert "All of them" in client.get("/accounts/views/for-a-ticket").content.decode()
    with tenancy.firm(scene.firm.id):
        strategy = StrategyAccount.objects.get(account=scene.account).strategy.code
    asked = f"/accounts/views/{view}/accounts?strategy={strategy}"
    assert client.get(asked).json() == {"codes": [scene.account.code], "left_out": len(others)}
    assert client.get(f"/accounts/views/{view}/accounts?strategy=NONE%00").json() == {"codes": [], "left_out": len(others) + 1}
    assert signed_in(scene.colleague.user).get(asked).json() == {"codes": [], "left_out": 0}
    assert signed_in(make_scene().owner.user).get(asked).status_code == 404
    assert signed_in(scene.investor.user).get(asked).status_code == 403
