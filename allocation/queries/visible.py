"""What of allocation a person may see: strategies, signals and statements that touch an account they see.

Entry points: `visible_strategies`, `visible_signals`, `visible_statements`, `visible_lines`; `lines_out_of_sight`; `audience_of_statement`, `audience_of_signal` for
who is to hear of one. Inside the caller's tenancy block; each `visible_` returns a queryset that is one statement, whatever the number of
accounts.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts import queries as accounts
from governance.core.subjects import Viewer

from ..models import AllocationLine, AllocationStatement, Signal, Strategy, StrategyAccount


def visible_strategies(viewer: Viewer) -> QuerySet[Strategy]:
    """Return the strategies that an account the person sees follows."""
    if viewer.oversight:
        return Strategy.objects.all()
    return Strategy.objects.filter(Exists(_followers(accounts.visible_to(viewer.user_id, on=viewer.on)).filter(strategy=OuterRef("pk"))))


def visible_signals(viewer: Viewer) -> QuerySet[Signal]:
    """Return the signals the person stated, and those for an account they see."""
    if viewer.oversight:
        return Signal.objects.all()
    seen = accounts.visible_to(viewer.user_id, on=viewer.on)
    followed = Exists(_followers(seen).filter(strategy=OuterRef("strategy_id")))
    named = Q(account_ids=[]) | Q(account_ids__overlap=seen.values_list("id"))
    return Signal.objects.filter(Q(received_by_id=viewer.user_id) | (followed & named))


def visible_statements(viewer: Viewer) -> QuerySet[AllocationStatement]:
    """Return the statements the person released, and those with a line of an account they see."""
    if viewer.oversight:
        return AllocationStatement.objects.all()
    lines = AllocationLine.objects.filter(
        statement=OuterRef("pk"), account_id__in=accounts.visible_to(viewer.user_id, on=viewer.on).values("id")
    )
    return AllocationStatement.objects.filter(Q(released_by_id=viewer.user_id) | Exists(lines))


def visible_lines(viewer: Viewer) -> QuerySet[AllocationLine]:
    """Return the lines of accounts the person sees."""
    return AllocationLine.objects.filter(account_id__in=accounts.visible_to(viewer.user_id, on=viewer.on).values("id"))


def lines_out_of_sight(viewer: Viewer) -> QuerySet[AllocationLine]:
    """Return the lines of accounts the person does not see: where a journey has one, its whole figures are not theirs to know."""
    if viewer.oversight:
        return AllocationLine.objects.none()
    return AllocationLine.objects.exclude(account_id__in=accounts.visible_to(viewer.user_id, on=viewer.on).values("id"))


def _followers(seen: QuerySet[Any]) -> QuerySet[StrategyAccount]:
    return StrategyAccount.objects.filter(is_active=True, account_id__in=seen.values("id"))


def audience_of_statement(*, statement_id: UUID) -> tuple[frozenset[str], int | None]:
    """Return the accounts of a statement's lines as text, and who released it: `visible_statements` from the other side."""
    lines = AllocationLine.objects.filter(statement_id=statement_id).values_list("account_id", flat=True)
    released_by = AllocationStatement.objects.filter(pk=statement_id).values_list("released_by_id", flat=True).first()
    return frozenset(map(str, lines)), released_by


def audience_of_signal(*, signal_id: UUID) -> tuple[frozenset[str], int | None]:
    """Return the accounts a signal may concern as text, and who stated it: `visible_signals` from the other side.

    Where the signal names accounts, those of them that follow the strategy; a page may show it to a few more, who read it when they look.
    """
    signal = Signal.objects.filter(pk=signal_id).values("strategy_id", "account_ids", "received_by_id").first()
    if signal is None:
        return frozenset(), None
    followers = StrategyAccount.objects.filter(strategy_id=signal["strategy_id"], is_active=True).values_list("account_id", flat=True)
    named = set(signal["account_ids"])
    return frozenset(str(one) for one in followers if not named or one in named), signal["received_by_id"]
