"""What the commands for tokens and webhook keys share: verbs, one block of one firm, errors by field, value and rule, secrets shown once.

A secret is the only thing on standard output, so that a script can take it; what there is to say about it goes to standard error.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from base import tenancy
from base.clock import process_clock
from base.commands import HouseCommand
from base.core.validation import InvalidInput, parse_text
from governance.queries import member_with_email


class CredentialCommand(HouseCommand):
    """A command of verbs, each run in the firm's block. arguments: for each verb its arguments, name → options."""

    arguments: ClassVar[dict[str, dict[str, dict[str, Any]]]] = {}

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="|".join(self.arguments))
        for verb, arguments in self.arguments.items():
            one = verbs.add_parser(verb, help=getattr(self, verb).__doc__)
            one.add_argument("--firm", required=True, metavar="ID", help="the firm's id")
            for name, options in arguments.items():
                one.add_argument(name, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        firm_id = int(options["firm"])
        with tenancy.firm(firm_id):
            getattr(self, options["verb"])({**options, "firm": firm_id}, process_clock().now())

    def show_once(self, secret: str, *lines: str) -> None:
        """Print the secret, and beside it what it is."""
        self.stdout.write(secret)
        for line in (*lines, "It is shown this once; keep it where secrets are kept."):
            self.stderr.write(line)


def member(value: object) -> int:
    """Return the id of the firm's member with this e-mail address. Raises InvalidInput."""
    email = parse_text(value, "user", max_length=254)
    found = member_with_email(email)
    if found is None:
        raise InvalidInput("user", email, "active_member_of_the_firm")
    return found


def reason(options: dict[str, Any]) -> str:
    """Return why, as it will stand in the audit trail. Raises InvalidInput."""
    return parse_text(options["reason"], "reason", allow_empty=True)


def instant(value: datetime | None) -> str:
    """Return an instant to the minute, "-" for none."""
    return "-" if value is None else f"{value:%Y-%m-%d %H:%M}Z"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows in columns as wide as they need to be, the first one the heading.

    >>> print(table([("id", "label"), ("a1", "desk robot")]))
    id  label
    a1  desk robot
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
