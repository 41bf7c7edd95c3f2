"""The accounts dashboard: who sees what, groups that add up, order and paging, the download."""

from __future__ import annotations

import base64
import csv
import json
import re
from decimal import Decimal as D
from typing import Any
from urllib.parse import quote_plus

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AccountGroup, AccountGroupMember
from base import tenancy
from governance.enums import AuditAction
from governance.models import AuditEvent
from reporting.core.account_filter import SORTS, AccountFilter, Cursor
from reporting.models import AccountFigures, FigureTotals
from reporting.queries.figure_page import page_of_rows
from reporting.queries.figures import group_totals, totals_of
from tests.api.scene import NOW, Scene, make_scene
from tests.web.figured import HTMX, evenings, get, looking, more, shown, worked_out
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db


def test_people_see_their_accounts_and_totals_of_those_alone(scene: Scene) -> None:
    hidden = more(scene, 2, for_owner=False)
    mine = more(scene, 1)
    worked_out(scene)
    owner, risk, colleague = (get(person.user).content.decode() for person in (scene.owner, scene.risk, scene.colleague))
    assert shown(owner) == sorted([scene.account.code, mine[0].code])
    assert len(shown(risk)) == 4 and shown(colleague) == [] and "No accounts yet" in colleague
    assert "2 accounts" in owner and "4 accounts" in risk
    assert not any(account.code in owner or account.name in colleague for account in hidden)
    stranger = get(make_scene().owner.user).content.decode()
    assert scene.account.code not in shown(stranger)
    assert get(scene.investor.user).status_code == 403


@pytest.mark.parametrize("path", ["below", "filters", "views"])
def test_the_parts_tell_nothing_of_accounts_out_ofsight(scene: Scene, path: str) -> None:
    more(scene, 1, for_owner=False, base_currency="CHF")
    worked_out(scene)
    assert get(scene.investor.user, path).status_code == 403
    for user in (scene.owner.user, scene.colleague.user):
        answer = get(user, path)
        assert answer.status_code == 200 and "CHF" not in answer.content.decode()
    if path == "filters":
        assert "CHF" in get(scene.risk.user, path).content.decode()


def test_groups_add_up_to_what_is_shown(scene: Scene) -> None:
    more(scene, 3)
    more(scene, 2, base_currency="EUR")
    more(scene, 4, for_owner=False)
    worked_out(scene)
    with tenancy.firm(scene.firm.id):
        for oversight, user in ((False, scene.owner.user), (True, scene.risk.user)):
            for kind in ("currency", "custodian", "account_class", "strategy"):
                sight = looking(user, oversight, AccountFilter(by=kind))
                rows, _ = page_of_rows(sight)
                groups = group_totals(sight, labels=list({getattr(row, kind) for row in rows}))
                whole = totals_of(sight)
                assert whole is not None and sum(g.accounts for g in groups.values()) == len(rows) == whole.accounts
                assert sum(g.equity_to for g in groups.values()) == whole.equity_to == sum(row.equity_to or 0 for row in rows)
    text = get(scene.owner.user, "?by=currency").content.decode()
    assert text.index(">EUR</span></a>") < text.index(">USD</span></a>") and "2 accounts" in text


def test_gains_tell_the_accounts_own_currency_on_hover_and_equity_its_rate(scene: Scene) -> None:
    more(scene, 1, base_currency="EUR")
    worked_out(scene)
    with tenancy.firm(scene.firm.id):
        AccountFigures.objects.filter(currency="EUR").update(
            equity=1000, day_start=990, equity_to=1250, day_pnl=D("12.50"), open_pnl=-5, open_pnl_own=-4, rate=D("1.25"), rate_as_of=NOW
        )
    text = get(scene.owner.user, "").content.decode()
    assert 'title="+10.00 EUR">+12.50<' in text and 'title="−4.00 EUR">−5.00<' in text
    assert f'title="1.25 USD a EUR, {NOW:%d %b %Y %H:%M} UTC">1,250.00<' in text
    header, *lines = list(csv.reader(get(scene.owner.user, "?format=csv").content.decode().splitlines()))
    (line,) = [dict(zip(header, one, strict=True)) for one in lines if "EUR" in one]
    assert (D(line["day_pnl_own"]), D(line["open_pnl_own"])) == (10, -4)


