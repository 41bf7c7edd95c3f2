"""Who may write what in governance: by role, checked before anything else."""

from __future__ import annotations

from collections.abc import Collection

from base.errors import Forbidden

from ..core.subjects import Actor
from ..enums import Role

STAFF = frozenset(Role) - {Role.INVESTOR}
CONTROL = frozenset({Role.RISK, Role.COMPLIANCE})
RECORDS = CONTROL | {Role.OPERATIONS, Role.MANAGER}
MEMBERS = frozenset({Role.MANAGER, Role.COMPLIANCE})


class NotPermitted(Forbidden):
    """The actor's role may not do this."""

    def __init__(self, role: Role, allowed: Collection[Role]) -> None:
        super().__init__("not_permitted", f"a person in the role {role} may not do this", role=str(role), allowed=sorted(map(str, allowed)))


def require_role(actor: Actor | None, allowed: Collection[Role]) -> None:
    """Let the system and these roles pass. Raises NotPermitted."""
    if actor is not None and actor.role not in allowed:
        raise NotPermitted(actor.role, allowed)


def refuse_oneself(actor: Actor | None, user_id: int) -> None:
    """Refuse that somebody gives a right to themselves: it takes another person (GOV-4). Raises Forbidden."""
    if actor is not None and int(actor.user_id) == user_id:
        raise Forbidden("GOV-4", "nobody gives themselves a role or a grant; another person does")
