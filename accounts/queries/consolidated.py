"""Positions and cash over all the accounts a person sees, summed in the database (ACC-3, RSK-3).

Entry points: `grouped_positions`, `positions_by_sleeve`, `holders_in_sleeve`, `grouped_cash`, `last_evening`, `holders_of`, `holder_counts`,
`blocked_accounts`. Inside the caller's tenancy block.
Invariant: one statement each, and as many rows as there are groups, however many accounts.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, F, OuterRef, Q, Subquery, Sum, When
from django.db.models.functions import Coalesce

from governance.core.subjects import Viewer

from ..enums import BlockMode
from ..models import Account, CashBalance, EquitySnapshot, Position, TaxLot, TradingBlock
from .visibility import visible_to


@dataclass(frozen=True, slots=True)
class GroupedPosition:
    """What is held of an instrument at a custodian in a sleeve. long ≥ 0, short ≤ 0: sums over accounts, each netted by itself."""

    instrument_id: int
    custodian: str
    sleeve: str
    long: Decimal
    short: Decimal
    accounts: int


@dataclass(frozen=True, slots=True)
class SleevePosition:
    """What is held of an instrument in a sleeve, over accounts. basis: signed cost of the open lots, in the instrument's currency."""

    instrument_id: int
    sleeve_id: UUID
    sleeve: str
    long: Decimal
    short: Decimal
    accounts: int
    basis: Decimal


@dataclass(frozen=True, slots=True)
class Holder:
    """An account that holds an instrument."""

    account_id: UUID
    code: str
    name: str
    custodian: str
    quantity: Decimal


def grouped_positions(viewer: Viewer) -> list[GroupedPosition]:
    """Return positions of the accounts in sight by instrument, custodian and sleeve."""
    zero = Decimal(0)
    rows = (
        _seen(Position, viewer)
        .exclude(quantity=0)
        .values_list("instrument_id", "account__custodian__name", "sleeve__name")
        .annotate(
            long=Coalesce(Sum("quantity", filter=Q(quantity__gt=0)), zero),
            short=Coalesce(Sum("quantity", filter=Q(quantity__lt=0)), zero),
            accounts=Count("account_id", distinct=True),
        )
        .order_by("instrument_id", "account__custodian__name", "sleeve__name")
    )
    return [GroupedPosition(*row) for row in rows]


def positions_by_sleeve(viewer: Viewer) -> list[SleevePosition]:
    """Return positions of the accounts in sight by instrument and sleeve, with what they cost. Two statements."""
    zero = Decimal(0)
    held = (
        _seen(Position, viewer)
        .exclude(quantity=0)
        .values_list("instrument_id", "sleeve_id", "sleeve__name")
        .annotate(
            long=Coalesce(Sum("quantity", filter=Q(quantity__gt=0)), zero),
            short=Coalesce(Sum("quantity", filter=Q(quantity__lt=0)), zero),
            accounts=Count("account_id", distinct=True),
        )
        .order_by("instrument_id", "sleeve__name", "sleeve_id")
    )
    signed = Sum(Case(When(quantity__gt=0, then=F("basis")), default=-F("basis")))
    lots = _seen(TaxLot, viewer).exclude(quantity=0).values_list("instrument_id", "sleeve_id").annotate(cost=signed).order_by()
    costs = {(instrument_id, sleeve_id): cost for instrument_id, sleeve_id, cost in lots}
    return [
        SleevePosition(instrument_id, sleeve_id, name, long, short, count, costs.get((instrument_id, sleeve_id), zero))
        for instrument_id, sleeve_id, name, long, short, count in held
    ]


def holders_in_sleeve(*, account_ids: Collection[UUID], sleeve_id: UUID, instrument_id: int) -> list[UUID]:
    """Return which of these accounts hold the instrument in the sleeve, in order of their ids."""
    rows = Position.objects.filter(account_id__in=account_ids, sleeve_id=sleeve_id, instrument_id=instrument_id).exclude(quantity=0)
    return sorted(set(rows.values_list("account_id", flat=True)))


def grouped_cash(viewer: Viewer) -> dict[str, Decimal]:
    """Return trade-date cash of the accounts in sight by currency."""
    return dict(_seen(CashBalance, viewer).values_list("currency").annotate(total=Sum("amount")).order_by("currency"))


def last_evening(viewer: Viewer, *, until: date) -> dict[str, Decimal]:
    """Return the equity of the accounts in sight at the last evening of each, by their base currency; closed ones left out."""
    newest = EquitySnapshot.objects.filter(account=OuterRef("pk"), as_of__lte=until).order_by("-as_of").values("equity")[:1]
    open_ = Q(closed_on=None) | Q(closed_on__gt=until)
    rows = visible_to(viewer.user_id, on=viewer.on).filter(open_, is_clearing=False).annotate(worth=Subquery(newest))
    return dict(rows.exclude(worth=None).values_list("base_currency").annotate(total=Sum("worth")).order_by("base_currency"))


def holder_counts(viewer: Viewer, *, sleeve: str = "", custodian: str = "") -> dict[int, int]:
    """Return how many accounts in sight hold each instrument, in sleeves and at custodians of a name or ("") all; each account counts once."""
    rows = _placed(_seen(Position, viewer), sleeve, custodian).exclude(quantity=0).values_list("instrument_id")
    return dict(rows.annotate(accounts=Count("account_id", distinct=True)).order_by("instrument_id"))


def holders_of(viewer: Viewer, *, instrument_id: int, sleeve: str = "", after: str = "", limit: int = 50) -> list[Holder]:
    """Return the accounts in sight that hold the instrument, by code.

    sleeve: what they hold in sleeves of this name alone. after: the code the page before ended with.
    """
    rows = (
        _placed(_seen(Position, viewer), sleeve, "")
        .filter(instrument_id=instrument_id, account__code__gt=after)
        .values_list("account_id", "account__code", "account__name", "account__custodian__name")
        .annotate(total=Sum("quantity"))
        .exclude(total=0)
        .order_by("account__code")
    )
    return [Holder(*row) for row in rows[:limit]]


@dataclass(frozen=True, slots=True)
class BlockedAccount:
    """An account that is closed or may only reduce. symbol: of the instrument it is about, "" for the whole account."""

    account_id: UUID
    code: str
    name: str
    mode: BlockMode
    rule: str
    reason: str
    symbol: str
    starts_at: datetime


def blocked_accounts(viewer: Viewer, *, now: datetime, limit: int = 200) -> list[BlockedAccount]:
    """Return the accounts in sight that are blocked at `now`, the oldest block first."""
    open_ = Q(ends_at=None) | Q(ends_at__gt=now)
    rows = TradingBlock.objects.filter(open_, starts_at__lte=now, account__in=visible_to(viewer.user_id, on=viewer.on))
    columns = ("account_id", "account__code", "account__name", "mode", "rule", "reason", "instrument__symbol", "starts_at")
    found = rows.order_by("starts_at", "id").values_list(*columns)[:limit]
    return [
        BlockedAccount(pk, code, name, BlockMode(mode), rule, why, symbol or "", at)
        for pk, code, name, mode, rule, why, symbol, at in found
    ]


def _placed(rows: Any, sleeve: str, custodian: str) -> Any:
    asked = {"sleeve__name": sleeve, "account__custodian__name": custodian}
    return rows.filter(**{name: value for name, value in asked.items() if value})


def _seen(model: Any, viewer: Viewer) -> Any:
    rows = model.objects.filter(account__is_clearing=False)
    return rows.filter(account__in=Account.objects.filter(pk__in=visible_to(viewer.user_id, on=viewer.on).values("pk")))
