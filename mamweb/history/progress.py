"""How far a history has come, in a small file that a page can show.

Entry points: `Progress`, `read_progress`, `retell`. Invariant: a reader finds a whole document, the one before or the one after.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Progress:
    """Writes {"done", "of", "day", "state", "message"}; state: running, done, failed."""

    path: Path | None
    of: int = 0
    done: int = 0
    day: date | None = None

    def tell(self, state: str, message: str = "") -> None:
        """Write where the history stands."""
        if self.path is None:
            return
        document = {
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
    Progress(path, int(known.get("of", 0)), int(known.get("done", 0)), day).tell(state, message)


def read_progress(path: Path) -> dict[str, Any]:
    """Return the document, or an empty one where there is none."""
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError):
        return {}
