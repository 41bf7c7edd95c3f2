"""Start everything for a trial on this machine, and say where it is."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import urllib.request
from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from base import tenancy
from base.clock import process_clock
from base.commands import BadArgument, HouseCommand, port, seconds
from governance import services as governance
from governance.enums import Role
from mamweb.assets import make_assets
from mamweb.embedded.locks import open_lock, take
from mamweb.processes import ProcessGroup
from mamweb.tour.firm import FIXED, LANES, build_firm
from market import services as market_services

SYMBOLS = ("XYZ", "ABC", "QRS", "BTCUSD", "ETHUSD", "EURUSD", "GBPUSD")
DAYS_AHEAD = 3


class Command(HouseCommand):
    help = "Start the private services, the web, worker, beat, paper venues and gateways as one group. Ctrl-C stops all of it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=port, default=8000, help="of the web process (default: %(default)s)")
        parser.add_argument("--seconds", type=seconds, default=0, help="stop by itself after this long (0: run until Ctrl-C)")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.MODE == "production":
            raise CommandError("demo: refused in production; it makes a firm and prints tokens")
        if not _is_free(options["port"]):
            raise BadArgument(f"--port {options['port']}: is taken, by another demo perhaps; stop that or name another port")
        folder = settings.VAR_DIR / "demo"
        folder.mkdir(parents=True, exist_ok=True)
        if not take(open_lock(folder / "lock")):  # held until this process ends: two would take each other's venues away
            raise CommandError(f"a demo runs already in {settings.VAR_DIR}; stop it first", returncode=2)
        started = time.monotonic()
        call_command("migrate", database="owner", verbosity=0)
        make_assets()
        symbols = self._load_market()
        facts = self._firm(folder / "firm.json", symbols)
        group = ProcessGroup(_commands(facts["firm"], options["port"]), folder / "log", lambda text: self.stderr.write(f"· {text}"))
        group.start()
        address = f"http://127.0.0.1:{options['port']}"
        _wait_for(f"{address}/healthz", group)
        self._print(address, facts, symbols, time.monotonic() - started)
        ends = time.monotonic() + options["seconds"] if options["seconds"] else None
        group.watch(until=lambda: ends is not None and time.monotonic() > ends)
        self.stdout.write("stopped")

    def _load_market(self) -> list[str]:
        """Store the built-in market from yesterday to the day after tomorrow; what trades now is told by its hours."""
        today = process_clock().now().date()
        days = [today + timedelta(days=n) for n in range(-1, DAYS_AHEAD)]
        loaded = market_services.load_generated(SYMBOLS, days=days)
        return sorted(loaded.instrument_ids)

    def _firm(self, path: Path, symbols: list[str]) -> dict[str, Any]:
        """Return the trial's firm and tokens; made on the first start, kept for the next ones."""
        if path.exists():
            return dict(json.loads(path.read_text()))
        now = process_clock().now()
        lanes = {lane: {"address": str(_socket(lane))} for lane in LANES}
        firm = build_firm(name=f"Demo firm {now:%Y-%m-%d %H:%M:%S}", people=FIXED, now=now, settings=lanes)
        tokens = {}
        with tenancy.firm(firm.firm_id):
            for role in Role:
                user_id = int(firm.actors[role.value].user_id)
                tokens[role.value] = governance.issue_token(user_id=user_id, label="demo", now=now, firm_id=firm.firm_id)
        facts = {"firm": firm.firm_id, "tokens": tokens}
        path.write_text(json.dumps(facts))
        path.chmod(0o600)
        return facts

    def _print(self, address: str, facts: dict[str, Any], symbols: list[str], seconds: float) -> None:
        self.stdout.write(f"\nmamweb is up after {seconds:.0f} s. Everything it trades is SIMULATED: {', '.join(symbols)}.")
        self.stdout.write(f"\n  API      {address}/api/v1/      description: {address}/api/v1/schema")
        for role, token in facts["tokens"].items():
            self.stdout.write(f"  {role.lower():11} Authorization: Token {token}")
        trader = facts["tokens"]["TRADER"]
        self.stdout.write(f"\n  Try:     curl -s -H 'Authorization: Token {trader}' {address}/api/v1/accounts")
        self.stdout.write("  Logs are in var/demo/log. Ctrl-C stops everything.\n")


def _commands(firm_id: int, port: int) -> dict[str, list[str]]:
    python, manage = sys.executable, [sys.executable, "manage.py"]
    firm = ["--firm", str(firm_id)]
    venues = {f"venue-{lane.lower()}": [*manage, "run_paper_venue", lane, *firm, "--days", str(DAYS_AHEAD)] for lane in LANES}
    return {
        **venues,
        "web": [python, "-m", "uvicorn", "mamweb.asgi:application", "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"],
        "worker": [python, "-m", "celery", "-A", "mamweb", "worker", "-l", "WARNING", "-c", "2"],
        "beat": [python, "-m", "celery", "-A", "mamweb", "beat", "-l", "WARNING"],
        "gateways": [*manage, "run_gateways", *firm],
    }


def _socket(lane: str) -> Path:
    return Path(f"/tmp/mamweb-{os.geteuid()}-demo-{lane.lower()}.sock")  # noqa: S108 - a Unix socket's path must be short


def _is_free(port: int) -> bool:
    """Return whether nobody listens on this machine's port."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _wait_for(address: str, group: ProcessGroup) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=2) as answer:  # noqa: S310 - our own address
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    group.stop()
    raise CommandError(f"the web process did not answer within 60 s; see {group.folder}/web.log")
