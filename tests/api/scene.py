"""Two firms with one of everything, and the people who ask: owner (sees it), colleague (same firm, no grant), stranger (another firm)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from accounts.enums import EntryType
from accounts.models import Account, AccountUserObjectPermission, CashBalance, LedgerTransaction, Position, TaxLot
from allocation.enums import Reason, Rule, SizingMethod
from allocation.models import AllocationLine, AllocationStatement, Signal, Strategy, StrategyAccount
from base import tenancy
from base.core.ids import new_id
from execution.enums import ExecutionKind, OrderState, OrderType, ParentState, RemainderPolicy, RouteKind, SharePolicy, TimeInForce
from execution.models import ChildOrder, Execution, ParentOrder
from governance import services as governance
from governance.core.subjects import Actor
from governance.enums import KillScope, Role
from governance.models import Firm, User
from market.enums import Side
from market.models import Instrument
from reconciliation.enums import BreakState, BreakType, ItemKind, RunState
from reconciliation.models import Break, ReconciliationRun
from reporting.models import StatementDocument
from tests.factories import make_account, make_firm, make_instrument, make_sleeve, make_user, number

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
DAY = date(2026, 3, 2)


@dataclass
class Person:
    """Somebody with a token."""

    user: User
    token: str
    firm_id: int

    def get(self, path: str, **headers: str) -> Any:
        return Client().get(f"/api/v1/{path}", headers={"Authorization": f"Token {self.token}", **headers})

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        content = {"data": b"" if body is None else body, "content_type": "application/json"}
        return Client().post(f"/api/v1/{path}", headers={"Authorization": f"Token {self.token}", **headers}, **content)


@dataclass
class Scene:
    """One firm with one of everything. ids: what stands in addresses, by the address's name."""

    firm: Firm
    owner: Person
    colleague: Person
    investor: Person
    risk: Person
    second: Person
    account: Account
    instrument: Instrument
    strategy: Strategy
    ids: dict[str, str]


def make_person(firm: Firm, *roles: Role) -> Person:
    """Make a member of the firm with a token; inside its block."""
    user = make_user(*roles)
    token = governance.issue_token(user_id=user.id, label="test", now=datetime.now(UTC), firm_id=firm.id)
    return Person(user, token, firm.id)


def grant(user: User, account: Account, *verbs: str) -> None:
    """Let the person view or trade the account; inside the firm's block."""
    kind = ContentType.objects.get_for_model(Account)
    for verb in verbs:
        permission = Permission.objects.get(content_type=kind, codename=f"{verb}_account")
        AccountUserObjectPermission.objects.create(user=user, permission=permission, content_object=account)


def make_scene() -> Scene:
    """Make a firm with one of everything, all about one account that the owner sees."""
    firm = make_firm()
    instrument = make_instrument()
    with tenancy.firm(firm.id):
        owner, colleague, second = (make_person(firm, role) for role in (Role.MANAGER, Role.TRADER, Role.MANAGER))
        investor, risk = (make_person(firm, role) for role in (Role.INVESTOR, Role.RISK))
        account = make_account()
        for user, verbs in ((owner.user, ("view", "trade")), (second.user, ("view", "trade")), (investor.user, ("view",))):
            grant(user, account, *verbs)
        strategy = Strategy.objects.create(code=f"S{number()}", name="A strategy", sleeve=make_sleeve())
        StrategyAccount.objects.create(strategy=strategy, account=account)
        ids = make_rows(account, strategy, instrument, owner.user)
    return Scene(firm, owner, colleague, investor, risk, second, account, instrument, strategy, ids)


