"""Who may send on a connection: a row with an epoch that rises with every new holder (DESIGN §2).

Entry points: `take_lease`, `renew_lease`, `hold_lease`, `end_lease`, `mark_reconciled`, `save_cursors`; all inside the caller's block.

Invariants:
1. Two holders never have the same epoch; a lease is taken only after it has run out or was ended.
2. A transaction that called `hold_lease` commits before anybody else becomes holder, or fails with `LeaseLost`.
3. Nothing else in the domain reads the database's wall clock (DESIGN §5, "Time").
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection

from base.core.ids import new_id
from base.errors import Conflict

from .telling import tell_connection

LEASE_SECONDS = 5.0


class LeaseHeld(Conflict):
    """Another process serves the connection."""


class LeaseLost(Conflict):
    """Another process has taken over: whoever meets this stops at once and writes nothing more."""


def take_lease(*, connection_id: UUID, holder: str, seconds: float = LEASE_SECONDS) -> int:
    """Become the holder and return the new epoch; the connection counts as not reconciled.

    Raises LeaseHeld while somebody else's lease runs, the caller's own earlier one included: a restarted process is somebody else.
    """
    sql = """
        INSERT INTO execution_gatewaylease AS l
            (id, connection_id, epoch, holder, expires_at, reconciled_epoch, executions_cursor, reports_cursor)
        VALUES (%s, %s, 1, %s, clock_timestamp() + %s * interval '1 second', -1, '', '')
        ON CONFLICT (firm_id, connection_id) DO UPDATE
        SET epoch = l.epoch + 1, holder = excluded.holder, expires_at = excluded.expires_at, reconciled_epoch = -1
        WHERE l.expires_at <= clock_timestamp()
        RETURNING l.epoch"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [new_id(), connection_id, holder[:80], seconds])
        row = cursor.fetchone()
    if row is None:
        raise LeaseHeld("I1", "another process serves this connection", connection=str(connection_id))
    tell_connection(connection_id)
    return int(row[0])


def renew_lease(*, connection_id: UUID, epoch: int, seconds: float = LEASE_SECONDS, is_hearing: bool = False) -> None:
    """Hold on for another while. is_hearing: the broker answered since the last time. Raises LeaseLost."""
    heard = ", heard_at = clock_timestamp()" if is_hearing else ""
    _update(f"expires_at = clock_timestamp() + %s * interval '1 second'{heard}", [seconds], connection_id, epoch)


def hold_lease(*, connection_id: UUID, epoch: int) -> None:
    """Lock the lease for the length of the transaction. Raises LeaseLost if the epoch is not ours any more."""
    sql = "SELECT 1 FROM execution_gatewaylease WHERE connection_id = %s AND epoch = %s FOR NO KEY UPDATE"
    with connection.cursor() as cursor:
        cursor.execute(sql, [connection_id, epoch])
        if cursor.fetchone() is None:
            raise _lost(connection_id, epoch)


def end_lease(*, connection_id: UUID, epoch: int) -> None:
    """Let go, so that a successor need not wait. Raises LeaseLost."""
    _update("expires_at = clock_timestamp()", [], connection_id, epoch)
    tell_connection(connection_id)


def mark_reconciled(*, connection_id: UUID, epoch: int, is_reconciled: bool) -> None:
    """Open or close the way to new orders: nothing is claimed before the broker was asked (R8). Raises LeaseLost."""
    heard = ", heard_at = clock_timestamp()" if is_reconciled else ""
    _update(f"reconciled_epoch = %s{heard}", [epoch if is_reconciled else -1], connection_id, epoch)
    tell_connection(connection_id)


def save_cursors(*, connection_id: UUID, epoch: int, reports: str | None = None, executions: str | None = None) -> None:
    """Remember how far the broker's reports have been booked. Raises LeaseLost."""
    _update(
        "reports_cursor = COALESCE(%s, reports_cursor), executions_cursor = COALESCE(%s, executions_cursor)",
        [reports, executions],
        connection_id,
        epoch,
    )


def cursors(*, connection_id: UUID) -> tuple[str, str]:
    """Return the cursors of (reports, executions)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reports_cursor, executions_cursor FROM execution_gatewaylease WHERE connection_id = %s", [connection_id])
        return cursor.fetchone() or ("", "")


def _update(assignment: str, values: list[Any], connection_id: UUID, epoch: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE execution_gatewaylease SET {assignment} WHERE connection_id = %s AND epoch = %s",
            [*values, connection_id, epoch],
        )
        if cursor.rowcount != 1:
            raise _lost(connection_id, epoch)


def _lost(connection_id: UUID, epoch: int) -> LeaseLost:
    return LeaseLost("I1", "another process has taken over this connection", connection=str(connection_id), epoch=epoch)
