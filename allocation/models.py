"""Strategies, signals, previews and the frozen allocation statement (ALC-1).

Invariants: one row a signal's (source, idempotency key), its journey id on everything that follows; a statement and its lines only grow: a change is a new revision.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from base.core.ids import digest
from base.fields import CodeField, ExactField, MoneyField, PriceField, QuantityField, RateField
from base.models import TenantForeignKey, TenantModel

from .enums import CapBasis, Rounding, SignalOrderType, SignalRoute, SignalState, SignalTimeInForce, SizingMethod


class Strategy(TenantModel):
    """What trades in a sleeve of each subscribed account; `capacity` caps a signal's total (GOV-6)."""

    code = models.CharField(max_length=40)
    name = models.CharField(max_length=160)
    sleeve = TenantForeignKey("accounts.Sleeve", related_name="strategies")
    rounding = CodeField(Rounding, default=Rounding.FLOOR)
    cap_basis = CodeField(CapBasis, default=CapBasis.NOTIONAL)
    capacity_quantity = QuantityField(null=True, blank=True)
    capacity_notional = MoneyField(null=True, blank=True)
    capacity_currency = models.CharField(max_length=8, blank=True)
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "code"], name="strategy_code")]


class StrategyAccount(TenantModel):
    """An account's subscription to a strategy; `multiplier` scales its share of a signal."""

    strategy = TenantForeignKey(Strategy, related_name="subscriptions")
    account = TenantForeignKey("accounts.Account", related_name="subscriptions")
    multiplier = RateField(default=1)
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "strategy", "account"], name="subscription_once")]


class Signal(TenantModel):
    """An intent, stated once. `body_sha256` tells a repeat (same answer) from a different body under the same key (409).

    order_type, time_in_force, route: "" = the house decides (RTE-1, RTE-2). protect: stop_price and take_profit_price are to be held for every
    account that is filled.
    """

    journey_id = models.UUIDField()
    source = models.CharField(max_length=64)
    idempotency_key = models.CharField(max_length=128)
    body_sha256 = models.CharField(max_length=64)
    strategy = TenantForeignKey(Strategy, related_name="signals")
    instrument = models.ForeignKey("market.Instrument", models.PROTECT, related_name="+")
    method = CodeField(SizingMethod)
    figure = ExactField(null=True)
    stop_price = PriceField(null=True)
    per_account = models.JSONField(default=dict)
    account_ids = ArrayField(models.UUIDField(), default=list)
    order_type = CodeField(SignalOrderType, max_length=16, blank=True, default="")
    limit_price = PriceField(null=True)
    time_in_force = CodeField(SignalTimeInForce, max_length=16, blank=True, default="")
    route = CodeField(SignalRoute, max_length=16, blank=True, default="")
    take_profit_price = PriceField(null=True)
    protect = models.BooleanField(default=False)
    state = CodeField(SignalState, default=SignalState.RECEIVED)
    received_at = models.DateTimeField()
    received_by = models.ForeignKey("governance.User", models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["firm", "source", "idempotency_key"], name="signal_once"),
            models.UniqueConstraint(fields=["firm", "journey_id"], name="signal_journey"),
        ]

    @property
    def tie_seed(self) -> str:
        """Return what every draw of this signal is seeded with (CON-2): who sent it, under which key, and when it was received."""
        return digest(["tie seed", self.source, self.idempotency_key, self.received_at])


class Preview(TenantModel):
    """What a release would freeze: named by its hash, good for 60 seconds."""

    statement_checked = True
    append_only = True

    signal = TenantForeignKey(Signal, related_name="previews")
    hash = models.CharField(max_length=64)
    frozen = models.BinaryField()
    excluded = models.JSONField(default=list)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    created_by = models.ForeignKey("governance.User", models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "signal", "hash", "created_at"], name="preview_once")]


class AllocationStatement(TenantModel):
    """ALC-1: accounts, targets, policy, tie seed, price scope, instant and hash, frozen before anything is sent."""

    append_only = True

    signal = TenantForeignKey(Signal, related_name="statements")
    journey_id = models.UUIDField()
    revision = models.PositiveIntegerField()
    hash = models.CharField(max_length=64)
    share_policy = models.CharField(max_length=32)
    tie_seed = models.CharField(max_length=64)
    price_scope = models.CharField(max_length=16)
    decision_price = PriceField()
    decided_at = models.DateTimeField()
    frozen = models.BinaryField()
    excluded = models.JSONField(default=list)
    rules = ArrayField(models.CharField(max_length=48))
    released_by = models.ForeignKey("governance.User", models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "signal", "revision"], name="statement_revision")]
        indexes = [models.Index(fields=["firm", "journey_id"], name="statement_journey")]


class AllocationLine(TenantModel):
    """One account's part: the raw target, what each rule left of it (same order as the statement's `rules`), and the quantity ordered."""

    statement_checked = True
    append_only = True

    statement = TenantForeignKey(AllocationStatement, related_name="lines")
    account = TenantForeignKey("accounts.Account", related_name="+")
    raw = ExactField()
    after_rules = ArrayField(models.BigIntegerField())
    binding_rule = models.CharField(max_length=48)
    reason = models.CharField(max_length=32)
    quantity = QuantityField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "statement", "account"], name="allocation_line_once")]
