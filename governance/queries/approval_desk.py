"""Four-eyes requests as their page shows them: what waits, what is the visitor's own, what was decided (GOV-4).

Entry points: `approval_desk`, `approval_history`, `terms_told`, `DeskRow`, `why_not`; for other apps, from their `ready`: `register_terms`.
Invariants: 1. what concerns something out of the person's sight is not shown; 2. a row says who may answer it, and why somebody may not; 3. a fixed number of
statements, whatever the number of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from base.core.words import words

from ..core.approvals import APPROVERS
from ..core.subjects import Viewer
from ..enums import ApprovalAction, ApprovalState, Role
from ..models import Approval
from .approvals import ApprovalFacts, approval_facts
from .audit_trail import spent_by
from .names import SubjectName, name_subjects, people_names

ROWS = 50
Terms = tuple[tuple[str, str], ...]
Telling = Callable[[Collection[ApprovalFacts]], Mapping[UUID, Terms]]
_TELLING: dict[ApprovalAction, Telling] = {}


def register_terms(action: ApprovalAction, telling: Telling) -> None:
    """Tell what requests of this action ask for, as label and words: `telling(requests)`, asked only for those the viewer sees."""
    _TELLING[action] = telling


@dataclass(frozen=True, slots=True)
class DeskRow:
    """A request as a person sees it. why_not: why this person may not answer it, "" if they may. terms: what exactly is asked for."""

    facts: ApprovalFacts
    where: SubjectName
    asked_by: str
    decided_by: str
    used_by: str
    is_own: bool
    why_not: str
    approvers: tuple[Role, ...]
    terms: Terms = ()

    @property
    def set_aside(self) -> tuple[tuple[str, str], ...]:
        """Return the rules it sets aside, each with its limit in words."""
        parts = (rule.partition(":") for rule in self.facts.rules)
        return tuple((rule, words(limit) if limit else "") for rule, _, limit in parts)

    @property
    def is_override(self) -> bool:
        """Tell whether it sets a rule aside."""
        return self.facts.action is ApprovalAction.RELEASE_OVER_LIMIT


def approval_desk(*, viewer: Viewer, roles: Collection[Role], now: datetime) -> list[DeskRow]:
    """Return what waits for an answer or has a yes that is not used yet, the most urgent first."""
    rows = Approval.objects.filter(state__in=[ApprovalState.REQUESTED, ApprovalState.APPROVED], expires_at__gt=now, requested_at__lte=now)
    return _shown(rows.order_by("expires_at", "id"), viewer, roles, now)


def approval_history(
    *,
    viewer: Viewer,
    roles: Collection[Role],
    now: datetime,
    own: bool = False,
    after: tuple[datetime, UUID] | None = None,
    limit: int = ROWS,
) -> tuple[list[DeskRow], Approval | None]:
    """Return requests that are over, or all the person's own, newest first; and the row behind which the next page begins, None after the last."""
    rows = Approval.objects.filter(requested_at__lte=now)
    if own:
        rows = rows.filter(requested_by_id=viewer.user_id)
    else:
        rows = rows.filter(Q(state__in=[ApprovalState.REFUSED, ApprovalState.USED]) | Q(expires_at__lte=now))
    if after is not None:
        rows = rows.filter(Q(requested_at__lt=after[0]) | Q(requested_at=after[0], id__lt=after[1]))
    found = list(rows.order_by("-requested_at", "-id")[: limit + 1])
    return _shown(found[:limit], viewer, roles, now), found[limit - 1] if len(found) > limit else None


def why_not(facts: ApprovalFacts, user_id: int, roles: Collection[Role]) -> str:
    """Return why a person may not answer a request, "" if they may."""
    if facts.state is not ApprovalState.REQUESTED:
        return f"It is {facts.state.lower()} already"
    if facts.requested_by == user_id:
        return "You asked for it yourself: a second person decides (GOV-4)"
    if APPROVERS[facts.action].isdisjoint(roles):
        names = ", ".join(str(role).lower() for role in sorted(APPROVERS[facts.action]))
        return f"Your role may not decide this; {names} may (GOV-4)"
    return ""


def _shown(rows: Iterable[Approval], viewer: Viewer, roles: Collection[Role], now: datetime) -> list[DeskRow]:
    found = [approval_facts(row, now) for row in rows]
    names = name_subjects(viewer, (facts.subject for facts in found))
    terms = terms_told([facts for facts in found if facts.subject in names])
    spent = spent_by([facts.id for facts in found if facts.used_at is not None])
    people = people_names([*spent.values(), *(pk for facts in found for pk in (facts.requested_by, facts.decided_by))])
    return [
        DeskRow(
            facts=facts,
            where=names[facts.subject],
            asked_by=people.get(facts.requested_by, ""),
            decided_by=people.get(facts.decided_by or 0, ""),
            used_by=people.get(spent.get(facts.id) or 0, "The system") if facts.used_at is not None else "",
            is_own=facts.requested_by == viewer.user_id,
            why_not=why_not(facts, viewer.user_id, roles),
            approvers=tuple(sorted(APPROVERS[facts.action])),
            terms=terms.get(facts.id, ()),
        )
        for facts in found
        if facts.subject in names
    ]


def terms_told(requests: Iterable[ApprovalFacts]) -> dict[UUID, Terms]:
    """Return what exactly these requests ask for, where the app of their action tells; the caller has judged who may see them."""
    by_telling: dict[Telling, list[ApprovalFacts]] = {}
    for one in requests:
        if one.action in _TELLING:
            by_telling.setdefault(_TELLING[one.action], []).append(one)
    return {pk: terms for telling, some in by_telling.items() for pk, terms in telling(some).items()}
