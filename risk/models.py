"""Firm limits and what the gates decided (RSK-1, RSK-10)."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from base.fields import CodeField, ExactField
from base.models import TenantModel

from .enums import FirmLimitKind, GateOutcome


class FirmLimit(TenantModel):
    """A limit of gate 1, in the firm's reporting currency or as a rate, effective-dated.

    Without a row there is no trading (CON-5); a row without a figure says that there is no limit.
    """

    kind = CodeField(FirmLimitKind)
    limit = ExactField(null=True)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["firm", "kind", "valid_from"], name="firm_limit_from"),
            models.UniqueConstraint(fields=["firm", "kind"], condition=models.Q(valid_until=None), name="firm_limit_in_force_once"),
            models.CheckConstraint(condition=models.Q(limit__isnull=True) | models.Q(limit__gt=0), name="firm_limit_positive"),
        ]


class LimitAlert(TenantModel):
    """RSK-10: the loudest tier told and not yet re-armed, per limit and, where the limit is about one, instrument."""

    kind = CodeField(FirmLimitKind)
    instrument = models.ForeignKey("market.Instrument", models.PROTECT, null=True, blank=True, db_index=False, related_name="+")
    tier = models.PositiveSmallIntegerField()
    number = ExactField(null=True)
    limit = ExactField(null=True)
    observed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "kind", "instrument"], name="limit_alert_once", nulls_distinct=False)]


class GateDecision(TenantModel):
    """What a gate said of one subject: which rule, which number, which limit. Passes of a whole batch are one row with a count."""

    statement_checked = True
    append_only = True

    gate = models.PositiveSmallIntegerField()
    outcome = CodeField(GateOutcome)
    journey_id = models.UUIDField()
    subject_id = models.UUIDField()
    account_ids = ArrayField(models.UUIDField(), default=list)
    orders = models.PositiveIntegerField(default=1)
    rule = models.CharField(max_length=32, blank=True)
    number = ExactField(null=True)
    limit = ExactField(null=True)
    message = models.CharField(max_length=400, blank=True)
    inputs = models.JSONField(default=dict)
    decided_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["firm", "journey_id"], name="gate_decision_journey"),
            models.Index(fields=["firm", "subject_id"], name="gate_decision_subject"),
        ]
