"""Files that never change, as two apps keep them: written whole or not at all, read back only if they are what was kept.

Entry points: `sha256_of`, `write_once`, `read_kept`.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from .core.ids import new_id


def sha256_of(content: bytes) -> str:
    """Return the SHA-256 of the bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def write_once(place: Path, content: bytes) -> None:
    """Write a file that is named by its content; after a return it outlives a loss of power. One that was damaged is put right."""
    if read_kept(place, sha256_of(content)) is not None:
        return
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = place.with_name(f"{place.name}.{new_id()}")
    with beside.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(place)
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_kept(place: Path, sha256: str) -> bytes | None:
    """Return the bytes of a file; None where it is gone, cannot be read, or is not what was kept."""
    try:
        content = place.read_bytes()
    except OSError:
        return None
    return content if sha256_of(content) == sha256 else None
