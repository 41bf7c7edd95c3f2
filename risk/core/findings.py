"""What a gate says when it refuses: which rule, which number, which limit.

Entry points: `Finding`, `describe`.
Invariant: a finding is a value; the same inputs give an equal finding.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from base.core.ids import plain_decimal
from risk.enums import GateCode, Unit


@dataclass(frozen=True, slots=True)
class Finding:
    """One refusal. rule: RULEBOOK id. number > limit is what went wrong, both in `unit`; None where the rule has no figures. detail: what
    is meant."""

    rule: str
    code: GateCode
    number: Decimal | None = None
    limit: Decimal | None = None
    unit: Unit = Unit.NONE
    detail: str = ""

    def describe(self) -> str:
        """Return the finding as one line: rule, number, limit."""
        return describe(self)


_PLAIN = {"ADV": "share of daily volume", "ORDER_NOTIONAL": "order value"}


def describe(finding: Finding) -> str:
    """Return the finding as one line for people: the rule, what it watches, the number and the limit.

    >>> describe(Finding("RSK-1", GateCode.POSITION_CAP, Decimal("0.025"), Decimal("0.02"), Unit.RATE))
    'RSK-1 position cap: 2.5% over 2%'
    """
    figures = [_figure(value, finding.unit) for value in (finding.number, finding.limit) if value is not None]
    parts = [" over ".join(figures), finding.detail]
    said = " ".join(part for part in parts if part)
    what = f"{finding.rule} {_PLAIN.get(finding.code.value) or finding.code.value.replace('_', ' ').lower()}"
    return f"{what}: {said}" if said else what


def _figure(value: Decimal, unit: Unit) -> str:
    if not value.is_finite():
        return "no equity" if unit is Unit.RATE else "no limit"
    if unit is Unit.RATE:
        return plain_decimal(round(value * 100, 4)) + "%"
    return plain_decimal(round(value, 6)) + (" s" if unit is Unit.SECONDS else "")
