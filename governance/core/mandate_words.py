"""What each kind of a mandate's clause says, and what it states, in words (GOV-1).

Entry points: `clause_words`, `CLAUSES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from governance.enums import MandateRuleKind as Kind

# Its name, and what a line of it states.
CLAUSES: Mapping[Kind, tuple[str, str]] = MappingProxyType(
    {
        Kind.POSITION_CAP: ("Largest position", "bound: of equity, in one instrument"),
        Kind.ISSUER_CAP: ("Largest issuer", "bound: of equity, in one issuer"),
        Kind.SECTOR_CAP: ("Largest sector", "bound: of equity, in one sector"),
        Kind.LONG_ONLY: ("Long only", "no bound: nothing is sold short"),
        Kind.ALLOWED_KINDS: ("Allowed kinds", "words: the kinds of instrument that may be held"),
        Kind.ALLOWED_SECTORS: ("Allowed sectors", "words: the sectors that may be held"),
        Kind.EXCLUDED_SECTORS: ("Excluded sectors", "words: sectors that may not be bought"),
        Kind.EXCLUDED_ISSUERS: ("Excluded issuers", "words: issuers that may not be bought"),
        Kind.EXCLUDED_INSTRUMENTS: ("Excluded instruments", "words: symbols that may not be bought"),
        Kind.GROSS_LEVERAGE: ("Gross leverage", "bound: long and short together, of equity"),
        Kind.NET_LEVERAGE: ("Net leverage", "bound and lower bound: long less short, of equity"),
        Kind.WEIGHT_DEVIATION: ("Deviation from target", "bound: of equity, off the model's weight"),
        Kind.STRESS_MOVE: (
            "Stress move",
            "bound, above 0 and at most 1: the adverse move that open risk is measured on without a stop; it limits nothing",
        ),
    }
)


def clause_words(kind: Kind) -> str:
    """Return what a clause is called.

    >>> clause_words(Kind.STRESS_MOVE), clause_words(Kind.NET_LEVERAGE)
    ('Stress move', 'Net leverage')
    """
    return CLAUSES[kind][0]
