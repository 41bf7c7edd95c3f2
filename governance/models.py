"""Firms, people, authority, and the record of what was done.

Invariants: audit events and their seals only grow (I10); a person's role counts only through an active membership; nothing here knows
accounts or orders: subjects are named as (kind, id).
"""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower, Now
from knox.models import AbstractAuthToken

from base.fields import CodeField, MoneyField, RateField
from base.models import TenantForeignKey, TenantModel

from .enums import (
    AlertTier,
    ApprovalAction,
    ApprovalState,
    AuditAction,
    AuthorityKind,
    KillScope,
    KillState,
    MandateRuleKind,
    RestrictionState,
    Role,
    SubjectKind,
)


class Firm(models.Model):
    """A tenant. Global, so it tells no more than its name."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=120, unique=True)

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **extra: object) -> User:
        """Create a person who signs in with `email`; without a password nobody can sign in as them."""
        user = self.model(email=self.normalize_email(email).lower(), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, email: str | None) -> User:
        return self.get(email__iexact=email)


class User(AbstractBaseUser):  # type: ignore[django-manager-missing]  # knox makes its own manager of tokens
    """A person, who may belong to several firms. There is no superuser: what one may do comes from memberships and grants."""

    id = models.BigAutoField(primary_key=True)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)

    is_superuser = False
    is_staff = False
    objects = UserManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_any_case")]

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Return False: rights come from roles and direct object grants, see `governance.queries` and `accounts.queries`."""
        return False

    def has_module_perms(self, app_label: str) -> bool:
        return False


class Membership(TenantModel):
    """A person's role in a firm. People see their own memberships everywhere, to choose a firm after sign-in."""

    own_rows_visible = True

    user = models.ForeignKey(User, models.PROTECT, related_name="memberships")
    role = CodeField(Role)
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "user", "role"], name="membership_once")]


class ApiToken(AbstractAuthToken):
    """A program's key (stored hashed). It acts as its user in one firm only. Global: it is read before any firm is known."""

    firm = models.ForeignKey(Firm, models.PROTECT, related_name="+")
    label = models.CharField(max_length=80)


class FirmSettings(TenantModel):
    """What a firm chose for all its accounts."""

    reporting_currency = models.CharField(max_length=8, default="USD")
    cash_buffer_rate = RateField(default="0.005")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm"], name="firm_settings_once")]


class Party(TenantModel):
    """A person or legal entity: owner, grantor, manager, custodian's contact."""

    code = models.CharField(max_length=40)
    name = models.CharField(max_length=160)
    is_entity = models.BooleanField(default=False)
    statement_address = models.TextField(blank=True)
    user = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "code"], name="party_code")]


class Mandate(TenantModel):
    """What an owner allows, effective-dated; each rule carries the clause it comes from."""

    code = models.CharField(max_length=40)
    name = models.CharField(max_length=160)
    valid_from = models.DateField()
    valid_until = models.DateField(null=True, blank=True)
    document_sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "code", "valid_from"], name="mandate_code_from")]


class MandateRule(TenantModel):
    """One rule of a mandate: a rate for caps and leverage, words for kinds, sectors, issuers and instruments."""

    mandate = TenantForeignKey(Mandate, related_name="rules")
    kind = CodeField(MandateRuleKind)
    rate = RateField(null=True, blank=True)
    words = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    clause = models.CharField(max_length=200)


class Authority(TenantModel):
    """GOV-1: a power of attorney, limited power, or investment management agreement over some accounts."""

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
    aggregation_consent = models.BooleanField(default=False)
    valid_from = models.DateField()
    valid_until = models.DateField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    signed_on = models.DateField(null=True, blank=True)
    signed_by = models.CharField(max_length=160, blank=True)
    document_sha256 = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "code"], name="authority_code")]


class AuthoritySubject(TenantModel):
    """What an authority covers: an account, by (kind, id)."""

    authority = TenantForeignKey(Authority, related_name="subjects")
    subject_kind = CodeField(SubjectKind)
    subject_id = models.UUIDField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "authority", "subject_kind", "subject_id"], name="authority_subject_once")]
        indexes = [models.Index(fields=["firm", "subject_kind", "subject_id"], name="authority_subject_of")]


