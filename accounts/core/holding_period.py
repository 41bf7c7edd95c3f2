"""Holding periods (TAX-2).

Entry points: `long_term_from`, `is_long_term`, `last_long_term_purchase`, `add_years`.
Invariant: the holding period starts on the day after the (deemed) purchase date; a sale is long-term once a whole year from then is over.
"""

from __future__ import annotations

from datetime import date, timedelta


def add_years(day: date, years: int) -> date:
    """Return the same calendar day `years` later; 29 February becomes 1 March in a common year."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def long_term_from(purchase_date: date) -> date:
    """Return the first trade date on which a sale is long-term.

    >>> long_term_from(date(2025, 1, 15)), long_term_from(date(2024, 2, 29)), long_term_from(date(2023, 2, 28))
    (datetime.date(2026, 1, 16), datetime.date(2025, 3, 1), datetime.date(2024, 3, 1))

    Source: TAX-2; month ends as in Rev. Rul. 66-7.
    """
    return add_years(purchase_date + timedelta(days=1), 1)


def is_long_term(purchase_date: date, sale_date: date) -> bool:
    """Tell whether a sale on `sale_date` of what was bought on `purchase_date` is long-term."""
    return sale_date >= long_term_from(purchase_date)


def last_long_term_purchase(sale_date: date) -> date:
    """Return the latest purchase date whose sale on `sale_date` is long-term, so that many lots need one comparison each.

    >>> last_long_term_purchase(date(2026, 1, 16)), last_long_term_purchase(date(2024, 2, 29))
    (datetime.date(2025, 1, 15), datetime.date(2023, 2, 27))
    """
    purchase = add_years(sale_date, -1)
    while not is_long_term(purchase, sale_date):
        purchase -= timedelta(days=1)
    return purchase
