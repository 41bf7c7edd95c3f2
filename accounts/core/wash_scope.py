"""What wash sales reach, and from when: the law as data (WASH-1, WASH-3).

Entry points: `ScopeRule`, `STATUTORY_SCOPE`, `in_scope`, `WINDOW_DAYS`, `final_from`.

Invariants:
1. The day of the sale picks the rule; a change of the law does not touch sales before it.
2. The law is data: rows with the day from which they hold. `STATUTORY_SCOPE` is the law as it stands; a change of it is a new row.
3. A kind that no rule names is not judged here, and nobody may read that as "no wash sale" (CON-5): options (WASH-12), bonds, CFDs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

WINDOW_DAYS = 30
"""WASH-3: calendar days before and after the sale, both included; with the day itself, 61."""


@dataclass(frozen=True, slots=True)
class ScopeRule:
    """From `effective_date` on (trade date of the sale), a loss on an instrument of `kind` can be a wash sale, or cannot."""

    kind: str
    effective_date: date
    applies: bool
    source: str


STATUTORY_SCOPE: tuple[ScopeRule, ...] = (
    ScopeRule("EQUITY", date(1921, 11, 23), True, "IRC 1091(a)"),
    ScopeRule("ETF", date(1921, 11, 23), True, "IRC 1091(a): a share of a fund is a security"),
    ScopeRule("CRYPTO_SPOT", date(2009, 1, 3), False, "Notice 2014-21: property, not a security; proposals pending"),
    ScopeRule("FX", date(1986, 10, 22), False, "IRC 988"),
    ScopeRule("FUTURE", date(1981, 6, 23), False, "IRC 1256(f)(5)"),
)


def in_scope(kind: str, on: date, law: Sequence[ScopeRule] = STATUTORY_SCOPE) -> bool:
    """Tell whether a loss on an instrument of this kind, sold on that day, can be a wash sale.

    >>> [in_scope(kind, date(2026, 11, 2)) for kind in ("EQUITY", "ETF", "CRYPTO_SPOT", "FX", "FUTURE", "OPTION")]
    [True, True, False, False, False, False]

    Source: WASH-1.
    """
    known = [rule for rule in law if rule.kind == kind and rule.effective_date <= on]
    return bool(known) and max(known, key=lambda rule: rule.effective_date).applies


def kinds_in_scope(since: date, until: date, law: Sequence[ScopeRule] = STATUTORY_SCOPE) -> tuple[str, ...]:
    """Return the kinds whose sales between the two days, both included, can be wash sales on at least one of them."""
    days = [since, *(rule.effective_date for rule in law if since < rule.effective_date <= until)]
    return tuple(sorted(kind for kind in _kinds(law) if any(in_scope(kind, day, law) for day in days)))


def _kinds(law: Iterable[ScopeRule]) -> set[str]:
    return {rule.kind for rule in law}


def final_from(sale_date: date) -> date:
    """Return the first day on which no purchase can change the sale any more (WASH-15).

    >>> final_from(date(2026, 3, 2))
    datetime.date(2026, 4, 2)
    """
    return sale_date + timedelta(days=WINDOW_DAYS + 1)
