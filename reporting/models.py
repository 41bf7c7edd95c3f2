"""Documents that investors receive, figures of accounts kept ready for the dashboard, and saved views of it.

Invariant: figures are a projection; `services.figures.refresh_figures` makes them anew from the books, and nothing is decided by them.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from base.fields import MoneyField, RateField
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


class AccountFigures(TenantModel):
    """What the dashboard shows of one account, worked out beforehand. None: it cannot be known, and `reason` says why (CON-5).

    equity, day_start (equity at the last reset with what came in since), margin_used, open_pnl_own, open_risk (RSK-8b): own currency; all other money: `currency_to`,
    at `rate`. points: equity of the last evenings, minor units of the own currency. unit, peak: RSK-9 up to `history_on`.
    attention: how loud its flags are, 0 none.
    strategy … account_group: the one label of each kind under which the account is counted, so that groups add up.
    """

    statement_checked = True

    account = TenantForeignKey("accounts.Account", related_name="+")
    code = models.CharField(max_length=40)
    name = models.CharField(max_length=160)
    strategy = models.CharField(max_length=200, blank=True)
    investor = models.CharField(max_length=200, blank=True)
    custodian = models.CharField(max_length=200, blank=True)
    account_class = models.CharField(max_length=32, blank=True)
    account_group = models.CharField(max_length=200, blank=True)
    currency = models.CharField(max_length=8)
    connection_id = models.UUIDField()
    custodian_id = models.UUIDField()
    currency_to = models.CharField(max_length=8)
    rate = RateField(null=True)
    rate_label = models.CharField(max_length=120, blank=True)
    rate_as_of = models.DateTimeField(null=True)
    equity = MoneyField(null=True)
    day_start = MoneyField(null=True)
    margin_used = MoneyField(null=True)
    equity_to = MoneyField(null=True)
    start_to = MoneyField(null=True)
    flow_to = MoneyField(null=True)
    day_pnl = MoneyField(null=True)
    day_rate = RateField(null=True)
    day_loss = MoneyField(null=True)
    loss_use = RateField(null=True)
    open_pnl = MoneyField(null=True)
    realised = MoneyField(null=True)
    gross = MoneyField(null=True)
    net = MoneyField(null=True)
    margin_rate = RateField(null=True)
    margin_reason = models.CharField(max_length=80, blank=True)
    open_pnl_own = MoneyField(null=True)
    open_risk = MoneyField(null=True)
    open_risk_to = MoneyField(null=True)
    risk_reason = models.CharField(max_length=80, blank=True)
    drawdown = RateField(null=True)
    positions = models.PositiveIntegerField(default=0)
    orders = models.PositiveIntegerField(default=0)
    fills = models.PositiveIntegerField(default=0)
    working = models.PositiveIntegerField(default=0)
    breaks = models.PositiveIntegerField(default=0)
    block = models.CharField(max_length=16, blank=True)
    block_reason = models.CharField(max_length=200, blank=True)
    authority = models.CharField(max_length=200, blank=True)
    is_short_of_cash = models.BooleanField(default=False)
    attention = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(max_length=120, blank=True)
    points = ArrayField(models.BigIntegerField(), default=list)
    unit = RateField(default=1)
    peak = RateField(default=1)
    history_on = models.DateField(null=True)
    priced_at = models.DateTimeField(null=True)
    computed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "account"], name="account_figures_once")]
        indexes = [
            models.Index(fields=["firm", "code"], name="figures_code"),
            models.Index(fields=["firm", "strategy", "code"], name="figures_strategy"),
            models.Index(fields=["firm", "investor", "code"], name="figures_investor"),
            models.Index(fields=["firm", "custodian", "code"], name="figures_custodian"),
            models.Index(fields=["firm", "account_class", "code"], name="figures_class"),
            models.Index(fields=["firm", "currency", "code"], name="figures_currency"),
            models.Index(fields=["firm", "account_group", "code"], name="figures_group"),
        ]


class FigureTotals(TenantModel):
    """Sums of AccountFigures of one group (kind, label), or of the firm (kind FIRM), in `currency`. Sums leave out what is not known.

    accounts: in the group; missing: of them without equity; unmeasured: without open risk. grown, before: equity now without what came in since the last evening, and then. curve: of the firm, (days, equity, drawdown) for the chart. sectors: of the
    firm, [name, long, short]. seen_at: of the firm, when somebody last looked.
    """

    kind = models.CharField(max_length=16)
    label = models.CharField(max_length=200, blank=True)
    currency = models.CharField(max_length=8)
    accounts = models.PositiveIntegerField(default=0)
    missing = models.PositiveIntegerField(default=0)
    equity_to = MoneyField(default=0)
    start_to = MoneyField(default=0)
    day_pnl = MoneyField(default=0)
    open_pnl = MoneyField(default=0)
    realised = MoneyField(default=0)
    gross = MoneyField(default=0)
    net = MoneyField(default=0)
    open_risk_to = MoneyField(default=0)
    unmeasured = models.PositiveIntegerField(default=0)
    grown = MoneyField(default=0)
    before = MoneyField(default=0)
    drawdown = RateField(null=True)
    positions = models.PositiveIntegerField(default=0)
    orders = models.PositiveIntegerField(default=0)
    fills = models.PositiveIntegerField(default=0)
    working = models.PositiveIntegerField(default=0)
    closed = models.PositiveIntegerField(default=0)
    unauthorised = models.PositiveIntegerField(default=0)
    stopped = models.PositiveIntegerField(default=0)
    points = ArrayField(models.BigIntegerField(), default=list)
    unit = RateField(default=1)
    peak = RateField(default=1)
    history_on = models.DateField(null=True)
    curve = models.JSONField(default=dict)
    sectors = models.JSONField(default=list)
    computed_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "kind", "label"], name="figure_totals_once")]


class SavedView(TenantModel):
    """A named filter of the dashboard. It is never a grant: whoever opens it sees of it what they may see (DESIGN §6)."""

    owner = models.ForeignKey("governance.User", models.PROTECT, related_name="+")
    name = models.CharField(max_length=60)
    filters = models.JSONField(default=dict)
    is_shared = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "owner", "name"], name="saved_view_name")]


class HomeLayout(TenantModel):
    """Which widgets a person's home page shows, in order: [{"name", "width"}] as `reporting.core.home` reads it."""

    user = models.ForeignKey("governance.User", models.CASCADE, related_name="+")
    widgets = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "user"], name="home_layout_once")]
