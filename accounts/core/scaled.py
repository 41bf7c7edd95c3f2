"""Amounts as integers of 10⁻⁸, the one scale of ledger arrays.

Entry points: `to_scaled`, `from_scaled`, `exact_notional`.
Invariants: 1. a value finer than 10⁻⁸ or outside int64 is refused, never rounded silently. 2. `from_scaled(to_scaled(x)) == x`.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

EXPONENT = 8
SCALE = 10**EXPONENT
_LIMIT = 2**63


def to_scaled(amount: Decimal) -> int:
    """Return the amount in units of 10⁻⁸.

    >>> to_scaled(Decimal("-133374.98"))
    -13337498000000

    Raises ValueError for floats in disguise (NaN, infinity), amounts finer than 10⁻⁸ and amounts that do not fit 64 bits.
    """
    if not amount.is_finite():
        raise ValueError(f"amount {amount} is not finite")
    numerator, denominator = amount.as_integer_ratio()
    scaled: int
    scaled, rest = divmod(numerator * SCALE, denominator)
    if rest:
        raise ValueError(f"amount {amount} is finer than 10^-{EXPONENT}")
    if not -_LIMIT <= scaled < _LIMIT:
        raise ValueError(f"amount {amount} does not fit 64 bits at 10^-{EXPONENT}")
    return scaled


def from_scaled(scaled: int) -> Decimal:
    """Return the amount that `scaled` units of 10⁻⁸ make: 13337498000000 → 133374.98."""
    return Decimal(int(scaled)).scaleb(-EXPONENT)


def exact_notional(quantity: Decimal, price: Decimal | Fraction, multiplier: Decimal = Decimal(1)) -> Decimal:
    """Return quantity × price × multiplier, multiplied exactly and rounded once, half-up, to 10⁻⁸ (CON-1).

    >>> exact_notional(Decimal("3000"), Decimal("50.01"))
    Decimal('150030.00000000')
    """
    product = Fraction(quantity) * Fraction(price) * Fraction(multiplier) * SCALE
    magnitude = (2 * abs(product.numerator) + product.denominator) // (2 * product.denominator)
    return from_scaled(magnitude if product >= 0 else -magnitude)
