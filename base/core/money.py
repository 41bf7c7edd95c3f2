"""Money: currencies, minor units, the one place where amounts are rounded (CON-1).

Invariant: multiply first, divide last, round once, half-up, to the currency's minor unit.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

# ISO 4217 exponents that differ from 2; crypto assets use the precision their ledgers settle in.
EXPONENTS = {
    **dict.fromkeys(
        ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"], 0
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    **dict.fromkeys(["BTC", "ETH", "LTC", "BCH"], 8),
    **dict.fromkeys(["USDT", "USDC"], 6),
}


def minor_exponent(currency: str) -> int:
    """Return how many decimals the currency's minor unit has.

    >>> minor_exponent("USD"), minor_exponent("JPY"), minor_exponent("BTC")
    (2, 0, 8)
    """
    return EXPONENTS.get(currency, 2)


def minor_unit(currency: str) -> Decimal:
    """Return the smallest amount of the currency: 0.01 for USD."""
    return Decimal(1).scaleb(-minor_exponent(currency))


def round_money(amount: Decimal | Fraction, currency: str) -> Decimal:
    """Round an exact amount half-up (away from zero on ties) to the currency's minor unit (CON-1).

    >>> round_money(Decimal("2.345"), "USD"), round_money(Decimal("-2.345"), "USD"), round_money(Fraction(1, 3), "JPY")
    (Decimal('2.35'), Decimal('-2.35'), Decimal('0'))

    Raises ValueError for NaN and infinities.
    """
    if isinstance(amount, Decimal):
        if not amount.is_finite():
            raise ValueError(f"amount {amount} is not finite")
        return amount.quantize(minor_unit(currency), ROUND_HALF_UP)
    return from_minor(to_minor(amount, currency), currency)


def to_minor(amount: Decimal | Fraction, currency: str) -> int:
    """Return the amount in minor units, rounded half-up away from zero.

    >>> to_minor(Decimal("133374.984"), "USD")
    13337498
    """
    scaled = Fraction(amount) * 10 ** minor_exponent(currency)
    magnitude = (2 * abs(scaled.numerator) + scaled.denominator) // (2 * scaled.denominator)
    return magnitude if scaled >= 0 else -magnitude


def from_minor(minor: int, currency: str) -> Decimal:
    """Return minor units as an amount: 13337498 → 133374.98."""
    return Decimal(minor).scaleb(-minor_exponent(currency))
