"""Words that only the border to a broker needs; those of orders themselves are in `execution.enums`."""

from __future__ import annotations

from enum import StrEnum


class VenueClass(StrEnum):
    """How far a venue helps to find an order again by *our* reference (RELIABILITY, "the honest promise").

    A: refuses a second order with the same reference, or answers queries by it. B: shows it in its orders and executions.
    C: neither, so an unresolved order needs a person.
    """

    A = "A"
    B = "B"
    C = "C"


class OutcomeKind(StrEnum):
    """What is known after a transmission. UNRESOLVED means: ask, never send again (RTE-7)."""

    CONFIRMED = "CONFIRMED"
    REJECTED = "REJECTED"
    UNRESOLVED = "UNRESOLVED"


class ReportedStatus(StrEnum):
    """The broker's word on an order, FIX tag 39. Evidence for our own state machine, never the state itself."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    PENDING_CANCEL = "PENDING_CANCEL"
    PENDING_REPLACE = "PENDING_REPLACE"

    @property
    def is_final(self) -> bool:
        """Say whether the broker will not work the order any more (a bust may still follow)."""
        return self in {ReportedStatus.FILLED, ReportedStatus.CANCELED, ReportedStatus.REJECTED, ReportedStatus.EXPIRED}


class OrderEvent(StrEnum):
    """Why an order report was sent, FIX tag 150 (and message 9 for the two refusals)."""

    NEW = "NEW"
    REJECTED = "REJECTED"
    DUPLICATE = "DUPLICATE"
    TRIGGERED = "TRIGGERED"
    PENDING_CANCEL = "PENDING_CANCEL"
    CANCELED = "CANCELED"
    CANCEL_REJECTED = "CANCEL_REJECTED"
    PENDING_REPLACE = "PENDING_REPLACE"
    REPLACED = "REPLACED"
    REPLACE_REJECTED = "REPLACE_REJECTED"
    EXPIRED = "EXPIRED"
    STATUS = "STATUS"
