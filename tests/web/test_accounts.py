"""The accounts dashboard: who sees what, groups that add up, order and paging, saved views, the download."""

from __future__ import annotations

import base64
import csv
import json
import re
from datetime import timedelta
from decimal import Decimal as D
from typing import Any
from urllib.parse import quote_plus

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, AccountGroup, AccountGroupMember, CashBalance, EquitySnapshot
from allocation.models import StrategyAccount
from base import tenancy
from governance.enums import AuditAction
from governance.models import AuditEvent
from reporting.core.account_filter import SORTS, AccountFilter, Cursor, checked_filter, read_filter
from reporting.models import AccountFigures, FigureTotals, SavedView
from reporting.queries.figure_page import page_of_rows
from reporting.queries.figures import Sight, group_totals, totals_of
from reporting.queries.saved_views import accounts_of_view
from reporting.services import refresh_figures
from tests.api.scene import NOW, Scene, grant, make_scene
from tests.factories import make_account
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def cash(account: Account, amount: str) -> None:
    CashBalance.objects.create(account=account, currency=account.base_currency, settle_date=NOW.date(), amount=D(amount))


def more(scene: Scene, count: int, *, for_owner: bool = True, **fields: Any) -> list[Account]:
    """Open accounts with 100.00 each, and let the owner see them."""
    made = []
    with tenancy.firm(scene.firm.id):
        for _ in range(count):
            account = make_account(connection=scene.account.connection, **fields)
            cash(account, "100")
            if for_owner:
                grant(scene.owner.user, account, "view")
            made.append(account)
    return made


def evenings(scene: Scene, account: Account, *equities: int) -> None:
    """Put the account's last evenings on record; it was opened with the first equity."""
    with tenancy.firm(scene.firm.id):
        for place, equity in enumerate(equities):
            amounts = {"cash": equity, "market_value": 0, "equity": equity, "external_flow": 0 if place else equity}
            EquitySnapshot.objects.create(account=account, as_of=NOW.date() - timedelta(days=len(equities) - place), **amounts)


def worked_out(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        refresh_figures(now=NOW)


def shown(text: str) -> list[str]:
    return re.findall(r'data-row="([^"]+)"', text)


def get(user: Any, query: str = "", **headers: str) -> Any:
    return signed_in(user).get(f"/accounts/{query}", headers=headers)


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
def test_the_parts_tell_nothing_of_accounts_out_of_sight(scene: Scene, path: str) -> None:
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
                sight = _sight(user, oversight, AccountFilter(by=kind))
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


def _sight(user: Any, oversight: bool, chosen: AccountFilter) -> Sight:
    from governance.core.subjects import Viewer

    return Sight(Viewer(user.id, oversight, NOW.date()), chosen)


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
        sight = _sight(scene.risk.user, True, AccountFilter(by=by, sort=sort, descending=descending))
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


def test_a_view_is_no_grant_and_resolves_to_what_each_person_sees(scene: Scene) -> None:
    more(scene, 2, for_owner=False)
    worked_out(scene)
    saved = signed_in(scene.owner.user).post("/accounts/views", {"name": "All", "shared": "1"})
    view_id = saved["Location"].split("view=")[1]
    with tenancy.firm(scene.firm.id):
        seen = {
            name: accounts_of_view(view_id=view_id, viewer=_sight(person.user, oversight, AccountFilter()).viewer)
            for name, person, oversight in (
                ("owner", scene.owner, False),
                ("colleague", scene.colleague, False),
                ("risk", scene.risk, True),
            )
        }
    assert seen["owner"] == [scene.account.id] and seen["colleague"] == [] and len(seen["risk"]) == 3


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
