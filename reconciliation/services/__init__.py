"""Writes of reconciliation. Each runs inside the caller's tenancy block."""

from .blocking import BlockFacts, block_unresolved
from .due import reconcile_due
from .fetching import Fetched, fetch_reports
from .resolving import Resolution, UnableToResolve, assign_break, request_adjustment, request_waiver, resolve_break, waive_break
from .runs import RunFacts, UnableToReconcile, due_at_of, reconcile_custodian, reconcile_file
from .side_by_side import Line, side_by_side
from .snapshots import MAX_FILE_BYTES, Taken, UnableToTakeSnapshot, stored_snapshot, take_snapshot_from_file, take_snapshot_from_gateway

__all__ = [
    "MAX_FILE_BYTES",
    "BlockFacts",
    "Fetched",
    "Line",
    "Resolution",
    "RunFacts",
    "Taken",
    "UnableToReconcile",
    "UnableToResolve",
    "UnableToTakeSnapshot",
    "assign_break",
    "block_unresolved",
    "due_at_of",
    "fetch_reports",
    "reconcile_custodian",
    "reconcile_due",
    "reconcile_file",
    "request_adjustment",
    "request_waiver",
    "resolve_break",
    "side_by_side",
    "stored_snapshot",
    "take_snapshot_from_file",
    "take_snapshot_from_gateway",
    "waive_break",
]
