"""`manage.py token create|list|revoke`: API tokens of a firm (docs/api.md)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

from base.core.validation import InvalidInput, parse_integer, parse_text
from base.errors import NotFound
from governance.management.credentials import CredentialCommand, instant, member, reason, table
from governance.queries import api_tokens
from governance.services import issue_token, revoke_token

DAYS = 90
LONGEST_DAYS = 730
_USER = {"metavar": "EMAIL"}


class Command(CredentialCommand):
    help = "Make, list and revoke API tokens. A token acts as one person in one firm."
    arguments: ClassVar = {
        "create": {
            "--user": {**_USER, "required": True, "help": "whom it acts as: an active member of the firm"},
            "--label": {"required": True, "help": "what it is for, at most 80 characters"},
            "--days": {"default": str(DAYS), "help": f"how long it is good for, 1 to {LONGEST_DAYS} (default: %(default)s)"},
        },
        "list": {"--user": {**_USER, "help": "only this person's"}},
        "revoke": {"token": {"help": "its id, as list shows it"}, "--reason": {"default": "", "help": "why, for the audit trail"}},
    }

    def create(self, options: dict[str, Any], now: datetime) -> None:
        """make a token and show it once"""
        label = parse_text(options["label"], "label", max_length=80)
        days = parse_integer(options["days"], "days", minimum=1, maximum=LONGEST_DAYS)
        user_id, lifetime = member(options["user"]), timedelta(days=days)
        token = issue_token(user_id=user_id, label=label, now=now, firm_id=options["firm"], lifetime=lifetime)
        self.show_once(token, f"A token for {options['user']} in firm {options['firm']}, good until {instant(now + lifetime)}.")

    def list(self, options: dict[str, Any], now: datetime) -> None:
        """list tokens, without their secrets"""
        found = api_tokens(user_id=None if options["user"] is None else member(options["user"]))
        rows = [(t.id, t.email, t.label, instant(t.created_at), instant(t.expires_at), state(t.expires_at, now)) for t in found]
        self.stdout.write(table([("id", "user", "label", "created", "expires", "state"), *rows]))

    def revoke(self, options: dict[str, Any], now: datetime) -> None:
        """end a token at once"""
        token_id = parse_text(options["token"], "token", max_length=128)
        try:
            revoke_token(token_id=token_id, actor=None, now=now, reason=reason(options))
        except NotFound:
            raise InvalidInput("token", token_id, "token_of_the_firm") from None
        self.stdout.write(f"{token_id} is revoked")


def state(ends_at: datetime | None, now: datetime) -> str:
    """Return whether a credential that ends then is good now."""
    return "good" if ends_at is None or now < ends_at else "ended"
