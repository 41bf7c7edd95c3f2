"""When a limit's use is told to somebody, and when it is told again (RSK-10).

Entry points: `AlertKey`, `AlertState`, `observe` (use of a limit → new state, alert or None), `to_escalate`.

Invariants: 1. one alert per (rule, account, instrument) and tier until it is re-armed. 2. a tier is re-armed once the use has fallen 5%
of the limit
below it. 3. a block is CRITICAL whatever the figure. 4. CRITICAL cannot be suppressed and escalates until acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from risk.enums import AlertTier

THRESHOLDS = {AlertTier.INFO: Fraction(60, 100), AlertTier.WARNING: Fraction(80, 100), AlertTier.CRITICAL: Fraction(1)}
REARM = Fraction(5, 100)
ESCALATION = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class AlertKey:
    """What alerts are deduplicated by; None: the firm, or all instruments."""

    rule: str
    account_id: str | None
    instrument_id: str | None


@dataclass(frozen=True, slots=True)
class AlertState:
    """Memory per key. tier: the loudest tier told and not yet re-armed."""

    tier: AlertTier = AlertTier.NONE
    raised_at: datetime | None = None
    acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to tell now."""

    key: AlertKey
    tier: AlertTier
    number: Decimal
    limit: Decimal
    at: datetime

    @property
    def needs_acknowledgement(self) -> bool:
        """Return True for what someone must confirm having seen."""
        return self.tier is AlertTier.CRITICAL


def tier_of(number: Decimal, limit: Decimal, *, blocked: bool = False) -> AlertTier:
    """Return the tier of a limit's use: Info ≥ 60%, Warning ≥ 80%, Critical ≥ 100% or blocked.

    >>> [tier_of(Decimal(n), Decimal(100)).name for n in (59, 60, 80, 100)]
    ['NONE', 'INFO', 'WARNING', 'CRITICAL']

    A limit of zero or less is used up by anything. Source: RSK-10.
    """
    if blocked:
        return AlertTier.CRITICAL
    if limit <= 0:
        return AlertTier.CRITICAL if number > limit else AlertTier.NONE
    use = Fraction(number) / Fraction(limit)
    return max((tier for tier, threshold in THRESHOLDS.items() if use >= threshold), default=AlertTier.NONE)


def observe(
    key: AlertKey,
    state: AlertState,
    *,
    number: Decimal,
    limit: Decimal,
    now: datetime,
    blocked: bool = False,
    suppressed: frozenset[AlertTier] = frozenset(),
) -> tuple[AlertState, Alert | None]:
    """Return the new state and what to tell: the alert of a tier not yet told, or None.

    suppressed: tiers this viewer's firm has switched off; CRITICAL is told all the same. Source: RSK-10.
    """
    tier = tier_of(number, limit, blocked=blocked)
    if tier > state.tier:
        alert = Alert(key, tier, number, limit, now) if tier is AlertTier.CRITICAL or tier not in suppressed else None
        return AlertState(tier, now), alert
    held = max(tier, _still_armed(state.tier, number, limit))
    return (state if held is state.tier else replace(state, tier=held)), None


def _still_armed(tier: AlertTier, number: Decimal, limit: Decimal) -> AlertTier:
    """Return the loudest tier, up to `tier`, whose re-arm level the use has not fallen below."""
    if limit <= 0:
        return tier
    use = Fraction(number) / Fraction(limit)
    return max((told for told, threshold in THRESHOLDS.items() if told <= tier and use >= threshold - REARM), default=AlertTier.NONE)


def to_escalate(states: Iterable[tuple[AlertKey, AlertState]], now: datetime) -> list[AlertKey]:
    """Return the keys of critical alerts that nobody acknowledged within five minutes, oldest first (RSK-10)."""
    late = [
        (state.raised_at, key)
        for key, state in states
        if state.tier is AlertTier.CRITICAL
        and not state.acknowledged
        and state.raised_at is not None
        and now - state.raised_at >= ESCALATION
    ]
    return [key for _, key in sorted(late, key=lambda entry: entry[0])]
