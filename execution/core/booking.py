"""From a block's executions to each account's booking at one average price (ALC-3), and from one booking to the next after a correction.

Entry points: `book_block` (executions + shares → `Booking`), `booking_changes` (old, new → reversals and new entries).

Invariants:
1. Σ gross = block gross, Σ fees = block fees, to the minor unit; Σ quantity = executed quantity (I3, I4).
2. Every account has the same exact average price; it is never rounded before it is multiplied (CON-1).
3. A booking is a function of the current set of executions and shares: after a bust or correction it is computed anew and only the
   difference is booked.
4. Undoing `booking_changes` of (old, new) and applying its new entries to `old` gives `new`.

Quantities are integers in units of the instrument's quantity step; money is integers in minor units of the quote currency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from base.core.money import to_minor
from execution.core.apportion import apportion
from execution.core.lifecycle import Execution


@dataclass(frozen=True, slots=True)
class Booking:
    """One booked allocation revision; the tuples run parallel to `account_ids`.

    quantities: units. gross: minor units of quantity × average price × multiplier. fees: minor units per kind of fee.
    """

    revision: int
    account_ids: tuple[str, ...]
    quantities: tuple[int, ...]
    avg_px: Fraction | None
    gross: tuple[int, ...]
    fees: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class BookingEntry:
    """What one account gains (or, reversed, gives back) with a booking revision. Signs are those of the booking; `is_reversal` negates
    them."""

    account_id: str
    revision: int
    quantity: int
    avg_px: Fraction | None
    gross: int
    fees: tuple[tuple[str, int], ...]
    is_reversal: bool


def book_block(
    executions: Sequence[Execution],
    shares: Mapping[str, int],
    *,
    revision: int,
    tie_keys: Mapping[str, str],
    currency: str,
    unit: Decimal = Decimal(1),
    multiplier: Decimal = Decimal(1),
    fees: Mapping[str, Decimal] | None = None,
    money: Decimal | None = None,
) -> Booking:
    """Book every account's share at the block's exact average price; cents and fees by largest remainder over quantity.

    executions: the newest revision of each (busts have quantity 0). shares: account id → units, summing to what was executed.
    tie_keys: account id → CON-2 key. unit: size of one unit. multiplier: contract size. fees: kind → total in `currency`, whole minor
    units. money: what the executions cost as the clearing account has it (each to 10⁻⁸), so that its books come to zero; None = their exact sum.
    Linear in accounts: 10,000 in some tens of milliseconds.

    >>> fills = [Execution("1", 0, Decimal(3000), Decimal("50.01")), Execution("2", 0, Decimal(3500), Decimal("50.03"))]
    >>> fills += [Execution("3", 0, Decimal(1500), Decimal("50.06"))]
    >>> booking = book_block(fills, {"A": 5000, "B": 3000}, revision=0, tie_keys={"A": "a", "B": "b"}, currency="USD")
    >>> float(booking.avg_px), booking.gross
    (50.028125, (25014063, 15008437))

    Raises ValueError if shares do not sum to the executed quantity, a share is negative, or a fee is finer than the minor unit. Source:
    ALC-3.
    """
    executed = sum((Fraction(execution.quantity) for execution in executions), Fraction(0))
    ids = tuple(sorted(shares))
    quantities = tuple(shares[account] for account in ids)
    shared = sum(quantities) * Fraction(unit)
    if shared != executed:
        raise ValueError(f"shares sum to {shared}, executed were {executed}")
    if any(quantity < 0 for quantity in quantities):
        raise ValueError("a share is negative")
    keys = [tie_keys[account] for account in ids]
    notional = sum((Fraction(execution.quantity) * Fraction(execution.price) for execution in executions), Fraction(0))
    gross = to_minor(notional * Fraction(multiplier) if money is None else money, currency)
    split = {kind: tuple(_split(_whole(amount, currency), quantities, keys)) for kind, amount in sorted((fees or {}).items())}
    avg_px = notional / executed if executed else None
    return Booking(revision, ids, quantities, avg_px, tuple(_split(gross, quantities, keys)), split)


def booking_changes(old: Booking | None, new: Booking) -> list[BookingEntry]:
    """Return the entries that turn the old booking into the new one: for every account that differs, its reversal, then its new booking.

    Accounts whose quantity, gross, fees and average price stay are not touched; accounts without quantity or money have no entry.
    """
    before = _entries(old, reversal=True) if old else {}
    after = _entries(new, reversal=False)
    changes: list[BookingEntry] = []
    for account in sorted(before.keys() | after.keys()):
        was, becomes = before.get(account), after.get(account)
        if was and becomes and _figures(was) == _figures(becomes):
            continue
        changes += [entry for entry in (was, becomes) if entry]
    return changes


def _entries(booking: Booking, *, reversal: bool) -> dict[str, BookingEntry]:
    kinds = list(booking.fees)
    rows = zip(booking.account_ids, booking.quantities, booking.gross, *booking.fees.values(), strict=True)
    return {
        account: BookingEntry(account, booking.revision, quantity, booking.avg_px, gross, tuple(zip(kinds, fees, strict=True)), reversal)
        for account, quantity, gross, *fees in rows
        if quantity or gross or any(fees)
    }


def _figures(entry: BookingEntry) -> tuple[object, ...]:
    return entry.quantity, entry.avg_px, entry.gross, entry.fees


def _split(amount: int, quantities: Sequence[int], keys: Sequence[str]) -> list[int]:
    """Split minor units by quantity; a fee of a block that was busted altogether has nobody to bear it."""
    if amount and not any(quantities):
        raise ValueError(f"{amount} minor units and no quantity to carry them")
    return apportion(amount, quantities, keys)


def _whole(amount: Decimal, currency: str) -> int:
    minor = to_minor(amount, currency)
    if Fraction(minor) != Fraction(amount) * to_minor(Decimal(1), currency):
        raise ValueError(f"fee {amount} is finer than the minor unit of {currency}")
    return minor
