"""Alerts: who is told, who acknowledged and ended what, and what the address may contain."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from base import tenancy
from governance.core.subjects import Actor, Subject
from governance.enums import AlertTier, KillScope, Role, SubjectKind
from governance.models import Alert, AuditEvent
from governance.services import acknowledge_alert, announce_kill_switches, end_alert, raise_alert, trip_kill_switch
from tests.api.scene import NOW, Scene, make_scene
from tests.factories import make_user
from tests.web.papers import alert, events
from tests.web.people import signed_in

QUERIES = 29
pytestmark = pytest.mark.django_db


@pytest.fixture
def told(scene: Scene) -> Alert:
    with tenancy.firm(scene.firm.id):
        return Alert.objects.get(pk=alert(scene.account))


def stored(scene: Scene, pk: Any) -> Alert:
    with tenancy.firm(scene.firm.id):
        return Alert.objects.get(pk=pk)


def test_the_page_says_what_it_means_and_where_it_is(scene: Scene, told: Alert) -> None:
    text = signed_in(scene.owner.user).get("/alerts/").content.decode()
    assert "Daily loss at 83%" in text and scene.account.code in text and "What this means." in text
    assert f"/accounts/{scene.account.pk}/" in text


def test_only_the_audience_is_told(scene: Scene, told: Alert) -> None:
    assert "Daily loss" not in signed_in(scene.colleague.user).get("/alerts/").content.decode()
    assert "Daily loss" not in signed_in(make_scene().owner.user).get("/alerts/").content.decode()
    assert signed_in(scene.investor.user).get("/alerts/").status_code == 403
    for path in (f"/alerts/?alert={told.pk}",):
        assert signed_in(scene.colleague.user).get(path).status_code == 404
        assert signed_in(make_scene().owner.user).get(path).status_code == 404


def test_the_kill_switch_of_an_account_is_told_to_who_sees_the_account_and_the_firms_to_all(scene: Scene) -> None:
    trader = scene.colleague.user
    with tenancy.firm(scene.firm.id):
        by = Actor(str(scene.risk.user.pk), Role.RISK)
        for scope, subject, why in ((KillScope.ACCOUNT, str(scene.account.pk), "margin call"), (KillScope.FIRM, "", "feed lies")):
            trip_kill_switch(scope=scope, subject_id=subject, actor=by, now=NOW, reason=why)
        assert announce_kill_switches(now=NOW) == 2
        of_account = Alert.objects.get(message__contains="margin call")
    for user in (scene.owner.user, scene.risk.user):
        text = signed_in(user).get("/alerts/").content.decode()
        assert "margin call" in text and "feed lies" in text and "2 open alerts" in text and "<span>2 stopped</span>" in text
    for path in ("/alerts/", "/alerts/?q=margin", "/kill-switch/"):
        text = signed_in(trader).get(path).content.decode()
        assert "margin call" not in text and "feed lies" in text and "1 open alert" in text and "<span>1 stopped</span>" in text, path
    assert signed_in(trader).get(f"/alerts/?alert={of_account.pk}").status_code == 404
    assert signed_in(trader).post(f"/alerts/{of_account.pk}/acknowledge").status_code == 404


def test_acknowledging_keeps_name_time_and_note_and_a_second_press_changes_nothing(scene: Scene, told: Alert) -> None:
    client = signed_in(scene.owner.user)
    path = f"/alerts/{told.pk}/acknowledge"
    answer = client.post(path, {"note": "calling\r\nthe desk"}, headers={"Referer": "http://testserver/alerts/?q=a"})
    assert answer["Location"] == "/alerts/?q=a"
    assert client.post(path).status_code == 302 and signed_in(scene.second.user).post(path).status_code == 302
    row = stored(scene, told.pk)
    assert (row.acknowledged_by_id, row.acknowledged_at) == (scene.owner.user.id, NOW)
    with tenancy.firm(scene.firm.id):
        assert AuditEvent.objects.get(action="ALERT_ACKNOWLEDGED").reason == "calling the desk"
    text = client.get(f"/alerts/?show=acknowledged&alert={told.pk}").content.decode()
    assert "calling the desk" in text and "Acknowledged today" in text


def test_nobody_else_acknowledges(scene: Scene, told: Alert) -> None:
    path = f"/alerts/{told.pk}/acknowledge"
    assert signed_in(scene.colleague.user).post(path).status_code == 404
    assert signed_in(make_scene().owner.user).post(path).status_code == 404
    assert signed_in(scene.investor.user).post(path).status_code == 403
    assert signed_in(scene.owner.user).get(path).status_code == 405
    assert signed_in(scene.owner.user).post("/alerts/00000000-0000-7000-8000-000000000000/acknowledge").status_code == 404
    assert stored(scene, told.pk).acknowledged_at is None


def test_the_banner_of_a_critical_alert_acknowledges_and_is_gone(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        pk = alert(scene.account, AlertTier.CRITICAL, "Order UNKNOWN", "RTE-7", audience=None)
    client = signed_in(scene.owner.user)
    assert f"/alerts/{pk}/acknowledge" in client.get("/alerts/?show=history").content.decode()
    assert client.post(f"/alerts/{pk}/acknowledge", headers={"Referer": "https://evil.example/x"})["Location"] == "/alerts/"
    assert 'id="banner"' not in client.get("/alerts/").content.decode()


@pytest.mark.parametrize("address", ["/frame/banner", "/home/widgets/alerts", "/accounts/below"])
def test_an_alert_names_its_account_wherever_it_is_told(scene: Scene, address: str) -> None:
    with tenancy.firm(scene.firm.id):
        alert(scene.account, AlertTier.CRITICAL, "Close-only: position differs in ALDER", "REC-6")
    text = signed_in(scene.owner.user).get(address).content.decode()
    assert "Close-only: position differs" in text and f'<a href="/accounts/{scene.account.pk}/">{scene.account.code}' in text


def test_rsk_10_an_ended_critical_alert_without_a_name_is_still_open(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        pk = alert(scene.account, AlertTier.CRITICAL, "Order UNKNOWN", "RTE-7")
        end_alert(alert_id=pk, now=NOW)
    client = signed_in(scene.owner.user)
    assert "Order UNKNOWN" in client.get("/alerts/").content.decode()
    assert "No history yet" in client.get("/alerts/?show=history").content.decode()


def test_a_repeated_alert_is_one_row_with_its_count(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        for minutes in range(3):
            alert(scene.account, dedupe_key="same", now=NOW + timedelta(minutes=minutes))
    text = signed_in(scene.owner.user).get("/alerts/").content.decode()
    assert text.count("<tr tabindex") == 1 and "3 times" in text


@pytest.mark.parametrize(("kind", "key"), [(SubjectKind.CHILD_ORDER, "order"), (SubjectKind.PARENT_ORDER, "parent")])
def test_an_alert_of_an_order_is_told_to_who_sees_the_order(scene: Scene, kind: SubjectKind, key: str) -> None:
    with tenancy.firm(scene.firm.id):
        subject = Subject(kind, scene.ids[key])
        roles = (Role.MANAGER, Role.TRADER, Role.OPERATIONS, Role.RISK)
        told = raise_alert(
            tier=AlertTier.CRITICAL, audience=roles, rule="I2", subject=subject, message="No answer to ABC of GE-12", now=NOW
        )
        raise_alert(tier=AlertTier.WARNING, audience=roles, rule="R8", subject=Subject(SubjectKind.FIRM, "1"), message="Silence", now=NOW)
    for user, sees in ((scene.owner.user, True), (scene.risk.user, True), (scene.colleague.user, False)):
        text = signed_in(user).get("/alerts/").content.decode()
        assert ("No answer to ABC" in text) is sees and "Silence" in text
        assert signed_in(user).get(f"/alerts/?alert={told}").status_code == (200 if sees else 404)


def test_ending_needs_a_name_a_reason_and_a_role(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        pk = alert(scene.account, audience={Role.RISK, Role.MANAGER})
    risk, owner = signed_in(scene.risk.user), signed_in(scene.owner.user)
    path = f"/alerts/{pk}/end"
    assert owner.post(path, {"reason": "fixed"}).status_code == 403
    assert risk.post(path, {"reason": "fixed"}).status_code == 422
    owner.post(f"/alerts/{pk}/acknowledge")
    assert risk.post(path, {"reason": " "}).status_code == 422
    assert risk.post(path, {"reason": "fixed"}).status_code == 302 and stored(scene, pk).ended_at == NOW
    assert risk.post(path, {"reason": "fixed"}).status_code == 422
    assert signed_in(make_scene().risk.user).post(path, {"reason": "x"}).status_code == 404
    with tenancy.firm(scene.firm.id):
        assert events("ALERT_ENDED") == 1


def test_who_may_end_but_is_not_told_sees_nothing(scene: Scene, told: Alert) -> None:
    with tenancy.firm(scene.firm.id):
        office = make_user(Role.OPERATIONS)
    assert signed_in(office).post(f"/alerts/{told.pk}/end", {"reason": "x"}).status_code == 404


def test_history_is_paged_by_key_and_no_row_is_lost_or_shown_twice(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        for n in range(60):
            end_alert(alert_id=alert(scene.account, message=f"Row-{n:02}.", now=NOW + timedelta(seconds=n // 3)), now=NOW)
    client = signed_in(scene.owner.user)
    first = client.get("/alerts/?show=history").content.decode()
    following = re.search(r'href="\?(show=history&amp;after=[^"]+)"', first)
    assert following
    second = client.get("/alerts/?" + following.group(1).replace("&amp;", "&")).content.decode()
    seen = re.findall(r'title="(Row-\d\d)\.', first), re.findall(r'title="(Row-\d\d)\.', second)
    assert len(seen[0]) == 50 and len(seen[1]) == 10 and len({*seen[0], *seen[1]}) == 60


def raised_of_each_tier(scene: Scene) -> None:
    """Raise, oldest first, one Critical, two Warnings and three Infos for the manager."""
    for n, tier in enumerate((AlertTier.CRITICAL, AlertTier.WARNING, AlertTier.WARNING, AlertTier.INFO, AlertTier.INFO, AlertTier.INFO)):
        alert(scene.account, tier, f"Row-{n}.", now=NOW - timedelta(minutes=60 - n))


def test_rsk_10_the_loudest_open_alert_is_first_and_within_a_tier_the_newest(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        raised_of_each_tier(scene)
    client = signed_in(scene.owner.user)
    for path, told in (("/alerts/", r'title="Row-(\d)\."'), ("/home/widgets/alerts", r">Row-(\d)\.<")):
        assert re.findall(told, client.get(path).content.decode()) == ["0", "2", "1", "5", "4", "3"]
    page = client.get("/alerts/?format=csv").content.decode()
    assert re.findall(r"Row-(\d)", page) == ["0", "2", "1", "5", "4", "3"]


def test_rsk_10_what_has_a_name_stands_by_time_and_below_what_has_none(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        raised_of_each_tier(scene)
        for row in Alert.objects.filter(message__in=["Row-0.", "Row-4."]):
            acknowledge_alert(alert_id=row.pk, actor=Actor(str(scene.owner.user.id), Role.MANAGER), now=NOW)
    client = signed_in(scene.owner.user)
    assert re.findall(r'title="Row-(\d)\."', client.get("/alerts/?show=acknowledged").content.decode()) == ["4", "0"]
    assert re.findall(r">Row-(\d)\.<", client.get("/home/widgets/alerts").content.decode()) == ["2", "1", "5", "3", "4", "0"]


def test_open_alerts_are_paged_by_place_and_no_row_is_lost_or_shown_twice(scene: Scene) -> None:
    tiers = (AlertTier.INFO, AlertTier.CRITICAL, AlertTier.WARNING)
    with tenancy.firm(scene.firm.id):
        for n in range(60):
            alert(scene.account, tiers[n % 3], f"Row-{n:02}.", now=NOW - timedelta(seconds=n // 6))
    client = signed_in(scene.owner.user)
    first = client.get("/alerts/").content.decode()
    following = re.search(r'href="\?(show=open&amp;after=[^"]+)"', first)
    assert following
    second = client.get("/alerts/?" + following.group(1).replace("&amp;", "&")).content.decode()
    seen = [int(n) for text in (first, second) for n in re.findall(r'title="Row-(\d\d)\."', text)]
    assert sorted(seen) == list(range(60)) and [n % 3 for n in seen] == [1] * 20 + [2] * 20 + [0] * 20


@pytest.mark.parametrize(
    "query",
    [
        "show=x",
        "tier=%00",
        "q=%00",
        "q=" + "x" * 500,
        "after=zzz",
        "after=2026~x",
        "after=9~2026-01-01T00:00Z~00000000-0000-7000-8000-000000000000",
        "alert=x",
        "q='",
        "show=%F0",
    ],
)
def test_garbage_in_the_address_is_the_usual_page(scene: Scene, told: Alert, query: str) -> None:
    assert signed_in(scene.owner.user).get(f"/alerts/?{query}").status_code == 200


def test_the_csv_is_formula_safe_and_audited(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        alert(scene.account, message="=1+1 is no formula")
    answer = signed_in(scene.owner.user).get("/alerts/?format=csv")
    assert answer["Content-Type"].startswith("text/csv") and b",=1+1" not in answer.content and b"=1+1" in answer.content
    with tenancy.firm(scene.firm.id):
        assert events("EXPORTED") == 1


def test_parts_are_parts_and_the_back_button_gets_the_page(scene: Scene, told: Alert) -> None:
    client = signed_in(scene.owner.user)
    part = client.get("/alerts/", headers={"HX-Request": "true", "HX-Target": "alert-list"}).content.decode()
    assert part.count("<html") == 0 and "Daily loss" in part
    assert '<span id="alert-counts" hx-swap-oob="true">1 open' in part and 'id="alert-tabs" hx-swap-oob="true"' in part
    restored = {"HX-Request": "true", "HX-Target": "alert-list", "HX-History-Restore-Request": "true"}
    whole = client.get("/alerts/", headers=restored).content.decode()
    assert "<html" in whole and whole.count('id="alert-counts"') == whole.count('id="alert-tabs"') == 1


def test_nothing_open_says_so(scene: Scene) -> None:
    assert "No open alerts" in signed_in(scene.owner.user).get("/alerts/").content.decode()


def test_three_rows_ask_as_many_questions_as_one(scene: Scene, told: Alert, django_assert_num_queries: Any) -> None:
    client = signed_in(scene.owner.user, scene.firm.id)
    with tenancy.firm(scene.firm.id):
        acknowledge_alert(alert_id=alert(scene.account), actor=Actor(str(scene.owner.user.id), Role.MANAGER), now=NOW)
    client.get("/alerts/")
    with django_assert_num_queries(QUERIES):
        client.get("/alerts/")
    with tenancy.firm(scene.firm.id):
        for _ in range(2):
            alert(scene.account)
            acknowledge_alert(alert_id=alert(scene.account), actor=Actor(str(scene.owner.user.id), Role.MANAGER), now=NOW)
    with django_assert_num_queries(QUERIES):
        assert client.get("/alerts/").content.decode().count("<tr tabindex") == 3


@pytest.mark.parametrize(("who", "seen"), [("owner", True), ("colleague", False), ("risk", True)])
def test_an_alert_of_an_account_reaches_who_sees_the_account(scene: Scene, who: str, seen: bool) -> None:
    with tenancy.firm(scene.firm.id):
        alert_id = raise_alert(
            tier=AlertTier.CRITICAL,
            audience={Role.MANAGER, Role.TRADER, Role.RISK},
            rule="RSK-9",
            subject=Subject(SubjectKind.ACCOUNT, str(scene.account.pk)),
            message="a loss in private",
            now=NOW,
            dedupe_key="private",
        )
    client = signed_in(getattr(scene, who).user, scene.firm.id)
    for address in ("/alerts/", "/alerts/?format=csv", "/home/", "/home/widgets/alerts", "/frame/banner"):
        assert (b"a loss in private" in client.get(address).content) is seen, address
    answer = client.post(f"/alerts/{alert_id}/acknowledge", {"note": "seen"})
    assert (answer.status_code == 404) is not seen
