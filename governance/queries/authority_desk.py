"""Authorities and mandates as their pages show them (GOV-1, GOV-2).

Entry points: `AuthorityFilter`, `authority_page`, `authority_counts`, `authority_calendar`, `authority_sheet`, `mandate_list`, `mandate_page`.

Invariants: 1. a document is shown to whoever sees an account it covers, and names no other account; oversight sees all. 2. a fixed number of statements,
whatever the number of documents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import TruncMonth

from base.errors import NotFound

from ..core.authority import WARNING_DAYS
from ..core.subjects import Subject, Viewer
from ..enums import AuthorityKind, MandateStanding, Power, SubjectKind
from ..models import Authority, AuthoritySignature, AuthoritySubject, Mandate
from .account_papers import MandateSheet, mandate_sheet, version_sheet, versions_of
from .names import SubjectName, accounts_in_sight, name_subjects

SOON = timedelta(days=max(WARNING_DAYS))
ROWS, ACCOUNTS, MONTHS = 50, 200, 12


class AuthorityState(StrEnum):
    """What a document is worth at an instant."""

    ACTIVE = "ACTIVE"
    ENDING = "ENDING"
    ENDED = "ENDED"
    REVOKED = "REVOKED"
    WAITING = "WAITING"


@dataclass(frozen=True, slots=True)
class AuthorityFilter:
    """What is shown. text: part of a code or of a party's name."""

    state: AuthorityState | None = None
    kind: AuthorityKind | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class AuthorityRow:
    """One document. ends_at: expiry or revocation, whichever is first. accounts: how many of those in sight it covers."""

    id: UUID
    code: str
    kind: AuthorityKind
    grantor: str
    grantee: str
    powers: tuple[Power, ...]
    effective_from: datetime
    begins_at: datetime | None
    ends_at: datetime | None
    state: AuthorityState
    days_left: int | None
    accounts: int
    signed: int
    to_sign: int


@dataclass(frozen=True, slots=True)
class AuthoritySheet:
    """One document with all that stands in it. accounts: those in sight, at most ACCOUNTS; missing: parties who have not signed."""

    row: AuthorityRow
    document_sha256: str
    scope: Mapping[str, tuple[str, ...]]
    order_notional_limit: Decimal | None
    limit_currency: str
    fee_schedule: str
    aggregation_consent: bool
    clauses: tuple[tuple[str, str], ...]
    signatures: tuple[tuple[str, str, datetime], ...]
    missing: tuple[str, ...]
    accounts: tuple[SubjectName, ...]
    mandate: MandateSheet | None


def authority_page(*, viewer: Viewer, wanted: AuthorityFilter, now: datetime, page: int = 1) -> tuple[list[AuthorityRow], int]:
    """Return a page of documents, those that end soonest first, and how many there are in all."""
    rows = _visible(viewer)
    if wanted.state is not None:
        rows = rows.filter(_IN_STATE[wanted.state](now))
    if wanted.kind is not None:
        rows = rows.filter(kind=wanted.kind)
    if wanted.text:
        rows = rows.filter(
            Q(code__icontains=wanted.text) | Q(grantor__name__icontains=wanted.text) | Q(grantee__name__icontains=wanted.text)
        )
    over = Q(revoked_at__lte=now) | Q(expires_at__lte=now)
    ordered = rows.annotate(is_over=Exists(Authority.objects.filter(pk=OuterRef("pk")).filter(over))).order_by(
        "is_over", F("expires_at").asc(nulls_last=True), "code"
    )
    start = (max(page, 1) - 1) * ROWS
    found = list(ordered.select_related("grantor", "grantee")[start : start + ROWS])
    return _with_counts(found, viewer, now), rows.count()


def authority_counts(*, viewer: Viewer, now: datetime) -> dict[AuthorityState, int]:
    """Return how many documents stand in each state."""
    found = _visible(viewer).aggregate(**{str(state): Count("id", filter=where(now)) for state, where in _IN_STATE.items()})
    return {state: found[str(state)] for state in AuthorityState}


