"""The ticket: what it shows as one types, what it refuses, and that it releases what was shown, once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account
from allocation.enums import SizingMethod
from allocation.models import AllocationStatement, Preview, Signal, Strategy
from base import tenancy
from execution.models import ParentOrder
from governance.enums import Role
from governance.models import AuditEvent, User
from tests.desk import Desk, make_desk
from tests.factories import make_user
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db
KEY = "0123456789abcdef0123456789abcdef"


@dataclass
class Room:
    """A trader before the ticket."""

    desk: Desk
    client: Client

    def form(self, **more: Any) -> dict[str, Any]:
        return {"strategy": "CORE", "symbol": "XYZ", "method": "target_weight", "side": "buy", "figure": "3.00", "key": KEY, **more}

    def preview(self, **more: Any) -> Any:
        return self.client.post("/ticket/preview", self.form(**more), headers={"HX-Request": "true"})

    def release(self, shown: Any, **more: Any) -> Any:
        sent = self.form(**more) | {"seen": hidden(shown, "seen"), "key": hidden(shown, "key")}
        return self.client.post("/ticket/release", sent, headers={"HX-Request": "true"})

    def go(self, **more: Any) -> str:
        """Look, release, and return the address of its outcomes."""
        return str(self.release(self.preview(**more), **more)["HX-Redirect"])

    def count(self, model: Any) -> int:
        with tenancy.firm(self.desk.firm_id):
            return int(model.objects.count())


def hidden(answer: Any, name: str) -> str:
    found = re.search(rf'<input type="hidden" name="{name}"[^>]*value="([^"]*)"', answer.content.decode())
    assert found, f"no {name}"
    return unescape(found[1])


def text_of(answer: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def cells(answer: Any, code: str) -> list[str]:
    """Return the cells of an account's line."""
    for row in re.findall(r"<tr.*?</tr>", answer.content.decode(), re.S):
        found = [" ".join(unescape(re.sub(r"<[^>]+>", " ", cell)).split()) for cell in re.findall(r"<td.*?</td>", row, re.S)]
        if found and found[0].split(" ")[0] == code:
            return found
    raise AssertionError(f"no line for {code}")


def stop_clock(settings: Any, at: datetime) -> None:
    settings.REHEARSAL_CLOCK = f"{at.isoformat()}@{at.isoformat()}*0"


def role_client(desk: Desk, role: str) -> Client:
    return signed_in(User.objects.get(pk=int(desk.firm.actors[role].user_id)), desk.firm_id)


@pytest.fixture
def room(settings: Any, db: None) -> Room:
    desk = make_desk()
    stop_clock(settings, desk.now)
    return Room(desk, role_client(desk, "TRADER"))


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
@pytest.mark.parametrize("value", GARBAGE)
def test_garbage_is_refused_beside_its_field_and_writes_nothing(room: Room, field: str, value: str) -> None:
    method = {"stop_price": "risk", "per_account": "custom"}.get(field, "target_weight")
    answer = room.preview(**{"method": method, "figure": "1", "stop_price": "44.90", field: value})
    assert answer.status_code in (200, 422)
    assert "<script>" not in answer.content.decode()
    if field == "figure" and value not in ("", "\x00"):
        assert answer.status_code == 422 and re.search(r'id="err-figure"[^>]*><p class="field__note', answer.content.decode())
    assert room.count(Signal) == 0


def test_a_refusal_names_field_value_and_rule(room: Room) -> None:
    text = text_of(room.preview(figure="1,5"))
    assert "“1,5” use a point, no thousands separators" in text


def test_custom_lines_are_refused_by_line(room: Room) -> None:
    text = text_of(room.preview(method="custom", per_account="A1,quantity,10\nA1;weight;x\nZZ,quantity,1"))
    assert "line 2" in text and "line 3" in text and "not an account you may trade" in text


