"""Keep secrets out of the audit trail and make before/after values storable (GOV-7).

Entry points: `redact` for one value, `change` for the difference between two states of a row.

Invariants
1. A field named like a secret never shows its value, at any depth; that it changed still shows.
2. Text that looks like a credential is masked wherever it stands.
3. The result is plain JSON (decimals as text, instants in UTC) that a database gives back unchanged, so hashes survive storage.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import TypeAlias
from uuid import UUID

from base.core.ids import plain_decimal

REDACTED = "[redacted]"
CHANGED = "[redacted, changed]"
Json: TypeAlias = bool | int | str | list["Json"] | dict[str, "Json"] | None

_TELLTALES = """
password passwd pwd passphrase secret secrets token tokens credential credentials authorization cookie cookies otp totp mfa cvv mnemonic
"""
_WORDS = frozenset(_TELLTALES.split())
_PAIRS = frozenset(
    [
        (first, "key")
        for first in (
            "api",
            "private",
            "signing",
            "access",
            "encryption",
            "session",
            "webhook",
            "master",
            "data",
            "secret",
            "sec",
            "recovery",
        )
    ]
    + [("recovery", "codes"), ("recovery", "code"), ("backup", "codes"), ("seed", "phrase"), ("pin", "code"), ("account", "pin")]
)
_NAMES = frozenset({"pin", "key", "apikey", "privatekey", "sessionid", "jwt", "bearer"})
# A name that ends like this tells about a secret without holding it: token_expires_at, api_key_id, password_changed_at.
_ABOUT_WORDS = "id ids at on count version kind type state status required enabled length name label"
_ABOUT = frozenset(_ABOUT_WORDS.split())
_TOKENS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_CREDENTIALS = re.compile(
    r"""-----BEGIN[ A-Z]*PRIVATE\ KEY-----.*?(?:-----END[ A-Z]*PRIVATE\ KEY-----|\Z)
      | \bwhsec_[A-Za-z0-9+/=_-]+
      | \b(?:[Bb]earer|[Bb]asic|[Tt]oken)\ [A-Za-z0-9._~+/=-]{8,}
      | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*
      | (?<=://)[^/\s:@]*:[^/\s@]+(?=@)
      | (?i:(?<=password=)|(?<=secret=)|(?<=token=)|(?<=api_key=)|(?<=apikey=))[^&\s"']+
    """,
    re.VERBOSE | re.DOTALL,
)
_MAX_DEPTH = 20


def is_secret_name(name: str) -> bool:
    """Tell whether a field of this name holds a secret.

    >>> [is_secret_name(name) for name in ("api_key", "apiSecret", "api_key_id", "token_expires_at", "quantity")]
    [True, True, False, False, False]
    """
    words = [word.lower() for word in _TOKENS.findall(name)]
    if not words or words[-1] in _ABOUT:
        return False
    joined = "".join(words)
    return joined in _NAMES or bool(_WORDS & set(words)) or any(pair in _PAIRS for pair in pairwise(words))


def redact(value: object) -> Json:
    """Return `value` as plain JSON with every secret masked.

    Raises TypeError for floats and unknown types, ValueError for nesting deeper than 20 levels.
    """
    return _plain(value, 0)


def change(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[dict[str, Json], dict[str, Json]]:
    """Return the fields that differ, as they were and as they are, redacted.

    >>> change({"limit": Decimal("1.0"), "api_key": "a", "name": "x"}, {"limit": Decimal("2"), "api_key": "b", "name": "x"})
    ({'limit': '1', 'api_key': '[redacted]'}, {'limit': '2', 'api_key': '[redacted, changed]'})
    """
    names = [name for name in dict.fromkeys([*before, *after]) if (name in before) != (name in after) or before[name] != after[name]]
    was = redact({name: before[name] for name in names if name in before})
    now = redact({name: after[name] for name in names if name in after})
    if not isinstance(was, dict) or not isinstance(now, dict):
        raise TypeError("before and after must be mappings")
    now.update({name: CHANGED for name in names if name in now and is_secret_name(name)})
    return was, now


def _plain(value: object, depth: int) -> Json:
    if depth > _MAX_DEPTH:
        raise ValueError(f"nested deeper than {_MAX_DEPTH} levels")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, str):
        return _CREDENTIALS.sub(REDACTED, _storable(value))
    if isinstance(value, Decimal):
        return plain_decimal(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError(f"naive instant {value!r} cannot be audited")
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, (date, UUID)):
        return str(value)
    if isinstance(value, Mapping):
        return {_storable(str(key)): REDACTED if is_secret_name(str(key)) else _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(item, depth + 1) for item in value), key=str)
    raise TypeError(f"{type(value).__name__} cannot be audited")


def _storable(text: str) -> str:
    # PostgreSQL refuses NUL in text, UTF-8 refuses lone surrogates.
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
