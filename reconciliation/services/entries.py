"""The ledger transaction of an adjustment (REC-7).

Entry point: `ledger_transaction`.
Invariants: 1. its effect on cash and position is that of the core's postings, to the last unit; 2. it is dated on the day the difference
belongs to, so that every later day agrees; 3. the suspense of reconciliation is the ledger's ADJUSTMENT book.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

from accounts.core import entries
from accounts.core.ledger import Holder, Justification, Transaction
from accounts.enums import AdjustmentKind as LedgerKind

from ..core.resolution import SUSPENSE, Adjustment
from ..enums import AdjustmentKind
from ..models import Break

IN_LEDGER = 200  # the ledger keeps the beginning of reason and evidence, the adjustment all of it
_KINDS = {
    AdjustmentKind.BOOK_FILL: LedgerKind.TRADE_ERROR,
    AdjustmentKind.BUST_FILL: LedgerKind.TRADE_ERROR,
    AdjustmentKind.CORRECT_FILL: LedgerKind.TRADE_ERROR,
    AdjustmentKind.CASH: LedgerKind.CASH,
    AdjustmentKind.FEE: LedgerKind.FEE,
    AdjustmentKind.COMMISSION: LedgerKind.FEE,
    AdjustmentKind.DIVIDEND: LedgerKind.DIVIDEND,
    AdjustmentKind.TAX: LedgerKind.TAX,
    AdjustmentKind.CORPORATE_ACTION: LedgerKind.CORPORATE_ACTION,
    AdjustmentKind.FX_DIFFERENCE: LedgerKind.FX_RATE,
    AdjustmentKind.TRANSFER: LedgerKind.TRANSFER,
}


def ledger_transaction(row: Break, made: Adjustment, *, source_key: str, sleeve_id: UUID | None) -> Transaction:
    """Return the balanced transaction of an adjustment that posts. Fills settle when the custodian's trade does."""
    ours = [posting for posting in made.postings if posting.account != SUSPENSE]
    quantity = sum((posting.amount for posting in ours if posting.unit == row.symbol and row.symbol), Decimal(0))
    cash = sum((posting.amount for posting in ours if posting.unit == row.currency and posting.unit != row.symbol), Decimal(0))
    day: date = row.booked_on or row.opened_on
    stamp = entries.Stamp(day, _settle_date(row, day), source_key)
    holder = Holder(row.account_id, sleeve_id)
    why = Justification(_KINDS[made.kind], made.reason[:IN_LEDGER], "; ".join(made.evidence)[:IN_LEDGER], made.approved_by)
    if not quantity:
        return entries.cash_adjustment(holder, stamp, amount=cash, currency_code=row.currency, justification=why)
    if row.instrument_id is None:
        raise LookupError(f"break {row.id} names no instrument")
    bought = entries.position_adjustment(
        holder,
        stamp,
        instrument_id=row.instrument_id,
        quantity=quantity,
        cost=-cash,
        currency_code=row.currency,
        justification=why,
    )
    if not cash:
        return bought
    paid = entries.cash_adjustment(holder, stamp, amount=cash, currency_code=row.currency, justification=why)
    return _joined(bought, paid)


def _joined(first: Transaction, second: Transaction) -> Transaction:
    """Return one transaction of both, so that they stand or fall together."""
    return Transaction(
        entry_type=first.entry_type,
        trade_date=first.trade_date,
        settle_date=first.settle_date,
        journey_id=first.journey_id,
        source_key=first.source_key,
        postings=(*first.postings, *second.postings),
        justification=first.justification,
    )


def _settle_date(row: Break, day: date) -> date:
    return max(row.settles_on or day, day)
