"""`manage.py webhook_key create|list|revoke|rotate`: keys with which a source signs its messages (docs/webhooks.md)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, ClassVar

from base.core.validation import InvalidInput, parse_integer, parse_text, parse_uuid
from base.errors import NotFound
from governance.enums import Role
from governance.management.credentials import CredentialCommand, instant, member, reason, table
from governance.queries import signing_keys
from governance.queries.people import roles_of
from governance.services import create_webhook_key, revoke_webhook_key, rotate_webhook_key

OVERLAP_HOURS = 24
LONGEST_HOURS = 24 * 31
# What may stand in the address that the source posts to.
_SOURCE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KEY = {"help": "its id, as list shows it"}
_REASON = {"default": "", "help": "why, for the audit trail"}


class Command(CredentialCommand):
    help = "Make, list, revoke and rotate the keys that sign a source's messages. A key acts as one person in one firm."
    arguments: ClassVar = {
        "create": {
            "--source": {"required": True, "help": "the last part of the address it posts to: letters, digits, - and _"},
            "--user": {"required": True, "metavar": "EMAIL", "help": "whom its signals act as: a manager or trader of the firm"},
        },
        "list": {"--source": {"default": "", "help": "only this source's"}},
        "revoke": {"key": _KEY, "--reason": _REASON},
        "rotate": {
            "key": _KEY,
            "--overlap": {
                "default": str(OVERLAP_HOURS),
                "metavar": "HOURS",
                "help": "how long the old key stays good besides the new one (default: %(default)s)",
            },
            "--reason": _REASON,
        },
    }

    def create(self, options: dict[str, Any], now: datetime) -> None:
        """make a key and show its secret once"""
        source = _source(options["source"])
        user_id = member(options["user"])
        if roles_of(user_id).isdisjoint({Role.MANAGER, Role.TRADER}):
            raise InvalidInput("user", options["user"], "manager_or_trader_of_the_firm")
        key_id, secret = create_webhook_key(source=source, user_id=user_id, now=now)
        self.show_once(
            secret, f"Key {key_id} of source {source}, for {options['user']}; post to /api/v1/webhooks/{options['firm']}/{source}"
        )

    def list(self, options: dict[str, Any], now: datetime) -> None:
        """list keys, without their secrets"""
        found = signing_keys(source=_source(options["source"]) if options["source"] else "")
        rows = [
            (
                str(k.id),
                k.source,
                k.email,
                instant(k.created_at),
                instant(k.ends_at),
                "good" if k.ends_at is None or now < k.ends_at else "ended",
            )
            for k in found
        ]
        self.stdout.write(table([("id", "source", "user", "created", "ends", "state"), *rows]))

    def revoke(self, options: dict[str, Any], now: datetime) -> None:
        """end a key at once"""
        key_id = parse_uuid(options["key"], "key")
        try:
            revoke_webhook_key(key_id=key_id, actor=None, now=now, reason=reason(options))
        except NotFound:
            raise InvalidInput("key", str(key_id), "webhook_key_of_the_firm") from None
        self.stdout.write(f"{key_id} is revoked")

    def rotate(self, options: dict[str, Any], now: datetime) -> None:
        """make a key in another's place, which ends when the sender has had time to change over"""
        key_id = parse_uuid(options["key"], "key")
        ends_at = now + timedelta(hours=parse_integer(options["overlap"], "overlap", minimum=0, maximum=LONGEST_HOURS))
        try:
            new_id, secret = rotate_webhook_key(key_id=key_id, ends_at=ends_at, actor=None, now=now, reason=reason(options))
        except NotFound:
            raise InvalidInput("key", str(key_id), "webhook_key_in_force") from None
        self.show_once(secret, f"Key {new_id} is good from now on; {key_id} ends at {instant(ends_at)}.")


def _source(value: str) -> str:
    text = parse_text(value, "source")
    if not _SOURCE.fullmatch(text):
        raise InvalidInput("source", text, "letters_digits_hyphen_underscore_up_to_64")
    return text
