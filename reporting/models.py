"""Documents that investors receive."""

from __future__ import annotations

from django.db import models

from base.models import TenantForeignKey, TenantModel


class StatementDocument(TenantModel):
    """A monthly statement of one account (GOV-11) as it was sent: its figures, and the PDF's hash. A new version is a new row."""

    append_only = True

    account = TenantForeignKey("accounts.Account", related_name="+")
    period_start = models.DateField()
    period_end = models.DateField()
    version = models.PositiveIntegerField(default=1)
    figures = models.JSONField()
    pdf = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "account", "period_start", "version"], name="statement_document_once")]


class HomeLayout(TenantModel):
    """Which widgets a person's home page shows, in order: [{"name", "width"}] as `reporting.core.home` reads it."""

    user = models.ForeignKey("governance.User", models.CASCADE, related_name="+")
    widgets = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "user"], name="home_layout_once")]
