"""Claim a batch, transmit it once, record what was answered (RTE-7, I1, I2).

Entry point: `claim_and_send`.

Invariants:
1. Quotes come from the broker before any transaction; no transaction is open while bytes travel.
2. What was claimed is written at most once, in this call, and never by anybody else: no answer means UNKNOWN, and then asking.
3. What was claimed and surely not written ends at once; it is not sent later.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from governance.enums import AlertTier

from ..gateways.base import GatewayError
from ..gateways.crash import crash_point
from ..gateways.reports import Outcome
from .alarms import alert_connection
from .claim import BATCH, Candidate, candidates, claim, deny, retire
from .evidence import absent, of_outcome, unanswered
from .gating import check_batch
from .line import Line
from .pricing import FreshQuotes, fetch_quotes
from .reports import Processed, process
from .unknowns import hold_class_c


@dataclass(frozen=True, slots=True)
class Sent:
    """What one batch came to. ended: orders that ended here, sent or not."""

    claimed: int = 0
    denied: int = 0
    ended: int = 0
    processed: Processed | None = None

    @property
    def any(self) -> bool:
        """Return whether anything happened."""
        return bool(self.claimed or self.ended)


def claim_and_send(line: Line, *, now: datetime) -> Sent:
    """Send the next batch. Raises GatewayError when the broker cannot be asked for quotes, LeaseLost when somebody else has taken over."""
    limit = min(BATCH, line.gateway.capabilities.max_batch)
    with line.transaction():
        gone = [pk for part in retire(connection_id=line.connection_id, now=now) for pk in part]
        waiting = candidates(connection_id=line.connection_id, hold_unknown=hold_class_c(line), limit=limit)
    if not waiting:
        return Sent(ended=len(gone))
    quotes = fetch_quotes(line, waiting)
    with line.transaction():
        verdict = check_batch(line=line, batch=waiting, quotes=quotes, now=now)
        denied = deny(reasons=verdict.denied, now=now)
        ours = claim(connection_id=line.connection_id, epoch=line.epoch, order_ids=verdict.passed, now=now) if verdict.passed else set()
    claimed = [candidate for candidate in waiting if candidate.id in ours]
    processed = _transmit(line, claimed, quotes, now) if claimed else None
    return Sent(len(claimed), len(denied), len(gone) + len(denied), processed)


def _transmit(line: Line, claimed: Sequence[Candidate], quotes: FreshQuotes, now: datetime) -> Processed:
    crash_point("after_claim")
    if not line.may_write or quotes.is_old(time.monotonic()):
        return _never_written(line, claimed, "the quote was too old just before the write", now)
    try:
        outcomes = line.gateway.submit_many([candidate.request() for candidate in claimed])
    except GatewayError as error:
        return _never_written(line, claimed, error.message, now)
    return _record(line, outcomes, now)


def _record(line: Line, outcomes: Sequence[Outcome], now: datetime) -> Processed:
    with line.transaction():
        processed = process(connection_id=line.connection_id, evidence=[of_outcome(outcome) for outcome in outcomes], now=now)
    crash_point("after_ack")
    return processed


def _never_written(line: Line, claimed: Sequence[Candidate], reason: str, now: datetime) -> Processed:
    """End what was claimed and not written: our own word that nothing left is the evidence (UNKNOWN, and at once absent)."""
    names = [candidate.client_order_id for candidate in claimed]
    evidence = [item for name in names for item in (unanswered(name), absent(name, f"not transmitted: {reason}"))]
    with line.transaction():
        processed = process(connection_id=line.connection_id, evidence=evidence, now=now, silent=True)
        message = f"{len(names)} orders were not transmitted: {reason}"
        alert_connection(line.connection_id, tier=AlertTier.WARNING, rule="RTE-7", message=message, now=now, what="NOT_TRANSMITTED")
    return processed