def authority_calendar(*, viewer: Viewer, now: datetime) -> list[tuple[date, int]]:
    """Return how many documents end in each of the next twelve months, this one first; those that have ended already are not counted."""
    ending = _visible(viewer).filter(revoked_at=None, expires_at__gt=now)
    counted = dict(ending.annotate(month=TruncMonth("expires_at")).values_list("month").annotate(n=Count("id")).order_by())
    by_month = {found.date().replace(day=1): n for found, n in counted.items()}
    first, months = now.date().replace(day=1), []
    for _ in range(MONTHS):
        months.append((first, by_month.get(first, 0)))
        first = (first + timedelta(days=32)).replace(day=1)
    return months


def authority_sheet(*, viewer: Viewer, authority_id: UUID, now: datetime) -> AuthoritySheet:
    """Return one document. Raises NotFound also for one that covers no account in sight."""
    found = _visible(viewer).select_related("grantor", "grantee").filter(pk=authority_id).first()
    if found is None:
        raise NotFound("authority")
    signed = (
        AuthoritySignature.objects.filter(authority=found)
        .order_by("signed_at", "id")
        .values_list("party__code", "party__name", "signed_at")
    )
    signatures = tuple(signed)
    return AuthoritySheet(
        row=_with_counts([found], viewer, now)[0],
        document_sha256=found.document_sha256,
        scope={
            "Kinds": tuple(found.instrument_kinds),
            "Only": tuple(found.symbols_allowed),
            "Never": tuple(found.symbols_denied),
        },
        order_notional_limit=found.order_notional_limit,
        limit_currency=found.limit_currency,
        fee_schedule=found.fee_schedule,
        aggregation_consent=found.aggregation_consent,
        clauses=tuple((str(name), str(text)) for name, text in dict(found.clauses).items()),
        signatures=signatures,
        missing=tuple(sorted(set(found.required_signers) - {code for code, _, _ in signatures})),
        accounts=_accounts(found, viewer),
        mandate=mandate_sheet(mandate_id=found.mandate_id, now=now),
    )


def mandate_list(*, viewer: Viewer, now: datetime, limit: int = 100) -> list[tuple[Mandate, int]]:
    """Return the version of each mandate in sight that has begun last (it binds) with the number of its clauses, by code."""
    newest = _mandates(viewer).filter(valid_from__lte=now).order_by("code", "-valid_from", "-version").distinct("code")
    rows = Mandate.objects.filter(pk__in=newest.values("pk")).annotate(clauses=Count("rules")).order_by("code")
    return [(row, row.clauses) for row in rows[:limit]]


def mandate_page(*, viewer: Viewer, mandate_id: UUID, now: datetime) -> tuple[MandateSheet, list[tuple[Mandate, MandateStanding]]]:
    """Return a version of a mandate, and all versions of its code with their standing, the one that begins last first. Raises NotFound."""
    row = _mandates(viewer).filter(pk=mandate_id).first()
    sheet = version_sheet(mandate_id=mandate_id, now=now) if row else None
    if row is None or sheet is None:
        raise NotFound("mandate")
    return sheet, versions_of(code=row.code, now=now)


def _mandates(viewer: Viewer) -> QuerySet[Mandate]:
    if viewer.oversight:
        return Mandate.objects.all()
    held = Q(pk__in=accounts_in_sight(viewer).values("mandate_id")) | Q(pk__in=_visible(viewer).values("mandate_id"))
    return Mandate.objects.filter(code__in=Mandate.objects.filter(held).values("code"))


def _visible(viewer: Viewer) -> QuerySet[Authority]:
    if viewer.oversight:
        return Authority.objects.all()
    return Authority.objects.filter(Exists(_subjects(viewer).filter(authority=OuterRef("pk"))))


