"""How far a history has come, in a small file that a page can show.

Entry points: `Progress`, `read_progress`. Invariant: a reader finds a whole document, the one before or the one after.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Progress:
    """Writes {"done", "of", "day", "state", "message"}; state: running, stating, done, failed."""

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


def read_progress(path: Path) -> dict[str, Any]:
    """Return the document, or an empty one where there is none."""
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError):
        return {}
