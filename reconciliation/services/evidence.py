"""Documents behind a resolution: checked, kept once under their hash, read back whole or not at all (REC-7).

Entry points: `keep_document`, `read_document`, `UnableToKeep`, `MAX_DOCUMENT_BYTES`, `TYPES`.

Invariants
1. What is kept is what its ending says it is, by its first bytes, and at most MAX_DOCUMENT_BYTES long.
2. The name a person gave is a label and never a path: the file is named by its SHA-256, in the firm's own folder.
3. A file whose bytes no longer have its hash is not handed out.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path, PurePosixPath, PureWindowsPath
from uuid import UUID

from django.conf import settings

from base import tenancy
from base.core.ids import new_id
from base.errors import NotFound, Refused
from base.files import read_kept, sha256_of, write_once
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, SubjectKind
from governance.services import audit

from ..models import Break, Evidence

MAX_DOCUMENT_BYTES = 10 * 1024 * 1024
TYPES: dict[str, tuple[str, tuple[bytes, ...]]] = {
    ".pdf": ("application/pdf", (b"%PDF-",)),
    ".png": ("image/png", (b"\x89PNG\r\n\x1a\n",)),
    ".jpg": ("image/jpeg", (b"\xff\xd8\xff",)),
    ".jpeg": ("image/jpeg", (b"\xff\xd8\xff",)),
    ".csv": ("text/csv", ()),
    ".txt": ("text/plain", ()),
}


class UnableToKeep(Refused):
    """A document that is not kept. code: TOO_LARGE, EMPTY, WRONG_TYPE."""


def keep_document(*, break_id: UUID, name: str, data: bytes, actor: Actor, now: datetime) -> Evidence:
    """Keep a document of a break; the same bytes are kept once. Raises NotFound, UnableToKeep."""
    label, media_type = _checked(name, data)
    row = Break.objects.filter(id=break_id).first()
    if row is None:
        raise NotFound("break")
    sha256 = sha256_of(data)
    known = Evidence.objects.filter(of_break=row, sha256=sha256).first()
    if known is not None:
        return known
    write_once(_path(sha256), data)
    made = Evidence.objects.create(
        id=new_id(),
        of_break=row,
        name=label,
        media_type=media_type,
        size=len(data),
        sha256=sha256,
        uploaded_by_id=int(actor.user_id),
        uploaded_at=now,
    )
    after = {"document": label, "sha256": sha256, "bytes": len(data)}
    audit(action=AuditAction.CREATED, subject=Subject(SubjectKind.BREAK, str(break_id)), actor=actor, now=now, after=after, rule="REC-7")
    return made


def read_document(row: Evidence) -> bytes:
    """Return a document's bytes. Raises NotFound where the file is gone or is not what was kept."""
    data = read_kept(_path(row.sha256), row.sha256)
    if data is None:
        raise NotFound("document")
    return data


def _checked(name: str, data: bytes) -> tuple[str, str]:
    """Return the label and the media type of a document."""
    label = PureWindowsPath(PurePosixPath(name).name).name
    label = "".join(char for char in label if char.isprintable())[-120:].strip() or "document"
    known = TYPES.get(Path(label).suffix.lower())
    if known is None:
        raise UnableToKeep("WRONG_TYPE", f"evidence is one of {', '.join(sorted(TYPES))}", field="document", value=label[-40:])
    if len(data) > MAX_DOCUMENT_BYTES:
        raise UnableToKeep("TOO_LARGE", "a document has at most 10 MB", field="document", value=len(data))
    if not data:
        raise UnableToKeep("EMPTY", "the document is empty", field="document", value=label[-40:])
    media_type, beginnings = known
    if not (data.startswith(beginnings) if beginnings else _is_text(data)):
        raise UnableToKeep("WRONG_TYPE", f"what is in {label} is not what its ending says", field="document", value=label[-40:])
    return label, media_type


def _is_text(data: bytes) -> bool:
    try:
        return "\0" not in data.decode("utf-8")
    except UnicodeDecodeError:
        return False


def _path(sha256: str) -> Path:
    return Path(settings.DOCUMENTS_DIR) / str(tenancy.current_firm() or 0) / "evidence" / sha256[:2] / sha256
