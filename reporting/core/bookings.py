"""From the ledger's bookings to the transactions of a statement.

Entry points: `transactions`, `Terms`, `prove_fees`.
Invariants:
1. Every booking that moves the account's cash or quantity becomes at least one transaction; their amounts sum to its cash, per currency.
2. Moves between the account's own sleeves cancel out before they get here, and are not shown.
3. Every charge of the ledger is shown once: as the commission of a trade, or as a fee.
4. Nothing that names another account is taken over: descriptions come from the instrument and the kind of booking, never from free text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from base.core.money import round_money
from reporting.core.books import ZERO, Booking, InstrumentRow
from reporting.core.statement_inputs import Transaction
from reporting.core.statement_proofs import UnableToState
from reporting.enums import TransactionKind

_K = TransactionKind
_PRICE_PLACES = Decimal("0.000001")
FEE_KINDS = frozenset({_K.MANAGEMENT_FEE, _K.PERFORMANCE_FEE, _K.OTHER_FEE})
_SIMPLE = {"INTEREST": _K.INTEREST, "SWAP": _K.FUNDING, "FUNDING": _K.FUNDING, "ADJUSTMENT": _K.ADJUSTMENT}


@dataclass(frozen=True, slots=True)
class Terms:
    """What amounts are converted and valued with.

    rate: base currency for one unit, on a day. value: market value in base currency of a quantity of an instrument on a day.
    moved_in_kind: signed basis in base currency by (transaction, sleeve), from the lots.
    """

    account_id: str
    base_currency: str
    instruments: Mapping[int, InstrumentRow]
    moved_in_kind: Mapping[tuple[UUID, UUID | None], Decimal]
    rate: Callable[[str, date], Decimal]
    value: Callable[[int, Decimal, date], Decimal]


def transactions(bookings: Iterable[Booking], terms: Terms) -> tuple[Transaction, ...]:
    """Return the bookings as transactions of the statement, in the order they were given."""
    return tuple(row for booking in bookings for row in _rows(booking, terms))


def _rows(b: Booking, terms: Terms) -> list[Transaction]:
    if b.quantity and b.instrument_id is not None:
        return [_exchange(b, terms, b.instrument_id)]
    if b.entry_type == "DIVIDEND":
        return _dividend(b, terms)
    if b.entry_type in ("TRADE", "CLEARING") and len(b.cash) > 1:
        return [
            _money(b, terms, _K.FX, currency, amount, f"{'bought' if amount > 0 else 'sold'} {currency}") for currency, amount in _cash(b)
        ]
    words = "correction" if b.entry_type == "ADJUSTMENT" and b.fee_kind else ""
    return [_money(b, terms, _kind(b, amount), currency, amount, words) for currency, amount in _cash(b)]


def _cash(b: Booking) -> list[tuple[str, Decimal]]:
    return sorted((currency, amount) for currency, amount in b.cash.items() if amount)


def _kind(b: Booking, amount: Decimal) -> TransactionKind:
    if b.entry_type == "ADJUSTMENT" and b.fee_kind:
        return _K.OTHER_FEE
    if b.entry_type in _SIMPLE:
        return _SIMPLE[b.entry_type]
    if b.entry_type == "FEE":
        return _K(b.fee_kind)
    forth = -amount if b.reverses else amount
    if b.entry_type == "TRANSFER":
        return _K.TRANSFER_IN if forth > 0 else _K.TRANSFER_OUT
    if b.entry_type in ("FLOW", "OPENING"):
        return _K.DEPOSIT if forth > 0 else _K.WITHDRAWAL
    return _K.CORPORATE_ACTION


def prove_fees(bookings: Iterable[Booking], rows: Iterable[Transaction]) -> None:
    """Prove per currency that commissions and fees shown are what the ledger charged. Raises UnableToState FEES_DIFFER."""
    left: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for b in bookings:
        corrected = b.cash if b.entry_type == "ADJUSTMENT" and b.fee_kind else {}
        for currency, amount in (*b.fees.items(), *((currency, -amount) for currency, amount in corrected.items())):
            left[currency] += amount
    for t in rows:
        left[t.currency] -= t.commission - (t.amount if t.kind in FEE_KINDS else ZERO)
    if wrong := {currency: amount for currency, amount in left.items() if amount}:
        raise UnableToState("FEES_DIFFER", not_shown=wrong)


def _words(b: Booking, words: str) -> str:
    return ", ".join(part for part in (words, "reversal" if b.reverses else "reversed later" if b.reversed else "") if part)


def _money(b: Booking, terms: Terms, kind: TransactionKind, currency: str, amount: Decimal, words: str) -> Transaction:
    charged = b.fees.get(currency, ZERO) if b.entry_type in ("TRADE", "CLEARING") else ZERO
    return Transaction(
        account_id=terms.account_id,
        booked_date=b.trade_date,
        kind=kind,
        description=_words(b, words),
        currency=currency,
        amount=amount,
        amount_base=_in_base(terms, amount, currency, b.trade_date),
        settle_date=b.settle_date,
        commission=charged,
        commission_base=_in_base(terms, charged, currency, b.trade_date),
        journey_id=b.journey_id,
        recorded_at=b.recorded_at,
    )


def _in_base(terms: Terms, amount: Decimal, currency: str, day: date) -> Decimal:
    return round_money(amount * terms.rate(currency, day), terms.base_currency) if amount else ZERO


def _dividend(b: Booking, terms: Terms) -> list[Transaction]:
    """Return what was paid before tax, and the tax; an accrual alone moves no cash and is no transaction."""
    rows = []
    for currency in sorted({*b.cash, *b.withheld}):
        withheld = b.withheld.get(currency, ZERO)
        gross = b.cash.get(currency, ZERO) + withheld
        if gross:
            rows.append(_money(b, terms, _K.DIVIDEND, currency, gross, ""))
        if withheld:
            rows.append(_money(b, terms, _K.WITHHOLDING_TAX, currency, -withheld, ""))
    return rows


def _exchange(b: Booking, terms: Terms, instrument_id: int) -> Transaction:
    """Return a booking that moved a holding: a trade, a transfer or opening in kind, a corporate action."""
    instrument = terms.instruments[instrument_id]
    currency = next(iter(b.cash or b.trading or b.fees), instrument.currency)
    amount = b.cash.get(currency, ZERO)
    forth = -b.quantity if b.reverses else b.quantity
    in_kind = not b.cash and b.entry_type not in ("TRADE", "CLEARING", "CORPORATE_ACTION")
    if in_kind:
        kind = _K.TRANSFER_IN if forth > 0 else _K.TRANSFER_OUT
    elif b.entry_type == "CORPORATE_ACTION":
        kind = _K.CORPORATE_ACTION
    else:
        kind = _K.BUY if forth > 0 else _K.SELL
    cost = abs(b.trading.get(currency, ZERO))
    price = (cost / abs(b.quantity) / instrument.multiplier).quantize(_PRICE_PLACES, ROUND_HALF_UP) if cost and amount else None
    return Transaction(
        account_id=terms.account_id,
        booked_date=b.trade_date,
        kind=kind,
        description=_words(b, instrument.name or instrument.symbol),
        currency=currency,
        amount=amount,
        amount_base=_in_base(terms, amount, currency, b.trade_date),
        settle_date=b.settle_date,
        instrument_id=str(instrument_id),
        symbol=instrument.symbol,
        quantity=b.quantity,
        price=price,
        commission=b.fees.get(currency, ZERO),
        commission_base=_in_base(terms, b.fees.get(currency, ZERO), currency, b.trade_date),
        in_kind_value_base=terms.value(instrument_id, b.quantity, b.trade_date) if in_kind else ZERO,
        in_kind_basis_base=terms.moved_in_kind.get((b.transaction_id, b.sleeve_id), ZERO) if in_kind else ZERO,
        journey_id=b.journey_id,
        recorded_at=b.recorded_at,
    )
