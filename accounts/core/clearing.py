"""The block's clearing account: executions come in, allocation takes them out to accounts (DESIGN §4.10, ALC-3).

Entry points: `execution`, `allocation`, `clearing_balances`.

Invariants:
1. Executions post at their exact notional (10⁻⁸); nobody's account moves before the allocation.
2. The allocation brings every book of the clearing account to zero, in quantity, money and fees.
3. Shares sum to the executions: quantities and fees exactly, money to the executions' total rounded once to the minor unit (I4, to the
   share and the cent).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from accounts.enums import Book, EntryType
from base.core.money import round_money

from .entries import ZERO, Line, Stamp, exchange, lines
from .ledger import Holder, Id, Posting, Transaction, currency, instrument
from .scaled import exact_notional


@dataclass(frozen=True, slots=True)
class Share:
    """What one account gets of a block: signed quantity, money (quantity × exact average, in whole minor units), its part of the fee."""

    holder: Holder
    quantity: Decimal
    money: Decimal
    fee: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class ClearingBalances:
    """What a clearing account holds of one instrument and currency."""

    quantity: Decimal
    money: Decimal
    fee: Decimal

    @property
    def is_flat(self) -> bool:
        return not (self.quantity or self.money or self.fee)


def execution(
    clearing: Holder,
    stamp: Stamp,
    *,
    instrument_id: Id,
    quantity: Decimal,
    price: Decimal,
    currency_code: str,
    fee: Decimal = ZERO,
    multiplier: Decimal = Decimal(1),
) -> Transaction:
    """Book one execution of a block into its clearing account. quantity: + buy, − sell."""
    cash, money = currency(currency_code), exact_notional(quantity, price, multiplier)
    unit = instrument(instrument_id)
    entries: tuple[Line, ...] = (
        (Book.CLEARING, unit, quantity),
        (Book.TRADING, unit, -quantity),
        (Book.TRADING, cash, money),
        (Book.FEES, cash, fee),
        (Book.CLEARING, cash, -money - fee),
    )
    return _booked(EntryType.CLEARING, stamp, lines(clearing, stamp.settle_date, *entries))


def allocation(
    clearing: Holder, stamp: Stamp, executions: Iterable[Transaction], shares: Sequence[Share], *, instrument_id: Id, currency_code: str
) -> Transaction:
    """Book a block's shares from clearing to the accounts, and bring clearing to zero.

    executions: the block's executions and their reversals. shares: one an account; parts of zero are left out.

    Raises ValueError if shares and executions differ in quantity, money or fees. Source: ALC-3, I4.
    """
    unit, cash = instrument(instrument_id), currency(currency_code)
    held = clearing_balances((p for t in executions for p in t.postings), clearing, instrument_id, currency_code)
    _check_sums(shares, held, currency_code)
    postings: list[Posting] = []
    for share in shares:
        bought = exchange(instrument_id, share.quantity, share.money, currency_code, Book.CASH)
        charged = ((Book.FEES, cash, share.fee), (Book.CASH, cash, -share.fee))
        postings += lines(share.holder, stamp.settle_date, *bought, *charged)
    out: tuple[Line, ...] = (
        (Book.CLEARING, unit, -held.quantity),
        (Book.TRADING, unit, held.quantity),
        (Book.CLEARING, cash, held.money + held.fee),
        (Book.TRADING, cash, -held.money),
        (Book.FEES, cash, -held.fee),
    )
    return _booked(EntryType.TRADE, stamp, (*postings, *lines(clearing, stamp.settle_date, *out)))


def clearing_balances(postings: Iterable[Posting], clearing: Holder, instrument_id: Id, currency_code: str) -> ClearingBalances:
    """Return what is still to be allocated: quantity, its exact cost (< 0 for a sale) and fees."""
    unit, cash = instrument(instrument_id), currency(currency_code)
    quantity = money = fee = ZERO
    for posting in postings:
        if posting.holder != clearing:
            continue
        if (posting.book, posting.unit) == (Book.CLEARING, unit):
            quantity += posting.amount
        elif (posting.book, posting.unit) == (Book.TRADING, cash):
            money += posting.amount
        elif (posting.book, posting.unit) == (Book.FEES, cash):
            fee += posting.amount
    return ClearingBalances(quantity, money, fee)


def _check_sums(shares: Sequence[Share], held: ClearingBalances, currency_code: str) -> None:
    expected = (held.quantity, round_money(held.money, currency_code), held.fee)
    given = tuple(sum(parts, ZERO) for parts in ((s.quantity for s in shares), (s.money for s in shares), (s.fee for s in shares)))
    for name, total, wanted in zip(("quantity", "money", "fee"), given, expected, strict=True):
        if total != wanted:
            raise ValueError(f"shares' {name} sums to {total}, the executions' to {wanted}")


def _booked(entry_type: EntryType, stamp: Stamp, postings: tuple[Posting, ...]) -> Transaction:
    return Transaction(entry_type, stamp.trade_date, stamp.settle_date, stamp.journey_id, stamp.source_key, postings)
