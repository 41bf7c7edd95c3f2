"""DESIGN §6 on the blotter: who sees one of three accounts of a block sees that account's share, in rows, searches, orders, exports and answers."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from decimal import Decimal
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from accounts.models import Account
from allocation.models import AllocationLine, StrategyAccount
from base import tenancy
from base.core.ids import new_id
from execution.enums import OrderState, ParentState, SharePolicy
from execution.models import Booking, ChildOrder, Execution, ParentOrder, Share
from governance.enums import Role
from tests.api.scene import DAY, NOW, Person, Scene, grant, make_person
from tests.factories import make_account, make_connection, number
from tests.web.people import signed_in

WANTED = (100, 200, 300)
pytestmark = pytest.mark.django_db


@dataclass
class Block:
    """A buy of 600 for three accounts as one block, half of it filled at 10. one sees the first account, every all three."""

    scene: Scene
    accounts: list[Account]
    one: Person
    every: Person
    parent: UUID
    block: UUID
    journey: UUID

    def ask(self, person: Person, path: str) -> str:
        answer: Any = signed_in(person.user).get(path)
        assert answer.status_code == 200, path
        return (b"".join(answer.streaming_content) if answer.streaming else answer.content).decode()

    def parent_line(self, person: Person) -> dict[str, str]:
        (line,) = csv.DictReader(StringIO(self.ask(person, "/blotter/?tab=parents&format=csv")))
        return line

    def book(self) -> None:
        """Share the 300 out, in a first booking and one that takes its place."""
        with tenancy.firm(self.scene.firm.id):
            parent = ParentOrder.objects.get(pk=self.parent)
            for revision, parts in ((1, (60, 90, 150)), (2, (50, 100, 150))):
                booking = Booking.objects.create(
                    journey_id=parent.journey_id,
                    parent=parent,
                    connection=self.accounts[0].connection,
                    revision=revision,
                    quantity=300,
                    notional=3000,
                    fee=0,
                    clearing_money=3000,
                    trade_date=DAY,
                    settle_date=DAY,
                    share_policy=SharePolicy.PRO_RATA,
                    allocator_version="1",
                    hash="0" * 64,
                    booked_at=NOW,
                )
                for account, quantity in zip(self.accounts, parts, strict=True):
                    Share.objects.create(booking=booking, account=account, quantity=quantity, notional=quantity * 10, fee=0)


@pytest.fixture
def block(scene: Scene) -> Block:
    with tenancy.firm(scene.firm.id):
        first = scene.account
        accounts = [make_account(connection=first.connection, custodian=first.custodian) for _ in WANTED]
        people = [make_person(scene.firm, Role.TRADER) for _ in range(2)]
        for person, count in zip(people, (1, 3), strict=True):
            for account in accounts[:count]:
                grant(person.user, account, "view", "trade")
        for account in accounts:
            StrategyAccount.objects.create(strategy=scene.strategy, account=account)
        parent, order = ParentOrder.objects.get(pk=scene.ids["parent"]), ChildOrder.objects.get(pk=scene.ids["order"])
        plan, journey = parent.statement, new_id()
        signal = plan.signal
        _copy(signal, journey_id=journey, idempotency_key=f"K{number()}")
        _copy(plan, signal=signal, journey_id=journey)
        for account, quantity in zip(accounts, WANTED, strict=True):
            AllocationLine.objects.create(
                statement=plan, account=account, raw=quantity, after_rules=[quantity], binding_rule="none", reason="full", quantity=quantity
            )
        filled = {"quantity": 600, "filled_qty": 300}
        _copy(parent, statement=plan, journey_id=journey, state=ParentState.WORKING, **filled)
        clearing = make_account(connection=first.connection, custodian=first.custodian)
        facts = {"is_block": True, "state": OrderState.PARTIALLY_FILLED, "filled_notional": 3000, "client_order_id": f"C{number()}"}
        _copy(order, parent=parent, journey_id=journey, account=clearing, **filled, **facts)
        fill = Execution.objects.get(order_id=scene.ids["order"])
        _copy(fill, order=order, journey_id=journey, account=clearing, broker_exec_id=f"E{number()}", last_qty=300)
    return Block(scene, accounts, *people, parent.pk, order.pk, journey)


def _copy(row: Any, **changed: Any) -> None:
    row.pk, row._state.adding = new_id(), True
    for name, value in changed.items():
        setattr(row, name, value)
    row.save(force_insert=True)


FIGURES = ("quantity", "filled_qty", "leaves_qty", "is_part")


def figures(line: dict[str, str]) -> list[str]:
    return [f"{Decimal(line[name]).normalize():f}" if name != "is_part" else line[name] for name in FIGURES]


def test_whole_figures_for_who_sees_every_account_and_for_oversight(block: Block) -> None:
    for person in (block.every, block.scene.risk):
        rows = csv.DictReader(StringIO(block.ask(person, "/blotter/?tab=parents&format=csv")))
        line = next(row for row in rows if row["parent_id"] == str(block.parent))
        assert figures(line) == ["600", "300", "300", "no"]
        assert "600" in block.ask(person, "/blotter/") and f"r{block.block}" in block.ask(person, "/blotter/?tab=orders")
        assert ">300<" in block.ask(person, "/blotter/?tab=fills")


def test_an_account_finds_the_blocks_it_has_a_part_in(block: Block) -> None:
    first, second = (account.code for account in block.accounts[:2])
    with tenancy.firm(block.scene.firm.id):
        seller = make_account(connection=block.accounts[0].connection)
        grant(block.every.user, seller, "view", "trade")
        plan = ParentOrder.objects.get(pk=block.parent).statement
        AllocationLine.objects.create(
            statement=plan, account=seller, raw=-5, after_rules=[], binding_rule="none", reason="full", quantity=-5
        )
    outside = seller.code
    for person, code, shows in (
        (block.every, second, True),
        (block.every, outside, False),
        (block.one, first, True),
        (block.one, second, False),
    ):
        for asked in (f"account={code.lower()}", f"q={code}"):
            assert (f"r{block.parent}" in block.ask(person, f"/blotter/?{asked}")) is shows, (asked, shows)
            rows = block.ask(block.every, f"/blotter/?tab=orders&{asked}")
            assert (f"r{block.block}" in rows) is (code != outside)
            assert (">300<" in block.ask(block.every, f"/blotter/?tab=fills&{asked}")) is (code != outside)


def test_who_sees_one_of_three_accounts_sees_its_share(block: Block) -> None:
    assert figures(block.parent_line(block.one)) == ["100", "0", "100", "yes"]
    block.book()
    assert figures(block.parent_line(block.one)) == ["100", "50", "50", "yes"], "the booking that stands, not the one before it"
    page = block.ask(block.one, "/blotter/")
    assert ">100</span>" in page and "share of the accounts you see" in page and "<b>500.00</b>" in page, "50 at 10"
    assert "600" not in page.split('id="blotter-rows"')[1] and "3,000" not in page


def test_the_live_row_is_the_same_row(block: Block) -> None:
    for named in (block.parent, block.block, block.journey):
        row = block.ask(block.one, f"/blotter/rows?tab=parents&totals=1&ids={named}")
        assert f"r{block.parent}" in row and ">100</span>" in row and ">600<" not in row and ">300<" not in row
        for tab in ("orders", "fills"):
            assert "data-row" not in block.ask(block.one, f"/blotter/rows?tab={tab}&ids={named}")


def test_a_block_is_in_no_row_and_no_export_of_who_sees_a_part(block: Block) -> None:
    for tab in ("orders", "fills"):
        assert len(block.ask(block.one, f"/blotter/?tab={tab}&format=csv").strip().splitlines()) == 1
        assert len(block.ask(block.every, f"/blotter/?tab={tab}&format=csv").strip().splitlines()) == 2
    inside = block.ask(block.one, f"/blotter/parents/{block.parent}/")
    assert "300" not in inside and "No order was made" in inside
    for path in (f"/blotter/orders/{block.block}/cancel", f"/home/widgets/blotter?x={block.block}"):
        answer = signed_in(block.one.user).get(path)
        assert answer.status_code == 404 or b"300" not in answer.content
    assert signed_in(block.every.user).get(f"/blotter/orders/{block.block}/cancel").status_code == 200


def test_the_order_of_rows_tells_no_more_than_the_rows(block: Block) -> None:
    """Another parent of 200 for the first account alone stands above the block's 100, though the block is 600."""
    with tenancy.firm(block.scene.firm.id):
        parent, plan = ParentOrder.objects.get(pk=block.parent), ParentOrder.objects.get(pk=block.parent).statement
        signal, journey = plan.signal, new_id()
        _copy(signal, journey_id=journey, idempotency_key=f"K{number()}")
        _copy(plan, signal=signal, journey_id=journey)
        AllocationLine.objects.create(
            statement=plan, account=block.accounts[0], raw=200, after_rules=[200], binding_rule="none", reason="full", quantity=200
        )
        _copy(parent, statement=plan, journey_id=journey, quantity=200, filled_qty=20)
    for sort in ("quantity", "filled"):
        page = block.ask(block.one, f"/blotter/?tab=parents&sort=-{sort}")
        assert page.index(f"r{parent.pk}") < page.index(f"r{block.parent}")
        page = block.ask(block.every, f"/blotter/?tab=parents&sort=-{sort}")
        assert page.index(f"r{parent.pk}") > page.index(f"r{block.parent}")


