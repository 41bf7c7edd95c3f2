"""Reads of reconciliation. Each runs inside the caller's tenancy block."""

from .listing import BreakRow, RunRow, break_seen, breaks, runs
from .visible import open_break_count

__all__ = ["BreakRow", "RunRow", "break_seen", "breaks", "open_break_count", "runs"]
