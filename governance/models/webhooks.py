"""Who may send signed signals, and which messages were taken (S7)."""

from __future__ import annotations

from django.db import models

from base.models import TenantModel

from .people import User


class WebhookKey(TenantModel):
    """A source that may send signed signals. Its secret is derived from the installation's key and shown once; no copy is stored.

    is_accepted: the person its signals act as made it, or has agreed to it; until then nothing signed with it is taken.
    """

    source = models.CharField(max_length=64)
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    is_accepted = models.BooleanField(default=True)

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