def test_what_is_shown_is_released_once_and_by_the_same_way(room: Room) -> None:
    shown = room.preview(reason="Raise to model weight")
    first, second = room.release(shown, reason="Raise to model weight"), room.release(shown, reason="Raise to model weight")
    assert first.status_code == second.status_code == 204
    assert first["HX-Redirect"] == second["HX-Redirect"] and "/ticket/released/" in first["HX-Redirect"]
    assert (room.count(Signal), room.count(AllocationStatement), room.count(ParentOrder)) == (1, 1, 1)
    with tenancy.firm(room.desk.firm_id):
        assert AuditEvent.objects.filter(action="SIGNAL_RECEIVED", reason="Raise to model weight").count() == 1
        assert str(ParentOrder.objects.get().quantity.normalize()) == re.search(r"Release ([\d,]+) XYZ", text_of(shown))[1].replace(",", "")  # type: ignore[index]


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
    from market.services import QuoteRow, record_quotes
    from tests.factories import as_loader

    shown = room.preview()
    later = room.desk.now + timedelta(seconds=5)
    price = Decimal("48.20")
    row = QuoteRow(room.desk.instrument().id, "SIMULATED", later, price, price + Decimal("0.02"), price)
    as_loader(lambda: record_quotes([row]))
    stop_clock(settings, later)
    answer = room.release(shown)
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
    assert answer.status_code == 422 and "A1" not in text_of(answer)


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
    assert nobody.status_code == 422 and "nobody is chosen" in text_of(nobody)


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


def test_a_sliced_release_says_so(room: Room) -> None:
    assert "Sliced over time" in text_of(room.preview()) and "Sliced over time" in text_of(room.client.get(room.go()))


def test_statements_do_not_grow_with_accounts(settings: Any) -> None:
    from accounts.enums import AccountClass, Registration, TaxClassification
    from mamweb.tour.firm import Person, build_firm
    from mamweb.tour.world import generated_market
    from tests.factories import as_loader

    kinds = (
        ("P", AccountClass.PERSONAL, Registration.INDIVIDUAL, TaxClassification.TAXABLE, "USD", {"USD": "250000"}, "HARBOR"),
        ("S", AccountClass.SHELTERED, Registration.TRADITIONAL_IRA, TaxClassification.TAX_DEFERRED, "USD", {"USD": "120000"}, "ALPINE"),
        ("M", AccountClass.MANAGED, Registration.JOINT, TaxClassification.TAXABLE, "EUR", {"EUR": "400000", "USD": "9000"}, "ALPINE"),
    )
    people = tuple(Person(f"{letter}{n}", f"Client {letter}{n}", *rest) for n in range(10) for letter, *rest in kinds)
    market = as_loader(lambda: generated_market(1))
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


# -- gate 1 and a second person ---------------------------------------------------------------------------------------------------------


def limit_orders(room: Room, most: str) -> None:
    """Cap the value of one order."""
    from risk.enums import FirmLimitKind
    from risk.services import set_firm_limit

    with tenancy.firm(room.desk.firm_id):
        actor = room.desk.firm.actors["RISK"]
        set_firm_limit(kind=FirmLimitKind.ORDER_NOTIONAL, limit=Decimal(most), actor=actor, now=room.desk.now - timedelta(seconds=1))


def ask(room: Room, shown: Any, **more: Any) -> Any:
    return room.client.post("/ticket/approval", room.form(**more) | {"seen": hidden(shown, "seen")}, headers={"HX-Request": "true"})


def decide(room: Room, role: str = "COMPLIANCE") -> None:
    from governance import services as governance
    from governance.queries import pending_approvals

    with tenancy.firm(room.desk.firm_id):
        waiting = pending_approvals(now=room.desk.now)
        governance.approve(approval_id=waiting[0].id, actor=room.desk.firm.actors[role], now=room.desk.now, reason="agreed by phone")


def test_rsk_1_gate_1_blocks_with_number_and_limit_and_nothing_can_be_pressed(room: Room) -> None:
    limit_orders(room, "1000")
    answer = room.preview()
    assert "Order value, limit 1,000 USD" in text_of(answer) and "Request approval" in text_of(answer)
    assert "data-release" not in answer.content.decode()
    refused = room.release(answer)
    assert refused.status_code == 422 and "order value" in text_of(refused) and room.count(AllocationStatement) == 0


def test_gov_4_a_second_person_lets_exactly_this_pass_once(room: Room) -> None:
    limit_orders(room, "1000")
    shown = room.preview(reason="rebalance agreed")
    assert ask(room, shown).status_code == 422
    asked = ask(room, shown, reason="rebalance agreed")
    assert asked.status_code == 200 and "Requested" in text_of(asked) and room.count(Signal) == 1
    decide(room)
    approved = room.preview(reason="rebalance agreed")
    assert "Approved until" in text_of(approved) and "data-release" in approved.content.decode()
    assert "Approved until" not in text_of(room.preview(figure="3.50"))
    where = room.release(approved, reason="rebalance agreed")["HX-Redirect"]
    assert "Outcome per account" in text_of(room.client.get(where))
    with tenancy.firm(room.desk.firm_id):
        assert AuditEvent.objects.filter(action="RELEASED", approval_id__isnull=False).count() == 1
        assert AuditEvent.objects.filter(action="APPROVAL_USED").count() == 1


