"""What the books say of one account, as values: the raw material of a statement.

Entry points: `Books` and the rows it holds. Amounts are those of the ledger: debits positive (what the account holds or paid for).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Booking:
    """One ledger transaction as it moved one sleeve of the account.

    cash, trading, fees, receivable, withheld: by currency. trading: cost of what came in, negative for what went out. quantity: of
    `instrument_id`. reverses: it undoes an earlier one; reversed: a later one undoes it. internal: over all sleeves it moves nothing.
    fee_kind: MANAGEMENT_FEE, PERFORMANCE_FEE or OTHER_FEE of a fee or the correction of one, else "".
    """

    transaction_id: UUID
    sleeve_id: UUID | None
    leg_id: UUID | None
    entry_type: str
    trade_date: date
    settle_date: date
    fee_kind: str
    journey_id: str
    reverses: bool
    reversed: bool
    internal: bool
    instrument_id: int | None
    quantity: Decimal
    cash: Mapping[str, Decimal]
    trading: Mapping[str, Decimal]
    fees: Mapping[str, Decimal]
    receivable: Mapping[str, Decimal]
    withheld: Mapping[str, Decimal]
    recorded_at: datetime | None = None

    @property
    def stands(self) -> bool:
        """Return whether it is neither a reversal nor reversed: only such bookings made lots."""
        return not (self.reverses or self.reversed)


@dataclass(frozen=True, slots=True)
class LotRow:
    """A tax lot. quantity's sign tells long from short; basis: what remains of it today, ≥ 0, in `currency`."""

    id: UUID
    transaction_id: UUID
    sleeve_id: UUID
    leg_id: UUID | None
    instrument_id: int
    acquired_on: date
    is_long: bool
    currency: str
    basis: Decimal


@dataclass(frozen=True, slots=True)
class ClosureRow:
    """What one transaction took from one lot; proceeds and basis in the lot's currency, fees included."""

    lot_id: UUID
    transaction_id: UUID
    closed_on: date
    quantity: Decimal
    proceeds: Decimal
    basis: Decimal
    is_long_term: bool


@dataclass(frozen=True, slots=True)
class InstrumentRow:
    """What a statement says of an instrument."""

    id: int
    symbol: str
    name: str
    currency: str
    multiplier: Decimal
    is_simulated: bool


@dataclass(frozen=True, slots=True)
class PriceRow:
    """The last price known at an instant, and where it comes from."""

    price: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class Balance:
    """Sums of one book over all sleeves, before the period and at its end; settled: what had settled by then."""

    opening: Decimal
    closing: Decimal
    settled: Decimal


FLOW_TYPES = ("FLOW", "OPENING", "TRANSFER")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Equity at the end of a day, in base currency, and the external flow of the day; valued_at: by the books as they were then, None unknown.

    is_overtaken: something dated up to the day was booked after it was valued (asked at the ends of a period alone).
    """

    as_of: date
    equity: Decimal
    external_flow: Decimal
    valued_at: datetime | None = None
    is_overtaken: bool = False

    def holds(self, trade_date: date, recorded_at: datetime | None) -> bool:
        """Tell whether what was booked for a day is in this value."""
        is_late = recorded_at is not None and self.valued_at is not None and recorded_at > self.valued_at
        return trade_date <= self.as_of and not is_late


@dataclass(frozen=True, slots=True)
class AccountRow:
    """The account, its custodian, its owner, and whether it trades on paper."""

    id: UUID
    code: str
    name: str
    registration: str
    tax_classification: str
    base_currency: str
    lot_method: str
    opened_on: date
    is_clearing: bool
    is_paper: bool
    firm: str
    holder: str
    address: str
    mandate: str
    custodian: str
    custodian_contact: str
    custodian_account: str


@dataclass(frozen=True, slots=True)
class Books:
    """Everything the ledger and its projections say of one account up to the end of a period.

    bookings: of the period, and those that opened or closed its lots before. closures: of these lots, later ones too: what a lot's basis of
    today lacks besides them has left in kind.
    """

    account: AccountRow
    positions: Mapping[int, Balance]
    cash: Mapping[str, Balance]
    receivables: Mapping[str, Balance]
    bookings: tuple[Booking, ...]
    lots: tuple[LotRow, ...]
    closures: tuple[ClosureRow, ...]
    snapshots: tuple[Snapshot, ...]

    def late_flows(self, start: date) -> list[Booking]:
        """Return the flows dated before `start` that the last evening before it does not hold; none where there is no such evening."""
        last = next((s for s in reversed(self.snapshots) if s.as_of < start), None)
        flows = [b for b in self.bookings if b.trade_date < start and b.entry_type in FLOW_TYPES and not b.internal]
        return [b for b in flows if last is not None and not last.holds(b.trade_date, b.recorded_at)]
