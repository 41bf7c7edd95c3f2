"""Files that never change: whole or not there, once, and only as they were kept."""

from __future__ import annotations

from pathlib import Path

from base.files import read_kept, sha256_of, write_once

CONTENT = b"%PDF-1.7 a power of attorney"


def test_a_file_is_kept_once_and_read_back(tmp_path: Path) -> None:
    place = tmp_path / "7" / "ab" / sha256_of(CONTENT)
    write_once(place, CONTENT)
    first = place.stat().st_ino
    write_once(place, CONTENT)
    assert read_kept(place, sha256_of(CONTENT)) == CONTENT and place.stat().st_ino == first
    assert [one.name for one in place.parent.iterdir()] == [place.name], "nothing is left beside it"
    assert place.parent.stat().st_mode & 0o077 == 0


def test_what_is_gone_or_was_altered_is_not_read_and_is_put_right_by_keeping_it_again(tmp_path: Path) -> None:
    place = tmp_path / "kept"
    assert read_kept(place, sha256_of(CONTENT)) is None
    place.write_bytes(CONTENT[:-1])
    assert read_kept(place, sha256_of(CONTENT)) is None
    write_once(place, CONTENT)
    assert read_kept(place, sha256_of(CONTENT)) == CONTENT
