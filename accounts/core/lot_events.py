"""From ledger postings to lots: what a transaction means for the lots of each holder and instrument.

Entry points: `LotEvent`, `lot_events`, `replay`, `extend`.

Invariants:
1. A reversal removes its original from the replay: the lots are as if neither had happened, whatever was traded in between.
   A split states shares, not a ratio: to bust a trade before it, reverse the split first and book it again afterwards.
2. Events are taken by trade date, then in ledger order; a corporate action comes before the trades of its own (ex-)date.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from accounts.enums import Book, EntryType, LotEventKind, LotMethod, UnitKind

from .ledger import Holder, Id, Posting, Transaction
from .lot_selection import Lot
from .lots import Closure, LotChange, Trade, apply_split, apply_trade, withdraw

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class LotEvent:
    """One transaction's effect on one position. reverses: the source key it undoes."""

    source_key: str
    trade: Trade
    kind: LotEventKind = LotEventKind.TRADE
    reverses: str | None = None

    @property
    def rank(self) -> tuple[date, bool]:
        """What the replay sorts by (invariant 2)."""
        return self.trade.trade_date, self.kind is not LotEventKind.SPLIT


def lot_events(transaction: Transaction) -> Iterator[tuple[tuple[Holder, Id], LotEvent]]:
    """Yield ((holder, instrument), event) for each position the transaction moves.

    Raises ValueError if a holder's postings name more than one instrument or more than one currency: its cost would be a guess.
    """
    by_holder: dict[Holder, list[Posting]] = {}
    for posting in transaction.postings:
        by_holder.setdefault(posting.holder, []).append(posting)
    for holder, postings in by_holder.items():
        instruments = {p.unit.code for p in postings if p.book is Book.POSITION}
        currencies = {str(p.unit.code) for p in postings if p.unit.kind is UnitKind.CURRENCY}
        if not instruments:
            continue
        if len(instruments) > 1 or len(currencies) > 1:
            raise ValueError(
                f"{transaction.source_key!r} moves {len(instruments)} instruments and {len(currencies)} currencies of {holder}"
            )
        yield (holder, next(iter(instruments))), _event(transaction, postings, next(iter(currencies), ""))


def _event(transaction: Transaction, postings: Sequence[Posting], currency: str) -> LotEvent:
    def total(book: Book, kind: UnitKind) -> Decimal:
        return sum((p.amount for p in postings if p.book is book and p.unit.kind is kind), ZERO)

    quantity, cost = total(Book.POSITION, UnitKind.INSTRUMENT), total(Book.TRADING, UnitKind.CURRENCY)
    trade = Trade(
        trade_id=transaction.source_key,
        trade_date=transaction.trade_date,
        settle_date=transaction.settle_date,
        quantity=quantity,
        amount=cost if quantity > 0 else -cost,
        currency=currency,
        fee=total(Book.FEES, UnitKind.CURRENCY),
        acquired_date=transaction.acquired_date,
    )
    kind = LotEventKind.TRANSFER if transaction.entry_type is EntryType.TRANSFER else LotEventKind.TRADE
    if transaction.entry_type is EntryType.CORPORATE_ACTION and not currency:
        kind = LotEventKind.SPLIT
    return LotEvent(transaction.source_key, trade, kind, transaction.reverses)


def replay(events: Iterable[LotEvent], method: LotMethod) -> LotChange:
    """Return the lots and closures of one position from all its events, in ledger order; `opened` is every lot there ever was.

    Raises ValueError if a reversal has no original before it, or an original is reversed twice.
    """
    standing: dict[str, LotEvent] = {}
    for event in events:
        if event.reverses is None:
            standing[event.source_key] = event
        elif standing.pop(event.reverses, None) is None:
            raise ValueError(f"{event.source_key!r} reverses {event.reverses!r}, which does not stand")
    lots: tuple[Lot, ...] = ()
    opened: list[Lot] = []
    closed: list[Closure] = []
    for event in sorted(standing.values(), key=lambda event: event.rank):
        change = apply_event(lots, event, method)
        lots = change.remaining
        opened += change.opened
        closed += change.closed
    return LotChange(tuple(opened), tuple(closed), lots)


def extend(before: LotChange, events: Sequence[LotEvent], event: LotEvent, method: LotMethod) -> LotChange:
    """Return lots and all closures after one more event; only a reversal or an event out of order costs a replay.

    before: the result for `events`, all there were so far. Raises ValueError as `replay`.
    """
    if event.reverses is not None or any(event.rank < earlier.rank for earlier in events):
        return replay([*events, event], method)
    change = apply_event(before.remaining, event, method)
    return LotChange(before.opened + change.opened, before.closed + change.closed, change.remaining)


def apply_event(lots: Sequence[Lot], event: LotEvent, method: LotMethod) -> LotChange:
    """Apply one event that comes after everything `lots` were made of."""
    trade = event.trade
    held = sum((lot.quantity for lot in lots), ZERO)
    if event.kind is LotEventKind.SPLIT:
        return LotChange((), (), apply_split(lots, held + trade.quantity))
    if event.kind is LotEventKind.TRANSFER and held * trade.quantity < 0:
        acquired = trade.acquired_date or trade.trade_date
        return LotChange((), (), withdraw(lots, acquired_date=acquired, quantity=-trade.quantity, basis=trade.amount))
    return apply_trade(lots, trade, method)
