"""Who may state a signal for what: somebody who may trade at least one follower of the strategy, and every account the signal names."""

from __future__ import annotations

from collections.abc import Set
from uuid import UUID

from accounts import queries as accounts
from base.core.validation import InvalidInput, InvalidInputs
from base.errors import NotFound

from .core.signal_body import SignalBody
from .models import StrategyAccount


def check_may_state(*, user_id: int, body: SignalBody) -> None:
    """Refuse a signal that reaches beyond what the person may trade. Inside the caller's tenancy block.

    An account of another firm, one that the person may not trade, and one that does not exist are refused alike.
    Raises NotFound for the strategy, InvalidInputs for the accounts.
    """
    mine = StrategyAccount.objects.filter(
        is_active=True, strategy__is_active=True, strategy__code=body.strategy, account_id__in=accounts.tradable_by(user_id).values("id")
    )
    refuse_untradable(body=body, followers=set(mine.values_list("account_id", flat=True)))


def refuse_untradable(*, body: SignalBody, followers: Set[UUID]) -> None:
    """Refuse a signal for anybody but these followers, those the person may trade. Raises as `check_may_state`."""
    if not followers:
        raise NotFound(f"active strategy {body.strategy}", field="strategy", value=body.strategy)
    named = [("accounts", account) for account in body.accounts] + [("per_account", account) for account in body.per_account]
    problems = [InvalidInput(field, str(account), "tradable_follower") for field, account in named if account not in followers]
    if problems:
        raise InvalidInputs(problems)
