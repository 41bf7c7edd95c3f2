"""Live a trial firm's past: what `demo` runs in the background once the first screen is up."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from base.clock import process_clock
from base.commands import BadArgument, HouseCommand, count, identifier, iso_date
from mamweb.embedded.locks import open_lock, take
from mamweb.history import NORTHLIGHT, HistoryOptions, let_people_trade, live_history
from mamweb.history.statements import state_past
from mamweb.history_progress import retell

KINDLY = 5


class Command(HouseCommand):
    help = "Live the sessions of a trial firm up to a day, from where it stands; killed and started again it goes on. Not in production."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--firm", type=identifier, required=True, metavar="ID")
        parser.add_argument("--until", type=iso_date, required=True, metavar="DATE", help="its last session")
        parser.add_argument("--seed", type=int, default=1, help="of the story (default: %(default)s)")
        parser.add_argument("--sessions", type=count, metavar="N", help="live no more than this many now")
        parser.add_argument("--statements", action="store_true", help="make the monthly statements of what is lived instead")
        parser.add_argument("--progress", type=Path, metavar="FILE", help="where to say how far it is (default: var/demo/history.json)")

    def handle(self, *, firm: int, until: Any, seed: int, sessions: int | None, statements: bool, **options: Any) -> None:
        if settings.MODE == "production":
            raise CommandError("demo_history: refused in production; it trades on a clock of its own")
        folder = settings.VAR_DIR / "demo"
        folder.mkdir(parents=True, exist_ok=True)
        if not take(open_lock(folder / f"history-{firm}.lock")):
            raise CommandError(f"a history of firm {firm} is being lived already", returncode=2)
        path = options["progress"] or folder / "history.json"
        os.nice(KINDLY)  # pages first
        try:
            if statements:
                self._state(firm, until, path)
            else:
                self._live(firm, HistoryOptions(until, seed, path, sessions))
        except LookupError as error:
            raise BadArgument(f"--firm {firm}: {error.args[0]}") from error
        except Exception as error:
            retell(path, "failed", f"{type(error).__name__}: {error}"[:300])
            raise

    def _live(self, firm: int, options: HistoryOptions) -> None:
        walk = live_history(firm_id=firm, plan=NORTHLIGHT, options=options, tell=self.stdout.write)
        if walk is not None:
            self.stdout.write("seconds: " + ", ".join(f"{name} {spent:.1f}" for name, spent in walk.seconds.items()))
        if options.stop_after is None:
            let_people_trade(firm_id=firm, now=process_clock().now())
            if options.progress is not None:
                retell(options.progress, "done", "its statements are next")

    def _state(self, firm: int, until: Any, path: Path) -> None:
        def tell(done: int, months: int, problem: str) -> None:
            if problem:
                self.stderr.write(problem)
            retell(path, "done", f"statements of {done} of {months} months" if done < months else "")

        failed = state_past(firm_id=firm, plan=NORTHLIGHT, until=until, tell=tell)
        self.stdout.write(f"{failed} statements could not be made")
