"""Mandates: what the owner of an account lets its manager hold (GOV-1, CST-2, CST-3, REB-5).

Entry points: `mandate_in_force` picks the version, `position_cap` the tightest cap on one instrument, `instrument_findings` what is
forbidden outright, `leverage_findings` and `weight_review` the account as a whole.

Invariants
1. A mandate is never changed: a new version takes its place from an instant on.
2. Every cap and finding carries the rule that binds and its clause, as written in the document.
3. Of several caps the smallest binds; of equal ones the smaller rule id. No mandate in force means no opening (CON-5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from governance.enums import MandateRuleKind

_CAPS = (MandateRuleKind.POSITION_CAP, MandateRuleKind.ISSUER_CAP, MandateRuleKind.SECTOR_CAP)
_LEVERAGE = (MandateRuleKind.GROSS_LEVERAGE, MandateRuleKind.NET_LEVERAGE)
_MEMBERS = (
    MandateRuleKind.ALLOWED_KINDS,
    MandateRuleKind.ALLOWED_SECTORS,
    MandateRuleKind.EXCLUDED_SECTORS,
    MandateRuleKind.EXCLUDED_ISSUERS,
    MandateRuleKind.EXCLUDED_INSTRUMENTS,
)


@dataclass(frozen=True, slots=True)
class MandateRule:
    """One rule and the clause it stands in.

    upper, lower: share of equity (0.02 = 2%), or leverage as a multiple of equity. members: kinds, sectors, issuers or instruments the rule
    names; on a cap they narrow it to those sectors or kinds (empty = every instrument).
    """

    rule_id: str
    kind: MandateRuleKind
    clause: str
    upper: Decimal | None = None
    lower: Decimal | None = None
    members: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for bound in (self.upper, self.lower):
            if bound is not None and not bound.is_finite():
                raise ValueError(f"rule {self.rule_id} has the bound {bound}")
        if self.kind in (*_CAPS, MandateRuleKind.WEIGHT_DEVIATION) and (self.upper is None or self.upper < 0):
            raise ValueError(f"rule {self.rule_id} needs an upper bound ≥ 0")
        if self.kind is MandateRuleKind.STRESS_MOVE and (self.upper is None or not 0 < self.upper <= 1):
            raise ValueError(f"rule {self.rule_id} needs a move above 0 and at most 1")
        if self.kind in _LEVERAGE and self.upper is None and self.lower is None:
            raise ValueError(f"rule {self.rule_id} bounds nothing")
        if self.kind in _MEMBERS and not self.members:
            raise ValueError(f"rule {self.rule_id} names nothing")


@dataclass(frozen=True, slots=True)
class Mandate:
    """One version, in force in [effective_from, effective_until)."""

    mandate_id: str
    version: int
    effective_from: datetime
    rules: tuple[MandateRule, ...]
    effective_until: datetime | None = None
    document_sha256: str = ""


@dataclass(frozen=True, slots=True)
class MandatedInstrument:
    """An instrument as a mandate sees it; issuer_ids and sectors include those of its underlyings."""

    instrument_id: str
    kind: str
    issuer_ids: frozenset[str] = frozenset()
    sectors: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class MandateFinding:
    """A rule of the mandate that something breaks, with its clause."""

    mandate_id: str
    version: int
    rule_id: str
    kind: MandateRuleKind
    clause: str
    reason: str


def mandate_in_force(versions: Iterable[Mandate], at: datetime) -> Mandate | None:
    """Return the version in force at `at`: the latest that has begun, unless it has ended by then. None = no mandate.

    Of two that begin at the same instant the higher version counts.
    """
    begun = max(
        (mandate for mandate in versions if mandate.effective_from <= at),
        key=lambda mandate: (mandate.effective_from, mandate.version),
        default=None,
    )
    if begun is None or (begun.effective_until is not None and at >= begun.effective_until):
        return None
    return begun


def position_cap(mandate: Mandate, instrument: MandatedInstrument) -> MandateRule | None:
    """Return the tightest cap on a position in `instrument` as a share of equity (its `upper`), or None if nothing caps it (CST-2, SIZ-2).

    Position caps bind the instrument alone; issuer and sector caps bind sums, and a single position can never exceed them either.
    """
    narrowing = instrument.sectors | instrument.issuer_ids | {instrument.kind, instrument.instrument_id}
    caps = [rule for rule in mandate.rules if rule.kind in _CAPS and (not rule.members or rule.members & narrowing)]
    return min(caps, key=lambda rule: (rule.upper, rule.rule_id), default=None)


def is_long_only(mandate: Mandate) -> MandateRule | None:
    """Return the rule that forbids short positions, if there is one (CST-3)."""
    return _first(mandate, MandateRuleKind.LONG_ONLY)


def instrument_findings(mandate: Mandate, instrument: MandatedInstrument, *, short: bool = False) -> list[MandateFinding]:
    """Return every rule that forbids opening `instrument`, in the mandate's order; empty = allowed.

    short: the order would leave a short position. An instrument without a sector fails a rule that lists the allowed ones (CON-5).
    """
    findings = []
    for rule in mandate.rules:
        reason = _objection(rule, instrument, short)
        if reason:
            findings.append(_finding(mandate, rule, reason))
    return findings


def leverage_findings(mandate: Mandate, *, gross: Decimal, net: Decimal) -> list[MandateFinding]:
    """Return the leverage bounds broken by gross and net exposure, as multiples of equity (CST-2); net is signed."""
    findings = []
    for rule in mandate.rules:
        if rule.kind not in _LEVERAGE:
            continue
        name, value = ("gross", gross) if rule.kind is MandateRuleKind.GROSS_LEVERAGE else ("net", net)
        if rule.upper is not None and value > rule.upper:
            findings.append(_finding(mandate, rule, f"{name} leverage {value} is above {rule.upper}"))
        if rule.lower is not None and value < rule.lower:
            findings.append(_finding(mandate, rule, f"{name} leverage {value} is below {rule.lower}"))
    return findings


def weight_review(mandate: Mandate, actual: Sequence[Decimal], target: Sequence[Decimal]) -> list[MandateFinding]:
    """Return the deviation rule if the largest deviation, or half the sum of deviations, is above its bound (REB-5).

    actual, target: shares of equity, one per asset class, in the same order. Raises ValueError for unequal lengths.
    """
    deviations = [abs(a - t) for a, t in zip(actual, target, strict=True)]
    largest, turnover = max(deviations, default=Decimal(0)), sum(deviations, Decimal(0)) / 2
    bounds = [rule for rule in mandate.rules if rule.kind is MandateRuleKind.WEIGHT_DEVIATION]
    rule = min(bounds, key=lambda rule: (rule.upper, rule.rule_id), default=None)
    if rule is None or rule.upper is None or max(largest, turnover) <= rule.upper:
        return []
    return [_finding(mandate, rule, f"weights deviate by up to {largest} and by {turnover} in all, allowed {rule.upper}")]


def caps_by_instrument(mandate: Mandate, instruments: Iterable[MandatedInstrument]) -> Mapping[str, MandateRule]:
    """Return the binding cap of each instrument that has one, by instrument id."""
    found = ((instrument.instrument_id, position_cap(mandate, instrument)) for instrument in instruments)
    return {instrument_id: rule for instrument_id, rule in found if rule is not None}


def _objection(rule: MandateRule, instrument: MandatedInstrument, short: bool) -> str:
    match rule.kind:
        case MandateRuleKind.LONG_ONLY:
            return "the mandate is long-only" if short else ""
        case MandateRuleKind.ALLOWED_KINDS:
            return "" if instrument.kind in rule.members else f"{instrument.kind} is not an allowed kind"
        case MandateRuleKind.ALLOWED_SECTORS:
            outside = sorted(instrument.sectors - rule.members)
            return f"sector {', '.join(outside) or 'unknown'} is not allowed" if outside or not instrument.sectors else ""
        case MandateRuleKind.EXCLUDED_SECTORS:
            return _named("sector", instrument.sectors & rule.members)
        case MandateRuleKind.EXCLUDED_ISSUERS:
            return _named("issuer", instrument.issuer_ids & rule.members)
        case MandateRuleKind.EXCLUDED_INSTRUMENTS:
            return _named("instrument", {instrument.instrument_id} & rule.members)
        case _:
            return ""


def _named(what: str, hits: frozenset[str] | set[str]) -> str:
    return f"{what} {', '.join(sorted(hits))} is excluded" if hits else ""


def _first(mandate: Mandate, kind: MandateRuleKind) -> MandateRule | None:
    return next((rule for rule in mandate.rules if rule.kind is kind), None)


def _finding(mandate: Mandate, rule: MandateRule, reason: str) -> MandateFinding:
    return MandateFinding(mandate.mandate_id, mandate.version, rule.rule_id, rule.kind, rule.clause, reason)
