"""Projections of the ledger (positions, cash, lots), and what is held against them (reservations, blocks)."""

from __future__ import annotations

from django.db import models

from base.fields import CodeField, MoneyField, PriceField, QuantityField
from base.models import TenantForeignKey, TenantModel

from ..enums import BlockMode, OrderSide


class Position(TenantModel):
    """Quantity held: Σ of the ledger's POSITION entries of this account, sleeve, instrument and leg.

    last_traded_on: the latest trade date among them; what comes in for an earlier one makes the lots be worked out anew.
    """

    statement_checked = True

    account = TenantForeignKey("accounts.Account", related_name="positions")
    sleeve = TenantForeignKey("accounts.Sleeve", related_name="+")
    instrument = models.ForeignKey("market.Instrument", models.PROTECT, related_name="+")
    leg_id = models.UUIDField(null=True)
    quantity = QuantityField()
    last_traded_on = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["firm", "account", "sleeve", "instrument", "leg_id"], name="position_once", nulls_distinct=False
            )
        ]
        indexes = [models.Index(fields=["firm", "instrument"], name="position_instrument")]


class CashBalance(TenantModel):
    """Cash by settlement date: trade-date cash is the sum of all rows, settled cash of those whose date has come (ACC-4, ACC-5).

    outflow: what of `amount` went out, ≥ 0, so that an unsettled sale never hides an unsettled buy. receivable: accrued for that date and
    not paid, negative when owed (ACC-3).
    """

    statement_checked = True

    account = TenantForeignKey("accounts.Account", related_name="cash_balances")
    currency = models.CharField(max_length=8)
    settle_date = models.DateField()
    amount = MoneyField()
    outflow = MoneyField(default=0)
    receivable = MoneyField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "account", "currency", "settle_date"], name="cash_balance_once")]


class TaxLot(TenantModel):
    """An open or closed lot (TAX-1…3), one for each transaction and position; a negative quantity is a short lot. `basis` is what remains."""

    statement_checked = True

    account = TenantForeignKey("accounts.Account", related_name="lots")
    sleeve = TenantForeignKey("accounts.Sleeve", related_name="+")
    instrument = models.ForeignKey("market.Instrument", models.PROTECT, related_name="+")
    leg_id = models.UUIDField(null=True)
    transaction = TenantForeignKey("accounts.LedgerTransaction", related_name="+")
    acquired_on = models.DateField()
    original_quantity = QuantityField()
    quantity = QuantityField()
    currency = models.CharField(max_length=8)
    basis = MoneyField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["firm", "transaction", "account", "sleeve", "instrument", "leg_id"], name="lot_once", nulls_distinct=False
            )
        ]
        indexes = [
            models.Index(fields=["firm", "account", "instrument"], name="lot_open", condition=~models.Q(quantity=0)),
        ]


class LotClosure(TenantModel):
    """What a sale (or cover) took from one lot. `recognised_on` is the tax date: of a short sale's loss the delivery (TAX-2)."""

    statement_checked = True

    lot = TenantForeignKey(TaxLot, related_name="closures")
    transaction = TenantForeignKey("accounts.LedgerTransaction", related_name="+")
    account = TenantForeignKey("accounts.Account", related_name="+")
    closed_on = models.DateField()
    recognised_on = models.DateField()
    quantity = QuantityField()
    proceeds = MoneyField()
    basis = MoneyField()
    is_long_term = models.BooleanField()

    class Meta:
        indexes = [models.Index(fields=["firm", "account", "closed_on"], name="lot_closure_account")]


class EquitySnapshot(TenantModel):
    """An account's equity at the end of a day, in its base currency (ACC-3); the source of performance.

    valued_at: by the books as they were then; what is booked for the day afterwards is in the next one. Unknown for old rows.
    """

    statement_checked = True

    account = TenantForeignKey("accounts.Account", related_name="equity_snapshots")
    as_of = models.DateField()
    valued_at = models.DateTimeField(null=True)
    cash = MoneyField()
    market_value = MoneyField()
    equity = MoneyField()
    external_flow = MoneyField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "account", "as_of"], name="equity_snapshot_once")]


class Reservation(TenantModel):
    """Cash and quantity that a live order may still use; all that accounts, risk and allocation know of orders.

    quantity and cash are what is left of the original ones after `filled_qty`; a released row holds nothing, whatever it says.
    """

    statement_checked = True

    account = TenantForeignKey("accounts.Account", related_name="reservations")
    sleeve = TenantForeignKey("accounts.Sleeve", related_name="+")
    instrument = models.ForeignKey("market.Instrument", models.PROTECT, related_name="+")
    side = CodeField(OrderSide)
    order_id = models.UUIDField()
    original_quantity = QuantityField()
    filled_qty = QuantityField(default=0)
    quantity = QuantityField()
    cash_currency = models.CharField(max_length=8)
    original_cash = MoneyField()
    cash = MoneyField()
    limit_price = PriceField(null=True)
    created_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["firm", "order_id", "account"], name="reservation_once"),
            models.CheckConstraint(
                condition=models.Q(quantity__gte=0, cash__gte=0, filled_qty__gte=0, original_quantity__gt=0),
                name="reservation_not_negative",
            ),
        ]
        indexes = [models.Index(fields=["firm", "account", "instrument"], name="reservation_live", condition=models.Q(released_at=None))]


class TradingBlock(TenantModel):
    """An account or an instrument that is closed, or may only reduce; written by reconciliation, read by the gates (REC-6)."""

    account = TenantForeignKey("accounts.Account", null=True, blank=True, related_name="blocks")
    instrument = models.ForeignKey("market.Instrument", models.PROTECT, null=True, blank=True, related_name="+")
    mode = CodeField(BlockMode)
    rule = models.CharField(max_length=32)
    reason = models.CharField(max_length=400)
    source_id = models.UUIDField(null=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(account__isnull=False) | models.Q(instrument__isnull=False), name="trading_block_names_something"
            )
        ]
        indexes = [models.Index(fields=["firm", "account"], name="trading_block_on", condition=models.Q(ends_at=None))]
