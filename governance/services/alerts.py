"""Alerts: raised, de-duplicated, acknowledged, escalated, ended (RSK-10).

Invariants: one open alert per key, whoever raises it at the same moment; only a louder tier is news, and is to be acknowledged anew; a
Critical one reaches everybody concerned and stays in sight until somebody has put their name to it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from base.core.ids import digest, new_id
from base.errors import NotFound
from base.live import Topic, announce

from ..core import alerts as core
from ..core.redaction import redact
from ..core.subjects import Actor, Subject
from ..enums import AlertTier, AuditAction, KillScope, Role, SubjectKind
from ..models import Alert, KillSwitch
from .audit_trail import audit, audit_each

KEY_LENGTH, MESSAGE_LENGTH = 160, 400
_STOPPED = {
    KillScope.FIRM: "the whole firm",
    KillScope.BROKER: "one connection",
    KillScope.INSTRUMENT: "one instrument",
    KillScope.STRATEGY: "one strategy",
    KillScope.ACCOUNT: "one account",
}


def raise_alert(
    *,
    tier: AlertTier,
    audience: Role | Collection[Role] | None,
    rule: str,
    subject: Subject,
    message: str,
    now: datetime,
    dedupe_key: str = "",
    journey_id: UUID | None = None,
) -> UUID:
    """Raise an alert, or count one more of the open one with the same key; returns its id.

    audience: roles to tell, None = those of the tier; a Critical one tells all of its tier besides. dedupe_key "" = (rule, subject).
    """
    given = {audience} if isinstance(audience, Role) else set(audience or core.AUDIENCES[tier])
    told = given | (core.AUDIENCES[tier] if tier is AlertTier.CRITICAL else frozenset())
    key = dedupe_key or f"{rule}|{subject}"
    row = Alert(
        id=new_id(),
        tier=tier,
        audience=sorted(map(str, told)),
        rule=rule,
        subject_kind=subject.kind,
        subject_id=subject.id,
        dedupe_key=key if len(key) <= KEY_LENGTH else digest(key),
        message=str(redact(message))[:MESSAGE_LENGTH],
        journey_id=journey_id,
        raised_at=now,
        last_seen_at=now,
    )
    standing = _insert_or_lock(row)
    news = standing is None or core.raise_or_repeat(_value(row), {_value(row).dedupe_key: _value(standing)}) is not None
    if standing is not None:
        _repeat(standing, row, louder=news)
    alert = standing or row
    if news:
        announce(Topic.ALERTS, [alert.id], roles=alert.audience)
        after = {"tier": tier, "message": row.message, "audience": alert.audience}
        audit(action=AuditAction.ALERT_RAISED, subject=subject, actor=None, now=now, after=after, rule=rule, journey_id=journey_id)
    return alert.id


def acknowledge_alert(*, alert_id: UUID, actor: Actor, now: datetime, note: str = "") -> None:
    """Put a name, a time and perhaps a note to an alert; the first one stays. Raises NotFound also for somebody it was not meant for."""
    row = Alert.objects.select_for_update().filter(id=alert_id, audience__contains=[str(actor.role)]).first()
    if row is None:
        raise NotFound("alert")
    if row.acknowledged_at is None:
        row.acknowledged_by_id, row.acknowledged_at = int(actor.user_id), now
        row.save(update_fields=["acknowledged_by_id", "acknowledged_at"])
        announce(Topic.ALERTS, [row.id], roles=row.audience)
        audit(
            action=AuditAction.ALERT_ACKNOWLEDGED,
            subject=_subject(row.id),
            actor=actor,
            now=now,
            reason=note.strip()[:MESSAGE_LENGTH],
            rule=row.rule,
            journey_id=row.journey_id,
        )


def end_alert(*, now: datetime, alert_id: UUID | None = None, dedupe_key: str = "", actor: Actor | None = None, reason: str = "") -> bool:
    """End an open alert, named by id or by key, because its cause is gone; returns whether there was one.

    A Critical one that nobody has acknowledged stays in sight, and goes on escalating.
    """
    named = Q(id=alert_id) if alert_id is not None else Q(dedupe_key=dedupe_key)
    row = Alert.objects.select_for_update().filter(named, ended_at__isnull=True).first()
    if row is None:
        return False
    row.ended_at = now
    row.save(update_fields=["ended_at"])
    announce(Topic.ALERTS, [row.id], roles=row.audience)
    audit(action=AuditAction.ALERT_ENDED, subject=_subject(row.id), actor=actor, now=now, reason=reason, rule=row.rule)
    return True


def escalate_alerts(*, now: datetime) -> int:
    """Widen the audience of every Critical alert that has waited 5 minutes for a name; returns how many. Each goes up once."""
    waiting = Alert.objects.select_for_update(skip_locked=True).filter(
        tier=AlertTier.CRITICAL, acknowledged_at__isnull=True, escalated_at__isnull=True, raised_at__lte=now - core.ESCALATE_AFTER
    )
    rows = [row for row in waiting.order_by("id") if core.needs_escalation(_value(row), now)]
    for row in rows:
        row.audience = sorted({*row.audience, *map(str, core.audience(_value(row), now))})
        row.escalated_at = now
        announce(Topic.ALERTS, [row.id], roles=row.audience)
    Alert.objects.bulk_update(rows, ["audience", "escalated_at"])
    ids = [str(row.id) for row in rows]
    return audit_each(action=AuditAction.ALERT_ESCALATED, kind=SubjectKind.ALERT, subject_ids=ids, actor=None, now=now, rule="RSK-10")


def announce_kill_switches(*, now: datetime) -> int:
    """Raise a Critical alert for each trip that has none yet, and end those of trips that were re-armed; returns how many were raised.

    Tripping itself raises none: the key of an alert is something shared, and a trip waits for nothing.
    """
    trips = {f"GOV-10|{row.id}": row for row in KillSwitch.objects.filter(rearmed_at__isnull=True).order_by("id")}
    known = set(Alert.objects.filter(rule="GOV-10", dedupe_key__in=list(trips)).values_list("dedupe_key", flat=True))
    for key, row in trips.items():
        if key not in known:
            subject = Subject(SubjectKind.KILL_SWITCH, str(row.id))
            message = f"Trading stopped for {_STOPPED[KillScope(row.scope)]}: {row.reason}"
            raise_alert(tier=AlertTier.CRITICAL, audience=None, rule="GOV-10", subject=subject, message=message, now=now, dedupe_key=key)
    over = Alert.objects.filter(rule="GOV-10", ended_at__isnull=True, dedupe_key__startswith="GOV-10|").exclude(dedupe_key__in=list(trips))
    for alert_id in over.order_by("id").values_list("id", flat=True):
        end_alert(alert_id=alert_id, now=now, reason="re-armed")
    return len(trips) - len(known)


def _insert_or_lock(row: Alert) -> Alert | None:
    """Insert, or return the open alert with this key, locked. Ends: a key that vanished in between is inserted on the next round."""
    while True:
        standing = Alert.objects.select_for_update().filter(dedupe_key=row.dedupe_key, ended_at__isnull=True).first()
        if standing is not None:
            return standing
        Alert.objects.bulk_create([row], ignore_conflicts=True)
        if Alert.objects.filter(id=row.id).exists():
            return None


def _repeat(standing: Alert, row: Alert, *, louder: bool) -> None:
    standing.occurrences += 1
    standing.last_seen_at = row.last_seen_at
    fields = ["occurrences", "last_seen_at"]
    if louder:
        standing.tier, standing.message, standing.raised_at = row.tier, row.message, row.raised_at
        standing.audience = sorted({*standing.audience, *row.audience})
        standing.acknowledged_by_id = standing.acknowledged_at = standing.escalated_at = None
        fields += ["tier", "message", "raised_at", "audience", "acknowledged_by_id", "acknowledged_at", "escalated_at"]
    standing.save(update_fields=fields)


def _value(row: Alert) -> core.Alert:
    by = "" if row.acknowledged_by_id is None else str(row.acknowledged_by_id)
    subject = Subject(SubjectKind(row.subject_kind), row.subject_id)
    return core.Alert(
        row.rule, AlertTier(row.tier), subject, row.message, row.raised_at, acknowledged_by=by, acknowledged_at=row.acknowledged_at
    )


def _subject(alert_id: UUID) -> Subject:
    return Subject(SubjectKind.ALERT, str(alert_id))
