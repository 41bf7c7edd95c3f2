"""Double-entry postings as values (I6).

Entry points: `Posting`, `Transaction` (checked when made), `reverse`, `balances`. The constructors of each entry type are in `entries`
and `clearing`; the array form for thousands of accounts at once is in `posting_arrays`.

Invariants:
1. A transaction sums to zero for each unit, and within each account too, so that every account's own books balance.
2. Cash is counted in currencies, positions in instruments; amounts are finite decimals, not zero, no finer than 10⁻⁸.
3. Position = Σ POSITION postings; trade-date cash = Σ CASH postings; settled cash = those whose settle date has come.
4. Nothing is overwritten: a correction is `reverse` and a new transaction (REC-7). An adjustment states type, reason, evidence, approver.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import NamedTuple, TypeAlias
from uuid import UUID

from accounts.enums import AdjustmentKind, Book, EntryType, UnitKind

from .scaled import to_scaled

Id: TypeAlias = str | int | UUID


class Unit(NamedTuple):
    """What a posting counts: a currency or an instrument."""

    kind: UnitKind
    code: Id

    def __str__(self) -> str:
        return str(self.code)


def currency(code: str) -> Unit:
    """Return the unit of a currency."""
    return Unit(UnitKind.CURRENCY, code)


def instrument(instrument_id: Id) -> Unit:
    """Return the unit of an instrument."""
    return Unit(UnitKind.INSTRUMENT, instrument_id)


class Holder(NamedTuple):
    """Whose books: an account, one strategy's sleeve in it, and on hedging accounts the leg."""

    account_id: Id
    sleeve_id: Id | None = None
    leg_id: Id | None = None


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of the ledger. Positive amounts are debits (`Book` says what that means)."""

    account_id: Id
    sleeve_id: Id | None
    leg_id: Id | None
    book: Book
    unit: Unit
    amount: Decimal
    settle_date: date

    @property
    def holder(self) -> Holder:
        return Holder(self.account_id, self.sleeve_id, self.leg_id)


@dataclass(frozen=True, slots=True)
class Justification:
    """Why the ledger is adjusted (REC-7): type, reason, evidence, approver; none may be empty."""

    kind: AdjustmentKind
    reason: str
    evidence: str
    approved_by: Id


@dataclass(frozen=True, slots=True)
class Transaction:
    """Postings that stand or fall together.

    journey_id: links it to the intent (CON-4). source_key: the natural key that makes booking it twice impossible (I3).
    acquired_date: for openings and in-kind transfers, the trade date the lot brings along (None: `trade_date`).
    reverses: source key of the transaction this one undoes.

    Raises ValueError, naming what is off, when an invariant of the module is broken.
    """

    entry_type: EntryType
    trade_date: date
    settle_date: date
    journey_id: Id | None
    source_key: str
    postings: tuple[Posting, ...]
    acquired_date: date | None = None
    reverses: str | None = None
    justification: Justification | None = None

    def __post_init__(self) -> None:
        check(self)


def check(transaction: Transaction) -> None:
    """Refuse a transaction that breaks an invariant of this module.

    Raises ValueError naming the posting, unit or field that is off.
    """
    name = f"{transaction.entry_type} {transaction.source_key!r}"
    if not transaction.source_key:
        raise ValueError(f"{transaction.entry_type} has no source key")
    if not transaction.postings:
        raise ValueError(f"{name} has no postings")
    _check_justification(transaction, name)
    for posting in transaction.postings:
        _check_posting(posting, name)
    for (account_id, unit), total in balances(transaction.postings).items():
        if total:
            raise ValueError(f"{name} does not balance: account {account_id} is off by {total} {unit}")


def _check_justification(transaction: Transaction, name: str) -> None:
    given = transaction.justification
    if given is None:
        if transaction.entry_type is EntryType.ADJUSTMENT and transaction.reverses is None:
            raise ValueError(f"{name} needs a justification")
    elif not (given.reason.strip() and given.evidence.strip() and str(given.approved_by).strip()):
        raise ValueError(f"{name}: reason, evidence and approver must all be stated")


_ONLY_KIND = {Book.CASH: UnitKind.CURRENCY, Book.FEES: UnitKind.CURRENCY, Book.POSITION: UnitKind.INSTRUMENT}


def _check_posting(posting: Posting, name: str) -> None:
    if not isinstance(posting.amount, Decimal):
        raise ValueError(f"{name}: amount {posting.amount!r} is a {type(posting.amount).__name__}, not a Decimal")
    if not to_scaled(posting.amount):
        raise ValueError(f"{name}: {posting.book} posting of account {posting.account_id} is zero")
    if _ONLY_KIND.get(posting.book, posting.unit.kind) is not posting.unit.kind:
        raise ValueError(f"{name}: {posting.book} cannot hold {posting.unit.kind} {posting.unit}")


def balances(postings: Iterable[Posting]) -> dict[tuple[Id, Unit], Decimal]:
    """Return Σ amount for each (account, unit) over all books; zero everywhere in a balanced ledger."""
    totals: dict[tuple[Id, Unit], Decimal] = {}
    for posting in postings:
        key = (posting.account_id, posting.unit)
        totals[key] = totals.get(key, Decimal(0)) + posting.amount
    return totals


def balance(postings: Iterable[Posting], *, account_id: Id, book: Book, unit: Unit) -> Decimal:
    """Return Σ amount of one account's book in one unit."""
    return sum((p.amount for p in postings if (p.account_id, p.book, p.unit) == (account_id, book, unit)), Decimal(0))


def reverse(transaction: Transaction, *, source_key: str, justification: Justification | None = None) -> Transaction:
    """Return the transaction that undoes `transaction` exactly: every posting negated, on the same dates.

    Raises ValueError on reversing a reversal: book the original again instead, under a new key.
    """
    if transaction.reverses is not None:
        raise ValueError(f"{transaction.source_key!r} is itself a reversal of {transaction.reverses!r}")
    return replace(
        transaction,
        source_key=source_key,
        reverses=transaction.source_key,
        justification=justification,
        postings=tuple(replace(posting, amount=-posting.amount) for posting in transaction.postings),
    )
