"""What each typed entry would book for one break, before anybody asks for it (REC-7).

Entry points: `choices`, `Choice`, `books_in_words`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from base.core.figures import number, signed_money

from ..enums import AdjustmentKind
from .breaks import Break
from .resolution import ALLOWED, SUSPENSE, UnableToAdjust, adjust


@dataclass(frozen=True, slots=True)
class Choice:
    """A kind of entry and what it adds to our books, as (unit, amount); refused: why it cannot be made here, "" if it can."""

    kind: AdjustmentKind
    adds: tuple[tuple[str, Decimal], ...]
    refused: str = ""


def choices(found: Break) -> list[Choice]:
    """Return the kinds that fit a break, those that book something first."""
    made = [_choice(found, kind) for kind in AdjustmentKind if kind in ALLOWED[found.type]]
    return sorted(made, key=lambda choice: (bool(choice.refused), not choice.adds))


def books_in_words(found: Break, kind: AdjustmentKind) -> str:
    """Return what an entry of this kind would book for a break: −60 ALDER, +3,000.00 USD; "nothing" for a claim or a correction."""
    made = _choice(found, kind)
    return ", ".join(f"{_signed(amount, unit, found.currency)} {unit}" for unit, amount in made.adds) or "nothing"


def _signed(amount: Decimal, unit: str, currency: str) -> str:
    return signed_money(amount, unit) if unit == currency else f"{'+' if amount > 0 else ''}{number(amount)}"


def _choice(found: Break, kind: AdjustmentKind) -> Choice:
    try:
        made = adjust(found, kind, reason="preview", evidence=("preview",), requested_by="one", approved_by="another")
    except UnableToAdjust as error:
        return Choice(kind, (), str(error))
    return Choice(kind, tuple((posting.unit, posting.amount) for posting in made.postings if posting.account != SUSPENSE))
