"""Close an account, and open a closed one again (ACC-2, GOV-7).

Entry points: `close_account`, `reopen_account`, `UnableToClose`; for further apps, from their `ready`: `register_obstacle`.

Invariants
1. An account that holds, owes or waits for anything is not closed; the refusal names every reason.
2. A closed account takes no order: sizing and both gates treat it as CLOSED from its day on. An order released in the same instant dies at gate 2.
3. Nothing of it goes: books, statements, grants and the trail stay. What still arrives for it (a fill, a late dividend) is booked as ever.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from uuid import UUID

from django.db import transaction as database

from base.errors import Conflict, NotFound
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, SubjectKind
from governance.services import audit, require_role

from ..core.closing import obstacles
from ..models import Account
from ..queries.closing import standing_of_account
from .changing import CHANGERS

Obstacle = Callable[[UUID, datetime], str]
_OBSTACLES: list[Obstacle] = []


class UnableToClose(Conflict):
    """Something stands in the account. context: `fields`, the words by the field they belong to, "" for none."""


def register_obstacle(obstacle: Obstacle) -> None:
    """Ask `obstacle(account_id, now)` before an account closes: what stands against it in words, "" for nothing."""
    _OBSTACLES.append(obstacle)


@database.atomic
def close_account(*, account_id: UUID, closed_on: date, actor: Actor, now: datetime, reason: str) -> None:
    """Close the account as of that day, which has come. Raises NotFound, Forbidden, UnableToClose."""
    account = _locked(account_id, actor)
    others = tuple(words for obstacle in _OBSTACLES if (words := obstacle(account_id, now)))
    standing = standing_of_account(account, on=closed_on, others=others)
    found = obstacles(standing, on=closed_on, today=now.date())
    if found:
        fields = {name: [words for field, words in found if field == name] for name, _ in found}
        words = "; ".join(words for _, words in found)
        raise UnableToClose("ACC-2", f"account {account.code} cannot be closed: {words}", fields=fields, value=account.code)
    _set(account, closed_on, AuditAction.ENDED, actor, now, reason)


@database.atomic
def reopen_account(*, account_id: UUID, actor: Actor, now: datetime, reason: str) -> None:
    """Let a closed account trade again, as what it was. Raises NotFound, Forbidden, UnableToClose for one that is open."""
    account = _locked(account_id, actor)
    if account.closed_on is None:
        raise UnableToClose("ACC-2", f"account {account.code} is open", value=account.code)
    _set(account, None, AuditAction.CHANGED, actor, now, reason)


def _locked(account_id: UUID, actor: Actor) -> Account:
    require_role(actor, CHANGERS)
    account = Account.objects.select_for_update().filter(pk=account_id).first()
    if account is None:
        raise NotFound("account")
    return account


def _set(account: Account, closed_on: date | None, action: AuditAction, actor: Actor, now: datetime, reason: str) -> None:
    before = account.closed_on
    account.closed_on = closed_on
    account.save(update_fields=["closed_on"])
    subject = Subject(SubjectKind.ACCOUNT, str(account.pk))
    was, now_is = {"closed_on": before}, {"closed_on": closed_on}
    audit(action=action, subject=subject, actor=actor, now=now, before=was, after=now_is, reason=reason, rule="ACC-2")
