"""Tell the firm how full its limits are and what its gates refused (RSK-10).

Entry points: `tell_limits` (gate 1), `tell_refused` (gate 2).
Invariants: 1. one alert per limit, instrument and tier until the use has fallen 5% below that tier. 2. a refusal is CRITICAL. 3. no lock is
held while nothing changes: the memory is written only when a tier does, and only by whoever sees it change first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection

from governance import services as governance
from governance.core.subjects import Subject
from governance.enums import AlertTier as Loudness
from governance.enums import SubjectKind
from risk.core.alerts import AlertKey, AlertState, observe
from risk.core.findings import Finding
from risk.core.gate_one import UNLIMITED, LimitUse
from risk.enums import AlertTier, FirmLimitKind, GateCode
from risk.models import LimitAlert
from risk.queries.gate_one import GateOneView

from .decisions import message_of, stored

_OF_INSTRUMENT = frozenset({FirmLimitKind.ORDER_NOTIONAL, FirmLimitKind.ADV_RATE, FirmLimitKind.SINGLE_NAME})
_MESSAGE = 400
_REMEMBER = """
INSERT INTO risk_limitalert (id, kind, instrument_id, tier, number, "limit", observed_at)
VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, %s)
ON CONFLICT (firm_id, kind, instrument_id) DO UPDATE
    SET tier = excluded.tier, number = excluded.number, "limit" = excluded."limit", observed_at = excluded.observed_at
WHERE risk_limitalert.tier = %s RETURNING id"""


def tell_limits(*, view: GateOneView, now: datetime) -> None:
    """Compare the use of every limit with what was told of it, raise what is news, end what is re-armed. Source: RSK-10."""
    instrument = view.parent.instrument
    told = {
        (row.kind, row.instrument_id): row
        for row in LimitAlert.objects.filter(kind__in=list(FirmLimitKind))
        if row.instrument_id in (None, instrument.id)
    }
    blocked = {finding.code for finding in view.findings}
    for use in view.uses:
        about = instrument.id if use.kind in _OF_INSTRUMENT else None
        if use.number is not None and use.limit is not None and use.limit != UNLIMITED:
            _tell_use(use, view, about, told.get((use.kind, about)), use.code in blocked, now)
    missing = [finding for finding in view.findings if finding.code is GateCode.MISSING_DATA]
    if missing:
        governance.raise_alert(
            tier=Loudness.CRITICAL,
            audience=None,
            rule="CON-5",
            subject=Subject(SubjectKind.INSTRUMENT, str(instrument.id)),
            message=_cut(f"Gate 1 refused {instrument.symbol}: {message_of(missing)}"),
            now=now,
            dedupe_key=f"gate1|CON-5|{instrument.id}",
            journey_id=view.parent.journey_id,
        )


def _tell_use(use: LimitUse, view: GateOneView, about: int | None, row: LimitAlert | None, blocked: bool, now: datetime) -> None:
    number, limit = use.number or Decimal(0), use.limit or Decimal(0)
    before = AlertState(AlertTier.NONE if row is None else AlertTier(row.tier))
    key = AlertKey(use.rule, None, None if about is None else str(about))
    after, alert = observe(key, before, number=number, limit=limit, now=now, blocked=blocked)
    if after.tier is before.tier or not _remember(use, about, after.tier, before.tier, now):
        return
    if alert is None:
        governance.end_alert(dedupe_key=_key(use, about), now=now, reason="the use of the limit has fallen")
    else:
        _raise(use, view, about, alert.tier, blocked, now)


def _remember(use: LimitUse, about: int | None, after: AlertTier, before: AlertTier, now: datetime) -> bool:
    """Write the tier if it still is what it was; return False where somebody else has told in the meantime."""
    values = [use.kind.value, about, after.value, stored(use.number), stored(use.limit), now, before.value]
    with connection.cursor() as cursor:
        cursor.execute(_REMEMBER, values)
        return cursor.fetchone() is not None


def _key(use: LimitUse, about: int | None) -> str:
    """Return what the alert is known by while it is open; a louder tier of the same key is news to governance."""
    return f"gate1|{use.kind.value}|{'' if about is None else about}"


def _raise(use: LimitUse, view: GateOneView, about: int | None, tier: AlertTier, blocked: bool, now: datetime) -> None:
    said = use.finding.describe() if use.exceeded else use.finding.describe().replace(" over ", " of ")
    share = (use.number or Decimal(0)) * 100 / (use.limit or Decimal(1))
    verb = "Gate 1 refused" if blocked else f"{share:.0f}% of the limit with"
    subject = Subject(SubjectKind.LIMIT, use.kind.value) if about is None else Subject(SubjectKind.INSTRUMENT, str(about))
    governance.raise_alert(
        tier=Loudness[tier.name],
        audience=None,
        rule=use.rule,
        subject=subject,
        message=_cut(f"{verb} {view.parent.instrument.symbol}: {said}"),
        now=now,
        dedupe_key=_key(use, about),
        journey_id=view.parent.journey_id,
    )


@dataclass(frozen=True, slots=True)
class Refused:
    """One refused lot, for the alert: its first finding, whose it is, in what."""

    account_id: UUID
    instrument_id: int
    symbol: str
    journey_id: UUID
    finding: Finding


def tell_refused(*, refused: Sequence[Refused], now: datetime) -> None:
    """Raise one alert per rule and instrument of a batch, on the account where it is one account's, else on the instrument."""
    groups: dict[tuple[str, GateCode, int], list[Refused]] = {}
    for lot in refused:
        groups.setdefault((lot.finding.rule, lot.finding.code, lot.instrument_id), []).append(lot)
    for (rule, code, instrument_id), lots in sorted(groups.items()):
        accounts = {lot.account_id for lot in lots}
        single = next(iter(accounts)) if len(accounts) == 1 else None
        subject = Subject(SubjectKind.INSTRUMENT, str(instrument_id)) if single is None else Subject(SubjectKind.ACCOUNT, str(single))
        whose = f"{len(accounts)} accounts' lots" if single is None else "a lot"
        governance.raise_alert(
            tier=Loudness.CRITICAL,
            audience=None,
            rule=rule,
            subject=subject,
            message=_cut(f"Gate 2 refused {whose} of {lots[0].symbol}: {message_of([lots[0].finding])}"),
            now=now,
            dedupe_key=f"gate2|{rule}|{code.value}|{single or ''}|{instrument_id}",
            journey_id=lots[0].journey_id,
        )


def _cut(text: str) -> str:
    return text if len(text) <= _MESSAGE else text[: _MESSAGE - 1] + "…"
