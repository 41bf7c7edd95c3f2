"""Whom a person may trade for, strategy by strategy.

Entry points: `tradable_strategies`, `tradable_followers`, `strategies_of_sleeves`, `strategy_of_code`. Inside the caller's tenancy block; one statement each, two with groups.
Invariant: only accounts of `accounts.queries.tradable_by`, and only strategies that one of them follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q

from accounts import queries as accounts
from base.errors import NotFound

from ..models import Strategy, StrategyAccount


@dataclass(frozen=True, slots=True)
class StrategyChoice:
    """An active strategy. mine: how many of its followers the person may trade."""

    code: str
    name: str
    rounding: str
    mine: int


@dataclass(frozen=True, slots=True)
class Follower:
    """An account of a strategy that the person may trade. groups: codes of the groups it belongs to today."""

    id: UUID
    code: str
    name: str
    account_class: str
    connection: str
    groups: tuple[str, ...] = ()


def tradable_strategies(*, user_id: int) -> list[StrategyChoice]:
    """Return the active strategies that an account the person may trade follows, by name."""
    mine = Q(subscriptions__is_active=True, subscriptions__account_id__in=accounts.tradable_by(user_id).values("id"))
    rows = Strategy.objects.filter(is_active=True).annotate(mine=Count("subscriptions", filter=mine, distinct=True)).filter(mine__gt=0)
    return [StrategyChoice(*row) for row in rows.order_by("name", "code").values_list("code", "name", "rounding", "mine")]


def tradable_followers(*, user_id: int, strategy: str, with_groups: bool = True) -> list[Follower]:
    """Return the accounts of a strategy that the person may trade, by code; nobody for a code that no strategy can have."""
    if not strategy.isprintable():
        return []
    rows = StrategyAccount.objects.filter(
        is_active=True, strategy__is_active=True, strategy__code=strategy, account_id__in=accounts.tradable_by(user_id).values("id")
    )
    columns = ("account_id", "account__code", "account__name", "account__account_class", "account__connection__code")
    found = list(rows.order_by("account__code").values_list(*columns))
    groups = accounts.groups_of(account_ids=[row[0] for row in found]) if with_groups else {}
    return [Follower(pk, code, name, kind, lane, groups.get(pk, ())) for pk, code, name, kind, lane in found]


def strategies_of_sleeves() -> dict[UUID, tuple[str, str]]:
    """Return code and name of the active strategy that trades in each sleeve, the first by code where several do."""
    rows = Strategy.objects.filter(is_active=True).order_by("-code").values_list("sleeve_id", "code", "name")
    return {sleeve_id: (code, name) for sleeve_id, code, name in rows}


def strategy_of_code(*, code: str) -> UUID:
    """Return the active strategy of a code. Raises NotFound."""
    found = Strategy.objects.filter(code=code, is_active=True).values_list("id", flat=True).first()
    if found is None:
        raise NotFound("active strategy")
    return found
