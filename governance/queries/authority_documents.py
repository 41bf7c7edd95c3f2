"""Authorities as the core's values, whole: to explain a decision, to warn of an expiry, to end what they covered (GOV-2, GOV-3)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

from django.db.models import Q, QuerySet

from ..core.authority import WARNING_DAYS, Authority, InstrumentScope, Signature, newly_ended
from ..core.subjects import Viewer
from ..enums import AuthorityFinding, AuthorityKind, Power, SubjectKind
from ..models import Authority as AuthorityRow
from ..models import AuthoritySignature, AuthoritySubject
from .names import accounts_in_sight


def authority_values(rows: QuerySet[AuthorityRow], *, with_accounts: bool = True) -> list[Authority]:
    """Return the documents in order of id, in three queries. Without accounts they cover nobody: enough to explain, not to check."""
    found = list(rows.order_by("id"))
    ids = [row.id for row in found]
    signatures: dict[UUID, list[Signature]] = defaultdict(list)
    signed = AuthoritySignature.objects.filter(authority_id__in=ids).order_by("signed_at", "id")
    for authority_id, party, signed_at in signed.values_list("authority_id", "party__code", "signed_at"):
        signatures[authority_id].append(Signature(party, signed_at))
    accounts: dict[UUID, list[str]] = defaultdict(list)
    if with_accounts:
        covered = AuthoritySubject.objects.filter(authority_id__in=ids, subject_kind=SubjectKind.ACCOUNT)
        for authority_id, account_id in covered.values_list("authority_id", "subject_id"):
            accounts[authority_id].append(str(account_id))
    return [authority_value(row, accounts[row.id], signatures[row.id]) for row in found]


def authority_value(row: AuthorityRow, account_ids: Iterable[str], signatures: Iterable[Signature]) -> Authority:
    """Return one document. Raises ValueError for one that contradicts itself."""
    return Authority(
        authority_id=str(row.id),
        kind=AuthorityKind(row.kind),
        account_ids=frozenset(account_ids),
        powers=frozenset(Power(power) for power in row.powers),
        effective_from=row.effective_from,
        document_sha256=row.document_sha256,
        required_signers=frozenset(row.required_signers),
        signatures=tuple(signatures),
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        scope=InstrumentScope(frozenset(row.instrument_kinds), frozenset(row.symbols_allowed), frozenset(row.symbols_denied)),
        max_order_notional=row.order_notional_limit,
        limit_currency=row.limit_currency,
        fee_schedule_id=row.fee_schedule,
        mandate_id="" if row.mandate_id is None else str(row.mandate_id),
        aggregation_consent=row.aggregation_consent,
        clauses=row.clauses,
    )


def ending_authorities_seen(*, now: datetime, viewer: Viewer) -> list[Authority]:
    """Return `ending_authorities` of the accounts a person sees, naming no other account."""
    found = ending_authorities(now=now)
    if viewer.oversight or not found:
        return found
    seen = frozenset(str(row["id"]) for row in accounts_in_sight(viewer))
    narrowed = [replace(document, account_ids=document.account_ids & seen) for document in found]
    return [document for document in narrowed if document.account_ids]


def ending_authorities(*, now: datetime) -> list[Authority]:
    """Return the valid documents that end within 60 days or have run out, unless others cover all their accounts beyond that (GOV-2)."""
    soon = Q(expires_at__lte=now + timedelta(days=max(WARNING_DAYS)), revoked_at__isnull=True)
    documents = authority_values(AuthorityRow.objects.filter(soon, begins_at__isnull=False))
    accounts = {account_id for document in documents for account_id in document.account_ids}
    lasting: dict[str, list[_Lasting]] = defaultdict(list)
    others = AuthoritySubject.objects.filter(
        subject_kind=SubjectKind.ACCOUNT, authority__begins_at__isnull=False, authority__revoked_at__isnull=True
    )
    columns = ("subject_id", "authority_id", "authority__begins_at", "authority__expires_at")
    for account_id, authority_id, begins, ends in others.values_list(*columns) if accounts else ():
        if str(account_id) in accounts and begins is not None:
            lasting[str(account_id)].append((str(authority_id), begins, ends))
    return [document for document in documents if not _all_covered_beyond(document, lasting, now)]


_Lasting: TypeAlias = tuple[str, datetime, datetime | None]


def _all_covered_beyond(document: Authority, lasting: dict[str, list[_Lasting]], now: datetime) -> bool:
    """Tell whether each account has another document that holds when this one has ended, and goes on holding."""
    if document.expires_at is None:
        return True
    end = max(document.expires_at, now)
    return all(
        any(
            other != document.authority_id and begins <= end and (ends is None or ends > end) for other, begins, ends in lasting[account_id]
        )
        for account_id in document.account_ids
    )


def accounts_with_ended_authority(*, after: datetime, now: datetime) -> frozenset[UUID]:
    """Return the accounts of which a document has ended since `after`; whether another one still holds is `authority_verdict`'s to say (GOV-3)."""
    ended = AuthorityRow.objects.filter(Q(expires_at__gt=after, expires_at__lte=now) | Q(revoked_at__gt=after, revoked_at__lte=now))
    return frozenset(
        AuthoritySubject.objects.filter(subject_kind=SubjectKind.ACCOUNT, authority__in=ended).values_list("subject_id", flat=True)
    )


def accounts_losing_authority(*, after: datetime, until: datetime) -> dict[UUID, AuthorityFinding]:
    """Return the accounts that had a live authority at `after` and have none at `until`: their working orders are cancelled (GOV-3)."""
    ended = Q(expires_at__gt=after, expires_at__lte=until) | Q(revoked_at__gt=after, revoked_at__lte=until)
    losing = AuthoritySubject.objects.filter(subject_kind=SubjectKind.ACCOUNT, authority__in=AuthorityRow.objects.filter(ended))
    touched = AuthoritySubject.objects.filter(subject_kind=SubjectKind.ACCOUNT, subject_id__in=losing.values("subject_id"))
    documents = authority_values(AuthorityRow.objects.filter(id__in=touched.values("authority_id")))
    return {UUID(account_id): finding for account_id, finding in newly_ended(documents, after, until).items()}
