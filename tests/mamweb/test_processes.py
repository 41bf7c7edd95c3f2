"""The group: what ends is started again; work that is meant to end is not, unless it failed."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from mamweb import processes
from mamweb.processes import ProcessGroup

STAYS = [sys.executable, "-c", "import time; time.sleep(60)"]


def run(group: ProcessGroup, ended: list[bool]) -> None:
    deadline = time.monotonic() + 30
    group.watch(until=lambda: bool(ended) or time.monotonic() > deadline)


def test_work_that_ends_is_told_once_and_not_started_again(tmp_path: Path) -> None:
    told: list[str] = []
    ended: list[bool] = []
    group = ProcessGroup({"stays": STAYS}, tmp_path, told.append)
    group.start()
    group.add_once("work", [sys.executable, "-c", "print('done')"], ended.append)
    run(group, ended)
    assert ended == [True] and told == []
    assert (tmp_path / "work.log").read_text() == "done\n"


def test_work_that_fails_is_tried_again_and_then_given_up(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(processes, "RESTART_SECONDS", 0.05)
    ended: list[bool] = []
    group = ProcessGroup({}, tmp_path, lambda text: None)
    group.add_once("work", [sys.executable, "-c", "print('tried'); raise SystemExit(1)"], ended.append)
    run(group, ended)
    assert ended == [False]
    assert (tmp_path / "work.log").read_text() == "tried\n" * processes.TRIES
