"""The audit chain of the current firm: its rows as the core's values, and whether it is sound (GOV-7, S12).

Entry points: `verify_chain`; for the sealer `chain_head`, `unsealed_events`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from base import tenancy

from ..core.audit import AuditEvent as Event
from ..core.audit import AuditFinding, Head, SealedEvent, genesis, verify
from ..core.subjects import Subject
from ..enums import AuditFindingKind
from ..models import AuditEvent, AuditSeal

CHUNK = 5_000
_COLUMNS = [
    *("id", "recorded_at", "actor_id", "actor_role", "action", "subject_kind", "subject_id", "before", "after"),
    *("reason", "rule", "rule_version", "journey_id", "source_ip", "api_key", "approval_id"),
]


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What a verification found. unsealed: events not chained yet (reported as the tail, no fault by itself)."""

    findings: tuple[AuditFinding, ...]
    sealed: int
    unsealed: int
    head: Head

    @property
    def faults(self) -> tuple[AuditFinding, ...]:
        """The findings that somebody must explain: all but the unsealed tail."""
        return tuple(finding for finding in self.findings if finding.kind is not AuditFindingKind.UNSEALED_TAIL)


def chain_head() -> Head:
    """Return the last seal of the current firm, or its genesis."""
    last = AuditSeal.objects.order_by("-sequence").values_list("sequence", "hash").first()
    return genesis(_firm()) if last is None else Head(last[0], bytes.fromhex(last[1]))


def unsealed_events(ids: Iterable[Any]) -> list[Event]:
    """Return these events of the queue in order of id, without those that have a seal already."""
    return _events(AuditEvent.objects.filter(id__in=list(ids)))


def verify_chain(*, exported: Sequence[Head] = ()) -> ChainReport:
    """Check every row of the current firm's chain, from its genesis on, and against heads that were exported earlier.

    Reads in chunks, the tail first: what is written and sealed meanwhile is at most counted in both.
    """
    missing: list[AuditFinding] = []
    last = [genesis(_firm())]
    tail = _events(AuditEvent.objects.all())
    findings = verify(_sealed(missing, last), _firm(), exported=exported, unsealed=tail)
    lost = {finding.sequence for finding in missing}
    kept = [finding for finding in findings if finding.sequence not in lost or finding.kind is not AuditFindingKind.EDITED]
    return ChainReport((*missing, *kept), last[0].sequence, len(tail), last[0])


def _sealed(missing: list[AuditFinding], last: list[Head]) -> Iterator[SealedEvent]:
    for row in _seal_rows():
        sequence, previous, chained, event_id, *columns = row
        if columns[0] is None:
            missing.append(AuditFinding(AuditFindingKind.DELETED, sequence, f"its event {event_id} is missing"))
            columns = [event_id, None, None, "", "", "", "", None, None, "", "", "", None, None, "", None]
        columns[7], columns[8] = (value if value is None else json.loads(value) for value in columns[7:9])
        sealed = SealedEvent(_event(columns), sequence, _bytes(previous), _bytes(chained))
        last[0] = sealed.head
        yield sealed


def _seal_rows() -> Iterator[Sequence[Any]]:
    events = ", ".join(f"e.{name}" for name in _COLUMNS)
    sql = (
        f"SELECT s.sequence, s.previous_hash, s.hash, s.event_id, {events} FROM governance_auditseal s "  # fixed names
        "LEFT JOIN governance_auditevent e ON e.id = s.event_id WHERE s.sequence > %s ORDER BY s.sequence LIMIT %s"
    )
    after = -(2**63)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(sql, [after, CHUNK])
            rows = cursor.fetchall()
        yield from rows
        if len(rows) < CHUNK:
            return
        after = rows[-1][0]


def _events(rows: QuerySet[AuditEvent]) -> list[Event]:
    unsealed = rows.filter(~Exists(AuditSeal.objects.filter(event_id=OuterRef("id"))))
    return [_event(row) for row in unsealed.order_by("id").values_list(*_COLUMNS)]


def _event(row: Sequence[Any]) -> Event:
    (id_, at, actor, role, action, kind, subject, before, after, reason, rule, version, journey, ip, key, approval) = row
    return Event(
        event_id=id_,
        firm_id=_firm(),
        at=at,
        actor_id="" if actor is None else str(actor),
        actor_role=role,
        action=action,
        subject=Subject(kind, subject),
        before=before,
        after=after,
        reason=reason,
        rule=rule,
        rule_version=version,
        journey_id=journey,
        source_ip="" if ip is None else str(ip),
        api_key_id=key,
        approval_id=approval,
    )


def _firm() -> str:
    return str(tenancy.current_firm())


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
