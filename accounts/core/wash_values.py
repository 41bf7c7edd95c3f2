"""What goes into a replay of wash sales, and what comes out (WASH-1 to WASH-15).

Entry points: `UnitAccount`, `Acquisition`, `Disposal` in; `Replay` of `ClosedPart`, `Match`, `LotPart` out.
Invariant: loss = deferred + permanent + allowed of every part, to the minor unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from accounts.enums import WashFate

from .ledger import Id
from .wash_scope import final_from

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class UnitAccount:
    """An account of the tax unit. taxpayer: who reports its gains; another one's purchase is linked, not own (WASH-11).

    is_sheltered: an IRA, Roth, 401(k) or HSA: its purchases forfeit the loss, its own losses are nobody's (WASH-10).
    """

    account_id: Id
    taxpayer: Id
    is_sheltered: bool = False


@dataclass(frozen=True, slots=True)
class Acquisition:
    """A lot as it was opened. quantity > 0; cost: with fees, whole lot, minor units (of a short lot its proceeds less fees).

    purchase_id: what was bought together and never replaces itself. holding_start: deemed purchase date where it differs. counts: False for
    what is no purchase (gift, inheritance, transfer in kind: WASH-4). sequence: order within the day; equal ones are simultaneous.
    """

    lot_id: Id
    account_id: Id
    purchase_id: Id
    acquired_date: date
    quantity: Decimal
    cost: Decimal
    holding_start: date | None = None
    counts: bool = True
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Disposal:
    """What one sale took from one lot, as booked. quantity > 0; basis: without any deferred loss; sequence: as of acquisitions."""

    sale_id: Id
    lot_id: Id
    sale_date: date
    quantity: Decimal
    proceeds: Decimal
    basis: Decimal
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Match:
    """Shares that replace shares sold at a loss. deemed_start: where their holding period now begins; their purchase date if forfeited."""

    lot_id: Id
    account_id: Id
    acquired_date: date
    quantity: Decimal
    amount: Decimal
    fate: WashFate
    deemed_start: date


@dataclass(frozen=True, slots=True)
class ClosedPart:
    """Shares of one lot with one holding period that a sale closed. carried: deferred losses in their basis; gain: after those.

    Sales of sheltered accounts are not among them: nobody reports their gains.
    """

    disposal: Disposal
    account_id: Id
    quantity: Decimal
    holding_start: date
    carried: Decimal
    gain: Decimal
    matches: tuple[Match, ...] = ()

    @property
    def loss(self) -> Decimal:
        """Return what was lost, ≥ 0."""
        return max(-self.gain, ZERO)

    @property
    def deferred(self) -> Decimal:
        """Return what moved into the basis of other shares."""
        return sum((match.amount for match in self.matches if match.fate is WashFate.DEFERRED), ZERO)

    @property
    def permanent(self) -> Decimal:
        """Return what is forfeited."""
        return sum((match.amount for match in self.matches if match.fate is WashFate.PERMANENT), ZERO)

    @property
    def allowed(self) -> Decimal:
        """Return the loss that may be deducted."""
        return self.loss - self.deferred - self.permanent

    @property
    def final_from(self) -> date:
        """Return the day from which no purchase can change this (WASH-15)."""
        return final_from(self.disposal.sale_date)


@dataclass(frozen=True, slots=True)
class LotPart:
    """Open shares of a lot with one holding period. basis: as booked; carried: deferred losses added (of a short lot: off its proceeds)."""

    lot_id: Id
    quantity: Decimal
    basis: Decimal
    carried: Decimal
    holding_start: date
    is_replacement: bool

    @property
    def adjusted_basis(self) -> Decimal:
        """Return the basis with what wash sales added (WASH-9)."""
        return self.basis + self.carried


@dataclass(frozen=True, slots=True)
class Replay:
    """closed: in order of disposal; open: by acquisition."""

    closed: tuple[ClosedPart, ...]
    open: tuple[LotPart, ...]