def test_a_closed_group_keeps_its_totals_and_hides_its_rows(scene: Scene) -> None:
    more(scene, 2, base_currency="EUR")
    worked_out(scene)
    text = get(scene.owner.user, "?by=currency&collapsed=EUR").content.decode()
    assert shown(text) == [scene.account.code] and 'aria-expanded="false"' in text and "2 accounts" in text


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("by", ["", "currency"])
def test_pages_hold_every_account_once_with_ties_and_unknown_figures(scene: Scene, sort: str, descending: bool, by: str) -> None:
    more(scene, 4)
    more(scene, 2, base_currency="EUR")
    worked_out(scene)
    with tenancy.firm(scene.firm.id):
        AccountFigures.objects.filter(code__gte="A").order_by("code").filter(
            pk__in=list(AccountFigures.objects.values_list("pk", flat=True)[:2])
        ).update(equity=None, equity_to=None, day_pnl=None, drawdown=None, margin_rate=None)
        sight = looking(scene.risk.user, True, AccountFilter(by=by, sort=sort, descending=descending))
        whole, following = page_of_rows(sight)
        assert following is None and len(whole) == 7
        walked: list[Any] = []
        after = None
        for _ in range(10):
            rows, after = page_of_rows(sight, after=after and Cursor.read(after.text(), sight.chosen.sort), limit=2)
            walked += rows
            if after is None:
                break
        assert [row.code for row in walked] == [row.code for row in whole]
        if not by:
            values = [getattr(row, SORTS[sort]) for row in whole]
            known = [value for value in values if value is not None]
            assert known == sorted(known, reverse=descending) and values[len(known) :] == [None] * (len(values) - len(known))


def test_show_more_answers_with_the_next_rows_alone(scene: Scene) -> None:
    more(scene, 52)
    worked_out(scene)
    first = get(scene.owner.user).content.decode()
    address = re.search(r'hx-get="([^"]*after=[^"]+)"', first)
    assert len(shown(first)) == 50 and address
    rest = signed_in(scene.owner.user).get(address.group(1).replace("&amp;", "&"), headers=HTMX).content.decode()
    assert len(shown(rest)) == 3 and not set(shown(first)) & set(shown(rest)) and "<table" not in rest
    assert len(shown(get(scene.owner.user, "?shown=53", **HTMX).content.decode())) == 53


def test_the_filter_finds_by_code_or_name_and_says_when_nothing_matches(scene: Scene) -> None:
    found = more(scene, 1, name="Zäzilie & Söhne <b>")[0]
    worked_out(scene)
    text = get(scene.owner.user, "?q=söhne").content.decode()
    assert shown(text) == [found.code] and "&lt;b&gt;" in text and "<b>Söhne" not in text and "1 account of the filter" in text
    assert "Nothing matches" in get(scene.owner.user, "?q=nobody").content.decode()
    assert shown(get(scene.owner.user, "?flag=breaks").content.decode()) == [scene.account.code]


