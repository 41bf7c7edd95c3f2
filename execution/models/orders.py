"""Orders, executions and how they were shared out. The order row is the outbox (DESIGN §2).

Invariants: I1 one venue order per intent (`client_order_id` is unique, a claim happens once ever) · I3 an execution is recorded once
(connection, broker_exec_id, revision) · I5 0 ≤ filled ≤ quantity, an overfill is booked and alarmed.
"""

from __future__ import annotations

from django.db import models

from base.fields import CodeField, ExactField, MoneyField, PriceField, QuantityField
from base.models import TenantForeignKey, TenantModel
from base.tenancy.constraints import SqlConstraint
from market.enums import Side

from ..core.states import reason_of
from ..core.transition_sql import transition_trigger_sql
from ..enums import (
    ExecutionKind,
    NoticeState,
    OrderState,
    OrderType,
    ParentState,
    RemainderPolicy,
    RouteKind,
    SharePolicy,
    SliceState,
    TimeInForce,
)


class OrderLifecycle(SqlConstraint):
    """The table of allowed moves of `core/lifecycle.py`, enforced by the database too."""

    def up(self, model: type[models.Model]) -> list[str]:
        return [transition_trigger_sql(model._meta.db_table)[0]]

    def down(self, model: type[models.Model]) -> list[str]:
        return [transition_trigger_sql(model._meta.db_table)[1]]


class ParentOrder(TenantModel):
    """One per instrument and side of a statement: what the gates judge and TWAP slices.

    is_limit_stated: `limit_price` is a person's own and stays until a person changes it; else it is the house's (RTE-2), made anew for what
    falls due later. released_limit_price: the limit it was released and reserved at, where it has been changed since.
    """

    journey_id = models.UUIDField()
    statement = TenantForeignKey("allocation.AllocationStatement", related_name="+", db_constraint=False)
    strategy = TenantForeignKey("allocation.Strategy", related_name="+")
    instrument = models.ForeignKey("market.Instrument", models.PROTECT, related_name="+")
    side = CodeField(Side)
    quantity = QuantityField()
    filled_qty = QuantityField(default=0)
    state = CodeField(ParentState)
    route = CodeField(RouteKind)
    order_type = CodeField(OrderType)
    time_in_force = CodeField(TimeInForce)
    limit_price = PriceField(null=True)
    is_limit_stated = models.BooleanField(default=False)
    released_limit_price = PriceField(null=True)
    decision_price = PriceField()
    arrival_price = PriceField(null=True)
    one_minute_volume = ExactField(null=True)
    share_policy = CodeField(SharePolicy)
    remainder_policy = CodeField(RemainderPolicy)
    plan_seed = models.CharField(max_length=64)
    is_paper = models.BooleanField(default=True)
    carried_qty = QuantityField(default=0)
    chunks = models.PositiveIntegerField(default=0)
    chunks_done = models.PositiveIntegerField(default=0)
    needs_booking = models.BooleanField(default=False)
    flattens = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["firm", "journey_id"], name="parent_journey"),
            models.Index(fields=["firm", "state"], name="parent_open", condition=models.Q(done_at=None) | models.Q(needs_booking=True)),
        ]


class Slice(TenantModel):
    """RTE-3: a part of a parent that falls due at an instant; its children are made then, from the cumulative target."""

    parent = TenantForeignKey(ParentOrder, related_name="slices")
    number = models.PositiveIntegerField()
    due_at = models.DateTimeField()
    quantity = QuantityField()
    cumulative = QuantityField()
    state = CodeField(SliceState, default=SliceState.PENDING)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "parent", "number"], name="slice_once")]
        indexes = [models.Index(fields=["firm", "due_at"], name="slice_due", condition=models.Q(state="PENDING"))]


class ChildOrder(TenantModel):
    """What a broker sees: one account's order, or (on a clearing account) a block for many.

    to_resend: its cancel makes way for one order at the parent's new limit, for what it leaves. chain_id: the first order of such a chain.
    """

    statement_checked = True

    journey_id = models.UUIDField()
    parent = TenantForeignKey(ParentOrder, related_name="children")
    slice = TenantForeignKey(Slice, null=True, related_name="children")
    connection = TenantForeignKey("accounts.BrokerConnection", related_name="+")
    account = TenantForeignKey("accounts.Account", related_name="+")
    instrument = models.ForeignKey("market.Instrument", models.PROTECT, related_name="+")
    is_block = models.BooleanField(default=False)
    side = CodeField(Side)
    quantity = QuantityField()
    filled_qty = QuantityField(default=0)
    filled_notional = MoneyField(default=0)
    order_type = CodeField(OrderType)
    time_in_force = CodeField(TimeInForce)
    limit_price = PriceField(null=True)
    stop_price = PriceField(null=True)
    state = CodeField(OrderState, default=OrderState.PENDING)
    client_order_id = models.CharField(max_length=32)
    broker_order_id = models.CharField(max_length=64, blank=True)
    session_epoch = models.PositiveIntegerField(default=0)
    sequence = models.PositiveIntegerField()
    claimed_epoch = models.BigIntegerField(null=True)
    claimed_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    unknown_since = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True)
    absent_answers = models.PositiveSmallIntegerField(default=0)
    declared_absent = models.BooleanField(default=False)
    cancel_requested_at = models.DateTimeField(null=True)
    cancel_sent_at = models.DateTimeField(null=True)
    cancels_sent = models.PositiveSmallIntegerField(default=0)
    to_resend = models.BooleanField(default=False)
    chain_id = models.UUIDField(null=True)
    reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["firm", "client_order_id"], name="client_order_once"),
            models.CheckConstraint(condition=models.Q(quantity__gt=0, filled_qty__gte=0), name="child_order_quantities"),
            OrderLifecycle(name="execution_childorder_lifecycle"),
        ]
        indexes = [
            models.Index(fields=["firm", "connection", "sequence", "id"], name="child_claim", condition=models.Q(state="PENDING")),
            models.Index(
                fields=["firm", "connection", "state"],
                name="child_open",
                condition=models.Q(state__in=["SENDING", "ACKED", "PARTIALLY_FILLED", "PENDING_CANCEL", "PENDING_REPLACE", "UNKNOWN"]),
            ),
            models.Index(fields=["firm", "parent"], name="child_parent"),
            models.Index(fields=["firm", "connection", "parent"], name="child_resend", condition=models.Q(to_resend=True)),
            models.Index(fields=["firm", "connection", "broker_order_id"], name="child_broker", condition=~models.Q(broker_order_id="")),
        ]

    @property
    def reason_words(self) -> str:
        """Return why it ended, as a person reads it."""
        return reason_of(self.reason)


