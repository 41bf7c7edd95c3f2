"""The ledger, to read: it only grows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from governance.adminrows import RowsToRead, exact
from governance.adminsite import HouseAdmin

from ..models import LedgerEntry


class EntryInline(RowsToRead):
    model = LedgerEntry
    fields: Any = ("of", "book", "what", "entered")
    readonly_fields = fields
    entered = exact("amount")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the entries with their names."""
        return super().get_queryset(request).select_related("account", "instrument").order_by("id")

    def of(self, obj: Any) -> str:
        """Return the account."""
        return str(obj.account)

    def what(self, obj: Any) -> str:
        """Return currency or instrument."""
        return str(obj.instrument.symbol if obj.instrument_id else obj.currency)


class LedgerTransactionAdmin(HouseAdmin):
    group, title, icon = "Record", "Ledger", "menu_book"
    list_display = ("recorded_at", "entry_type", "trade_date", "settle_date", "source_key", "reason")
    list_filter = ("entry_type",)
    search_fields = ("source_key",)
    fields: Any = (
        "entry_type",
        "trade_date",
        "settle_date",
        "acquired_on",
        "journey_id",
        "source_key",
        "adjustment_kind",
        "reason",
        "evidence",
    )
    fields += ("approved_by", "recorded_at")
    ordering = ("-recorded_at", "-id")
    inlines = (EntryInline,)

    def named(self, obj: Any) -> str:
        """Return its kind and day."""
        return f"{obj.entry_type} {obj.trade_date}"
