"""Alert tiers, audiences and de-duplication (RSK-10).

Entry points: `tier_for` (how full a limit is → tier, with hysteresis), `raise_or_repeat` (is this news?), `needs_escalation`.

Invariants
1. INFO from 60% of a limit, WARNING from 80%, CRITICAL from 100% or on a block; a tier is left only 5 points below where it began.
2. One open alert per (rule, account, instrument): only a louder tier is news.
3. CRITICAL reaches everybody concerned, cannot be muted, and goes up after 5 minutes without an acknowledgement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from types import MappingProxyType

from governance.core.subjects import Subject
from governance.enums import AlertTier, Role

THRESHOLDS: tuple[tuple[AlertTier, Fraction], ...] = (
    (AlertTier.CRITICAL, Fraction(1)),
    (AlertTier.WARNING, Fraction(80, 100)),
    (AlertTier.INFO, Fraction(60, 100)),
)
REARM_GAP = Fraction(5, 100)
ESCALATE_AFTER = timedelta(minutes=5)
AUDIENCES: Mapping[AlertTier, frozenset[Role]] = MappingProxyType(
    {
        AlertTier.INFO: frozenset({Role.TRADER}),
        AlertTier.WARNING: frozenset({Role.TRADER, Role.MANAGER, Role.RISK}),
        AlertTier.CRITICAL: frozenset({Role.TRADER, Role.MANAGER, Role.RISK, Role.OPERATIONS}),
    }
)
ESCALATION = frozenset({Role.MANAGER, Role.RISK, Role.COMPLIANCE})
_LOUDNESS = {tier: rank for rank, tier in enumerate(AlertTier)}


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. account_id, instrument_id: empty where the rule is not about one."""

    rule: str
    tier: AlertTier
    subject: Subject
    message: str
    raised_at: datetime
    account_id: str = ""
    instrument_id: str = ""
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None

    @property
    def dedupe_key(self) -> tuple[str, str, str]:
        """(rule, account, instrument), the unit of de-duplication (RSK-10); without either, the subject stands in for the account."""
        return (self.rule, self.account_id or (str(self.subject) if not self.instrument_id else ""), self.instrument_id)

    @property
    def needs_acknowledgement(self) -> bool:
        return self.tier is AlertTier.CRITICAL

    @property
    def can_be_muted(self) -> bool:
        return self.tier is not AlertTier.CRITICAL


def tier_for(used: Fraction, limit: Fraction, previous: AlertTier | None = None, *, blocked: bool = False) -> AlertTier | None:
    """Return the tier for `used` of `limit` (same unit, any exact number), given the tier it had before; None = quiet.

    >>> tier_for(Fraction(80), Fraction(100)).value, tier_for(Fraction(76), Fraction(100), AlertTier.WARNING).value
    ('WARNING', 'WARNING')

    A limit of zero is full as soon as anything is used. Raises ValueError for negative figures.
    """
    if used < 0 or limit < 0:
        raise ValueError(f"used {used} and limit {limit} must not be negative")
    if blocked:
        return AlertTier.CRITICAL
    if limit == 0:
        return AlertTier.CRITICAL if used else None
    share = Fraction(used) / Fraction(limit)
    for tier, threshold in THRESHOLDS:
        held = previous is not None and _LOUDNESS[previous] >= _LOUDNESS[tier]
        if share >= threshold or (held and share > threshold - REARM_GAP):
            return tier
    return None


def raise_or_repeat(alert: Alert, open_alerts: Mapping[tuple[str, str, str], Alert]) -> Alert | None:
    """Return `alert` if it is news, None if an open one with its key is as loud already (RSK-10)."""
    standing = open_alerts.get(alert.dedupe_key)
    return alert if standing is None or _LOUDNESS[alert.tier] > _LOUDNESS[standing.tier] else None


def needs_escalation(alert: Alert, now: datetime) -> bool:
    """Tell whether a CRITICAL alert has waited 5 minutes for an acknowledgement."""
    return alert.needs_acknowledgement and alert.acknowledged_at is None and now - alert.raised_at >= ESCALATE_AFTER


def audience(alert: Alert, now: datetime) -> frozenset[Role]:
    """Return the roles to tell, wider once it has escalated."""
    return AUDIENCES[alert.tier] | (ESCALATION if needs_escalation(alert, now) else frozenset())
