"""Start everything for a trial on this machine, and say where it is."""

from __future__ import annotations

import os
import socket
import sys
import time
import urllib.request
from argparse import ArgumentParser
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from base import tenancy
from base.clock import process_clock
from base.commands import BadArgument, HouseCommand, count, port, seconds
from execution.queries.gateways import gateway_states
from governance import services as governance
from mamweb.assets import make_assets
from mamweb.embedded.locks import open_lock, take
from mamweb.history import let_people_trade
from mamweb.history.lanes import VENUE_DAYS
from mamweb.history.story import SYMBOLS
from mamweb.history.trial import PLANS, YEAR, Trial, trial_firms
from mamweb.history_progress import read_progress, retell
from mamweb.processes import ProcessGroup
from market import services as market_services

LOOK_EVERY, LONGEST_START = 2.0, 120.0


class Command(HouseCommand):
    help = "Start the private services, the web, worker, beat, paper venues and gateways as one group. Ctrl-C stops all of it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=port, default=8000, help="of the web process (default: %(default)s)")
        parser.add_argument("--seconds", type=seconds, default=0, help="stop by itself after this long (0: run until Ctrl-C)")
        past = parser.add_mutually_exclusive_group()
        past.add_argument(
            "--days", type=count, default=YEAR, metavar="N", help="sessions of history of the first firm (default: %(default)s)"
        )
        past.add_argument("--no-history", action="store_true", help="no past: the first firm trades at once, with cash alone")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.MODE == "production":
            raise CommandError("demo: refused in production; it makes firms and prints tokens")
        if not _is_free(options["port"]):
            raise BadArgument(f"--port {options['port']}: is taken, by another demo perhaps; stop that or name another port")
        folder = settings.VAR_DIR / "demo"
        folder.mkdir(parents=True, exist_ok=True)
        if not take(open_lock(folder / "lock")):  # held until this process ends: two would take each other's venues away
            raise CommandError(f"a demo runs already in {settings.VAR_DIR}; stop it first", returncode=2)
        started = time.monotonic()
        call_command("migrate", database="owner", verbosity=0)
        make_assets()
        group = ProcessGroup({"web": _web(options["port"])}, folder / "log", lambda text: self.stderr.write(f"· {text}"))
        group.start()  # while the firms are made: starting takes seconds
        sockets = {lane.code: str(_socket(lane.code)) for plan in PLANS for lane in plan.lanes}
        days = 0 if options["no_history"] else options["days"]
        trial = trial_firms(folder / "firm.json", now=process_clock().now(), days=days, sockets=sockets)
        address = f"http://127.0.0.1:{options['port']}"
        lives = _has_days_left(trial, folder / "history.json")
        with _Rest(trial.firms.values()) as rest:
            for name, command in _schedule().items():
                group.add(name, command)
            _wait_for(f"{address}/healthz", group)
            self._print(address, trial, time.monotonic() - started, lives=lives)
            self._load_market()
            for firm_id, plan in zip(trial.firms.values(), PLANS, strict=True):
                if firm_id != trial.firm or not lives:
                    _open(group, rest, firm_id, [lane.code for lane in plan.lanes])
            if lives:
                self._live(group, trial, folder / "history.json", rest)
            elif (said := read_progress(folder / "history.json")).get("state") == "done" and said["message"]:
                group.add_once("statements", [*_history(trial), "--statements"], lambda done: None)
            ends = time.monotonic() + options["seconds"] if options["seconds"] else None
            tell = _Tenths(folder / "history.json", lambda text: self.stderr.write(f"· {text}"))
            group.watch(until=lambda: rest.look() or tell.look() or (ends is not None and time.monotonic() > ends))
        self.stdout.write("stopped")

    def _load_market(self) -> None:
        """Store the built-in market from yesterday to the day after tomorrow; what trades now is told by its hours."""
        today = process_clock().now().date()
        market_services.load_generated(SYMBOLS, days=[today + timedelta(days=n) for n in range(-1, VENUE_DAYS)])

    def _live(self, group: ProcessGroup, trial: Trial, path: Path, rest: _Rest) -> None:
        """Live the first firm's past beside the running web; then its venues and gateways open, on the very same journals."""

        def lived(done: bool) -> None:
            if not done:
                retell(path, "failed", "see var/demo/log/history.log")
                let_people_trade(firm_id=trial.firm, now=process_clock().now())
            _open(group, rest, trial.firm, [lane.code for lane in PLANS[0].lanes])
            self.stderr.write(f"· the history {'is lived' if done else 'ended early'}: the first firm trades")
            if done:
                group.add_once("statements", [*_history(trial), "--statements"], lambda done: None)

        group.add_once("history", _history(trial), lived)

    def _print(self, address: str, trial: Trial, spent: float, *, lives: bool) -> None:
        self.stdout.write(f"\nmamweb is up after {spent:.0f} s. Everything it trades is SIMULATED: {', '.join(SYMBOLS)}.")
        self.stdout.write(f"\n  Web      {address}/      sign in with an address below and the password {trial.password}")
        for plan in PLANS:
            self.stdout.write(f"           {plan.name}")
            for login in trial.logins[plan.key]:
                self.stdout.write(f"             {login['role'].lower():11} {login['email']:34} {login['name']}")
        self.stdout.write(f"\n  API      {address}/api/v1/      description: {address}/api/v1/schema")
        for role, token in trial.tokens.items():
            self.stdout.write(f"  {role.lower():11} Authorization: Token {token}")
        trader = trial.tokens["TRADER"]
        self.stdout.write(f"\n  Try:     curl -s -H 'Authorization: Token {trader}' {address}/api/v1/accounts")
        if lives:
            self.stdout.write(
                f"\n  {PLANS[0].name} lives its past up to {trial.until} now, a few minutes; until then its people see and do not trade."
            )
            self.stdout.write("  How far it is: on each of its pages, and here.")
        self.stdout.write("  Logs are in var/demo/log. Ctrl-C stops everything.\n")