def _subjects(viewer: Viewer) -> QuerySet[AuthoritySubject]:
    return AuthoritySubject.objects.filter(subject_kind=SubjectKind.ACCOUNT, subject_id__in=accounts_in_sight(viewer))


def _with_counts(found: Sequence[Authority], viewer: Viewer, now: datetime) -> list[AuthorityRow]:
    ids = [row.pk for row in found]
    covered = dict(_subjects(viewer).filter(authority_id__in=ids).values_list("authority_id").annotate(n=Count("id")).order_by())
    signed = dict(AuthoritySignature.objects.filter(authority_id__in=ids).values_list("authority_id").annotate(n=Count("id")).order_by())
    return [_row(row, covered.get(row.pk, 0), signed.get(row.pk, 0), now) for row in found]


def _row(row: Any, accounts: int, signed: int, now: datetime) -> AuthorityRow:
    ends_at = min((at for at in (row.expires_at, row.revoked_at) if at is not None), default=None)
    state = _state(row, ends_at, now)
    return AuthorityRow(
        id=row.pk,
        code=row.code,
        kind=AuthorityKind(row.kind),
        grantor=row.grantor.name,
        grantee=row.grantee.name,
        powers=tuple(Power(power) for power in row.powers),
        effective_from=row.effective_from,
        begins_at=row.begins_at,
        ends_at=ends_at,
        state=state,
        days_left=(ends_at.date() - now.date()).days if ends_at and state in {AuthorityState.ACTIVE, AuthorityState.ENDING} else None,
        accounts=accounts,
        signed=signed,
        to_sign=max(len(row.required_signers), signed),
    )


def _state(row: Any, ends_at: datetime | None, now: datetime) -> AuthorityState:
    if row.revoked_at is not None and row.revoked_at <= now:
        return AuthorityState.REVOKED
    if row.expires_at is not None and row.expires_at <= now:
        return AuthorityState.ENDED
    if row.begins_at is None or row.begins_at > now:
        return AuthorityState.WAITING
    return AuthorityState.ENDING if ends_at is not None and ends_at <= now + SOON else AuthorityState.ACTIVE


def _revoked(now: datetime) -> Q:
    return Q(revoked_at__lte=now)


def _ended(now: datetime) -> Q:
    return Q(expires_at__lte=now) & ~Q(revoked_at__isnull=False, revoked_at__lte=now)


def _lives(now: datetime) -> Q:
    return (Q(expires_at=None) | Q(expires_at__gt=now)) & (Q(revoked_at=None) | Q(revoked_at__gt=now))


def _waiting(now: datetime) -> Q:
    return _lives(now) & (Q(begins_at=None) | Q(begins_at__gt=now))


def _soon(now: datetime) -> Q:
    return Q(expires_at__isnull=False, expires_at__lte=now + SOON) | Q(revoked_at__isnull=False, revoked_at__lte=now + SOON)


def _late(now: datetime) -> Q:
    return (Q(expires_at=None) | Q(expires_at__gt=now + SOON)) & (Q(revoked_at=None) | Q(revoked_at__gt=now + SOON))


_IN_STATE = {
    AuthorityState.ACTIVE: lambda now: _lives(now) & Q(begins_at__lte=now) & _late(now),
    AuthorityState.ENDING: lambda now: _lives(now) & Q(begins_at__lte=now) & _soon(now),
    AuthorityState.ENDED: _ended,
    AuthorityState.REVOKED: _revoked,
    AuthorityState.WAITING: _waiting,
}


def _accounts(row: Authority, viewer: Viewer) -> tuple[SubjectName, ...]:
    ids = _subjects(viewer).filter(authority=row).order_by("subject_id").values_list("subject_id", flat=True)[:ACCOUNTS]
    names = name_subjects(viewer, (Subject(SubjectKind.ACCOUNT, str(pk)) for pk in ids))
    return tuple(sorted(names.values(), key=lambda name: name.text))
