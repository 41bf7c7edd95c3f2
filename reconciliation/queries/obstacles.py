"""What reconciliation knows against closing an account. Entry points: `register`, `break_words`. Inside the caller's tenancy block."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from accounts.services import register_obstacle
from base.core.figures import counted

from ..models import Break


def register() -> None:
    """Have accounts ask before one of them closes."""
    register_obstacle(break_words)


def break_words(account_id: UUID, now: datetime) -> str:
    """Return how many breaks of the account are not resolved, waived ones among them; "" for none."""
    n = Break.objects.filter(account_id=account_id, closed_at=None).count()
    return f"{counted(n, 'break')} with its custodian not resolved, whether waived or not" if n else ""
