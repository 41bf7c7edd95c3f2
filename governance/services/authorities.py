"""Authorities: recorded, signed, revoked, and warned of before they run out (GOV-1..3)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import IntegrityError, transaction

from base import bulk
from base.core.ids import digest, new_id
from base.errors import NotFound

from ..core.authority import KIND_MAY_GIVE, Signature, expiry_warnings
from ..core.id_columns import id_column
from ..core.subjects import Actor, Subject
from ..enums import AuditAction, AuthorityKind, Power, SubjectKind
from ..models import Alert, Authority, AuthoritySignature, AuthoritySubject, ClientInstruction, Party
from ..queries.authority_documents import authority_value, authority_values, ending_authorities
from .alerts import end_alert, raise_alert
from .audit_trail import audit
from .parties import UnableToRecord
from .permission import CONTROL, RECORDS, require_role


def record_authority(
    *,
    code: str,
    kind: AuthorityKind,
    grantor_id: UUID,
    grantee_id: UUID,
    account_ids: Sequence[UUID],
    powers: Collection[Power],
    effective_from: datetime,
    document_sha256: str,
    actor: Actor | None,
    now: datetime,
    signatures: Sequence[Signature] = (),
    required_signers: Collection[str] | None = None,
    expires_at: datetime | None = None,
    instrument_kinds: Collection[str] = (),
    symbols_allowed: Collection[str] = (),
    symbols_denied: Collection[str] = (),
    order_notional_limit: Decimal | None = None,
    limit_currency: str = "",
    fee_schedule: str = "",
    mandate_id: UUID | None = None,
    aggregation_consent: bool = False,
    clauses: Mapping[str, str] | None = None,
    approval_id: UUID | None = None,
) -> UUID:
    """Record one document and return its id; it holds once signed by all of `required_signers` (codes of parties; None = both sides).

    signatures: (code of the party, instant). clauses: text by power, and "instruments", "limits", "term". A MANAGED account also needs
    `fee_schedule` here (or its gate record) and the grantor's statement address. Raises UnableToRecord, NotFound, NotPermitted.
    """
    require_role(actor, CONTROL)
    if beyond := frozenset(powers) - KIND_MAY_GIVE[kind]:
        raise UnableToRecord("powers", f"a {kind} cannot give {', '.join(sorted(beyond))}", field="powers", value=sorted(beyond))
    _check_terms(effective_from, expires_at, order_notional_limit, limit_currency, signatures, now)
    parties = dict(Party.objects.filter(id__in=[grantor_id, grantee_id]).values_list("id", "code"))
    if len(parties) != len({grantor_id, grantee_id}):
        raise NotFound("party")
    row = Authority(
        id=new_id(),
        code=code,
        kind=kind,
        grantor_id=grantor_id,
        grantee_id=grantee_id,
        powers=sorted(powers),
        instrument_kinds=sorted(instrument_kinds),
        symbols_allowed=sorted(symbols_allowed),
        symbols_denied=sorted(symbols_denied),
        order_notional_limit=order_notional_limit,
        limit_currency=limit_currency,
        fee_schedule=fee_schedule,
        mandate_id=mandate_id,
        aggregation_consent=aggregation_consent,
        effective_from=effective_from,
        expires_at=expires_at,
        required_signers=sorted(parties.values() if required_signers is None else required_signers),
        clauses=dict(clauses or {}),
        document_sha256=document_sha256,
    )
    _save(row, signatures)
    covered = {"authority_id": row.id, "subject_kind": SubjectKind.ACCOUNT, "subject_id": bulk.Uuids(id_column(account_ids))}
    bulk.insert(AuthoritySubject, len(account_ids), covered)
    subject = Subject(SubjectKind.AUTHORITY, str(row.id))
    after = _facts(row) | {"accounts": len(account_ids), "accounts_sha256": digest(sorted(map(str, account_ids)))}
    audit(action=AuditAction.AUTHORITY_RECORDED, subject=subject, actor=actor, now=now, after=after, rule="GOV-1", approval_id=approval_id)
    return row.id


def sign_authority(*, authority_id: UUID, party_code: str, signed_at: datetime, actor: Actor | None, now: datetime) -> None:
    """Record a signature; a party's first one counts. Raises NotFound, NotPermitted, UnableToRecord for one dated after `now` or a revoked document."""
    require_role(actor, CONTROL)
    row = _locked(authority_id)
    if signed_at > now:
        raise UnableToRecord("signed_at", "a signature cannot be dated ahead", field="signed_at", value=signed_at)
    if row.revoked_at is not None:
        raise UnableToRecord("revoked", "a revoked document takes no signature", value=row.revoked_at)
    before = {"begins_at": row.begins_at}
    _sign(row, [Signature(party_code, signed_at)])
    after = {"begins_at": row.begins_at, "signed_by": party_code, "signed_at": signed_at}
    audit(action=AuditAction.CHANGED, subject=_subject(row.id), actor=actor, now=now, before=before, after=after, rule="GOV-1")


def revoke_authority(*, authority_id: UUID, actor: Actor | None, now: datetime, reason: str, revoked_at: datetime | None = None) -> None:
    """End a document now, or at `revoked_at`; of several revocations the earliest holds. Raises NotFound, NotPermitted."""
    require_role(actor, RECORDS)
    row = _locked(authority_id)
    before = {"revoked_at": row.revoked_at}
    row.revoked_at = min(at for at in (revoked_at or now, row.revoked_at) if at is not None)
    row.save(update_fields=["revoked_at"])
    after = {"revoked_at": row.revoked_at}
    subject = _subject(row.id)
    audit(
        action=AuditAction.AUTHORITY_REVOKED, subject=subject, actor=actor, now=now, before=before, after=after, reason=reason, rule="GOV-2"
    )


