"""Post-trade allocation: tell the custodian how a block was shared out, until it has answered (DESIGN §4.10, ALC-11).

Entry points: `write_notice` (with the booking), `send_notices` (by the gateway session).

Invariants:
1. A notice is a row written with its booking; it is sent again unchanged until the broker confirms or refuses it.
2. A later revision tells only what it adds; one that takes something back cannot be told and is a person's work.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import F, Q

from governance.enums import AlertTier
from market.enums import Side
from market.queries import venue_symbols

from ..enums import NoticeState
from ..gateways.enums import OutcomeKind
from ..gateways.registry import takes_allocations
from ..gateways.reports import AllocationInstruction, AllocationShare, Outcome
from ..models import AllocationNotice, Booking, Share
from .alarms import alert_connection
from .line import Line

RESEND_AFTER = timedelta(seconds=10)
Figures = tuple[Decimal, Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class _Due:
    id: UUID
    instruction: AllocationInstruction


def write_notice(*, booking: Booking, previous: Booking | None) -> bool:
    """Put a booking's split into the outbox if its gateway takes such. Returns False if the custodian now has a split that is wrong."""
    if not takes_allocations(booking.connection.gateway):
        return True
    shares = added_shares(booking, previous)
    if any(quantity < 0 or (quantity == 0 and (notional or fee)) for quantity, notional, fee in shares.values()):
        return False
    if shares:
        AllocationNotice.objects.create(
            booking=booking, connection_id=booking.connection_id, notice_id=f"MWA{booking.id.hex}", trade_date=booking.trade_date
        )
    return True


def added_shares(booking: Booking, previous: Booking | None) -> dict[UUID, Figures]:
    """Return what a revision adds to the one before: account → quantity, notional, fee; accounts without a difference are left out."""
    new = _shares(booking)
    old = _shares(previous) if previous is not None else {}
    zero = (Decimal(0), Decimal(0), Decimal(0))
    added = {}
    for account in sorted(new.keys() | old.keys()):
        now, was = new.get(account, zero), old.get(account, zero)
        if now != was:
            added[account] = (now[0] - was[0], now[1] - was[1], now[2] - was[2])
    return added


def _shares(booking: Booking) -> dict[UUID, Figures]:
    """Return the shares of accounts; what stays with the clearing account is not given up."""
    rows = Share.objects.filter(booking_id=booking.id).exclude(account__is_clearing=True)
    return {
        account: (quantity, notional, fee)
        for account, quantity, notional, fee in rows.values_list("account_id", "quantity", "notional", "fee")
    }


def send_notices(line: Line, *, now: datetime) -> int:
    """Send what is due; return how many were answered. Raises GatewayError if nothing could be written, LeaseLost."""
    if not line.gateway.capabilities.post_trade_allocation:
        return 0
    with line.transaction():
        due = _due(line, now)
        AllocationNotice.objects.filter(pk__in=[item.id for item in due]).update(attempts=F("attempts") + 1, sent_at=now)
    answered = 0
    for item in due:
        outcome = line.gateway.allocate(item.instruction)
        if outcome.kind is not OutcomeKind.UNRESOLVED:
            answered += 1
            with line.transaction():
                _answered(line, item, outcome, now)
    return answered


def _due(line: Line, now: datetime) -> list[_Due]:
    open_ = AllocationNotice.objects.filter(connection_id=line.connection_id, state=NoticeState.PENDING)
    due = open_.filter(Q(sent_at=None) | Q(sent_at__lte=now - RESEND_AFTER)).select_related("booking", "booking__parent__instrument")
    rows = list(due.order_by("id")[:20])
    names = venue_symbols(venue=line.connection.venue, instrument_ids=[row.booking.parent.instrument_id for row in rows]) if rows else {}
    named = [_Due(row.pk, _instruction(line, row, names[one])) for row in rows if (one := row.booking.parent.instrument_id) in names]
    if len(named) < len(rows):
        _alarm_nameless(line, [row for row in rows if row.booking.parent.instrument_id not in names], now)
    return named


def _alarm_nameless(line: Line, rows: list[AllocationNotice], now: datetime) -> None:
    """Say what cannot be told, for its instrument has no name at the venue any more; it is tried again like what was not answered."""
    AllocationNotice.objects.filter(pk__in=[row.pk for row in rows]).update(sent_at=now)
    for row in rows:
        symbol = row.booking.parent.instrument.symbol
        message = f"The broker cannot be told an allocation: the venue calls another instrument {symbol}; allocation {row.notice_id}"
        alert_connection(line.connection_id, tier=AlertTier.CRITICAL, rule="ALC-11", message=message, now=now, what=row.notice_id)


def _instruction(line: Line, row: AllocationNotice, venue_symbol: str) -> AllocationInstruction:
    booking = row.booking
    before = Booking.objects.filter(parent_id=booking.parent_id, connection_id=booking.connection_id, revision=booking.revision - 1).first()
    shares = added_shares(booking, before)
    numbers = dict(Share.objects.filter(booking_id=booking.pk).values_list("account_id", "account__custodian_account"))
    side = Side(booking.parent.side)
    return AllocationInstruction(
        allocation_id=row.notice_id,
        block_account=line.connection.clearing_custodian_account,
        symbol=venue_symbol,
        side=side,
        trade_date=row.trade_date,
        shares=tuple(
            AllocationShare(numbers[pk], quantity, -side.sign * notional, fee) for pk, (quantity, notional, fee) in shares.items()
        ),
    )


def _answered(line: Line, item: _Due, outcome: Outcome, now: datetime) -> None:
    refused = outcome.kind is OutcomeKind.REJECTED
    state = NoticeState.REJECTED if refused else NoticeState.CONFIRMED
    AllocationNotice.objects.filter(pk=item.id, state=NoticeState.PENDING).update(state=state, answered_at=now, reason=outcome.reason[:200])
    if refused:
        message = f"The broker refused an allocation: {outcome.reason}; allocation {item.instruction.allocation_id}"
        alert_connection(
            line.connection_id, tier=AlertTier.CRITICAL, rule="ALC-11", message=message, now=now, what=item.instruction.allocation_id
        )
