"""Writes of reconciliation. Each runs inside the caller's tenancy block."""

from .blocking import BlockFacts, block_unresolved
from .resolving import Resolution, UnableToResolve, assign_break, request_adjustment, request_waiver, resolve_break, waive_break
from .runs import RunFacts, UnableToReconcile, due_at_of, reconcile_custodian
from .snapshots import Taken, UnableToTakeSnapshot, stored_snapshot, take_snapshot_from_file, take_snapshot_from_gateway

__all__ = [
    "BlockFacts",
    "Resolution",
    "RunFacts",
    "Taken",
    "UnableToReconcile",
    "UnableToResolve",
    "UnableToTakeSnapshot",
    "assign_break",
    "block_unresolved",
    "due_at_of",
    "reconcile_custodian",
    "request_adjustment",
    "request_waiver",
    "resolve_break",
    "stored_snapshot",
    "take_snapshot_from_file",
    "take_snapshot_from_gateway",
    "waive_break",
]
