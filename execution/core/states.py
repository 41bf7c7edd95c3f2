"""States as people read them: a word, the shape of a lamp, and what is being done about it.

Entry points: `lamp_of`, `words_of`, `reason_of`, `meaning_of`, `leaves`, `average`, `may_cancel`. Invariants
1. DENIED is ours and REJECTED the broker's, in every sentence.
2. What is UNKNOWN has no filled quantity: it may be anything up to the order's.
"""

from __future__ import annotations

from decimal import Decimal

from ..enums import OrderState, ParentState
from .lifecycle import TERMINAL

_LAMPS = {
    "FILLED": "", "DONE": "", "NEW": "", "ACKED": "part", "PARTIALLY_FILLED": "part", "WORKING": "part", "RELEASING": "part", "SENDING": "part",
    "PENDING_CANCEL": "stale", "PENDING_REPLACE": "stale", "HELD": "stale", "CORRECT": "stale", "REJECTED": "blocked", "DENIED": "blocked",
    "BUST": "blocked", "UNKNOWN": "unknown", "PENDING": "off", "CANCELED": "off", "EXPIRED": "off",
}  # fmt: skip
_MEANINGS = {
    "PENDING": "Waits to be sent",
    "SENDING": "Being sent",
    "ACKED": "The broker has it",
    "PENDING_CANCEL": "The broker was asked to cancel it",
    "PENDING_REPLACE": "The broker was asked to change it",
    "REJECTED": "The broker refused it",
    "DENIED": "We refused it; it was never sent",
    "UNKNOWN": "Sent and not heard of. The broker is asked every 5 s; nothing is sent twice; until it answers the whole counts against limits",
    "EXPIRED": "Its time in force ended",
    "HELD": "Waits until an opposite order has ended",
    "RELEASING": "Its orders are being made",
    "CORRECT": "The broker corrected it",
    "BUST": "The broker took it back",
}
# Codes of venues that have no words of their own; whatever else a broker says stands as it came.
_REASONS = {
    "REQUESTED": "Canceled as asked",
    "DAY": "Its day ended",
    "IOC": "Not filled at once",
    "MIN_NOTIONAL": "Under the smallest value of an order",
    "MIN_QUANTITY": "Under the smallest quantity of an order",
    "LOT_STEP": "Not a whole number of lots",
    "TICK_SIZE": "Not on the tick",
    "SESSION_CLOSED": "The market is closed",
    "HALTED": "Trading is halted",
    "UNKNOWN_SYMBOL": "The broker does not know the instrument",
    "UNKNOWN_ACCOUNT": "The broker does not know the account",
    "TOO_LATE": "Too late: it had ended",
}
_ENDED_PARENTS = {ParentState.DONE.value, ParentState.CANCELED.value, ParentState.DENIED.value}
_ENDED_ORDERS = {state.value for state in TERMINAL}


def lamp_of(state: str) -> str:
    """Return the lamp's shape: the ending of its class, "" for the plain one.

    >>> lamp_of("UNKNOWN"), lamp_of("FILLED"), lamp_of("DENIED")
    ('unknown', '', 'blocked')
    """
    return _LAMPS.get(state, "off")


def words_of(state: str) -> str:
    """Return the state as a word of DESIGN §5, written as people write.

    >>> words_of("PARTIALLY_FILLED")
    'Partially filled'
    """
    return state.replace("_", " ").capitalize()


def reason_of(reason: str) -> str:
    """Return why an order ended as a person reads it.

    >>> reason_of("MIN_NOTIONAL"), reason_of("RSK-2 price moved 1.4%")
    ('Under the smallest value of an order', 'RSK-2 price moved 1.4%')
    """
    return _REASONS.get(reason, reason)


def meaning_of(state: str) -> str:
    """Return what the state means where its word does not say it."""
    return _MEANINGS.get(state, words_of(state))


def leaves(state: str, quantity: Decimal, filled: Decimal) -> Decimal:
    """Return what may still fill (FIX tag 151).

    >>> leaves("ACKED", Decimal(10), Decimal(4)), leaves("CANCELED", Decimal(10), Decimal(4))
    (Decimal('6'), Decimal('0'))
    """
    return Decimal(0) if state in _ENDED_ORDERS | _ENDED_PARENTS else max(quantity - filled, Decimal(0))


def average(notional: Decimal, quantity: Decimal) -> Decimal | None:
    """Return the average price to six places, trailing zeros left out; None before the first fill.

    >>> average(Decimal("400225"), Decimal(8000)), average(Decimal(100), Decimal(3)), average(Decimal(0), Decimal(0))
    (Decimal('50.028125'), Decimal('33.333333'), None)
    """
    if not quantity:
        return None
    exact = (notional / quantity).quantize(Decimal("0.000001")).normalize()
    return exact if exact.as_tuple().exponent < 0 else exact.quantize(Decimal(1))  # type: ignore[operator]


def may_cancel(state: str) -> bool:
    """Tell whether an order or a parent in this state has something left to cancel.

    >>> may_cancel("ACKED"), may_cancel("HELD"), may_cancel("FILLED"), may_cancel("DONE")
    (True, True, False, False)
    """
    return state not in _ENDED_ORDERS | _ENDED_PARENTS


WORKING_ORDERS = tuple(state.value for state in OrderState if state not in TERMINAL)
WORKING_PARENTS = (ParentState.HELD.value, ParentState.RELEASING.value, ParentState.WORKING.value)
