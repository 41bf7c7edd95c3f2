"""`manage.py person create|link|unfactor|unlock`: the first person of a firm, and help for who is locked out (docs/sign-in.md)."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime
from typing import Any, ClassVar

from axes.utils import reset
from django.conf import settings

from base import tenancy
from base.clock import process_clock
from base.commands import HouseCommand
from base.core.validation import InvalidInput, parse_enum, parse_text
from governance.enums import Role
from governance.queries import firms_of, person_with_email
from governance.services import add_member, create_firm, create_user, reset_second_factor
from governance.sign_in import password_link


class Command(HouseCommand):
    help = "Make the first person of a firm, give somebody a link to choose a password, take off a lost second factor, end a lock-out."
    about: ClassVar[dict[str, str]] = {
        "create": "make a person with a role in a firm and print the link with which they choose their password",
        "link": "print a link with which somebody chooses a new password; it works once, for a day",
        "unfactor": "take off somebody's second factor and recovery codes, and end their sessions",
        "unlock": "let somebody try again who gave too many wrong passwords",
    }

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="|".join(self.about))
        for verb, about in self.about.items():
            one = verbs.add_parser(verb, help=about)
            one.add_argument("email", metavar="EMAIL")
            if verb in {"create", "link"}:
                one.add_argument("--url", default="", help="where people reach this server, https://… (default: the first trusted origin)")
            if verb == "create":
                one.add_argument("--name", required=True)
                one.add_argument("--role", required=True, help=", ".join(role.value for role in Role))
                one.add_argument("--firm", metavar="ID", help="the firm's id")
                one.add_argument("--new-firm", metavar="NAME", help="make a firm of this name; its first person is this one")
            if verb == "unfactor":
                one.add_argument("--reason", required=True, help="why, for the audit trail: how you know who is asking")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, options["verb"])(parse_text(options["email"], "email", max_length=254), options, process_clock().now())

    def create(self, email: str, options: dict[str, Any], now: datetime) -> None:
        """Make the person; somebody who is here already only gets the role."""
        role, name = parse_enum(options["role"], "role", Role, fold=True), parse_text(options["name"], "name", max_length=120)
        if (options["firm"] is None) == (options["new_firm"] is None):
            raise InvalidInput("firm", options["firm"] or "", "one_of_firm_and_new_firm")
        url = _origin(options)
        user_id = person_with_email(email) or create_user(email=email, name=name)
        new = options["new_firm"]
        firm_id = int(options["firm"]) if new is None else create_firm(name=parse_text(new, "new-firm", max_length=120), now=now)
        with tenancy.firm(firm_id):
            add_member(user_id=user_id, role=role, actor=None, now=now)
        self.stdout.write(password_link(user_id, url))
        self.stderr.write(f"{email} is {role} in firm {firm_id}. The link sets their password; it works once, for a day.")

    def link(self, email: str, options: dict[str, Any], now: datetime) -> None:
        """Print the link."""
        self.stdout.write(password_link(_known(email), _origin(options)))

    def unfactor(self, email: str, options: dict[str, Any], now: datetime) -> None:
        """Take the second factor off."""
        user_id = _known(email)
        count = reset_second_factor(user_id=user_id, now=now, reason=parse_text(options["reason"], "reason"))
        self.stdout.write(f"{count} credentials of {email} are gone, in {len(firms_of(user_id))} firms' trails; their sessions have ended")

    def unlock(self, email: str, options: dict[str, Any], now: datetime) -> None:
        """End the lock-out."""
        self.stdout.write(f"{reset(username=email.lower())} attempts forgotten")


def _known(email: str) -> int:
    user_id = person_with_email(email)
    if user_id is None:
        raise InvalidInput("email", email, "known_person")
    return user_id


def _origin(options: dict[str, Any]) -> str:
    url = options["url"] or next(iter(settings.CSRF_TRUSTED_ORIGINS), "")
    if not url.startswith(("https://", "http://")):
        raise InvalidInput("url", url, "address_of_this_server")
    return str(url).rstrip("/")
