"""What owners allow (mandates) and what the firm forbids (the restricted list).

Invariant: a mandate is never changed; a later version of the same code takes its place from an instant on.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from base.fields import CodeField, RateField
from base.models import TenantForeignKey, TenantModel

from ..enums import MandateRuleKind, RestrictionState


class Mandate(TenantModel):
    """One version of what an owner allows, in force in [valid_from, valid_until). Any version's id stands for the whole code."""

    code = models.CharField(max_length=40)
    version = models.PositiveIntegerField(default=1)
    name = models.CharField(max_length=160)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)
    document_sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "code", "version"], name="mandate_version")]
        indexes = [models.Index(fields=["firm", "code", "-valid_from"], name="mandate_code_from")]


class MandateRule(TenantModel):
    """One rule of a mandate: bounds for caps and leverage, words for kinds, sectors, issuers and instruments."""

    mandate = TenantForeignKey(Mandate, related_name="rules")
    kind = CodeField(MandateRuleKind)
    rate = RateField(null=True, blank=True)
    lower_rate = RateField(null=True, blank=True)
    words = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    clause = models.CharField(max_length=200)

    class Meta:
        indexes = [models.Index(fields=["firm", "mandate"], name="mandate_rule_of")]


class Restriction(TenantModel):
    """CST-5: an issuer or instrument of the restricted list, in force in [valid_from, valid_until)."""

    issuer = models.ForeignKey("market.Issuer", models.PROTECT, null=True, blank=True, related_name="+")
    instrument = models.ForeignKey("market.Instrument", models.PROTECT, null=True, blank=True, related_name="+")
    state = CodeField(RestrictionState)
    reason = models.CharField(max_length=200)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(issuer__isnull=False) ^ models.Q(instrument__isnull=False), name="restriction_names_one_thing"
            )
        ]
