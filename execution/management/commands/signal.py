"""State a signal from the command line and release what it sizes to."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from allocation.core.signal_body import parse_signal
from base import tenancy
from base.clock import process_clock
from base.commands import HouseCommand, identifier
from base.core.validation import InvalidInput, InvalidInputs, parse_json
from base.errors import Refused
from execution.services.release import run_signal
from governance.queries import actor_for


class Command(HouseCommand):
    help = "Release one signal, stated as JSON (docs/api.md), in somebody's name. The same key again repeats the first answer."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "body", help='for example \'{"strategy": "CORE", "symbol": "XYZ", "method": "target_weight", "figure": "0.03"}\''
        )
        parser.add_argument("--firm", type=identifier, required=True, metavar="ID")
        parser.add_argument("--user", type=identifier, required=True, metavar="ID", help="who states it: a manager or trader of the firm")
        parser.add_argument("--key", required=True, help="idempotency key")

    def handle(self, *args: Any, **options: Any) -> None:
        now = process_clock().now()
        try:
            body = parse_signal(parse_json(options["body"].encode()), now=now)
            with tenancy.firm(options["firm"]):
                actor = actor_for(options["user"])
            facts = run_signal(firm_id=options["firm"], source="command", idempotency_key=options["key"], body=body, actor=actor, now=now)
        except (InvalidInput, InvalidInputs) as error:
            raise CommandError(str(error)) from error
        except Refused as error:
            raise CommandError(f"{error.code}: {error.message}") from error
        for text in facts.blocked:
            self.stderr.write(f"blocked: {text}")
        for text in facts.excluded:
            self.stdout.write(f"left out: {text}")
        self.stdout.write(f"journey {facts.journey_id}{' (released before)' if facts.repeated else ''}: {len(facts.parents)} parent orders")
        if facts.blocked:
            sys.exit(1)