def record_client_instruction(
    *,
    account_id: UUID,
    received_at: datetime,
    valid_until: datetime,
    document_sha256: str,
    actor: Actor | None,
    now: datetime,
    symbol: str = "",
) -> UUID:
    """Record that the client wants positions closed after the authority ended (GOV-3); no symbol = all of them.

    Raises UnableToRecord without a document or for one that ends before it begins; NotPermitted.
    """
    require_role(actor, RECORDS)
    if not document_sha256 or valid_until <= received_at or received_at > now:
        raise UnableToRecord("instruction", "an instruction needs its document, a past instant and a later end", field="document_sha256")
    facts = {"symbol": symbol, "received_at": received_at, "valid_until": valid_until, "document_sha256": document_sha256}
    row = ClientInstruction.objects.create(account_id=account_id, **facts)
    subject = Subject(SubjectKind.ACCOUNT, str(account_id))
    audit(action=AuditAction.CLIENT_INSTRUCTION_RECORDED, subject=subject, actor=actor, now=now, after=facts, rule="GOV-3")
    return row.id


def warn_of_expiring_authorities(*, now: datetime) -> int:
    """Raise an alert for each document within 60, 30 or 7 days of its end, or past it.

    A nearer threshold takes the place of the one before. Returns how many documents are concerned (GOV-2).
    """
    warnings = expiry_warnings(ending_authorities(now=now), now)
    for warning in warnings:
        key = "|".join(map(str, warning.dedupe_key))
        subject = Subject(SubjectKind.AUTHORITY, warning.authority_id)
        earlier = Alert.objects.filter(rule="GOV-2", subject_kind=subject.kind, subject_id=subject.id, ended_at__isnull=True)
        for alert_id in earlier.exclude(dedupe_key=key).order_by("id").values_list("id", flat=True):
            end_alert(alert_id=alert_id, now=now, reason="a nearer threshold was crossed")
        when = f"ends in {warning.days_left} days" if warning.threshold else "has expired"
        over = "one account" if len(warning.account_ids) == 1 else f"{len(warning.account_ids)} accounts"
        message = f"The authority over {over} {when} ({warning.expires_at.day} {warning.expires_at:%b %Y})"
        raise_alert(tier=warning.tier, audience=None, rule="GOV-2", subject=subject, message=message, now=now, dedupe_key=key)
    return len(warnings)


def _check_terms(
    begins: datetime, ends: datetime | None, limit: Decimal | None, currency: str, signatures: Sequence[Signature], now: datetime
) -> None:
    """Raise UnableToRecord, naming the field, for what contradicts itself on the paper."""
    if ends is not None and ends <= begins:
        raise UnableToRecord("expires_at", f"it ends at {ends}, before it begins at {begins}", field="expires_at", value=ends)
    if limit is not None and not currency:
        raise UnableToRecord("limit_currency", f"the limit of {limit} has no currency", field="limit_currency", value="")
    if ahead := [one.signed_at for one in signatures if one.signed_at > now]:
        raise UnableToRecord("signed_at", f"a signature cannot be dated ahead: {max(ahead)}", field="signed_at", value=max(ahead))


def _save(row: Authority, signatures: Sequence[Signature]) -> None:
    try:
        row.begins_at = authority_value(row, (), ()).begins_at
        with transaction.atomic():
            row.save(force_insert=True)
    except (ValueError, IntegrityError) as error:
        if Authority.objects.filter(code=row.code).exists():
            raise UnableToRecord("code", f"an authority {row.code} is recorded already", field="code", value=row.code) from error
        raise UnableToRecord("authority", f"the document contradicts itself: {error}", value=row.code) from error
    if signatures:
        _sign(row, signatures)


def _sign(row: Authority, signatures: Sequence[Signature]) -> None:
    codes = {signature.party for signature in signatures}
    parties = dict(Party.objects.filter(code__in=codes).values_list("code", "id"))
    if len(parties) != len(codes):
        raise NotFound("party")
    AuthoritySignature.objects.bulk_create(
        [AuthoritySignature(id=new_id(), authority=row, party_id=parties[s.party], signed_at=s.signed_at) for s in signatures],
        ignore_conflicts=True,
    )
    row.begins_at = authority_values(Authority.objects.filter(id=row.id), with_accounts=False)[0].begins_at
    row.save(update_fields=["begins_at"])


def _locked(authority_id: UUID) -> Authority:
    row = Authority.objects.select_for_update().filter(id=authority_id).first()
    if row is None:
        raise NotFound("authority")
    return row


def _facts(row: Authority) -> dict[str, object]:
    names = "code kind powers instrument_kinds symbols_allowed symbols_denied order_notional_limit limit_currency fee_schedule mandate_id "
    names += "aggregation_consent effective_from expires_at begins_at required_signers document_sha256 grantor_id grantee_id"
    return {name: getattr(row, name) for name in names.split()}


def _subject(authority_id: UUID) -> Subject:
    return Subject(SubjectKind.AUTHORITY, str(authority_id))
