"""What a subject is called, and where it is shown: governance knows kinds and ids, the app that keeps the thing knows its name.

Entry points: `people_names`, `people_in`, `has_names`, `name_subjects`, `subject_name`, `sees_subject`, `find_stopped`, `subjects_of_code`, `accounts_in_sight`,
`behind`; for other apps, from their `ready`: `register_names`, `register_codes`, `register_accounts_in_sight`.

Invariants
1. A name is told only to somebody who may see the thing; what has a register of names and no name is out of sight.
2. One statement a kind, whatever the number of subjects.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from base import tenancy
from base.addresses import address
from market.models import Instrument
from market.queries import instruments

from ..core.subjects import Subject, Viewer
from ..enums import KillScope, Role, SubjectKind
from ..models import Authority, KillSwitch, Membership, User


@dataclass(frozen=True, slots=True)
class SubjectName:
    """How a thing is called and the address of its page, "" if it has none."""

    text: str
    url: str = ""


Naming = Callable[[Viewer, Collection[str]], Mapping[str, SubjectName]]
_NAMES: dict[SubjectKind, Naming] = {}
Finding = Callable[[Viewer, str], Any]
_CODES: dict[SubjectKind, Finding] = {}
_ACCOUNTS: list[Callable[[Viewer], QuerySet[Any]]] = []
_SCOPES = {
    KillScope.ACCOUNT: SubjectKind.ACCOUNT,
    KillScope.STRATEGY: SubjectKind.STRATEGY,
    KillScope.INSTRUMENT: SubjectKind.INSTRUMENT,
    KillScope.BROKER: SubjectKind.BROKER_CONNECTION,
}


def register_names(kind: SubjectKind, naming: Naming) -> None:
    """Name the things of a kind: `naming(viewer, ids)` returns those of the ids that the viewer sees."""
    _NAMES[kind] = naming


def register_codes(kind: SubjectKind, finding: Finding) -> None:
    """Find the things of a kind by their code: `finding(viewer, code)` returns the id of the one that the viewer sees, or None."""
    _CODES[kind] = finding


def register_accounts_in_sight(seen: Callable[[Viewer], QuerySet[Any]]) -> None:
    """Tell which accounts a person sees: a queryset of one column, their ids."""
    _ACCOUNTS[:] = [seen]


def accounts_in_sight(viewer: Viewer) -> QuerySet[Any]:
    """Return the ids of the accounts a person sees, as a subquery."""
    return _ACCOUNTS[0](viewer)


def people_names(ids: Iterable[int | None]) -> dict[int, str]:
    """Return the names of people by id; the e-mail address of those who gave none."""
    rows = User.objects.filter(pk__in={pk for pk in ids if pk is not None}).values_list("pk", "name", "email")
    return {pk: name or email for pk, name, email in rows}


def people_in(roles: Collection[Role]) -> list[tuple[int, str]]:
    """Return the active members of the open firm in any of these roles, as id and name, by name."""
    members = Membership.objects.filter(role__in=[str(role) for role in roles], is_active=True, user__is_active=True)
    rows = members.filter(firm_id=tenancy.current_firm() or 0).values_list("user_id", "user__name", "user__email").distinct()
    return sorted(((pk, name or email) for pk, name, email in rows), key=lambda person: person[1])


def has_names(kind: SubjectKind) -> bool:
    """Tell whether things of the kind have names of their own."""
    return kind in _NAMES


def name_subjects(viewer: Viewer, subjects: Iterable[Subject]) -> dict[Subject, SubjectName]:
    """Return the names of those subjects that the viewer sees."""
    asked: defaultdict[SubjectKind, dict[str, Subject]] = defaultdict(dict)
    for subject in subjects:
        asked[subject.kind][subject.id] = subject
    found: dict[Subject, SubjectName] = {}
    for kind, by_id in asked.items():
        naming = _NAMES.get(kind)
        names = naming(viewer, by_id) if naming else {pk: SubjectName(_plain(kind)) for pk in by_id}
        found |= {by_id[pk]: name for pk, name in names.items() if pk in by_id}  # an id in another spelling names nothing
    return found


def subject_name(viewer: Viewer, subject: Subject) -> SubjectName | None:
    """Return the name of one subject, None where the viewer does not see it."""
    return name_subjects(viewer, [subject]).get(subject)


def sees_subject(viewer: Viewer, subject: Subject) -> bool:
    """Tell whether the viewer sees the thing."""
    return subject_name(viewer, subject) is not None


def find_stopped(viewer: Viewer, scope: KillScope, text: str) -> str | None:
    """Return the id, in the one spelling the gates compare, of what a person means by a code or an id; "" for the firm, None for nothing in sight."""
    kind = _SCOPES.get(scope)
    if kind is None:
        return None if text else ""
    by_code = _CODES[kind](viewer, text) if kind in _CODES else None
    plain = str(int(text)) if text.isascii() and text.isdigit() else text
    spelled = [str(by_code)] if by_code is not None else [str(one) for one in uuids_of([text])] or [plain]
    return next((one for one in spelled if sees_subject(viewer, Subject(kind, one))), None)


def subjects_of_code(viewer: Viewer, code: str) -> list[Subject]:
    """Return all that is called so and that the viewer sees: an account, a strategy, a connection, an instrument."""
    found = ((kind, finding(viewer, code)) for kind, finding in _CODES.items())
    return [Subject(kind, str(one)) for kind, one in found if one is not None]


def uuids_of(ids: Collection[str]) -> list[UUID]:
    """Return those ids that are UUIDs."""
    found = []
    for text in ids:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found


def _plain(kind: SubjectKind) -> str:
    return "the firm" if kind is SubjectKind.FIRM else kind.replace("_", " ").lower()


def _instruments(viewer: Viewer, ids: Collection[str]) -> dict[str, SubjectName]:
    numbers = [int(pk) for pk in ids if pk.isascii() and pk.isdigit() and len(pk) < 19]
    return {str(row.id): SubjectName(row.symbol) for row in instruments(numbers).values()}


def _by_symbol(viewer: Viewer, symbol: str) -> int | None:
    return Instrument.objects.filter(symbol__iexact=symbol).values_list("id", flat=True).first()


def _authorities(viewer: Viewer, ids: Collection[str]) -> dict[str, SubjectName]:
    rows = Authority.objects.filter(pk__in=uuids_of(ids))
    if not viewer.oversight:
        rows = rows.filter(subjects__subject_id__in=accounts_in_sight(viewer)).distinct()
    return {str(pk): SubjectName(f"Authority {code}", address("governance:authority", pk)) for pk, code in rows.values_list("pk", "code")}


def _switches(viewer: Viewer, ids: Collection[str]) -> dict[str, SubjectName]:
    """Name switches by scope and subject, or by the id of a trip."""
    named = {pk: pk for pk in ids if "|" in pk}
    trips = KillSwitch.objects.filter(pk__in=uuids_of([pk for pk in ids if "|" not in pk])).values_list("pk", "scope", "subject_id")
    named |= {str(pk): f"{scope}|{subject_id}" for pk, scope, subject_id in trips}
    subjects = {pk: behind(text) for pk, text in named.items()}
    names = name_subjects(viewer, [subject for subject in subjects.values() if subject is not None])
    where = address("execution:kill-switch")
    return {
        pk: SubjectName("Kill switch of " + ("the firm" if subject is None else names[subject].text), where)
        for pk, subject in subjects.items()
        if subject is None or subject in names
    }


def behind(text: str) -> Subject | None:
    """Return what a switch of this "scope|subject id" stops, None for the whole firm."""
    scope, _, subject_id = text.partition("|")
    kind = _SCOPES.get(KillScope(scope)) if scope in set(KillScope) else None
    return Subject(kind, subject_id) if kind else None


register_names(SubjectKind.INSTRUMENT, _instruments)
register_codes(SubjectKind.INSTRUMENT, _by_symbol)
register_names(SubjectKind.AUTHORITY, _authorities)
register_names(SubjectKind.KILL_SWITCH, _switches)
