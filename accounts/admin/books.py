"""The ledger, to read: it only grows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from unfold.admin import TabularInline

from governance.adminsite import HouseAdmin

from ..models import LedgerEntry


class EntryInline(TabularInline):
    model = LedgerEntry
    extra = 0
    can_delete = False
    fields: Any = ("of", "book", "what", "amount")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the entries with their names."""
        return super().get_queryset(request).select_related("account", "instrument").order_by("id")

    def of(self, obj: Any) -> str:
        """Return the account."""
        return str(obj.account)

    def what(self, obj: Any) -> str:
        """Return currency or instrument."""
        return str(obj.instrument.symbol if obj.instrument_id else obj.currency)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the request came through the door."""
        return hasattr(request, "visit")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False


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
