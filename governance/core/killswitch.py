"""The kill switch: stop an account, a strategy, an instrument, a broker connection or the whole firm (GOV-10).

Entry points: `trip`, `request_rearm`, `confirm_rearm`, `confirm_flatten` move one switch; `KillIndex.blocking` judges an order;
`kill_actions` says what to do.

Invariants
1. Any trader may trip, at any time, without a second person; tripping a tripped switch changes nothing but withdraws a request to re-arm.
2. Two different people re-arm: one asks, another confirms within 15 minutes. Until then the switch blocks.
3. The order is: block new, cancel open, and, only after its own confirmation, flatten. Flattening orders alone pass a tripped switch.
4. A switch is a value: who may write it where, and that no lock is shared, is the caller's concern.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from governance.core.subjects import Actor
from governance.enums import KillAction, KillScope, KillState, Role

TRIP_ROLES = frozenset({Role.MANAGER, Role.TRADER, Role.OPERATIONS, Role.RISK, Role.COMPLIANCE})
REARM_ROLES = frozenset({Role.MANAGER, Role.TRADER, Role.RISK, Role.COMPLIANCE})
REARM_LIFETIME = timedelta(minutes=15)


class UnableToMoveSwitch(Exception):
    """A move the kill switch refuses. code: NOT_PERMITTED, NOT_TRIPPED, NOT_REQUESTED, SAME_PERSON, REQUEST_EXPIRED."""

    def __init__(self, code: str, **context: object) -> None:
        super().__init__(code, context)
        self.code = code
        self.context = context


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """One switch. subject_id: the account, strategy, instrument or connection; empty for the firm."""

    scope: KillScope
    subject_id: str = ""
    state: KillState = KillState.ARMED
    tripped_by: str = ""
    tripped_at: datetime | None = None
    reason: str = ""
    rearm_requested_by: str = ""
    rearm_requested_at: datetime | None = None
    flatten_confirmed_by: str = ""
    flatten_confirmed_at: datetime | None = None
    rearmed_by: str = ""
    rearmed_at: datetime | None = None

    def __post_init__(self) -> None:
        if (self.scope is KillScope.FIRM) != (self.subject_id == ""):
            raise ValueError("a firm's switch has no subject, every other switch has one")

    @property
    def blocks(self) -> bool:
        """Tell whether it stops new orders: in every state but ARMED."""
        return self.state is not KillState.ARMED


def trip(switch: KillSwitch, actor: Actor, at: datetime, reason: str) -> KillSwitch:
    """Stop. Returns the tripped switch; one that is already tripped keeps who, when and why, and loses a pending request to re-arm."""
    _permit(actor, TRIP_ROLES)
    if switch.blocks:
        return replace(switch, state=KillState.TRIPPED, rearm_requested_by="", rearm_requested_at=None)
    return KillSwitch(switch.scope, switch.subject_id, KillState.TRIPPED, actor.user_id, at, reason.strip() or "no reason given")


def request_rearm(switch: KillSwitch, actor: Actor, at: datetime) -> KillSwitch:
    """Ask to trade again; a second person confirms. A later request replaces an earlier one."""
    _permit(actor, REARM_ROLES)
    if not switch.blocks:
        raise UnableToMoveSwitch("NOT_TRIPPED")
    return replace(switch, state=KillState.REARM_REQUESTED, rearm_requested_by=actor.user_id, rearm_requested_at=at)


def confirm_rearm(switch: KillSwitch, actor: Actor, at: datetime) -> KillSwitch:
    """Re-arm on another person's request, made at most 15 minutes ago. Raises UnableToMoveSwitch otherwise (GOV-10)."""
    _permit(actor, REARM_ROLES)
    if switch.state is not KillState.REARM_REQUESTED or switch.rearm_requested_at is None:
        raise UnableToMoveSwitch("NOT_REQUESTED")
    if actor.user_id == switch.rearm_requested_by:
        raise UnableToMoveSwitch("SAME_PERSON", user_id=actor.user_id)
    if not switch.rearm_requested_at <= at < switch.rearm_requested_at + REARM_LIFETIME:
        raise UnableToMoveSwitch("REQUEST_EXPIRED", requested_at=switch.rearm_requested_at)
    return replace(
        switch, state=KillState.ARMED, rearmed_by=actor.user_id, rearmed_at=at, flatten_confirmed_by="", flatten_confirmed_at=None
    )


def confirm_flatten(switch: KillSwitch, actor: Actor, at: datetime) -> KillSwitch:
    """Confirm, apart from tripping, that what the switch covers is to be closed out (GOV-10)."""
    _permit(actor, TRIP_ROLES)
    if switch.state is not KillState.TRIPPED:
        raise UnableToMoveSwitch("NOT_TRIPPED")
    return replace(switch, flatten_confirmed_by=actor.user_id, flatten_confirmed_at=at)


def kill_actions(switch: KillSwitch) -> tuple[KillAction, ...]:
    """Return what is to be done, in order; nothing for an armed switch.

    >>> from datetime import UTC
    >>> tripped = trip(KillSwitch(KillScope.FIRM), Actor("u1", Role.TRADER), datetime(2026, 1, 5, tzinfo=UTC), "runaway")
    >>> [action.value for action in kill_actions(tripped)]
    ['BLOCK_NEW', 'CANCEL_OPEN']
    """
    if not switch.blocks:
        return ()
    flatten = (KillAction.FLATTEN,) if switch.flatten_confirmed_at is not None else ()
    return (KillAction.BLOCK_NEW, KillAction.CANCEL_OPEN, *flatten)


@dataclass(frozen=True, slots=True)
class OrderScope:
    """What an order touches.

    account_ids: one, or every account of a block. flattens: it closes a position on behalf of a tripped switch.
    """

    account_ids: tuple[str, ...]
    strategy_id: str
    instrument_ids: tuple[str, ...]
    connection_id: str
    flattens: bool = False


@dataclass(frozen=True, slots=True)
class KillIndex:
    """The switches that block, by scope and subject."""

    tripped: Mapping[tuple[KillScope, str], KillSwitch]

    @classmethod
    def build(cls, switches: Iterable[KillSwitch]) -> KillIndex:
        """Keep the switches that block."""
        return cls({(switch.scope, switch.subject_id): switch for switch in switches if switch.blocks})

    def blocking(self, order: OrderScope) -> list[KillSwitch]:
        """Return the switches that stop `order`, the widest scope first; empty = may go.

        A flattening order passes a switch whose flattening was confirmed, and no other.
        """
        if not self.tripped:
            return []
        keys = [
            (KillScope.FIRM, ""),
            (KillScope.BROKER, order.connection_id),
            (KillScope.STRATEGY, order.strategy_id),
            *((KillScope.INSTRUMENT, instrument_id) for instrument_id in order.instrument_ids),
            *((KillScope.ACCOUNT, account_id) for account_id in order.account_ids),
        ]
        hits = (self.tripped.get(key) for key in dict.fromkeys(keys))
        return [switch for switch in hits if switch is not None and not (order.flattens and switch.flatten_confirmed_at is not None)]


def _permit(actor: Actor, roles: frozenset[Role]) -> None:
    if actor.role not in roles:
        raise UnableToMoveSwitch("NOT_PERMITTED", role=actor.role)
