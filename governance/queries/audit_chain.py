"""The audit chain of the current firm: its rows as the core's values, and whether it is sound (GOV-7, S12).

Entry points: `verify_chain`; for the sealer `chain_head`, `unsealed_events`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from base import tenancy

from ..core.audit import AuditEvent as Event
from ..core.audit import AuditFinding, Head, SealedEvent, genesis, verify
from ..core.subjects import Subject
from ..enums import AuditFindingKind
from ..models import AuditPending, AuditSeal

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


def unsealed_count() -> int:
    """Return how many events of the current firm the sealer has still before it."""
    return AuditPending.objects.count()


def chain_head() -> Head:
    """Return the last seal of the current firm, or its genesis."""
    last = AuditSeal.objects.order_by("-sequence").values_list("sequence", "hash").first()
    return genesis(_firm()) if last is None else Head(last[0], bytes.fromhex(last[1]))


def unsealed_events(ids: Sequence[UUID]) -> list[Event]:
    """Return these events of the queue in order of id, without those that have a seal already."""
    return [_event(row) for row in _rows("e.id = ANY(%s) AND NOT EXISTS (SELECT FROM governance_auditseal s WHERE s.event_id = e.id)", ids)]


def verify_chain(*, exported: Sequence[Head] = ()) -> ChainReport:
    """Check every row of the current firm's chain, from its genesis on, and against heads that were exported earlier.

    Reads in chunks, the tail first: what is written and sealed meanwhile is at most counted in both.
    """
    missing: list[AuditFinding] = []
    last = [genesis(_firm())]
    tail = [_event(row) for row in _rows("NOT EXISTS (SELECT FROM governance_auditseal s WHERE s.event_id = e.id)")]
    findings = verify(_sealed(missing, last), _firm(), exported=exported, unsealed=tail)
    lost = {finding.sequence for finding in missing}
    kept = [finding for finding in findings if finding.sequence not in lost or finding.kind is not AuditFindingKind.EDITED]
    return ChainReport((*missing, *kept), last[0].sequence, len(tail), last[0])


def _sealed(missing: list[AuditFinding], last: list[Head]) -> Iterator[SealedEvent]:
    for seals in _chunks():
        # Two plain reads and a join here: the planner knows little of a table that grew since it was last analysed.
        events = {row[0]: row for row in _rows("e.id = ANY(%s)", [event_id for *_, event_id in seals])}
        for sequence, previous, chained, event_id in seals:
            if event_id not in events:
                missing.append(AuditFinding(AuditFindingKind.DELETED, sequence, f"its event {event_id} is missing"))
            row = events.get(event_id, [event_id, None, None, "", "", "", "", None, None, "", "", "", None, None, "", None])
            sealed = SealedEvent(_event(row), sequence, _bytes(previous), _bytes(chained))
            last[0] = sealed.head
            yield sealed


def _chunks() -> Iterator[list[Any]]:
    seals = AuditSeal.objects.order_by("sequence").values_list("sequence", "previous_hash", "hash", "event_id")
    chunk = list(seals[:CHUNK])
    while chunk:
        yield chunk
        chunk = list(seals.filter(sequence__gt=chunk[-1][0])[:CHUNK])


def _rows(condition: str, ids: Sequence[UUID] | None = None) -> list[Sequence[Any]]:
    """Return events in order of id; condition: SQL of this module's own making."""
    columns = ", ".join(f"e.{name}" for name in _COLUMNS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM governance_auditevent e WHERE {condition} ORDER BY e.id",
            None if ids is None else [list(ids)],
        )
        return list(cursor.fetchall())


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
        before=None if before is None else json.loads(before),
        after=None if after is None else json.loads(after),
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
