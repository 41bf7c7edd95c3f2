"""Exposure per account and netted, and the currency legs of FX positions (RSK-3, RSK-4, RSK-8b, RSK-12).

Entry points: `exposures` (accounts × instruments), `fx_legs`, `value_of_legs`, `open_risk`.

Invariants: 1. gross ≥ abs(net). 2. netted gross ≤ Σ account gross; netted net = Σ account net. 3. the legs of an FX position, valued at
its own
price, sum to zero. Options enter by delta: their value is delta × underlying price × multiplier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Exposures:
    """gross, net: int64[accounts]; netted_gross, netted_net: the book with all accounts summed per instrument. Minor units, reporting
    currency."""

    gross: Ints
    net: Ints
    netted_gross: int
    netted_net: int


@dataclass(frozen=True, slots=True)
class FxPosition:
    """quantity: base currency, signed (2 lots = 200,000). price: quote currency per base."""

    base: str
    quote: str
    quantity: Decimal
    price: Decimal


def exposures(values: Ints) -> Exposures:
    """Sum signed market values (minor units of one currency), int64[accounts, instruments].

    >>> import numpy as np
    >>> found = exposures(np.array([[100, -50], [-60, 0]]))
    >>> found.gross.tolist(), found.net.tolist(), found.netted_gross, found.netted_net
    ([150, 60], [50, -60], 90, -10)

    Source: RSK-3.
    """
    netted = values.sum(axis=0)
    return Exposures(np.abs(values).sum(axis=1), values.sum(axis=1), int(np.abs(netted).sum()), int(netted.sum()))


def leverage(gross: Decimal, equity: Decimal) -> Fraction | None:
    """Return gross / equity, None where there is no equity to divide by (RSK-3)."""
    return Fraction(gross) / Fraction(equity) if equity > 0 else None


def fx_legs(positions: Sequence[FxPosition]) -> dict[str, Decimal]:
    """Return each currency's amount: +n of the base, −n·P of the quote, summed.

    >>> fx_legs([FxPosition("EUR", "USD", Decimal(200_000), Decimal("1.0850"))])
    {'EUR': Decimal('200000'), 'USD': Decimal('-217000.0000')}

    Source: RSK-4.
    """
    legs: dict[str, Decimal] = {}
    for position in positions:
        legs[position.base] = legs.get(position.base, Decimal(0)) + position.quantity
        legs[position.quote] = legs.get(position.quote, Decimal(0)) - position.quantity * position.price
    return legs


def value_of_legs(legs: Mapping[str, Decimal], rates: Mapping[str, Fraction | Decimal]) -> dict[str, Fraction]:
    """Return the legs valued in one currency. rates: value of one unit of each currency, the valuation currency itself at 1.

    Raises KeyError for a currency without a rate: an unvalued leg is not zero (CON-5). Source: RSK-4.
    """
    return {currency: Fraction(amount) * Fraction(rates[currency]) for currency, amount in legs.items()}


def open_risk(quantities: Ints, prices: Ints, stops: Ints, has_stop: NDArray[np.bool_], stress_rate_ppm: Ints) -> Ints:
    """Return the loss of each position to its stop, or to the mandate's stress move where it has none; 0 where the stop locks in a profit.

    quantities: int64[n] signed units; prices, stops: int64[n] at one scale; stress_rate_ppm: int64[n], 1/1,000,000 of the price.
    Returns int64[n] in units × price scale, stress moves rounded up. Source: RSK-8b.
    """
    stressed = -(-np.abs(prices) * stress_rate_ppm // 1_000_000)
    distance = np.where(has_stop, (prices - stops) * np.sign(quantities), stressed)
    return np.abs(quantities) * np.maximum(distance, 0)


def over_counterparty_limit(held: Mapping[str, Decimal], limits: Mapping[str, Decimal]) -> dict[str, tuple[Decimal, Decimal | None]]:
    """Return custodian → (held, limit) where equity, unsettled and margin held there exceed the limit, or no limit is known (RSK-12,
    CON-5)."""
    return {name: (amount, limits.get(name)) for name, amount in sorted(held.items()) if amount > limits.get(name, Decimal("-Infinity"))}
