"""How much may differ before a difference counts, in words: the tolerance its rule measured it by (REC-2, REC-3, REC-4).

Entry point: `tolerance_words`. The account's equity of that evening is not kept with a break, so a share of it stays a share.
"""

from __future__ import annotations

from fractions import Fraction

from .materiality import Tolerances


def tolerance_words(rule: str, tolerances: Tolerances) -> tuple[str, str]:
    """Return the tolerance of a break made by this rule, and what it means; ("", why) where there is none to name.

    >>> tolerance_words("REC-2", Tolerances())[0], tolerance_words("REC-3", Tolerances())[0]
    ('0.05% of equity', '1% of the fee, at least 1')
    """
    share = f"{_percent(tolerances.material_rate)} of equity"
    known = {
        "REC-2": (share, "By value: a difference above this part of the account's equity is material"),
        "REC-2 summed": (f"{share}, summed", "By value: each keeps to it, but the account's differences of this view together do not"),
        "REC-2 logged": ("none", f"Any difference of this kind is a break; it is material above {share}"),
        "REC-3": (
            f"{_percent(tolerances.fee_rate)} of the fee, at least {float(tolerances.fee_amount):g}",
            "In the account's currency, of the fee that was expected",
        ),
        "REC-4": ("until its date", "It matches by itself on the date it waits for, or is a break after it"),
    }
    return known.get(rule, ("", "It cannot be valued, so it is material (CON-5)" if rule == "CON-5" else "The rule names none"))


def _percent(rate: Fraction) -> str:
    return f"{float(rate * 100):g}%"
