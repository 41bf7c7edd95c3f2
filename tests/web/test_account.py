"""An account's own page and the command palette."""

from __future__ import annotations

import csv
import re
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest

from accounts.models import BrokerConnection, CashBalance
from allocation.models import AllocationLine, Signal
from base import tenancy
from base.core.ids import new_id
from execution.models import ChildOrder, ParentOrder
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, Role, SubjectKind
from governance.models import AuditEvent
from governance.services import audit
from reporting.queries import account_sheet as sheet
from reporting.views.account import TABS
from tests.api.scene import DAY, NOW, Scene, make_scene
from tests.factories import make_account, make_connection, number
from tests.web.figured import evenings
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db


def get(user: Any, path: str) -> Any:
    return signed_in(user).get(path)


@pytest.mark.parametrize("tab", TABS)
def test_each_part_opens_for_who_sees_the_account_and_is_404_for_others(scene: Scene, tab: str) -> None:
    path = f"/accounts/{scene.account.pk}/?tab={tab}"
    for user in (scene.owner.user, scene.risk.user):
        answer = get(user, path)
        assert answer.status_code == 200 and scene.account.code in answer.content.decode()
    assert get(scene.colleague.user, path).status_code == 404
    assert get(make_scene().owner.user, path).status_code == 404
    assert get(scene.investor.user, path).status_code == 403


def test_the_parts_show_the_rows_of_the_scene(scene: Scene) -> None:
    client = signed_in(scene.owner.user)
    for tab in ("positions", "lots", "orders", "fills"):
        assert scene.instrument.symbol in client.get(f"/accounts/{scene.account.pk}/?tab={tab}").content.decode(), tab


@pytest.mark.parametrize("tab", ["positions", "lots", "orders", "fills"])
def test_a_part_downloads_as_csv_and_the_trail_says_who_took_it(scene: Scene, tab: str) -> None:
    answer = get(scene.owner.user, f"/accounts/{scene.account.pk}/?tab={tab}&format=csv")
    assert answer["Content-Type"].startswith("text/csv") and scene.instrument.symbol in answer.content.decode()
    with tenancy.firm(scene.firm.id):
        assert AuditEvent.objects.get(action=AuditAction.EXPORTED).after["what"] == tab


def test_the_trail_of_an_account_names_who_and_what(scene: Scene) -> None:
    owner, risk = scene.owner.user, scene.risk.user
    with tenancy.firm(scene.firm.id):
        facts = {"instrument": scene.instrument.id, "user": owner.id}
        actor = Actor(str(risk.id), Role.RISK)
        audit(action=AuditAction.CHANGED, subject=Subject(SubjectKind.ACCOUNT, str(scene.account.pk)), actor=actor, now=NOW, after=facts)
    text = get(owner, f"/accounts/{scene.account.pk}/?tab=audit").content.decode()
    assert (risk.name or risk.email) in text
    assert f'<span class="faint">instrument</span> {scene.instrument.symbol}<' in text.replace("Instrument", "instrument")
    assert (owner.name or owner.email) in text.split("</thead>")[1]


def test_the_palette_finds_what_one_may_see(scene: Scene) -> None:
    text = get(scene.owner.user, f"/search?q={scene.account.code}").content.decode()
    assert f"/accounts/{scene.account.pk}/" in text
    assert str(scene.account.pk) not in get(scene.colleague.user, f"/search?q={scene.account.code}").content.decode()
    assert str(scene.account.pk) not in get(make_scene().owner.user, f"/search?q={scene.account.code}").content.decode()
    assert scene.ids["journey"] in get(scene.owner.user, f"/search?q={scene.instrument.symbol}").content.decode()


def test_the_palette_finds_a_journey_by_its_id_and_by_its_beginning(scene: Scene) -> None:
    journey, stranger = scene.ids["journey"], make_scene().owner.user
    for typed in (journey, journey.upper(), journey[:18], journey[:8]):
        assert f"/journeys/{journey}/" in get(scene.owner.user, f"/search?q={typed}").content.decode(), typed
        assert f"/journeys/{journey}/" not in get(stranger, f"/search?q={typed}").content.decode()
    assert f"/journeys/{journey}/" not in get(scene.owner.user, f"/search?q={journey[:7]}").content.decode()


@pytest.mark.parametrize("text", ["", "%00", "%25", "_", "'", "x" * 500, "<b>", "alert"])
def test_the_palette_takes_anything(scene: Scene, text: str) -> None:
    answer = get(scene.owner.user, f"/search?q={text}")
    assert answer.status_code == 200 and b"<b>" not in answer.content


def test_everybody_starts_where_they_belong(scene: Scene) -> None:
    assert get(scene.investor.user, "/")["Location"] == "/portal/"
    assert get(scene.owner.user, "/")["Location"] == "/home/"