def test_gov_4_an_approval_covers_no_other_limit(room: Room) -> None:
    from risk.enums import FirmLimitKind
    from risk.services import set_firm_limit

    limit_orders(room, "1000")
    ask(room, room.preview(reason="r"), reason="r")
    decide(room)
    with tenancy.firm(room.desk.firm_id):
        set_firm_limit(kind=FirmLimitKind.SINGLE_NAME, limit=Decimal(500), actor=room.desk.firm.actors["RISK"], now=room.desk.now)
    answer = room.release(room.preview(reason="r"), reason="r")
    assert answer.status_code == 409 and "more than was approved" in text_of(answer) and room.count(AllocationStatement) == 0


def test_gov_4_what_is_missing_is_not_overridable(room: Room) -> None:
    from risk.models import FirmLimit

    with tenancy.firm(room.desk.firm_id):
        FirmLimit.objects.filter(kind="GROSS").update(valid_until=room.desk.now - timedelta(seconds=1))
    answer = room.preview()
    assert "Nobody can wave this through" in text_of(answer) and "Request approval" not in text_of(answer)
    assert ask(room, answer, reason="please").status_code == 409


def test_rte_5_an_opposite_order_that_works_holds_the_ticket(room: Room) -> None:
    room.desk.hold({"A1": 100, "A3": 100})
    room.go(accounts="A1", pick="only", figure="0.1", method="risk", stop_price="44.90")
    answer = room.preview(method="close", figure="100", accounts="A1", pick="only")
    assert "RTE-5" in text_of(answer) and "data-release" not in answer.content.decode()


def test_two_clicks_at_once_release_once(settings: Any) -> None:
    from tests.desk import together

    desk = make_desk(committed=True)
    stop_clock(settings, desk.now)

    def at_the_desk() -> Room:
        return Room(desk, role_client(desk, "TRADER"))

    [shown] = together(lambda: at_the_desk().preview())
    answers = together(*[lambda: at_the_desk().release(shown)] * 2)
    assert [answer.status_code for answer in answers] == [204, 204]
    assert len({answer["HX-Redirect"] for answer in answers}) == 1
    room = Room(desk, Client())
    assert (room.count(Signal), room.count(AllocationStatement), room.count(ParentOrder)) == (1, 1, 1)


# -- order type, limit, time in force, pace, and what is held afterwards

LIMIT = {"order_type": "LIMIT", "limit_price": "46.50", "time_in_force": "DAY"}


def parents(room: Room) -> list[ParentOrder]:
    with tenancy.firm(room.desk.firm_id):
        return list(ParentOrder.objects.order_by("id"))


def beside(answer: Any, field: str) -> str:
    """Return what stands beside a field as its error."""
    found = re.search(rf'<div id="err-{field}" hx-swap-oob="true">(.*?)</div>', answer.content.decode(), re.S)
    assert found, f"no place for errors of {field}"
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found[1])).split())


def test_a_limit_order_goes_as_it_was_shown(room: Room) -> None:
    shown = room.preview(figure="1.00", **LIMIT)
    text = text_of(shown)
    assert "at 46.50 or better; all at once. What is not filled rests until the session ends at 21:00:00, then expires." in text
    assert cells(shown, "A1")[3:5] == ["52", "2,418.00"], "notional at the limit: 52 × 46.50"
    assert room.release(shown, figure="1.00", **LIMIT)["HX-Redirect"]
    (parent,) = parents(room)
    assert (parent.limit_price, parent.time_in_force, parent.is_limit_stated) == (Decimal("46.50"), "DAY", True)
    with tenancy.firm(room.desk.firm_id):
        signal = Signal.objects.get()
    assert (signal.order_type, signal.limit_price, signal.time_in_force, signal.route) == ("LIMIT", Decimal("46.50"), "DAY", "")


def test_best_price_now_ignores_a_limit_left_in_its_field(room: Room) -> None:
    room.go(limit_price="46.50", time_in_force="DAY")
    (parent,) = parents(room)
    assert (parent.time_in_force, parent.is_limit_stated) == ("IOC", False)


def test_spread_over_time_is_shown_and_released(room: Room) -> None:
    assert "spread over time" in text_of(room.preview(route="OVER_TIME"))
    room.go(route="OVER_TIME")
    assert [parent.route for parent in parents(room)] == ["TWAP"]


