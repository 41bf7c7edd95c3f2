"""The ledger as a struct of arrays: thousands of accounts booked, and millions of postings summed, at once.

Entry points: `PostingArrays`, `allocation_arrays` (the vectorised twin of `clearing.allocation`), `sum_by`.

Arrays are int64 throughout: accounts, sleeves, legs and units are the caller's own codes (database ids, or positions in a list), −1 for
"none"; amounts are units of 10⁻⁸ (`scaled`); settle dates are datetime64[D].
Invariants: 1. amounts are exact: a sum that does not fit 64 bits is refused. 2. `allocation_arrays` makes the same postings in the same
order as `clearing.allocation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from accounts.enums import Book

Ints: TypeAlias = NDArray[np.int64]
Dates: TypeAlias = NDArray[np.datetime64]
Column: TypeAlias = NDArray[Any]

BOOKS: tuple[Book, ...] = tuple(Book)
BOOK_CODE: dict[Book, int] = {book: code for code, book in enumerate(BOOKS)}
NONE = -1


@dataclass(frozen=True, slots=True)
class PostingArrays:
    """Postings by column; all arrays have the same length n. book holds indexes into `BOOKS`."""

    account: Ints
    sleeve: Ints
    leg: Ints
    book: Ints
    unit: Ints
    amount: Ints
    settle_date: Dates

    def __len__(self) -> int:
        return len(self.amount)

    def take(self, rows: NDArray[np.bool_] | Ints) -> PostingArrays:
        """Return the postings at `rows` (a mask or positions)."""
        return PostingArrays(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@dataclass(frozen=True, slots=True)
class BlockCodes:
    """The codes one allocation needs: clearing account, instrument, currency, and the sleeve on clearing's own postings."""

    clearing: int
    instrument: int
    currency: int
    clearing_sleeve: int = NONE


def allocation_arrays(
    block: BlockCodes,
    *,
    account: Ints,
    sleeve: Ints | int,
    quantity: Ints,
    money: Ints,
    fee: Ints,
    settle_date: date,
    clearing_money: int,
) -> PostingArrays:
    """Book a block's shares to n accounts at once, clearing brought to zero in the last rows.

    account, quantity, money, fee: int64[n]; quantity signed, money and fee in units of 10⁻⁸ like it. sleeve: int64[n] or one for all.
    clearing_money: the executions' exact cost in clearing, 10⁻⁸; Σ money is that total rounded to the currency's minor unit.

    Returns ≤ 6n + 5 postings without zeros, zero per account and unit. Source: ALC-3, I4, I6.
    Raises ValueError for unequal lengths, an account's sleeve named twice; OverflowError if clearing's total does not fit 64 bits.
    """
    n = len(account)
    if not n == len(quantity) == len(money) == len(fee):
        raise ValueError(f"{n} accounts but {len(quantity)} quantities, {len(money)} amounts, {len(fee)} fees")
    sleeves = np.broadcast_to(np.asarray(sleeve, np.int64), n)
    order = np.lexsort((sleeves, account))
    if np.any((np.diff(account[order]) == 0) & (np.diff(sleeves[order]) == 0)):
        raise ValueError("an account's sleeve is named twice")
    ours = _six(block, quantity, money, fee)
    total_quantity, total_fee = exact_sum(quantity), exact_sum(fee)
    books, units, amounts = (column.ravel() for column in ours)
    closing = _closing(block, total_quantity, clearing_money, total_fee)
    amount = np.concatenate([amounts, closing.amount])
    rows = PostingArrays(
        account=np.concatenate([np.repeat(account, 6), np.full(5, block.clearing, np.int64)]),
        sleeve=np.concatenate([np.repeat(sleeves, 6), np.full(5, block.clearing_sleeve, np.int64)]),
        leg=np.full(len(amount), NONE, np.int64),
        book=np.concatenate([books, closing.book]),
        unit=np.concatenate([units, closing.unit]),
        amount=amount,
        settle_date=np.full(len(amount), np.datetime64(settle_date, "D")),
    )
    return rows.take(amount != 0)


@dataclass(frozen=True, slots=True)
class _Columns:
    book: Ints
    unit: Ints
    amount: Ints


def _six(block: BlockCodes, quantity: Ints, money: Ints, fee: Ints) -> tuple[Ints, Ints, Ints]:
    """Return book, unit and amount as [n, 6]: the lines `entries.exchange` and its fee make, in that order."""
    names = (Book.POSITION, Book.TRADING, Book.TRADING, Book.CASH, Book.FEES, Book.CASH)
    units = (block.instrument, block.instrument, block.currency, block.currency, block.currency, block.currency)
    amounts = np.stack([quantity, -quantity, money, -money, fee, -fee], axis=1).astype(np.int64)
    shape = amounts.shape
    return (
        np.broadcast_to(np.array([BOOK_CODE[b] for b in names], np.int64), shape),
        np.broadcast_to(np.array(units, np.int64), shape),
        amounts,
    )


def _closing(block: BlockCodes, quantity: int, money: int, fee: int) -> _Columns:
    names = (Book.CLEARING, Book.TRADING, Book.CLEARING, Book.TRADING, Book.FEES)
    units = (block.instrument, block.instrument, block.currency, block.currency, block.currency)
    amounts = (-quantity, quantity, money + fee, -money, -fee)
    return _Columns(np.array([BOOK_CODE[b] for b in names], np.int64), np.array(units, np.int64), np.array(amounts, np.int64))


def exact_sum(amounts: Ints) -> int:
    """Return Σ amounts as an unbounded integer."""
    return int((amounts >> 32).sum()) * 2**32 + int((amounts & 0xFFFFFFFF).sum())


def sum_by(keys: Sequence[Column], amounts: Ints) -> tuple[list[Column], Ints]:
    """Return the distinct key rows (sorted, first key outermost) and Σ amounts of each, exactly.

    keys: arrays[n], at least one. Sums of zero stay in the result. Raises ValueError if a sum does not fit 64 bits.
    """
    if not len(amounts):
        return [key[:0] for key in keys], amounts[:0]
    order = np.lexsort(tuple(reversed(list(keys))))
    ranked, sorted_amounts = [key[order] for key in keys], amounts[order]
    new = np.zeros(len(amounts), bool)
    new[0] = True
    for key in ranked:
        new[1:] |= key[1:] != key[:-1]
    starts = np.flatnonzero(new)
    high = np.add.reduceat(sorted_amounts >> 32, starts) + (np.add.reduceat(sorted_amounts & 0xFFFFFFFF, starts) >> 32)
    if np.any((high < -(2**31)) | (high >= 2**31)):
        raise ValueError(f"{np.count_nonzero((high < -(2**31)) | (high >= 2**31))} sums do not fit 64 bits")
    return [key[starts] for key in ranked], np.add.reduceat(sorted_amounts, starts)


def unbalanced(postings: PostingArrays) -> list[tuple[int, int, int]]:
    """Return (account, unit, amount off) wherever the postings of one account do not sum to zero in a unit (I6); empty when all is well."""
    (accounts, units), totals = sum_by([postings.account, postings.unit], postings.amount)
    off = np.flatnonzero(totals)
    return [(int(accounts[i]), int(units[i]), int(totals[i])) for i in off]
