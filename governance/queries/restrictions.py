"""The restricted list at an instant (CST-5)."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from ..core.restrictions import RestrictedList, RestrictedSubject
from ..core.restrictions import Restriction as Entry
from ..enums import RestrictionState
from ..models import Restriction

# A restriction reaches derivatives of derivatives: an option on a future on a share.
_DERIVED = ("", "__derivatives", "__derivatives__derivatives")


def restriction_state(*, instrument_id: int, issuer_id: int | None, underlying_id: int | None, now: datetime) -> RestrictionState:
    """Return the strictest state that binds the instrument at `now`: its own, its issuer's, its underlyings' and their issuers'."""
    named = Q(issuer_id=issuer_id) if issuer_id is not None else Q()
    named |= Q(instrument_id__in=[id_ for id_ in (instrument_id, underlying_id) if id_ is not None])
    for path in _DERIVED:
        known = Q(**{f"issuer__instruments{path}": instrument_id})
        known |= Q(**{f"instrument{path}": instrument_id})
        named |= known
    if underlying_id is not None:
        named |= Q(issuer__instruments=underlying_id)
    rows = Restriction.objects.filter(named, valid_from__lte=now).filter(Q(valid_until__isnull=True) | Q(valid_until__gt=now)).distinct()
    entries = [_entry(row) for row in rows]
    subject = RestrictedSubject(
        str(instrument_id),
        issuer_ids=tuple(sorted({entry.issuer_id for entry in entries if entry.issuer_id})),
        underlying_ids=tuple(sorted({entry.instrument_id for entry in entries if entry.instrument_id} - {str(instrument_id)})),
    )
    return RestrictedList.build(entries).at(subject, now)[0]


def _entry(row: Restriction) -> Entry:
    return Entry(
        str(row.id),
        RestrictionState(row.state),
        row.valid_from,
        row.reason,
        None if row.issuer_id is None else str(row.issuer_id),
        None if row.instrument_id is None else str(row.instrument_id),
        row.valid_until,
    )
