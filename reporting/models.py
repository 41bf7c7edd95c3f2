"""Documents that investors receive, figures of accounts kept ready for the dashboard, and saved views of it.

Invariant: figures are a projection; `services.figures.refresh_figures` makes them anew from the books, and nothing is decided by them.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

from base.fields import MoneyField, RateField
from base.models import TenantForeignKey, TenantModel
from base.tenancy.constraints import SqlConstraint


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


class AccountMarks(SqlConstraint):
    """Note which accounts' rows in other tables change, in the very transaction that changes them: what is committed is marked.

    statements: table → (the column that names the account, the events): one mark a statement, however many rows. ends: table → its state column and the
    states that end it: a mark where a row comes to its end, or back from it. parts: the table of `ends` whose blocks stand for other accounts: those of
    the block's connection that its statement gives a quantity are marked too, where a block is made, ends or comes back.
    """

    def __init__(
        self, *, name: str, statements: dict[str, tuple[str, str]], ends: dict[str, tuple[str, list[str]]], parts: str = ""
    ) -> None:
        super().__init__(name=name)
        self.statements, self.ends, self.parts = statements, ends, parts

    def up(self, model: type[models.Model]) -> list[str]:
        into = f"INSERT INTO {model._meta.db_table} (id, firm_id, account_ids) SELECT gen_random_uuid(), "
        made = []
        for column in sorted({column for column, _ in self.statements.values()}):
            made.append(
                f"CREATE FUNCTION {self.name}_{column}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {into} firm_id, array_agg({column}) "
                f"FROM changed WHERE {column} IS NOT NULL GROUP BY firm_id; RETURN NULL; END $$"
            )
        made.append(
            f"CREATE FUNCTION {self.name}_end() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {into} NEW.firm_id, ARRAY[NEW.account_id]; "
            "RETURN NULL; END $$"
        )
        for table, (column, events) in self.statements.items():
            made += [
                f"CREATE TRIGGER {self.name}_{event.lower()} AFTER {event} ON {table} "
                f"REFERENCING {'OLD' if event == 'DELETE' else 'NEW'} TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION {self.name}_{column}()"
                for event in events.split()
            ]
        for table, (column, states) in self.ends.items():
            ended = " IN (" + ", ".join(f"'{state}'" for state in states) + ")"
            made.append(
                f"CREATE TRIGGER {self.name}_end AFTER UPDATE ON {table} FOR EACH ROW "
                f"WHEN ((OLD.{column}{ended}) IS DISTINCT FROM (NEW.{column}{ended})) EXECUTE FUNCTION {self.name}_end()"
            )
            if table == self.parts:
                made += self._of_parts(table, f"(OLD.{column}{ended}) IS DISTINCT FROM (NEW.{column}{ended})", into)
        return made

    def _of_parts(self, table: str, has_ended: str, into: str) -> list[str]:
        """Mark who has a part in blocks. The lines are looked up for each block: there are few, and lines are many."""
        behind = (
            "CROSS JOIN LATERAL (SELECT array_agg(l.account_id) AS ids FROM execution_parentorder p "
            "JOIN allocation_allocationline l ON l.statement_id = p.statement_id AND l.quantity <> 0 "
            "JOIN accounts_account a ON a.id = l.account_id AND a.connection_id = o.connection_id WHERE p.id = o.parent_id) b "
            "WHERE b.ids IS NOT NULL"
        )
        head = "() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        return [
            f"CREATE FUNCTION {self.name}_parts{head} IF EXISTS (SELECT FROM changed WHERE is_block) THEN {into} o.firm_id, b.ids "
            f"FROM changed o {behind} AND o.is_block; END IF; RETURN NULL; END $$",
            f"CREATE TRIGGER {self.name}_parts AFTER INSERT ON {table} REFERENCING NEW TABLE AS changed FOR EACH STATEMENT "
            f"EXECUTE FUNCTION {self.name}_parts()",
            f"CREATE FUNCTION {self.name}_part_end{head} {into} NEW.firm_id, b.ids "
            f"FROM (SELECT NEW.parent_id AS parent_id, NEW.connection_id AS connection_id) o {behind}; RETURN NULL; END $$",
            f"CREATE TRIGGER {self.name}_part_end AFTER UPDATE ON {table} FOR EACH ROW WHEN (NEW.is_block AND ({has_ended})) "
            f"EXECUTE FUNCTION {self.name}_part_end()",
        ]

    def down(self, model: type[models.Model]) -> list[str]:
        columns = sorted({column for column, _ in self.statements.values()})
        return [
            f"DROP FUNCTION {self.name}_{which}() CASCADE" for which in (*columns, "end", *(("parts", "part_end") if self.parts else ()))
        ]

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, "statements": self.statements, "ends": self.ends, **({"parts": self.parts} if self.parts else {})}


class FigureMark(TenantModel):
    """Accounts whose figures are to be worked out anew. Whoever does so takes the marks away in the same transaction.

    Cash, positions and lots change with the ledger alone, so its entries stand for them.
    """

    statement_checked = True

    account_ids = ArrayField(models.UUIDField())

    class Meta:
        constraints = [
            AccountMarks(
                name="figure_marks",
                statements={
                    "accounts_account": ("id", "INSERT UPDATE"),
                    "accounts_accountgroupmember": ("account_id", "INSERT UPDATE DELETE"),
                    "accounts_equitysnapshot": ("account_id", "INSERT UPDATE"),
                    "accounts_ledgerentry": ("account_id", "INSERT"),
                    "accounts_reservation": ("account_id", "INSERT UPDATE"),
                    "accounts_tradingblock": ("account_id", "INSERT UPDATE DELETE"),
                    "allocation_strategyaccount": ("account_id", "INSERT UPDATE DELETE"),
                    "execution_childorder": ("account_id", "INSERT"),
                    "execution_execution": ("account_id", "INSERT"),
                    "execution_protectivelevel": ("account_id", "INSERT UPDATE"),
                    "execution_share": ("account_id", "INSERT"),
                    "reconciliation_break": ("account_id", "INSERT UPDATE"),
                },
                ends={"execution_childorder": ("state", ["FILLED", "REJECTED", "DENIED", "CANCELED", "EXPIRED"])},
                parts="execution_childorder",
            )
        ]


class FigureSources(TenantModel):
    """What a firm's figures were last made of, besides its own rows: by it is seen which prices and rates have moved since.

    worked_at, whole_at: when figures, and when all of them, were last worked out; without whole_at all are due. day: the firm's day they belong to.
    prices: of `instruments`, digests of price and source. rates: "EUR>USD|paper" → the rate. currencies, bases: what may need converting, into what.
    """

    worked_at = models.DateTimeField()
    whole_at = models.DateTimeField(null=True)
    day = models.CharField(max_length=40)
    instruments = ArrayField(models.BigIntegerField(), default=list)
    prices = ArrayField(models.BigIntegerField(), default=list)
    rates = models.JSONField(default=dict)
    currencies = ArrayField(models.CharField(max_length=8), default=list)
    bases = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm"], name="figure_sources_once")]


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
