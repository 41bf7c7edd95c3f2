"""What a release's page shows: the release, its connections, each account's part.

Entry points: `ReleaseStory`, `LaneRows`, `PartRow`. Plain values; `releases` fills them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from allocation.enums import SizingMethod
from base.core import figures

from ..enums import Outcome, RouteKind


@dataclass(frozen=True, slots=True)
class PartRow:
    """One account's part. fill_rate: 0…100 for the bar. order_id: what a cancel would name, replace_id: the parent whose limit may be changed;
    None where there is nothing to cancel or change.
    """

    account_id: UUID
    code: str
    name: str
    outcome: Outcome
    side: str
    quantity: Decimal | None
    filled: Decimal | None
    price: Decimal | None
    note: str
    rule: str = ""
    order_id: UUID | None = None
    replace_id: UUID | None = None

    @property
    def fill_rate(self) -> str:
        """Return the filled share in percent, as a width."""
        return f"{self.filled * 100 / self.quantity:.1f}" if self.quantity and self.filled else "0"


@dataclass(frozen=True, slots=True)
class LaneRows:
    """A broker connection's accounts. order_id: of its block while it can be canceled; replace_id: its parent while its limit can be changed.

    is_simulated: what works there waits for the paper venue's next minute.
    """

    code: str
    is_block: bool
    quantity: Decimal
    filled: Decimal
    price: Decimal | None
    order_id: UUID | None
    replace_id: UUID | None
    is_simulated: bool
    rows: list[PartRow]


@dataclass(frozen=True, slots=True)
class ReleaseStory:
    """A released signal. cost_bps: against the decision price, positive = paid. amounts: quantity by outcome; counts: accounts by outcome."""

    journey_id: UUID
    symbol: str
    currency: str
    tick: Decimal
    method: SizingMethod
    figure: Decimal | None
    sides: tuple[str, ...]
    released_at: datetime
    released_by: str
    hash: str
    decision_price: Decimal
    limit_price: Decimal | None
    routes: tuple[RouteKind, ...]
    is_over: bool
    orders: int
    ordered: Decimal
    filled: Decimal
    price: Decimal | None
    cost_bps: Decimal | None
    amounts: Mapping[str, Decimal]
    counts: Mapping[str, int]
    lanes: list[LaneRows]
    never_ordered: list[PartRow]
    hidden: int
    parents: tuple[UUID, ...]

    @property
    def filled_rate(self) -> Decimal | None:
        """Return the filled share of the order."""
        return self.filled / self.ordered if self.ordered else None

    @property
    def _still(self) -> tuple[Outcome, ...]:
        return (Outcome.WORKING,) if self.is_over else (Outcome.WORKING, Outcome.PARTIAL)

    @property
    def _lost(self) -> tuple[Outcome, ...]:
        ended = (Outcome.REJECTED, Outcome.BLOCKED, Outcome.CANCELED)
        return (*ended, Outcome.PARTIAL) if self.is_over else ended

    @property
    def working(self) -> Decimal:
        """Return what is ordered and may still fill."""
        return sum((self.amounts.get(one, Decimal(0)) for one in self._still), Decimal(0))

    @property
    def working_accounts(self) -> int:
        """Return how many accounts that concerns."""
        return sum(self.counts.get(one, 0) for one in self._still)

    @property
    def lost(self) -> Decimal:
        """Return what will not be filled: rejected, blocked or ended."""
        return sum((self.amounts.get(one, Decimal(0)) for one in self._lost), Decimal(0))

    @property
    def lost_accounts(self) -> int:
        """Return how many accounts that concerns."""
        return sum(self.counts.get(one, 0) for one in self._lost)

    @property
    def signed_cost(self) -> str:
        """Return the cost against the decision with its sign."""
        return (
            "" if self.cost_bps is None else f"{figures.MINUS if self.cost_bps < 0 else '+' if self.cost_bps else ''}{abs(self.cost_bps)}"
        )

    @property
    def accounts(self) -> int:
        """Return how many accounts something was ordered for."""
        return sum(self.counts.values()) - self.counts.get(Outcome.SKIPPED, 0)
