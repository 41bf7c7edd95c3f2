"""What the firm chose for all its accounts, and what is fixed for everybody, with the reason."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.html import format_html

from .. import services
from ..adminforms import ActForm, figure
from ..adminsite import Act, HouseAdmin
from ..core.approvals import APPROVAL_LIFETIME
from ..core.subjects import Actor
from ..models import FirmSettings
from ..web import Visit


class Settings(ActForm):
    cash_buffer_rate = figure(
        FirmSettings,
        "cash_buffer_rate",
        label="Cash buffer",
        help_text="Of every account's equity, never spent: 0.005 is 0.5%. From 0 to 0.25, from the next sizing on.",
    )
    reason = forms.CharField(max_length=200, help_text="Stands in the audit trail.")

    def prepare(self) -> None:
        """Start from what stands."""
        self.initial = {"cash_buffer_rate": f"{self.obj.cash_buffer_rate.normalize():f}"}


def change(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Change what may be changed."""
    services.change_firm_settings(actor=actor, now=visit.now, **data)
    return "The settings are changed."


def _why(value: object, reason: str) -> Any:
    return format_html('{}<small class="why">{}</small>', value, reason)


class FirmSettingsAdmin(HouseAdmin):
    group, title, icon = "Control", "Firm settings", "settings"
    list_display = ("firm_name", "currency", "buffer")
    list_select_related = ("firm",)
    fields: Any = ("cash_buffer", "reporting", "name_of_the_firm", "time", "second_factor", "four_eyes", "sessions")
    readonly_fields = fields
    acts = (Act("change", "Change", change, Settings, fresh=True),)

    def named(self, obj: Any) -> str:
        """Return what it is."""
        return "of the whole firm"

    def firm_name(self, obj: Any) -> str:
        """Return the firm's name."""
        return str(obj.firm.name)

    def currency(self, obj: Any) -> str:
        """Return the reporting currency."""
        return str(obj.reporting_currency)

    def buffer(self, obj: Any) -> str:
        """Return the buffer as a share."""
        return f"{(obj.cash_buffer_rate * 100).normalize():f}%"

    def cash_buffer(self, obj: Any) -> Any:
        """Return the buffer, and what it does."""
        return _why(f"{self.buffer(obj)} of equity", "Kept back from every buy of every account (ACC-4). Change it with the button above.")

    def reporting(self, obj: Any) -> Any:
        """Return the reporting currency, and why it stays."""
        return _why(obj.reporting_currency, "Fixed: the firm's limits and the totals of past days are stated in it.")

    reporting.short_description = "Reporting currency"  # type: ignore[attr-defined]

    def name_of_the_firm(self, obj: Any) -> Any:
        """Return the name, and why it stays."""
        return _why(obj.firm.name, "Fixed: statements that went out bear it, and it is told apart from every other firm of the server.")

    def time(self, obj: Any) -> Any:
        """Return the clock of all pages."""
        return _why("UTC", "Fixed: every instant is kept and shown in UTC, a trading day ends by its market's calendar.")

    def second_factor(self, obj: Any) -> Any:
        """Return who needs a second factor."""
        who = "Everybody but investors" if settings.MFA_REQUIRED else "Nobody, in a trial"
        where = "" if settings.MFA_REQUIRED else "in production "
        return _why(who, f"Fixed by the server: {where}no firm can do without it (docs/sign-in.md).")

    def four_eyes(self, obj: Any) -> Any:
        """Return how long a request for a second person lives."""
        minutes = int(APPROVAL_LIFETIME.total_seconds()) // 60
        return _why(f"{minutes} minutes", "Fixed: a request for a second person ends then, answered or not (GOV-4).")

    four_eyes.short_description = "Four eyes"  # type: ignore[attr-defined]

    def sessions(self, obj: Any) -> Any:
        """Return when a session ends."""
        return _why(
            f"{settings.SESSION_COOKIE_AGE // 3600} hours without a request",
            f"Fixed by the server, and after {settings.SESSION_LONGEST.days} days in any case.",
        )
