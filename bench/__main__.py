"""`make bench`: the performance goals, each against its floor or peer measured in the same run; a table, and bench/results.json.

`python -m bench [ID …]` measures only these rows. Correctness is inside the measured time: every rule, the statement, the audit trail and
firm isolation.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("MAMWEB_ENV", "bench")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mamweb.settings")

# Module → ids, in the order they are printed; each module has `rows() -> list[dict]`.
PARTS = {
    "release": ("P1.1", "P1.1k", "P1.10k", "P1b.10k"),
    "reconcile": ("P3",),
    "statements": ("P6.tables",),
    "live": ("P2.1", "P2.500", "P2b", "P8.web"),
    "dashboard": ("P7",),
    "memory": ("P8.engine",),
    "sizing": ("P9",),
    "ticket": ("P10",),
}
GOALS = {
    "P1.1": 12,
    "P1.1k": 5,
    "P1.10k": 5,
    "P1b.10k": 1.2,
    "P2.1": 7,
    "P2.500": 1.5,
    "P2b": 1.0,
    "P8.web": 1.0,
    "P3": 2.5,
    "P6.tables": 1.3,
    "P7": 1.3,
    "P8.engine": 1.0,
    "P9": 100,
    "P10": 1.5,
}
RESULTS = Path(__file__).parent / "results.json"


def main(wanted: list[str]) -> None:
    """Measure, print and keep the rows."""
    import django

    django.setup()
    from mamweb.services import attach_services
    from tests.database import cloned_database

    attach_services()
    rows: list[dict[str, Any]] = []
    for module, ids in PARTS.items():
        if wanted and not set(wanted) & set(ids):
            continue
        with cloned_database(f"bench_{module}_{os.getpid()}"):
            found = importlib.import_module(f"bench.{module}").rows()
        found = [row for row in found if not wanted or row["id"] in wanted]
        for row in found:
            _print(row)
        rows += found
    if not wanted:
        RESULTS.write_text(json.dumps({"rows": rows}, indent=1) + "\n")


def _print(row: dict[str, Any]) -> None:
    goal = GOALS[row["id"]]
    better = row["better"]
    met = row["ratio"] <= goal if better == "lower" else row["ratio"] >= goal
    sign = "≤" if better == "lower" else "≥"
    print(
        f"{row['id']:10} {row['ours_ms']:>10.1f} {row['floor_ms']:>10.1f} {row['ratio']:>8.2f}  goal {sign} {goal:<5} "
        f"{'met   ' if met else 'MISSED'} n={row['n']}  {row['what']}",
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure the performance goals; without ids all, kept in bench/results.json."
    )
    parser.add_argument("ids", nargs="*", metavar="ID", choices=[*GOALS, []], help="measure only these rows: " + " ".join(GOALS))
    wanted = parser.parse_args().ids
    print(f"{'id':10} {'ours ms':>10} {'floor ms':>10} {'ratio':>8}")
    main(wanted)
