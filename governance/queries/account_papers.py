"""The papers behind one account: its mandate with every clause, and the authorities that name it.

Entry points: `mandate_sheet`, `authorities_naming`. Inside the caller's tenancy block.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from base.core.words import words

from ..core.mandate_words import CLAUSES
from ..enums import AuthorityKind, MandateRuleKind, Power, SubjectKind
from ..models import Authority, Mandate, MandateRule


@dataclass(frozen=True, slots=True)
class ClauseFacts:
    """One rule of a mandate with the clause it rests on. rate: 0.05 = 5%; words: what it names."""

    kind: MandateRuleKind
    rate: Decimal | None
    lower_rate: Decimal | None
    words: tuple[str, ...]
    clause: str

    @property
    def title(self) -> str:
        """Return what the clause is called."""
        return CLAUSES[self.kind][0]

    @property
    def states(self) -> str:
        """Return what the clause states."""
        return CLAUSES[self.kind][1]

    @property
    def names(self) -> tuple[str, ...]:
        """Return what it names, for people: kinds of instrument in words, symbols and currencies as they are."""
        return tuple(words(one) for one in self.words) if self.kind is MandateRuleKind.ALLOWED_KINDS else self.words

    @property
    def is_limit(self) -> bool:
        """Tell whether it limits anything."""
        return self.kind is not MandateRuleKind.STRESS_MOVE


@dataclass(frozen=True, slots=True)
class MandateSheet:
    """A mandate and its rules, in the order they were written."""

    id: UUID
    code: str
    version: int
    name: str
    valid_from: datetime
    valid_until: datetime | None
    clauses: tuple[ClauseFacts, ...]


@dataclass(frozen=True, slots=True)
class AuthorityPaper:
    """An authority that names the account. ends_at: the instant it ended or will, None = until revoked."""

    id: UUID
    code: str
    kind: AuthorityKind
    grantor: str
    grantee: str
    powers: tuple[Power, ...]
    begins_at: datetime | None
    ends_at: datetime | None
    is_revoked: bool

    def holds(self, now: datetime) -> bool:
        """Tell whether it is in force."""
        return self.begins_at is not None and self.begins_at <= now and (self.ends_at is None or now < self.ends_at)


def mandate_sheet(*, mandate_id: UUID | None) -> MandateSheet | None:
    """Return the mandate, None for an account without one."""
    row = Mandate.objects.filter(pk=mandate_id).first() if mandate_id else None
    if row is None:
        return None
    rules = MandateRule.objects.filter(mandate=row).order_by("id")
    clauses = tuple(ClauseFacts(MandateRuleKind(r.kind), r.rate, r.lower_rate, tuple(r.words), r.clause) for r in rules)
    return MandateSheet(row.id, row.code, row.version, row.name, row.valid_from, row.valid_until, clauses)


def authorities_naming(*, account_id: UUID) -> list[AuthorityPaper]:
    """Return the authorities over the account, newest first."""
    rows = Authority.objects.filter(subjects__subject_kind=SubjectKind.ACCOUNT, subjects__subject_id=account_id)
    return [
        AuthorityPaper(
            row.id,
            row.code,
            AuthorityKind(row.kind),
            row.grantor.name,
            row.grantee.name,
            tuple(Power(power) for power in row.powers),
            row.begins_at,
            min((at for at in (row.expires_at, row.revoked_at) if at is not None), default=None),
            row.revoked_at is not None,
        )
        for row in rows.select_related("grantor", "grantee").order_by("-effective_from", "-id")
    ]
