"""Signed webhooks: sign, verify, and name what must never be accepted twice (S7).

Compatible with Standard Webhooks (https://www.standardwebhooks.com): headers `webhook-id`, `webhook-timestamp` (Unix seconds) and
`webhook-signature` ("v1," + base64 of HMAC-SHA256 over "<id>.<timestamp>.<body>"; several, separated by blanks, while keys change).

Entry points: `sign` for the sender, `verify` for the receiver, `parse_secret` and `format_secret` for "whsec_…" secrets, `derive_secret`
so that none need be stored.

Invariants
1. Nothing is accepted without a signature over id, timestamp and exact body by a key in force; comparison takes the same time for any key
   and text.
2. A timestamp more than 5 minutes away from now, either way, is refused.
3. `Webhook.replay_key` is unique per message: the caller stores it under a unique constraint and answers a second one without acting.
4. Secrets appear in no repr and no error.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

TOLERANCE = timedelta(minutes=5)
MAX_BODY_BYTES = 64 * 1024
MIN_SECRET_BYTES = 24
_PREFIX = "whsec_"
_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
_SHOWN = 64
_MAX_SIGNATURES = 16
# No full stop: it separates id, timestamp and body in what is signed, and must not be movable.
_ID = re.compile(r"[A-Za-z0-9_\-]{1,128}")
_TIMESTAMP = re.compile(r"[1-9][0-9]{0,10}")


class WebhookRefused(Exception):
    """A message that is not accepted.

    code: BODY_TOO_LARGE, MISSING_HEADER, BAD_ID, BAD_TIMESTAMP, STALE, FROM_THE_FUTURE, NO_KEY or BAD_SIGNATURE. field: the header at
    fault. value: what it said; empty where that would help to forge.
    """

    def __init__(self, code: str, field: str = "webhook-signature", value: str = "") -> None:
        super().__init__(code)
        self.code, self.field, self.value = code, field, value


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A secret shared with one source, in force in [valid_from, valid_until). Two overlapping keys let a sender change over."""

    key_id: str
    secret: bytes = field(repr=False)
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def __post_init__(self) -> None:
        if len(self.secret) < MIN_SECRET_BYTES:
            raise ValueError(f"the secret of key {self.key_id} is shorter than {MIN_SECRET_BYTES} bytes")

    def in_force(self, at: datetime) -> bool:
        """Tell whether the key may sign at `at`."""
        return (self.valid_from is None or self.valid_from <= at) and (self.valid_until is None or at < self.valid_until)


@dataclass(frozen=True, slots=True)
class Webhook:
    """A message whose signature and age hold. It may still be a replay: only the stored replay_key can tell."""

    source: str
    message_id: str
    sent_at: datetime
    key_id: str
    body: bytes = field(repr=False)

    @property
    def replay_key(self) -> tuple[str, str]:
        """(source, message id), accepted once ever."""
        return (self.source, self.message_id)


def parse_secret(text: str) -> bytes:
    """Return the bytes of a "whsec_" + base64 secret. Raises ValueError, without quoting it, if it is not one or shorter than 24 bytes."""
    try:
        secret = base64.b64decode(text.removeprefix(_PREFIX).encode("ascii"), validate=True) if text.startswith(_PREFIX) else b""
    except (binascii.Error, UnicodeEncodeError):
        secret = b""
    if len(secret) < MIN_SECRET_BYTES:
        raise ValueError(f"a webhook secret is {_PREFIX} and base64 of at least {MIN_SECRET_BYTES} bytes")
    return secret


def format_secret(secret: bytes) -> str:
    """Return the text a sender is given: "whsec_" + base64.

    >>> parse_secret(format_secret(bytes(32))) == bytes(32)
    True
    """
    return _PREFIX + base64.b64encode(secret).decode()


def derive_secret(installation_key: str, firm_id: str, key_id: str) -> bytes:
    """Return the secret of a key: HMAC-SHA256(installation key, "webhook|firm|key id"), 32 bytes, the same each time.

    Another installation key makes other secrets: senders must then be given theirs anew. Raises ValueError for an empty installation key,
    or a "|" in an id, which would let two keys share a secret.
    """
    if not installation_key or "|" in firm_id or "|" in key_id:
        raise ValueError("a secret is derived from a key that is not empty and ids without |")
    return hmac.digest(installation_key.encode(), f"webhook|{firm_id}|{key_id}".encode(), "sha256")


def sign(message_id: str, sent_at: datetime, body: bytes, secret: bytes) -> dict[str, str]:
    """Return the three headers a sender adds to `body`.

    Raises ValueError for an id that is not 1–128 letters, digits, _ or -, or a naive instant.
    """
    if not _ID.fullmatch(message_id) or sent_at.tzinfo is None:
        raise ValueError("message_id must be 1-128 letters, digits, _ or -, and sent_at timezone-aware")
    timestamp = str(int(sent_at.timestamp()))
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": _signature(message_id, timestamp, body, secret)}


def verify(
    headers: Mapping[str, str], body: bytes, keys: Sequence[SigningKey], now: datetime, *, source: str, tolerance: timedelta = TOLERANCE
) -> Webhook:
    """Return the message if one of the source's keys signed it and it is fresh.

    headers: names in any case. body: the bytes as received, before any parsing. source: who the keys belong to, e.g. an API key's id.
    Raises WebhookRefused. A refusal by signature does not tell which part was wrong.
    """
    if len(body) > MAX_BODY_BYTES:
        raise WebhookRefused("BODY_TOO_LARGE")
    message_id, timestamp, signatures = _headers(headers)
    usable = [key for key in keys if key.in_force(now)]
    if not usable:
        raise WebhookRefused("NO_KEY")
    offered = [text.encode("utf-8", "replace") for text in signatures.split(" ")[:_MAX_SIGNATURES]]
    signed_by = ""
    for key in usable:
        expected = _signature(message_id, timestamp, body, key.secret).encode()
        for text in offered:
            if hmac.compare_digest(expected, text):
                signed_by = signed_by or key.key_id
    if not signed_by:
        raise WebhookRefused("BAD_SIGNATURE")
    sent_at = datetime.fromtimestamp(int(timestamp), UTC)
    if now - sent_at > tolerance:
        raise WebhookRefused("STALE", "webhook-timestamp", timestamp)
    if sent_at - now > tolerance:
        raise WebhookRefused("FROM_THE_FUTURE", "webhook-timestamp", timestamp)
    return Webhook(source, message_id, sent_at, signed_by, body)


def _headers(headers: Mapping[str, str]) -> tuple[str, str, str]:
    named: dict[str, list[str]] = {}
    for name, value in headers.items():
        named.setdefault(name.lower(), []).append(value)
    for name in _HEADERS:
        if len(given := named.get(name, [])) != 1 or not given[0]:
            raise WebhookRefused("MISSING_HEADER", name)
    message_id, timestamp, signatures = (named[name][0] for name in _HEADERS)
    if not _ID.fullmatch(message_id):
        raise WebhookRefused("BAD_ID", "webhook-id", message_id[:_SHOWN])
    if not _TIMESTAMP.fullmatch(timestamp):
        raise WebhookRefused("BAD_TIMESTAMP", "webhook-timestamp", timestamp[:_SHOWN])
    return message_id, timestamp, signatures


def _signature(message_id: str, timestamp: str, body: bytes, secret: bytes) -> str:
    content = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, content, "sha256")).decode()
