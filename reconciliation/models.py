"""What the custodian says, what we say, and what was done about the difference (REC-1…7)."""

from __future__ import annotations

from django.db import models

from base.fields import CodeField, ExactField, MoneyField
from base.models import TenantForeignKey, TenantModel

from .enums import AdjustmentKind, BreakState, BreakType, ItemKind, RunState


class CustodianSnapshot(TenantModel):
    """A custodian's file or report of one day, exactly as it came."""

    append_only = True

    custodian = TenantForeignKey("accounts.Custodian", related_name="+")
    as_of = models.DateField()
    received_at = models.DateTimeField()
    source = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64)
    is_complete = models.BooleanField()
    content = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "custodian", "as_of", "sha256"], name="custodian_snapshot_once")]


class ReconciliationRun(TenantModel):
    """One comparison of a custodian and a day. A missing or late file is INCOMPLETE, never COMPLETE."""

    custodian = TenantForeignKey("accounts.Custodian", related_name="runs")
    as_of = models.DateField()
    snapshot = TenantForeignKey(CustodianSnapshot, null=True, related_name="+")
    state = CodeField(RunState)
    due_at = models.DateTimeField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    items = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["firm", "custodian", "as_of"], name="run_of_day")]


class Break(TenantModel):
    """A difference: what, where, how much, since when, whose."""

    run = TenantForeignKey(ReconciliationRun, related_name="breaks")
    account = TenantForeignKey("accounts.Account", related_name="breaks")
    break_type = CodeField(BreakType)
    item_kind = CodeField(ItemKind)
    item = models.CharField(max_length=120)
    instrument = models.ForeignKey("market.Instrument", models.PROTECT, null=True, related_name="+")
    currency = models.CharField(max_length=8, blank=True)
    ours = ExactField(null=True)
    theirs = ExactField(null=True)
    difference = ExactField()
    value_difference = MoneyField(null=True)
    is_material = models.BooleanField()
    rule = models.CharField(max_length=32)
    state = CodeField(BreakState, default=BreakState.OPEN)
    owner = models.ForeignKey("governance.User", models.PROTECT, null=True, blank=True, related_name="+")
    opened_on = models.DateField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["firm", "account"], name="break_open_account", condition=models.Q(closed_at=None)),
            models.Index(fields=["firm", "run"], name="break_run"),
        ]


class Adjustment(TenantModel):
    """REC-7: the only way a break changes the books: typed, with reason, evidence and a second person."""

    statement_checked = True
    append_only = True

    of_break = TenantForeignKey(Break, related_name="adjustments")
    kind = CodeField(AdjustmentKind)
    transaction = TenantForeignKey("accounts.LedgerTransaction", null=True, related_name="+", db_constraint=False)
    reason = models.CharField(max_length=400)
    evidence = models.CharField(max_length=400)
    approval_id = models.UUIDField()
    recorded_at = models.DateTimeField()


class Waiver(TenantModel):
    """REC-6: a break set aside by two people until a day."""

    append_only = True

    of_break = TenantForeignKey(Break, related_name="waivers")
    reason = models.CharField(max_length=400)
    approval_id = models.UUIDField()
    expires_at = models.DateTimeField()
