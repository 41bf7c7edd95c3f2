"""Books of a small account, booked with the ledger's own constructors and written as the ledger writes them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from accounts.core import entries
from accounts.core.ledger import Holder, Transaction
from accounts.core.projections import project
from accounts.enums import Book, LotMethod, UnitKind
from accounts.models import Account, LedgerEntry, LedgerTransaction, LotClosure, TaxLot
from market.models import FxRate, Quote
from tests.factories import as_loader, number

RECORDED = datetime(2026, 11, 2, 6, tzinfo=UTC)


def stamp(day: date, settle: date | None = None, *, kind: str = "test", **more: Any) -> entries.Stamp:
    return entries.Stamp(day, settle or day, f"{kind}-{number()}", **more)


def write(
    transactions: Iterable[Transaction], *, methods: dict[Any, LotMethod] | None = None, reasons: dict[str, str] | None = None
) -> None:
    """Write ledger rows, and the lots and closures that follow from all of them."""
    ledger = list(transactions)
    heads: dict[str, LedgerTransaction] = {}
    for t in ledger:
        heads[t.source_key] = LedgerTransaction.objects.create(
            entry_type=t.entry_type,
            trade_date=t.trade_date,
            settle_date=t.settle_date,
            journey_id=t.journey_id,
            source_key=t.source_key,
            reverses=heads.get(t.reverses or ""),
            reason=t.justification.reason if t.justification else "",
            recorded_at=RECORDED,
        )
        LedgerEntry.objects.bulk_create(
            LedgerEntry(
                transaction=heads[t.source_key],
                account_id=p.account_id,
                sleeve_id=p.sleeve_id,
                book=p.book,
                currency=str(p.unit.code) if p.unit.kind is UnitKind.CURRENCY else "",
                instrument_id=p.unit.code if p.unit.kind is UnitKind.INSTRUMENT else None,
                amount=p.amount,
                settle_date=p.settle_date,
            )
            for p in t.postings
        )
    _write_lots(ledger, heads, methods)


def _write_lots(ledger: list[Transaction], heads: dict[str, LedgerTransaction], methods: dict[Any, LotMethod] | None) -> None:
    """Write every lot that was ever opened: what is left of it, and what each sale took."""
    state = project(ledger, methods)
    for (holder, instrument_id), _ in state.events.items():
        open_lots = {lot.lot_id: lot for lot in state.lots.get((holder, instrument_id), ())}
        closures = state.closures.get((holder, instrument_id), ())
        names = dict.fromkeys([*open_lots, *(c.lot_id for c in closures), *_withdrawn(ledger, holder, instrument_id)])
        rows = {}
        for name in names:
            lot, t = open_lots.get(name), next(t for t in ledger if t.source_key == name)
            moved = next(p.amount for p in t.postings if p.book is Book.POSITION and p.holder == holder)
            money = next(p.unit.code for p in t.postings if p.unit.kind is UnitKind.CURRENCY)
            rows[name] = TaxLot.objects.create(
                account_id=holder.account_id,
                sleeve_id=holder.sleeve_id,
                instrument_id=instrument_id,
                transaction=heads[name],
                acquired_on=t.acquired_date or t.trade_date,
                original_quantity=moved,
                quantity=lot.quantity if lot else 0,
                currency=money,
                basis=lot.basis if lot else 0,
            )
        for c in closures:
            LotClosure.objects.create(
                lot=rows[c.lot_id],
                transaction=heads[c.trade_id],
                account_id=holder.account_id,
                closed_on=c.closed_date,
                quantity=c.quantity,
                proceeds=c.proceeds,
                basis=c.basis,
                is_long_term=c.long_term,
            )


def _withdrawn(ledger: list[Transaction], holder: Holder, instrument_id: int) -> list[str]:
    """Return the lots that came in and may have left in kind without a closure."""
    reversed_keys = {t.reverses for t in ledger}
    return [
        t.source_key
        for t in ledger
        if t.entry_type in ("OPENING", "TRANSFER")
        and t.source_key not in reversed_keys
        and any(p.book is Book.POSITION and p.holder == holder and p.unit.code == instrument_id and p.amount > 0 for p in t.postings)
    ]


def holder(account: Account, sleeve: Any) -> Holder:
    return Holder(account.id, sleeve.id)


def quote(instrument_id: int, day: date, price: str) -> None:
    """Record a last price a little before the day's end."""
    at = datetime.combine(day, time(20), UTC)
    value = Decimal(price)
    as_loader(
        lambda: Quote.objects.using("loader").create(instrument_id=instrument_id, source="TEST", as_of=at, bid=value, ask=value, last=value)
    )


def fixing(day: date, quotes: dict[str, str]) -> None:
    """Record ECB fixings: units of each currency for one euro. They outlive the test, so tests share dates only with equal rates."""
    at = datetime.combine(day, time(14, 15), UTC)

    def save() -> None:
        for code, rate in quotes.items():
            FxRate.objects.using("loader").get_or_create(
                base="EUR", quote=code, source="ECB_REFERENCE", as_of=at, defaults={"rate": Decimal(rate)}
            )

    as_loader(save)


def next_day(day: date) -> date:
    return day + timedelta(days=1)
