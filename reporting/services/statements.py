"""Make one account's statement (GOV-11).

Entry point: `make_statement`. Runs inside the caller's tenancy block.
Invariants:
1. A document holds what `build_statement` proved, and only the account's own rows; what does not close to the cent is not made.
2. Equal figures make no new version; different ones make a new row, and the earlier stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from hashlib import sha256
from uuid import UUID

from django.conf import settings
from django.db import connection

from base.core.ids import digest
from base.errors import Refused
from base.live import Topic, announce
from governance import services as governance
from governance.core.subjects import Subject
from governance.enums import AuditAction, SubjectKind
from reporting.core.statement import Statement, build_statement
from reporting.core.statement_figures import figures_of
from reporting.core.statement_proofs import UnableToState
from reporting.models import StatementDocument

from .inputs import statement_inputs


class UnableToMakeStatement(Refused):
    """The books do not make a statement; `code` and the context are those of `UnableToState`, its cause."""

    def __init__(self, code: str, **context: object) -> None:
        figures = ", ".join(f"{name} {value}" for name, value in context.items())
        super().__init__(code, f"the statement cannot be made: {code} ({figures})", **{name: str(value) for name, value in context.items()})


def make_statement(*, account_id: UUID, period_start: date, period_end: date, now: datetime) -> UUID:
    """State one account's period and return the document's id; the id of the latest version when its figures are the same.

    Raises NotFound; UnableToMakeStatement when a figure is missing or the totals do not close.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"statement|{account_id}|{period_start}"])
    with _refusing():
        inputs = statement_inputs(account_id=account_id, start=period_start, end=period_end, prepared=now.date())
        statement = build_statement(inputs)
    figures = figures_of(statement)
    latest = _latest(account_id, period_start)
    if latest is not None and latest.period_end == period_end and latest.figures == figures:
        return latest.id
    with _refusing():
        pdf = _printed(statement)
    document = StatementDocument.objects.create(
        account_id=account_id,
        period_start=period_start,
        period_end=period_end,
        version=1 if latest is None else latest.version + 1,
        figures=figures,
        pdf=pdf,
        sha256=sha256(pdf).hexdigest(),
        created_at=now,
    )
    governance.audit(
        action=AuditAction.CREATED,
        subject=Subject(SubjectKind.STATEMENT, str(document.id)),
        actor=None,
        now=now,
        after={"account": str(account_id), "period_start": str(period_start), "version": document.version, "figures": digest(figures)},
        rule="GOV-11",
    )
    announce(Topic.STATEMENTS, [document.id], accounts=[account_id])
    return document.id


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except UnableToState as error:
        raise UnableToMakeStatement(error.code, **error.context) from error


def _printed(statement: Statement) -> bytes:
    """Return the PDF, in the bundled typeface and those the operator has put into var/fonts (Asian, Arabic, Indic scripts)."""
    # Here, not above: a second and 33 MB that only a process which prints has to pay.
    from reporting.statements.render import render_pdf
    from reporting.statements.typefaces import typefaces

    folder = settings.VAR_DIR / "fonts"
    return render_pdf(statement, faces=typefaces(folder if folder.is_dir() else None))


def _latest(account_id: UUID, period_start: date) -> StatementDocument | None:
    found = StatementDocument.objects.filter(account_id=account_id, period_start=period_start).defer("pdf")
    return found.order_by("-version").first()
