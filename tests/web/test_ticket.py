"""The ticket: what it shows as one types, what it refuses, and that it releases what was shown, once."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.template.loader import render_to_string
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, BrokerConnection
from allocation.enums import SizingMethod
from allocation.models import AllocationLine, AllocationStatement, Preview, Signal, Strategy
from base import tenancy
from base.core.figures import money
from execution.enums import OrderState
from execution.models import ChildOrder, ParentOrder
from governance.enums import Role
from governance.models import AuditEvent
from market.models import Quote
from market.services import QuoteRow, record_quotes
from tests.desk import Desk, make_desk, the_market
from tests.factories import as_loader, make_user
from tests.web.people import signed_in
from tests.web.ticket_room import KEY, Room, beside, cells, hidden, role_client, stop_clock, text_of

pytestmark = pytest.mark.django_db


def test_the_page_offers_every_method_the_engine_takes_and_no_other(room: Room) -> None:
    text = room.client.get("/ticket/").content.decode()
    offered = set(re.findall(r'<option value="(\w+)" data-unit', text))
    assert offered == {m.value for m in SizingMethod} - {"ratio", "percent"}
    assert " style=" not in text and "<style" not in text and "onclick" not in text


def test_siz_7_floor_on_the_page(room: Room) -> None:
    answer = room.preview()
    assert answer.status_code == 200
    figures = {code: cells(answer, code) for code in ("A1", "A2", "A3", "A4", "A5")}
    assert {code: (row[1], row[3]) for code, row in figures.items()} == {
        "A1": ("158.5624", "158"),
        "A2": ("76.1099", "50"),
        "A3": ("253.6998", "253"),
        "A4": ("344.0803", "114"),
        "A5": ("50.7400", "16"),
    }
    assert [row[2] for row in figures.values()] == ["158.5624", "50.7400", "253.6998", "114.6934", "16.9133"]
    assert figures["A1"][4] == "7,473.40" and figures["A2"][7] == "SIZ-2 Sheltered cap 2%"
    assert cells(answer, "A7")[-1].startswith("GOV-2") and "Left out" in cells(answer, "A7")[3]


def test_siz_7_largest_remainder_with_caps_on_the_page(room: Room) -> None:
    with tenancy.firm(room.desk.firm_id):
        Strategy.objects.filter(code="CORE").update(rounding="largest_remainder")
    answer = room.preview(accounts="A1,A2,A3,A4,A5", pick="only")
    assert [cells(answer, code)[3] for code in ("A1", "A2", "A3", "A4", "A5")] == ["159", "50", "254", "114", "16"]
    total = re.search(r"<tfoot>.*?</tfoot>", answer.content.decode(), re.S)
    assert total and "593" in total[0] and "594.6089" in total[0] and "1 not placeable" in total[0]
    assert "Release 593 XYZ to 5 accounts" in text_of(answer)


def test_the_totals_are_the_sums_of_the_lines_as_shown(room: Room) -> None:
    answer = room.preview()
    rows = [cells(answer, code) for code in ("A1", "A2", "A3", "A4", "A5", "A6")]
    foot = re.search(r"<tfoot>(.*?)</tfoot>", answer.content.decode(), re.S)
    assert foot
    totals = [unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<td.*?</td>", foot[1], re.S)]

    def number(text: str) -> Decimal:
        return Decimal(text.replace(",", ""))

    for column in (1, 2, 3, 4, 6):
        assert number(totals[column]) == sum((number(row[column]) for row in rows), Decimal(0))
    assert totals[0] == "6 of 7 accounts"


def test_siz_2_the_reason_states_cap_equity_and_price(room: Room) -> None:
    room.desk.hold({"A2": 20})
    text = text_of(room.preview())
    held = re.search(r"2% × ([\d,.]+) USD / 47.30 ([\d.]+) Held 20 Order", text)
    assert held
    assert abs(Decimal("0.02") * Decimal(held[1].replace(",", "")) / Decimal("47.30") - Decimal(held[2])) < Decimal("0.0001")


def test_gov_2_and_gates_and_costs_stand_beside_the_lines(room: Room) -> None:
    text = text_of(room.preview())
    for said in (
        "Order value, limit",
        "Gross after",
        "Quote age, limit 120 s",
        "Price move, limit 1%",
        "Half spread",
        "Impact",
        "Commission",
    ):
        assert said in text, said
    assert "6 of 6" in text and "Runs again" in text


def test_costs_are_written_in_the_instruments_currency(room: Room) -> None:
    context = room.preview().context
    known = {name: context[name] for name in context.keys()}  # noqa: SIM118 - a list of contexts
    shown = known["shown"]
    amount = shown.cost_total.amount
    assert amount % 1, "a fraction that yen do not have"
    for currency in ("USD", "JPY"):
        sized = replace(shown.sized, instrument=replace(shown.sized.instrument, currency=currency))
        written = render_to_string("execution/_preview.html", known | {"shown": replace(shown, sized=sized)})
        text = " ".join(re.sub(r"<[^>]+>", " ", written).split())
        assert f"estimated, {currency}" in text and re.search(rf"Total [-\u2212\d.]+ bp {re.escape(money(amount, currency))} ", text), (
            currency
        )


@pytest.mark.parametrize("method", [m.value for m in SizingMethod if m.value not in ("ratio", "percent")])
def test_every_method_previews(room: Room, method: str) -> None:
    room.desk.hold({"A1": 100, "A3": 60})
    more = {"per_account": "A1,quantity,10\nA3,weight,2%"} if method == "custom" else {}
    answer = room.preview(method=method, figure="30", stop_price="44.90", **more)
    assert answer.status_code == 200, text_of(answer)
    assert "Allocation preview" in text_of(answer) and "of" in text_of(answer)


def test_previews_write_nothing(room: Room) -> None:
    before = {model: room.count(model) for model in (Signal, Preview, AllocationStatement, ParentOrder, AuditEvent)}
    for figure in ("0.5", "1", "2", "3", "300", "x"):
        room.preview(figure=figure)
    assert {model: room.count(model) for model in before} == before


GARBAGE = ("NaN", "Infinity", "-1", "1e5", "1,000", "9" * 60, "0.123456789", "", "x", "\x00", "٣", "{{x}}", "<script>")


@pytest.mark.parametrize(
    "field", ["figure", "stop_price", "symbol", "strategy", "method", "side", "accounts", "per_account", "groups", "key"]
)
def test_garbage_is_refused_beside_its_field_and_writes_nothing(room: Room, field: str) -> None:
    method = {"stop_price": "risk", "per_account": "custom"}.get(field, "target_weight")
    for value in GARBAGE:
        answer = room.preview(**{"method": method, "figure": "1", "stop_price": "44.90", field: value})
        assert answer.status_code in (200, 422), value
        assert "<script>" not in answer.content.decode(), value
        if field == "figure" and value not in ("", "\x00"):
            assert answer.status_code == 422, value
            assert re.search(r'id="err-figure"[^>]*><p class="field__note', answer.content.decode()), value
    assert room.count(Signal) == 0


def test_a_refusal_names_field_value_and_rule(room: Room) -> None:
    text = text_of(room.preview(figure="1,5"))
    assert "“1,5” use a point, no thousands separators" in text


def test_custom_lines_are_refused_by_line(room: Room) -> None:
    text = text_of(room.preview(method="custom", per_account="A1,quantity,10\nA1;weight;x\nZZ,quantity,1"))
    assert "line 2" in text and "line 3" in text and "not an account you may trade" in text


LISTS = (
    ("A1,quantity,10\nA1,quantity,20", "line 2 “A1” is listed twice"),
    ("A1,quantity,10\nA2,quantity,5", "line 2 “A2” is not ticked below"),
    ("A1,quantity,NaN", "line 1 “NaN” is not a number"),
    ("A1,weight,2", "line 1 “2” write a weight or a risk in percent, with its sign: 2%"),
    ("A1,risk,0.5", "line 1 “0.5” write a weight or a risk in percent, with its sign: 2%"),
    ("A1,quantity,5%", "line 1 “5%” is not a number"),
)


@pytest.mark.parametrize(("listed", "said"), LISTS)
def test_a_wrong_line_is_told_once_in_the_words_of_the_list(room: Room, listed: str, said: str) -> None:
    answer = room.preview(method="custom", figure="", per_account=listed, accounts="A2", pick="all")
    assert answer.status_code == 422 and beside(answer, "per_account") == said


@pytest.mark.parametrize("more", [{"method": "risk"}, {"pick": "only"}])
def test_what_is_still_missing_is_told_and_is_no_refusal(room: Room, more: dict[str, str]) -> None:
    answer = room.preview(**more)
    assert answer.status_code == 200 and "field__note--error" in answer.content.decode() and "data-release" not in answer.content.decode()


def test_a_list_left_over_from_another_method_leaves_the_ticket_blank(room: Room) -> None:
    assert "Nothing to size yet" in text_of(room.preview(figure="", per_account="A1,quantity,10"))


@pytest.mark.parametrize("line", ["A1,quantity," + "1" * 140_000, '"' + "x" * 140_000, '"x\n' * 19_000, "A1,quantity,10," * 100])
def test_a_custom_line_that_is_far_too_long_is_refused_by_its_number(room: Room, line: str) -> None:
    answer = room.preview(method="custom", figure="", per_account="A3,quantity,10\n" + line)
    assert answer.status_code == 422 and "line 2" in text_of(answer) and "account code, quantity|weight|risk, figure" in text_of(answer)


def test_what_is_shown_is_released_once_and_by_the_same_way(room: Room) -> None:
    shown = room.preview(reason="Raise to model weight")
    first, second = room.release(shown, reason="Raise to model weight"), room.release(shown, reason="Raise to model weight")
    assert first.status_code == second.status_code == 204
    assert first["HX-Redirect"] == second["HX-Redirect"] and "/ticket/released/" in first["HX-Redirect"]
    assert (room.count(Signal), room.count(AllocationStatement), room.count(ParentOrder)) == (1, 1, 1)
    with tenancy.firm(room.desk.firm_id):
        assert AuditEvent.objects.filter(action="SIGNAL_RECEIVED", reason="Raise to model weight").count() == 1
        assert str(ParentOrder.objects.get().quantity.normalize()) == re.search(r"Release ([\d,]+) XYZ", text_of(shown))[1].replace(",", "")  # type: ignore[index]


@pytest.mark.parametrize("is_paper", [True, False])
def test_what_works_at_the_simulated_venue_is_said_to_fill_by_the_minute_until_it_ends(room: Room, is_paper: bool) -> None:
    where = room.go(figure="0.1")
    with tenancy.firm(room.desk.firm_id):
        BrokerConnection.objects.update(is_paper=is_paper)
    text = text_of(room.client.get(where))
    assert ("fills by the minute" in text) is is_paper and "Waits to be sent" in text
    with tenancy.firm(room.desk.firm_id):
        ChildOrder.objects.update(state=OrderState.CANCELED, reason="IOC")
        accounts = Account.objects.filter(pk__in=AllocationLine.objects.filter(quantity__gt=0).values("account_id"))
        account = accounts.order_by("code").values_list("pk", flat=True)[0]
    text = text_of(room.client.get(where))
    assert "fills by the minute" not in text and "Not filled at once" in text
    assert "Not filled at once" in text_of(role_client(room.desk, "RISK").get(f"/accounts/{account}/?tab=orders"))


def test_after_a_release_the_next_ticket_has_another_key(room: Room) -> None:
    room.release(room.preview())
    assert hidden(room.preview(figure="4.00"), "key") != KEY


def test_an_expired_preview_is_409_and_writes_nothing(room: Room, settings: Any) -> None:
    shown = room.preview()
    stop_clock(settings, room.desk.now + timedelta(seconds=60))
    answer = room.release(shown)
    assert answer.status_code == 409 and b"preview_expired" in answer.content and room.count(Signal) == 0


def test_a_ticket_changed_after_its_preview_is_409(room: Room) -> None:
    answer = room.release(room.preview(), figure="4.00")
    assert answer.status_code == 409 and b"preview_changed" in answer.content and room.count(Signal) == 0


def test_books_that_changed_are_409_with_a_table_of_the_difference(room: Room) -> None:
    shown = room.preview()
    room.desk.hold({"A1": 100})
    answer = room.release(shown)
    assert answer.status_code == 409 and room.count(Signal) == room.count(Preview) == 0
    assert re.findall(r"<td[^>]*>(.*?)</td>", answer.content.decode())[:2] == ["A1", "158"]


def test_rsk_2_a_price_that_moved_more_than_1_percent_is_409(room: Room, settings: Any) -> None:
    shown = room.preview()
    later = room.desk.now + timedelta(seconds=5)
    price = Decimal("48.20")
    row = QuoteRow(room.desk.instrument().id, "SIMULATED", later, price, price + Decimal("0.02"), price)
    as_loader(lambda: record_quotes([row]))
    stop_clock(settings, later)
    answer = room.release(shown)
    as_loader(lambda: Quote.objects.using("loader").filter(instrument_id=row.instrument_id, as_of=later).delete())  # others read it, too
    assert answer.status_code == 409 and b"price_moved" in answer.content and b"48.2" in answer.content and room.count(Signal) == 0


def test_a_seen_that_this_server_did_not_write_is_refused(room: Room) -> None:
    shown = room.preview()
    sent = room.form() | {"key": KEY, "seen": hidden(shown, "seen")[:-2] + "xx"}
    assert room.client.post("/ticket/release", sent).status_code == 422
    other = role_client(room.desk, "MANAGER").post("/ticket/release", room.form() | {"seen": hidden(shown, "seen")})
    assert other.status_code == 422 and room.count(Signal) == 0


def test_who_may_not_trade_has_nothing_to_tick(room: Room) -> None:
    with tenancy.firm(room.desk.firm_id):
        viewer = make_user(Role.TRADER)
    client = signed_in(viewer, room.desk.firm_id)
    text = client.get("/ticket/").content.decode()
    assert "Nobody to trade for" in text and "data-account" not in text
    answer = client.post("/ticket/preview", room.form())
    assert answer.status_code == 200 and "A1" not in text_of(answer) and "data-release" not in answer.content.decode()


@pytest.mark.parametrize("role", ["INVESTOR", "OPERATIONS", "RISK", "COMPLIANCE"])
def test_other_roles_are_403(room: Room, role: str) -> None:
    client = role_client(room.desk, role)
    assert client.get("/ticket/").status_code == 403
    for path in ("preview", "release", "approval", "accounts"):
        assert client.post(f"/ticket/{path}", room.form()).status_code == 403


def test_a_strangers_account_is_refused_like_one_that_does_not_exist(room: Room) -> None:
    stranger = make_desk()
    with tenancy.firm(stranger.firm_id):
        foreign = str(Account.objects.filter(code="A1").values_list("id", flat=True).get())
    for named in (foreign, "00000000-0000-0000-0000-000000000000"):
        answer = room.preview(accounts=named, pick="only")
        assert answer.status_code == 422 and "not an account you may trade" in text_of(answer)
        assert room.release(room.preview(), accounts=named, pick="only").status_code == 422
    assert room.count(Signal) == 0


def test_filters_and_ticks_choose_the_accounts(room: Room) -> None:
    assert "of 2 accounts" in text_of(room.preview(classes=["PERSONAL", "SHELTERED"]))
    assert "of 5 accounts" in text_of(room.preview(accounts="A1,A2", pick="all"))
    assert "of 2 accounts" in text_of(room.preview(accounts="A1,A2", pick="only"))
    assert "of 7 accounts" in text_of(room.preview(groups=["ALL"]))
    nobody = room.preview(pick="only")
    assert nobody.status_code == 200 and "nobody is chosen" in text_of(nobody)


def test_the_address_fills_the_ticket(room: Room) -> None:
    text = room.client.get("/ticket/?symbol=XYZ&side=sell&method=fixed&figure=5&accounts=A1,A3").content.decode()
    assert (
        'value="XYZ"' in text and 'value="sell" checked' in text and 'value="fixed" data-unit="units"' in text and 'value="A1,A3"' in text
    )


def test_instruments_are_found_by_symbol_and_name_with_their_quote(room: Room) -> None:
    text = text_of(room.client.get("/ticket/instruments?symbol=xy"))
    assert "XYZ" in text and "/" in text
    for strange in ("%", "_", "\\", "'", "\x00", ""):
        assert "XYZ" not in room.client.get("/ticket/instruments", {"symbol": strange}).content.decode()


def test_the_released_page_tells_every_account(room: Room) -> None:
    where = room.go(figure="0.1")
    text = text_of(room.client.get(where))
    assert "0 of 5" in text and "Waits to be sent" in text and "Never ordered" in text and "HARBOR, one block" in text
    assert "Previous release" in text_of(room.client.get("/ticket/"))
    assert room.client.get(where + "outcomes").status_code == 200
    risk = text_of(role_client(room.desk, "RISK").get(where))
    assert "Outcome per account" in risk and "Cancel what is working" not in risk
    assert role_client(room.desk, "INVESTOR").get(where).status_code == 403


def test_a_release_of_somebody_else_is_404(room: Room) -> None:
    where = room.go()
    with tenancy.firm(room.desk.firm_id):
        colleague = make_user(Role.TRADER)
    for client in (signed_in(colleague, room.desk.firm_id), role_client(make_desk(), "TRADER")):
        assert client.get(where).status_code == 404
        assert client.post(where + "cancel").status_code == 404
        assert client.get(f"/ticket/?from={where.split('/')[3]}").status_code == 404


def test_what_works_can_be_canceled(room: Room) -> None:
    where = room.go(figure="0.1")
    order = re.search(r'"order": "([0-9a-f-]+)"', room.client.get(where).content.decode())
    assert order
    assert "Cancel asked for" in room.client.post(where + "cancel", {"order": order[1]})["HX-Trigger"]
    assert room.client.post(where + "cancel", {"order": "0"}).status_code == 404
    text = text_of(room.client.post(where + "cancel"))
    assert "Canceled" in text and "Waits to be sent" not in text


def test_repeat_and_reverse_fill_the_ticket(room: Room) -> None:
    journey = room.go(accounts="A1,A3", pick="only").split("/")[3]
    again = room.client.get(f"/ticket/?from={journey}").content.decode()
    assert 'name="figure" value="3"' in again and "Repeat of XYZ" in again
    back = room.client.get(f"/ticket/?from={journey}&reverse=1").content.decode()
    assert 'value="custom" data-unit="" data-buy="" data-sell=""' in back and "Reverse of XYZ" in back
    assert "there is nothing to reverse" in back and "there is nothing to reverse" not in again


def test_a_list_is_repeated_as_it_was_typed(room: Room) -> None:
    listed = "A1,quantity,10\nA3,weight,2%"
    journey = room.go(method="custom", figure="", per_account=listed).split("/")[3]
    assert listed in room.client.get(f"/ticket/?from={journey}").content.decode()


def test_a_sliced_release_says_so(room: Room) -> None:
    assert "Sliced over time" in text_of(room.preview()) and "Sliced over time" in text_of(room.client.get(room.go()))


def test_statements_do_not_grow_with_accounts(settings: Any) -> None:
    from accounts.enums import AccountClass, Registration, TaxClassification
    from mamweb.tour.firm import Person, build_firm

    kinds = (
        ("P", AccountClass.PERSONAL, Registration.INDIVIDUAL, TaxClassification.TAXABLE, "USD", {"USD": "250000"}, "HARBOR"),
        ("S", AccountClass.SHELTERED, Registration.TRADITIONAL_IRA, TaxClassification.TAX_DEFERRED, "USD", {"USD": "120000"}, "ALPINE"),
        ("M", AccountClass.MANAGED, Registration.JOINT, TaxClassification.TAXABLE, "EUR", {"EUR": "400000", "USD": "9000"}, "ALPINE"),
    )
    people = tuple(Person(f"{letter}{n}", f"Client {letter}{n}", *rest) for n in range(10) for letter, *rest in kinds)
    market = the_market()
    firm = build_firm(name="Counted", people=people, now=market.start - timedelta(minutes=1))
    room = Room(Desk(firm, market, market.start), role_client(Desk(firm, market, market.start), "TRADER"))
    stop_clock(settings, market.start)
    counts = {}
    for number in (3, 30):
        named = ",".join(p.code for p in people[:number])
        answer = room.preview(accounts=named, pick="only", figure="0.05")
        assert f"of {number} accounts" in text_of(answer)
        with CaptureQueriesContext(connection) as preview:
            room.preview(accounts=named, pick="only", figure="0.05")
        where = room.go(accounts=named, pick="only", figure="0.05")
        with CaptureQueriesContext(connection) as released:
            assert room.client.get(where).status_code == 200
        with CaptureQueriesContext(connection) as page:
            assert room.client.get("/ticket/").status_code == 200
        counts[number] = (len(preview), len(released), len(page))
    assert counts[3] == counts[30]
