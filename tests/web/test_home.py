"""The home page and its widgets; consolidated exposure."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import timedelta
from decimal import Decimal
from html import unescape
from typing import Any
from urllib.parse import quote_plus

import pytest

from accounts.models import EquitySnapshot, Position
from base import tenancy
from governance import services
from governance.core.subjects import Actor, Subject, Viewer
from governance.enums import ApprovalAction, Role, SubjectKind
from reporting.core.home import WIDGETS
from reporting.queries.exposure import consolidated
from reporting.services import refresh_figures
from risk.models import FirmLimit
from tests.api.scene import DAY, NOW, Scene, grant, make_person, make_scene
from tests.factories import make_account, make_instrument, make_sleeve
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db


def get(user: Any, path: str) -> Any:
    return signed_in(user).get(path)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.INVESTOR])
def test_each_role_has_a_default_page(scene: Scene, role: Role) -> None:
    with tenancy.firm(scene.firm.id):
        person = make_person(scene.firm, role)
    text = get(person.user, "/home/").content.decode()
    expected = {Role.OPERATIONS: "Constrained accounts", Role.COMPLIANCE: "Approvals"}.get(role, "Needs attention")
    assert expected in text


@pytest.mark.parametrize("name", sorted(WIDGETS))
def test_each_widget_answers_full_and_empty(scene: Scene, name: str) -> None:
    assert get(scene.owner.user, f"/home/widgets/{name}").status_code == 200
    assert get(scene.colleague.user, f"/home/widgets/{name}").status_code == 200
    assert get(scene.investor.user, f"/home/widgets/{name}").status_code == 403


def test_a_widget_nobody_made_is_404(scene: Scene) -> None:
    assert get(scene.owner.user, "/home/widgets/nothing").status_code == 404


def test_widgets_show_only_accounts_in_sight(scene: Scene) -> None:
    code = scene.account.code
    assert code in get(scene.owner.user, "/home/widgets/breaks").content.decode()
    assert code not in get(scene.colleague.user, "/home/widgets/breaks").content.decode()
    assert code not in get(make_scene().owner.user, "/home/widgets/breaks").content.decode()


def test_what_one_arranged_is_kept_for_oneself(scene: Scene) -> None:
    client = signed_in(scene.owner.user)
    wanted = [{"name": "limits", "width": 2}, {"name": "alerts", "width": 1}]
    assert client.post("/home/arrange", {"layout": json.dumps(wanted)}).status_code == 204
    text = client.get("/home/").content.decode()
    assert text.index('data-widget="limits"') < text.index('data-widget="alerts"') and 'data-widget="firm"' not in text
    assert 'data-widget="limits"' not in get(scene.second.user, "/home/").content.decode()
    assert client.post("/home/arrange", {"default": "1"})["Location"] == "/home/"
    assert 'data-widget="firm"' in client.get("/home/").content.decode()


@pytest.mark.parametrize(
    "layout",
    ["", "{}", "[1]", "null", '[{"name": "nothing", "width": 1}]', '[{"name": "alerts", "width": 4}]', '[{"name": "alerts", "width": true}]',
     '[{"name": "alerts", "width": 1.0}]', '[{"name": "alerts", "width": "1"}]', '[{"name": "alerts", "width": NaN}]',
     '[{"name": "alerts", "width": 1}, {"name": "alerts", "width": 1}]', "[" * 5000, json.dumps([{"name": "alerts", "width": 1}] * 50)],
)  # fmt: skip
def test_what_is_no_layout_is_refused_and_nothing_is_kept(scene: Scene, layout: str) -> None:
    client = signed_in(scene.owner.user)
    assert client.post("/home/arrange", {"layout": layout}).status_code == 422
    assert 'data-widget="firm"' in client.get("/home/").content.decode()


def test_the_time_in_the_heading_of_exposure_comes_anew_with_its_figures(scene: Scene, settings: Any) -> None:
    client, place = signed_in(scene.owner.user), '<span id="exposure-at"'
    assert client.get("/exposure/").content.decode().count(f"{place}>at 15:00:00 UTC</span>") == 1
    later = NOW + timedelta(seconds=95)
    settings.REHEARSAL_CLOCK = f"{later.isoformat()}@{later.isoformat()}*0"
    part = client.get("/exposure/", headers={"HX-Request": "true"}).content.decode()
    assert part.count(f'{place} hx-swap-oob="true">at 15:01:35 UTC</span>') == part.count(place) == 1


def test_exposure_is_of_the_accounts_in_sight(scene: Scene) -> None:
    symbol = scene.instrument.symbol
    assert symbol in get(scene.owner.user, "/exposure/").content.decode()
    assert "Nothing is held" in get(scene.colleague.user, "/exposure/").content.decode()
    assert symbol not in get(make_scene().owner.user, "/exposure/").content.decode()
    assert get(scene.investor.user, "/exposure/").status_code == 403


def test_the_holders_of_an_instrument_are_paged(scene: Scene) -> None:
    path = f"/exposure/{scene.instrument.pk}/holders"
    assert scene.account.code in get(scene.owner.user, path).content.decode()
    assert scene.account.code not in get(scene.owner.user, f"{path}?after=zzzz").content.decode()
    assert scene.account.code not in get(scene.colleague.user, path).content.decode()
    assert get(scene.owner.user, "/exposure/999999999/holders").status_code == 404


def test_long_and_short_are_kept_apart(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        held = Position.objects.filter(account=scene.account).first()
        assert held is not None
        Position.objects.filter(pk=held.pk).update(quantity=Decimal(-40))
    answer = get(scene.owner.user, "/exposure/?format=csv").content.decode().splitlines()
    row = next(line for line in answer if line.startswith(scene.instrument.symbol)).split(",")
    assert row[answer[0].split(",").index("short")].startswith("-40")


def csv_of(scene: Scene, query: str = "") -> dict[str, dict[str, str]]:
    text = get(scene.owner.user, f"/exposure/?{query}format=csv").content.decode()
    return {row["symbol"]: row for row in csv.DictReader(io.StringIO(text))}


def hold(account: Any, sleeve: Any, instrument: Any, quantity: int) -> None:
    Position.objects.create(account=account, sleeve=sleeve, instrument=instrument, quantity=quantity, last_traded_on=DAY)


def test_an_account_that_holds_in_two_sleeves_counts_once(scene: Scene) -> None:
    before = csv_of(scene)[scene.instrument.symbol]
    with tenancy.firm(scene.firm.id):
        other = make_account()
        grant(scene.owner.user, other, "view")
        for account, quantity in ((scene.account, 7), (other, 3)):
            hold(account, make_sleeve(name="Satellite"), scene.instrument, quantity)
    after = csv_of(scene)[scene.instrument.symbol]
    assert (before["accounts"], after["accounts"]) == ("1", "2")
    assert Decimal(after["long"]) == Decimal(before["long"]) + 10
    assert csv_of(scene, "by=custodian&of=nobody&") == {}


def test_a_bar_leads_to_what_stands_behind_it(scene: Scene) -> None:
    satellite = "Satellite & <Co>"
    with tenancy.firm(scene.firm.id):
        sleeve, energy = make_sleeve(name=satellite), make_instrument(sector="Energy")
        hold(scene.account, sleeve, energy, 7)
        hold(scene.account, sleeve, scene.instrument, 3)
        custodian = scene.account.custodian.name
    text = get(scene.owner.user, "/exposure/").content.decode()
    links = [unescape(one) for one in re.findall(r'<ul class="bars">.*?</ul>', text, re.S) for one in re.findall(r'<a href="([^"]+)"', one)]
    assert f"/accounts/?custodian={quote_plus(custodian)}" in links and "/exposure/?by=sector&of=Energy#instruments" in links
    for link in links:
        listed = get(scene.owner.user, link.partition("#")[0])
        assert listed.status_code == 200
        assert "/accounts/" in link or "Instruments of the" in listed.content.decode()
    assert set(csv_of(scene, "by=sector&of=Energy&")) == {energy.symbol}
    inside = csv_of(scene, f"by=strategy&of={quote_plus(satellite)}&")
    assert {symbol: Decimal(row["long"]) for symbol, row in inside.items()} == {energy.symbol: 7, scene.instrument.symbol: 3}
    page = get(scene.owner.user, f"/exposure/?by=strategy&of={quote_plus(satellite)}").content.decode()
    assert "Satellite &amp; &lt;Co&gt;" in page and "<Co>" not in page
    opened = [unescape(path) for path in re.findall(r'hx-get="([^"]+/holders[^"]*)"', page)]
    quantities = re.findall(r'<td class="num">([\d.]+)</td><td class="num"></td>', get(scene.owner.user, opened[0]).content.decode())
    assert len(opened) == 2 and quantities in (["7"], ["3"])


@pytest.mark.parametrize(
    "query",
    ["by=sector&of=%00", "by=x&of=y", "by=sector", "by=sector&of=nothing", "by=currency&of='", "of=Energy", "by=strategy&of=%ED%A0%80"],
)
def test_a_place_that_is_none_lists_nothing_or_everything(scene: Scene, query: str) -> None:
    for headers in ({}, {"HX-Request": "true"}):
        assert signed_in(scene.owner.user).get(f"/exposure/?{query}", headers=headers).status_code == 200
    assert get(scene.owner.user, f"/exposure/{scene.instrument.pk}/holders?strategy={query}").status_code == 200


def test_the_firm_widget_says_what_the_dashboard_says(scene: Scene) -> None:
    figures = re.compile(r'<dd data-live="kpi-equity">.*?Able to trade</dt><dd>.*?</dd>', re.S)
    table = get(scene.owner.user, "/accounts/").content.decode()
    widget = get(scene.owner.user, "/home/widgets/firm").content.decode()
    assert figures.findall(widget) == figures.findall(table) and len(figures.findall(table)) == 1
    assert "No accounts yet" in get(scene.colleague.user, "/home/widgets/firm").content.decode()


@pytest.mark.parametrize("who", ["owner", "colleague"])
def test_requests_and_authorities_of_accounts_out_of_sight_are_neither_shown_nor_counted(scene: Scene, who: str) -> None:
    with tenancy.firm(scene.firm.id):
        services.request_approval(
            action=ApprovalAction.WAIVE_BREAK,
            subject=Subject(SubjectKind.ACCOUNT, str(scene.account.pk)),
            content_hash="a" * 64,
            actor=Actor(str(scene.risk.user.id), Role.RISK),
            now=NOW,
            reason="a private matter",
        )
    client = signed_in(getattr(scene, who).user, scene.firm.id)
    seen = who == "owner"
    assert (b"a private matter" in client.get("/home/widgets/approvals").content) is seen
    page = client.get("/home/").content.decode()
    assert bool(re.search(r'href="/approvals/"[^>]*>(?:(?!</a>).)*class="rail__count[^"]*" id="count-approvals">1<', page, re.S)) is seen


def test_a_closed_account_is_no_equity_to_measure_exposure_by(scene: Scene) -> None:
    """Emptied and closed on one day, it has no evening at nothing: its last one is of when it was full."""
    with tenancy.firm(scene.firm.id):
        closed = make_account(opened_on=DAY - timedelta(days=30), closed_on=DAY)
        grant(scene.owner.user, closed, "view")
        for account, equity in ((scene.account, 1000), (closed, 60_000)):
            EquitySnapshot.objects.create(account=account, as_of=DAY - timedelta(days=1), cash=equity, market_value=0, equity=equity)
        found = consolidated(Viewer(scene.owner.user.id, False, DAY), now=NOW)
    assert found.equity == 1000


def test_the_firms_limits_stand_beside_the_whole_firms_exposure_alone(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        FirmLimit.objects.create(kind="GROSS", limit=Decimal(987_654), valid_from=NOW - timedelta(days=1))
        refresh_figures(now=NOW)
    for person in (scene.owner, scene.risk):
        assert "limit 987,654" in get(person.user, "/exposure/").content.decode(), "the firm has this one account"
    with tenancy.firm(scene.firm.id):
        make_account()
        refresh_figures(now=NOW)
    assert "limit 987,654" in get(scene.risk.user, "/exposure/").content.decode()
    assert "987,654" not in get(scene.owner.user, "/exposure/").content.decode()
