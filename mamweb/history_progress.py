"""How far a trial firm's history has come, in a small file that the pages of the firm show.

Entry points: `Progress`, `read_progress`, `retell`, `lived_past`. Invariant: a reader finds a whole document, the one before or the one after.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Progress:
    """Writes {"firm", "done", "of", "day", "state", "message"}; state: running, done, failed."""

    path: Path | None
    firm_id: int = 0
    of: int = 0
    done: int = 0
    day: date | None = None

    def tell(self, state: str, message: str = "") -> None:
        """Write where the history stands."""
        if self.path is None:
            return
        document = {
            "firm": self.firm_id,
            "done": self.done,
            "of": self.of,
            "day": self.day.isoformat() if self.day else "",
            "state": state,
            "message": message,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(document))
        fresh.replace(self.path)


def retell(path: Path, state: str, message: str = "") -> None:
    """Write another state and message over the figures that stand."""
    known = read_progress(path)
    day = date.fromisoformat(known["day"]) if known.get("day") else None
    Progress(path, int(known.get("firm", 0)), int(known.get("of", 0)), int(known.get("done", 0)), day).tell(state, message)


def read_progress(path: Path) -> dict[str, Any]:
    """Return the document, or an empty one where there is none."""
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError):
        return {}


@dataclass(frozen=True, slots=True)
class LivedPast:
    """How far a firm's past has been lived. day: None before the first."""

    done: int
    of: int
    day: date | None


def lived_past(path: Path, firm_id: int) -> LivedPast | None:
    """Return how far this firm's history has come, while it is being lived."""
    known = read_progress(path)
    if known.get("state") != "running" or known.get("firm") != firm_id:
        return None
    return LivedPast(int(known["done"]), int(known["of"]), date.fromisoformat(known["day"]) if known["day"] else None)
