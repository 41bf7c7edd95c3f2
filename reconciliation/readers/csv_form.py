"""Read the documented custodian CSV form (docs/custodian-csv.md): bytes in, a whole snapshot or one clear error out.

Entry points: `read_custodian_csv`. The writer is `csv_form_writer.write_custodian_csv`.
Invariants: 1. a half-valid file gives nothing; 2. the fast and the strict parser give the same snapshot; errors always come from the
strict one.
"""

from __future__ import annotations

from datetime import date

from ..core.directory import Directory
from ..core.snapshot import Snapshot
from .csv_form_fast import parse_fast
from .csv_form_spec import MAX_BYTES, CustodianFileError, TruncatedFile, clean, to_snapshot
from .csv_form_strict import parse_strict

__all__ = ["MAX_BYTES", "CustodianFileError", "TruncatedFile", "read_custodian_csv"]


def read_custodian_csv(data: bytes, directory: Directory, *, today: date, max_bytes: int = MAX_BYTES, fast: bool = True) -> Snapshot:
    """Return what a custodian's file says.

    directory: the accounts, symbols and currencies of this custodian; today: its local date, no business date may lie after it;
    max_bytes: larger files are refused unread; fast: parse by column first (same result).

    Raises TruncatedFile where the end is missing and CustodianFileError for anything else that is wrong; both mean INCOMPLETE (REC-1).
    """
    body = clean(data, max_bytes)
    if fast:
        parsed = parse_fast(body, directory, today)
        if parsed is not None:
            return to_snapshot(parsed, directory)
    return to_snapshot(parse_strict(body, directory, today), directory)
