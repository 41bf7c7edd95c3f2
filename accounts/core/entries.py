"""Constructors of ledger transactions, one a kind of event.

Entry points: `trade`, `margined_trade`, `fx_conversion`, `fee`, `interest`, `swap`, `funding`, `dividend_accrual`, `dividend_payment`,
`flow`, `cash_transfer`, `position_transfer`, `cash_adjustment`, `position_adjustment`, `opening_cash`, `opening_position`, `split`.

Invariants:
1. Every result balances in every account (`ledger`, invariant 1).
2. Whatever changes a position goes through TRADING: the instrument's contra and the money it cost or brought, so that lots can be rebuilt
   from the ledger alone. A transfer or opening of one lot states that lot's basis as its cost and realises nothing.
3. Money is rounded once, half-up, to the currency's minor unit (CON-1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from accounts.enums import Book, EntryType
from base.core.money import round_money

from .ledger import Holder, Id, Justification, Posting, Transaction, Unit, currency, instrument
from .scaled import exact_notional

ZERO = Decimal(0)
Line = tuple[Book, Unit, Decimal]


@dataclass(frozen=True, slots=True)
class Stamp:
    """When and why an entry is made: the fields every transaction shares."""

    trade_date: date
    settle_date: date
    source_key: str
    journey_id: Id | None = None


def lines(holder: Holder, settle_date: date, *entries: Line) -> tuple[Posting, ...]:
    """Return one posting a line, leaving out amounts of zero."""
    return tuple(Posting(*holder, book, unit, amount, settle_date) for book, unit, amount in entries if amount)


def _transaction(
    entry_type: EntryType,
    stamp: Stamp,
    postings: Iterable[Posting],
    *,
    acquired_date: date | None = None,
    justification: Justification | None = None,
) -> Transaction:
    return Transaction(
        entry_type,
        stamp.trade_date,
        stamp.settle_date,
        stamp.journey_id,
        stamp.source_key,
        tuple(postings),
        acquired_date=acquired_date,
        justification=justification,
    )


def exchange(instrument_id: Id, quantity: Decimal, money: Decimal, currency_code: str, against: Book) -> tuple[Line, ...]:
    """Return the four lines that bring `quantity` in and `money` (its cost) out of book `against`; negative both for the reverse."""
    unit, cash = instrument(instrument_id), currency(currency_code)
    return (
        (Book.POSITION, unit, quantity),
        (Book.TRADING, unit, -quantity),
        (Book.TRADING, cash, money),
        (against, cash, -money),
    )


def trade(
    holder: Holder,
    stamp: Stamp,
    *,
    instrument_id: Id,
    quantity: Decimal,
    price: Decimal,
    currency_code: str,
    fee: Decimal = ZERO,
    multiplier: Decimal = Decimal(1),
) -> Transaction:
    """Book a fill that settles in cash. quantity: + buy, − sell. fee: ≥ 0 paid, < 0 a rebate.

    Guarantees cash = −(quantity × price × multiplier, rounded once) − fee. Source: CON-1, I6.
    """
    money, cash = round_money(exact_notional(quantity, price, multiplier), currency_code), currency(currency_code)
    bought = exchange(instrument_id, quantity, money, currency_code, Book.CASH)
    charged = ((Book.FEES, cash, fee), (Book.CASH, cash, -fee))
    return _transaction(EntryType.TRADE, stamp, lines(holder, stamp.settle_date, *bought, *charged))


def margined_trade(
    holder: Holder,
    stamp: Stamp,
    *,
    instrument_id: Id,
    quantity: Decimal,
    realized: Decimal,
    currency_code: str,
    fee: Decimal = ZERO,
) -> Transaction:
    """Book a fill of a margined instrument (FX, CFD, future, perpetual): the position moves, of money only the realised profit and the fee.

    realized: profit (+) or loss (−) of the part this fill closes, 0 when it only opens. Book a fill through zero as two,
    close then open, or its profit would be spread over both.
    """
    unit, cash = instrument(instrument_id), currency(currency_code)
    entries = (
        (Book.POSITION, unit, quantity),
        (Book.TRADING, unit, -quantity),
        (Book.CASH, cash, realized),
        (Book.TRADING, cash, -realized),
        (Book.FEES, cash, fee),
        (Book.CASH, cash, -fee),
    )
    return _transaction(EntryType.TRADE, stamp, lines(holder, stamp.settle_date, *entries))


def fx_conversion(holder: Holder, stamp: Stamp, *, bought: Decimal, bought_currency: str, sold: Decimal, sold_currency: str) -> Transaction:
    """Book a delivered currency exchange: `bought` comes in, `sold` goes out, both positive.

    Raises ValueError unless both amounts are positive and the currencies differ.
    """
    if bought <= 0 or sold <= 0 or bought_currency == sold_currency:
        raise ValueError(f"cannot exchange {sold} {sold_currency} for {bought} {bought_currency}")
    entries = (
        (Book.CASH, currency(bought_currency), bought),
        (Book.TRADING, currency(bought_currency), -bought),
        (Book.CASH, currency(sold_currency), -sold),
        (Book.TRADING, currency(sold_currency), sold),
    )
    return _transaction(EntryType.TRADE, stamp, lines(holder, stamp.settle_date, *entries))


def _cash_against(
    entry_type: EntryType,
    holder: Holder,
    stamp: Stamp,
    amount: Decimal,
    currency_code: str,
    against: Book,
    justification: Justification | None = None,
) -> Transaction:
    unit = currency(currency_code)
    postings = lines(holder, stamp.settle_date, (Book.CASH, unit, amount), (against, unit, -amount))
    return _transaction(entry_type, stamp, postings, justification=justification)


def fee(holder: Holder, stamp: Stamp, *, amount: Decimal, currency_code: str) -> Transaction:
    """Book a fee that stands alone. amount: > 0 charged, < 0 refunded."""
    return _cash_against(EntryType.FEE, holder, stamp, -amount, currency_code, Book.FEES)


def interest(holder: Holder, stamp: Stamp, *, amount: Decimal, currency_code: str) -> Transaction:
    """Book interest. amount: > 0 received, < 0 paid."""
    return _cash_against(EntryType.INTEREST, holder, stamp, amount, currency_code, Book.INCOME)


def swap(holder: Holder, stamp: Stamp, *, amount: Decimal, currency_code: str) -> Transaction:
    """Book overnight swap (rollover). amount: > 0 received, < 0 paid."""
    return _cash_against(EntryType.SWAP, holder, stamp, amount, currency_code, Book.INCOME)


def funding(holder: Holder, stamp: Stamp, *, notional: Decimal, rate: Decimal, currency_code: str) -> Transaction:
    """Book perpetual funding as its own type: longs (notional > 0) pay a positive rate. Source: DRV-1."""
    paid = round_money(exact_notional(notional, rate), currency_code)
    return _cash_against(EntryType.FUNDING, holder, stamp, -paid, currency_code, Book.INCOME)


def flow(holder: Holder, stamp: Stamp, *, amount: Decimal, currency_code: str) -> Transaction:
    """Book an external flow. amount: > 0 deposit, < 0 withdrawal. Source: PRF-1."""
    return _cash_against(EntryType.FLOW, holder, stamp, amount, currency_code, Book.CAPITAL)


def opening_cash(holder: Holder, stamp: Stamp, *, amount: Decimal, currency_code: str) -> Transaction:
    """Book the cash an account starts with."""
    return _cash_against(EntryType.OPENING, holder, stamp, amount, currency_code, Book.CAPITAL)


def cash_adjustment(holder: Holder, stamp: Stamp, *, amount: Decimal, currency_code: str, justification: Justification) -> Transaction:
    """Book a typed cash correction. Source: REC-7."""
    return _cash_against(EntryType.ADJUSTMENT, holder, stamp, amount, currency_code, Book.ADJUSTMENT, justification)


def dividend_accrual(holder: Holder, stamp: Stamp, *, prior_close_quantity: Decimal, rate: Decimal, currency_code: str) -> Transaction:
    """Book the receivable on the ex-date; a short position owes it (negative). Cash does not move.

    stamp: trade date = ex-date, settle date = pay date. Source: ACC-3, REC-5.
    """
    owed, unit = round_money(exact_notional(prior_close_quantity, rate), currency_code), currency(currency_code)
    postings = lines(holder, stamp.settle_date, (Book.RECEIVABLE, unit, owed), (Book.INCOME, unit, -owed))
    return _transaction(EntryType.DIVIDEND, stamp, postings)


def dividend_payment(accrual: Transaction, stamp: Stamp, *, gross: Decimal, withheld: Decimal = ZERO) -> Transaction:
    """Reverse the accrued receivable and book what was paid. gross: signed like the accrual; withheld: tax taken at source, ≥ 0.

    The receivable leaves on the date it was accrued for, also when it is paid later: what is owed is counted by that date.
    Raises ValueError if `accrual` holds no receivable.
    """
    owed = next((p for p in accrual.postings if p.book is Book.RECEIVABLE), None)
    if owed is None:
        raise ValueError(f"{accrual.source_key!r} holds no receivable to reverse")
    settled = lines(owed.holder, owed.settle_date, (Book.RECEIVABLE, owed.unit, -owed.amount))
    entries = (
        (Book.INCOME, owed.unit, owed.amount - gross),
        (Book.WITHHOLDING_TAX, owed.unit, withheld),
        (Book.CASH, owed.unit, gross - withheld),
    )
    return _transaction(EntryType.DIVIDEND, stamp, settled + lines(owed.holder, stamp.settle_date, *entries))


def cash_transfer(source: Holder, target: Holder, stamp: Stamp, *, amount: Decimal, currency_code: str) -> Transaction:
    """Book cash moving from one account or sleeve to another; each side's capital answers for it. Same owner is GOV-5's check, not ours.

    Raises ValueError unless the amount is positive and the two differ.
    """
    if amount <= 0 or source == target:
        raise ValueError(f"cannot transfer {amount} from {source} to {target}")
    unit = currency(currency_code)
    out = lines(source, stamp.settle_date, (Book.CASH, unit, -amount), (Book.CAPITAL, unit, amount))
    into = lines(target, stamp.settle_date, (Book.CASH, unit, amount), (Book.CAPITAL, unit, -amount))
    return _transaction(EntryType.TRANSFER, stamp, out + into)


def position_transfer(
    source: Holder,
    target: Holder,
    stamp: Stamp,
    *,
    instrument_id: Id,
    quantity: Decimal,
    basis: Decimal,
    acquired_date: date,
    currency_code: str,
) -> Transaction:
    """Book one lot moving in kind, with its basis and acquisition date; nothing is realised.

    quantity, basis: > 0 for a long lot, < 0 for a short one (its proceeds). Raises ValueError if source and target are the same.
    """
    if source == target:
        raise ValueError(f"cannot transfer from {source} to itself")
    out = lines(source, stamp.settle_date, *exchange(instrument_id, -quantity, -basis, currency_code, Book.CAPITAL))
    into = lines(target, stamp.settle_date, *exchange(instrument_id, quantity, basis, currency_code, Book.CAPITAL))
    return _transaction(EntryType.TRANSFER, stamp, out + into, acquired_date=acquired_date)


def opening_position(
    holder: Holder, stamp: Stamp, *, instrument_id: Id, quantity: Decimal, basis: Decimal, acquired_date: date, currency_code: str
) -> Transaction:
    """Book one lot an account starts with, as capital brought in at its basis (both negative for a short lot)."""
    postings = lines(holder, stamp.settle_date, *exchange(instrument_id, quantity, basis, currency_code, Book.CAPITAL))
    return _transaction(EntryType.OPENING, stamp, postings, acquired_date=acquired_date)


def position_adjustment(
    holder: Holder,
    stamp: Stamp,
    *,
    instrument_id: Id,
    quantity: Decimal,
    cost: Decimal,
    currency_code: str,
    justification: Justification,
) -> Transaction:
    """Book a typed quantity correction at a stated cost (0 when it has none). Source: REC-7."""
    postings = lines(holder, stamp.settle_date, *exchange(instrument_id, quantity, cost, currency_code, Book.ADJUSTMENT))
    return _transaction(EntryType.ADJUSTMENT, stamp, postings, justification=justification)


def split(holder: Holder, stamp: Stamp, *, instrument_id: Id, quantity: Decimal, new_shares: int, old_shares: int) -> Transaction:
    """Book a split of a position of `quantity`, `new_shares` for `old_shares`; fractions stay until cash in lieu sells them. Source: REC-5.

    The new quantity is rounded once, half-up, to 10⁻⁸.
    """
    added, unit = exact_notional(quantity, Fraction(new_shares - old_shares, old_shares)), instrument(instrument_id)
    postings = lines(holder, stamp.settle_date, (Book.POSITION, unit, added), (Book.TRADING, unit, -added))
    return _transaction(EntryType.CORPORATE_ACTION, stamp, postings)