class Execution(TenantModel):
    """A fill as the broker reported it; a correction or bust is a new revision (I3), a bust with quantity 0.

    Without an order it is EXTERNAL, and alarmed; once its order is known, the same execution stands there as well, and that row is booked.
    `reported_account`, `reported_symbol`: the broker's words, where we know no such thing.
    """

    statement_checked = True
    append_only = True

    journey_id = models.UUIDField(null=True)
    connection = TenantForeignKey("accounts.BrokerConnection", related_name="+")
    order = TenantForeignKey(ChildOrder, null=True, related_name="executions")
    account = TenantForeignKey("accounts.Account", null=True, related_name="+")
    instrument = models.ForeignKey("market.Instrument", models.PROTECT, null=True, related_name="+")
    reported_account = models.CharField(max_length=64, blank=True)
    reported_symbol = models.CharField(max_length=64, blank=True)
    broker_exec_id = models.CharField(max_length=64)
    revision = models.PositiveIntegerField(default=0)
    kind = CodeField(ExecutionKind)
    side = CodeField(Side)
    last_qty = QuantityField()
    last_px = PriceField()
    fee = MoneyField()
    currency = models.CharField(max_length=8)
    trade_date = models.DateField()
    settle_date = models.DateField()
    executed_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    decision_price = PriceField(null=True)
    arrival_price = PriceField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["firm", "connection", "broker_exec_id", "revision"],
                name="execution_once",
                condition=models.Q(order__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["firm", "connection", "broker_exec_id", "revision"],
                name="external_execution_once",
                condition=models.Q(order__isnull=True),
            ),
        ]
        indexes = [
            models.Index(fields=["firm", "order"], name="execution_order"),
            models.Index(fields=["firm", "journey_id"], name="execution_journey"),
        ]


class Booking(TenantModel):
    """ALC-3: the sharing of everything one connection filled for a parent, at the exact average. A correction is a new revision.

    clearing_money: the executions' exact signed cost that left the clearing account, which `notional` (≥ 0) rounds once.
    """

    append_only = True

    journey_id = models.UUIDField()
    parent = TenantForeignKey(ParentOrder, related_name="bookings")
    connection = TenantForeignKey("accounts.BrokerConnection", related_name="+")
    revision = models.PositiveIntegerField()
    quantity = QuantityField()
    notional = MoneyField()
    fee = MoneyField()
    clearing_money = MoneyField()
    trade_date = models.DateField()
    settle_date = models.DateField()
    share_policy = CodeField(SharePolicy)
    allocator_version = models.CharField(max_length=16)
    hash = models.CharField(max_length=64)
    booked_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "parent", "connection", "revision"], name="booking_once")]


class Share(TenantModel):
    """One account's final share of a booking: quantity × exact average, in cents that sum to the block's."""

    statement_checked = True
    append_only = True

    booking = TenantForeignKey(Booking, related_name="shares")
    account = TenantForeignKey("accounts.Account", related_name="+")
    quantity = QuantityField()
    notional = MoneyField()
    fee = MoneyField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "booking", "account"], name="share_once")]


class AllocationNotice(TenantModel):
    """The outbox of post-trade allocation: what a custodian is to be told of a booking; sent again, unchanged, until it is answered."""

    booking = TenantForeignKey(Booking, related_name="notices")
    connection = TenantForeignKey("accounts.BrokerConnection", related_name="+")
    notice_id = models.CharField(max_length=64)
    trade_date = models.DateField()
    state = CodeField(NoticeState, default=NoticeState.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "notice_id"], name="allocation_notice_once")]
        indexes = [models.Index(fields=["firm", "connection"], name="allocation_notice_open", condition=models.Q(state="PENDING"))]


class GatewayLease(TenantModel):
    """Who may send on a connection, and until when. A new holder raises the epoch; the old one's writes then fail.

    heard_at: when the broker last answered, by the database's wall clock, as the lease itself.
    """

    connection = TenantForeignKey("accounts.BrokerConnection", related_name="+")
    epoch = models.BigIntegerField(default=0)
    holder = models.CharField(max_length=80, blank=True)
    expires_at = models.DateTimeField()
    reconciled_epoch = models.BigIntegerField(default=-1)
    heard_at = models.DateTimeField(null=True)
    executions_cursor = models.CharField(max_length=80, blank=True)
    reports_cursor = models.CharField(max_length=80, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "connection"], name="gateway_lease_once")]
