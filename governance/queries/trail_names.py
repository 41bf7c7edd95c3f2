"""What the ids of the audit trail are called: subjects, people, and the ids that stand in before and after (GOV-7).

Entry points: `trail_names`, `TrailNames`. Inside the caller's tenancy block; whoever asks may read these events already.

Invariants
1. What an id is called is told as `names` tells it: things that have a register only to somebody who sees them.
2. One statement a kind, whatever the number of events.
3. Nothing is guessed: an id that has no name stays what it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from base import tenancy

from ..core.approval_words import asked
from ..core.subjects import Subject, Viewer, token_name
from ..enums import ApprovalAction, SubjectKind
from ..models import Alert, ApiToken, Approval, Mandate, Party, Restriction, WebhookKey
from .names import SubjectName, name_subjects, people_names, uuids_of

_PEOPLE = {SubjectKind.USER, SubjectKind.MEMBERSHIP}
_KINDS = set(SubjectKind)
_FIELDS = {
    "account": SubjectKind.ACCOUNT,
    "account_id": SubjectKind.ACCOUNT,
    "accounts": SubjectKind.ACCOUNT,
    "from_account": SubjectKind.ACCOUNT,
    "to_account": SubjectKind.ACCOUNT,
    "instrument": SubjectKind.INSTRUMENT,
    "instrument_id": SubjectKind.INSTRUMENT,
    "connection": SubjectKind.BROKER_CONNECTION,
    "connection_id": SubjectKind.BROKER_CONNECTION,
    "custodian": SubjectKind.BROKER_CONNECTION,
    "custodian_id": SubjectKind.BROKER_CONNECTION,
    "strategy": SubjectKind.STRATEGY,
    "strategy_id": SubjectKind.STRATEGY,
    "mandate": SubjectKind.MANDATE,
    "mandate_id": SubjectKind.MANDATE,
    "authority": SubjectKind.AUTHORITY,
    "authority_id": SubjectKind.AUTHORITY,
    "user": SubjectKind.USER,
    "user_id": SubjectKind.USER,
    "users": SubjectKind.USER,
    "by": SubjectKind.USER,
    "requested_by": SubjectKind.USER,
}


class Event(Protocol):
    """An event of the trail: a row, or its facts."""

    @property
    def actor_id(self) -> Any:
        """Who did it, None for the system."""

    @property
    def before(self) -> Any:
        """What was, as JSON."""

    @property
    def after(self) -> Any:
        """What is, as JSON."""


@dataclass(frozen=True, slots=True)
class TrailNames:
    """The names of one page of the trail."""

    people: Mapping[int, str] = field(default_factory=dict)
    things: Mapping[Subject, SubjectName] = field(default_factory=dict)

    def who(self, actor_id: int | None) -> str:
        """Return a person's name, "" for nobody's."""
        return "" if actor_id is None else self.people.get(actor_id, f"person {actor_id}")

    def of(self, subject: Subject) -> SubjectName | None:
        """Return what a subject is called, None where nobody knows."""
        if subject.kind in _PEOPLE:
            name = self.people.get(_number(subject.id))
            return SubjectName(name) if name else None
        return self.things.get(subject)

    def said(self, key: str, value: Any) -> Any:
        """Return a field of before or after with the names of its ids; what is no id as it is."""
        if isinstance(value, list):
            return [self.said(key, one) for one in value]
        subject = _meant(key, value)
        name = self.of(subject) if subject else None
        return name.text if name else value

    def fields(self, values: Any) -> Any:
        """Return a whole before or after with the names of its ids."""
        return {key: self.said(key, value) for key, value in values.items()} if isinstance(values, dict) else values


def trail_names(viewer: Viewer, events: Iterable[Event], subjects: Iterable[Subject] = ()) -> TrailNames:
    """Return the names of what these events and subjects speak of."""
    found, wanted = list(events), set(subjects)
    for event in found:
        wanted |= set(_within(event.before)) | set(_within(event.after))
    people = {_number(one.id) for one in wanted if one.kind in _PEOPLE} | {event.actor_id for event in found}
    own = defaultdict(list)
    for subject in wanted:
        if subject.kind in _OWN:
            own[subject.kind].append(subject.id)
    things = name_subjects(viewer, (one for one in wanted if one.kind not in _OWN and one.kind not in _PEOPLE))
    for kind, ids in own.items():
        things |= {Subject(kind, pk): SubjectName(text) for pk, text in _OWN[kind](ids).items()}
    return TrailNames(people_names(people), things)


def subject_of(event: Any) -> Subject:
    """Return what a row of the trail, or of another table that names a subject, is about."""
    return Subject(SubjectKind(event.subject_kind), event.subject_id)


def _within(values: Any) -> Iterable[Subject]:
    if not isinstance(values, dict):
        return
    for key, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            subject = _meant(key, one)
            if subject is not None:
                yield subject


def _meant(key: str, value: Any) -> Subject | None:
    """Return what a field's value is the id of, None for what is no id."""
    if isinstance(value, dict):
        return Subject(SubjectKind(value["kind"]), str(value["id"])) if value.keys() == {"kind", "id"} and value["kind"] in _KINDS else None
    if key in {"owner", "owner_id"}:  # a break's is a person, an account's a party
        return Subject(SubjectKind.USER, str(value)) if isinstance(value, int) else _party(value)
    kind = _FIELDS.get(key)
    if kind is None or isinstance(value, bool) or not isinstance(value, str | int) or not value:
        return None
    text = str(value)
    is_id = text.isascii() and text.isdigit() if kind in {SubjectKind.INSTRUMENT, *_PEOPLE} else bool(uuids_of([text]))
    return Subject(kind, text) if is_id and len(text) <= 36 else None


