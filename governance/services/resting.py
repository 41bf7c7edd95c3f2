"""Let a firm's scheduled work rest while somebody lives its past on a clock of their own.

Entry point: `resting`. Tasks that go over all firms ask `awake_firm_ids`: what they did at the machine's now would fall into that past.
Invariant: a firm rests as long as the database session that said so lives, and not a moment longer; nothing is left behind by a crash.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from ..queries.people import RESTING


@contextmanager
def resting(firm_id: int) -> Iterator[None]:
    """Keep scheduled work away from the firm for the length of the block; several may ask for it at once. Opens no tenancy block."""
    _call("pg_advisory_lock_shared", firm_id)
    try:
        yield
    finally:
        _call("pg_advisory_unlock_shared", firm_id)


def _call(function: str, firm_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s, %s)", [RESTING, firm_id])