def make_rows(account: Account, strategy: Strategy, instrument: Instrument, user: User) -> dict[str, str]:
    """Make one journey, with books, breaks and a statement; returns the ids that addresses name."""
    journey = new_id()
    signal = Signal.objects.create(
        journey_id=journey,
        source="test",
        idempotency_key=f"K{number()}",
        body_sha256="0" * 64,
        strategy=strategy,
        instrument=instrument,
        method=SizingMethod.TARGET_WEIGHT,
        figure=Decimal("0.03"),
        received_at=NOW,
    )
    plan = AllocationStatement.objects.create(
        signal=signal,
        journey_id=journey,
        revision=1,
        hash="1" * 64,
        share_policy="PRO_RATA",
        tie_seed=str(journey),
        price_scope="BLOCK",
        decision_price=10,
        decided_at=NOW,
        frozen=b"{}",
        rules=["SIZ-2.class"],
    )
    AllocationLine.objects.create(
        statement=plan, account=account, raw=5, after_rules=[5], binding_rule=Rule.NONE, reason=Reason.FULL, quantity=5
    )
    parent = ParentOrder.objects.create(
        journey_id=journey,
        statement=plan,
        strategy=strategy,
        instrument=instrument,
        side=Side.BUY,
        quantity=5,
        state=ParentState.WORKING,
        route=RouteKind.MARKETABLE_LIMIT,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.IOC,
        limit_price=Decimal("10.05"),
        decision_price=10,
        share_policy=SharePolicy.PRO_RATA,
        remainder_policy=RemainderPolicy.CANCEL,
        plan_seed="s",
        created_at=NOW,
    )
    order = ChildOrder.objects.create(
        journey_id=journey,
        parent=parent,
        connection=account.connection,
        account=account,
        instrument=instrument,
        side=Side.BUY,
        quantity=5,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.IOC,
        limit_price=Decimal("10.05"),
        state=OrderState.PENDING,
        client_order_id=f"C{number()}",
        sequence=0,
        created_at=NOW,
    )
    Execution.objects.create(
        journey_id=journey,
        connection=account.connection,
        order=order,
        account=account,
        instrument=instrument,
        broker_exec_id=f"E{number()}",
        kind=ExecutionKind.NEW,
        side=Side.BUY,
        last_qty=1,
        last_px=10,
        fee=0,
        currency="USD",
        trade_date=DAY,
        settle_date=DAY + timedelta(days=1),
        executed_at=NOW,
        recorded_at=NOW,
    )
    make_books(account, strategy, instrument)
    return {
        "signal": str(signal.id),
        "plan": str(plan.id),
        "parent": str(parent.id),
        "order": str(order.id),
        "journey": str(journey),
        "account": str(account.id),
        "instrument": str(instrument.id),
        **make_evening(account),
    }


def make_books(account: Account, strategy: Strategy, instrument: Instrument) -> None:
    """Make a lot with its transaction, and position and cash where there are none."""
    booked = LedgerTransaction.objects.create(
        entry_type=EntryType.OPENING, trade_date=DAY, settle_date=DAY, acquired_on=DAY, source_key=f"T{number()}", recorded_at=NOW
    )
    common = {"account": account, "sleeve": strategy.sleeve, "instrument": instrument}
    Position.objects.get_or_create(**common, leg_id=None, defaults={"quantity": 5, "last_traded_on": DAY})
    TaxLot.objects.create(**common, transaction=booked, acquired_on=DAY, original_quantity=5, quantity=5, currency="USD", basis=50)
    CashBalance.objects.create(account=account, currency="USD", settle_date=DAY + timedelta(days=number()), amount=Decimal("100.50"))


def make_evening(account: Account) -> dict[str, str]:
    """Make a reconciliation run with a break, and a statement."""
    run = ReconciliationRun.objects.create(
        custodian=account.custodian, as_of=DAY, state=RunState.COMPLETE, due_at=NOW, started_at=NOW, outcome_sha256="0" * 64
    )
    difference = Break.objects.create(
        run=run,
        account=account,
        key=f"B{number()}",
        break_type=BreakType.CASH,
        item_kind=ItemKind.CASH_TD,
        value_currency="USD",
        is_material=True,
        rule="REC-3",
        state=BreakState.OPEN,
        opened_on=DAY,
    )
    document = StatementDocument.objects.create(
        account=account,
        period_start=date(2026, 2, 1),
        period_end=date(2026, 2, 28),
        version=number(),
        figures={},
        pdf=b"%PDF-1.7 test",
        sha256="2" * 64,
        created_at=NOW,
    )
    return {"run": str(run.id), "break": str(difference.id), "statement": str(document.id)}


def ask_to_rearm(scene: Scene) -> str:
    """Trip a switch on the scene's account and ask, as the owner, to re-arm it; returns the request's id."""
    actor = Actor(str(scene.owner.user.id), Role.MANAGER)
    with tenancy.firm(scene.firm.id):
        subject = {"scope": KillScope.ACCOUNT, "subject_id": scene.ids["account"], "actor": actor, "now": NOW, "reason": "test"}
        governance.trip_kill_switch(**subject)
        return str(governance.request_rearm(**subject))