def _party(value: Any) -> Subject | None:
    return Subject(SubjectKind.PARTY, value) if isinstance(value, str) and uuids_of([value]) else None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _parties(ids: Collection[str]) -> dict[str, str]:
    rows = Party.objects.filter(pk__in=uuids_of(ids)).values_list("pk", "code", "name")
    return {str(pk): f"{code} {name}".strip() for pk, code, name in rows}


def _mandates(ids: Collection[str]) -> dict[str, str]:
    rows = Mandate.objects.filter(pk__in=uuids_of(ids)).values_list("pk", "code", "version", "name")
    return {str(pk): f"Mandate {code} version {version}, {name}" for pk, code, version, name in rows}


def _restrictions(ids: Collection[str]) -> dict[str, str]:
    rows = Restriction.objects.filter(pk__in=uuids_of(ids)).values_list("pk", "instrument__symbol", "issuer__name")
    return {str(pk): f"Restriction of {symbol or issuer}" for pk, symbol, issuer in rows}


def _approvals(ids: Collection[str]) -> dict[str, str]:
    rows = Approval.objects.filter(pk__in=uuids_of(ids)).values_list("pk", "action")
    return {str(pk): f"Request: {asked(ApprovalAction(action))}" for pk, action in rows}


def _alerts(ids: Collection[str]) -> dict[str, str]:
    rows = Alert.objects.filter(pk__in=uuids_of(ids)).values_list("pk", "tier", "message")
    return {str(pk): f"{tier.capitalize()}: {message}" for pk, tier, message in rows}


def _keys(ids: Collection[str]) -> dict[str, str]:
    hooks = WebhookKey.objects.filter(pk__in=uuids_of(ids)).values_list("pk", "source")
    tokens = ApiToken.objects.filter(firm_id=tenancy.current_firm() or 0).values_list("digest", "label")
    named = {token_name(digest): f"API token {label}" for digest, label in tokens}
    return {str(pk): f"Webhook key of {source}" for pk, source in hooks} | {pk: named[pk] for pk in ids if pk in named}


def _limits(ids: Collection[str]) -> dict[str, str]:
    return {pk: "Limit " + pk.replace("_", " ").lower() for pk in ids}


_OWN: dict[SubjectKind, Callable[[Collection[str]], dict[str, str]]] = {
    SubjectKind.PARTY: _parties,
    SubjectKind.MANDATE: _mandates,
    SubjectKind.RESTRICTION: _restrictions,
    SubjectKind.APPROVAL: _approvals,
    SubjectKind.ALERT: _alerts,
    SubjectKind.API_KEY: _keys,
    SubjectKind.LIMIT: _limits,
}