@pytest.mark.parametrize(
    "query", ["?q=%00&sort=x&by=y&after=zzz", "?after=W10", "?view=nonsense", "?shown=x", "?collapsed=%00", "?q=%25_'"]
)
def test_an_address_may_say_anything(scene: Scene, query: str) -> None:
    worked_out(scene)
    assert get(scene.owner.user, query).status_code == (404 if "view" in query else 200)


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ("sort=equity", ["", False, "abc", "A"]), ("sort=equity", ["", False, "1", "A"]), ("sort=positions", ["", False, "x", "A"]),
        ("sort=positions", ["", True, "1E19", "A"]), ("sort=positions", ["", True, "0.5", "A"]), ("sort=day_rate", ["", True, "NaN", "A"]),
        ("sort=code", ["", False, "A", "\ud800"]), ("sort=code", ["", False, "\ud800", "A"]), ("sort=code", ["", True, "1", "A"]),
        ("by=strategy", ["\ud800", False, "A", "A"]), ("by=strategy", ["\0", False, "A", "A"]), ("sort=equity", [1, False, None, "A"]),
        ("sort=equity", ["", True, "1." + "1" * 17_000, "A"]),
    ],
)  # fmt: skip
def test_a_place_to_go_on_that_is_none_is_passed_over(scene: Scene, query: str, key: list[Any]) -> None:
    worked_out(scene)
    after = base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")
    assert shown(get(scene.owner.user, f"?{query}&after={after}").content.decode()) in ([scene.account.code], [])


def test_the_first_look_works_the_figures_out(scene: Scene) -> None:
    assert shown(get(scene.owner.user).content.decode()) == [scene.account.code]
    assert "No accounts yet" in get(scene.colleague.user).content.decode()


@pytest.mark.parametrize("query", ["", "?by=currency"])
def test_the_number_of_statements_is_the_same_at_one_and_three_accounts(scene: Scene, query: str) -> None:
    client = signed_in(scene.owner.user)
    counts = []
    for extra in (0, 2):
        more(scene, extra)
        worked_out(scene)
        with tenancy.firm(scene.firm.id):
            FigureTotals.objects.filter(kind="FIRM").update(seen_at=NOW)
        client.get(f"/accounts/{query}")
        with CaptureQueriesContext(
            connection,
        ) as seen:
            client.get(f"/accounts/{query}", headers=HTMX)
        counts.append(len(seen))
    assert counts == ([18, 18] if not query else [21, 21])


def test_what_is_below_a_selection_asks_the_same_at_one_and_three_accounts(scene: Scene) -> None:
    client, counts = signed_in(scene.owner.user), []
    for extra in (1, 2):
        for account in more(scene, extra, name="Chosen"):
            evenings(scene, account, 100, 110)
        worked_out(scene)
        client.get("/accounts/below?q=Chosen")
        with CaptureQueriesContext(connection) as seen:
            assert b"sum-drawdown-" in client.get("/accounts/below?q=Chosen", headers=HTMX).content
        counts.append(len(seen))
    assert counts == [29, 29]


@pytest.mark.parametrize("by", ["", "&by=strategy"])
def test_a_filter_that_names_what_is_not_there_says_so(scene: Scene, by: str) -> None:
    worked_out(scene)
    text = get(scene.owner.user, f"?strategy=CRYPTO-CARRY{by}").content.decode()
    assert "Nothing matches" in text and "Clear filters" in text and "No account in sight has the strategy CRYPTO-CARRY." in text
    known = get(scene.owner.user, f"?currency={scene.account.base_currency}&q=nobody{by}").content.decode()
    assert "No account in sight fits the filter." in known and "has the currency" not in known


def test_a_group_finds_accounts_that_are_of_others_too(scene: Scene) -> None:
    both, desk, alike = more(scene, 3)
    with tenancy.firm(scene.firm.id):
        groups = [AccountGroup.objects.create(code=name.upper().replace(" ", "-"), name=name) for name in ("Desk", "House", "Desk of Ann")]
        for account, kept in ((both, groups[:2]), (desk, groups[:1]), (alike, groups[2:])):
            for group in kept:
                AccountGroupMember.objects.create(group=group, account=account, valid_from=NOW.date())
    worked_out(scene)
    owner = scene.owner.user
    for asked, found in (("Desk", [both, desk]), ("House", [both]), ("Desk + House", [both]), ("Desk of Ann", [alike])):
        text = get(owner, f"?account_group={quote_plus(asked)}").content.decode()
        assert shown(text) == sorted(account.code for account in found), asked
        assert "no account in sight" not in text.lower()
    menus = get(owner, "filters").content.decode()
    assert all(f">{name}</option>" in menus for name in ("Desk", "House", "Desk of Ann")) and "Desk + House" not in menus
    assert "Desk + House" in get(owner, "?by=account_group").content.decode(), "each account once, so that groups add up"
    assert "<option selected>Desk + House</option>" in get(owner, "filters?account_group=Desk+%2B+House").content.decode()


