"""The recorded right to trade for somebody else, and what else must be on file (GOV-1..3, ACC-1)."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from base.fields import CodeField, MoneyField
from base.models import TenantForeignKey, TenantModel

from ..enums import AccountGate, AuthorityKind, SubjectKind
from .mandates import Mandate
from .people import Party


class Authority(TenantModel):
    """GOV-1: a power of attorney, limited power, or investment management agreement over some accounts.

    begins_at: the first instant it holds, worked out by the core whenever it is recorded or signed; empty = not valid (yet).
    """

    code = models.CharField(max_length=40)
    kind = CodeField(AuthorityKind)
    grantor = TenantForeignKey(Party, related_name="+")
    grantee = TenantForeignKey(Party, related_name="+")
    powers = ArrayField(models.CharField(max_length=32), default=list)
    instrument_kinds = ArrayField(models.CharField(max_length=32), default=list, blank=True)
    symbols_allowed = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    symbols_denied = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    order_notional_limit = MoneyField(null=True, blank=True)
    limit_currency = models.CharField(max_length=8, blank=True)
    fee_schedule = models.CharField(max_length=40, blank=True)
    mandate = TenantForeignKey(Mandate, null=True, blank=True, related_name="+")
    aggregation_consent = models.BooleanField(default=False)
    effective_from = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    begins_at = models.DateTimeField(null=True, blank=True)
    required_signers = ArrayField(models.CharField(max_length=40), default=list)
    clauses = models.JSONField(default=dict, blank=True)
    document_sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name_plural = "authorities"
        constraints = [
            models.UniqueConstraint(fields=["firm", "code"], name="authority_code"),
            models.CheckConstraint(
                condition=models.Q(expires_at__isnull=True) | models.Q(expires_at__gt=models.F("effective_from")),
                name="authority_ends_after_it_begins",
            ),
            models.CheckConstraint(
                condition=models.Q(order_notional_limit__isnull=True)
                | (models.Q(order_notional_limit__gte=0) & ~models.Q(limit_currency="")),
                name="authority_limit_has_a_currency",
            ),
        ]


class AuthoritySignature(TenantModel):
    """Who signed an authority, and when."""

    authority = TenantForeignKey(Authority, related_name="signatures")
    party = TenantForeignKey(Party, related_name="+")
    signed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "authority", "party"], name="authority_signed_once")]


class AuthoritySubject(TenantModel):
    """What an authority covers: an account, by (kind, id)."""

    authority = TenantForeignKey(Authority, related_name="subjects")
    subject_kind = CodeField(SubjectKind)
    subject_id = models.UUIDField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "authority", "subject_kind", "subject_id"], name="authority_subject_once")]
        indexes = [models.Index(fields=["firm", "subject_kind", "subject_id"], name="authority_subject_of")]


class ClientInstruction(TenantModel):
    """GOV-3: a recorded instruction of the client to close positions after the authority ended; no symbol = every position."""

    account_id = models.UUIDField()
    symbol = models.CharField(max_length=64, blank=True)
    received_at = models.DateTimeField()
    valid_until = models.DateTimeField()
    document_sha256 = models.CharField(max_length=64)

    class Meta:
        indexes = [models.Index(fields=["firm", "account_id", "valid_until"], name="client_instruction_of")]


class GateRecord(TenantModel):
    """ACC-1: a class gate that a subject has passed (owner confirmed, resolution, signer, fee schedule, …), with its evidence."""

    subject_kind = CodeField(SubjectKind)
    subject_id = models.UUIDField()
    gate = CodeField(AccountGate)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)
    evidence = models.CharField(max_length=200)

    class Meta:
        indexes = [models.Index(fields=["firm", "subject_kind", "subject_id"], name="gate_record_of")]