def test_own_orders_and_shares_add_up(block: Block) -> None:
    block.book()
    with tenancy.firm(block.scene.firm.id):
        order = ChildOrder.objects.get(pk=block.block)
        facts = {"quantity": 10, "filled_qty": 10, "filled_notional": 130, "client_order_id": f"C{number()}"}
        _copy(order, account=block.accounts[0], is_block=False, state=OrderState.FILLED, **facts)
    assert figures(block.parent_line(block.one)) == ["100", "60", "40", "yes"]
    assert ">10.5<" in block.ask(block.one, f"/blotter/rows?tab=parents&ids={block.parent}"), "50 at 10 and 10 at 13"
    assert "<b>630.00</b>" in block.ask(block.one, "/blotter/")


def test_a_programs_answer_keeps_the_same_rule(block: Block) -> None:
    block.book()
    for person, wanted in ((block.one, (100, 50)), (block.every, (600, 300))):
        answers = [json.loads(person.get(f"parents/{block.parent}").content)]
        answers += json.loads(person.get("parents").content)["results"]
        answers += json.loads(person.get(f"journeys/{block.journey}").content)["parents"]
        assert [(Decimal(one["quantity"]), Decimal(one["filled_qty"])) for one in answers] == [wanted] * 3
        assert len(json.loads(person.get(f"journeys/{block.journey}").content)["orders"]) == (person is block.every)


