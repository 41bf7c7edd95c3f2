"""Orders, executions and how they were shared out (`orders`), and the stops and targets that are watched (`levels`)."""

from .levels import LevelChangeRequest, ProtectiveLevel
from .orders import (
    AllocationNotice,
    Booking,
    ChildOrder,
    Execution,
    GatewayLease,
    OrderLifecycle,
    ParentOrder,
    Share,
    Slice,
)

__all__ = [
    "AllocationNotice",
    "Booking",
    "ChildOrder",
    "Execution",
    "GatewayLease",
    "LevelChangeRequest",
    "OrderLifecycle",
    "ParentOrder",
    "ProtectiveLevel",
    "Share",
    "Slice",
]
