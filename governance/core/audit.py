"""The audit chain: canonical bytes of an event, sealing, verification (GOV-7, S12).

Entry points: `AuditEvent`, `genesis`, `seal`, `verify`. Secrets are masked before an event is made: see `redaction`.

The row that is hashed is the canonical JSON (base.core.ids.canonical) of a list, in this order and with these types:
  0 "mamweb-audit-1"           1 sequence: int from 1           2 event_id: UUID text        3 firm_id: text
  4 at: UTC instant, µs        5 actor_id: text                 6 actor_role: text           7 action: text
  8 subject_kind: text         9 subject_id: text              10 before: JSON or null      11 after: JSON or null
 12 reason: text              13 rule: text                    14 rule_version: text        15 journey_id: UUID text or null
 16 source_ip: text           17 api_key_id: text              18 approval_id: UUID text or null
chain_hash = SHA-256(previous chain hash, 32 bytes ‖ row); the first previous hash is SHA-256("mamweb-audit-1|" + firm_id).

Invariants
1. Events append unchained; the sealer gives them sequence numbers without gaps, in the order it is given, and chains them (DESIGN §6).
2. Any edit, deletion, insertion or reordering of sealed rows is found from the rows alone; cutting off the tail, or rehashing everything,
   is found with a head that was exported before. Events not yet sealed are counted, not vouched for.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from base.core.ids import canonical
from governance.core.redaction import Json
from governance.core.subjects import Subject
from governance.enums import AuditAction, AuditFindingKind

FORMAT = "mamweb-audit-1"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Who did what to which thing, when, why, under which rule and approval, from where (GOV-7).

    before/after: plain JSON from `redaction`.
    """

    event_id: UUID
    firm_id: str
    at: datetime
    actor_id: str
    actor_role: str
    action: AuditAction | str
    subject: Subject
    before: Json = None
    after: Json = None
    reason: str = ""
    rule: str = ""
    rule_version: str = ""
    journey_id: UUID | None = None
    source_ip: str = ""
    api_key_id: str = ""
    approval_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: sequence of its last row and that row's hash. Exported to another place, it betrays a shortened chain."""

    sequence: int
    chain_hash: bytes


@dataclass(frozen=True, slots=True)
class SealedEvent:
    """An event in its place in the chain."""

    event: AuditEvent
    sequence: int
    previous_hash: bytes
    chain_hash: bytes

    @property
    def head(self) -> Head:
        return Head(self.sequence, self.chain_hash)


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """Something a verification found. sequence: the row it was noticed at, 0 if none."""

    kind: AuditFindingKind
    sequence: int
    message: str


def genesis(firm_id: str) -> Head:
    """Return the head of a firm's empty chain."""
    return Head(0, hashlib.sha256(f"{FORMAT}|{firm_id}".encode()).digest())


def row_bytes(event: AuditEvent, sequence: int) -> bytes:
    """Return the canonical bytes of an event at its place, as listed at the top of this module.

    Raises TypeError for naive instants and floats.
    """
    return canonical(
        [
            FORMAT,
            sequence,
            event.event_id,
            event.firm_id,
            event.at,
            event.actor_id,
            event.actor_role,
            event.action,
            event.subject.kind,
            event.subject.id,
            event.before,
            event.after,
            event.reason,
            event.rule,
            event.rule_version,
            event.journey_id,
            event.source_ip,
            event.api_key_id,
            event.approval_id,
        ]
    )


def chain_hash(previous: bytes, row: bytes) -> bytes:
    """Return SHA-256(previous ‖ row). Raises ValueError unless `previous` has 32 bytes."""
    if len(previous) != hashlib.sha256().digest_size:
        raise ValueError(f"a previous hash has 32 bytes, not {len(previous)}")
    return hashlib.sha256(previous + row).digest()


def seal(events: Sequence[AuditEvent], head: Head) -> list[SealedEvent]:
    """Chain committed events, in the order given, onto `head`. The last one's `head` is the new head.

    Raises ValueError if the events belong to several firms, or to another one than an empty chain's.
    """
    firms = {event.firm_id for event in events}
    if len(firms) > 1 or (head.sequence == 0 and any(genesis(firm_id) != head for firm_id in firms)):
        raise ValueError("a chain holds the events of one firm")
    sealed: list[SealedEvent] = []
    for sequence, event in enumerate(events, head.sequence + 1):
        previous = sealed[-1].chain_hash if sealed else head.chain_hash
        sealed.append(SealedEvent(event, sequence, previous, chain_hash(previous, row_bytes(event, sequence))))
    return sealed


def verify(
    rows: Iterable[SealedEvent],
    firm_id: str,
    *,
    exported: Sequence[Head] = (),
    start: Head | None = None,
    unsealed: Sequence[AuditEvent] = (),
) -> list[AuditFinding]:
    """Check a chain row by row, in the order given (by sequence); empty = sound.

    exported: heads kept elsewhere earlier. start: a trusted head to begin after, None = the firm's genesis; exported heads before it are
    left to the run that covered them. unsealed: committed events not yet chained; they are reported as the tail, with the instant of the
    oldest.
    """
    start = genesis(firm_id) if start is None else start
    expected, previous = start.sequence + 1, start.chain_hash
    findings: list[AuditFinding] = []
    seen = {start.sequence: start.chain_hash}
    for row in rows:
        findings += _row_findings(row, firm_id, expected, previous)
        expected, previous = row.sequence + 1, row.chain_hash
        seen[row.sequence] = row.chain_hash
    findings += _head_findings(seen, [head for head in exported if head.sequence >= start.sequence])
    if unsealed:
        oldest = min(event.at for event in unsealed)
        message = f"{len(unsealed)} events since {oldest.isoformat()} are not sealed yet"
        findings.append(AuditFinding(AuditFindingKind.UNSEALED_TAIL, max(seen), message))
    return findings


def _row_findings(row: SealedEvent, firm_id: str, expected: int, previous: bytes) -> list[AuditFinding]:
    findings = []
    if row.event.firm_id != firm_id:
        findings.append(AuditFinding(AuditFindingKind.FOREIGN, row.sequence, f"belongs to firm {row.event.firm_id}"))
    if row.sequence > expected:
        findings.append(AuditFinding(AuditFindingKind.DELETED, row.sequence, f"rows {expected} to {row.sequence - 1} are missing"))
    elif row.sequence < expected:
        findings.append(AuditFinding(AuditFindingKind.REORDERED, row.sequence, f"stands where row {expected} belongs"))
    elif not hmac.compare_digest(row.previous_hash, previous):
        findings.append(AuditFinding(AuditFindingKind.EDITED, row.sequence, "does not continue the row before it"))
    if not _hash_holds(row):
        findings.append(AuditFinding(AuditFindingKind.EDITED, row.sequence, "its content does not match its hash"))
    return findings


def _hash_holds(row: SealedEvent) -> bool:
    try:
        return hmac.compare_digest(chain_hash(row.previous_hash, row_bytes(row.event, row.sequence)), row.chain_hash)
    except (TypeError, ValueError):
        return False


def _head_findings(seen: dict[int, bytes], exported: Sequence[Head]) -> list[AuditFinding]:
    last = max(seen)
    findings = []
    for head in exported:
        if head.sequence > last:
            findings.append(AuditFinding(AuditFindingKind.TRUNCATED, last, f"row {head.sequence} was exported, the chain ends at {last}"))
        elif head.sequence in seen and not hmac.compare_digest(seen[head.sequence], head.chain_hash):
            findings.append(AuditFinding(AuditFindingKind.REWRITTEN, head.sequence, "its hash is not the one that was exported"))
    return findings
