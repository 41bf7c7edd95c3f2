"""Reads of reconciliation. Each runs inside the caller's tenancy block."""

from .listing import BreakRow, RunRow, break_counts, break_seen, breaks, runs

__all__ = ["BreakRow", "RunRow", "break_counts", "break_seen", "breaks", "runs"]
