"""Which statements a person may see.

Entry point: `visible_statements`. What one may not see does not exist: doors answer 404.
"""

from __future__ import annotations

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import QuerySet

from accounts import queries as accounts
from reporting.models import StatementDocument


def visible_statements(user: AbstractBaseUser) -> QuerySet[StatementDocument]:
    """Return the statements of the accounts the person sees, newest first, without figures and PDF. One query. Needs an open block."""
    seen = StatementDocument.objects.filter(account__in=accounts.visible_to(user))
    return seen.defer("figures", "pdf").order_by("-period_start", "account_id", "-version")
