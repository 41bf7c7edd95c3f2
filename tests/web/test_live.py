"""The live push over a real server, Valkey and PostgreSQL: who hears what, how soon they are silent, and what is lost is said."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.db import connection, transaction
from django.test import override_settings
from websockets.exceptions import InvalidStatus

from accounts import services as accounts
from base import live, tenancy
from base.core.ids import new_id
from base.live import Behind, Topic, announce
from execution.services.telling import tell_orders
from governance import services as governance
from governance.core.subjects import Subject
from governance.enums import AlertTier, Role, SubjectKind
from mamweb.live.hub import hubs
from mamweb.live.sight import sight_of
from mamweb.live.wire import Wire, text_frame, wire_of
from tests.api.scene import NOW, Scene, grant, make_person, make_scene
from tests.factories import as_loader, make_account
from tests.web.listening import Tab, cookie_of, serving

pytestmark = pytest.mark.xdist_group("embedded")
WITHIN = 2.0


@pytest.fixture(scope="module")
def port(django_db_setup: None, django_db_blocker: Any) -> Iterator[int]:
    with django_db_blocker.unblock(), serving() as port:
        yield port


@pytest.fixture
def scene(port: int) -> Scene:
    """Everything here is committed: the server reads on connections of its own."""
    return as_loader(make_scene)


@pytest.fixture
def tab(port: int) -> Iterator[Callable[..., Tab]]:
    opened: list[Tab] = []

    def open_one(who: Any, **options: Any) -> Tab:
        opened.append(Tab(port, cookie_of(who.user, who.firm_id), **options))
        opened[-1].settle()
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def tell(scene: Scene, *ids: str, topic: Topic = Topic.ORDERS, account: Any = None) -> None:
    with tenancy.firm(scene.firm.id):
        announce(topic, ids, accounts=[account or scene.account.id] * len(ids))


def test_i9_owner_and_oversight_hear_colleague_and_stranger_do_not(scene: Scene, tab: Callable[..., Tab]) -> None:
    stranger = as_loader(make_scene)
    heard = {name: tab(who) for name, who in {"owner": scene.owner, "risk": scene.risk, "colleague": scene.colleague}.items()}
    heard["stranger"], heard["their risk"] = tab(stranger.owner), tab(stranger.risk)
    tell(scene, scene.ids["order"])
    assert heard["owner"].await_ids("orders", 1) == {scene.ids["order"]} == heard["risk"].await_ids("orders", 1)
    for name in ("colleague", "stranger", "their risk"):
        assert heard[name].hear(0.5) == [], name


def test_an_investor_hears_of_their_own_account_alone_and_of_no_order(scene: Scene, tab: Callable[..., Tab]) -> None:
    with tenancy.firm(scene.firm.id):
        other = make_account()
    investor = tab(scene.investor)
    tell(scene, str(other.id), topic=Topic.POSITIONS, account=other.id)
    tell(scene, scene.ids["order"])
    tell(scene, str(scene.account.id), topic=Topic.POSITIONS)
    frames = investor.hear(1.0)
    assert [frame["events"] for frame in frames] == [{"positions": [str(scene.account.id)]}]


def test_an_investor_hears_of_evenings_and_statements_of_their_own_account_alone(scene: Scene, tab: Callable[..., Tab]) -> None:
    with tenancy.firm(scene.firm.id):
        other, own = make_account(), make_account()
        grant(scene.investor.user, own, "view")
    investor, risk = tab(scene.investor), tab(scene.risk)
    with tenancy.firm(scene.firm.id):
        assert accounts.snapshot_equity(as_of=NOW.date(), now=NOW).written == 2
    for account in (other, own):
        tell(scene, f"document of {account.id}", topic=Topic.STATEMENTS, account=account.id)
    mine, all_ = investor.hear(1.0), risk.hear(1.0)
    assert str(other.id) not in str(mine) and str(other.id) in str(all_)
    events = [item for frame in mine for item in frame["events"].items()]
    assert events == [("evenings", [str(own.id)]), ("statements", [f"document of {own.id}"])]


def test_an_investor_hears_of_nothing_that_stands_behind_several_accounts(scene: Scene, tab: Callable[..., Tab]) -> None:
    with tenancy.firm(scene.firm.id):
        clearing, other = make_account(is_clearing=True, registration=""), make_account()
    investor, owner = tab(scene.investor), tab(scene.owner)
    behind = Behind("parent", scene.ids["parent"])  # type: ignore[arg-type]
    with tenancy.firm(scene.firm.id):
        for topic in (Topic.FILLS, Topic.POSITIONS, Topic.EVENINGS):
            announce(topic, [f"{topic} of a block"], accounts=[clearing.id], behind=behind)
        announce(Topic.ALERTS, ["an alert"], roles=[Role.INVESTOR, Role.MANAGER])
        announce(Topic.POSITIONS, accounts=[scene.account.id, other.id], many=True)
    assert owner.await_ids("fills", 1) == {"fills of a block"}
    assert [frame["events"] for frame in investor.hear(1.0)] == [{"positions": []}], "many: something of theirs, and no id"


def test_a_revoked_investor_is_told_to_read_again_and_then_nothing(scene: Scene, tab: Callable[..., Tab]) -> None:
    investor = tab(scene.investor)
    with tenancy.firm(scene.firm.id):
        accounts.revoke_account(account_id=scene.account.id, user_id=scene.investor.user.id, now=NOW)
    assert investor.await_resync(WITHIN)
    for topic in (Topic.POSITIONS, Topic.EVENINGS, Topic.STATEMENTS):
        tell(scene, "something", topic=topic)
    assert investor.hear(0.5) == []


def test_a_block_is_heard_of_by_whoever_sees_an_account_behind_it(scene: Scene, tab: Callable[..., Tab]) -> None:
    with tenancy.firm(scene.firm.id):
        clearing = make_account(is_clearing=True, registration="")
    owner, colleague, risk = tab(scene.owner), tab(scene.colleague), tab(scene.risk)
    block = new_id()
    with tenancy.firm(scene.firm.id):
        tell_orders([(block, clearing.id, scene.ids["parent"])])  # type: ignore[list-item]
    assert owner.await_ids("orders", 1) == risk.await_ids("orders", 1) == {str(block)}
    assert colleague.hear(0.5) == []
    with tenancy.firm(scene.firm.id):
        announce(Topic.JOURNEYS, [scene.ids["journey"]], behind=Behind("signal", scene.ids["signal"]))  # type: ignore[arg-type]
    assert owner.await_ids("journeys", 1) == {scene.ids["journey"]}
    assert colleague.hear(0.5) == []


def test_alerts_go_by_their_audience(scene: Scene, tab: Callable[..., Tab]) -> None:
    with tenancy.firm(scene.firm.id):
        operations = make_person(scene.firm, Role.OPERATIONS)
    told, untold = tab(operations), tab(scene.owner)
    with tenancy.firm(scene.firm.id):
        subject = Subject(SubjectKind.ACCOUNT, scene.ids["account"])
        alert = governance.raise_alert(
            tier=AlertTier.WARNING, audience=Role.OPERATIONS, rule="RSK-10", subject=subject, message="look", now=NOW
        )
    assert told.await_ids("alerts", 1) == {str(alert)}
    assert untold.hear(0.5) == []


def test_frames_of_every_length_go_straight_to_the_servers_socket(scene: Scene, tab: Callable[..., Tab]) -> None:
    risk = tab(scene.risk)
    open_seats = [seat for hub in hubs() for house in hub.houses.values() for seat in house.seats]
    assert open_seats and all(isinstance(seat.wire, Wire) for seat in open_seats)
    tell(scene, scene.ids["order"])  # 64 bytes and some
    assert risk.await_ids("orders", 1) == {scene.ids["order"]}
    told = {str(new_id()) for _ in range(5 * live.MOST)}
    for part in range(5):  # what comes within the pace goes out together: more than 65,536 bytes
        tell(scene, *sorted(told)[part * live.MOST : (part + 1) * live.MOST])
    assert risk.await_ids("orders", len(told)) == told
    numbers = [frame["seq"] for frame in risk.frames]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_a_wire_writes_only_what_the_server_would() -> None:
    class Door:
        def send(self) -> None: ...

    assert wire_of(Door().send) is None and wire_of(None) is None
    for size, head in ((125, b"\x81\x7d"), (126, b"\x81\x7e\x00\x7e"), (65_536, b"\x81\x7f" + (65_536).to_bytes(8, "big"))):
        assert text_frame(b"a" * size) == head + b"a" * size


@pytest.mark.parametrize("by", ["service", "behind our back"])
def test_a_revoked_grant_is_silent_within_two_seconds(scene: Scene, tab: Callable[..., Tab], by: str) -> None:
    owner = tab(scene.owner)
    if by == "service":
        with tenancy.firm(scene.firm.id):
            accounts.revoke_account(account_id=scene.account.id, user_id=scene.owner.user.id, now=NOW)
    else:
        with tenancy.firm(scene.firm.id), connection.cursor() as cursor:
            cursor.execute("DELETE FROM accounts_accountuserobjectpermission WHERE user_id = %s", [scene.owner.user.id])
    assert owner.await_resync(WITHIN), "what is on the page must go too"
    tell(scene, scene.ids["order"])
    assert owner.hear(0.5) == []


def test_a_grant_is_heard_at_once_and_so_is_a_group(scene: Scene, tab: Callable[..., Tab]) -> None:
    colleague = tab(scene.colleague)
    with tenancy.firm(scene.firm.id):
        group = accounts.open_group(code="G", name="G", now=NOW)
        accounts.grant_group(group_id=group, user_id=scene.colleague.user.id, now=NOW)
    tell(scene, "one")
    assert colleague.hear(0.5) == []
    with tenancy.firm(scene.firm.id):
        accounts.set_group_members(group_id=group, account_ids=[scene.account.id], now=NOW)
    assert colleague.await_resync(WITHIN)
    tell(scene, "two")
    assert colleague.await_ids("orders", 1) == {"two"}
    with tenancy.firm(scene.firm.id):
        accounts.set_group_members(group_id=group, account_ids=[], now=NOW + timedelta(seconds=1))
    assert colleague.await_resync(WITHIN)
    tell(scene, "three")
    assert colleague.hear(0.5) == []


def test_an_ended_membership_a_sign_out_a_new_password_and_a_closed_user_end_the_socket(scene: Scene, port: int) -> None:
    people = [scene.owner, scene.colleague, scene.second, scene.risk]
    cookies = [cookie_of(one.user, one.firm_id) for one in people]
    tabs = [Tab(port, cookie) for cookie in cookies]
    for one in tabs:
        one.settle()
    with tenancy.firm(scene.firm.id):
        governance.remove_member(user_id=scene.owner.user.id, role=Role.MANAGER, actor=None, now=NOW)
    scene.colleague.user.set_password("a new one, and a long one")
    scene.colleague.user.save()
    type(scene.second.user).objects.filter(pk=scene.second.user.pk).update(is_active=False)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_session WHERE session_key = %s", [cookies[3]])
    began = time.monotonic()
    codes = [one.closed_with(WITHIN - (time.monotonic() - began)) for one in tabs]
    assert codes in ([4403, 4401, 4401, 4401], [4403, 4401, 4403, 4401]), "a closed user has neither a session nor a role"


@override_settings(MFA_REQUIRED=True)
def test_who_becomes_staff_without_a_second_factor_hears_nothing(scene: Scene) -> None:
    person = scene.investor.user.pk
    assert sight_of(scene.firm.id, person) is not None
    with tenancy.firm(scene.firm.id):
        governance.add_member(user_id=person, role=Role.TRADER, actor=None, now=NOW)
    assert sight_of(scene.firm.id, person) is None


def test_nobody_comes_in_without_a_session_or_from_another_site(scene: Scene, port: int) -> None:
    cookie = cookie_of(scene.owner.user, scene.firm.id)
    with pytest.raises(InvalidStatus) as refused:
        Tab(port, cookie, origin="https://elsewhere.example")
    assert refused.value.response.status_code == 403
    with tenancy.firm(scene.firm.id):
        governance.remove_member(user_id=scene.second.user.id, role=Role.MANAGER, actor=None, now=NOW)
    for given, code in (("nothing", 4401), (cookie_of(scene.second.user, scene.firm.id), 4403)):
        tab = Tab(port, given)
        assert tab.closed_with(WITHIN) == code and tab.frames == []


def test_an_idle_socket_lives(scene: Scene, tab: Callable[..., Tab]) -> None:
    owner = tab(scene.owner)
    assert owner.hear(8.0) == []
    tell(scene, "after")
    assert owner.await_ids("orders", 1) == {"after"}


def test_a_burst_comes_whole_in_few_frames(scene: Scene, tab: Callable[..., Tab]) -> None:
    owner = tab(scene.owner)
    wanted = {str(new_id()) for _ in range(1_000)}
    began = time.monotonic()
    for one in wanted:
        tell(scene, one, topic=Topic.FILLS)
    assert owner.await_ids("fills", 1_000) == wanted
    frames = [frame for frame in owner.frames if "events" in frame]
    assert len(frames) <= (time.monotonic() - began) * 10 + 2
    assert [frame["seq"] for frame in owner.frames] == list(range(owner.frames[0]["seq"], owner.frames[0]["seq"] + len(owner.frames)))


def test_too_many_ids_are_many(scene: Scene, tab: Callable[..., Tab]) -> None:
    owner, colleague = tab(scene.owner), tab(scene.colleague)
    tell(scene, *(str(n) for n in range(live.MOST + 1)))
    assert [(frame["events"], frame["many"]) for frame in owner.hear(0.5)] == [({"orders": []}, ["orders"])]
    assert colleague.hear(0.2) == []


def test_a_gap_in_the_numbers_is_a_resync(scene: Scene, tab: Callable[..., Tab]) -> None:
    owner = tab(scene.owner)
    tell(scene, "one")
    owner.await_ids("orders", 1)
    redis.Redis.from_url(django_settings.REDIS_URL).incr(f"{live.channel()}:{scene.firm.id}")  # a message that never came
    tell(scene, "three")
    assert owner.await_resync()


def test_a_page_older_than_the_last_change_reads_again(scene: Scene, tab: Callable[..., Tab], port: int) -> None:
    first = tab(scene.owner)
    time.sleep(1.2)
    cookie = cookie_of(scene.owner.user, scene.firm.id)
    assert not Tab(port, cookie, age=100).await_resync(0.5)
    tell(scene, "one")
    first.await_ids("orders", 1)
    assert Tab(port, cookie, age=3_000).await_resync(1.0)


def test_nothing_is_told_of_what_was_rolled_back(scene: Scene, tab: Callable[..., Tab]) -> None:
    owner = tab(scene.owner)
    with pytest.raises(ZeroDivisionError), tenancy.firm(scene.firm.id):
        announce(Topic.ORDERS, ["never"], accounts=[scene.account.id])
        raise ZeroDivisionError
    with tenancy.firm(scene.firm.id):
        announce(Topic.ORDERS, ["first"], accounts=[scene.account.id])
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            announce(Topic.ORDERS, ["undone"], accounts=[scene.account.id])
            raise ZeroDivisionError
        with transaction.atomic():
            announce(Topic.FILLS, ["last"], accounts=[scene.account.id])
        assert owner.hear(0.3) == [], "before the commit"
    assert [frame["events"] for frame in owner.hear(0.5)] == [{"orders": ["first"], "fills": ["last"]}]


def test_without_redis_a_transaction_commits_at_once_and_browsers_are_told_later(
    scene: Scene, tab: Callable[..., Tab], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = tab(scene.owner)
    outlet = live._Outlet()
    monkeypatch.setattr(live, "_outlet", outlet)
    right = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    took = []
    for _ in range(20):
        began = time.monotonic()
        tell(scene, "unheard")
        took.append(time.monotonic() - began)
    assert max(took) < 2 * live.SHORT + 0.2 and sorted(took)[10] < 0.05
    assert owner.hear(0.2) == []
    settings.REDIS_URL, outlet._client = right, None
    assert owner.await_resync(4.0)
    tell(scene, "heard again")
    assert owner.await_ids("orders", 1) == {"heard again"}
