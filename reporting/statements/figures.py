"""Figures as text: the one place where a statement's numbers become characters.

Entry points: `money`, `quantity`, `price`, `percent`, `day`, `short_day`, `period`.
Invariants: true minus (U+2212); comma thousands; changes signed on request, zero never; a figure that does not exist is an en dash.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from base.core.ids import plain_decimal
from base.core.money import minor_exponent, round_money

MINUS, NOTHING = "\N{MINUS SIGN}", "\N{EN DASH}"
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")


def money(amount: Decimal | None, currency: str, *, signed: bool = False) -> str:
    """Return an amount in the currency's minor units, without the code.

    >>> money(Decimal("-1234.5"), "USD"), money(Decimal("1234567"), "JPY", signed=True), money(Decimal(0), "USD", signed=True)
    ('−1,234.50', '+1,234,567', '0.00')
    """
    if amount is None:
        return NOTHING
    return _sign(round_money(amount, currency), f",.{minor_exponent(currency)}f", signed)


def quantity(amount: Decimal) -> str:
    """Return a quantity with the decimals it has, and no more.

    >>> quantity(Decimal("1500.000")), quantity(Decimal("-0.02500000"))
    ('1,500', '−0.025')
    """
    whole, _, rest = plain_decimal(abs(amount)).partition(".")
    text = f"{int(whole):,}" + (f".{rest}" if rest else "")
    return MINUS + text if amount < 0 else text


def price(amount: Decimal | None, currency: str) -> str:
    """Return a price exactly, with at least the decimals of its currency.

    >>> price(Decimal("47.3"), "USD"), price(Decimal("1.08505"), "USD"), price(Decimal("2481"), "JPY")
    ('47.30', '1.08505', '2,481')
    """
    if amount is None:
        return NOTHING
    text = plain_decimal(amount)
    decimals = max(minor_exponent(currency), len(text.partition(".")[2]))
    return _sign(amount, f",.{decimals}f", False)


def percent(rate: Decimal | Fraction | None, *, decimals: int = 2, signed: bool = True) -> str:
    """Return a rate as per cent, rounded half-up.

    >>> percent(Decimal("0.0112")), percent(Fraction(-1, 300)), percent(None), percent(Fraction(471, 1000), decimals=1, signed=False)
    ('+1.12%', '−0.33%', '–', '47.1%')
    """
    if rate is None:
        return NOTHING
    share = Fraction(rate) * 100
    rounded = (Decimal(share.numerator) / Decimal(share.denominator)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return _sign(rounded, f",.{decimals}f", signed) + "%"


def _sign(value: Decimal, form: str, signed: bool) -> str:
    text = format(abs(value), form)
    if value < 0:
        return MINUS + text
    return "+" + text if signed and value else text


def day(when: date) -> str:
    """Return a date in words: 5 October 2026."""
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}"


def short_day(when: date | None, *, year: bool = False) -> str:
    """Return a date for a table cell: 05 Oct, or 05 Oct 2026."""
    if when is None:
        return NOTHING
    return f"{when.day:02d} {_MONTHS[when.month - 1][:3]}" + (f" {when.year}" if year else "")


def period(start: date, end: date) -> str:
    """Return a period in words.

    >>> period(date(2026, 10, 1), date(2026, 10, 31)), period(date(2025, 12, 15), date(2026, 1, 14))
    ('1 to 31 October 2026', '15 December 2025 to 14 January 2026')
    """
    if (start.year, start.month) == (end.year, end.month):
        return f"{start.day} to {day(end)}"
    return f"{start.day} {_MONTHS[start.month - 1]}{'' if start.year == end.year else f' {start.year}'} to {day(end)}"
