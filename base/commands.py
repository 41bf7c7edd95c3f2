"""What every command shares: what it does is written down as coming from it (GOV-7)."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from .origin import acting_from


class HouseCommand(BaseCommand):
    """A command whose audit events carry "command:NAME" as their origin."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run inside an origin of its own, whoever calls it."""
        with acting_from(api_key=f"command:{type(self).__module__.rpartition('.')[2]}"):
            return super().execute(*args, **options)
