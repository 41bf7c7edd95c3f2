"""Work that goes over all firms, for tasks and commands: a block for each firm; one that fails stops no other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from base import tenancy
from base.clock import process_clock

from ..queries.people import awake_firm_ids

logger = logging.getLogger(__name__)


def for_every_firm(work: Callable[..., int]) -> int:
    """Run `work(now=…)` in a block of each firm that does not rest; returns the sum."""
    now: datetime = process_clock().now()
    done = 0
    for firm_id in awake_firm_ids():
        try:
            with tenancy.firm(firm_id):
                done += work(now=now)
        except Exception:
            logger.exception("%s failed for firm %s", work.__name__, firm_id)
    return done
