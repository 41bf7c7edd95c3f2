"""Seal committed audit events into the firm's chain (GOV-7, DESIGN §6).

Invariants
1. Sealers of one firm exclude each other by an advisory lock that ends with the transaction; writers know nothing of it.
2. Seals and the emptied queue are one transaction: after a crash either both stand or neither, and the next run goes on from there.
3. The order of the chain is that of the events' ids among those visible; what commits later is sealed later.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
from django.db import connection

from base import bulk, tenancy

from ..core.audit import seal
from ..core.id_columns import id_column
from ..models import AuditPending, AuditSeal
from ..queries.audit_chain import chain_head, unsealed_events

BATCH = 10_000


def seal_audit(*, now: datetime) -> int:
    """Seal up to 10,000 waiting events of the current firm; returns how many. 0 also when another sealer is at work."""
    if not AuditPending.objects.exists() or not _alone():
        return 0
    waiting = list(AuditPending.objects.order_by("id").values_list("id", flat=True)[:BATCH])
    events = unsealed_events(waiting)
    sealed = seal(events, chain_head())
    columns = {
        "sequence": bulk.Integers(np.array([row.sequence for row in sealed], dtype=np.int64)),
        "event_id": bulk.Uuids(id_column(event.event_id for event in events)),
        "previous_hash": bulk.Texts(np.array([row.previous_hash.hex().encode() for row in sealed], dtype=np.bytes_)),
        "hash": bulk.Texts(np.array([row.chain_hash.hex().encode() for row in sealed], dtype=np.bytes_)),
        "sealed_at": now,
    }
    written = bulk.insert(AuditSeal, len(sealed), columns)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM governance_auditpending WHERE id = ANY(%s)", [waiting])
    return written


def _alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"governance.seal|{tenancy.current_firm()}"])
        return bool(cursor.fetchone()[0])
