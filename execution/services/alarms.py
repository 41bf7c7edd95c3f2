"""What a report's findings are to people: who hears of it, how loud, in which words (RSK-10).

Entry points: `raise_findings`, `alert_order`, `alert_parent`, `alarm_stuck`, `alert_connection`, `end_connection_alert`. Alerts are de-duplicated, so repeating one is harmless.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from base import tenancy
from governance.core.subjects import Subject
from governance.enums import AlertTier, Role, SubjectKind
from governance.services import end_alert, raise_alert

from ..core.lifecycle import OrderFinding
from ..enums import FindingCode
from .orders import WorkingOrder

log = logging.getLogger(__name__)
_WORDS: Mapping[FindingCode, tuple[AlertTier, str, str]] = {
    FindingCode.CONFLICT: (AlertTier.CRITICAL, "I3", "One execution was reported with two different figures"),
    FindingCode.OVERFILL: (AlertTier.CRITICAL, "I5", "More was filled than ordered"),
    FindingCode.FILL_AFTER_END: (AlertTier.WARNING, "I5", "A fill came after the order had ended; it is booked"),
    FindingCode.CUMULATIVE_MISMATCH: (AlertTier.WARNING, "I7", "The broker's filled quantity differs from the executions we know"),
    FindingCode.UNKNOWN_EXECUTION: (AlertTier.WARNING, "I3", "A correction of an execution that we had not heard of"),
    FindingCode.UNSENT_ORDER_REPORTED: (AlertTier.CRITICAL, "I1", "The broker reports an order that we never sent"),
    FindingCode.UNANSWERED: (AlertTier.CRITICAL, "RTE-7", "Sent and not answered: the order is UNKNOWN until the broker's word is found"),
    FindingCode.ABSENT_AT_BROKER: (AlertTier.WARNING, "RTE-7", "The broker has no such order; it counts as canceled unless it turns up"),
    FindingCode.REVIVED: (AlertTier.CRITICAL, "RTE-7", "An order that had ended lives at the broker"),
    FindingCode.CONTRADICTION: (AlertTier.CRITICAL, "I7", "The broker's word contradicts what is known of the order"),
}


def raise_findings(order: WorkingOrder, findings: Sequence[OrderFinding], *, now: datetime, with_mismatches: bool = True) -> None:
    """Alarm what deserves it. with_mismatches: also where cumulative figures differ, which late reports make a passing thing."""
    for finding in findings:
        if not finding.is_alarm or (finding.code is FindingCode.CUMULATIVE_MISMATCH and not with_mismatches):
            continue
        tier, rule, words = _WORDS[finding.code]
        figures = "" if finding.number is None else f" ({finding.number:f}" + (f" against {finding.limit:f})" if finding.limit else ")")
        message = f"{words}{figures}; order {order.client_order_id}"
        alert_order(order.id, tier=tier, rule=rule, message=message, now=now, journey_id=order.journey_id, what=finding.code.value)


def alert_order(
    order_id: UUID, *, tier: AlertTier, rule: str, message: str, now: datetime, journey_id: UUID | None = None, what: str = ""
) -> None:
    """Tell traders and operations about an order."""
    _alert_traders(Subject(SubjectKind.CHILD_ORDER, str(order_id)), tier, rule, message, now, journey_id, what)


def alert_parent(
    parent_id: UUID, *, tier: AlertTier, rule: str, message: str, now: datetime, journey_id: UUID | None = None, what: str = ""
) -> None:
    """Tell traders and operations about many orders of a parent at once."""
    _alert_traders(Subject(SubjectKind.PARENT_ORDER, str(parent_id)), tier, rule, message, now, journey_id, what)


def alarm_stuck(firm_id: int, parent_id: UUID, error: Exception, now: datetime) -> None:
    """Tell, in a block of its own, that a parent cannot go on, which holds up no other; it is tried again until somebody cancels it."""
    log.exception("nothing of parent %s can be ordered", parent_id)
    with tenancy.firm(firm_id):
        alert_parent(
            parent_id, tier=AlertTier.CRITICAL, rule="RTE-3", message=f"Nothing of it can be ordered: {error}", now=now, what="STUCK"
        )


def _alert_traders(subject: Subject, tier: AlertTier, rule: str, message: str, now: datetime, journey_id: UUID | None, what: str) -> None:
    key = f"{what or rule}|{subject}"
    raise_alert(
        tier=tier, audience=Role.TRADER, rule=rule, subject=subject, message=message[:400], now=now, dedupe_key=key, journey_id=journey_id
    )


def alert_connection(connection_id: UUID, *, tier: AlertTier, rule: str, message: str, now: datetime, what: str = "") -> None:
    """Tell operations about a connection."""
    subject = Subject(SubjectKind.BROKER_CONNECTION, str(connection_id))
    key = _key(connection_id, what or rule)
    raise_alert(tier=tier, audience=Role.OPERATIONS, rule=rule, subject=subject, message=message[:400], now=now, dedupe_key=key)


def end_connection_alert(connection_id: UUID, *, what: str, now: datetime) -> None:
    """End what was raised about a connection: it is over."""
    end_alert(dedupe_key=_key(connection_id, what), now=now, reason="over")


def _key(connection_id: UUID, what: str) -> str:
    return f"{what}|{SubjectKind.BROKER_CONNECTION}:{connection_id}"
