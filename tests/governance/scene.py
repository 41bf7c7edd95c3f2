"""A firm with one person in each role, as the tests of governance need it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from base import tenancy
from governance import services
from governance.core.authority import Signature
from governance.core.subjects import Actor
from governance.enums import AuthorityKind, Power, Role
from tests.factories import as_loader, make_firm, make_user, number

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
committed = as_loader  # on a connection of its own, so that other connections see it


@dataclass(frozen=True)
class Scene:
    """firm: the firm's id. people: one actor for each role; second: another one in each role."""

    firm: int
    people: dict[Role, Actor]
    second: dict[Role, Actor]

    def __getattr__(self, name: str) -> Actor:
        return self.people[Role[name.upper()]]


def make_scene() -> Scene:
    firm = make_firm()
    with tenancy.firm(firm.id):
        one, two = ({role: Actor(str(make_user(role).id), role) for role in Role} for _ in range(2))
    return Scene(firm.id, one, two)


def make_parties(**client: Any) -> tuple[UUID, UUID, tuple[Signature, ...]]:
    """Record a client and a manager; returns their ids and both signatures, dated long ago."""
    codes = [f"CLIENT{number()}", f"MANAGER{number()}"]
    facts = {"statement_address": "1 High Street", **client}
    grantor = services.record_party(code=codes[0], name="A client", actor=None, now=NOW, **facts)
    grantee = services.record_party(code=codes[1], name="A manager", actor=None, now=NOW)
    return grantor, grantee, tuple(Signature(code, NOW - 400 * DAY) for code in codes)


def make_authority(account_ids: list[UUID], **changes: Any) -> UUID:
    """Record a valid limited power of attorney over these accounts."""
    grantor, grantee, signatures = changes.pop("parties", None) or make_parties()
    facts: dict[str, Any] = {
        "code": f"LPA{number()}",
        "kind": AuthorityKind.LPA,
        "grantor_id": grantor,
        "grantee_id": grantee,
        "account_ids": account_ids,
        "powers": {Power.TRADE, Power.MARGIN},
        "effective_from": NOW - 365 * DAY,
        "expires_at": NOW + 365 * DAY,
        "document_sha256": "ab" * 32,
        "signatures": signatures,
        "fee_schedule": "FEES1",
        "actor": None,
        "now": NOW,
        "clauses": {"TRADE": "§1 may trade", "limits": "§6 a limit", "term": "§9 one year"},
    }
    return services.record_authority(**{**facts, **changes})


def new_accounts(count: int) -> list[UUID]:
    """Return ids: governance names accounts without knowing them."""
    return sorted(uuid4() for _ in range(count))
