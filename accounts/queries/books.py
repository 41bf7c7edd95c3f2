"""One account's books as rows: for pages, the API, reconciliation and statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from django.db.models import F, Q, Sum

from ..models import CashBalance, EquitySnapshot, LedgerEntry, LotClosure, Position, TaxLot


@dataclass(frozen=True, slots=True)
class PositionRow:
    account_id: UUID
    sleeve_id: UUID | None
    instrument_id: int
    leg_id: UUID | None
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class CashRow:
    """Cash in one currency: by trade date, and the part that has settled on the day asked for."""

    account_id: UUID
    currency: str
    trade_date_amount: Decimal
    settled_amount: Decimal


@dataclass(frozen=True, slots=True)
class LotRow:
    id: UUID
    account_id: UUID
    sleeve_id: UUID | None
    instrument_id: int
    acquired_on: date
    quantity: Decimal
    original_quantity: Decimal
    currency: str
    basis: Decimal


@dataclass(frozen=True, slots=True)
class ClosureRow:
    lot_id: UUID
    account_id: UUID
    instrument_id: int
    acquired_on: date
    closed_on: date
    quantity: Decimal
    currency: str
    proceeds: Decimal
    basis: Decimal
    is_long_term: bool
    transaction_id: UUID


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One posting with the head of its transaction."""

    transaction_id: UUID
    entry_type: str
    source_key: str
    journey_id: UUID | None
    trade_date: date
    settle_date: date
    account_id: UUID
    sleeve_id: UUID | None
    book: str
    currency: str
    instrument_id: int | None
    amount: Decimal


@dataclass(frozen=True, slots=True)
class EquityRow:
    account_id: UUID
    as_of: date
    cash: Decimal
    market_value: Decimal
    equity: Decimal
    external_flow: Decimal


def positions_of(*, account_ids: Sequence[UUID]) -> list[PositionRow]:
    """Return open positions by account, instrument and sleeve."""
    rows = Position.objects.filter(account_id__in=account_ids).exclude(quantity=0).order_by("account_id", "instrument_id", "id")
    return [PositionRow(*row) for row in rows.values_list("account_id", "sleeve_id", "instrument_id", "leg_id", "quantity")]


def cash_of(*, account_ids: Sequence[UUID], on: date) -> list[CashRow]:
    """Return cash by account and currency; settled = with a settle date up to `on`."""
    rows = (
        CashBalance.objects.filter(account_id__in=account_ids)
        .values("account_id", "currency")
        .annotate(total=Sum("amount"), settled=Sum("amount", filter=Q(settle_date__lte=on), default=Decimal(0)))
        .order_by("account_id", "currency")
    )
    return [CashRow(row["account_id"], row["currency"], row["total"], row["settled"]) for row in rows]


def lots_of(*, account_ids: Sequence[UUID]) -> list[LotRow]:
    """Return open lots, oldest first."""
    rows = (
        TaxLot.objects.filter(account_id__in=account_ids).exclude(quantity=0).order_by("account_id", "instrument_id", "acquired_on", "id")
    )
    names = ("id", "account_id", "sleeve_id", "instrument_id", "acquired_on", "quantity", "original_quantity", "currency", "basis")
    return [LotRow(*row) for row in rows.values_list(*names)]


def closures_of(*, account_ids: Sequence[UUID], since: date, until: date) -> list[ClosureRow]:
    """Return what was closed from `since` to `until`, both included."""
    rows = LotClosure.objects.filter(account_id__in=account_ids, closed_on__range=(since, until)).order_by("closed_on", "id")
    names = (
        "lot_id",
        "account_id",
        "lot__instrument_id",
        "lot__acquired_on",
        "closed_on",
        "quantity",
        "lot__currency",
        "proceeds",
        "basis",
    )
    return [ClosureRow(*row) for row in rows.values_list(*names, "is_long_term", "transaction_id")]


def journal_of(*, account_ids: Sequence[UUID], since: date | None = None, until: date | None = None) -> list[JournalRow]:
    """Return the ledger's postings by trade date, both ends included."""
    rows = LedgerEntry.objects.filter(account_id__in=account_ids)
    if since is not None:
        rows = rows.filter(transaction__trade_date__gte=since)
    if until is not None:
        rows = rows.filter(transaction__trade_date__lte=until)
    heads = ("entry_type", "source_key", "journey_id", "trade_date")
    names = ("transaction_id", *(f"transaction__{name}" for name in heads), "settle_date", "account_id", "sleeve_id", "book")
    ordered = rows.order_by(F("transaction__trade_date"), "transaction_id", "id")
    return [JournalRow(*row) for row in ordered.values_list(*names, "currency", "instrument_id", "amount")]


def equity_of(*, account_ids: Sequence[UUID], since: date, until: date) -> list[EquityRow]:
    """Return equity snapshots from `since` to `until`, both included."""
    rows = EquitySnapshot.objects.filter(account_id__in=account_ids, as_of__range=(since, until)).order_by("account_id", "as_of")
    return [EquityRow(*row) for row in rows.values_list("account_id", "as_of", "cash", "market_value", "equity", "external_flow")]
