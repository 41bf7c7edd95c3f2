"""Reads of risk. Each runs inside the caller's tenancy block and takes `now`.

Entry points: `limits_in_force`, `exposure_by_instrument`, `firm_day_loss`, `preview_gate_one`, `preview_gate_two`, `gate_decisions`, `limit_alerts`.
"""

from .books import average_daily_volumes
from .decisions import DecisionFacts, LimitAlertFacts, gate_decisions, limit_alerts
from .firm import FirmExposure, InstrumentExposure, exposure_by_instrument
from .gate_one import GateOneView, ParentFacts, preview_gate_one
from .gate_two import preview_gate_two
from .limits import LimitFacts, firm_limits, limits_in_force
from .loss import firm_day_loss
from .rows import Gate2Order, Gate2Rows, GateTwoAnswer

__all__ = [
    "DecisionFacts",
    "FirmExposure",
    "Gate2Order",
    "Gate2Rows",
    "GateOneView",
    "GateTwoAnswer",
    "InstrumentExposure",
    "LimitAlertFacts",
    "LimitFacts",
    "ParentFacts",
    "average_daily_volumes",
    "exposure_by_instrument",
    "firm_day_loss",
    "firm_limits",
    "gate_decisions",
    "limit_alerts",
    "limits_in_force",
    "preview_gate_one",
    "preview_gate_two",
]
