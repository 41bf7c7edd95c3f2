"""Orders and executions as a person may see them.

Entry points: `open_child_orders`, `executions_of_parent`, `denied_accounts`. Inside the caller's tenancy block.
Invariant: what a person sees starts from `accounts.queries.visible_to`; a block is seen by whoever sees an account behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts import queries as accounts

from ..core.lifecycle import TERMINAL
from ..models import ChildOrder, Execution, ParentOrder

MOST = 500
_ENDED = [state.value for state in TERMINAL]


@dataclass(frozen=True, slots=True)
class ChildFacts:
    """An order as lists show it."""

    id: UUID
    journey_id: UUID
    parent_id: UUID
    connection_id: UUID
    account_id: UUID
    account_code: str
    instrument_id: int
    symbol: str
    is_block: bool
    side: str
    quantity: Decimal
    filled_qty: Decimal
    limit_price: Decimal | None
    state: str
    client_order_id: str
    broker_order_id: str
    reason: str
    created_at: datetime
    cancel_requested_at: datetime | None


@dataclass(frozen=True, slots=True)
class ExecutionFacts:
    """The newest revision of an execution; a busted one has quantity 0."""

    id: UUID
    order_id: UUID
    connection_id: UUID
    account_id: UUID
    broker_exec_id: str
    revision: int
    kind: str
    side: str
    last_qty: Decimal
    last_px: Decimal
    fee: Decimal
    currency: str
    trade_date: date
    settle_date: date
    executed_at: datetime


@dataclass(frozen=True, slots=True)
class DeniedAccount:
    """An account that gate 2 refused, and what it said. order_id: of the order, or of its sliced parent."""

    order_id: UUID
    account_id: UUID
    rule: str
    message: str


_ORDER = (
    "id",
    "journey_id",
    "parent_id",
    "connection_id",
    "account_id",
    "account__code",
    "instrument_id",
    "instrument__symbol",
    "is_block",
    "side",
    "quantity",
    "filled_qty",
    "limit_price",
    "state",
    "client_order_id",
    "broker_order_id",
    "reason",
    "created_at",
    "cancel_requested_at",
)


def orders_visible_to(user: AbstractBaseUser) -> QuerySet[ChildOrder]:
    """Return the orders a person may see."""
    seen = accounts.visible_to(user)
    behind = ParentOrder.objects.filter(pk=OuterRef("parent_id"), statement__lines__account__in=seen)
    return ChildOrder.objects.filter(Q(account__in=seen) | Q(is_block=True) & Exists(behind))


def open_child_orders(*, user: AbstractBaseUser | None = None, parent_id: UUID | None = None, limit: int = 100) -> list[ChildFacts]:
    """Return orders that have not ended, newest first. user: whose eyes; None = the system's own."""
    rows = ChildOrder.objects.all() if user is None else orders_visible_to(user)
    if parent_id is not None:
        rows = rows.filter(parent_id=parent_id)
    open_ = rows.exclude(state__in=_ENDED).order_by("-id")
    return [ChildFacts(*row) for row in open_.values_list(*_ORDER)[: min(limit, MOST)]]


def executions_of_parent(*, parent_id: UUID) -> list[ExecutionFacts]:
    """Return the newest revision of every execution of a parent's orders, oldest first."""
    names = list(ExecutionFacts.__dataclass_fields__)
    rows = Execution.objects.filter(order__in=ChildOrder.objects.filter(parent_id=parent_id))
    newest = rows.order_by("connection_id", "broker_exec_id", "-revision").distinct("connection_id", "broker_exec_id")
    found = [ExecutionFacts(*row) for row in newest.values_list(*names)]
    return sorted(found, key=lambda row: (row.executed_at, row.id))


def denied_accounts(*, parent_id: UUID) -> list[DeniedAccount]:
    """Return the accounts that gate 2 refused of a parent's orders: what a new statement revision has to leave out or resize (RSK-1)."""
    sql = """
        SELECT DISTINCT d.subject_id, a.id, d.rule, d.message
        FROM risk_gatedecision d CROSS JOIN LATERAL unnest(d.account_ids) AS a (id)
        WHERE d.gate = 2 AND d.outcome = 'BLOCKED'
          AND (d.subject_id = %s OR d.subject_id IN (SELECT c.id FROM execution_childorder c WHERE c.parent_id = %s))
        ORDER BY 1, 2"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [parent_id, parent_id])
        return [DeniedAccount(*row) for row in cursor.fetchall()]
