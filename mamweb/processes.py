"""One tidy group of processes: all start together, a crashed one is started again and said so, and all end together.

Work that ends (`add_once`) is started again while it fails, a few times, and its end is told to whoever asked for it.

Entry point: `ProcessGroup`. Children die with this process, however it ends (PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .embedded.supervisor import dies_with_parent

GRACE_SECONDS = 10.0
RESTART_SECONDS = 1.0
TRIES = 4


@dataclass
class _Once:
    """Work that ends. ended: hears whether it was done; failures so far."""

    ended: Callable[[bool], None]
    failures: int = 0


@dataclass
class ProcessGroup:
    """commands: name → argument list. Each writes to `folder`/NAME.log."""

    commands: Mapping[str, Sequence[str]]
    folder: Path
    tell: Callable[[str], None]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _arguments: dict[str, Sequence[str]] = field(default_factory=dict)
    _once: dict[str, _Once] = field(default_factory=dict)

    def start(self) -> None:
        """Start everything."""
        for name, arguments in self.commands.items():
            self.add(name, arguments)

    def add(self, name: str, arguments: Sequence[str]) -> None:
        """Start one more, and keep it running."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._arguments[name] = arguments
        self._start(name)

    def add_once(self, name: str, arguments: Sequence[str], ended: Callable[[bool], None]) -> None:
        """Start work that ends by itself. `ended` hears of its success, or that it failed TRIES times; while `watch` runs."""
        self._once[name] = _Once(ended)
        self.add(name, arguments)

    def watch(self, until: Callable[[], bool] = lambda: False) -> None:
        """Restart what dies until `until` says so or Ctrl-C comes; then stop everything."""
        stopping: list[int] = []
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda got, _: stopping.append(got))
        while not stopping and not until():
            time.sleep(0.2)
            for name, process in list(self.running.items()):
                if stopping or process.poll() is None or self._has_ended(name, process.returncode):
                    continue
                self.tell(f"{name} ended with {process.returncode}, starting it again (see {self.folder / name}.log)")
                time.sleep(RESTART_SECONDS)
                self._start(name)
        self.stop()

    def _has_ended(self, name: str, status: int) -> bool:
        """Return whether this was work that is over: done, or given up."""
        once = self._once.get(name)
        if once is None:
            return False
        once.failures += status != 0
        if status != 0 and once.failures < TRIES:
            return False
        del self.running[name], self._once[name]
        once.ended(status == 0)
        return True

    def stop(self) -> None:
        """Ask every process to end, and end those that do not within ten seconds."""
        for process in self.running.values():
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for process in self.running.values():
            try:
                process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                list(self._arguments[name]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ.copy(),
                start_new_session=True,
                preexec_fn=dies_with_parent(signal.SIGTERM),
            )
