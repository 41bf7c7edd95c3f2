"""What stops trading and who must know: kill switch, four-eyes approvals, alerts (GOV-4, GOV-10, RSK-10)."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from base.fields import CodeField
from base.models import TenantModel

from ..enums import AlertTier, ApprovalAction, ApprovalState, KillScope, KillState, Role, SubjectKind
from .people import User


class KillSwitch(TenantModel):
    """GOV-10: one trip of a switch. It stops until two people have re-armed it; each trip is a row of its own.

    Checked by statement, not by keys: tripping must take no lock on any row that somebody else may hold.
    """

    statement_checked = True

    scope = CodeField(KillScope)
    subject_id = models.CharField(max_length=40, blank=True)
    state = CodeField(KillState)
    reason = models.CharField(max_length=200)
    tripped_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    tripped_at = models.DateTimeField()
    rearm_approval_id = models.UUIDField(null=True, blank=True)
    rearm_requested_by_id = models.BigIntegerField(null=True, blank=True)
    rearm_requested_at = models.DateTimeField(null=True, blank=True)
    flatten_confirmed_by_id = models.BigIntegerField(null=True, blank=True)
    flatten_confirmed_at = models.DateTimeField(null=True, blank=True)
    rearmed_by_id = models.BigIntegerField(null=True, blank=True)
    rearmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "kill switches"
        constraints = [
            models.CheckConstraint(
                condition=(models.Q(scope=KillScope.FIRM) & models.Q(subject_id=""))
                | (~models.Q(scope=KillScope.FIRM) & ~models.Q(subject_id="")),
                name="kill_switch_subject",
            ),
            models.CheckConstraint(
                condition=(models.Q(state=KillState.ARMED) & models.Q(rearmed_at__isnull=False))
                | (~models.Q(state=KillState.ARMED) & models.Q(rearmed_at__isnull=True)),
                name="kill_switch_armed_by_two",
            ),
        ]
        indexes = [models.Index(fields=["firm", "scope", "subject_id"], name="kill_switch_on", condition=models.Q(rearmed_at__isnull=True))]


class Approval(TenantModel):
    """GOV-4: four eyes on one content, named by its hash; single use, short-lived."""

    action = CodeField(vocabulary=ApprovalAction)
    subject_kind = CodeField(SubjectKind)
    subject_id = models.CharField(max_length=64)
    content_hash = models.CharField(max_length=64)
    rules = ArrayField(models.CharField(max_length=32), default=list, blank=True)
    reason = models.CharField(max_length=400)
    state = CodeField(ApprovalState)
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_reason = models.CharField(max_length=400, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(decided_by__isnull=True) | ~models.Q(decided_by=models.F("requested_by")), name="approval_four_eyes"
            )
        ]


class Alert(TenantModel):
    """RSK-10: something some roles must know. One open alert per key; a Critical one needs a name and a time."""

    tier = CodeField(AlertTier)
    audience = ArrayField(CodeField(Role))
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
    escalated_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["firm", "dedupe_key"], condition=models.Q(ended_at__isnull=True), name="alert_once_while_open")
        ]
        indexes = [
            models.Index(fields=["firm", "raised_at"], name="alert_unanswered", condition=models.Q(tier="CRITICAL", acknowledged_at=None)),
            models.Index(fields=["firm", "rule", "subject_id"], name="alert_of"),
        ]
