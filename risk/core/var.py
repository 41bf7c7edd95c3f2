"""Value at risk and expected shortfall, historical and parametric; risk of correlated bets (RSK-5, RSK-6).

Entry points: `historical_var` (P&L arrays), `parametric_var`, `cluster_risk`.

Invariants: 1. the tail has k = ⌈N(1−α)⌉ scenarios with α exact: a decimal, never a float. 2. expected shortfall ≥ VaR.
3. VaR of several accounts is that of their summed P&L or netted positions, never a sum of VaRs.
Historical figures are integers; parametric ones are estimates from a volatility, floats.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class HistoricalVar:
    """var: int64[...], the k-th worst P&L as a loss (negative: a gain). tail_loss: int64[...], sum of the k worst; expected shortfall =
    tail_loss / k."""

    var: Ints
    tail_loss: Ints
    k: int

    @property
    def expected_shortfall(self) -> Ints:
        """Return the mean of the k worst losses, rounded half-up away from zero, int64[...]."""
        rounded: Ints = np.sign(self.tail_loss) * ((2 * np.abs(self.tail_loss) + self.k) // (2 * self.k))
        return rounded


def tail_size(scenarios: int, confidence: Decimal) -> int:
    """Return k = ⌈N(1−α)⌉, exactly.

    >>> tail_size(500, Decimal("0.99")), tail_size(20, Decimal("0.90"))
    (5, 2)

    Raises ValueError unless there is a scenario and 0 < α < 1. Source: RSK-6.
    """
    if scenarios < 1 or not 0 < confidence < 1:
        raise ValueError(f"{scenarios} scenarios at confidence {confidence}")
    return ceil(scenarios * (1 - Fraction(confidence)))


def historical_var(pnl: Ints, confidence: Decimal) -> HistoricalVar:
    """Return VaR and expected shortfall over the last axis.

    pnl: int64[..., scenarios], minor units, gains positive. Partitions instead of sorting: 10,000 accounts × 500 scenarios in one pass.

    >>> import numpy as np
    >>> found = historical_var(np.array([-900, -650, -400] + [10] * 17), Decimal("0.90"))
    >>> int(found.var), int(found.expected_shortfall)
    (650, 775)

    Raises ValueError as `tail_size`. Source: RSK-6.
    """
    k = tail_size(pnl.shape[-1], confidence)
    worst = np.partition(pnl, k - 1, axis=-1)[..., :k]
    return HistoricalVar(-worst[..., k - 1], -worst.sum(axis=-1), k)


def parametric_var(value: float, volatility: float, confidence: float) -> tuple[float, float]:
    """Return (VaR, expected shortfall) of a normal P&L: z·σ·V and σ·V·φ(z)/(1−α).

    value: netted position value, sign ignored; volatility: of the horizon, 0.012 = 1.2%.

    >>> [round(x, 2) for x in parametric_var(1e6, 0.012, 0.99)]
    [27916.17, 31982.57]

    Source: RSK-6.
    """
    normal = NormalDist()
    z = normal.inv_cdf(confidence)
    scale = abs(value) * volatility
    return z * scale, scale * normal.pdf(z) / (1 - confidence)


def cluster_risk(risks: NDArray[np.float64], correlations: NDArray[np.float64]) -> float:
    """Return √(w′ρw). risks: float[n], signed by direction; correlations: float[n, n].

    >>> import numpy as np
    >>> rho = np.array([[1, 0.8], [0.8, 1]])
    >>> round(cluster_risk(np.array([0.01, 0.01]), rho), 5), round(cluster_risk(np.array([0.01, -0.01]), rho), 5)
    (0.01897, 0.00632)

    Source: RSK-5.
    """
    return float(np.sqrt(max(0.0, float(risks @ correlations @ risks))))
