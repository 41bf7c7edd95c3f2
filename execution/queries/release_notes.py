"""What happened to an account's part of a release, in words, and the rule it rests on. Entry point: `note_of`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from base.core import figures

from ..core.states import reason_of
from ..enums import SLICED, OrderState, Outcome, ParentState
from ..models import ParentOrder
from .blocks import ProvisionalShare


def note_of(
    outcome: Outcome, parent: ParentOrder, orders: Sequence[Mapping[str, Any]], left: Decimal, share: ProvisionalShare | None
) -> tuple[str, str]:
    """Return what happened in words, and the rule it rests on."""
    reason = reason_of(next((order["reason"] for order in orders if order["reason"]), ""))
    remaining = figures.number(left)
    live = any(
        OrderState(order["state"]) not in (OrderState.CANCELED, OrderState.EXPIRED, OrderState.REJECTED, OrderState.DENIED)
        for order in orders
    )
    asked = parent.cancel_requested_at is not None or any(order["cancel_requested_at"] for order in orders)
    limit = f" at limit {figures.price(parent.limit_price)}" if parent.limit_price is not None else ""
    if outcome is Outcome.DONE:
        return (
            "Filled" if share is None else "Booked, shared by the statement" if share.is_final else "Share of the block, provisional"
        ), ("" if share is None or share.is_final else "ALC-3")
    if outcome is Outcome.UNKNOWN:
        return "No answer from the broker yet. It is asked; never sent twice", "RTE-7"
    moving = any(order["to_resend"] for order in orders) and parent.cancel_requested_at is None
    if outcome is Outcome.PARTIAL and (live or moving) and parent.done_at is None:
        return (
            f"{'Moving' if moving else 'Canceling' if asked else _working(parent)}{limit.replace(' at ', ' to ') if moving else limit}, {remaining} left",
            "",
        )
    if outcome is Outcome.PARTIAL:
        return f"{remaining} not filled: {reason or 'the order ended at its limit'}", "" if reason else "RTE-2"
    if outcome is Outcome.WORKING:
        return (f"Moving{limit.replace(' at ', ' to ')}", "") if moving else _waiting(parent, orders, asked, limit)
    if outcome is Outcome.CANCELED:
        return reason or "Ended without a fill at its limit", "" if reason else "RTE-2"
    rule, _, words = reason.partition(" ")
    return (words or reason, rule) if "-" in rule else (reason or outcome.value, "")


def _waiting(parent: ParentOrder, orders: Sequence[Mapping[str, Any]], asked: bool, limit: str) -> tuple[str, str]:
    if parent.state == ParentState.HELD:
        return "Held while an opposite order works", "RTE-5"
    if not orders:
        sliced = parent.route in SLICED
        return ("Sliced over time; its next slice is not due", "RTE-3") if sliced else ("Being written", "")
    if asked:
        return "Cancel asked for", ""
    sent = any(OrderState(order["state"]) is not OrderState.PENDING for order in orders)
    return (f"{_working(parent)}{limit}" if sent else "Waits to be sent"), ""


def _working(parent: ParentOrder) -> str:
    return "Working in slices" if parent.route in SLICED else "Working"
