"""P8.engine: peak memory of a process that sizes 10,000 accounts × 50 instruments and freezes the statement.

The kernel's high-water mark of the process's own memory; getrusage would also tell the parent's, from before the exec.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

CODE = """
from pathlib import Path
from bench.sizing import request
from allocation.core.sizing import size
from allocation.core.statement import statement_of
asked = request(10_000, 50)
found = size(asked)
statement_of(asked, found, currencies=("USD", "EUR", "GBP")[: len(asked.currency_exponent)], policy="PRO_RATA", price_scope="BLOCK", journey_id="bench").sha256
print(next(int(line.split()[1]) / 1024 for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""
GOAL_MB = 150.0


def rows() -> list[dict[str, Any]]:
    """Return the row; "ms" columns hold megabytes here, the floor is the goal."""
    found = sorted(float(subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True).stdout) for _ in range(5))
    peak = found[2]
    what = "peak MB of sizing 10,000 × 50 with its statement, every rule's result kept; floor = the goal of 150 MB"
    return [{"id": "P8.engine", "what": what, "ours_ms": peak, "floor_ms": GOAL_MB, "ratio": peak / GOAL_MB, "better": "lower", "n": 5}]
