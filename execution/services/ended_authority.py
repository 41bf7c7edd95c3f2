"""Working orders of accounts whose authority has ended are canceled (GOV-3).

Entry point: `cancel_unauthorised`, run every few seconds; it opens its own tenancy blocks, one a parent.

Invariants:
1. The question is the one sizing asked (GOV-1, GOV-2), so a closing that the client has instructed goes on.
2. A parent's row is locked before its orders. What waits in a block for the sake of one account is gate 2's to deny by name.
3. A parent of whose accounts none has an authority left is canceled with its slices; of others, the orders that trade for those without.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q
from numpy.typing import NDArray

from accounts import queries as accounts
from base import tenancy
from governance import queries as governance
from governance.core.authority_check import AuthorityAsk
from governance.enums import AlertTier
from market import queries as market
from market.enums import Side

from ..core.lifecycle import TERMINAL
from ..enums import OrderState
from ..models import ChildOrder, ParentOrder
from ..queries.blocks import block_targets
from .alarms import alert_parent
from .cancel import cancel_order, cancel_parent
from .crosses import accounts_of

log = logging.getLogger(__name__)
ENDED = "GOV-3 the account's authority has ended"
MOST_NAMED = 5
DATED_BACK = timedelta(days=31)
"""[D] How far back a revocation is dated at most; a document that ended earlier than that before a decision is asked about no more."""


def cancel_unauthorised(*, firm_id: int, now: datetime) -> int:
    """Cancel what works for accounts without an authority. Returns how many parents it touched; one that fails holds up no other."""
    with tenancy.firm(firm_id):
        rows = ParentOrder.objects.filter(done_at=None, cancel_requested_at=None).order_by("id").values_list("id", "created_at")
        working = dict(rows)
        # What had ended before a decision was sized left its account out of it, unless it is dated back.
        after = min(working.values(), default=now) - DATED_BACK
        suspects = governance.accounts_with_ended_authority(after=after, now=now) if working else frozenset()
    touched = 0
    for parent_id in working if suspects else ():
        try:
            with tenancy.firm(firm_id):
                touched += _cancel_for(parent_id, suspects, now)
        except Exception:
            log.exception("parent %s cannot be canceled for its accounts' authority", parent_id)
    return touched


def _cancel_for(parent_id: UUID, suspects: Collection[UUID], now: datetime) -> bool:
    parent = ParentOrder.objects.select_for_update(of=("self",), no_key=True).get(pk=parent_id)
    behind = accounts_of(parent)
    without = _without_authority(parent, behind[[UUID(bytes=bytes(raw)) in suspects for raw in behind]], now)
    if not without or parent.cancel_requested_at is not None:
        return False
    if len(without) == len(behind):
        cancel_parent(parent_id=parent.id, actor=None, now=now, reason=ENDED)
    else:
        orders = _orders_for(parent, without)
        for order_id in orders:
            cancel_order(order_id=order_id, actor=None, now=now, reason=ENDED)
        if not orders:
            return False
    named = ", ".join(sorted(without.values())[:MOST_NAMED]) + (", …" if len(without) > MOST_NAMED else "")
    message = f"Canceled: the authority of {named} has ended"
    alert_parent(
        parent.id, tier=AlertTier.CRITICAL, rule="GOV-3", message=message, now=now, journey_id=parent.journey_id, what="AUTHORITY_ENDED"
    )
    return True


def _without_authority(parent: ParentOrder, suspects: NDArray[Any], now: datetime) -> dict[UUID, str]:
    """Return those of `suspects` (V16[n]) that may not be traded any more, with their codes."""
    if not len(suspects):
        return {}
    ids = [UUID(bytes=bytes(raw)) for raw in suspects]
    routing = accounts.routing_facts(account_ids=suspects)
    instrument = market.instrument(parent.instrument_id)
    verdict = governance.authority_verdict(
        account_ids=ids,
        account_classes=[routing.class_legend[number] for number in routing.classes.tolist()],
        base_currencies=[instrument.currency] * len(ids),  # asked for no amount, so in no currency
        ask=AuthorityAsk(instrument_kind=instrument.kind, symbols=(instrument.symbol,), opens=not parent.flattens),
        now=now,
    )
    return {one: str(code) for one, code, refused in zip(ids, routing.codes, verdict.codes.tolist(), strict=True) if refused}


def _orders_for(parent: ParentOrder, without: Collection[UUID]) -> list[UUID]:
    """Return what works for these accounts and nobody has asked to cancel for good, in the order of ids."""
    ended = [state.value for state in TERMINAL]
    live = ChildOrder.objects.filter(Q(cancel_requested_at=None) & ~Q(state__in=ended) | Q(to_resend=True), parent=parent)
    found = set(live.filter(is_block=False, account_id__in=without).values_list("id", flat=True))
    blocks: Any = live.filter(is_block=True).exclude(state=OrderState.PENDING).values_list("id", "connection_id")
    for order_id, connection_id in blocks:
        targets = block_targets(statement_id=parent.statement_id, side=Side(parent.side), connection_id=connection_id)
        if any(UUID(bytes=bytes(raw)) in without for raw in targets.ids):
            found.add(order_id)
    return sorted(found)
