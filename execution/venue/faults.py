"""Seeded misfortune on the way between a venue and its clients.

Entry points: `FaultPlan` (rates), `FaultInjector` (asks "does it strike now?").

Invariant: the n-th question about a fault has the same answer for the same seed, whatever else was asked in between.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields

MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """Rates per 10,000 chances, and two delays in microseconds of venue time.

    lose_ack: carried out, never answered. hold_request: arrives `hold_us` later, never answered: absent first, then there.
    disconnect_before: the
    connection is lost and the request with it. disconnect_after: carried out, then the connection is lost. drop_report: missing from
    this delivery, sent again
    on the next. lose_report: never streamed, only to be had by query. duplicate_report, reorder_report (swapped with the next one),
    delay_report (by
    `delay_us`). truncate_list: half a page, marked incomplete. fail_query: an error instead of an answer.
    """

    lose_ack: int = 0
    hold_request: int = 0
    disconnect_before: int = 0
    disconnect_after: int = 0
    drop_report: int = 0
    lose_report: int = 0
    duplicate_report: int = 0
    reorder_report: int = 0
    delay_report: int = 0
    truncate_list: int = 0
    fail_query: int = 0
    hold_us: int = 2 * MINUTE_US
    delay_us: int = MINUTE_US

    @classmethod
    def from_mapping(cls, rates: Mapping[str, int]) -> FaultPlan:
        """Return the plan with these rates. Raises ValueError for an unknown name or a value out of range."""
        unknown = rates.keys() - {field.name for field in fields(cls)}
        if unknown or any(not isinstance(rate, int) or rate < 0 for rate in rates.values()):
            raise ValueError(f"no such fault or no whole number ≥ 0: {sorted(unknown) or dict(rates)}")
        return cls(**rates)


class FaultInjector:
    """Answers by seed and rate; `force` makes a fault strike the next times for sure."""

    def __init__(self, plan: FaultPlan | None = None, seed: int = 0) -> None:
        self.plan = plan or FaultPlan()
        self._seed = seed
        self._asked: Counter[str] = Counter()
        self._forced: Counter[str] = Counter()

    def force(self, fault: str, count: int) -> None:
        """Let `fault` strike the next `count` times. Raises ValueError for an unknown fault."""
        if fault.endswith("_us") or not hasattr(self.plan, fault):
            raise ValueError(f"no fault {fault!r}")
        self._forced[fault] = count

    def strikes(self, fault: str) -> bool:
        """Say whether the fault strikes at this chance."""
        if self._forced[fault] > 0:
            self._forced[fault] -= 1
            return True
        rate: int = getattr(self.plan, fault)
        if not rate:
            return False
        self._asked[fault] += 1
        draw = hashlib.blake2b(f"{self._seed}|{fault}|{self._asked[fault]}".encode(), digest_size=8).digest()
        return int.from_bytes(draw, "big") % 10_000 < rate
