"""Hear what the broker says: the stream of reports, and the list of executions that nothing is missing from.

Entry points: `hear_reports`, `fetch_executions`, `ask_orders`, `Heard`.

Invariants:
1. A cursor is saved in the transaction that booked what lies before it.
2. An incomplete answer proves nothing that is not in it (RELIABILITY, "venue page truncated").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from base import tenancy

from ..gateways.base import GatewayError
from ..gateways.reports import OrderRef
from .evidence import of_execution, of_order_report, of_report
from .lease import cursors, save_cursors
from .line import Line
from .reports import Processed, process

MOST_PAGES = 200


@dataclass(slots=True)
class Heard:
    """What was heard in one go. has_gap: the stream leaves something out; ask for it."""

    reports: int = 0
    executions: int = 0
    ended: list[UUID] = field(default_factory=list)
    ask: set[str] = field(default_factory=set)
    mismatched: set[str] = field(default_factory=set)
    has_gap: bool = False

    def add(self, processed: Processed, reports: int) -> None:
        """Count a processed batch."""
        self.reports += reports
        self.executions += processed.executions
        self.ended += processed.ended
        self.ask.update(processed.ask)
        self.mismatched.update(processed.mismatched)


def hear_reports(line: Line, *, now: datetime, since: str | None = None) -> Heard:
    """Process what has been streamed since the saved cursor (which the caller may have at hand), page by page.

    Raises GatewayError, LeaseLost.
    """
    heard = Heard()
    cursor = _cursors(line)[0] if since is None else since
    for _ in range(MOST_PAGES):
        page = line.gateway.poll(cursor)
        if page.items or page.cursor != cursor:
            with line.transaction():
                heard.add(process(connection_id=line.connection_id, evidence=[of_report(r) for r in page], now=now), len(page))
                save_cursors(connection_id=line.connection_id, epoch=line.epoch, reports=page.cursor)
        if page.complete or page.cursor == cursor:
            heard.has_gap = not page.complete
            return heard
        cursor = page.cursor
        line.renew()
    return heard


def fetch_executions(line: Line, *, now: datetime) -> Heard:
    """Process all executions since the saved cursor until the list is complete. Raises GatewayError, LeaseLost."""
    heard = Heard()
    cursor = _cursors(line)[1]
    for _ in range(MOST_PAGES):
        page = line.gateway.executions_since(cursor)
        if page.items:
            with line.transaction():
                heard.add(process(connection_id=line.connection_id, evidence=[of_execution(r) for r in page], now=now), len(page))
                save_cursors(connection_id=line.connection_id, epoch=line.epoch, executions=page.cursor)
        if page.complete:
            return heard
        cursor = page.cursor
        line.renew()
    raise GatewayError("the list of executions does not come to an end", permanent=False)


def ask_orders(line: Line, references: Sequence[str], *, now: datetime, with_mismatches: bool = False) -> Heard:
    """Ask the broker about orders by our reference and process the answers. Raises GatewayError, LeaseLost."""
    heard = Heard()
    answers = [report for name in references for report in line.gateway.order_status(OrderRef(name))]
    if answers:
        evidence = [of_order_report(report) for report in answers]
        with line.transaction():
            heard.add(process(connection_id=line.connection_id, evidence=evidence, now=now, with_mismatches=with_mismatches), len(answers))
    return heard


def _cursors(line: Line) -> tuple[str, str]:
    with tenancy.firm(line.firm_id):
        return cursors(connection_id=line.connection_id)
