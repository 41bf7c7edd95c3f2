"""What the custodian says, what we say, and what was done about the difference (REC-1…7)."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

from base.fields import CodeField, ExactField, MoneyField, PriceField
from base.models import TenantForeignKey, TenantModel
from base.tenancy.constraints import SqlConstraint

from .enums import AdjustmentKind, BreakState, BreakType, ItemKind, RunState


class StoredOutside(SqlConstraint):
    """Keep a large column uncompressed beside its row: compressing a file costs more time than writing it."""

    def __init__(self, *, name: str, field: str) -> None:
        super().__init__(name=name)
        self.field = field

    def up(self, model: type[models.Model]) -> list[str]:
        return [f"ALTER TABLE {model._meta.db_table} ALTER COLUMN {self.field} SET STORAGE EXTERNAL"]

    def down(self, model: type[models.Model]) -> list[str]:
        return [f"ALTER TABLE {model._meta.db_table} ALTER COLUMN {self.field} SET STORAGE EXTENDED"]

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, "field": self.field}


class CustodianSnapshot(TenantModel):
    """A custodian's file or report of one day, exactly as it came. `source`: FILE, or GATEWAY with the connection's code."""

    append_only = True

    custodian = TenantForeignKey("accounts.Custodian", related_name="+")
    as_of = models.DateField()
    received_at = models.DateTimeField()
    source = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64)
    is_complete = models.BooleanField()
    content = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["firm", "custodian", "as_of", "sha256"], name="custodian_snapshot_once"),
            StoredOutside(name="custodian_snapshot_content", field="content"),
        ]


class ReconciliationRun(TenantModel):
    """One comparison of a custodian and a day. A missing or late file is INCOMPLETE, never COMPLETE.

    A repetition that finds the same (`outcome_sha256`) makes no new run. open_timing: settle-date differences handed to the next day, as
    [account ref, currency, our amount, their amount, our settle day, their settle day] in 10⁻⁸ and day numbers. incomplete: accounts
    that nobody reported.
    """

    custodian = TenantForeignKey("accounts.Custodian", related_name="runs")
    as_of = models.DateField()
    snapshot = TenantForeignKey(CustodianSnapshot, null=True, related_name="+")
    state = CodeField(RunState)
    due_at = models.DateTimeField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    items = models.PositiveIntegerField(default=0)
    reasons = ArrayField(models.TextField(), default=list)
    incomplete = ArrayField(models.UUIDField(), default=list)
    open_timing = models.JSONField(default=list)
    outcome_sha256 = models.CharField(max_length=64)

    class Meta:
        indexes = [models.Index(fields=["firm", "custodian", "as_of"], name="run_of_day")]


class Break(TenantModel):
    """A difference: what, where, how much, since when, whose.

    `run` is the last run that saw it. `key` says what it is about, without figures: the same difference tomorrow is the same row, with
    its age. ours, theirs: quantity, price or amount; for a timing break of a trade the dates are `our_date` and `their_date`.
    """

    run = TenantForeignKey(ReconciliationRun, related_name="breaks")
    account = TenantForeignKey("accounts.Account", related_name="breaks")
    key = models.CharField(max_length=400)
    break_type = CodeField(BreakType)
    item_kind = CodeField(ItemKind)
    symbol = models.CharField(max_length=64, blank=True)
    their_symbol = models.CharField(max_length=64, blank=True)
    instrument = models.ForeignKey("market.Instrument", models.PROTECT, null=True, related_name="+")
    currency = models.CharField(max_length=10, blank=True)
    kind = models.CharField(max_length=32, blank=True)
    booked_on = models.DateField(null=True)
    exec_id = models.CharField(max_length=64, blank=True)
    ours = ExactField(null=True)
    theirs = ExactField(null=True)
    our_date = models.DateField(null=True)
    their_date = models.DateField(null=True)
    difference = ExactField(null=True)
    value_difference = MoneyField(null=True)
    value_currency = models.CharField(max_length=10)
    price = PriceField(null=True)
    cash_difference = MoneyField(null=True)
    self_matches_on = models.DateField(null=True)
    settles_on = models.DateField(null=True)
    is_material = models.BooleanField()
    rule = models.CharField(max_length=32)
    state = CodeField(BreakState, default=BreakState.OPEN)
    owner = models.ForeignKey("governance.User", models.PROTECT, null=True, blank=True, related_name="+")
    opened_on = models.DateField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["firm", "account", "key"], condition=models.Q(closed_at__isnull=True), name="break_once_while_open"
            )
        ]
        indexes = [models.Index(fields=["firm", "run"], name="break_run")]


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

    class Meta:
        indexes = [models.Index(fields=["firm", "transaction"], name="adjustment_transaction")]


class Waiver(TenantModel):
    """REC-6: a break set aside by two people until an instant, as it stood: other figures end it (`content_hash`)."""

    append_only = True

    of_break = TenantForeignKey(Break, related_name="waivers")
    content_hash = models.CharField(max_length=64)
    reason = models.CharField(max_length=400)
    approval_id = models.UUIDField()
    approved_at = models.DateTimeField()
    expires_at = models.DateTimeField()


class Evidence(TenantModel):
    """A document behind a resolution (REC-7). The file lies under `settings.DOCUMENTS_DIR`, named by its hash."""

    append_only = True

    of_break = TenantForeignKey(Break, related_name="documents")
    name = models.CharField(max_length=120)
    media_type = models.CharField(max_length=40)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    uploaded_by = models.ForeignKey("governance.User", models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "of_break", "sha256"], name="evidence_once")]


class Proposal(TenantModel):
    """What a second person is asked to approve, word for word: an adjustment (`kind`), or a waiver (`expires_at`)."""

    append_only = True

    of_break = TenantForeignKey(Break, related_name="proposals")
    approval_id = models.UUIDField()
    kind = CodeField(AdjustmentKind, null=True)
    reason = models.CharField(max_length=400)
    evidence = models.CharField(max_length=400, blank=True)
    sleeve_id = models.UUIDField(null=True)
    expires_at = models.DateTimeField(null=True)
    proposed_by = models.ForeignKey("governance.User", models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["firm", "approval_id"], name="proposal_of_approval"),
            models.CheckConstraint(
                condition=models.Q(kind__isnull=False, expires_at__isnull=True) | models.Q(kind__isnull=True, expires_at__isnull=False),
                name="proposal_adjusts_or_waives",
            ),
        ]
        indexes = [models.Index(fields=["firm", "of_break"], name="proposal_of_break")]