def test_a_grant_that_comes_later_makes_it_whole(block: Block) -> None:
    with tenancy.firm(block.scene.firm.id):
        for account in block.accounts[1:]:
            grant(block.one.user, account, "view")
    assert figures(block.parent_line(block.one)) == ["600", "300", "300", "no"]


def test_the_rule_costs_no_statement_a_row(block: Block) -> None:
    def count() -> int:
        client = signed_in(block.one.user)
        client.get("/blotter/")
        with CaptureQueriesContext(database) as queries:
            assert client.get("/blotter/").status_code == 200
        return len(queries)

    one = count()
    with tenancy.firm(block.scene.firm.id):
        parent = ParentOrder.objects.get(pk=block.parent)
        for _ in range(5):
            _copy(parent)
    assert count() == one


def test_a_release_tells_nothing_of_other_orders_nor_why_a_block_ended(block: Block) -> None:
    with tenancy.firm(block.scene.firm.id):
        order = ChildOrder.objects.get(pk=block.block)
        elsewhere = make_account(connection=make_connection())
        line = AllocationLine.objects.filter(statement__journey_id=block.journey)[0]
        _copy(line, account=elsewhere)
        _copy(
            order,
            account=elsewhere,
            connection=elsewhere.connection,
            is_block=False,
            client_order_id=f"C{number()}",
            filled_qty=100,
            filled_notional=1100,
        )
        ChildOrder.objects.filter(pk=block.block).update(state=OrderState.CANCELED, reason="RSK-1 position cap of somebody else")
    address = f"/ticket/released/{block.journey}/"
    part, whole = (" ".join(re.sub(r"<[^>]+>", " ", block.ask(person, address)).split()) for person in (block.one, block.scene.risk))
    assert "position cap of somebody else" in whole and "2 orders" in whole and "10.25" in whole
    assert "position cap" not in part and "The block ended" in part and "1 account, 1 order" in part and "10.25" not in part
