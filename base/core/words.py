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
    "SEP",
    "HSA",
    "IMA",
    "POA",
    "LPA",
    "ADV",
    "LPOA",
    "ERISA",
    "LLC",
    "NAV",
    "FX",
    "FIFO",
    "LIFO",
    "HIFO",
]
_KEPT = {
    **{code: code for code in _SHORT},
    "CASH_TD": "Cash, trade date",
    "CASH_SD": "Cash, settled",
    "REG_T": "Reg T",
    "PLAN_401K": "401(k) plan",
}


def words(code: object) -> str:
    """Return a code as words; what is an abbreviation anyway stays.

    >>> words("PARTIALLY_FILLED"), words("TWAP"), words("CASH_TD"), words("ROTH_IRA")
    ('Partially filled', 'TWAP', 'Cash, trade date', 'Roth IRA')
    """
    text = str(code)
    parts = [part if part in _KEPT else part.lower() for part in text.split("_")]
    said = " ".join(parts)
    return _KEPT.get(text) or said[:1].upper() + said[1:]
