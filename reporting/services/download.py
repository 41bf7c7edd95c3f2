"""Hand a statement to a person who may see it, and say so in the audit trail (GOV-7).

Entry points: `download_statement`, `hand_out_statement`.
Invariants: 1. who takes a document is in the trail, once, before its first byte is read. 2. The document is read piece by piece, each in a block of
its own: a web process holds one piece, not the document, and no transaction waits for a slow reader.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import BinaryField, QuerySet
from django.db.models.functions import Length, Substr

from base import tenancy
from base.errors import NotFound
from governance import queries as governance_queries
from governance import services as governance
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, SubjectKind
from governance.permissions import OVERSIGHT
from reporting.models import StatementDocument
from reporting.queries.documents import visible_statements

PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class StatementFile:
    """A statement as it was made: name for the download, size in bytes, and its SHA-256. Its bytes are read when they are asked for."""

    firm_id: int
    document_id: UUID
    account_id: UUID
    name: str
    size: int
    sha256: str

    def pieces(self, length: int = PIECE) -> Iterator[bytes]:
        """Yield the PDF in order; each piece is read in a tenancy block of its own. Raises RuntimeError if it is not what it was."""
        for start in range(0, self.size, length):
            with tenancy.firm(self.firm_id):
                part = Substr("pdf", start + 1, length, output_field=BinaryField())
                found = StatementDocument.objects.filter(pk=self.document_id).annotate(part=part).values_list("part", flat=True).first()
            if found is None or len(found) != min(length, self.size - start):
                raise RuntimeError(f"statement {self.document_id} ended at byte {start} of {self.size}")
            yield bytes(found)


def download_statement(*, document_id: UUID, user: AbstractBaseUser, now: datetime, is_taken: bool = True) -> StatementFile:
    """Return the PDF and record who took it. Needs an open block.

    is_taken: False for who only asks what it is (HEAD), and gets none of it.
    Raises NotFound if there is no such statement, or the person may not see its account: the two look the same.
    """
    file = _found(visible_statements(user), document_id)
    return _handed_out(file, governance_queries.actor_for(user.pk), now) if is_taken else file


def hand_out_statement(*, document_id: UUID, actor: Actor, now: datetime, is_taken: bool = True) -> StatementFile:
    """Return any statement of the firm to somebody who oversees it, as `download_statement`. Raises NotFound, Forbidden."""
    governance.require_role(actor, OVERSIGHT)
    file = _found(StatementDocument.objects.defer("figures", "pdf"), document_id)
    return _handed_out(file, actor, now) if is_taken else file


def _found(rows: QuerySet[StatementDocument], document_id: UUID) -> StatementFile:
    row = rows.select_related("account").annotate(size=Length("pdf")).filter(pk=document_id).first()
    if row is None:
        raise NotFound("statement")
    name = f"statement-{row.account.code}-{row.period_start:%Y-%m}-v{row.version}.pdf"
    return StatementFile(int(row.firm_id), row.pk, row.account_id, name, int(row.size), row.sha256)


def _handed_out(file: StatementFile, actor: Actor, now: datetime) -> StatementFile:
    governance.audit(
        action=AuditAction.EXPORTED,
        subject=Subject(SubjectKind.STATEMENT, str(file.document_id)),
        actor=actor,
        now=now,
        after={"account": str(file.account_id), "sha256": file.sha256},
        rule="GOV-11",
    )
    return file
