"""Corporate actions as they change what we expect (REC-5).

Entry points: `split`, `dividend_receivable`, `merge`.
Invariants: 1. total basis is kept, but for the part that cash in lieu takes with it;
2. rationals throughout, money rounded once at the end (CON-1).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from base.core.money import round_money


@dataclass(frozen=True, slots=True)
class SplitOutcome:
    """A holding after a split. raw_quantity before the fraction is paid out; basis: total, of the whole shares kept."""

    raw_quantity: Fraction
    unit_basis: Fraction
    quantity: int
    basis: Decimal
    cash_in_lieu: Decimal
    gain: Decimal


@dataclass(frozen=True, slots=True)
class MergerOutcome:
    """A lot after a merger: converted quantity and basis (it keeps its holding period), cash received, gain taxed now (boot)."""

    quantity: Fraction
    basis: Decimal
    boot: Decimal
    taxed_gain: Decimal


def split(quantity: Decimal, unit_basis: Decimal, ratio: Fraction, lieu_price: Decimal, currency: str = "USD") -> SplitOutcome:
    """Split a holding; the fraction of a share is paid out at `lieu_price` and sold against its own basis.

    >>> outcome = split(Decimal(101), Decimal(30), Fraction(3, 2), Decimal(21))
    >>> outcome.quantity, outcome.basis, outcome.cash_in_lieu, outcome.gain
    (151, Decimal('3020.00'), Decimal('10.50'), Decimal('0.50'))

    Raises ValueError for a ratio ≤ 0.
    """
    if ratio <= 0:
        raise ValueError("a split's ratio is above zero")
    raw = Fraction(quantity) * ratio
    unit = Fraction(unit_basis) / ratio
    whole = abs(raw).numerator // abs(raw).denominator * (1 if raw >= 0 else -1)
    fraction = raw - whole
    paid = round_money(fraction * Fraction(lieu_price), currency)
    gain = round_money(fraction * (Fraction(lieu_price) - unit), currency)
    return SplitOutcome(raw, unit, whole, round_money(whole * unit, currency), paid, gain)


def dividend_receivable(prior_close_quantity: Decimal, rate: Decimal, currency: str = "USD") -> Decimal:
    """Return what is receivable from the ex-date (negative: owed on a short); the payment reverses it.

    >>> dividend_receivable(Decimal(151), Decimal("0.42"))
    Decimal('63.42')
    """
    return round_money(Fraction(prior_close_quantity) * Fraction(rate), currency)


def merge(quantity: Decimal, basis: Decimal, ratio: Fraction, boot: Decimal, new_price: Decimal, currency: str = "USD") -> MergerOutcome:
    """Convert a lot into the acquirer's shares plus `boot` in cash: the gain is taxed up to the boot, a loss is not recognised.

    >>> merge(Decimal(100), Decimal(3000), Fraction(1, 2), Decimal(500), Decimal(80)).taxed_gain
    Decimal('500.00')
    """
    shares = Fraction(quantity) * ratio
    gain = shares * Fraction(new_price) + Fraction(boot) - Fraction(basis)
    taxed = min(max(gain, Fraction(0)), Fraction(boot))
    return MergerOutcome(
        shares, round_money(Fraction(basis) - Fraction(boot) + taxed, currency), round_money(boot, currency), round_money(taxed, currency)
    )
