"""Documents that authorities and mandates rest on: checked by content, kept by their hash, handed out against a line in the trail (GOV-1, GOV-7).

Entry points: `store_document`, `download_document`. Invariants: 1. a file is named by the SHA-256 of its bytes in its firm's folder, so it never
changes; 2. its kind is what its first bytes say, never what its sender said; 3. whoever takes one stands in the audit trail.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from django.conf import settings

from base import tenancy
from base.errors import NotFound, Refused
from base.files import read_kept, sha256_of, write_once

from ..core.subjects import Actor, Subject
from ..enums import AuditAction
from .audit_trail import audit

LARGEST = 10 * 1024 * 1024
KINDS: Mapping[str, tuple[bytes, str]] = MappingProxyType(
    {
        "pdf": (b"%PDF-", "application/pdf"),
        "png": (b"\x89PNG\r\n\x1a\n", "image/png"),
        "jpg": (b"\xff\xd8\xff", "image/jpeg"),
    }
)
_SHA256 = re.compile(r"[0-9a-f]{64}")


class UnableToStore(Refused):
    """A file that is no document: empty, too large, or neither PDF nor PNG nor JPEG."""


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """A document as it was stored."""

    name: str
    content_type: str
    content: bytes


def store_document(content: bytes) -> str:
    """Keep the file for the current firm and return its SHA-256; the same bytes twice are one file. Raises UnableToStore."""
    if not content or len(content) > LARGEST:
        raise UnableToStore("size", "a document has between one byte and 10 MB", field="document", value=len(content))
    kind = next((kind for kind, (begins, _) in KINDS.items() if content.startswith(begins)), None)
    if kind is None:
        raise UnableToStore("kind", "a document is a PDF, a PNG or a JPEG, by its content", field="document")
    sha256 = sha256_of(content)
    write_once(_folder() / f"{sha256}.{kind}", content)
    return sha256


def has_document(sha256: str) -> bool:
    """Tell whether the current firm keeps the file of this hash."""
    return _place(sha256) is not None


def download_document(*, sha256: str, subject: Subject, actor: Actor, now: datetime, is_taken: bool = True) -> DocumentFile:
    """Return the file of what the subject names, and record who took it. Raises NotFound, also for bytes that are not those any more.

    is_taken: False for who only asks what it is (HEAD), and gets none of it.
    """
    place = _place(sha256)
    content = None if place is None else read_kept(place, sha256)
    if place is None or content is None:
        raise NotFound("document")
    if is_taken:
        audit(action=AuditAction.EXPORTED, subject=subject, actor=actor, now=now, after={"sha256": sha256}, rule="GOV-7")
    return DocumentFile(f"{subject.kind.lower()}-{sha256[:12]}{place.suffix}", KINDS[place.suffix[1:]][1], content)


def _place(sha256: str) -> Path | None:
    if not _SHA256.fullmatch(sha256):
        return None
    return next((place for kind in KINDS if (place := _folder() / f"{sha256}.{kind}").is_file()), None)


def _folder() -> Path:
    firm = tenancy.current_firm()
    if firm is None:
        raise LookupError("a document belongs to a firm: open its block")
    return Path(settings.DOCUMENTS_DIR) / str(firm)
