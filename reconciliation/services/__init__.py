"""Writes of reconciliation. Each runs inside the caller's tenancy block."""

from .runs import RunFacts, UnableToReconcile, due_at_of, reconcile_custodian
from .snapshots import Taken, UnableToTakeSnapshot, stored_snapshot, take_snapshot_from_file, take_snapshot_from_gateway

__all__ = [
    "RunFacts",
    "Taken",
    "UnableToReconcile",
    "UnableToTakeSnapshot",
    "due_at_of",
    "reconcile_custodian",
    "stored_snapshot",
    "take_snapshot_from_file",
    "take_snapshot_from_gateway",
]
