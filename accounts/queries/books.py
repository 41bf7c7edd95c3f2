"""The books of one account, as stored: for pages, statements and programs.

Entry points: `positions_of`, `cash_of`, `lots_of`, `closures_of`, `journal_of`, `equity_of`. One statement each.
Who may see the account is asked of `visible_to` before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from .columns import fetch_rows


@dataclass(frozen=True, slots=True)
class PositionFacts:
    """What one sleeve (and leg) of an account holds."""

    sleeve_id: UUID
    leg_id: UUID | None
    instrument_id: int
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class CashFacts:
    """Cash of one currency. settled: what has settled by the day asked for; receivable: accrued and not paid, negative when owed;
    unsettled_debits: what trades done will still take, ≥ 0, whatever comes in beside it."""

    currency: str
    trade_date_cash: Decimal
    settled: Decimal
    receivable: Decimal
    unsettled_debits: Decimal


@dataclass(frozen=True, slots=True)
class LotFacts:
    """A lot: quantity and basis are what is left of it."""

    id: UUID
    sleeve_id: UUID
    leg_id: UUID | None
    instrument_id: int
    transaction_id: UUID
    acquired_on: date
    original_quantity: Decimal
    quantity: Decimal
    currency: str
    basis: Decimal


@dataclass(frozen=True, slots=True)
class ClosureFacts:
    """What a sale or cover took from one lot; gain = proceeds − basis."""

    lot_id: UUID
    transaction_id: UUID
    instrument_id: int
    acquired_on: date
    closed_on: date
    recognised_on: date
    quantity: Decimal
    proceeds: Decimal
    basis: Decimal
    currency: str
    is_long_term: bool


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One entry of the ledger with the head it belongs to; currency "" where it counts an instrument."""

    transaction_id: UUID
    source_key: str
    entry_type: str
    trade_date: date
    settle_date: date
    journey_id: UUID | None
    reverses_id: UUID | None
    reason: str
    book: str
    sleeve_id: UUID | None
    leg_id: UUID | None
    currency: str
    instrument_id: int | None
    amount: Decimal
    entry_settle_date: date


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """An account's equity at the end of a day, in its base currency; external_flow: what came in since the point before."""

    as_of: date
    cash: Decimal
    market_value: Decimal
    equity: Decimal
    external_flow: Decimal


def positions_of(*, account_id: UUID) -> list[PositionFacts]:
    """Return what the account holds, by sleeve and instrument."""
    sql = (
        "SELECT sleeve_id, leg_id, instrument_id, quantity FROM accounts_position WHERE account_id = %(id)s AND quantity <> 0 "
        "ORDER BY sleeve_id, instrument_id, leg_id NULLS FIRST"
    )
    return [PositionFacts(*row) for row in fetch_rows(sql, {"id": account_id})]


def cash_of(*, account_id: UUID, on: date) -> list[CashFacts]:
    """Return the account's cash by currency; settled means by `on`."""
    sql = (
        "SELECT currency, sum(amount), coalesce(sum(amount) FILTER (WHERE settle_date <= %(on)s), 0), sum(receivable), "
        "coalesce(sum(outflow) FILTER (WHERE settle_date > %(on)s), 0) "
        "FROM accounts_cashbalance WHERE account_id = %(id)s GROUP BY 1 ORDER BY 1"
    )
    return [CashFacts(*row) for row in fetch_rows(sql, {"id": account_id, "on": on})]


def lots_of(*, account_id: UUID, instrument_id: int | None = None, only_open: bool = True) -> list[LotFacts]:
    """Return the account's lots, by instrument and acquisition."""
    sql = (
        "SELECT l.id, l.sleeve_id, l.leg_id, l.instrument_id, l.transaction_id, l.acquired_on, l.original_quantity, l.quantity, l.currency, l.basis "
        "FROM accounts_taxlot l WHERE l.account_id = %(id)s AND (%(instrument)s::bigint IS NULL OR l.instrument_id = %(instrument)s) "
        "AND (NOT %(only_open)s OR l.quantity <> 0) ORDER BY l.instrument_id, l.acquired_on, l.transaction_id"
    )
    return [LotFacts(*row) for row in fetch_rows(sql, {"id": account_id, "instrument": instrument_id, "only_open": only_open})]


def closures_of(*, account_id: UUID, since: date, until: date) -> list[ClosureFacts]:
    """Return what was closed from `since` to `until`, both included, by day."""
    sql = (
        "SELECT c.lot_id, c.transaction_id, l.instrument_id, l.acquired_on, c.closed_on, c.recognised_on, c.quantity, c.proceeds, c.basis, "
        "l.currency, c.is_long_term FROM accounts_lotclosure c JOIN accounts_taxlot l ON l.id = c.lot_id "
        "WHERE c.account_id = %(id)s AND c.closed_on BETWEEN %(since)s AND %(until)s ORDER BY c.closed_on, l.instrument_id, c.id"
    )
    return [ClosureFacts(*row) for row in fetch_rows(sql, {"id": account_id, "since": since, "until": until})]


def journal_of(*, account_id: UUID, since: date, until: date) -> list[JournalLine]:
    """Return the account's ledger entries by trade date from `since` to `until`, both included, in ledger order within a day."""
    sql = (
        "SELECT t.id, t.source_key, t.entry_type, t.trade_date, t.settle_date, t.journey_id, t.reverses_id, t.reason, e.book, e.sleeve_id, e.leg_id, "
        "e.currency, e.instrument_id, e.amount, e.settle_date FROM accounts_ledgerentry e JOIN accounts_ledgertransaction t ON t.id = e.transaction_id "
        "WHERE e.account_id = %(id)s AND t.trade_date BETWEEN %(since)s AND %(until)s ORDER BY t.trade_date, t.id, e.id"
    )
    return [JournalLine(*row) for row in fetch_rows(sql, {"id": account_id, "since": since, "until": until})]


def equity_of(*, account_id: UUID, since: date, until: date) -> list[EquityPoint]:
    """Return the account's equity history from `since` to `until`, both included."""
    sql = (
        "SELECT as_of, cash, market_value, equity, external_flow FROM accounts_equitysnapshot "
        "WHERE account_id = %(id)s AND as_of BETWEEN %(since)s AND %(until)s ORDER BY as_of"
    )
    return [EquityPoint(*row) for row in fetch_rows(sql, {"id": account_id, "since": since, "until": until})]
