"""What every command shares: where its audit events come from (GOV-7), and how it answers a bad argument.

Entry points: `HouseCommand`; `BadArgument`; `identifier`, `count`, `iso_date`, `seconds`, `port` as types of arguments.
Invariants
1. A command given `--firm` runs only if there is such a firm.
2. A bad argument is one clear line on standard error and exit status 2; nothing was done. 1 is left for work that was done and found wanting.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import date
from math import isfinite
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError

from .core.validation import InvalidInput, InvalidInputs, parse_integer
from .errors import NotFound, Refused
from .origin import acting_from

BAD = (InvalidInput, InvalidInputs, NotFound)


class BadArgument(CommandError):
    """What was given to the command is wrong: exit status 2."""

    def __init__(self, message: str) -> None:
        super().__init__(message, returncode=2)


class HouseCommand(BaseCommand):
    """A command whose audit events carry "command:NAME" as their origin, whose `--firm` exists, and whose refusals are one line."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run inside an origin of its own, whoever calls it. Raises CommandError for whatever is refused."""
        with acting_from(api_key=f"command:{type(self).__module__.rpartition('.')[2]}"):
            try:
                _require_firm(options.get("firm"))
                return super().execute(*args, **options)
            except CommandError as error:  # one that a command has worded itself
                if isinstance(error.__cause__, BAD):
                    raise BadArgument(str(error)) from error
                raise
            except Refused as error:
                kind = BadArgument if isinstance(error, BAD) else CommandError
                raise kind(f"{error.code}: {error.message}") from error
            except BAD as error:
                raise BadArgument(str(error)) from error


def identifier(text: str) -> int:
    """Return a row's id, 1 or more. Raises ArgumentTypeError."""
    try:
        return parse_integer(text, "id", minimum=1)
    except InvalidInput as error:
        raise ArgumentTypeError(f"{text!r} is no id; write a whole number from 1") from error


def count(text: str) -> int:
    """Return a number of things, 1 or more. Raises ArgumentTypeError."""
    try:
        return parse_integer(text, "number", minimum=1)
    except InvalidInput as error:
        raise ArgumentTypeError(f"{text!r} is no number of them; write a whole number from 1") from error


def iso_date(text: str) -> date:
    """Return a date written YYYY-MM-DD. Raises ArgumentTypeError.

    >>> iso_date("2026-03-02")
    datetime.date(2026, 3, 2)
    """
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.isoformat() != text:
        raise ArgumentTypeError(f"{text!r} is no date; write YYYY-MM-DD")
    return found


def seconds(text: str) -> float:
    """Return a finite length of time, 0 or more. Raises ArgumentTypeError."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not isfinite(found) or found < 0:
        raise ArgumentTypeError(f"{text!r} is no length of time; write seconds, 0 or more")
    return found


def port(text: str) -> int:
    """Return a TCP port. Raises ArgumentTypeError."""
    try:
        return parse_integer(text, "port", minimum=1, maximum=65_535)
    except InvalidInput as error:
        raise ArgumentTypeError(f"{text!r} is no port; write a whole number from 1 to 65535") from error


def _require_firm(given: object) -> None:
    """Raise InvalidInput if a firm is named that does not exist."""
    if given is None:
        return
    firm_id = parse_integer(given, "firm", minimum=1)
    try:
        known = apps.get_model("governance", "Firm")._default_manager.filter(id=firm_id).exists()
    except ProgrammingError as error:
        raise CommandError("the database has no tables yet; make them with: manage.py migrate --database owner") from error
    if not known:
        raise InvalidInput("firm", firm_id, "known_firm")