class GateRecord(TenantModel):
    """ACC-1: a class gate that a subject has passed (owner confirmed, resolution, signer, fee schedule, …), with its evidence."""

    subject_kind = CodeField(SubjectKind)
    subject_id = models.UUIDField()
    gate = models.CharField(max_length=32)
    valid_from = models.DateField()
    valid_until = models.DateField(null=True, blank=True)
    evidence = models.CharField(max_length=200)

    class Meta:
        indexes = [models.Index(fields=["firm", "subject_kind", "subject_id"], name="gate_record_of")]


class Restriction(TenantModel):
    """CST-5: an issuer or instrument of the restricted list."""

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


class KillSwitch(TenantModel):
    """GOV-10: one trip of the switch. It stays on until two people have re-armed it."""

    scope = CodeField(KillScope)
    subject_id = models.CharField(max_length=40, blank=True)
    state = CodeField(KillState)
    reason = models.CharField(max_length=200)
    tripped_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    tripped_at = models.DateTimeField()
    rearm_approval = TenantForeignKey("governance.Approval", null=True, blank=True, related_name="+")
    rearmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["firm", "scope", "subject_id"], name="kill_switch_on", condition=models.Q(rearmed_at__isnull=True))]


class Approval(TenantModel):
    """GOV-4: four eyes on one content, named by its hash; single use, short-lived."""

    action = CodeField(vocabulary=ApprovalAction)
    subject_kind = CodeField(SubjectKind)
    subject_id = models.CharField(max_length=40)
    content_hash = models.CharField(max_length=64)
    reason = models.CharField(max_length=400)
    state = CodeField(ApprovalState)
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(decided_by__isnull=True) | ~models.Q(decided_by=models.F("requested_by")), name="approval_four_eyes"
            )
        ]


class AuditEvent(TenantModel):
    """GOV-7: who did what, when, from where, why, under which rule, before and after."""

    statement_checked = True
    append_only = True

    recorded_at = models.DateTimeField()
    actor_id = models.BigIntegerField(null=True)
    actor_role = models.CharField(max_length=32, blank=True)
    action = CodeField(AuditAction)
    subject_kind = CodeField(SubjectKind)
    subject_id = models.CharField(max_length=40)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    reason = models.CharField(max_length=400, blank=True)
    rule = models.CharField(max_length=32, blank=True)
    rule_version = models.CharField(max_length=16, blank=True)
    journey_id = models.UUIDField(null=True)
    source_ip = models.GenericIPAddressField(null=True)
    api_key = models.CharField(max_length=32, blank=True)
    approval_id = models.UUIDField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["firm", "journey_id"], name="audit_journey"),
            models.Index(fields=["firm", "subject_kind", "subject_id"], name="audit_subject"),
        ]


class AuditSeal(TenantModel):
    """A link of the firm's chain: hash(previous ‖ event). Written by the sealer within a second of the event's commit."""

    statement_checked = True
    append_only = True

    sequence = models.BigIntegerField()
    event = TenantForeignKey(AuditEvent, related_name="+")
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)
    sealed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["firm", "sequence"], name="audit_seal_sequence"),
            models.UniqueConstraint(fields=["firm", "event"], name="audit_seal_event"),
        ]


class Alert(TenantModel):
    """RSK-10: something a role must know. De-duplicated by (rule, subject); a Critical one needs a name and a time."""

    tier = CodeField(AlertTier)
    audience = CodeField(Role)
    rule = models.CharField(max_length=32)
    subject_kind = CodeField(SubjectKind)
    subject_id = models.CharField(max_length=40)
    dedupe_key = models.CharField(max_length=160)
    message = models.CharField(max_length=400)
    journey_id = models.UUIDField(null=True, blank=True)
    raised_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    occurrences = models.PositiveIntegerField(default=1)
    acknowledged_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["firm", "dedupe_key"], condition=models.Q(ended_at__isnull=True), name="alert_once_while_open")
        ]


class WebhookKey(TenantModel):
    """A source that may send signed signals. Its secret is derived from the installation's key and shown once; no copy is stored."""

    source = models.CharField(max_length=64)
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["firm", "source"], name="webhook_key_source")]


class ReceivedMessage(TenantModel):
    """S7: a webhook message is taken once, by (source, message id)."""

    append_only = True

    source = models.CharField(max_length=64)
    message_id = models.CharField(max_length=128)
    received_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "source", "message_id"], name="received_message_once")]
