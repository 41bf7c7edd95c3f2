"""What moves an order: release, claim, send, hear, recover, cancel, share out. One module a concept; the entry points are named here."""

from .booking import Finished, finish_parents
from .cancel import Canceled, cancel_killed, cancel_order, cancel_parent
from .drafting import UnableToRelease
from .gateway_session import Activity, GatewaySession
from .lease import LeaseHeld, LeaseLost
from .release import ReleaseFacts, continue_release, release, run_signal
from .replace import Replaced, UnableToReplace, replace_parent
from .slices import release_due_slices, release_held
from .unknowns import UnableToResolve, alarm_unanswered, resolve_as_absent, resolve_as_found

__all__ = [
    "Activity",
    "Canceled",
    "Finished",
    "GatewaySession",
    "LeaseHeld",
    "LeaseLost",
    "ReleaseFacts",
    "Replaced",
    "UnableToRelease",
    "UnableToReplace",
    "UnableToResolve",
    "alarm_unanswered",
    "cancel_killed",
    "cancel_order",
    "cancel_parent",
    "continue_release",
    "finish_parents",
    "release",
    "release_due_slices",
    "release_held",
    "replace_parent",
    "resolve_as_absent",
    "resolve_as_found",
    "run_signal",
]
