"""A database of its own at a time of its own, committed, for tests whose work is done by other processes or over all firms."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.db import connections

from allocation.core.signal_body import parse_signal
from base import tenancy
from base.clock import process_clock
from execution.services.release import run_signal
from mamweb.tour.firm import TourFirm
from tests.chaos.stage import Stage, addresses
from tests.database import cloned_database


@contextmanager
def playing(folder: Path, start: datetime, speed: float) -> Iterator[Stage]:
    """Open the database, with a message queue of its own beside it. The time runs at `speed` from `start`, 0 = stands still."""
    with cloned_database(f"play_{os.getpid()}"):
        set_clock(start, speed)
        queue = f"{settings.REDIS_URL.partition('?')[0]}?db=9"
        with redis.Redis.from_url(queue) as client:
            client.flushdb()
        more = {"REDIS_URL": queue, "MAMWEB_CLOCK": settings.REHEARSAL_CLOCK, "PYTEST_XDIST_WORKER": ""}
        here = Stage(None, folder, os.environ | addresses() | more)  # type: ignore[arg-type]
        try:
            yield here
        finally:
            for name in list(here.processes):
                here.kill(name)
            connections.close_all()
            settings.REHEARSAL_CLOCK = ""


def set_clock(start: datetime, speed: float = 0) -> None:
    """Set this process's clock."""
    settings.REHEARSAL_CLOCK = f"{start.isoformat()}@{datetime.now(UTC).isoformat()}*{speed}"


def rows(firm_id: int, sql: str, *parameters: object) -> list[Any]:
    """Return what the firm's rows say."""
    with tenancy.firm(firm_id), connections["default"].cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def release_two_twaps(firm: TourFirm) -> None:
    """Release two orders large enough to be sliced."""
    for symbol in ("ABC", "QRS"):
        now = process_clock().now()
        body = parse_signal({"strategy": "CORE", "symbol": symbol, "method": "target_weight", "figure": "0.09"}, now=now)
        facts = run_signal(firm_id=firm.firm_id, source="command", idempotency_key=symbol, body=body, actor=firm.actors["TRADER"], now=now)
        assert len(facts.parents) == 1, facts
