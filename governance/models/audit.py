"""The audit trail: events, the queue of those not yet sealed, and the chain of seals (GOV-7, I10).

Writers only insert events; the database queues each for sealing in the same statement, so that the sealer need not search for what it
has not seen, whatever the order of commits. No writer ever waits for the sealer.
"""

from __future__ import annotations

from django.db import models

from base.fields import CodeField
from base.models import TenantModel
from base.tenancy.constraints import SqlConstraint

from ..enums import AuditAction, SubjectKind


class QueuedForSealing(SqlConstraint):
    """Every inserted event gets a row in the queue of the unsealed, in the same statement."""

    def up(self, model: type[models.Model]) -> list[str]:
        body = "INSERT INTO governance_auditpending (id, firm_id) SELECT id, firm_id FROM new_rows; RETURN NULL;"
        return [
            f"CREATE FUNCTION {self.name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$",
            f"CREATE TRIGGER {self.name} AFTER INSERT ON {model._meta.db_table} REFERENCING NEW TABLE AS new_rows "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {self.name}()",
        ]

    def down(self, model: type[models.Model]) -> list[str]:
        return [f"DROP FUNCTION {self.name}() CASCADE"]


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
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.TextField(blank=True)
    rule = models.CharField(max_length=32, blank=True)
    rule_version = models.CharField(max_length=16, blank=True)
    journey_id = models.UUIDField(null=True)
    source_ip = models.GenericIPAddressField(null=True)
    api_key = models.CharField(max_length=40, blank=True)
    approval_id = models.UUIDField(null=True)

    class Meta:
        constraints = [QueuedForSealing(name="governance_auditevent_queue")]
        indexes = [
            models.Index(fields=["firm", "journey_id"], name="audit_journey"),
            models.Index(fields=["firm", "subject_kind", "subject_id"], name="audit_subject"),
        ]


class AuditPending(TenantModel):
    """An event that is not sealed yet; its id is the event's. A hint for the sealer: what verification believes are events and seals."""

    statement_checked = True


class AuditSeal(TenantModel):
    """A link of the firm's chain: hash(previous ‖ event). Written by the sealer within a second of the event's commit.

    event_id refers to an event without a key: the sealer has just read it, and verification finds any that is not there.
    """

    statement_checked = True
    append_only = True

    sequence = models.BigIntegerField()
    event_id = models.UUIDField()
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)
    sealed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["firm", "sequence"], name="audit_seal_sequence"),
            models.UniqueConstraint(fields=["firm", "event_id"], name="audit_seal_event"),
        ]
