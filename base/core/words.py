"""Codes as words for people.

Entry point: `words`.
"""

from __future__ import annotations

_SHORT = [
    "ETF",
    "TWAP",
    "VWAP",
    "POV",
    "IOC",
    "FOK",
    "GTC",
    "GTD",
    "IRA",
    "IMA",
    "POA",
    "LPOA",
    "ERISA",
    "LLC",
    "NAV",
    "FX",
    "FIFO",
    "LIFO",
    "HIFO",
]
_KEPT = {**{code: code for code in _SHORT}, "CASH_TD": "Cash, trade date", "CASH_SD": "Cash, settled"}


def words(code: object) -> str:
    """Return a code as words; what is an abbreviation anyway stays.

    >>> words("PARTIALLY_FILLED"), words("TWAP"), words("CASH_TD")
    ('Partially filled', 'TWAP', 'Cash, trade date')
    """
    text = str(code)
    return _KEPT.get(text) or text.replace("_", " ").capitalize()
