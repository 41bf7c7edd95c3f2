"""The papers behind one account: its mandate with every clause, and the authorities that name it.

Entry points: `mandate_sheet`, `version_sheet`, `versions_of`, `authorities_naming`. Inside the caller's tenancy block.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from base.core.words import words

from ..core.mandate_words import CLAUSES
from ..enums import AuthorityKind, MandateRuleKind, MandateStanding, Power, SubjectKind
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
    """A version of a mandate and its rules, in the order they were written. standing: what it is at the moment asked about."""

    id: UUID
    code: str
    version: int
    name: str
    valid_from: datetime
    valid_until: datetime | None
    standing: MandateStanding
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


def mandate_sheet(*, mandate_id: UUID | None, now: datetime) -> MandateSheet | None:
    """Return the version that speaks for this id at `now`: the one whose rules bind (`mandate_in_force`). None for an account without a mandate.

    With none in force: the one that has ended, or before the first begins, that first one. Then nothing may be opened (CON-5).
    """
    row = Mandate.objects.filter(pk=mandate_id).first() if mandate_id else None
    if row is None:
        return None
    versions = versions_of(code=row.code, now=now)
    return _sheet(*next((one for one in versions if one[1] is not MandateStanding.NOT_YET_IN_FORCE), versions[-1]))


def version_sheet(*, mandate_id: UUID, now: datetime) -> MandateSheet | None:
    """Return this very version, None if there is none."""
    row = Mandate.objects.filter(pk=mandate_id).first()
    return next((_sheet(*one) for one in versions_of(code=row.code, now=now) if one[0] == row), None) if row else None


def versions_of(*, code: str, now: datetime) -> list[tuple[Mandate, MandateStanding]]:
    """Return the versions of a mandate with their standing at `now`, the one that begins last first (`core.mandates.mandate_in_force`)."""
    found: list[tuple[Mandate, MandateStanding]] = []
    has_begun = False
    for row in Mandate.objects.filter(code=code).order_by("-valid_from", "-version"):
        if row.valid_from > now:
            found.append((row, MandateStanding.NOT_YET_IN_FORCE))
        elif has_begun:
            found.append((row, MandateStanding.REPLACED))
        else:
            has_begun = True
            is_over = row.valid_until is not None and row.valid_until <= now
            found.append((row, MandateStanding.ENDED if is_over else MandateStanding.IN_FORCE))
    return found


def _sheet(row: Mandate, standing: MandateStanding) -> MandateSheet:
    rules = MandateRule.objects.filter(mandate=row).order_by("id")
    clauses = tuple(ClauseFacts(MandateRuleKind(r.kind), r.rate, r.lower_rate, tuple(r.words), r.clause) for r in rules)
    return MandateSheet(row.id, row.code, row.version, row.name, row.valid_from, row.valid_until, standing, clauses)


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