class _Tenths:
    """Tells each tenth of the history that has been lived."""

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        self._path, self._tell, self._told, self._looked = path, tell, 0, 0.0

    def look(self) -> bool:
        """Tell if it is time to; always False."""
        if time.monotonic() - self._looked > LOOK_EVERY:
            self._looked = time.monotonic()
            said = read_progress(self._path)
            tenth = 10 * int(said.get("done", 0)) // max(int(said.get("of", 0)), 1)
            if said.get("state") == "running" and tenth > self._told:
                self._told = tenth
                self._tell(f"the history is at {said['day']}: {said['done']} of {said['of']} sessions")
        return False


class _Rest:
    """Keeps scheduled work from firms whose gateways do not serve yet: it would take a start for a failure."""

    def __init__(self, firms: Iterable[int]) -> None:
        self._resting = {firm_id: ExitStack() for firm_id in firms}
        self._opened: dict[int, float] = {}
        self._looked = 0.0

    def __enter__(self) -> _Rest:
        for firm_id, stack in self._resting.items():
            stack.enter_context(governance.resting(firm_id))
        return self

    def __exit__(self, *error: object) -> None:
        for stack in self._resting.values():
            stack.close()

    def ends_when_served(self, firm_id: int) -> None:
        """Wake the firm once every gateway of it serves, or after LONGEST_START."""
        self._opened[firm_id] = time.monotonic()

    def look(self) -> bool:
        """Wake whom it is time to wake; always False."""
        if self._opened and time.monotonic() - self._looked > LOOK_EVERY:
            self._looked = time.monotonic()
            for firm_id, since in list(self._opened.items()):
                with tenancy.firm(firm_id):
                    is_served = all(state.is_alive for state in gateway_states())
                if is_served or self._looked - since > LONGEST_START:
                    self._resting.pop(firm_id).close()
                    del self._opened[firm_id]
        return False


def _has_days_left(trial: Trial, path: Path) -> bool:
    return bool(trial.until) and read_progress(path).get("state") not in {"done", "failed"}


def _web(port: int) -> list[str]:
    application = [sys.executable, "-m", "uvicorn", "mamweb.asgi:application"]
    sockets = ["--ws", "websockets-sansio", "--ws-per-message-deflate", "false"]  # a frame is written once, not packed for each socket
    return [*application, "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning", *sockets]


def _schedule() -> dict[str, list[str]]:
    celery = [sys.executable, "-m", "celery", "-A", "mamweb"]
    return {"worker": [*celery, "worker", "-l", "WARNING", "-c", "2"], "beat": [*celery, "beat", "-l", "WARNING"]}


def _history(trial: Trial) -> list[str]:
    return [sys.executable, "manage.py", "demo_history", "--firm", str(trial.firm), "--until", trial.until]


def _open(group: ProcessGroup, rest: _Rest, firm_id: int, lanes: list[str]) -> None:
    """Start a firm's venues and gateways: from now on it trades."""
    manage, firm = [sys.executable, "manage.py"], ["--firm", str(firm_id)]
    for lane in lanes:
        group.add(f"venue-{lane.lower()}", [*manage, "run_paper_venue", lane, *firm, "--days", str(VENUE_DAYS)])
    group.add(f"gateways-{firm_id}", [*manage, "run_gateways", *firm])
    rest.ends_when_served(firm_id)


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
