"""Executions, to read: they only grow (`governance.adminsite`)."""

from __future__ import annotations

from typing import Any

from governance.adminrows import exact
from governance.adminsite import HouseAdmin, site

from .models import Execution


class ExecutionAdmin(HouseAdmin):
    group, title, icon = "Record", "Executions", "receipt_long"
    list_display = ("executed_at", "of", "side", "quantity", "what", "price", "currency", "via", "broker_exec_id", "kind")
    list_filter = ("kind", "side")
    search_fields = ("=broker_exec_id", "=journey_id")
    list_select_related = ("account", "instrument", "connection")
    fields: Any = (
        "executed_at",
        "recorded_at",
        "of",
        "via",
        "kind",
        "side",
        "quantity",
        "what",
        "price",
        "charged",
        "currency",
        "trade_date",
    )
    fields += ("settle_date", "broker_exec_id", "revision", "journey_id")
    readonly_fields = ("of", "what", "via", "quantity", "price", "charged")
    ordering = ("-executed_at", "-id")
    quantity, price, charged = exact("last_qty"), exact("last_px"), exact("fee")

    def of(self, obj: Any) -> str:
        """Return the account."""
        return str(obj.account) if obj.account_id else obj.reported_account or "a block"

    def what(self, obj: Any) -> str:
        """Return the instrument."""
        return str(obj.instrument.symbol) if obj.instrument_id else str(obj.reported_symbol)

    def via(self, obj: Any) -> str:
        """Return the connection."""
        return str(obj.connection.code)

    def named(self, obj: Any) -> str:
        """Return the broker's id."""
        return str(obj.broker_exec_id)


site.register(Execution, ExecutionAdmin)
