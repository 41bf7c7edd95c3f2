"""Identifiers: time-ordered UUIDs for rows, deterministic ids for replays, content hashes.

Invariant: `digest` of equal values is equal on every machine (I8: same inputs, same bytes).
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import orjson
import uuid_utils.compat
from numpy.typing import NDArray


def new_id() -> uuid.UUID:
    """Return a new UUIDv7: unique, and later ids sort after earlier ones (RFC 9562 §5.7)."""
    return uuid_utils.compat.uuid7()


def derived_id(*parts: object) -> uuid.UUID:
    """Return the UUID that these parts always give, so that a replay makes the same row.

    >>> derived_id("order", 1) == derived_id("order", 1)
    True
    """
    return uuid.UUID(bytes=hashlib.sha256("|".join(map(str, parts)).encode()).digest()[:16], version=5)


def canonical(value: object) -> bytes:
    """Return the one JSON form of `value`: sorted keys, decimals without trailing zeros, UTC instants.

    >>> canonical({"b": Decimal("1.50"), "a": 1})
    b'{"a":1,"b":"1.5"}'

    Raises TypeError for floats and unknown types: a hash over a float is not reproducible.
    """
    return orjson.dumps(_plain(value), option=orjson.OPT_SORT_KEYS)


def digest(value: object) -> str:
    """Return the SHA-256 of the canonical form, 64 hexadecimal characters."""
    return hashlib.sha256(canonical(value)).hexdigest()


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (str, bool, int)):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, Decimal):
        return plain_decimal(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError(f"naive instant {value!r} has no canonical form")
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, (date, uuid.UUID)):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no canonical form")


def plain_decimal(value: Decimal) -> str:
    """Return a decimal without exponent and trailing zeros.

    >>> plain_decimal(Decimal("1E+3")), plain_decimal(Decimal("0.500")), plain_decimal(Decimal("-0.0"))
    ('1000', '0.5', '0')
    """
    if not value.is_finite():
        raise TypeError(f"{value} has no canonical form")
    if value == 0:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def new_ids(n: int) -> NDArray[Any]:
    """Return `n` new UUIDv7 in ascending order: V16[n], big-endian bytes.

    The 48-bit clock is that of one call of `new_id`; a 32-bit count in the random part keeps them in order (RFC 9562 §6.2, method 1).
    """
    first = int.from_bytes(new_id().bytes, "big")
    start = (first >> 64 & 0xFFF) << 20 | first >> 42 & 0xFFFFF
    counts = start // 2 + np.arange(n, dtype=np.uint64)
    high = np.uint64(first >> 80 << 16 | 0x7000) | counts >> np.uint64(20)
    noise = np.frombuffer(os.urandom(8 * n), dtype=np.uint64) & np.uint64((1 << 42) - 1)
    low = np.uint64(0b10 << 62) | (counts & np.uint64(0xFFFFF)) << np.uint64(42) | noise
    words = np.empty((n, 2), dtype=">u8")
    words[:, 0], words[:, 1] = high, low
    return np.frombuffer(words.tobytes(), dtype="V16")


def uuid_texts(ids: NDArray[Any]) -> list[str]:
    """Return the usual text of many UUIDs: V16[n], big-endian bytes → n texts.

    >>> uuid_texts(np.frombuffer(uuid.UUID(int=1).bytes, dtype="V16"))
    ['00000000-0000-0000-0000-000000000001']
    """
    text = ids.tobytes().hex()
    starts = range(0, len(text), 32)
    return [
        f"{text[i : i + 8]}-{text[i + 8 : i + 12]}-{text[i + 12 : i + 16]}-{text[i + 16 : i + 20]}-{text[i + 20 : i + 32]}" for i in starts
    ]
