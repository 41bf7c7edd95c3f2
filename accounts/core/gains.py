"""What lots have gained: open ones against a mark, closed ones for good (ACC-3, TAX-3).

Entry points: `open_gain`, `realised_gain`.
Invariants: 1. fees are in the basis and the proceeds (TAX-3), so gains are after them. 2. a short lot's basis is what its sale brought: it
gains when the price falls. 3. without a price there is no open gain: None, never 0 (CON-5).
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction


def open_gain(*, quantity: Decimal, basis: Decimal, price: Decimal | None, multiplier: Decimal = Decimal(1)) -> Fraction | None:
    """Return quantity × price × multiplier − basis of a long lot, basis − |quantity| × price × multiplier of a short one.

    quantity: signed; basis: ≥ 0, what remains of it, in the instrument's currency.

    >>> open_gain(quantity=Decimal(100), basis=Decimal(6200), price=Decimal(50)), open_gain(quantity=Decimal(-100), basis=Decimal(6200), price=Decimal(50))
    (Fraction(-1200, 1), Fraction(1200, 1))

    Raises ValueError for a negative basis.
    """
    if basis < 0:
        raise ValueError(f"basis {basis} is negative")
    if price is None:
        return None
    return Fraction(quantity) * Fraction(price) * Fraction(multiplier) - (Fraction(basis) if quantity >= 0 else -Fraction(basis))


def realised_gain(*, proceeds: Decimal, basis: Decimal) -> Decimal:
    """Return what a closure gained: proceeds − basis, both after fees, for a long lot's sale and a short lot's cover alike.

    >>> realised_gain(proceeds=Decimal("5000"), basis=Decimal("5500"))
    Decimal('-500')
    """
    return proceeds - basis