@pytest.mark.parametrize(
    "changed",
    [
        {"limit_price": "46.60"},
        {"time_in_force": "IOC"},
        {"order_type": ""},
        {"route": "OVER_TIME"},
        {"protect": "yes", "stop_price": "44"},
    ],
)
def test_terms_changed_after_the_preview_are_not_released(room: Room, changed: dict[str, str]) -> None:
    shown = room.preview(**LIMIT)
    answer = room.release(shown, **(LIMIT | changed))
    assert answer.status_code == 409 and "changed after this preview" in text_of(answer)
    assert parents(room) == []


@pytest.mark.parametrize(
    ("terms", "field", "words"),
    [
        ({"limit_price": ""}, "limit_price", "is needed"),
        ({"limit_price": "46.505"}, "limit_price", "0.01 is the smallest step"),
        ({"limit_price": "46,50"}, "limit_price", "use a point"),
        ({"time_in_force": "GTC"}, "time_in_force", "an order ends with its session"),
        ({"order_type": "STOP"}, "order_type", "choose one of the list"),
        ({"route": "DARK"}, "route", "choose one of the list"),
        ({"protect": "yes"}, "protect", "needs a stop or a target"),
        ({"protect": "yes", "stop_price": "47"}, "stop_price", "short of the entry"),
        ({"protect": "yes", "stop_price": "44", "take_profit_price": "43"}, "take_profit_price", "past the entry"),
        ({"protect": "yes", "take_profit_price": "50.001"}, "take_profit_price", "0.01 is the smallest step"),
    ],
)
def test_terms_that_do_not_hold_are_refused_beside_their_field(room: Room, terms: dict[str, str], field: str, words: str) -> None:
    answer = room.preview(**(LIMIT | terms))
    assert answer.status_code == 422 and words in beside(answer, field), text_of(answer)
    assert room.count(Signal) == 0


def test_garbage_in_the_terms_is_refused_and_writes_nothing(room: Room) -> None:
    whole = {"figure": "1", **LIMIT, "protect": "yes", "stop_price": "44", "take_profit_price": "52"}
    for field in ("order_type", "limit_price", "time_in_force", "route", "take_profit_price"):
        for value in ("NaN", "-1", "1e5", "x", "\x00", "{{x}}", "<script>"):
            answer = room.preview(**(whole | {field: value}))
            assert answer.status_code == 422 and beside(answer, field), (field, value)
            assert "<script>" not in answer.content.decode()
    assert room.count(Signal) == 0


def test_rte_2_a_limit_past_the_collar_is_shown_beside_its_field_and_cannot_be_released(room: Room) -> None:
    answer = room.preview(**(LIMIT | {"limit_price": "48.00"}))
    assert answer.status_code == 200 and "past the collar" in beside(answer, "limit_price")
    assert "data-release" not in answer.content.decode()


def test_a_stop_and_target_to_hold_are_stored_and_shown(room: Room) -> None:
    held = {"protect": "yes", "stop_price": "44", "take_profit_price": "55.5"}
    assert "Held afterwards for every account that is filled: stop 44.00, target 55.50." in text_of(room.preview(**held))
    room.go(**held)
    with tenancy.firm(room.desk.firm_id):
        signal = Signal.objects.get()
    assert (signal.protect, signal.stop_price, signal.take_profit_price) == (True, Decimal(44), Decimal("55.5"))
    journey = room.client.get(f"/journeys/{signal.journey_id}/")
    assert "To hold for every account that is filled: stop 44.00, target 55.50." in text_of(journey)


def test_a_limit_stands_in_the_journey_and_the_blotter_and_is_repeated(room: Room) -> None:
    room.go(**LIMIT)
    with tenancy.firm(room.desk.firm_id):
        journey = Signal.objects.get().journey_id
    assert "Limit 46.50, DAY." in text_of(room.client.get(f"/journeys/{journey}/"))
    assert "46.50 DAY" in text_of(room.client.get("/blotter/"))
    page = room.client.get(f"/ticket/?from={journey}").content.decode()
    assert re.search(r'name="order_type" value="LIMIT" checked', page) and 'name="limit_price" value="46.5"' in page


def test_the_fields_come_in_the_order_one_thinks_in(room: Room) -> None:
    page = room.client.get("/ticket/").content.decode()
    names = [
        "symbol",
        "side",
        "method",
        "figure",
        "per_account",
        "order_type",
        "limit_price",
        "time_in_force",
        "route",
        "protect",
        "stop_price",
    ]
    places = [page.index(f'name="{name}"') for name in [*names, "take_profit_price", "strategy", "reason"]]
    assert places == sorted(places)
    for name in ("order_type", "limit_price", "time_in_force", "route", "protect", "stop_price", "take_profit_price"):
        assert f'id="err-{name}"' in page