def in_a_block(scene: Scene, quantity: int, connection: BrokerConnection, n: int = 1) -> None:
    """Write n decisions, each with a line of the scene's account and a block of 900 at a connection."""
    with tenancy.firm(scene.firm.id):
        clearing = make_account(connection=connection)
        for _ in range(n):
            parent = ParentOrder.objects.select_related("statement").order_by("created_at", "id")[0]
            order = ChildOrder.objects.filter(parent=parent).order_by("id")[0]
            plan = parent.statement
            signal = Signal.objects.get(pk=plan.signal_id)
            signal.pk, signal.journey_id, signal.idempotency_key = new_id(), new_id(), f"K{number()}"
            signal.save(force_insert=True)
            plan.pk, plan.signal_id, plan.journey_id = new_id(), signal.pk, signal.journey_id
            plan.save(force_insert=True)
            AllocationLine.objects.create(statement=plan, account=scene.account, raw=0, after_rules=[], quantity=quantity)
            parent.pk, parent.statement_id, parent.journey_id = new_id(), plan.pk, plan.journey_id
            parent.save(force_insert=True)
            order.pk, order.parent_id, order.journey_id, order.client_order_id = new_id(), parent.pk, plan.journey_id, f"C{number()}"
            order.account_id, order.connection_id, order.is_block, order.quantity = clearing.pk, connection.pk, True, Decimal(900)
            order.save(force_insert=True)


def test_the_orders_are_the_accounts_own_and_its_part_in_blocks_of_its_own_connection(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        elsewhere = make_connection()
    in_a_block(scene, 7, elsewhere)
    in_a_block(scene, 0, scene.account.connection)
    client, path = signed_in(scene.owner.user), f"/accounts/{scene.account.pk}/?tab=orders"
    text = client.get(path).content.decode()
    assert elsewhere.code not in text and "900" not in text and text.count("data-open") == 1
    in_a_block(scene, 7, scene.account.connection)
    text = client.get(path).content.decode()
    assert text.count("data-open") == 2 and '<td class="num">7</td>' in text and "part of a block of 900" in text
    lines = list(csv.DictReader(StringIO(client.get(f"{path}&format=csv").content.decode())))
    assert [Decimal(line["quantity"]) for line in lines] == [7, 5]


def test_a_download_tells_why_a_block_ended_only_to_who_sees_all_of_it(scene: Scene) -> None:
    in_a_block(scene, 7, scene.account.connection)
    with tenancy.firm(scene.firm.id):
        block = ChildOrder.objects.get(is_block=True)
        ChildOrder.objects.filter(pk=block.pk).update(reason="the broker named another account")
        AllocationLine.objects.create(
            statement_id=block.parent.statement_id,
            account=make_account(connection=scene.account.connection),
            raw=0,
            after_rules=[],
            quantity=9,
        )
    path = f"/accounts/{scene.account.pk}/?tab=orders&format=csv"
    assert "another account" in get(scene.risk.user, path).content.decode()
    assert "another account" not in get(scene.owner.user, path).content.decode()


def test_a_page_of_orders_ends_and_leads_to_the_older_ones(scene: Scene) -> None:
    in_a_block(scene, 7, scene.account.connection, sheet.PAGE)
    client, path = signed_in(scene.owner.user), f"/accounts/{scene.account.pk}/"
    text = client.get(f"{path}?tab=orders").content.decode()
    assert text.count("data-open") == sheet.PAGE
    found = re.search(r"before=([0-9a-f-]{36})", text)
    assert found
    text = client.get(f"{path}?tab=orders&before={found[1]}").content.decode()
    assert text.count("data-open") == 1 and "Older orders" not in text
    assert client.get(f"{path}?tab=orders&before=x").status_code == 200


def overview(scene: Scene, *equities: int) -> str:
    """Return the account's figures after these evenings, as text."""
    evenings(scene, scene.account, *equities)
    text = get(scene.owner.user, f"/accounts/{scene.account.pk}/").content.decode()
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_one_evening_is_an_evening(scene: Scene) -> None:
    text = overview(scene, 1234)
    assert "Equity, last evening 1,234.00 USD 1 Mar 2026" in text
    assert "Two evenings are needed; there is 1." in text


def test_two_evenings_make_a_curve_and_a_return_says_since_when(scene: Scene) -> None:
    text = overview(scene, 1000, 900)
    assert "Too young" not in text
    assert "Since 28 Feb 2026 −10.00%" in text and "Drawdown −10.0%" in text and "12 months" not in text


def test_twelve_months_are_twelve_months(scene: Scene) -> None:
    text = overview(scene, *([1000] * 366))
    assert "12 months 0.00%" in text and "Since" not in text


def test_rsk_9_nobody_loses_more_than_everything(scene: Scene) -> None:
    assert "Drawdown −100.0%" in overview(scene, 100, -5)


def test_rsk_9_after_an_evening_below_zero_there_is_no_drawdown_but_a_curve(scene: Scene) -> None:
    text = overview(scene, 100, -5, 20)
    assert "Drawdown – from the highest evening" in text and "Too young" not in text


def test_acc_4_what_is_bought_and_not_paid_for_yet_is_not_free(scene: Scene) -> None:
    """10,000 settled; 8,000 bought and 5,000 sold today, which settle tomorrow: 2,000 may be spent."""
    with tenancy.firm(scene.firm.id):
        CashBalance.objects.filter(account=scene.account).delete()
        account = {"account": scene.account, "currency": "USD"}
        CashBalance.objects.create(**account, settle_date=DAY, amount=Decimal(10_000))
        CashBalance.objects.create(**account, settle_date=DAY + timedelta(days=1), amount=Decimal(-3_000), outflow=Decimal(8_000))
        rung = sheet.cash_ladder(account_id=scene.account.pk, on=DAY)[0]
    assert (rung.trade_date_cash, rung.settled, rung.debits, rung.free) == (7_000, 10_000, 8_000, 2_000 - rung.reserved)
    text = get(scene.owner.user, f"/accounts/{scene.account.pk}/?tab=cash").content.decode()
    assert "8,000.00" in text and "Still to be paid" in text
