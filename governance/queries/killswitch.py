"""Which kill switches are tripped, as values for the gates and as SQL for the claim (GOV-10)."""

from __future__ import annotations

from ..core.killswitch import KillIndex
from ..core.killswitch import KillSwitch as Switch
from ..enums import KillScope, KillState
from ..models import KillSwitch

_STOPS = "k.firm_id = o.firm_id AND k.rearmed_at IS NULL AND NOT (p.flattens AND k.flatten_confirmed_at IS NOT NULL)"
_SQL = (
    "EXISTS (SELECT 1 FROM governance_killswitch k JOIN execution_parentorder p ON p.id = o.parent_id "
    f"WHERE {_STOPS} AND (k.scope, k.subject_id) IN (('FIRM', ''), ('BROKER', o.connection_id::text), ('ACCOUNT', o.account_id::text), "
    "('INSTRUMENT', o.instrument_id::text), ('STRATEGY', p.strategy_id::text)))"
)
_MEMBERS_SQL = (
    "(o.is_block AND EXISTS (SELECT 1 FROM governance_killswitch k JOIN execution_parentorder p ON p.id = o.parent_id "
    "JOIN allocation_allocationline l ON l.statement_id = p.statement_id AND l.account_id::text = k.subject_id "
    "JOIN accounts_account a ON a.id = l.account_id AND a.connection_id = o.connection_id "
    f"WHERE {_STOPS} AND k.scope = 'ACCOUNT' AND (CASE WHEN o.side = 'BUY' THEN l.quantity > 0 ELSE l.quantity < 0 END)))"
)

_PARENT_SQL = (
    f"EXISTS (SELECT 1 FROM governance_killswitch k WHERE {_STOPS.replace('o.firm_id', 'p.firm_id')} AND (k.scope, k.subject_id) IN "
    "(('FIRM', ''), ('INSTRUMENT', p.instrument_id::text), ('STRATEGY', p.strategy_id::text)))"
)


def kill_switch_parent_sql() -> str:
    """Return an SQL condition over an execution_parentorder row aliased `p`: true when a tripped switch stops it for all its accounts."""
    return _PARENT_SQL


def kill_switch_sql(*, members: bool = False) -> str:
    """Return an SQL condition over an execution_childorder row aliased `o`: true when a tripped switch stops it.

    members: also when the switch names an account behind a block, whose own account is the clearing account. A flattening order passes a
    switch whose flattening was confirmed. It has no parameters and no percent sign, takes no lock, and sees every trip committed before
    its statement began.
    """
    return f"({_SQL} OR {_MEMBERS_SQL})" if members else _SQL


def tripped_switches() -> list[Switch]:
    """Return every trip that has not been re-armed, oldest first; one subject may have been tripped more than once."""
    rows = KillSwitch.objects.filter(rearmed_at__isnull=True).order_by("tripped_at", "id")
    return [switch_value(row) for row in rows]


def kill_index() -> KillIndex:
    """Return the tripped switches by scope and subject. Of several trips of one subject the one not cleared for flattening counts."""
    return KillIndex.build(sorted(tripped_switches(), key=lambda switch: switch.flatten_confirmed_at is None))


def switch_value(row: KillSwitch) -> Switch:
    """Return one trip as the core's value."""
    return Switch(
        scope=KillScope(row.scope),
        subject_id=row.subject_id,
        state=KillState(row.state),
        tripped_by=str(row.tripped_by_id),
        tripped_at=row.tripped_at,
        reason=row.reason,
        rearm_requested_by=_text(row.rearm_requested_by_id),
        rearm_requested_at=row.rearm_requested_at,
        flatten_confirmed_by=_text(row.flatten_confirmed_by_id),
        flatten_confirmed_at=row.flatten_confirmed_at,
        rearmed_by=_text(row.rearmed_by_id),
        rearmed_at=row.rearmed_at,
    )


def _text(user_id: int | None) -> str:
    return "" if user_id is None else str(user_id)
