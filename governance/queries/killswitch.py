"""Which kill switches are tripped, as values for the gates and as SQL for the claim (GOV-10)."""

from __future__ import annotations

from ..core.killswitch import KillIndex
from ..core.killswitch import KillSwitch as Switch
from ..enums import KillScope, KillState
from ..models import KillSwitch

_SQL = (
    "EXISTS (SELECT 1 FROM governance_killswitch k WHERE k.firm_id = o.firm_id AND k.rearmed_at IS NULL AND (k.scope, k.subject_id) IN ("
    "('FIRM', ''), ('BROKER', o.connection_id::text), ('ACCOUNT', o.account_id::text), ('INSTRUMENT', o.instrument_id::text), "
    "('STRATEGY', (SELECT p.strategy_id::text FROM execution_parentorder p WHERE p.id = o.parent_id))))"
)


def kill_switch_sql() -> str:
    """Return an SQL condition over an execution_childorder row aliased `o`: true when a tripped switch stops it.

    It has no parameters and no percent sign, takes no lock, and sees every trip committed before its statement began. A block's own account
    is its clearing account: the accounts behind it are judged with `kill_index`, which takes all of them.
    """
    return _SQL


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
