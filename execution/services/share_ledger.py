"""A booking's shares in the ledger: from clearing to the accounts, and back again when a correction comes (ALC-3, I4, REC-7).

Entry points: `post_shares`, `reverse_shares`, `ShareColumns`, `SharePlace`.

Invariants:
1. Each posting brings the clearing account to zero in quantity, money and fees; a reversal gives it back exactly what it had given.
2. A revision is reversed whole and booked anew whole: the lots are as if it had never been.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from accounts import services as accounts
from accounts.core.clearing import Share as LedgerShare
from accounts.core.clearing import allocation
from accounts.core.entries import Line, Stamp, lines
from accounts.core.ledger import Holder, Transaction, currency, instrument, reverse
from accounts.core.scaled import to_scaled
from accounts.enums import Book, EntryType
from market.enums import Side

from ..models import Booking, Share


@dataclass(frozen=True, slots=True)
class ShareColumns:
    """Shares by column. ids: V16[n]. quantity, notional, fee: int64[n] ≥ 0, units of 10⁻⁸."""

    ids: NDArray[Any]
    quantity: NDArray[np.int64]
    notional: NDArray[np.int64]
    fee: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SharePlace:
    """Where shares are booked: from which clearing account, in which sleeve, of what."""

    clearing_account_id: UUID
    sleeve_id: UUID
    instrument_id: int
    currency: str
    side: Side


def post_shares(*, booking: Booking, place: SharePlace, columns: ShareColumns, now: datetime) -> None:
    """Book the shares of a revision in one vectorised posting."""
    sign = place.side.sign
    accounts.post_allocation(
        source_key=_key("share", booking),
        journey_id=booking.journey_id,
        trade_date=booking.trade_date,
        settle_date=booking.settle_date,
        clearing_account_id=place.clearing_account_id,
        sleeve_id=place.sleeve_id,
        instrument_id=place.instrument_id,
        currency=place.currency,
        account_ids=columns.ids,
        quantity=columns.quantity * sign,
        money=columns.notional * sign,
        fee=columns.fee,
        clearing_money=to_scaled(booking.clearing_money),
        now=now,
    )


def reverse_shares(*, booking: Booking, place: SharePlace, now: datetime) -> None:
    """Take a booked revision back: every account's share returns to the clearing account."""
    rows = list(Share.objects.filter(booking_id=booking.id).order_by("account_id").values_list("account_id", "quantity", "notional", "fee"))
    if not rows:
        return
    booked = _allocation(booking, place, rows)
    accounts.post(transactions=[reverse(booked, source_key=_key("unshare", booking))], now=now)


def _allocation(booking: Booking, place: SharePlace, rows: Sequence[tuple[UUID, Decimal, Decimal, Decimal]]) -> Transaction:
    """Return the transaction that `post_shares` booked."""
    sign = place.side.sign
    stamp = Stamp(booking.trade_date, booking.settle_date, _key("share", booking), booking.journey_id)
    shares = [
        LedgerShare(Holder(account, place.sleeve_id), quantity * sign, notional * sign, fee) for account, quantity, notional, fee in rows
    ]
    clearing = Holder(place.clearing_account_id, place.sleeve_id)
    held = _executions(booking, place, clearing)
    return allocation(clearing, stamp, [held], shares, instrument_id=place.instrument_id, currency_code=place.currency)


def _executions(booking: Booking, place: SharePlace, clearing: Holder) -> Transaction:
    """Return all executions of the booking as one transaction: what the clearing account held before it was shared out."""
    unit, cash = instrument(place.instrument_id), currency(place.currency)
    quantity, money, fee = booking.quantity * place.side.sign, booking.clearing_money, booking.fee
    held: tuple[Line, ...] = (
        (Book.CLEARING, unit, quantity),
        (Book.TRADING, unit, -quantity),
        (Book.TRADING, cash, money),
        (Book.FEES, cash, fee),
        (Book.CLEARING, cash, -money - fee),
    )
    postings = lines(clearing, booking.settle_date, *held)
    return Transaction(EntryType.CLEARING, booking.trade_date, booking.settle_date, None, _key("held", booking), postings)


def _key(word: str, booking: Booking) -> str:
    return f"{word}|{booking.id.hex}"
