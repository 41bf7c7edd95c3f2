"""When a trade settles (ACC-5).

Entry points: `SettlementRule`, `settlement_date`, `business_days`, `STATUTORY_CYCLES`.

Invariants:
1. The trade date picks the rule; the law's change does not touch trades done before it.
2. Days are counted in business days of the calendar handed in; T+0 settles on the trade date itself, whatever day it is.
3. The law is data: callers hand in the stored rules. `STATUTORY_CYCLES` is what the store starts with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

BusinessDay = Callable[[date], bool]
_LONGEST_CLOSURE_DAYS = 40


@dataclass(frozen=True, slots=True)
class SettlementRule:
    """From `effective_date` on (trade date), trades of `market` settle `days` business days later.

    market: a region or asset class as the venue's reference data names it; a currency pair (`USDCAD`) overrides `FX`.
    """

    market: str
    effective_date: date
    days: int
    source: str


STATUTORY_CYCLES: tuple[SettlementRule, ...] = (
    SettlementRule("US", date(1995, 6, 7), 3, "SEC Rule 15c6-1"),
    SettlementRule("US", date(2017, 9, 5), 2, "SEC Rule 15c6-1, 2017 amendment"),
    SettlementRule("US", date(2024, 5, 28), 1, "SEC Rule 15c6-1, 2023 amendment"),
    *(SettlementRule(market, date(2014, 10, 6), 2, "ACC-5") for market in ("EU", "UK", "CH")),
    *(SettlementRule(market, date(2027, 10, 11), 1, "ACC-5") for market in ("EU", "UK", "CH")),
    SettlementRule("FX", date(1970, 1, 1), 2, "market convention"),
    SettlementRule("USDCAD", date(1970, 1, 1), 1, "market convention"),
    SettlementRule("CRYPTO", date(2009, 1, 3), 0, "on-chain"),
)


def business_days(holidays: Iterable[date] = ()) -> BusinessDay:
    """Return the predicate of Monday to Friday without `holidays`."""
    closed = frozenset(holidays)
    return lambda day: day.weekday() < 5 and day not in closed


def rule_for(market: str, trade_date: date, law: Sequence[SettlementRule]) -> SettlementRule:
    """Return the rule in force for `market` on `trade_date`.

    Raises ValueError if the law knows none: an unknown settlement date blocks, it is not guessed (CON-5).
    """
    known = [rule for rule in law if rule.market == market and rule.effective_date <= trade_date]
    if not known:
        raise ValueError(f"no settlement rule for {market} on {trade_date}")
    return max(known, key=lambda rule: rule.effective_date)


def settlement_date(
    market: str,
    trade_date: date,
    is_business_day: BusinessDay,
    *,
    pair: str | None = None,
    law: Sequence[SettlementRule] = STATUTORY_CYCLES,
) -> date:
    """Return the day a trade of `trade_date` settles.

    is_business_day: of the market's settlement calendar; for FX a day on which both currencies settle. pair: for FX, the pair whose own
    rule, if the law has one, overrides the market's.

    >>> settlement_date("US", date(2024, 5, 24), business_days([date(2024, 5, 27)])).isoformat()
    '2024-05-29'
    >>> settlement_date("US", date(2024, 5, 28), business_days()).isoformat()
    '2024-05-29'

    Raises ValueError without a rule, or if the calendar has no business day for 40 days. Source: ACC-5.
    """
    own_rule = pair is not None and any(rule.market == pair for rule in law)
    day, left = trade_date, rule_for(pair if own_rule and pair else market, trade_date, law).days
    while left:
        day = _next_business_day(day, is_business_day)
        left -= 1
    return day


def _next_business_day(day: date, is_business_day: BusinessDay) -> date:
    for ahead in range(1, _LONGEST_CLOSURE_DAYS + 1):
        if is_business_day(day + timedelta(days=ahead)):
            return day + timedelta(days=ahead)
    raise ValueError(f"no business day within {_LONGEST_CLOSURE_DAYS} days of {day}")
