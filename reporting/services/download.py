"""Hand a statement to a person who may see it, and say so in the audit trail (GOV-7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser

from base.errors import NotFound
from governance import queries as governance_queries
from governance import services as governance
from governance.core.subjects import Subject
from governance.enums import AuditAction, SubjectKind
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
    governance.audit(
        action=AuditAction.EXPORTED,
        subject=Subject(SubjectKind.STATEMENT, str(document.id)),
        actor=governance_queries.actor_for(user.pk),
        now=now,
        after={"account": str(document.account_id), "sha256": document.sha256},
        rule="GOV-11",
    )
    name = f"statement-{document.account.code}-{document.period_start:%Y-%m}-v{document.version}.pdf"
    return StatementFile(name, bytes(document.pdf), document.sha256)
