"""Which money paid for a buy: good-faith violations and free-riding in cash accounts (ACC-6).

Entry points: `Funding`, `buy`, `sell`, `violations_in_force`, `frozen_until`.

Invariants:
1. A buy consumes settled cash first, then unsettled proceeds by settle date, earliest first.
2. What was bought with unsettled proceeds is `funded_until` the last of their settle dates; selling it before is a good-faith violation.
3. What nothing paid for is unpaid until a deposit; selling it while unpaid is free-riding, whatever `funded_until` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from accounts.enums import CashViolationKind

from .holding_period import add_years
from .ledger import Id

ZERO = Decimal(0)
FREEZE_DAYS = 90
"""Reg T 220.8(c): calendar days during which only settled cash may buy."""


@dataclass(frozen=True, slots=True)
class Funding:
    """One cash account's money in one currency.

    proceeds: (settle date, amount) still unsettled. unpaid: (lot id, amount) bought without funds, oldest first.
    """

    settled: Decimal = ZERO
    proceeds: tuple[tuple[date, Decimal], ...] = ()
    unpaid: tuple[tuple[Id, Decimal], ...] = ()

    def as_of(self, today: date) -> Funding:
        """Return the same money with the proceeds that settle by `today` counted as settled, and paying what is unpaid."""
        matured = sum((amount for day, amount in self.proceeds if day <= today), ZERO)
        waiting = tuple(p for p in self.proceeds if p[0] > today)
        return replace(self, proceeds=waiting)._receive(matured)

    def _receive(self, amount: Decimal) -> Funding:
        rest, unpaid = amount, []
        for lot_id, owed in self.unpaid:
            paid = min(owed, rest)
            rest -= paid
            if owed > paid:
                unpaid.append((lot_id, owed - paid))
        return replace(self, settled=self.settled + rest, unpaid=tuple(unpaid))

    def deposit(self, amount: Decimal, on: date) -> Funding:
        """Return the money after settled cash came in, which pays for unpaid lots first, oldest first."""
        return self.as_of(on)._receive(amount)


@dataclass(frozen=True, slots=True)
class FundedBuy:
    """How a buy was paid: the lot keeps `funded_until`; unpaid > 0 means nothing paid for that part."""

    after: Funding
    funded_until: date | None
    unpaid: Decimal


@dataclass(frozen=True, slots=True)
class CashViolation:
    """A sale that broke ACC-6."""

    kind: CashViolationKind
    lot_id: Id
    sale_date: date


def buy(before: Funding, *, lot_id: Id, cost: Decimal, trade_date: date) -> FundedBuy:
    """Pay for a buy of `cost` (> 0, fees included). Source: ACC-6."""
    money = before.as_of(trade_date)
    from_settled = min(max(money.settled, ZERO), cost)
    rest, left, funded_until = cost - from_settled, [], None
    for day, amount in sorted(money.proceeds):
        taken = min(amount, rest)
        rest -= taken
        if taken:
            funded_until = day
        if amount > taken:
            left.append((day, amount - taken))
    unpaid = (*money.unpaid, (lot_id, rest)) if rest else money.unpaid
    return FundedBuy(Funding(money.settled - from_settled, tuple(left), unpaid), funded_until, rest)


def sell(
    before: Funding, *, lots: Iterable[tuple[Id, date | None]], proceeds: Decimal, trade_date: date, settle_date: date
) -> tuple[Funding, tuple[CashViolation, ...]]:
    """Book the proceeds of a sale and judge it.

    lots: (lot id, its funded_until) of each lot the sale closes, wholly or in part. proceeds: net of fees; settles on `settle_date`. What
    was unpaid of these lots is taken from the proceeds. Returns the money afterwards and the violations, one a lot at most. Source: ACC-6.
    """
    money = before.as_of(trade_date)
    unpaid, found, rest = dict(money.unpaid), [], proceeds
    for lot_id, funded_until in lots:
        if lot_id in unpaid:
            found.append(CashViolation(CashViolationKind.FREE_RIDING, lot_id, trade_date))
            paid = min(unpaid[lot_id], max(rest, ZERO))
            rest -= paid
            unpaid[lot_id] -= paid
        elif funded_until is not None and trade_date < funded_until:
            found.append(CashViolation(CashViolationKind.GOOD_FAITH, lot_id, trade_date))
    owed = tuple((lot_id, amount) for lot_id, amount in unpaid.items() if amount)
    return Funding(money.settled, (*money.proceeds, (settle_date, rest)), owed).as_of(trade_date), tuple(found)


def violations_in_force(violations: Sequence[CashViolation], today: date) -> int:
    """Count good-faith violations of the rolling 12 months that end today; brokers' limits are 3–4 (ACC-6)."""
    return sum(v.kind is CashViolationKind.GOOD_FAITH and v.sale_date <= today < add_years(v.sale_date, 1) for v in violations)


def frozen_until(violations: Sequence[CashViolation]) -> date | None:
    """Return the last day of the freeze that free-riding brought, None without one. Source: Reg T 220.8."""
    sales = [v.sale_date for v in violations if v.kind is CashViolationKind.FREE_RIDING]
    return max(sales) + timedelta(days=FREEZE_DAYS) if sales else None
