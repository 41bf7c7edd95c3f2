"""Hand a statement to a person who may see it, and say so in the audit trail (GOV-7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser

from base.errors import Forbidden, NotFound
from governance import queries as governance_queries
from governance import services as governance
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, SubjectKind
from governance.permissions import OVERSIGHT
from reporting.models import StatementDocument
from reporting.queries.documents import visible_statements


@dataclass(frozen=True, slots=True)
class StatementFile:
    """A statement as it was made: name for the download, bytes, and their SHA-256."""

    name: str
    pdf: bytes
    sha256: str


def download_statement(*, document_id: UUID, user: AbstractBaseUser, now: datetime) -> StatementFile:
    """Return the PDF and record who took it. Needs an open block.

    Raises NotFound if there is no such statement, or the person may not see its account: the two look the same.
    """
    document = visible_statements(user).defer(None).defer("figures").select_related("account").filter(pk=document_id).first()
    if document is None:
        raise NotFound("statement")
    return _hand_out(document, governance_queries.actor_for(user.pk), now)


def hand_out_statement(*, document_id: UUID, actor: Actor, now: datetime) -> StatementFile:
    """Return any statement of the firm to somebody who oversees it, and record who took it. Raises NotFound, Forbidden."""
    if actor.role not in OVERSIGHT:
        raise Forbidden("not_permitted", f"a person in the role {actor.role} may not do this", role=str(actor.role))
    document = StatementDocument.objects.defer("figures").select_related("account").filter(pk=document_id).first()
    if document is None:
        raise NotFound("statement")
    return _hand_out(document, actor, now)


def _hand_out(document: StatementDocument, actor: Actor, now: datetime) -> StatementFile:
    governance.audit(
        action=AuditAction.EXPORTED,
        subject=Subject(SubjectKind.STATEMENT, str(document.id)),
        actor=actor,
        now=now,
        after={"account": str(document.account_id), "sha256": document.sha256},
        rule="GOV-11",
    )
    name = f"statement-{document.account.code}-{document.period_start:%Y-%m}-v{document.version}.pdf"
    return StatementFile(name, bytes(document.pdf), document.sha256)
