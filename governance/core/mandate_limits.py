"""What many mandates let happen in one instrument, as arrays (CST-2, CST-3, SIZ-2).

Entry point: `mandate_limits`. Each distinct rule is judged once, whatever number of mandates it stands in.
Invariants: the outcome for a mandate is that of `position_cap`, `is_long_only` and `instrument_findings`; caps are rounded down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_FLOOR, Decimal

import numpy as np
from numpy.typing import NDArray

from governance.core.mandates import Mandate, MandatedInstrument, MandateRule, instrument_findings, position_cap
from governance.enums import MandateRuleKind

UNIT = 10**8
MISSING = np.iinfo(np.int64).min
_LARGEST = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class RuleInMandates:
    """A rule and the mandates it stands in: mandates int64[p], places among those asked about."""

    rule: MandateRule
    mandates: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Limits:
    """Per mandate: cap int64[k], UNIT = 100% of equity, MISSING = none; long_only, allowed int8[k]; clause text[k], "" = nothing binds.

    The clause is that of the first rule that forbids the instrument, else of the cap that binds.
    """

    cap: NDArray[np.int64]
    long_only: NDArray[np.int8]
    allowed: NDArray[np.int8]
    clause: list[str]


def mandate_limits(count: int, rules: Sequence[RuleInMandates], instrument: MandatedInstrument) -> Limits:
    """Return the limits of `count` mandates for `instrument`; rules of equal strength bind in the order given."""
    cap = np.full(count, _LARGEST, dtype=np.int64)
    long_only, allowed = np.zeros(count, dtype=np.int8), np.ones(count, dtype=np.int8)
    capped_by, forbidden_by = np.full(count, -1, dtype=np.int64), np.full(count, -1, dtype=np.int64)
    for number, (rule, mandates) in enumerate((item.rule, item.mandates) for item in rules):
        alone = Mandate("", 0, datetime.min.replace(tzinfo=UTC), (rule,))
        if position_cap(alone, instrument) is not None and rule.upper is not None:
            rate = int((min(rule.upper, Decimal(10**10)) * UNIT).to_integral_value(ROUND_FLOOR))
            tighter = mandates[rate < cap[mandates]]
            cap[tighter], capped_by[tighter] = rate, number
        if rule.kind is MandateRuleKind.LONG_ONLY:
            long_only[mandates] = 1
        if instrument_findings(alone, instrument):
            allowed[mandates] = 0
            forbidden_by[mandates[forbidden_by[mandates] < 0]] = number
    binding = np.where(forbidden_by >= 0, forbidden_by, capped_by)
    clauses = [rules[number].rule.clause if number >= 0 else "" for number in binding.tolist()]
    return Limits(np.where(cap == _LARGEST, MISSING, cap), long_only, allowed, clauses)
