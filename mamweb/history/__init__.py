"""The trial firms, and the year the first of them has behind it: lived through the product itself, on a virtual clock with simulated venues.

Entry points: `NORTHLIGHT`, `HARBOUR_LANE`, `TESSELLATE` (what the firms are), `build_firm` (set one up), `live_history` (walk its sessions).
Nothing is inserted beside the services: signals are sized, judged, frozen, ordered, filled, booked, reconciled and stated as on any day.
"""

from .build import Built, Login, build_firm, let_people_trade
from .northlight import NORTHLIGHT
from .plans import HARBOUR_LANE, TESSELLATE, FirmPlan
from .walk import HistoryOptions, live_history

__all__ = [
    "HARBOUR_LANE",
    "NORTHLIGHT",
    "TESSELLATE",
    "Built",
    "FirmPlan",
    "HistoryOptions",
    "Login",
    "build_firm",
    "let_people_trade",
    "live_history",
]
