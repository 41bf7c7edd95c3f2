"""The double-entry ledger: what happened, for ever (I6, I10)."""

from __future__ import annotations

from django.db import models

from base.fields import CodeField, ExactField
from base.models import TenantForeignKey, TenantModel
from base.tenancy.constraints import SqlConstraint

from ..enums import TRADING_ENTRIES, AdjustmentKind, Book, EntryType


class BalancedEntries(SqlConstraint):
    """The entries of a transaction arrive in one INSERT and sum to zero per currency and per instrument."""

    def up(self, model: type[models.Model]) -> list[str]:
        table = model._meta.db_table
        return [
            f"CREATE FUNCTION {self.name}() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE t uuid; BEGIN "
            "SELECT transaction_id INTO t FROM new_rows GROUP BY transaction_id, currency, instrument_id HAVING sum(amount) <> 0 LIMIT 1; "
            "IF t IS NOT NULL THEN RAISE check_violation USING MESSAGE = "
            "format('ledger transaction %s does not sum to zero per currency and instrument', t); END IF; RETURN NULL; END $$",
            f"CREATE TRIGGER {self.name} AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {self.name}()",
        ]

    def down(self, model: type[models.Model]) -> list[str]:
        return [f"DROP FUNCTION {self.name}() CASCADE"]


class LedgerTransaction(TenantModel):
    """The head of a transaction. `source_key` names what it books, so that nothing is booked twice (I3).

    acquired_on: the date that lots opened by it bring along. The order of ids is the order of the ledger. An adjustment states its kind,
    reason, evidence and who approved it (REC-7).
    """

    statement_checked = True
    append_only = True

    entry_type = CodeField(EntryType)
    trade_date = models.DateField()
    settle_date = models.DateField()
    acquired_on = models.DateField()
    journey_id = models.UUIDField(null=True)
    source_key = models.CharField(max_length=120)
    reverses = TenantForeignKey("self", null=True, related_name="+")
    adjustment_kind = CodeField(AdjustmentKind, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    evidence = models.CharField(max_length=200, blank=True)
    approved_by = models.CharField(max_length=64, blank=True)
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["firm", "source_key"], name="ledger_source_once"),
            models.UniqueConstraint(fields=["firm", "reverses"], condition=models.Q(reverses__isnull=False), name="ledger_reversed_once"),
        ]
        indexes = [
            models.Index(fields=["firm", "journey_id"], name="ledger_journey"),
            models.Index(fields=["firm", "trade_date"], name="ledger_trade_date"),
            models.Index(fields=["firm", "trade_date"], name="ledger_flow_date", condition=~models.Q(entry_type__in=TRADING_ENTRIES)),
        ]


class LedgerEntry(TenantModel):
    """One posting: an amount of a currency, or a quantity of an instrument, in one book of one account; only positions must name a sleeve."""

    statement_checked = True
    append_only = True

    transaction = TenantForeignKey(LedgerTransaction, related_name="entries")
    account = TenantForeignKey("accounts.Account", related_name="+")
    sleeve = TenantForeignKey("accounts.Sleeve", null=True, related_name="+")
    leg_id = models.UUIDField(null=True)
    book = CodeField(Book)
    currency = models.CharField(max_length=8, blank=True)
    instrument = models.ForeignKey("market.Instrument", models.PROTECT, null=True, related_name="+")
    amount = ExactField()
    settle_date = models.DateField()

    class Meta:
        constraints = [
            BalancedEntries(name="accounts_ledgerentry_balance"),
            models.CheckConstraint(
                condition=models.Q(instrument__isnull=True) ^ models.Q(currency=""), name="ledger_entry_counts_one_unit"
            ),
            models.CheckConstraint(
                condition=~models.Q(book="POSITION") | models.Q(sleeve__isnull=False, instrument__isnull=False),
                name="ledger_position_in_a_sleeve",
            ),
        ]
        indexes = [
            models.Index(fields=["firm", "account", "book"], name="ledger_entry_account"),
            models.Index(fields=["firm", "transaction", "account"], name="ledger_entry_of"),
        ]
