"""Subject: how governance names a thing of any other app without knowing its table (DESIGN §3). Actor: who does something to it.
Viewer: who looks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from governance.enums import Role, SubjectKind

NAMED = 16


@dataclass(frozen=True, slots=True)
class Subject:
    """A thing by kind and id.

    >>> str(Subject(SubjectKind.ACCOUNT, "A1"))
    'ACCOUNT:A1'
    """

    kind: SubjectKind
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and in which role."""

    user_id: str
    role: Role


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks. oversight: the role covers every account of the firm, whatever the grants. on: the day whose group members count."""

    user_id: int
    oversight: bool
    on: date


def token_name(digest: str) -> str:
    """Return what the audit trail calls an API token: the beginning of its hash, which opens nothing."""
    return digest[:NAMED]
