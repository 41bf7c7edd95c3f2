"""What execution knows against closing an account. Entry points: `register`, `working_words`. Inside the caller's tenancy block."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Q

from accounts.services import register_obstacle
from base.core.figures import counted

from ..models import ParentOrder


def register() -> None:
    """Have accounts ask before one of them closes."""
    register_obstacle(working_words)


def working_words(account_id: UUID, now: datetime) -> str:
    """Return what of the account is being released, works, or waits to be booked; "" for nothing."""
    unfinished = ParentOrder.objects.filter(Q(done_at=None) | Q(needs_booking=True))
    n = unfinished.filter(Q(statement__lines__account=account_id) & ~Q(statement__lines__quantity=0)).distinct().count()
    return f"{counted(n, 'order works or waits', 'orders work or wait')} to be booked: cancel, or let it end" if n else ""