def test_the_chip_counts_the_filters(scene: Scene) -> None:
    worked_out(scene)
    for query, count in (("?currency=USD", 1), ("?flag=any", 1), ("?currency=USD&flag=any", 2)):
        assert f"Filter <b>{count}</b>" in get(scene.owner.user, query).content.decode()


def test_the_download_holds_what_is_in_sight_and_runs_nothing(scene: Scene) -> None:
    more(scene, 1, name="=cmd|' /C calc'!A0")
    more(scene, 1, for_owner=False)
    worked_out(scene)
    answer = get(scene.owner.user, "?format=csv&by=currency&collapsed=USD")
    rows = list(csv.DictReader(answer.content.decode().splitlines()))
    assert answer["Content-Type"].startswith("text/csv") and len(rows) == 2
    assert all(not cell.startswith(("=", "+", "@")) for row in rows for cell in row.values()) and "−" not in answer.content.decode()
    assert D(rows[1]["equity"]) == 100
    with tenancy.firm(scene.firm.id):
        assert AuditEvent.objects.get(action=AuditAction.EXPORTED).after["rows"] == 2
    assert get(scene.investor.user, "?format=csv").status_code == 403


def test_no_part_carries_inline_style_or_script(scene: Scene) -> None:
    worked_out(scene)
    client = signed_in(scene.owner.user)
    for path in ("", "below", "filters", "views"):
        text = client.get(f"/accounts/{path}").content.decode()
        assert " style=" not in text and "<style" not in text and " onclick=" not in text


def test_the_heading_of_open_risk_takes_two_lines_at_most_and_says_what_it_is(scene: Scene) -> None:
    text = signed_in(scene.owner.user).get("/accounts/").content.decode()
    heading = re.search(r'<th scope="col" title="([^"]+)" class="num"><a [^>]+>(Open risk[^<]+)</a>', text)
    assert heading and "RSK-8b" in heading[1] and heading[2].split(" ") == ["Open", "risk\N{NO-BREAK SPACE}USD"]


def test_a_selections_row_of_totals_gets_its_drawdown_and_line_with_the_chart_below(scene: Scene) -> None:
    chosen, other = more(scene, 2)
    for account in (chosen, other):
        evenings(scene, account, 110, 125, 120)
    worked_out(scene)
    query = f"?q={chosen.code}"
    page, below = (get(scene.owner.user, f"{part}{query}", **HTMX).content.decode() for part in ("", "below"))
    (mark,) = re.findall(r'<span id="sum-drawdown-(\w+)" hx-preserve="true"><span class="nil"', page)
    assert f'<span id="sum-spark-{mark}" hx-preserve="true"></span>' in page
    assert (
        f'<span id="sum-drawdown-{mark}" hx-swap-oob="true">20.0%</span><span id="sum-spark-{mark}" hx-swap-oob="true"><svg class="spark'
        in below
    )
    again = get(scene.owner.user, f"{query}&sort=day_pnl&by=currency", **HTMX).content.decode()
    assert f"sum-drawdown-{mark}" in again, "another order is the same choice"
    assert f"sum-drawdown-{mark}" not in get(scene.owner.user, f"?q={other.code}", **HTMX).content.decode()
    for whole in (get(scene.risk.user, "", **HTMX), get(scene.risk.user, "below", **HTMX)):
        assert "sum-drawdown-" not in whole.content.decode(), "the firm's own total is stored"
