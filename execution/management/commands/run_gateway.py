"""`manage.py run_gateway CODE --firm ID`: serve one broker connection until SIGTERM."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from accounts.queries import connection as broker_connection
from base import tenancy
from base.commands import HouseCommand, identifier
from base.errors import NotFound, Refused
from execution.gateways.registry import open_gateway
from execution.services.gateway_session import GatewaySession
from execution.services.lease import LeaseLost
from execution.services.serving import WakeUp, clock_for, serve


class Command(HouseCommand):
    help = "Serve one broker connection. Crash-only: kill it at any moment and start it again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("code", help="the connection's code")
        parser.add_argument("--firm", type=identifier, required=True, metavar="ID")

    def handle(self, *, code: str, firm: int, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        try:
            with tenancy.firm(firm):
                connection = broker_connection(code=code)
            if connection is None:
                raise NotFound("broker connection")
            gateway = open_gateway(connection.gateway, connection.settings)
            session = GatewaySession(firm, connection.id, gateway, clock_for(connection.settings, gateway))
            serve(session, should_stop=stop.is_set, wake_up=WakeUp())
        except LeaseLost as error:
            raise CommandError(f"{code}: {error.message}", returncode=3) from error
        except Refused as error:
            raise CommandError(f"{code}: {error.message}") from error
