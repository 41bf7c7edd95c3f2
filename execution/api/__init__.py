"""Release, orders, executions, journeys, kill switches and signed webhooks over HTTP."""

from .journeys import JourneyDetail
from .kill_switches import Flattening, KillSwitches, RearmConfirmation, RearmRequests
from .orders import ExecutionList, OrderCancel, OrderDetail, OrderList, ParentCancel, ParentDetail, ParentList, ParentReplace
from .release import SignalRelease
from .webhooks import SignedWebhook

__all__ = [
    "ExecutionList",
    "Flattening",
    "JourneyDetail",
    "KillSwitches",
    "OrderCancel",
    "OrderDetail",
    "OrderList",
    "ParentCancel",
    "ParentDetail",
    "ParentList",
    "ParentReplace",
    "RearmConfirmation",
    "RearmRequests",
    "SignalRelease",
    "SignedWebhook",
]
