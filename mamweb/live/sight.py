"""What a person may hear: their roles, the accounts they see, and what stands behind an announcement (DESIGN §6).

Entry points: `Sight`, `Audience`, `heard_of`, and the reads that `hub` makes on its own thread: `look`, `sight_of`, `audience_of`.
The rules are those of `accounts.queries.visible_to` and of each app's `visible_…`; here they are only asked and kept.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.contrib.auth import get_user_model

from accounts import queries as accounts
from allocation.queries.visible import audience_of_signal
from base import tenancy
from base.clock import process_clock
from base.live import Notice, Topic
from execution.queries.audience import audience_of_parent
from governance.enums import Role
from governance.permissions import EVERYBODY, OVERSIGHT, STAFF
from governance.queries import SignedIn, roles_of_many, signed_in
from governance.web import lacks_second_factor

User = get_user_model()
Person = tuple[int, int]  # firm, user
NOBODY: frozenset[str] = frozenset()
# An investor's doors are the books, evenings and statements of their own accounts, account by account: what stands behind a block is others' too.
_DOORS = {Topic.POSITIONS: EVERYBODY, Topic.EVENINGS: EVERYBODY, Topic.STATEMENTS: EVERYBODY}


@dataclass(frozen=True, slots=True)
class Sight:
    """What a person sees of a firm. oversight: every account, and what belongs to none. mark: of the grants it was read from."""

    user_id: int
    roles: frozenset[Role]
    oversight: bool
    accounts: frozenset[str]
    mark: str

    def sees_as(self, other: Sight) -> bool:
        """Tell whether both see the same."""
        return (self.roles, self.accounts) == (other.roles, other.accounts)


@dataclass(frozen=True, slots=True)
class Audience:
    """Whoever sees one of the accounts, and the person whose doing it was."""

    accounts: frozenset[str]
    user_id: int | None


@dataclass(frozen=True, slots=True)
class Looked:
    """signed: who is still signed in. sights: of everybody whose sight changed; None for who has no role any more."""

    signed: SignedIn
    sights: Mapping[Person, Sight | None]


def heard_of(notice: Notice, sight: Sight, audience: Audience | None) -> list[str] | None:
    """Return the ids of a notice that a person may hear of (none of many), None for nothing at all."""
    if sight.roles.isdisjoint(_DOORS.get(notice.topic, STAFF)):
        return None
    if notice.roles:
        return None if notice.roles.isdisjoint(sight.roles) else notice.ids
    if sight.oversight:
        return notice.ids
    is_staff = not sight.roles.isdisjoint(STAFF)
    if audience is not None and is_staff and (audience.user_id == sight.user_id or not audience.accounts.isdisjoint(sight.accounts)):
        return notice.ids
    if notice.many:
        return None if sight.accounts.isdisjoint(notice.accounts) else []
    seen = sight.accounts
    return [one for one, account in zip(notice.ids, notice.accounts, strict=False) if account in seen] or None


def look(sessions: Collection[str], known: Mapping[Person, Sight]) -> Looked:
    """Return who is still signed in, and the sights that are not as known: one statement for all, two a firm, more only for changes."""
    signed = signed_in(sessions=sessions, user_ids={user for _, user in known})
    changed: dict[Person, Sight | None] = {}
    firms: dict[int, list[int]] = {}
    for firm_id, user_id in known:
        firms.setdefault(firm_id, []).append(user_id)
    today = process_clock().now().date()
    for firm_id, users in firms.items():
        with tenancy.firm(firm_id):
            roles, marks = roles_of_many(users), accounts.sight_marks(users, on=today)
            for user_id in users:
                before = known[firm_id, user_id]
                if (roles.get(user_id, frozenset()), _dated(marks[user_id], today)) != (before.roles, before.mark):
                    changed[firm_id, user_id] = _sight(user_id, roles.get(user_id, frozenset()), marks[user_id], today)
    return Looked(signed, changed)


def sight_of(firm_id: int, user_id: int) -> Sight | None:
    """Return what a person sees of a firm now; None for nobody of it."""
    today = process_clock().now().date()
    with tenancy.firm(firm_id):
        marks = accounts.sight_marks([user_id], on=today)
        return _sight(user_id, roles_of_many([user_id]).get(user_id, frozenset()), marks[user_id], today)


def _sight(user_id: int, roles: frozenset[Role], mark: str, on: date) -> Sight | None:
    if not roles or lacks_second_factor(User(pk=user_id), roles):
        return None
    oversight = not roles.isdisjoint(OVERSIGHT)
    seen = NOBODY if oversight else frozenset(map(str, accounts.visible_to(user_id, on=on).values_list("id", flat=True)))
    return Sight(user_id, roles, oversight, seen, _dated(mark, on))


def _dated(mark: str, on: date) -> str:
    return f"{on}|{mark}"


def audience_of(firm_id: int, kind: str, subject: str) -> Audience:
    """Return who may hear of what stands behind an announcement. Raises KeyError for a kind nobody knows."""
    with tenancy.firm(firm_id):
        return _KINDS[kind](UUID(subject))


def _of_parent(parent_id: UUID) -> Audience:
    return Audience(*audience_of_parent(parent_id=parent_id))


def _of_signal(signal_id: UUID) -> Audience:
    return Audience(*audience_of_signal(signal_id=signal_id))


def _of_custodian(custodian_id: UUID) -> Audience:
    return Audience(accounts.accounts_with(custodian_id=custodian_id), None)


_KINDS = {"parent": _of_parent, "signal": _of_signal, "custodian": _of_custodian}
# What never changes once it stands may be kept.
FROZEN = frozenset({"parent"})
