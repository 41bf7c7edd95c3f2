"""What an order is expected to cost, estimated before it is sent.

Entry point: `expected_cost`. Every line is an estimate with its assumption beside it; nothing is booked from it.
Sources: half spread, the quote itself; impact, RTE-6 (the square-root law, Y = 1 until calibrated; the average paid is two thirds of the peak);
commission, the published fixed price of a retail broker for US shares (Interactive Brokers "Fixed": 0.005 a share, at least 1.00 an order), which is
also what the built-in paper venue of the tour charges.
A limit the market does not reach now is costed as if it filled at its price: signed against the middle of the quote, and without impact.
Invariants: 1. decimals only. 2. a line that cannot be estimated is None and says why. 3. the total is the sum of the lines as shown, None if one is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from itertools import pairwise

PER_UNIT, MINIMUM = Decimal("0.005"), Decimal("1.00")
LEAST_RETURNS = 5
# Where there are too few daily bars: a middling US share's day, about 30% a year.
ASSUMED_SIGMA_BPS = Decimal(200)
_WIDE = Context(prec=28)
_CENT, _HUNDREDTH = Decimal("0.01"), Decimal("0.01")


@dataclass(frozen=True, slots=True)
class CostLine:
    """One part. bps: of the order's value. amount: quote currency, two decimals. assumption: what it rests on, or why there is none."""

    name: str
    bps: Decimal | None
    amount: Decimal | None
    assumption: str


@dataclass(frozen=True, slots=True)
class CostFacts:
    """What an estimate rests on.

    notional: quote currency, positive; volume: average daily units, None = not known; orders: how many are sent; limit: of one side's order,
    None = it trades now; is_buy: that side.
    """

    quantity: Decimal
    notional: Decimal
    bid: Decimal | None
    ask: Decimal | None
    volume: Decimal | None
    sigma_bps: Decimal | None
    orders: int
    limit: Decimal | None = None
    is_buy: bool = True

    @property
    def rests(self) -> bool:
        """Tell whether the order waits for the market to come to its limit."""
        other = self.ask if self.is_buy else self.bid
        return self.limit is not None and other is not None and (self.limit < other if self.is_buy else self.limit > other)


def expected_cost(facts: CostFacts) -> tuple[list[CostLine], CostLine]:
    """Return half spread (at a limit that rests: what it saves), impact and commission, and their total.

    >>> facts = CostFacts(Decimal(10_000), Decimal(500_000), Decimal("49.99"), Decimal("50.01"), Decimal(2_000_000), Decimal(200), 1)
    >>> [(line.name, str(line.bps), str(line.amount)) for line in expected_cost(facts)[0]]
    [('Half spread', '2.00', '100.00'), ('Impact', '9.43', '471.40'), ('Commission', '1.00', '50.00')]

    Source: RTE-6, ALC-5 (estimates are stored as estimates).
    """
    lines = [_at_limit(facts) if facts.rests else _half_spread(facts), _impact(facts), _commission(facts)]
    amounts = [line.amount for line in lines if line.amount is not None]
    if len(amounts) < len(lines):
        return lines, CostLine("Total", None, None, "a part of it cannot be estimated")
    total = sum(amounts, Decimal(0))
    return lines, CostLine("Total", _in_bps(total, facts), total, "the sum of the three")


def daily_sigma_bps(closes: Sequence[int]) -> Decimal | None:
    """Return the standard deviation of daily returns in basis points; None for fewer than five returns. closes: at one scale, oldest first.

    >>> daily_sigma_bps([100, 102, 100, 102, 100, 102]).quantize(Decimal("0.1"))
    Decimal('216.9')
    """
    returns = [_WIDE.divide(Decimal(b - a), Decimal(a)) for a, b in pairwise(closes) if a > 0]
    if len(returns) < LEAST_RETURNS:
        return None
    mean = sum(returns, Decimal(0)) / len(returns)
    variance = sum(((one - mean) ** 2 for one in returns), Decimal(0)) / (len(returns) - 1)
    return _WIDE.sqrt(variance) * 10_000


def _half_spread(facts: CostFacts) -> CostLine:
    if facts.bid is None or facts.ask is None or facts.ask < facts.bid or facts.bid + facts.ask <= 0:
        return CostLine("Half spread", None, None, "the quote has not two sides")
    bps = _WIDE.divide((facts.ask - facts.bid) * 10_000, facts.bid + facts.ask)
    return _line("Half spread", bps, facts, "half of the quoted spread, paid on every unit")


def _at_limit(facts: CostFacts) -> CostLine:
    if facts.limit is None or facts.bid is None or facts.ask is None or facts.ask < facts.bid or facts.bid + facts.ask <= 0:
        return CostLine("At the limit", None, None, "the quote has not two sides")
    bps = _WIDE.divide((2 * facts.limit - facts.bid - facts.ask) * 10_000, facts.bid + facts.ask)
    said = "if it fills: against the middle of the quote, a minus saves; what does not fill costs nothing and does not trade"
    return _line("At the limit", bps if facts.is_buy else -bps, facts, said)


def _impact(facts: CostFacts) -> CostLine:
    if facts.rests:
        return _line("Impact", Decimal(0), facts, "an order that rests takes nothing from the book")
    if not facts.volume:
        return CostLine("Impact", None, None, "no daily volume to measure the order by")
    sigma = ASSUMED_SIGMA_BPS if facts.sigma_bps is None else facts.sigma_bps
    paid = 2 * sigma * _WIDE.sqrt(_WIDE.divide(facts.quantity, facts.volume)) / 3
    days = "assumed: too few daily bars" if facts.sigma_bps is None else "of recent daily closes"
    said = f"RTE-6: 2/3 × σ × √(order / average daily volume), σ {sigma.quantize(_HUNDREDTH)} bp a day {days}"
    return _line("Impact", paid, facts, said)


def _commission(facts: CostFacts) -> CostLine:
    amount = max(PER_UNIT * facts.quantity, MINIMUM * facts.orders) if facts.quantity else Decimal(0)
    amount = amount.quantize(_CENT, ROUND_HALF_UP)
    return CostLine(
        "Commission",
        _in_bps(amount, facts),
        amount,
        f"{PER_UNIT} a unit, at least {MINIMUM} for each of {facts.orders} orders; brokers differ",
    )


def _line(name: str, bps: Decimal, facts: CostFacts, assumption: str) -> CostLine:
    amount = _WIDE.divide(bps * facts.notional, Decimal(10_000)).quantize(_CENT, ROUND_HALF_UP)
    return CostLine(name, bps.quantize(_HUNDREDTH, ROUND_HALF_UP), amount, assumption)


def _in_bps(amount: Decimal, facts: CostFacts) -> Decimal | None:
    if not facts.notional:
        return None
    return _WIDE.divide(amount * 10_000, facts.notional).quantize(_HUNDREDTH, ROUND_HALF_UP)
